//! XML types as text, as `toString` of Yjs' XML types has them.
//!
//! Knows Yjs' rules down to how JavaScript turns a value into text, because an attribute may hold any. The rule: nothing is
//! escaped, because Yjs escapes nothing; whoever shows this as HTML has to take that into account.

use std::fmt::Write;

use yrs::branch::BranchPtr;
use yrs::types::text::YChange;
use yrs::types::{Attrs, TypeRef};
use yrs::{Any, GetString, Number, Out, ReadTxn, Text, TextRef};

use super::json::{MAX_DEPTH, too_deep};
use super::numbers;
use super::roots::{keys, values};

/// The text so far.
pub struct Xml<'a, T> {
    txn: &'a T,
    /// What was written.
    pub text: String,
}

impl<'a, T: ReadTxn> Xml<'a, T> {
    /// Nothing yet.
    pub fn new(txn: &'a T) -> Self {
        Self {
            txn,
            text: String::new(),
        }
    }

    /// Appends all children of a fragment or an element; they stand at `depth`.
    ///
    /// # Errors
    /// With a sentence when they nest too deep or can't be read.
    pub fn children(&mut self, of: BranchPtr, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        for child in values(&of, self.txn)? {
            self.node(&child, depth)?;
        }
        Ok(())
    }

    /// Appends one node, or whatever stands in its place.
    ///
    /// # Errors
    /// With a sentence when it nests too deep or can't be read.
    pub fn node(&mut self, node: &Out, depth: usize) -> Result<(), String> {
        let branch = node.try_branch().map(BranchPtr::from);
        match (node, branch) {
            (Out::YXmlElement(_), Some(element)) => self.element(element, depth),
            (Out::YXmlText(_), Some(text)) => self.pieces(text, depth),
            (Out::YXmlFragment(_), Some(fragment)) => self.children(fragment, depth + 1),
            (Out::YText(text), _) => {
                self.text += &text.get_string(self.txn);
                Ok(())
            }
            (Out::Any(any), _) => {
                self.text += &text_of(any);
                Ok(())
            }
            _ => {
                self.text += OBJECT;
                Ok(())
            }
        }
    }

    fn element(&mut self, element: BranchPtr, depth: usize) -> Result<(), String> {
        let tag = match element.type_ref() {
            TypeRef::XmlElement(tag) => tag.to_lowercase(),
            _ => String::new(),
        };
        let mut attributes = keys(&element, self.txn);
        attributes.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        write!(self.text, "<{tag}").expect("a string takes everything");
        for (key, value) in &attributes {
            write!(self.text, " {key}=\"").expect("a string takes everything");
            self.node(value, depth)?;
            self.text.push('"');
        }
        self.text.push('>');
        self.children(element, depth + 1)?;
        write!(self.text, "</{tag}>").expect("a string takes everything");
        Ok(())
    }

    /// A text with its marks as elements.
    fn pieces(&mut self, text: BranchPtr, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        for piece in TextRef::from(text).diff(self.txn, YChange::identity) {
            let marks = marks(piece.attributes.as_deref());
            for (name, attributes) in &marks {
                write!(self.text, "<{name}").expect("a string takes everything");
                for (key, value) in attributes {
                    write!(self.text, " {key}=\"{value}\"").expect("a string takes everything");
                }
                self.text.push('>');
            }
            self.node(&piece.insert, depth + 1)?;
            for (name, _) in marks.iter().rev() {
                write!(self.text, "</{name}>").expect("a string takes everything");
            }
        }
        Ok(())
    }
}

const OBJECT: &str = "[object Object]";

/// Marks in the order in which they are nested, each with its attributes.
fn marks(marks: Option<&Attrs>) -> Vec<(&str, Vec<(String, String)>)> {
    let mut marks: Vec<_> = marks
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_ref(), enumerated(value)))
        .collect();
    marks.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    marks
}

/// What `for (const key in value)` goes over, in the order of the keys as text.
fn enumerated(value: &Any) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = match value {
        Any::Map(entries) => {
            let entry = |(key, value): (&String, &Any)| (key.clone(), text_of(value));
            entries.iter().map(entry).collect()
        }
        Any::Array(values) => {
            let entry = |(at, value): (usize, &Any)| (at.to_string(), text_of(value));
            values.iter().enumerate().map(entry).collect()
        }
        Any::String(text) => {
            let unit = |unit: u16| String::from_utf16_lossy(&[unit]);
            let units = text.encode_utf16().map(unit).enumerate();
            units.map(|(at, unit)| (at.to_string(), unit)).collect()
        }
        _ => Vec::new(),
    };
    entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    entries
}

/// As `String(value)` has it. Recurses as deep as yrs did to read the value.
fn text_of(value: &Any) -> String {
    match value {
        Any::Null => "null".to_owned(),
        Any::Undefined => "undefined".to_owned(),
        Any::Bool(value) => value.to_string(),
        Any::Number(Number::Int(value)) => value.to_string(),
        Any::Number(Number::Float(value)) => numbers::text(*value),
        Any::String(text) => text.to_string(),
        Any::Buffer(bytes) => joined(bytes.iter().map(u8::to_string)),
        Any::Array(values) => joined(values.iter().map(|value| match value {
            Any::Null | Any::Undefined => String::new(),
            value => text_of(value),
        })),
        Any::Map(_) => OBJECT.to_owned(),
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use yrs::{Doc, Transact, WriteTxn, Xml as _, XmlElementPrelim, XmlFragment, XmlTextPrelim};

    use super::*;

    #[test]
    fn elements_attributes_and_marks_are_written_as_in_yjs() {
        let doc = Doc::new();
        let mut txn = doc.transact_mut();
        let root = txn.get_or_insert_xml_fragment("x");
        let element = root.push_back(&mut txn, XmlElementPrelim::empty("orderedList"));
        element.insert_attribute(&mut txn, "start", 2);
        element.insert_attribute(&mut txn, "id", "a\"b");
        element.insert_attribute(
            &mut txn,
            "list",
            Any::Array(Arc::new([Any::Null, 1.5.into(), Any::Bool(true)])),
        );
        element.push_back(&mut txn, XmlElementPrelim::empty("p"));
        let text = root.push_back(&mut txn, XmlTextPrelim::new("abcd"));
        let link = Any::Map(Arc::new(HashMap::from([
            ("title".to_owned(), Any::Null),
            ("href".to_owned(), Any::from("u")),
        ])));
        text.format(&mut txn, 1, 2, [("link".into(), link)].into());
        text.format(&mut txn, 2, 1, [("bold".into(), Any::from("xy"))].into());
        let mut xml = Xml::new(&txn);
        let root: &yrs::branch::Branch = root.as_ref();
        xml.children(BranchPtr::from(root), 1).unwrap();
        let expected = "<orderedlist id=\"a\"b\" list=\",1.5,true\" start=\"2\"><p></p></orderedlist>\
                        a<link href=\"u\" title=\"null\">b</link>\
                        <bold 0=\"x\" 1=\"y\"><link href=\"u\" title=\"null\">c</link></bold>d";
        assert_eq!(xml.text, expected);
    }
}
