//! What a doc shows, as a tree in which equal content has equal numbers.
//!
//! Every shared type has two facets: entries under keys, and a sequence. Knows neither how a doc is read ([`super::read`])
//! nor what is done about a difference ([`super::plan`]). The rule: two nodes are of one [`Class`] exactly if they show the
//! same, however they came about; so comparing any two parts of two docs is comparing two numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use scrible_wire::varint::{write_number, write_var_bytes};
use yrs::Any;
use yrs::branch::BranchPtr;

use super::classes::{Class, Classes, MarksId};
use super::value;

/// Types may stand in each other this deep: far deeper than any editor goes, and not so deep that yrs, which deletes
/// recursively, would run out of stack.
const MAX_DEPTH: u16 = 1_000;

/// A node of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

/// What a doc shows.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// By name, sorted. All are [`Content::Shared`] or [`Content::Unreadable`].
    pub roots: Vec<(Arc<str>, NodeId)>,
}

/// A value, or a shared type with all that is in it.
#[derive(Debug)]
pub(super) struct Node {
    pub class: Class,
    /// What a list aligns it by: types with an `id` by that, everything else by all that it shows.
    pub alignment: Class,
    /// Whether it can be written again with all that is in it.
    pub whole: bool,
    pub content: Content,
    above: Option<NodeId>,
    depth: u16,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    /// A value's own bytes.
    Plain(Arc<[u8]>),
    /// A sub-document, of which a doc holds but the name.
    Doc(Arc<str>),
    /// Something that can be neither compared nor written, and why.
    Unreadable(String),
    /// A shared type.
    Shared(Box<Shared>),
}

/// A shared type.
#[derive(Debug)]
pub(super) struct Shared {
    pub kind: Kind,
    /// Where it is in its doc.
    pub branch: BranchPtr,
    /// By key, sorted.
    pub entries: Vec<(Arc<str>, NodeId)>,
    pub sequence: Sequence,
    /// The value of its entry `id`, if that is a text.
    pub id: Option<Class>,
}

/// Of what kind a shared type is. An element's name is part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Root,
    Array,
    Map,
    Text,
    XmlElement(Arc<str>),
    XmlFragment,
    XmlText,
}

/// The sequence of a shared type.
#[derive(Debug)]
pub(super) enum Sequence {
    /// Nothing visible, so it could be either.
    Empty,
    /// Elements of an array, children of XML.
    Elements(Vec<NodeId>),
    /// Elements that are all entries as `YKeyValue` has them, each with its key. Their order says nothing.
    Keyed(Vec<(String, NodeId)>),
    /// Text: no two neighbours are text with the same marks.
    Text(Vec<Piece>),
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub what: What,
    pub marks: MarksId,
}

/// What a part of a text is.
#[derive(Debug, Clone)]
pub(super) enum What {
    Text(String),
    /// A sealed plain value.
    Embed(Class, Any),
    Node(NodeId),
}

impl Tree {
    /// A tree of nothing.
    pub(super) fn new() -> Self {
        Tree {
            nodes: Vec::new(),
            roots: Vec::new(),
        }
    }

    /// Adds a node below another one, which was there before it.
    ///
    /// # Errors
    /// With a sentence when it would be nested too deep.
    pub(super) fn add(
        &mut self,
        class: Class,
        content: Content,
        above: Option<NodeId>,
    ) -> Result<NodeId, String> {
        let depth = above.map_or(0, |above| self.node(above).depth + 1);
        if depth > MAX_DEPTH {
            return Err(format!(
                "its types are nested deeper than {MAX_DEPTH} levels"
            ));
        }
        let whole = matches!(content, Content::Plain(_));
        self.nodes.push(Node {
            class,
            alignment: class,
            whole,
            content,
            above,
            depth,
        });
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    /// Tells what is in a shared type.
    pub(super) fn fill(
        &mut self,
        id: NodeId,
        entries: Vec<(Arc<str>, NodeId)>,
        sequence: Sequence,
    ) {
        if let Content::Shared(shared) = &mut self.nodes[id.0 as usize].content {
            (shared.entries, shared.sequence) = (entries, sequence);
        }
    }

    /// Tells that a shared type cannot be read, and why. The class is one of its own.
    pub(super) fn give_up(&mut self, id: NodeId, class: Class, why: String) {
        let node = &mut self.nodes[id.0 as usize];
        (node.class, node.alignment) = (class, class);
        node.content = Content::Unreadable(why);
    }

    /// Gives every shared type its class. Whatever is in a type comes after it, so going backwards it is known already.
    pub(super) fn number(&mut self, classes: &mut Classes) {
        for at in (0..self.nodes.len()).rev() {
            let Content::Shared(shared) = &self.nodes[at].content else {
                continue;
            };
            let id = shared
                .entries
                .binary_search_by(|(key, _)| (**key).cmp("id"))
                .ok()
                .map(|at| self.node(shared.entries[at].1))
                .filter(|node| match &node.content {
                    Content::Plain(value) => value::text(value).is_some(),
                    _ => false,
                })
                .map(|node| node.class);
            let class = classes.of(self.form(shared));
            let alignment = id.map_or(class, |id| {
                let mut form = vec![b'i'];
                write_kind(&mut form, &shared.kind);
                id.write(&mut form);
                classes.of(form)
            });
            let whole = shared.children().iter().all(|id| self.node(*id).whole);
            let node = &mut self.nodes[at];
            (node.class, node.alignment, node.whole) = (class, alignment, whole);
            if let Content::Shared(shared) = &mut node.content {
                shared.id = id;
            }
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The shared type that a node is.
    pub(super) fn shared(&self, id: NodeId) -> Option<&Shared> {
        match &self.node(id).content {
            Content::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// A root by its name.
    pub(super) fn root(&self, name: &str) -> Option<NodeId> {
        let at = self.roots.binary_search_by(|(root, _)| (**root).cmp(name));
        at.ok().map(|at| self.roots[at].1)
    }

    /// Where a node stands, for people: `root "notes", "a", 3`.
    pub(super) fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut id = id;
        while let Some(above) = self.node(id).above {
            if let Some(shared) = self.shared(above) {
                steps.push(shared.step_to(id));
            }
            id = above;
        }
        let root = self.roots.iter().find(|(_, root)| *root == id);
        steps.push(format!(
            "root \"{}\"",
            root.map_or("", |(name, _)| name).escape_debug()
        ));
        steps.reverse();
        steps.join(", ")
    }

    /// What is directly in a shared type.
    pub(super) fn children(&self, id: NodeId) -> Vec<NodeId> {
        self.shared(id).map(Shared::children).unwrap_or_default()
    }

    fn form(&self, shared: &Shared) -> Vec<u8> {
        let mut form = vec![b's'];
        write_kind(&mut form, &shared.kind);
        write_number(&mut form, shared.entries.len() as u64);
        for (key, id) in &shared.entries {
            write_var_bytes(&mut form, key.as_bytes());
            self.node(*id).class.write(&mut form);
        }
        match &shared.sequence {
            Sequence::Empty => {}
            Sequence::Elements(ids) => {
                form.push(b'e');
                for id in ids {
                    self.node(*id).class.write(&mut form);
                }
            }
            Sequence::Keyed(keyed) => {
                form.push(b'k');
                for id in winners(keyed).values() {
                    self.node(*id).class.write(&mut form);
                }
            }
            Sequence::Text(pieces) => {
                form.push(b't');
                for piece in pieces {
                    piece.marks.write(&mut form);
                    match &piece.what {
                        What::Text(text) => {
                            form.push(b't');
                            write_var_bytes(&mut form, text.as_bytes());
                        }
                        What::Embed(class, _) => {
                            form.push(b'e');
                            class.write(&mut form);
                        }
                        What::Node(id) => {
                            form.push(b'n');
                            self.node(*id).class.write(&mut form);
                        }
                    }
                }
            }
        }
        form
    }
}

impl Shared {
    fn children(&self) -> Vec<NodeId> {
        let mut children: Vec<NodeId> = self.entries.iter().map(|(_, id)| *id).collect();
        match &self.sequence {
            Sequence::Empty => {}
            Sequence::Elements(ids) => children.extend(ids),
            Sequence::Keyed(keyed) => children.extend(keyed.iter().map(|(_, id)| *id)),
            Sequence::Text(pieces) => {
                children.extend(pieces.iter().filter_map(|piece| match piece.what {
                    What::Node(id) => Some(id),
                    _ => None,
                }))
            }
        }
        children
    }

    /// The elements, where the sequence is not text.
    pub(super) fn elements(&self) -> Vec<NodeId> {
        match &self.sequence {
            Sequence::Empty | Sequence::Text(_) => Vec::new(),
            Sequence::Elements(ids) => ids.clone(),
            Sequence::Keyed(keyed) => keyed.iter().map(|(_, id)| *id).collect(),
        }
    }

    /// The pieces, where the sequence is text, or types alone, which could stand in a list as well as in a text.
    pub(super) fn pieces(&self, tree: &Tree) -> Option<Cow<'_, [Piece]>> {
        match &self.sequence {
            Sequence::Empty => Some(Cow::Borrowed(&[])),
            Sequence::Text(pieces) => Some(Cow::Borrowed(pieces)),
            Sequence::Elements(ids) if ids.iter().all(|id| tree.shared(*id).is_some()) => {
                let piece = |id: &NodeId| Piece {
                    what: What::Node(*id),
                    marks: MarksId::NONE,
                };
                Some(ids.iter().map(piece).collect())
            }
            Sequence::Elements(_) | Sequence::Keyed(_) => None,
        }
    }

    fn step_to(&self, child: NodeId) -> String {
        if let Some((key, _)) = self.entries.iter().find(|(_, id)| *id == child) {
            return format!("\"{}\"", key.escape_debug());
        }
        let at = match &self.sequence {
            Sequence::Text(pieces) => pieces
                .iter()
                .position(|piece| matches!(piece.what, What::Node(id) if id == child)),
            _ => self.elements().iter().position(|id| *id == child),
        };
        at.unwrap_or_default().to_string()
    }
}

/// Of entries with the same key the last one counts.
pub(super) fn winners(keyed: &[(String, NodeId)]) -> BTreeMap<&str, NodeId> {
    keyed.iter().map(|(key, id)| (key.as_str(), *id)).collect()
}

fn write_kind(form: &mut Vec<u8>, kind: &Kind) {
    let (tag, name) = match kind {
        Kind::Root => (0, ""),
        Kind::Array => (1, ""),
        Kind::Map => (2, ""),
        Kind::Text => (3, ""),
        Kind::XmlElement(name) => (4, &**name),
        Kind::XmlFragment => (5, ""),
        Kind::XmlText => (6, ""),
    };
    form.push(tag);
    write_var_bytes(form, name.as_bytes());
}
