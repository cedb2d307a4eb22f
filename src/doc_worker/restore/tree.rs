//! What a doc shows, read into a tree in which equal content has equal numbers.
//!
//! Every shared type has two facets: entries under keys, and a sequence. Knows yrs' types and sealed values (see
//! [`super::seal`]), not what is done about a difference. The rule: two nodes are of one [`Class`] exactly if they show the
//! same, however they came about; so comparing any two parts of two docs is comparing two numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use scrible_wire::varint::{write_number, write_var_bytes};
use yrs::branch::BranchPtr;
use yrs::types::text::YChange;
use yrs::types::{Attrs, TypeRef};
use yrs::{Any, Out, ReadTxn, Text, TextRef};

use super::value;
use crate::doc_worker::roots::{self, Kind as RootKind};

/// Types may stand in each other this deep: far deeper than any editor goes, and not so deep that yrs, which deletes
/// recursively, would run out of stack.
const MAX_DEPTH: u16 = 1_000;

/// The number of everything that shows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Class(u32);

/// A node of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

/// Marks that stand on a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MarksId(u32);

/// Numbers what trees show. Trees that are compared share one.
#[derive(Debug)]
pub(super) struct Classes {
    known: HashMap<Vec<u8>, Class>,
    count: u32,
    marks: Vec<Marks>,
    marks_known: HashMap<Vec<u8>, MarksId>,
}

/// Marks by name, with what to write for each.
pub(super) type Marks = BTreeMap<Arc<str>, (Class, Any)>;

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

impl Classes {
    pub(super) fn new() -> Self {
        Classes {
            known: HashMap::new(),
            count: 0,
            marks: vec![Marks::new()],
            marks_known: HashMap::from([(Vec::new(), MarksId::NONE)]),
        }
    }

    fn of(&mut self, form: Vec<u8>) -> Class {
        *self.known.entry(form).or_insert_with(|| {
            self.count += 1;
            Class(self.count)
        })
    }

    /// The class of something that is like nothing else.
    fn unique(&mut self) -> Class {
        self.count += 1;
        Class(self.count)
    }

    pub(super) fn marks(&self, id: MarksId) -> &Marks {
        &self.marks[id.0 as usize]
    }

    fn marks_of(&mut self, attrs: Option<Box<Attrs>>) -> MarksId {
        let Some(attrs) = attrs else {
            return MarksId::NONE;
        };
        let marks: Marks = attrs
            .into_iter()
            .map(|(name, mark)| (name, (self.json(&mark), mark)))
            .collect();
        let mut form = Vec::new();
        for (name, (class, _)) in &marks {
            write_var_bytes(&mut form, name.as_bytes());
            write_class(&mut form, *class);
        }
        *self.marks_known.entry(form).or_insert_with(|| {
            self.marks.push(marks);
            MarksId(self.marks.len() as u32 - 1)
        })
    }

    /// The class of a sealed embed or mark.
    fn json(&mut self, sealed: &Any) -> Class {
        let mut form = vec![b'j'];
        let text = match sealed {
            Any::Array(inner) => match &inner[..] {
                [Any::String(text)] => text,
                _ => return self.unique(),
            },
            _ => return self.unique(),
        };
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(mut value) => {
                value.sort_all_objects();
                form.extend_from_slice(value.to_string().as_bytes());
            }
            Err(_) => form.extend_from_slice(text.as_bytes()),
        }
        self.of(form)
    }
}

impl MarksId {
    /// No marks at all.
    pub(super) const NONE: MarksId = MarksId(0);
}

impl Tree {
    /// Reads everything that the doc shows. Its roots may get another type by that, and lengths that yrs has wrong are put
    /// right.
    ///
    /// # Errors
    /// With a sentence when types are nested too deep.
    pub(super) fn read(txn: &impl ReadTxn, classes: &mut Classes) -> Result<Tree, String> {
        let mut tree = Tree {
            nodes: Vec::new(),
            roots: Vec::new(),
        };
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

    /// Gives every shared type its class. Whatever is in a type comes after it, so going backwards it is known already.
    fn number(&mut self, classes: &mut Classes) {
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
                write_class(&mut form, id);
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

    fn form(&self, shared: &Shared) -> Vec<u8> {
        let mut form = vec![b's'];
        write_kind(&mut form, &shared.kind);
        write_number(&mut form, shared.entries.len() as u64);
        for (key, id) in &shared.entries {
            write_var_bytes(&mut form, key.as_bytes());
            write_class(&mut form, self.node(*id).class);
        }
        match &shared.sequence {
            Sequence::Empty => {}
            Sequence::Elements(ids) => {
                form.push(b'e');
                for id in ids {
                    write_class(&mut form, self.node(*id).class);
                }
            }
            Sequence::Keyed(keyed) => {
                form.push(b'k');
                for id in winners(keyed).values() {
                    write_class(&mut form, self.node(*id).class);
                }
            }
            Sequence::Text(pieces) => {
                form.push(b't');
                for piece in pieces {
                    write_number(&mut form, u64::from(piece.marks.0));
                    match &piece.what {
                        What::Text(text) => {
                            form.push(b't');
                            write_var_bytes(&mut form, text.as_bytes());
                        }
                        What::Embed(class, _) => {
                            form.push(b'e');
                            write_class(&mut form, *class);
                        }
                        What::Node(id) => {
                            form.push(b'n');
                            write_class(&mut form, self.node(*id).class);
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

/// Only text has marks, be it on types alone.
fn has_marks(branch: BranchPtr, txn: &impl ReadTxn) -> bool {
    let pieces = TextRef::from(branch).diff(txn, YChange::identity);
    pieces.iter().any(|piece| piece.attributes.is_some())
}

/// Of entries with the same key the last one counts.
pub(super) fn winners(keyed: &[(String, NodeId)]) -> BTreeMap<&str, NodeId> {
    keyed.iter().map(|(key, id)| (key.as_str(), *id)).collect()
}

struct Reader<'a, T> {
    txn: &'a T,
    classes: &'a mut Classes,
    tree: &'a mut Tree,
    /// Shared types whose content is still to be read.
    todo: Vec<NodeId>,
}

impl<T: ReadTxn> Reader<'_, T> {
    fn add(
        &mut self,
        class: Class,
        content: Content,
        above: Option<NodeId>,
    ) -> Result<NodeId, String> {
        let depth = above.map_or(0, |above| self.tree.node(above).depth + 1);
        if depth > MAX_DEPTH {
            return Err(format!(
                "its types are nested deeper than {MAX_DEPTH} levels"
            ));
        }
        let whole = matches!(content, Content::Plain(_));
        self.tree.nodes.push(Node {
            class,
            alignment: class,
            whole,
            content,
            above,
            depth,
        });
        Ok(NodeId(self.tree.nodes.len() as u32 - 1))
    }

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
        let id = self.add(Class(0), content, above)?;
        self.todo.push(id);
        Ok(id)
    }

    fn unreadable(&mut self, why: &str, above: NodeId) -> Result<NodeId, String> {
        let class = self.classes.unique();
        self.add(class, Content::Unreadable(why.to_owned()), Some(above))
    }

    /// A value or a type that stands in another one.
    fn out(&mut self, out: &Out, above: NodeId) -> Result<NodeId, String> {
        match out {
            Out::Any(Any::Buffer(sealed)) => {
                let Ok(mut form) = value::form(sealed) else {
                    return self.unreadable("a value that cannot be read", above);
                };
                form.push(b'v');
                let class = self.classes.of(form);
                self.add(class, Content::Plain(sealed.clone()), Some(above))
            }
            Out::Any(_) => self.unreadable("text in a list that is no text", above),
            Out::YDoc(doc) => {
                let guid = doc.guid();
                let class = self.classes.of([b"d", guid.as_bytes()].concat());
                self.add(class, Content::Doc(guid), Some(above))
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
                    let node = &mut self.tree.nodes[id.0 as usize];
                    (node.class, node.alignment) = {
                        let class = self.classes.unique();
                        (class, class)
                    };
                    node.content = Content::Unreadable(why);
                    return Ok(());
                }
            }
        };
        if let Content::Shared(shared) = &mut self.tree.nodes[id.0 as usize].content {
            shared.entries = entries;
            shared.sequence = sequence;
        }
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

fn write_class(form: &mut Vec<u8>, class: Class) {
    form.extend_from_slice(&class.0.to_be_bytes());
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
