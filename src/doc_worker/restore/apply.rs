//! Writes a plan into the doc that it was made for.
//!
//! Knows yrs' edits and sealed values. Decides nothing. The rule: what comes is written type by type from a list of what is
//! still to be filled, never recursively, however deep it is.

use std::sync::Arc;

use yrs::branch::BranchPtr;
use yrs::types::text::{DeltaPrelim, YChange};
use yrs::types::xml::{XmlDeltaPrelim, XmlFragmentPrelim};
use yrs::types::{Attrs, Delta};
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, In, Map, MapPrelim, MapRef, Out, Text, TextRef,
    TransactionMut, XmlElementPrelim,
};

use super::classes::Classes;
use super::plan::{Edit, Hunk};
use super::text::{self, Step, TextEdit};
use super::tree::{Content, Kind, NodeId, Sequence, Tree, What};

/// Writes all edits. `target` is the tree that their nodes are of.
pub(super) fn apply(
    txn: &mut TransactionMut<'_>,
    edits: &[Edit],
    target: &Tree,
    classes: &Classes,
) {
    let mut writer = Writer {
        txn,
        target,
        classes,
        empty: Vec::new(),
    };
    for edit in edits {
        match edit {
            Edit::Set { at, key, value } => writer.set(*at, key, *value),
            Edit::Remove { at, key } => drop(MapRef::from(*at).remove(writer.txn, key)),
            Edit::Splice { at, hunks } => writer.splice(*at, hunks),
            Edit::Text { at, edit } => writer.text(*at, edit),
        }
        while let Some((branch, id)) = writer.empty.pop() {
            writer.fill(branch, id);
        }
    }
}

struct Writer<'a, 'txn> {
    txn: &'a mut TransactionMut<'txn>,
    target: &'a Tree,
    classes: &'a Classes,
    /// Types that were just made, and what is to be in them.
    empty: Vec<(BranchPtr, NodeId)>,
}

impl Writer<'_, '_> {
    fn fill(&mut self, branch: BranchPtr, id: NodeId) {
        let Some(shared) = self.target.shared(id) else {
            return;
        };
        for (key, value) in &shared.entries {
            self.set(branch, key, *value);
        }
        match &shared.sequence {
            Sequence::Text(pieces) => self.text(branch, &text::plant(pieces, self.target)),
            _ => self.insert(branch, 0, &shared.elements()),
        }
    }

    fn set(&mut self, at: BranchPtr, key: &Arc<str>, value: NodeId) {
        let map = MapRef::from(at);
        match &self.target.node(value).content {
            Content::Plain(bytes) => {
                map.insert(self.txn, key.clone(), plain(bytes));
            }
            Content::Shared(shared) => {
                let made = map.insert(self.txn, key.clone(), empty(&shared.kind));
                self.fill_later(&made, value);
            }
            Content::Doc(_) | Content::Unreadable(_) => {}
        }
    }

    /// From the right, so that what is to the left stays in its place.
    fn splice(&mut self, at: BranchPtr, hunks: &[Hunk]) {
        for hunk in hunks.iter().rev() {
            if hunk.remove > 0 {
                ArrayRef::from(at).remove_range(self.txn, hunk.index, hunk.remove);
            }
            self.insert(at, hunk.index, &hunk.insert);
        }
    }

    /// From the right as well: yrs looks for an index from the beginning, every time.
    fn insert(&mut self, at: BranchPtr, index: u32, nodes: &[NodeId]) {
        let array = ArrayRef::from(at);
        let mut values: Vec<Any> = Vec::new();
        for id in nodes.iter().rev() {
            match &self.target.node(*id).content {
                Content::Plain(bytes) => values.push(Any::Buffer(bytes.clone())),
                Content::Shared(shared) => {
                    insert_values(self.txn, &array, index, &mut values);
                    let made = array.insert(self.txn, index, empty(&shared.kind));
                    self.fill_later(&made, *id);
                }
                Content::Doc(_) | Content::Unreadable(_) => {}
            }
        }
        insert_values(self.txn, &array, index, &mut values);
    }

    fn text(&mut self, at: BranchPtr, edit: &TextEdit) {
        let text = TextRef::from(at);
        let delta: Vec<Delta<In>> = edit.steps.iter().map(|step| self.delta(step)).collect();
        text.apply_delta(self.txn, delta);
        if edit.planted.is_empty() {
            return;
        }
        let types: Vec<Out> = text
            .diff(self.txn, YChange::identity)
            .into_iter()
            .map(|diff| diff.insert)
            .filter(|out| !matches!(out, Out::Any(_)))
            .collect();
        for (at, id) in &edit.planted {
            if let Some(made) = types.get(*at) {
                self.fill_later(made, *id);
            }
        }
    }

    fn delta(&self, step: &Step) -> Delta<In> {
        match step {
            Step::Keep { len, from, to } => {
                let (from, to) = (self.classes.marks(*from), self.classes.marks(*to));
                let ended = from
                    .keys()
                    .filter(|name| !to.contains_key(*name))
                    .map(|name| (name.clone(), Any::Null));
                let begun = to
                    .iter()
                    .filter(|(name, (class, _))| {
                        from.get(*name).is_none_or(|(before, _)| before != class)
                    })
                    .map(|(name, (_, mark))| (name.clone(), mark.clone()));
                let changed: Attrs = ended.chain(begun).collect();
                Delta::Retain(*len, (!changed.is_empty()).then(|| Box::new(changed)))
            }
            Step::Remove { len } => Delta::Deleted(*len),
            Step::Insert { what, marks } => {
                let marks: Attrs = self
                    .classes
                    .marks(*marks)
                    .iter()
                    .map(|(name, (_, mark))| (name.clone(), mark.clone()))
                    .collect();
                let what = match what {
                    What::Text(text) => In::Any(Any::from(text.as_str())),
                    What::Embed(_, embed) => In::Any(embed.clone()),
                    What::Node(id) => {
                        empty(self.target.shared(*id).map_or(&Kind::Map, |s| &s.kind))
                    }
                };
                Delta::Inserted(what, Some(Box::new(marks)))
            }
        }
    }

    fn fill_later(&mut self, made: &Out, id: NodeId) {
        if let Some(branch) = made.try_branch() {
            self.empty.push((BranchPtr::from(branch), id));
        }
    }
}

/// Inserts values that were gathered from the right.
fn insert_values(
    txn: &mut TransactionMut<'_>,
    array: &ArrayRef,
    index: u32,
    values: &mut Vec<Any>,
) {
    if !values.is_empty() {
        array.insert_range(txn, index, values.drain(..).rev());
    }
}

fn plain(sealed: &Arc<[u8]>) -> In {
    In::Any(Any::Buffer(sealed.clone()))
}

/// A type of this kind with nothing in it.
fn empty(kind: &Kind) -> In {
    match kind {
        Kind::Array => In::Array(ArrayPrelim::default()),
        Kind::Map | Kind::Root => In::Map(MapPrelim::default()),
        Kind::Text => In::Text(DeltaPrelim::default()),
        Kind::XmlElement(name) => In::XmlElement(XmlElementPrelim::empty(name.clone())),
        Kind::XmlFragment => In::XmlFragment(XmlFragmentPrelim::default()),
        Kind::XmlText => In::XmlText(XmlDeltaPrelim::default()),
    }
}
