//! Numbers for content: equal ones for what shows the same, however it is written.
//!
//! Knows forms, not where they come from. The rule: two forms are the same bytes exactly if what they stand for shows the
//! same, so there is nothing to collide.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use scrible_wire::varint::write_var_bytes;
use yrs::Any;
use yrs::types::Attrs;

use super::value;

/// The number of everything that shows the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Class(u32);

/// Marks that stand on a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MarksId(u32);

/// Numbers what trees show. Trees that are compared share one.
#[derive(Debug)]
pub(super) struct Classes {
    known: HashMap<Vec<u8>, Class>,
    /// By a value's own bytes: most are the same in both docs, and need no second look.
    values: HashMap<Arc<[u8]>, Class>,
    count: u32,
    marks: Vec<Marks>,
    marks_known: HashMap<Vec<u8>, MarksId>,
}

/// Marks by name, with what to write for each.
pub(super) type Marks = BTreeMap<Arc<str>, (Class, Any)>;

impl Class {
    /// Appends it to a form.
    pub(super) fn write(self, form: &mut Vec<u8>) {
        form.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl MarksId {
    /// No marks at all.
    pub(super) const NONE: MarksId = MarksId(0);

    /// Appends it to a form.
    pub(super) fn write(self, form: &mut Vec<u8>) {
        form.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Classes {
    pub(super) fn new() -> Self {
        Classes {
            known: HashMap::new(),
            values: HashMap::new(),
            count: 0,
            marks: vec![Marks::new()],
            marks_known: HashMap::from([(Vec::new(), MarksId::NONE)]),
        }
    }

    /// The class of what has this form, which begins with a byte of its own for each sort of thing.
    pub(super) fn of(&mut self, form: Vec<u8>) -> Class {
        *self.known.entry(form).or_insert_with(|| {
            self.count += 1;
            Class(self.count)
        })
    }

    /// The class of a value, if it can be read.
    pub(super) fn value(&mut self, bytes: &Arc<[u8]>) -> Option<Class> {
        if let Some(class) = self.values.get(bytes) {
            return Some(*class);
        }
        // Values begin with a tag from 116 on, everything else with a letter before that.
        let class = self.of(value::form(bytes).ok()?);
        self.values.insert(bytes.clone(), class);
        Some(class)
    }

    /// The class of something that is like nothing else.
    pub(super) fn unique(&mut self) -> Class {
        self.count += 1;
        Class(self.count)
    }

    /// The marks of that number.
    pub(super) fn marks(&self, id: MarksId) -> &Marks {
        &self.marks[id.0 as usize]
    }

    /// Marks as yrs has them.
    pub(super) fn marks_of(&mut self, attrs: Option<Box<Attrs>>) -> MarksId {
        let Some(attrs) = attrs else {
            return MarksId::NONE;
        };
        let marks: Marks = attrs
            .into_iter()
            .map(|(name, mark)| (name, (self.json(&mark), mark)))
            .collect();
        let mut form = Vec::new();
        for (name, (class, _)) in &marks {
            write_var_bytes(&mut form, name.as_bytes());
            class.write(&mut form);
        }
        *self.marks_known.entry(form).or_insert_with(|| {
            self.marks.push(marks);
            MarksId(self.marks.len() as u32 - 1)
        })
    }

    /// The class of a sealed embed or mark.
    pub(super) fn json(&mut self, sealed: &Any) -> Class {
        let mut form = vec![b'j'];
        let text = match sealed {
            Any::Array(inner) => match &inner[..] {
                [Any::String(text)] => text,
                _ => return self.unique(),
            },
            _ => return self.unique(),
        };
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(mut value) => {
                value.sort_all_objects();
                form.extend_from_slice(value.to_string().as_bytes());
            }
            Err(_) => form.extend_from_slice(text.as_bytes()),
        }
        self.of(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(json: &str) -> Any {
        Any::from(vec![Any::from(json)])
    }

    #[test]
    fn marks_are_equal_by_what_they_say() {
        let mut classes = Classes::new();
        let mut marks = |marks: &[(&str, &str)]| {
            let mark = |(name, json): &(&str, &str)| (Arc::from(*name), sealed(json));
            classes.marks_of(Some(Box::new(marks.iter().map(mark).collect())))
        };
        let link = marks(&[("link", r##"{"href":"#","rel":null}"##), ("bold", "true")]);
        let same = marks(&[("bold", "true"), ("link", r##"{"rel":null,"href":"#"}"##)]);
        assert_eq!(link, same);
        assert_ne!(link, marks(&[("bold", "true")]));
        assert_ne!(marks(&[("bold", "true")]), marks(&[("em", "true")]));
        assert_eq!(marks(&[]), MarksId::NONE);
        assert_eq!(classes.marks(link).len(), 2);
    }
}
