//! What has to be done to one doc so that it shows what another one shows.
//!
//! Knows the trees of both, writes nothing. The rules: what shows the same is not touched; a type becomes another one in
//! its place wherever it can, so that what people have in it (cursors, undo, edits under way) stays; and what cannot be
//! done is said.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use yrs::branch::BranchPtr;

use super::likeness::Likeness;
use super::sequence::{self, Stretch};
use super::text::{self, Sides, TextEdit};
use super::tree::{Content, NodeId, Piece, Sequence, Shared, Tree, winners};

/// Sentences about what is left; the rest is counted.
const MAX_SENTENCES: usize = 100;

/// What has to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In any order: none touches what another one removes.
    pub edits: Vec<Edit>,
    /// Keys, elements and stretches of text that are set, inserted, removed or get other marks.
    pub changes: u64,
    sentences: Vec<String>,
    unsaid: usize,
}

/// Something to be done with a type of the current doc. Nodes are those of the target.
#[derive(Debug)]
pub(super) enum Edit {
    Set {
        at: BranchPtr,
        key: Arc<str>,
        value: NodeId,
    },
    Remove {
        at: BranchPtr,
        key: Arc<str>,
    },
    /// By rising index, which counts elements as they are before any of it is done.
    Splice {
        at: BranchPtr,
        hunks: Vec<Hunk>,
    },
    Text {
        at: BranchPtr,
        edit: TextEdit,
    },
}

/// Elements that go, and those that come in their place.
#[derive(Debug)]
pub(super) struct Hunk {
    pub index: u32,
    pub remove: u32,
    pub insert: Vec<NodeId>,
}

/// Compares two docs. After the deadline sequences are compared more coarsely.
pub(super) fn plan(current: &Tree, target: &Tree, deadline: Instant) -> Plan {
    let mut planner = Planner {
        current,
        target,
        deadline,
        plan: Plan::default(),
        todo: Vec::new(),
        likeness: Likeness::new(current, target, deadline),
    };
    planner.roots();
    while let Some((old, new)) = planner.todo.pop() {
        planner.pair(old, new);
    }
    planner.plan
}

impl Plan {
    /// What cannot be done and why, a sentence each.
    pub(super) fn left(&self) -> Vec<String> {
        let mut left = self.sentences.clone();
        if self.unsaid > 0 {
            left.push(format!("and {} more of this kind", self.unsaid));
        }
        left
    }

    fn say(&mut self, sentence: impl FnOnce() -> String) {
        if self.sentences.len() < MAX_SENTENCES {
            self.sentences.push(sentence());
        } else {
            self.unsaid += 1;
        }
    }
}

struct Planner<'a> {
    current: &'a Tree,
    target: &'a Tree,
    deadline: Instant,
    plan: Plan,
    /// Types of the same kind that show different things.
    todo: Vec<(NodeId, NodeId)>,
    likeness: Likeness<'a>,
}

/// What a root is used as.
#[derive(Debug, Clone, Copy)]
enum Use {
    Nothing,
    Map,
    List,
    Text,
    /// Types alone, which could stand in a list, in XML or in a text.
    Types,
}

impl Use {
    fn of(root: &Shared, tree: &Tree) -> Use {
        match root.sequence {
            Sequence::Empty if root.entries.is_empty() => Use::Nothing,
            Sequence::Empty => Use::Map,
            Sequence::Text(_) => Use::Text,
            _ if root.pieces(tree).is_some() => Use::Types,
            _ => Use::List,
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Use::Nothing => "empty",
            Use::Map => "a map",
            Use::List | Use::Types => "a list",
            Use::Text => "text",
        })
    }
}

impl Planner<'_> {
    fn roots(&mut self) {
        let (current, target) = (self.current, self.target);
        for (name, old) in &current.roots {
            match (target.root(name), current.shared(*old)) {
                (Some(new), _) if current.node(*old).class == target.node(new).class => {}
                (Some(new), Some(shared)) if target.shared(new).is_some() => {
                    match self.conflict(shared, new) {
                        None => self.todo.push((*old, new)),
                        Some(why) => self.plan.say(|| format!("{} {why}", current.path(*old))),
                    }
                }
                (Some(new), _) => {
                    let (tree, id) = match &current.node(*old).content {
                        Content::Unreadable(_) => (current, *old),
                        _ => (target, new),
                    };
                    self.say_unreadable(tree, id);
                }
                (None, Some(shared)) => {
                    let at = shared.branch;
                    for (key, _) in &shared.entries {
                        self.remove(at, key);
                    }
                    match &shared.sequence {
                        Sequence::Text(pieces) => self.text(at, pieces, &[]),
                        _ => self.elements(at, &shared.elements(), &[]),
                    }
                }
                (None, None) => self.say_unreadable(current, *old),
            }
        }
    }

    /// Why two roots of one name cannot be the same type, if they cannot. What one leaves open the other may tell.
    fn conflict(&self, current: &Shared, target: NodeId) -> Option<String> {
        let target = self.target.shared(target)?;
        let (now, then) = (Use::of(current, self.current), Use::of(target, self.target));
        let agree = match (now, then) {
            (Use::Nothing, _) | (_, Use::Nothing) => true,
            (Use::Text | Use::Types, Use::Text | Use::Types) => true,
            (Use::List | Use::Types, Use::List | Use::Types) => true,
            // Attributes that a text or an XML element has, and had when it was empty.
            (Use::Map, _) => !target.entries.is_empty(),
            (_, Use::Map) => !current.entries.is_empty(),
            (Use::List, Use::Text) | (Use::Text, Use::List) => false,
        };
        (!agree)
            .then(|| format!("is {now} now and was {then} then, and one cannot become the other"))
    }

    /// Two types of the same kind.
    fn pair(&mut self, old: NodeId, new: NodeId) {
        let (Some(old), Some(new)) = (self.current.shared(old), self.target.shared(new)) else {
            return;
        };
        let at = old.branch;
        self.entries(at, &old.entries, &new.entries);
        match (&old.sequence, &new.sequence) {
            (Sequence::Keyed(old), Sequence::Keyed(new)) => self.keyed(at, old, new),
            (Sequence::Text(_), _) | (_, Sequence::Text(_)) => {
                if let (Some(old), Some(new)) = (old.pieces(self.current), new.pieces(self.target))
                {
                    self.text(at, &old, &new);
                }
            }
            _ => self.elements(at, &old.elements(), &new.elements()),
        }
    }

    fn entries(
        &mut self,
        at: BranchPtr,
        current: &[(Arc<str>, NodeId)],
        target: &[(Arc<str>, NodeId)],
    ) {
        let (mut olds, mut news) = (current.iter().peekable(), target.iter().peekable());
        loop {
            let order = match (olds.peek(), news.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let old = if order.is_le() { olds.next() } else { None };
            let new = if order.is_ge() { news.next() } else { None };
            match (old, new) {
                (Some((_, old)), Some((key, new))) => {
                    if self.current.node(*old).class == self.target.node(*new).class {
                    } else if self.likeness.can_become(*old, *new) {
                        self.todo.push((*old, *new));
                    } else {
                        self.set(at, key, *new);
                    }
                }
                (None, Some((key, new))) => self.set(at, key, *new),
                (Some((key, _)), None) => self.remove(at, key),
                (None, None) => unreachable!("one side was the next"),
            }
        }
    }

    fn set(&mut self, at: BranchPtr, key: &Arc<str>, value: NodeId) {
        if self.can_be_written(value) {
            self.plan.changes += 1;
            self.plan.edits.push(Edit::Set {
                at,
                key: key.clone(),
                value,
            });
        }
    }

    fn remove(&mut self, at: BranchPtr, key: &Arc<str>) {
        self.plan.changes += 1;
        self.plan.edits.push(Edit::Remove {
            at,
            key: key.clone(),
        });
    }

    /// Entries as `YKeyValue` has them: what changed goes to the end, as its own clients would put it.
    fn keyed(&mut self, at: BranchPtr, current: &[(String, NodeId)], target: &[(String, NodeId)]) {
        let (old, new) = (winners(current), winners(target));
        let same = |key: &str| match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => self.current.node(*old).class == self.target.node(*new).class,
            _ => false,
        };
        let mut hunks = Vec::new();
        for (index, (key, _)) in current.iter().enumerate() {
            if !same(key) {
                push_removal(&mut hunks, index);
            }
        }
        let insert: Vec<NodeId> = target
            .iter()
            .filter(|(key, id)| new.get(key.as_str()) == Some(id) && !same(key))
            .map(|(_, id)| *id)
            .collect();
        let removed = old.keys().filter(|key| !new.contains_key(*key)).count();
        self.plan.changes += (insert.len() + removed) as u64;
        if !insert.is_empty() {
            hunks.push(Hunk {
                index: current.len() as u32,
                remove: 0,
                insert,
            });
        }
        if !hunks.is_empty() {
            self.plan.edits.push(Edit::Splice { at, hunks });
        }
    }

    fn elements(&mut self, at: BranchPtr, current: &[NodeId], target: &[NodeId]) {
        let olds: Vec<_> = current
            .iter()
            .map(|id| self.current.node(*id).alignment)
            .collect();
        let news: Vec<_> = target
            .iter()
            .map(|id| self.target.node(*id).alignment)
            .collect();
        let mut hunks = Vec::new();
        for stretch in sequence::compare(&olds, &news, self.deadline) {
            match stretch {
                Stretch::Same(old, new) => {
                    for (old, new) in old.zip(new) {
                        self.go_into(current[old], target[new]);
                    }
                }
                Stretch::Other(old, new) => {
                    let pairs = sequence::pair(old.clone(), new.clone(), |old, new| {
                        self.likeness.of(current[old], target[new])
                    });
                    self.likeness.forget();
                    let (mut old_from, mut new_from) = (old.start, new.start);
                    for (old, new) in pairs {
                        self.replace(&mut hunks, old_from..old, &target[new_from..new]);
                        self.go_into(current[old], target[new]);
                        (old_from, new_from) = (old + 1, new + 1);
                    }
                    self.replace(&mut hunks, old_from..old.end, &target[new_from..new.end]);
                }
            }
        }
        if !hunks.is_empty() {
            self.plan.edits.push(Edit::Splice { at, hunks });
        }
    }

    fn replace(&mut self, hunks: &mut Vec<Hunk>, remove: Range<usize>, insert: &[NodeId]) {
        let insert: Vec<NodeId> = insert
            .iter()
            .copied()
            .filter(|id| self.can_be_written(*id))
            .collect();
        if !remove.is_empty() || !insert.is_empty() {
            self.plan.changes += (remove.len() + insert.len()) as u64;
            hunks.push(Hunk {
                index: remove.start as u32,
                remove: remove.len() as u32,
                insert,
            });
        }
    }

    fn text(&mut self, at: BranchPtr, current: &[Piece], target: &[Piece]) {
        let mut sides = Sides {
            current: self.current,
            target: self.target,
            deadline: self.deadline,
            likeness: &mut self.likeness,
        };
        let edit = text::compare(current, target, &mut sides);
        self.todo.extend(&edit.pairs);
        for (_, id) in &edit.planted {
            self.can_be_written(*id);
        }
        for id in &edit.lost {
            self.can_be_written(*id);
        }
        let changes = edit.changes();
        if changes > 0 {
            self.plan.changes += changes;
            self.plan.edits.push(Edit::Text { at, edit });
        }
    }

    fn go_into(&mut self, old: NodeId, new: NodeId) {
        if self.current.node(old).class != self.target.node(new).class {
            self.todo.push((old, new));
        }
    }

    /// Whether a node can be written, at least without something in it. What cannot be is said.
    fn can_be_written(&mut self, id: NodeId) -> bool {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            match &self.target.node(id).content {
                _ if self.target.node(id).whole => {}
                Content::Plain(_) => {}
                Content::Doc(guid) => self.plan.say(|| {
                    format!(
                        "{} was the sub-document {guid}, which cannot be made again",
                        self.target.path(id)
                    )
                }),
                Content::Unreadable(_) => self.say_unreadable(self.target, id),
                Content::Shared(_) => todo.extend(self.target.children(id)),
            }
        }
        !matches!(
            self.target.node(id).content,
            Content::Doc(_) | Content::Unreadable(_)
        )
    }

    fn say_unreadable(&mut self, tree: &Tree, id: NodeId) {
        if let Content::Unreadable(why) = &tree.node(id).content {
            self.plan
                .say(|| format!("{} cannot be compared: {why}", tree.path(id)));
        }
    }
}

/// Adds the removal of one more element, behind all others.
fn push_removal(hunks: &mut Vec<Hunk>, index: usize) {
    match hunks.last_mut() {
        Some(last) if last.index as usize + last.remove as usize == index => last.remove += 1,
        _ => hunks.push(Hunk {
            index: index as u32,
            remove: 1,
            insert: Vec::new(),
        }),
    }
}
