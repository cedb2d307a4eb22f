//! Reads all that a doc shows into a tree.
//!
//! Knows yrs' types and values as [`super::seal`] closed them up. The rule: nothing is read recursively, and what cannot be
//! read takes its place in the tree all the same, like nothing else, so that nobody takes it for nothing.

use yrs::branch::BranchPtr;
use yrs::types::TypeRef;
use yrs::types::text::YChange;
use yrs::{Any, Out, ReadTxn, Text, TextRef};

use super::classes::{Class, Classes};
use super::tree::{Content, Kind, NodeId, Piece, Sequence, Shared, Tree, What};
use super::value;
use crate::doc_worker::roots::{self, Kind as RootKind};

/// Reads everything. Lengths that yrs has wrong are put right by it.
///
/// # Errors
/// With a sentence when types are nested too deep.
pub(super) fn read(txn: &impl ReadTxn, classes: &mut Classes) -> Result<Tree, String> {
    let mut tree = Tree::new();
    let mut reader = Reader {
        txn,
        classes,
        tree: &mut tree,
        todo: Vec::new(),
    };
    for (name, branch) in roots::roots(txn) {
        let id = reader.shared(Kind::Root, branch, None)?;
        reader.tree.roots.push((name, id));
    }
    while let Some(id) = reader.todo.pop() {
        reader.fill(id)?;
    }
    tree.number(classes);
    Ok(tree)
}

struct Reader<'a, T> {
    txn: &'a T,
    classes: &'a mut Classes,
    tree: &'a mut Tree,
    /// Shared types whose content is still to be read.
    todo: Vec<NodeId>,
}

impl<T: ReadTxn> Reader<'_, T> {
    fn shared(
        &mut self,
        kind: Kind,
        branch: BranchPtr,
        above: Option<NodeId>,
    ) -> Result<NodeId, String> {
        let content = Content::Shared(Box::new(Shared {
            kind,
            branch,
            entries: Vec::new(),
            sequence: Sequence::Empty,
            id: None,
        }));
        // Its class is found when all that is in it has one.
        let id = self.tree.add(Class::default(), content, above)?;
        self.todo.push(id);
        Ok(id)
    }

    fn unreadable(&mut self, why: &str, above: NodeId) -> Result<NodeId, String> {
        let class = self.classes.unique();
        self.tree
            .add(class, Content::Unreadable(why.to_owned()), Some(above))
    }

    /// A value or a type that stands in another one.
    fn out(&mut self, out: &Out, above: NodeId) -> Result<NodeId, String> {
        match out {
            Out::Any(Any::Buffer(sealed)) => match self.classes.value(sealed) {
                Some(class) => self
                    .tree
                    .add(class, Content::Plain(sealed.clone()), Some(above)),
                None => self.unreadable("a value that cannot be read", above),
            },
            Out::Any(_) => self.unreadable("text in a list that is no text", above),
            Out::YDoc(doc) => {
                let guid = doc.guid();
                let class = self.classes.of([b"d", guid.as_bytes()].concat());
                self.tree.add(class, Content::Doc(guid), Some(above))
            }
            shared => {
                let Some(branch) = shared.try_branch() else {
                    return self.unreadable("a value of an unknown kind", above);
                };
                let kind = match branch.type_ref() {
                    TypeRef::Array => Kind::Array,
                    TypeRef::Map => Kind::Map,
                    TypeRef::Text => Kind::Text,
                    TypeRef::XmlElement(name) => Kind::XmlElement(name.clone()),
                    TypeRef::XmlFragment => Kind::XmlFragment,
                    TypeRef::XmlText => Kind::XmlText,
                    _ => return self.unreadable("a type of an unknown kind", above),
                };
                self.shared(kind, BranchPtr::from(branch), Some(above))
            }
        }
    }

    /// Reads what is in a shared type.
    fn fill(&mut self, id: NodeId) -> Result<(), String> {
        let Some(Shared { kind, branch, .. }) = self.tree.shared(id) else {
            return Ok(());
        };
        let branch = *branch;
        let is_text = match kind {
            Kind::Text | Kind::XmlText => true,
            Kind::Root => {
                roots::shape(&branch, self.txn)
                    .is_ok_and(|shape| shape.sequence == Some(RootKind::Text))
                    || has_marks(branch, self.txn)
            }
            _ => false,
        };
        let mut entries = Vec::new();
        for (key, out) in roots::keys(&branch, self.txn) {
            entries.push((key, self.out(&out, id)?));
        }
        let sequence = if is_text {
            self.pieces(branch, id)?
        } else {
            match roots::values(&branch, self.txn) {
                Ok(values) => self.elements(&values, id)?,
                Err(why) => {
                    self.tree.give_up(id, self.classes.unique(), why);
                    return Ok(());
                }
            }
        };
        self.tree.fill(id, entries, sequence);
        Ok(())
    }

    fn elements(&mut self, values: &[Out], above: NodeId) -> Result<Sequence, String> {
        let mut keyed = Some(Vec::with_capacity(values.len()));
        let mut ids = Vec::with_capacity(values.len());
        for out in values {
            let id = self.out(out, above)?;
            ids.push(id);
            let key = match &self.tree.node(id).content {
                Content::Plain(value) => value::entry_key(value),
                _ => None,
            };
            match (key, &mut keyed) {
                (Some(key), Some(keyed)) => keyed.push((key.to_owned(), id)),
                _ => keyed = None,
            }
        }
        Ok(match keyed {
            _ if ids.is_empty() => Sequence::Empty,
            Some(keyed) => Sequence::Keyed(keyed),
            None => Sequence::Elements(ids),
        })
    }

    fn pieces(&mut self, branch: BranchPtr, above: NodeId) -> Result<Sequence, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        for diff in TextRef::from(branch).diff(self.txn, YChange::identity) {
            let marks = self.classes.marks_of(diff.attributes);
            let what = match diff.insert {
                Out::Any(Any::String(text)) => {
                    if let Some(Piece {
                        what: What::Text(before),
                        marks: of_before,
                    }) = pieces.last_mut()
                        && *of_before == marks
                    {
                        before.push_str(&text);
                        continue;
                    }
                    What::Text(text.to_string())
                }
                Out::Any(embed) => What::Embed(self.classes.json(&embed), embed),
                shared => What::Node(self.out(&shared, above)?),
            };
            pieces.push(Piece { what, marks });
        }
        Ok(if pieces.is_empty() {
            Sequence::Empty
        } else {
            Sequence::Text(pieces)
        })
    }
}

/// Only text has marks, be it on types alone.
fn has_marks(branch: BranchPtr, txn: &impl ReadTxn) -> bool {
    let pieces = TextRef::from(branch).diff(txn, YChange::identity);
    pieces.iter().any(|piece| piece.attributes.is_some())
}
