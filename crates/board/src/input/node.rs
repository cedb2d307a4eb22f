//! A value of a document, whether it is plain JSON, JSON as text, or made of shared types.
//!
//! Knows how to look into each kind, not what is in it. The rule: nothing here recurses deeper than the limit, and a list is
//! walked once.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Number as JsonNumber, Value};
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Number, Out, TextRef, Transaction};

use crate::limits::Limits;

/// The transaction in which shared types are read; none for a file.
pub(super) type Txn<'a, 'd> = Option<&'a Transaction<'d>>;

/// Nesting that JSON text can be read back from, whatever the limits say.
const MOST_NESTING: usize = 120;

/// A value of a document.
#[derive(Clone)]
pub(super) enum Node {
    Plain(Any),
    Map(MapRef),
    List(ArrayRef),
    Text(TextRef),
    Json(Value),
    /// Shared types that hold no records: XML, sub-documents.
    Other,
}

/// A node as its children.
pub(super) enum Opened {
    List(Vec<Node>),
    Entries(Vec<(String, Node)>),
    Leaf,
}

/// A record is larger or deeper than is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Node {
    pub(super) fn json(value: Value) -> Self {
        Self::Json(value)
    }

    pub(super) fn of(out: Out) -> Self {
        match out {
            Out::Any(any) => Self::Plain(any),
            Out::YMap(map) => Self::Map(map),
            Out::YArray(list) => Self::List(list),
            Out::YText(text) => Self::Text(text),
            _ => Self::Other,
        }
    }

    /// The children; text that is JSON of an object counts as that object.
    pub(super) fn open(self, txn: Txn<'_, '_>) -> Opened {
        match (self, txn) {
            (Self::Plain(Any::Array(list)), _) => {
                Opened::List(list.iter().cloned().map(Self::Plain).collect())
            }
            (Self::Plain(Any::Map(map)), _) => {
                let map = Arc::unwrap_or_clone(map);
                sorted(map.into_iter().map(|(key, any)| (key, Self::Plain(any))))
            }
            (Self::Plain(Any::String(text)), _) => Self::open_text(&text),
            (Self::Map(map), Some(txn)) => sorted(
                map.iter(txn)
                    .map(|(key, out)| (key.to_owned(), Self::of(out))),
            ),
            (Self::List(list), Some(txn)) => Opened::List(list.iter(txn).map(Self::of).collect()),
            (Self::Text(text), Some(txn)) => Self::open_text(&text.get_string(txn)),
            (Self::Json(Value::Array(list)), _) => {
                Opened::List(list.into_iter().map(Self::Json).collect())
            }
            (Self::Json(Value::Object(map)), _) => Opened::Entries(
                map.into_iter()
                    .map(|(key, it)| (key, Self::Json(it)))
                    .collect(),
            ),
            (Self::Json(Value::String(text)), _) => Self::open_text(&text),
            _ => Opened::Leaf,
        }
    }

    fn open_text(text: &str) -> Opened {
        match parse(text) {
            Some(value) => Self::Json(value).open(None),
            None => Opened::Leaf,
        }
    }

    /// Text that is JSON of an object, as that object; anything else as it is.
    pub(super) fn unwrapped(self) -> Self {
        let parsed = match &self {
            Self::Plain(Any::String(text)) => parse(text),
            Self::Json(Value::String(text)) => parse(text),
            _ => None,
        };
        parsed.map_or(self, Self::Json)
    }

    /// The text at the end of a path of keys.
    pub(super) fn text(&self, path: &[&str], txn: Txn<'_, '_>) -> Option<String> {
        let Some((key, rest)) = path.split_first() else {
            return match self {
                Self::Plain(Any::String(text)) => Some(text.to_string()),
                Self::Json(Value::String(text)) => Some(text.clone()),
                Self::Text(text) => txn.map(|txn| text.get_string(txn)),
                _ => None,
            };
        };
        match self {
            // Without copying what lies around it.
            Self::Json(value) => {
                let end = path.iter().try_fold(value, |value, key| value.get(key))?;
                end.as_str().map(str::to_owned)
            }
            Self::Plain(Any::Map(map)) => Self::Plain(map.get(*key)?.clone()).text(rest, txn),
            Self::Map(map) => txn
                .and_then(|txn| map.get(txn, key))
                .and_then(|out| Self::of(out).text(rest, txn)),
            _ => None,
        }
    }

    /// One child of an object.
    pub(super) fn child(self, key: &str, txn: Txn<'_, '_>) -> Option<Self> {
        match self {
            Self::Json(Value::Object(mut map)) => map.remove(key).map(Self::Json),
            Self::Plain(Any::Map(map)) => map.get(key).cloned().map(Self::Plain),
            Self::Map(map) => txn.and_then(|txn| map.get(txn, key)).map(Self::of),
            _ => None,
        }
    }

    /// The whole as JSON. Numbers that are not finite become null and undefined fields vanish, as when a browser writes
    /// JSON; the fields of what was a map in Yjs are sorted, for Yjs keeps no order.
    pub(super) fn into_value(self, txn: Txn<'_, '_>, limits: &Limits) -> Result<Value, TooLarge> {
        let mut budget = limits.record_bytes;
        let value = self.spend(txn, &mut budget, limits.nesting.min(MOST_NESTING))?;
        Ok(value.unwrap_or(Value::Null))
    }

    /// `None` is JavaScript's undefined.
    fn spend(
        self,
        txn: Txn<'_, '_>,
        budget: &mut usize,
        depth: usize,
    ) -> Result<Option<Value>, TooLarge> {
        let below = || depth.checked_sub(1).ok_or(TooLarge);
        Ok(Some(match self {
            Self::Other => return Ok(None),
            Self::Plain(any) => return plain(&any, budget, depth),
            Self::Text(text) => {
                let text = txn.map(|txn| text.get_string(txn)).unwrap_or_default();
                take(budget, text.len())?;
                Value::String(text)
            }
            Self::Json(Value::String(text)) => {
                take(budget, text.len())?;
                Value::String(text)
            }
            Self::Json(leaf @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                take(budget, 0)?;
                leaf
            }
            node => {
                take(budget, 0)?;
                let depth = below()?;
                match node.open(txn) {
                    Opened::List(list) => {
                        let values = list.into_iter().map(|node| {
                            let value = node.spend(txn, budget, depth)?;
                            Ok(value.unwrap_or(Value::Null))
                        });
                        Value::Array(values.collect::<Result<_, _>>()?)
                    }
                    Opened::Entries(entries) => {
                        let mut map = JsonMap::with_capacity(entries.len());
                        for (key, node) in entries {
                            take(budget, key.len())?;
                            if let Some(value) = node.spend(txn, budget, depth)? {
                                map.insert(key, value);
                            }
                        }
                        Value::Object(map)
                    }
                    Opened::Leaf => Value::Null,
                }
            }
        }))
    }
}

/// A plain value as JSON, without copying it first: most of a document is made of these. `None` is undefined.
fn plain(any: &Any, budget: &mut usize, depth: usize) -> Result<Option<Value>, TooLarge> {
    take(budget, 0)?;
    let below = || depth.checked_sub(1).ok_or(TooLarge);
    Ok(Some(match any {
        Any::Undefined => return Ok(None),
        Any::Null | Any::Buffer(_) => Value::Null,
        Any::Bool(it) => Value::Bool(*it),
        Any::Number(number) => json_number(*number),
        Any::String(text) => {
            take(budget, text.len())?;
            Value::String(text.to_string())
        }
        Any::Array(list) => {
            let depth = below()?;
            let values = list.iter().map(|any| {
                let value = plain(any, budget, depth)?;
                Ok(value.unwrap_or(Value::Null))
            });
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Any::Map(map) => {
            let depth = below()?;
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let mut object = JsonMap::with_capacity(entries.len());
            for (key, any) in entries {
                take(budget, key.len())?;
                if let Some(value) = plain(any, budget, depth)? {
                    object.insert(key.clone(), value);
                }
            }
            Value::Object(object)
        }
    }))
}

/// Takes the bytes of a value, and two for what stands around it.
fn take(budget: &mut usize, bytes: usize) -> Result<(), TooLarge> {
    *budget = budget.checked_sub(bytes + 2).ok_or(TooLarge)?;
    Ok(())
}

fn sorted(entries: impl Iterator<Item = (String, Node)>) -> Opened {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Opened::Entries(entries)
}

/// An object out of JSON text.
fn parse(text: &str) -> Option<Value> {
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Whole numbers stand without a fraction, as JavaScript writes them.
fn json_number(number: Number) -> Value {
    match number {
        Number::Int(whole) => whole.into(),
        Number::Float(float) if float.fract() == 0.0 && float.abs() < MOST_WHOLE => {
            (float as i64).into()
        }
        Number::Float(float) => JsonNumber::from_f64(float).map_or(Value::Null, Value::Number),
    }
}

/// 2^53: below it every whole number is exact in both kinds.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(any: Any) -> Result<Value, TooLarge> {
        let limits = Limits {
            record_bytes: 1_000,
            nesting: 5,
            ..Limits::default()
        };
        Node::Plain(any).into_value(None, &limits)
    }

    #[test]
    fn numbers_are_written_as_a_browser_does() {
        for (number, text) in [
            (Number::Float(100.0), "100"),
            (Number::Float(-0.0), "0"),
            (Number::Float(0.1), "0.1"),
            (Number::Float(1e300), "1e+300"),
            (Number::Float(f64::NAN), "null"),
            (Number::Float(f64::INFINITY), "null"),
            (Number::Int(-7), "-7"),
        ] {
            assert_eq!(value(Any::Number(number)).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_refused() {
        let nested = |deep: usize| (0..deep).fold(Any::Null, |any, _| Any::from(vec![any]));
        assert!(value(nested(5)).is_ok());
        assert_eq!(value(nested(6)), Err(TooLarge));
        assert_eq!(value(Any::from("x".repeat(2_000))), Err(TooLarge));
        assert_eq!(value(Any::from(vec![Any::Null; 600])), Err(TooLarge));
    }
}
