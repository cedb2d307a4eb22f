//! A doc as JSON, as `JSON.stringify` of Yjs' own `toJSON` would have it.
//!
//! Runs in the child. Roots show what [`shape`] makes of them, and are left out when they show nothing. What JSON has no
//! words for: bytes become base64 text (Yjs hands out the array itself), a sub-document `{"guid": …}` without its content.
//! The rule: depth and size of the outcome are bounded, because a doc bounds neither.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use yrs::branch::BranchPtr;
use yrs::{Any, GetString, Number, Out, ReadTxn, TextRef, Transact};

use super::numbers;
use super::open::{Opened, Values, open};
use super::roots::{Kind, keys, roots, shape, values};
use super::xml::Xml;

/// How deep shared types and values may nest in each other.
pub const MAX_DEPTH: usize = 1_000;

/// The doc that `updates` make when they are applied in this order: `{"<root>": value, …}`, of at most `max_bytes`.
///
/// # Errors
/// With a sentence when the updates can't be applied, or when there is too much of it or it is too deep.
pub fn json(updates: &[Bytes], max_bytes: usize) -> Result<Bytes, String> {
    let Opened { doc, .. } = open(updates, Values::Open)?;
    let txn = doc.transact();
    let mut out = Bounded {
        bytes: Vec::new(),
        max: max_bytes,
    };
    Document(&txn)
        .serialize(&mut serde_json::Serializer::new(&mut out))
        .map_err(|error| error.to_string())?;
    Ok(out.bytes.into())
}

/// What is refused where something nests too deep.
pub fn too_deep() -> String {
    format!("it nests deeper than {MAX_DEPTH} levels")
}

struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max - self.bytes.len() {
            let max = self.max;
            return Err(io::Error::other(format!(
                "its JSON takes more than {max} bytes"
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Document<'a, T>(&'a T);

impl<T: ReadTxn> Serialize for Document<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let txn = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, root) in roots(txn) {
            if let Some(kind) = shape(&root, txn).map_err(S::Error::custom)?.kind() {
                let shared = Shared {
                    branch: root,
                    kind,
                    txn,
                    depth: 1,
                };
                map.serialize_entry(&name, &shared)?;
            }
        }
        map.end()
    }
}

/// A shared type of a known kind.
struct Shared<'a, T> {
    branch: BranchPtr,
    kind: Kind,
    txn: &'a T,
    depth: usize,
}

impl<T: ReadTxn> Serialize for Shared<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (branch, txn) = (self.branch, self.txn);
        let depth = deeper(self.depth)?;
        let value = |out| Value { out, txn, depth };
        match self.kind {
            Kind::Map => {
                let mut map = serializer.serialize_map(None)?;
                for (key, out) in &keys(&branch, txn) {
                    if !matches!(out, Out::Any(Any::Undefined)) {
                        map.serialize_entry(key, &value(out))?;
                    }
                }
                map.end()
            }
            Kind::Array => {
                let values = values(&branch, txn).map_err(S::Error::custom)?;
                let mut array = serializer.serialize_seq(Some(values.len()))?;
                for out in &values {
                    array.serialize_element(&value(out))?;
                }
                array.end()
            }
            Kind::Text => serializer.serialize_str(&TextRef::from(branch).get_string(txn)),
            Kind::Xml => {
                let mut xml = Xml::new(txn);
                xml.children(branch, depth).map_err(S::Error::custom)?;
                serializer.serialize_str(&xml.text)
            }
        }
    }
}

/// Anything that stands in a shared type.
struct Value<'a, T> {
    out: &'a Out,
    txn: &'a T,
    depth: usize,
}

impl<T: ReadTxn> Serialize for Value<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (txn, depth) = (self.txn, self.depth);
        let shared = |kind, branch| Shared {
            branch,
            kind,
            txn,
            depth,
        };
        let kind = match self.out {
            Out::Any(any) => return Plain { any, depth }.serialize(serializer),
            Out::YDoc(doc) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("guid", doc.guid().as_ref())?;
                return map.end();
            }
            Out::YMap(_) => Kind::Map,
            Out::YArray(_) => Kind::Array,
            Out::YText(_) => Kind::Text,
            Out::YXmlFragment(_) => Kind::Xml,
            Out::YXmlElement(_) | Out::YXmlText(_) => {
                let mut xml = Xml::new(txn);
                xml.node(self.out, depth).map_err(S::Error::custom)?;
                return serializer.serialize_str(&xml.text);
            }
            Out::UndefinedRef(_) => return serializer.serialize_unit(),
        };
        match self.out.try_branch() {
            Some(branch) => shared(kind, BranchPtr::from(branch)).serialize(serializer),
            None => serializer.serialize_unit(),
        }
    }
}

/// A value without shared types in it.
struct Plain<'a> {
    any: &'a Any,
    depth: usize,
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.any {
            Any::Null | Any::Undefined => serializer.serialize_unit(),
            Any::Bool(value) => serializer.serialize_bool(*value),
            Any::Number(Number::Int(value)) => serializer.serialize_i64(*value),
            Any::Number(Number::Float(value)) => match numbers::whole(*value) {
                Some(whole) => serializer.serialize_i64(whole),
                // Whatever is not finite becomes null here, too.
                None => serializer.serialize_f64(*value),
            },
            Any::String(text) => serializer.serialize_str(text),
            Any::Buffer(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
            Any::Array(values) => {
                let depth = deeper(self.depth)?;
                let mut array = serializer.serialize_seq(Some(values.len()))?;
                for any in values.iter() {
                    array.serialize_element(&Plain { any, depth })?;
                }
                array.end()
            }
            Any::Map(entries) => {
                let depth = deeper(self.depth)?;
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                let mut map = serializer.serialize_map(None)?;
                for (key, any) in entries {
                    if !matches!(any, Any::Undefined) {
                        map.serialize_entry(key, &Plain { any, depth })?;
                    }
                }
                map.end()
            }
        }
    }
}

fn deeper<E: Error>(depth: usize) -> Result<usize, E> {
    match depth {
        MAX_DEPTH.. => Err(E::custom(too_deep())),
        depth => Ok(depth + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use serde_json::json;
    use yrs::{
        Array, ArrayPrelim, Doc, In, Map, MapPrelim, StateVector, Text, TextPrelim, WriteTxn,
    };

    use super::*;

    fn shown(edit: impl FnOnce(&mut yrs::TransactionMut<'_>)) -> serde_json::Value {
        let doc = Doc::new();
        edit(&mut doc.transact_mut());
        let update = doc.transact().encode_diff_v1(&StateVector::default());
        serde_json::from_slice(&json(&[update.into()], 10_000).unwrap()).unwrap()
    }

    #[test]
    fn a_doc_shows_as_in_yjs() {
        let value = shown(|txn| {
            let map = txn.get_or_insert_map("map");
            map.insert(txn, "n", 1.0);
            map.insert(txn, "f", 0.1);
            map.insert(txn, "nan", f64::NAN);
            map.insert(txn, "big", 1e300);
            map.insert(txn, "undefined", Any::Undefined);
            map.insert(txn, "bytes", Any::Buffer(Arc::new([1, 2, 255])));
            map.insert(
                txn,
                "plain",
                Any::Map(Arc::new(HashMap::from([
                    ("u".to_owned(), Any::Undefined),
                    (
                        "a".to_owned(),
                        Any::Array(Arc::new([Any::Undefined, Any::Null])),
                    ),
                ]))),
            );
            map.insert(txn, "text", TextPrelim::new("a\u{1F600}"));
            map.insert(
                txn,
                "doc",
                Doc::with_options(yrs::Options {
                    guid: "the-guid".into(),
                    ..Default::default()
                }),
            );
            let array = txn.get_or_insert_array("array");
            array.push_back(txn, Any::Undefined);
            array.push_back(
                txn,
                MapPrelim::from([("deep", In::from(ArrayPrelim::from([1])))]),
            );
            let text = txn.get_or_insert_text("text");
            text.insert(txn, 0, "abc");
            text.format(txn, 0, 1, [("bold".into(), true.into())].into());
            text.insert_embed(txn, 1, Any::Bool(true));
            txn.get_or_insert_array("empty");
        });
        let expected = json!({
            "array": [null, {"deep": [1]}],
            "map": {
                "big": 1e300, "bytes": "AQL/", "doc": {"guid": "the-guid"}, "f": 0.1, "n": 1, "nan": null,
                "plain": {"a": [null, null]}, "text": "a\u{1F600}",
            },
            "text": "abc",
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn too_deep_and_too_large_are_told() {
        let doc = Doc::new();
        {
            let mut txn = doc.transact_mut();
            let mut map = txn.get_or_insert_map("m");
            for _ in 0..MAX_DEPTH {
                map = map.insert(&mut txn, "m", MapPrelim::default());
            }
        }
        let update = Bytes::from(doc.transact().encode_diff_v1(&StateVector::default()));
        let error = json(std::slice::from_ref(&update), 100_000).unwrap_err();
        assert_eq!(error, "it nests deeper than 1000 levels");
        let error = json(&[update], 500).unwrap_err();
        assert_eq!(error, "its JSON takes more than 500 bytes");
    }
}
