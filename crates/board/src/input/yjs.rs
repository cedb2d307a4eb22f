//! A Yjs update opened as a document, and its roots.
//!
//! Knows the two update formats and how yrs takes them; roots carry no type in an update, so each is looked at as a list, a map and a text. The
//! rule: yrs may panic, or never end, on hostile updates, so callers open documents in a process that can be killed.

use std::borrow::Cow;

use scrible_wire::lift::lift;
use scrible_wire::split::split;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Array, Doc, GetString, Map, Options, ReadTxn, Transact, Transaction};

use super::layout::{self, Found};
use super::node::{Node, Source};
use super::{Format, Opened, quoted};
use crate::error::BoardError;
use crate::limits::Limits;
use crate::value::update::MOST_DEPTH;

/// Bytes of the parts in which an update is applied: a few hundred edits at most.
const PART_BYTES: usize = 8 << 10;

/// An update, put into a document of its own.
pub(super) struct Update<'b> {
    doc: Doc,
    format: Format,
    /// In format v1.
    bytes: Cow<'b, [u8]>,
    /// The document holds numbers in place of values.
    is_lifted: bool,
}

impl<'b> Update<'b> {
    /// Reads an update of either format.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, BoardError> {
        // Format v2 begins with a zero byte. In v1 that says that no client wrote anything, which leaves nothing to read, so
        // v2 goes first there.
        if bytes.first() == Some(&0)
            && bytes.len() > 2
            && let Ok(update) = yrs::Update::decode_v2(bytes)
        {
            return Self::apply(update.encode_v1().into(), Format::UpdateV2);
        }
        Self::apply(bytes.into(), Format::UpdateV1)
    }

    /// Puts an update of format v1 into a document: lifted out of its values, of which yrs would make many times their
    /// bytes, and in parts that are small.
    ///
    /// At the end of each transaction yrs joins items that one client wrote in a row, from the right to the left, and copies
    /// all that it has joined for each item. A log of single edits in one transaction takes memory that grows with their
    /// square: 2.4 GB for 10,000 records. In small parts that square is small.
    fn apply(bytes: Cow<'b, [u8]>, format: Format) -> Result<Self, BoardError> {
        let doc = Doc::with_options(Options {
            skip_gc: true,
            ..Options::default()
        });
        let limits = scrible_wire::Limits {
            value_depth: MOST_DEPTH,
            ..scrible_wire::Limits::default()
        };
        // What the scanner refuses is for yrs to judge.
        let lifted = lift(&bytes, &limits).ok();
        let update = lifted.as_deref().unwrap_or(&bytes);
        let parts = split(update, PART_BYTES, &limits).unwrap_or_else(|_| vec![update.to_vec()]);
        for part in parts {
            let update = yrs::Update::decode_v1(&part).map_err(unreadable)?;
            doc.transact_mut()
                .apply_update(update)
                .map_err(unreadable)?;
        }
        Ok(Self {
            doc,
            format,
            is_lifted: lifted.is_some(),
            bytes,
        })
    }

    pub(super) fn has_roots(&self) -> bool {
        self.doc.transact().root_refs().next().is_some()
    }

    pub(super) fn with_boards<T>(
        self,
        limits: &Limits,
        then: impl FnOnce(Vec<Found<'_>>, Opened<'_>) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let txn = self.doc.transact();
        let source = Source {
            txn: Some(&txn),
            update: self.is_lifted.then_some(&*self.bytes),
        };
        let mut names: Vec<String> = txn.root_refs().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        let mut boards = Vec::new();
        for name in &names {
            for view in views(name, &txn) {
                if let Some(found) = layout::recognise(name, view, source, limits)? {
                    boards.push(found);
                    break;
                }
            }
        }
        if boards.is_empty() {
            return Err(if is_first_edition(&names, &txn, source) {
                BoardError::FirstEdition
            } else {
                BoardError::NoBoard {
                    roots: quoted(names.iter().map(String::as_str)),
                }
            });
        }
        if boards.iter().any(|found| found.schema.is_none()) {
            let beside = schema_beside(&names, source, limits);
            for found in boards.iter_mut().filter(|found| found.schema.is_none()) {
                found.schema.clone_from(&beside);
            }
        }
        let opened = Opened {
            format: self.format,
            incomplete: txn.has_missing_updates(),
            source,
        };
        then(boards, opened)
    }
}

fn unreadable(error: impl std::fmt::Display) -> BoardError {
    BoardError::Unreadable {
        reason: error.to_string(),
    }
}

/// A root as each thing that it may be, and is not empty as.
fn views<'d>(name: &str, txn: &Transaction<'_>) -> Vec<Node<'d>> {
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
    source: Source<'_>,
    limits: &Limits,
) -> Option<serde_json::Value> {
    let first = ["meta"].into_iter();
    first
        .chain(names.iter().map(String::as_str))
        .find_map(|name| {
            let schema = source
                .txn?
                .get_map(name)
                .map(Node::Map)?
                .child("schema", source)?;
            layout::schema_of(schema, source, limits)
        })
}

/// Editors of 2021 and 2022 kept `shapes` and `bindings`, each with a `point` and no `typeName`.
fn is_first_edition(names: &[String], txn: &Transaction<'_>, source: Source<'_>) -> bool {
    let shapes = names.iter().filter(|name| name.starts_with("shapes"));
    shapes
        .filter_map(|name| txn.get_map(name.as_str()))
        .any(|map| {
            map.iter(txn).any(|(_, out)| {
                let shape = source.node(out);
                shape.has("childIndex", source) && shape.has("parentId", source)
            })
        })
}
