//! A value of a document, whether it is plain, JSON as text, or made of shared types.
//!
//! Knows how to look into each kind, not what is in it. The rule: nothing here recurses deeper than the limit, a list is
//! walked once, and what stands in the bytes of an update is unfolded only when it is asked for as a whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use scrible_wire::lift::{Lifted, lifted};
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Number, Out, TextRef, Transaction};

use crate::limits::Limits;
use crate::value::{Budget, Object, TooLarge, Value, update};

/// Where nodes come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    /// The transaction in which shared types are read; none for a file.
    pub(super) txn: Option<&'s Transaction<'s>>,
    /// The update that the document was lifted from; none where it holds the values itself.
    pub(super) update: Option<&'s [u8]>,
}

/// Nesting that JSON text can be read back from, whatever the limits say.
pub(crate) const MOST_NESTING: usize = 120;

/// A value of a document.
pub(super) enum Node<'d> {
    /// The bytes of an update begin with it.
    Held(&'d [u8]),
    /// Of an update that could not be lifted, or an embed.
    Plain(Any),
    Map(MapRef),
    List(ArrayRef),
    Text(TextRef),
    Json(Value<'d>),
    /// Shared types that hold no records: XML, sub-documents.
    Other,
}

/// A node as its children.
pub(super) enum Opened<'d> {
    List(Vec<Node<'d>>),
    Entries(Vec<(Cow<'d, str>, Node<'d>)>),
    Leaf,
}

/// A record as a value.
pub(crate) struct Unfolded<'d> {
    pub(crate) value: Value<'d>,
    /// Its bytes, where an update has it in one piece.
    pub(crate) bytes: Option<&'d [u8]>,
}

impl<'d> Source<'d> {
    /// A file, which has no shared types.
    pub(super) const FILE: Self = Self {
        txn: None,
        update: None,
    };

    pub(super) fn node(self, out: Out) -> Node<'d> {
        match out {
            Out::Any(any) => self.plain(any),
            Out::YMap(map) => Node::Map(map),
            Out::YArray(list) => Node::List(list),
            Out::YText(text) => Node::Text(text),
            _ => Node::Other,
        }
    }

    fn plain(self, any: Any) -> Node<'d> {
        let (Some(update), Any::Number(Number::Int(number))) = (self.update, &any) else {
            return Node::Plain(any);
        };
        match lifted(update, *number) {
            Some(Lifted::Value(bytes)) => Node::Held(bytes),
            Some(Lifted::Embed(json)) => Node::Plain(Any::from_json(json).unwrap_or(Any::Null)),
            None => Node::Other,
        }
    }

    fn text(self, text: &TextRef) -> Option<String> {
        self.txn.map(|txn| text.get_string(txn))
    }
}

impl<'d> Node<'d> {
    /// The children; text that is JSON of an object counts as that object.
    pub(super) fn open(self, source: Source<'d>) -> Opened<'d> {
        match (self, source.txn) {
            (Self::Held(bytes), _) => open_held(bytes),
            (Self::Plain(Any::Array(list)), _) => {
                Opened::List(list.iter().cloned().map(Self::Plain).collect())
            }
            (Self::Plain(Any::Map(map)), _) => {
                let map = Arc::unwrap_or_clone(map);
                sorted(map.into_iter().map(|(key, any)| (key, Self::Plain(any))))
            }
            (Self::Plain(Any::String(text)), _) => open_json(parse_owned(&text)),
            (Self::Map(map), Some(txn)) => sorted(
                map.iter(txn)
                    .map(|(key, out)| (key.to_owned(), source.node(out))),
            ),
            (Self::List(list), Some(txn)) => {
                Opened::List(list.iter(txn).map(|out| source.node(out)).collect())
            }
            (Self::Text(text), _) => {
                open_json(source.text(&text).and_then(|text| parse_owned(&text)))
            }
            (Self::Json(value), _) => open_json(match value {
                Value::Text(text) => parse_cow(&text),
                value => Some(value),
            }),
            _ => Opened::Leaf,
        }
    }

    /// Text that is JSON of an object, as that object; anything else as it is.
    pub(super) fn unwrapped(self) -> Self {
        let parsed = match &self {
            Self::Held(bytes) => update::text(bytes).and_then(parse),
            Self::Plain(Any::String(text)) => parse_owned(text),
            Self::Json(Value::Text(text)) => parse_cow(text),
            _ => None,
        };
        parsed.map_or(self, Self::Json)
    }

    /// The texts in fields of an object.
    pub(super) fn texts<const N: usize>(
        &self,
        names: [&str; N],
        source: Source<'d>,
    ) -> [Option<Cow<'d, str>>; N] {
        if let Self::Held(bytes) = self {
            let mut texts = [const { None }; N];
            for (key, value) in update::fields(bytes).into_iter().flatten() {
                if let Some(at) = names.iter().position(|name| *name == key) {
                    texts[at] = update::text(value).map(Cow::Borrowed);
                }
            }
            return texts;
        }
        names.map(|name| match self {
            // Without copying what lies around it.
            Self::Json(value) => value.get(name)?.to_text(),
            Self::Plain(Any::Map(map)) => match map.get(name)? {
                Any::String(text) => Some(Cow::Owned(text.to_string())),
                _ => None,
            },
            Self::Map(map) => match source.node(map.get(source.txn?, name)?) {
                Self::Held(bytes) => update::text(bytes).map(Cow::Borrowed),
                Self::Plain(Any::String(text)) => Some(Cow::Owned(text.to_string())),
                Self::Text(text) => source.text(&text).map(Cow::Owned),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether an object has a field.
    pub(super) fn has(&self, name: &str, source: Source<'d>) -> bool {
        match self {
            Self::Held(bytes) => {
                let mut fields = update::fields(bytes).into_iter().flatten();
                fields.any(|(key, _)| key == name)
            }
            Self::Json(value) => value.get(name).is_some(),
            Self::Plain(Any::Map(map)) => map.contains_key(name),
            Self::Map(map) => source.txn.is_some_and(|txn| map.contains_key(txn, name)),
            _ => false,
        }
    }

    /// One child of an object.
    pub(super) fn child(self, name: &str, source: Source<'d>) -> Option<Self> {
        match self {
            Self::Held(bytes) => {
                let fields = update::fields(bytes)?;
                let same = fields.filter(|(key, _)| *key == name);
                same.last().map(|(_, value)| Self::Held(value))
            }
            Self::Json(Value::Object(mut object)) => object.remove(name).map(Self::Json),
            Self::Plain(Any::Map(map)) => map.get(name).cloned().map(Self::Plain),
            Self::Map(map) => map.get(source.txn?, name).map(|out| source.node(out)),
            _ => None,
        }
    }

    /// The whole as a value. Numbers that are not finite become null and undefined fields vanish, as when a browser writes
    /// JSON; the fields of what was a map in Yjs are sorted, for Yjs keeps no order.
    pub(super) fn unfold(
        self,
        source: Source<'d>,
        limits: &Limits,
    ) -> Result<Unfolded<'d>, TooLarge> {
        let mut budget = Budget(limits.record_bytes);
        let nesting = limits.nesting.min(MOST_NESTING);
        let (value, bytes) = match self {
            Self::Held(bytes) => {
                let read = update::read(bytes, &mut budget, nesting)?;
                (read.value, Some(read.bytes))
            }
            node => (node.spend(source, &mut budget, nesting)?, None),
        };
        Ok(Unfolded {
            value: value.unwrap_or(Value::Null),
            bytes,
        })
    }

    /// `None` is JavaScript's undefined.
    fn spend(
        self,
        source: Source<'d>,
        budget: &mut Budget,
        nesting: usize,
    ) -> Result<Option<Value<'d>>, TooLarge> {
        let inner = || nesting.checked_sub(1).ok_or(TooLarge);
        Ok(Some(match self {
            Self::Other => return Ok(None),
            Self::Held(bytes) => return Ok(update::read(bytes, budget, nesting)?.value),
            Self::Plain(any) => return plain(&any, budget, nesting),
            Self::Json(value) => {
                value.within(budget, nesting)?;
                value
            }
            Self::Text(text) => {
                let text = source.text(&text).unwrap_or_default();
                budget.take(text.len())?;
                Value::from(text)
            }
            Self::List(list) => {
                budget.take(0)?;
                let inner = inner()?;
                let nodes = source.txn.map(|txn| list.iter(txn)).into_iter().flatten();
                let values = nodes.map(|out| {
                    let value = source.node(out).spend(source, budget, inner)?;
                    Ok(value.unwrap_or(Value::Null))
                });
                Value::List(values.collect::<Result<_, TooLarge>>()?)
            }
            Self::Map(map) => {
                budget.take(0)?;
                let inner = inner()?;
                let nodes = source.txn.map(|txn| map.iter(txn)).into_iter().flatten();
                let mut fields = Vec::new();
                for (key, out) in nodes {
                    budget.take(key.len())?;
                    if let Some(value) = source.node(out).spend(source, budget, inner)? {
                        fields.push((Cow::Owned(key.to_owned()), value));
                    }
                }
                Value::Object(Object::sorted(fields))
            }
        }))
    }
}

/// A plain value that yrs unfolded. `None` is undefined.
fn plain<'d>(
    any: &Any,
    budget: &mut Budget,
    nesting: usize,
) -> Result<Option<Value<'d>>, TooLarge> {
    budget.take(0)?;
    let inner = || nesting.checked_sub(1).ok_or(TooLarge);
    Ok(Some(match any {
        Any::Undefined => return Ok(None),
        Any::Null | Any::Buffer(_) => Value::Null,
        Any::Bool(bool) => Value::Bool(*bool),
        Any::Number(Number::Int(number)) => Value::from(*number),
        Any::Number(Number::Float(number)) => Value::float(*number),
        Any::String(text) => {
            budget.take(text.len())?;
            Value::from(text.to_string())
        }
        Any::Array(list) => {
            let inner = inner()?;
            let values = list.iter().map(|any| {
                let value = plain(any, budget, inner)?;
                Ok(value.unwrap_or(Value::Null))
            });
            Value::List(values.collect::<Result<_, TooLarge>>()?)
        }
        Any::Map(map) => {
            let inner = inner()?;
            let mut fields = Vec::with_capacity(map.len());
            for (key, any) in map.iter() {
                budget.take(key.len())?;
                if let Some(value) = plain(any, budget, inner)? {
                    fields.push((Cow::Owned(key.clone()), value));
                }
            }
            Value::Object(Object::sorted(fields))
        }
    }))
}

fn open_held(bytes: &[u8]) -> Opened<'_> {
    if let Some(items) = update::items(bytes) {
        return Opened::List(items.map(Node::Held).collect());
    }
    if let Some(fields) = update::fields(bytes) {
        let last: HashMap<&str, &[u8]> = fields.collect();
        return sorted(
            last.into_iter()
                .map(|(key, value)| (key, Node::Held(value))),
        );
    }
    open_json(update::text(bytes).and_then(parse))
}

fn open_json(value: Option<Value<'_>>) -> Opened<'_> {
    match value {
        Some(Value::List(list)) => Opened::List(list.into_iter().map(Node::Json).collect()),
        Some(Value::Object(object)) => {
            let fields = object.into_fields().into_iter();
            Opened::Entries(fields.map(|(key, it)| (key, Node::Json(it))).collect())
        }
        _ => Opened::Leaf,
    }
}

fn sorted<'d, K: Into<Cow<'d, str>>>(entries: impl Iterator<Item = (K, Node<'d>)>) -> Opened<'d> {
    let mut entries: Vec<_> = entries.map(|(key, node)| (key.into(), node)).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Opened::Entries(entries)
}

/// An object out of JSON text.
fn parse(text: &str) -> Option<Value<'_>> {
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The same out of text that does not last.
fn parse_owned<'d>(text: &str) -> Option<Value<'d>> {
    parse(text).map(Value::into_owned)
}

fn parse_cow<'d>(text: &Cow<'d, str>) -> Option<Value<'d>> {
    match text {
        Cow::Borrowed(text) => parse(text),
        Cow::Owned(text) => parse_owned(text),
    }
}
