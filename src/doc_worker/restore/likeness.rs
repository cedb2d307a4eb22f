//! How alike two types are, where one is to be turned into the other.
//!
//! Knows two trees and compares samples of what is in a type: its entries, its elements, its words. The rule: this only
//! ever chooses between ways that are all right, so it may be as rough as it is cheap.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::rc::Rc;
use std::time::Instant;

use super::tree::{NodeId, Sequence, Tree, What};

/// How much of a type is looked at.
const MAX_FEATURES: usize = 128;
/// And how deep.
const DEPTH: usize = 3;
/// The most alike are worth so many pairs more.
const MOST: usize = 8;

/// Two trees, and what was looked at already.
pub(super) struct Likeness<'a> {
    current: &'a Tree,
    target: &'a Tree,
    deadline: Instant,
    features: HashMap<(Side, NodeId), Rc<[u64]>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Current,
    Target,
}

impl<'a> Likeness<'a> {
    /// After the deadline everything is as alike as everything else.
    pub(super) fn new(current: &'a Tree, target: &'a Tree, deadline: Instant) -> Self {
        Likeness {
            current,
            target,
            deadline,
            features: HashMap::new(),
        }
    }

    /// Whether a type can be turned into another one in its place.
    pub(super) fn can_become(&self, old: NodeId, new: NodeId) -> bool {
        match (self.current.shared(old), self.target.shared(new)) {
            (Some(old), Some(new)) => old.kind == new.kind,
            _ => false,
        }
    }

    /// As [`super::sequence::pair`] wants it. Types with different ids are different things and never turned into each
    /// other.
    pub(super) fn of(&mut self, old: NodeId, new: NodeId) -> Option<u32> {
        if !self.can_become(old, new) {
            return None;
        }
        let id = |tree: &Tree, node| tree.shared(node).and_then(|shared| shared.id);
        if let (Some(old), Some(new)) = (id(self.current, old), id(self.target, new))
            && old != new
        {
            return None;
        }
        if Instant::now() >= self.deadline {
            return Some(0);
        }
        let old = self.features(Side::Current, old);
        let new = self.features(Side::Target, new);
        let (mut at, mut common) = (0, 0);
        for feature in new.iter() {
            while old.get(at).is_some_and(|old| old < feature) {
                at += 1;
            }
            if old.get(at) == Some(feature) {
                common += 1;
                at += 1;
            }
        }
        let most = old.len().max(new.len()).max(1);
        Some((MOST * common / most) as u32)
    }

    /// Forgets what was looked at: nodes that were weighed against each other are not weighed again.
    pub(super) fn forget(&mut self) {
        self.features.clear();
    }

    /// What tells a type from others, sorted.
    fn features(&mut self, side: Side, id: NodeId) -> Rc<[u64]> {
        if let Some(known) = self.features.get(&(side, id)) {
            return known.clone();
        }
        let tree = match side {
            Side::Current => self.current,
            Side::Target => self.target,
        };
        let mut features = Vec::new();
        collect(tree, id, DEPTH, &mut features);
        features.truncate(MAX_FEATURES);
        features.sort_unstable();
        let features: Rc<[u64]> = features.into();
        self.features.insert((side, id), features.clone());
        features
    }
}

fn collect(tree: &Tree, id: NodeId, depth: usize, features: &mut Vec<u64>) {
    let Some(shared) = tree.shared(id).filter(|_| depth > 0) else {
        return;
    };
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    for (key, id) in shared.entries.iter().take(MAX_FEATURES) {
        features.push(hasher.hash_one((key, tree.node(*id).class)));
    }
    if let Sequence::Text(pieces) = &shared.sequence {
        let words = pieces.iter().flat_map(|piece| match &piece.what {
            What::Text(text) => text.split_whitespace(),
            _ => "".split_whitespace(),
        });
        features.extend(words.take(MAX_FEATURES).map(|word| hasher.hash_one(word)));
    }
    for id in tree.children(id) {
        if features.len() >= MAX_FEATURES {
            return;
        }
        if tree.shared(id).is_some() {
            collect(tree, id, depth - 1, features);
        } else {
            features.push(hasher.hash_one(tree.node(id).class));
        }
    }
}
