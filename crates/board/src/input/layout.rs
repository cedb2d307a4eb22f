//! Which layout records are kept in, told from what is there.
//!
//! Knows the forms in which frontends keep records; no names of roots and no meaning of records. The rule: something counts as
//! a record by its `id` and `typeName` alone, so that whatever else stands beside records is passed over.

use std::borrow::Cow;
use std::collections::HashMap;

use super::node::{Node, Opened, Source};
use super::{Layout, RootSummary};
use crate::error::BoardError;
use crate::limits::Limits;

/// Objects inside objects in which a board is looked for: root, snapshot, document, store.
const MOST_LEVELS: usize = 4;

/// A board, its records not yet read.
pub(super) struct Found<'d> {
    pub(super) summary: RootSummary,
    pub(super) schema: Option<serde_json::Value>,
    pub(super) records: Vec<Record<'d>>,
}

/// What may be a record.
pub(super) struct Record<'d> {
    /// Where it stands: a key, an id or a position.
    pub(super) name: Cow<'d, str>,
    pub(super) kind: Kind,
    pub(super) node: Node<'d>,
}

/// What a record is of, as far as it matters before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shape,
    /// A person's session or presence.
    Session,
    Other,
}

/// The records of a person's session or presence, of all versions.
const SESSION: [&str; 7] = [
    "instance",
    "instance_page_state",
    "instance_presence",
    "camera",
    "pointer",
    "user_document",
    "user_presence",
];

/// The board in a root or file, if it is one.
pub(super) fn recognise<'d>(
    name: &str,
    node: Node<'d>,
    source: Source<'d>,
    limits: &Limits,
) -> Result<Option<Found<'d>>, BoardError> {
    let Some((layout, schema, records)) = look(node, source, MOST_LEVELS) else {
        return Ok(None);
    };
    let shapes = records.iter().filter(|record| record.kind == Kind::Shape);
    let shapes = shapes.count();
    // Session records count here too: a bound need not be exact, and they are few.
    if records.len() > limits.records {
        return Err(BoardError::TooManyRecords {
            limit: limits.records,
        });
    }
    let schema = schema.and_then(|schema| schema_of(schema, source, limits));
    Ok(Some(Found {
        summary: RootSummary {
            name: name.to_owned(),
            layout,
            shapes,
        },
        schema,
        records,
    }))
}

/// A schema out of a value or JSON text.
pub(super) fn schema_of<'d>(
    node: Node<'d>,
    source: Source<'d>,
    limits: &Limits,
) -> Option<serde_json::Value> {
    let schema = node.unwrapped().unfold(source, limits).ok()?.value;
    schema.get("schemaVersion")?;
    Some(schema.to_serde())
}

impl Kind {
    fn of(type_name: &str) -> Self {
        match type_name {
            "shape" => Self::Shape,
            name if SESSION.contains(&name) => Self::Session,
            _ => Self::Other,
        }
    }
}

type Looked<'d> = (Layout, Option<Node<'d>>, Vec<Record<'d>>);

fn look<'d>(node: Node<'d>, source: Source<'d>, levels: usize) -> Option<Looked<'d>> {
    let levels = levels.checked_sub(1)?;
    match node.open(source) {
        Opened::List(list) => of_list(list, source),
        Opened::Entries(entries) => of_entries(entries, source, levels),
        Opened::Leaf => None,
    }
}

/// `{key, val}` entries, or records as they are; the rightmost of a key or id counts.
///
/// Writers put a new version at the end and delete the old one, so after concurrent writes both are there and every editor
/// takes the one further right.
fn of_list<'d>(list: Vec<Node<'d>>, source: Source<'d>) -> Option<Looked<'d>> {
    let mut layout = None;
    let mut last: HashMap<Cow<'d, str>, usize> = HashMap::with_capacity(list.len());
    let mut records: Vec<Option<Record<'d>>> = Vec::with_capacity(list.len());
    for node in list {
        let node = node.unwrapped();
        let [id, type_name, key] = node.texts(["id", "typeName", "key"], source);
        let record = if let (Some(name), Some(type_name)) = (id, type_name) {
            layout = layout.or(Some(Layout::List));
            let kind = Kind::of(&type_name);
            Some(Record { name, kind, node })
        } else {
            let val = node.child("val", source);
            // A val that is text says nothing about how records are kept.
            if layout.is_none() && val.as_ref().is_some_and(|val| is_record(val, source)) {
                layout = Some(Layout::KeyValues);
            }
            key.zip(val).map(|(name, val)| {
                let node = val.unwrapped();
                let kind = kind(&node, source);
                Record { name, kind, node }
            })
        };
        if let Some(record) = record {
            if let Some(before) = last.insert(record.name.clone(), records.len()) {
                records[before] = None;
            }
            records.push(Some(record));
        }
    }
    let records = records.into_iter().flatten().collect();
    layout.map(|layout| (layout, None, records))
}

/// A snapshot, a file, or records by their ids; else whatever below is one of these.
fn of_entries<'d>(
    mut entries: Vec<(Cow<'d, str>, Node<'d>)>,
    source: Source<'d>,
    levels: usize,
) -> Option<Looked<'d>> {
    let mut take = |key: &str| {
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.swap_remove(at).1)
    };
    let schema = take("schema");
    for inner in ["store", "records", "document"] {
        if let Some(found) = take(inner).and_then(|node| look(node, source, levels)) {
            return Some(in_snapshot(found, schema));
        }
    }
    let mut records = Vec::new();
    let mut others = Vec::new();
    for (name, node) in entries {
        let node = node.unwrapped();
        if is_record(&node, source) {
            let kind = kind(&node, source);
            records.push(Record { name, kind, node });
        } else {
            others.push(node);
        }
    }
    if !records.is_empty() {
        return Some((Layout::Map, schema, records));
    }
    others
        .into_iter()
        .find_map(|node| look(node, source, levels))
}

fn is_record<'d>(node: &Node<'d>, source: Source<'d>) -> bool {
    let texts = node.texts(["id", "typeName"], source);
    texts.iter().all(Option::is_some)
}

fn kind<'d>(node: &Node<'d>, source: Source<'d>) -> Kind {
    let [type_name] = node.texts(["typeName"], source);
    type_name.map_or(Kind::Other, |type_name| Kind::of(&type_name))
}

/// What a snapshot holds; its own schema counts, or the one beside it.
fn in_snapshot<'d>((layout, own, records): Looked<'d>, schema: Option<Node<'d>>) -> Looked<'d> {
    let layout = match layout {
        Layout::Map => Layout::Snapshot,
        other => other,
    };
    (layout, own.or(schema), records)
}
