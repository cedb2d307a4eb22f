//! Which layout records are kept in, told from what is there.
//!
//! Knows the forms in which frontends keep records; no names of roots and no meaning of records. The rule: something counts as
//! a record by its `id` and `typeName` alone, so that whatever else stands beside records is passed over.

use std::collections::HashMap;

use serde_json::Value;

use super::node::{Node, Opened, Txn};
use super::{Layout, RootSummary};
use crate::error::BoardError;
use crate::limits::Limits;

/// Objects inside objects in which a board is looked for: root, snapshot, document, store.
const MOST_LEVELS: usize = 4;

/// A board, its records not yet read.
pub(super) struct Found {
    pub(super) summary: RootSummary,
    pub(super) schema: Option<Value>,
    /// By where each stands: a key, an id or a position.
    pub(super) records: Vec<(String, Node)>,
}

/// The board in a root or file, if it is one.
pub(super) fn recognise(
    name: &str,
    node: Node,
    txn: Txn<'_, '_>,
    limits: &Limits,
) -> Result<Option<Found>, BoardError> {
    let Some((layout, schema, records)) = look(node, txn, MOST_LEVELS) else {
        return Ok(None);
    };
    let shapes = records
        .iter()
        .filter(|(_, record)| record.text(&["typeName"], txn).as_deref() == Some("shape"))
        .count();
    // Session records count here too: a bound need not be exact, and they are few.
    if records.len() > limits.records {
        return Err(BoardError::TooManyRecords {
            limit: limits.records,
        });
    }
    let schema = schema.and_then(|schema| schema_of(schema, txn, limits));
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
pub(super) fn schema_of(node: Node, txn: Txn<'_, '_>, limits: &Limits) -> Option<Value> {
    let schema = node.unwrapped().into_value(txn, limits).ok()?;
    schema.get("schemaVersion").is_some().then_some(schema)
}

type Looked = (Layout, Option<Node>, Vec<(String, Node)>);

fn look(node: Node, txn: Txn<'_, '_>, levels: usize) -> Option<Looked> {
    let levels = levels.checked_sub(1)?;
    match node.open(txn) {
        Opened::List(list) => of_list(list, txn),
        Opened::Entries(entries) => of_entries(entries, txn, levels),
        Opened::Leaf => None,
    }
}

/// `{key, val}` entries, or records as they are; the rightmost of a key or id counts.
///
/// Writers put a new version at the end and delete the old one, so after concurrent writes both are there and every editor
/// takes the one further right.
fn of_list(list: Vec<Node>, txn: Txn<'_, '_>) -> Option<Looked> {
    let mut layout = None;
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut records: Vec<Option<(String, Node)>> = Vec::new();
    for node in list {
        let node = node.unwrapped();
        let (key, record) = if is_record(&node, &[], txn) {
            layout = layout.or(Some(Layout::List));
            (node.text(&["id"], txn), Some(node))
        } else {
            if layout.is_none() && is_record(&node, &["val"], txn) {
                layout = Some(Layout::KeyValues);
            }
            (node.text(&["key"], txn), node.child("val", txn))
        };
        if let (Some(key), Some(record)) = (key, record) {
            if let Some(before) = last.insert(key.clone(), records.len()) {
                records[before] = None;
            }
            records.push(Some((key, record.unwrapped())));
        }
    }
    let records = records.into_iter().flatten().collect();
    layout.map(|layout| (layout, None, records))
}

/// A snapshot, a file, or records by their ids; else whatever below is one of these.
fn of_entries(mut entries: Vec<(String, Node)>, txn: Txn<'_, '_>, levels: usize) -> Option<Looked> {
    let mut take = |key: &str| {
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.swap_remove(at).1)
    };
    let schema = take("schema");
    for inner in ["store", "records", "document"] {
        if let Some(found) = take(inner).and_then(|node| look(node, txn, levels)) {
            return Some(in_snapshot(found, schema));
        }
    }
    let mut records = Vec::new();
    let mut others = Vec::new();
    for (key, node) in entries {
        let node = node.unwrapped();
        if is_record(&node, &[], txn) {
            records.push((key, node));
        } else {
            others.push(node);
        }
    }
    if !records.is_empty() {
        return Some((Layout::Map, schema, records));
    }
    others.into_iter().find_map(|node| look(node, txn, levels))
}

/// What a snapshot holds; its own schema counts, or the one beside it.
fn in_snapshot((layout, own, records): Looked, schema: Option<Node>) -> Looked {
    let layout = match layout {
        Layout::Map => Layout::Snapshot,
        other => other,
    };
    (layout, own.or(schema), records)
}

fn is_record(node: &Node, path: &[&str], txn: Txn<'_, '_>) -> bool {
    let has = |field| {
        let mut path = path.to_vec();
        path.push(field);
        node.text(&path, txn).is_some()
    };
    has("id") && has("typeName")
}
