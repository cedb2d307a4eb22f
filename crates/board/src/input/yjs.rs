//! A Yjs update opened as a document, and its roots.
//!
//! Knows the two update formats and how yrs takes them; roots carry no type in an update, so each is looked at as a list, a map and a text. The
//! rule: yrs may panic, or never end, on hostile updates, so callers open documents in a process that can be killed.

use scrible_wire::split::split;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Array, Doc, GetString, Map, Options, Out, ReadTxn, Transact, Transaction};

use super::layout::{self, Found};
use super::node::Node;
use super::{Format, quoted};
use crate::error::BoardError;
use crate::limits::Limits;

/// Bytes of the parts in which an update is applied: a few hundred edits at most.
const PART_BYTES: usize = 8 << 10;

/// Values inside values of an update that is cut; the rooms of a server take fewer.
const MOST_DEPTH: usize = 500;

/// An update, put into a document of its own.
pub(super) struct Update {
    doc: Doc,
    format: Format,
}

impl Update {
    /// Reads an update of either format.
    pub(super) fn open(bytes: &[u8]) -> Result<Self, BoardError> {
        // Format v2 begins with a zero byte. In v1 that says that no client wrote anything, which leaves nothing to read, so
        // v2 goes first there.
        if bytes.first() == Some(&0)
            && bytes.len() > 2
            && let Ok(update) = yrs::Update::decode_v2(bytes)
        {
            return Self::apply(&update.encode_v1(), Format::UpdateV2);
        }
        Self::apply(bytes, Format::UpdateV1)
    }

    /// Puts an update of format v1 into a document, in parts that are small.
    ///
    /// At the end of each transaction yrs joins items that one client wrote in a row, from the right to the left, and copies
    /// all that it has joined for each item. A log of single edits in one transaction takes memory that grows with their
    /// square: 2.4 GB for 10,000 records. In small parts that square is small.
    fn apply(bytes: &[u8], format: Format) -> Result<Self, BoardError> {
        let doc = Doc::with_options(Options {
            skip_gc: true,
            ..Options::default()
        });
        let limits = scrible_wire::Limits {
            value_depth: MOST_DEPTH,
            ..scrible_wire::Limits::default()
        };
        // What the scanner refuses is for yrs to judge.
        let parts = split(bytes, PART_BYTES, &limits).unwrap_or_else(|_| vec![bytes.to_vec()]);
        for part in parts {
            let update = yrs::Update::decode_v1(&part).map_err(unreadable)?;
            doc.transact_mut()
                .apply_update(update)
                .map_err(unreadable)?;
        }
        Ok(Self { doc, format })
    }

    pub(super) fn has_roots(&self) -> bool {
        self.doc.transact().root_refs().next().is_some()
    }

    pub(super) fn with_boards<T>(
        self,
        limits: &Limits,
        then: impl FnOnce(Vec<Found>, Format, bool, Option<&Transaction<'_>>) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let txn = self.doc.transact();
        let mut names: Vec<String> = txn.root_refs().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        let mut boards = Vec::new();
        for name in &names {
            for view in views(name, &txn) {
                if let Some(found) = layout::recognise(name, view, Some(&txn), limits)? {
                    boards.push(found);
                    break;
                }
            }
        }
        if boards.is_empty() {
            return Err(if is_first_edition(&names, &txn) {
                BoardError::FirstEdition
            } else {
                BoardError::NoBoard {
                    roots: quoted(names.iter().map(String::as_str)),
                }
            });
        }
        if boards.iter().any(|found| found.schema.is_none()) {
            let beside = schema_beside(&names, &txn, limits);
            for found in boards.iter_mut().filter(|found| found.schema.is_none()) {
                found.schema.clone_from(&beside);
            }
        }
        let incomplete = txn.has_missing_updates();
        then(boards, self.format, incomplete, Some(&txn))
    }
}

fn unreadable(error: impl std::fmt::Display) -> BoardError {
    BoardError::Unreadable {
        reason: error.to_string(),
    }
}

/// A root as each thing that it may be, and is not empty as.
fn views(name: &str, txn: &Transaction<'_>) -> Vec<Node> {
    let list = txn.get_array(name).filter(|list| list.len(txn) > 0);
    let map = txn.get_map(name).filter(|map| map.len(txn) > 0);
    let text = txn
        .get_text(name)
        .filter(|text| text.get_string(txn).starts_with('{'));
    let list = list.filter(|_| text.is_none()).map(Node::List);
    let views = [list, map.map(Node::Map), text.map(Node::Text)];
    views.into_iter().flatten().collect()
}

/// The schema that frontends keep beside an array of records: in the map `meta`, or else in another map.
fn schema_beside(
    names: &[String],
    txn: &Transaction<'_>,
    limits: &Limits,
) -> Option<serde_json::Value> {
    let first = ["meta"].into_iter();
    first
        .chain(names.iter().map(String::as_str))
        .find_map(|name| {
            let schema = txn.get_map(name)?.get(txn, "schema")?;
            layout::schema_of(Node::of(schema), Some(txn), limits)
        })
}

/// Editors of 2021 and 2022 kept `shapes` and `bindings`, each with a `point` and no `typeName`.
fn is_first_edition(names: &[String], txn: &Transaction<'_>) -> bool {
    let shapes = names.iter().filter(|name| name.starts_with("shapes"));
    shapes
        .filter_map(|name| txn.get_map(name.as_str()))
        .any(|map| {
            map.iter(txn).any(|(_, out)| match out {
                Out::Any(yrs::Any::Map(shape)) => {
                    shape.contains_key("childIndex") && shape.contains_key("parentId")
                }
                Out::YMap(shape) => {
                    shape.contains_key(txn, "childIndex") && shape.contains_key(txn, "parentId")
                }
                _ => false,
            })
        })
}
