//! How one text becomes another: what stays, what gets other marks, what goes and what comes.
//!
//! Compares by words first and then by characters where words changed, so that long texts stay cheap and small changes
//! small. Knows pieces of a tree, not yrs. The rule: lengths are in UTF-16 units as Yjs counts them, and characters are
//! never cut.

use std::time::Instant;

use super::classes::{Class, MarksId};
use super::likeness::Likeness;
use super::sequence::{self, Stretch};
use super::tree::{Content, NodeId, Piece, Tree, What};

/// Where words would be cut up for less than one character in common of so many, they are replaced as a whole.
const ONE_IN_COMMON_OF: usize = 3;

/// A step over a text, from its beginning.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// So much stays, and has these marks instead of those.
    Keep {
        len: u32,
        from: MarksId,
        to: MarksId,
    },
    /// So much goes.
    Remove { len: u32 },
    /// This comes.
    Insert { what: What, marks: MarksId },
}

/// All that is to be done with a text.
#[derive(Debug, Default)]
pub(super) struct TextEdit {
    pub steps: Vec<Step>,
    /// Types that come, with their places among all types in the text as it will be.
    pub planted: Vec<(usize, NodeId)>,
    /// Types that stay and are to be turned into others, current and target.
    pub pairs: Vec<(NodeId, NodeId)>,
    /// Nodes of the target that cannot be written.
    pub lost: Vec<NodeId>,
    types: usize,
}

/// The two trees and what they are compared with.
pub(super) struct Sides<'a, 't> {
    pub current: &'a Tree,
    pub target: &'a Tree,
    pub deadline: Instant,
    pub likeness: &'a mut Likeness<'t>,
}

/// Compares two texts.
pub(super) fn compare(current: &[Piece], target: &[Piece], sides: &mut Sides<'_, '_>) -> TextEdit {
    let current = words(current, sides.current);
    let target = words(target, sides.target);
    let mut edit = TextEdit::default();
    for stretch in stretches(&current, &target, sides) {
        match stretch {
            Stretch::Same(old, new) => {
                edit.same(&current[old], &target[new], sides);
            }
            Stretch::Other(old, new) => edit.around_types(&current[old], &target[new], sides),
        }
    }
    edit
}

/// A text that comes as a whole.
pub(super) fn plant(pieces: &[Piece], tree: &Tree) -> TextEdit {
    let mut edit = TextEdit::default();
    for piece in pieces {
        edit.insert(&piece.what, piece.marks, tree);
    }
    edit
}

impl TextEdit {
    /// How many stretches get other marks, go or come.
    pub(super) fn changes(&self) -> u64 {
        let is_change = |step: &&Step| !matches!(step, Step::Keep { from, to, .. } if from == to);
        self.steps.iter().filter(is_change).count() as u64
    }

    /// Units that are the same apart from their marks, and types that may differ inside.
    fn same(&mut self, current: &[Unit<'_>], target: &[Unit<'_>], sides: &Sides<'_, '_>) {
        for (old, new) in current.iter().zip(target) {
            if let (Token::Node(old, _), Token::Node(new, _)) = (old.token, new.token) {
                self.types += 1;
                if sides.current.node(old).class != sides.target.node(new).class {
                    self.pairs.push((old, new));
                }
            }
            self.keep(old.token.len(), old.marks, new.marks);
        }
    }

    /// Units that differ. Types among them are turned into each other where they can be.
    fn around_types(
        &mut self,
        current: &[Unit<'_>],
        target: &[Unit<'_>],
        sides: &mut Sides<'_, '_>,
    ) {
        let types = |units: &[Unit<'_>]| -> Vec<(usize, NodeId)> {
            let node = |(at, unit): (usize, &Unit<'_>)| match unit.token {
                Token::Node(id, _) => Some((at, id)),
                _ => None,
            };
            units.iter().enumerate().filter_map(node).collect()
        };
        let (olds, news) = (types(current), types(target));
        let pairs = sequence::pair(0..olds.len(), 0..news.len(), |old, new| {
            sides.likeness.of(olds[old].1, news[new].1)
        });
        sides.likeness.forget();
        let (mut old_from, mut new_from) = (0, 0);
        for (old, new) in pairs {
            let (old, new) = (olds[old].0, news[new].0);
            self.by_characters(&current[old_from..old], &target[new_from..new], sides);
            self.same(&current[old..=old], &target[new..=new], sides);
            (old_from, new_from) = (old + 1, new + 1);
        }
        self.by_characters(&current[old_from..], &target[new_from..], sides);
    }

    fn by_characters(
        &mut self,
        current: &[Unit<'_>],
        target: &[Unit<'_>],
        sides: &mut Sides<'_, '_>,
    ) {
        let (olds, news) = (characters(current), characters(target));
        if olds.is_empty() || news.is_empty() {
            return self.other(current, target, sides);
        }
        let stretches = stretches(&olds, &news, sides);
        let same = stretches.iter().filter_map(|stretch| match stretch {
            Stretch::Same(old, _) => Some(old.len()),
            Stretch::Other(..) => None,
        });
        let is_cut_up = stretches.len() - same.clone().count() > 1;
        if is_cut_up && same.sum::<usize>() * ONE_IN_COMMON_OF < olds.len().max(news.len()) {
            return self.other(current, target, sides);
        }
        for stretch in stretches {
            match stretch {
                Stretch::Same(old, new) => self.same(&olds[old], &news[new], sides),
                Stretch::Other(old, new) => self.other(&olds[old], &news[new], sides),
            }
        }
    }

    fn other(&mut self, current: &[Unit<'_>], target: &[Unit<'_>], sides: &Sides<'_, '_>) {
        self.remove(current.iter().map(|unit| unit.token.len()).sum());
        for unit in target {
            match unit.token {
                Token::Text(text) => self.insert_text(text, unit.marks),
                _ => self.insert(unit.what, unit.marks, sides.target),
            }
        }
    }

    fn keep(&mut self, len: u32, from: MarksId, to: MarksId) {
        match self.steps.last_mut() {
            Some(Step::Keep {
                len: before,
                from: from_before,
                to: to_before,
            }) if (*from_before, *to_before) == (from, to) => *before += len,
            // What stays as it is needs no telling apart.
            Some(Step::Keep {
                len: before,
                from: from_before,
                to: to_before,
            }) if from_before == to_before && from == to => *before += len,
            _ => self.steps.push(Step::Keep { len, from, to }),
        }
    }

    fn remove(&mut self, len: u32) {
        match self.steps.last_mut() {
            _ if len == 0 => {}
            Some(Step::Remove { len: before }) => *before += len,
            _ => self.steps.push(Step::Remove { len }),
        }
    }

    fn insert(&mut self, what: &What, marks: MarksId, tree: &Tree) {
        match what {
            What::Text(text) => self.insert_text(text, marks),
            What::Embed(..) => self.steps.push(Step::Insert {
                what: what.clone(),
                marks,
            }),
            What::Node(id) => match &tree.node(*id).content {
                Content::Shared(_) => {
                    self.planted.push((self.types, *id));
                    self.types += 1;
                    self.steps.push(Step::Insert {
                        what: what.clone(),
                        marks,
                    });
                }
                _ => self.lost.push(*id),
            },
        }
    }

    fn insert_text(&mut self, text: &str, marks: MarksId) {
        match self.steps.last_mut() {
            Some(Step::Insert {
                what: What::Text(before),
                marks: marks_before,
            }) if *marks_before == marks => before.push_str(text),
            _ => self.steps.push(Step::Insert {
                what: What::Text(text.to_owned()),
                marks,
            }),
        }
    }
}

/// A word, a character, an embed or a type, with its marks.
#[derive(Clone, Copy)]
struct Unit<'a> {
    token: Token<'a>,
    what: &'a What,
    marks: MarksId,
}

#[derive(Clone, Copy)]
enum Token<'a> {
    Text(&'a str),
    Embed(Class),
    /// A type, and what it is aligned by.
    Node(NodeId, Class),
}

/// What two tokens are compared by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key<'a> {
    Text(&'a str),
    Embed(Class),
    Node(Class),
}

impl Token<'_> {
    fn len(&self) -> u32 {
        match self {
            Token::Text(text) => text.encode_utf16().count() as u32,
            _ => 1,
        }
    }
}

fn stretches(current: &[Unit<'_>], target: &[Unit<'_>], sides: &Sides<'_, '_>) -> Vec<Stretch> {
    fn keys<'a>(units: &[Unit<'a>]) -> Vec<Key<'a>> {
        let key = |unit: &Unit<'a>| match unit.token {
            Token::Text(text) => Key::Text(text),
            Token::Embed(class) => Key::Embed(class),
            Token::Node(_, class) => Key::Node(class),
        };
        units.iter().map(key).collect()
    }
    sequence::compare(&keys(current), &keys(target), sides.deadline)
}

/// Cuts pieces into words, white space between them, and single other characters.
fn words<'a>(pieces: &'a [Piece], tree: &Tree) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for piece in pieces {
        let unit = |token| Unit {
            token,
            what: &piece.what,
            marks: piece.marks,
        };
        match &piece.what {
            What::Text(text) => {
                let mut rest = text.as_str();
                while let Some(first) = rest.chars().next() {
                    let len = match class_of(first) {
                        Some(class) => rest
                            .find(|c| class_of(c) != Some(class))
                            .unwrap_or(rest.len()),
                        None => first.len_utf8(),
                    };
                    let (word, more) = rest.split_at(len);
                    units.push(unit(Token::Text(word)));
                    rest = more;
                }
            }
            What::Embed(class, _) => units.push(unit(Token::Embed(*class))),
            What::Node(id) => units.push(unit(Token::Node(*id, tree.node(*id).alignment))),
        }
    }
    units
}

/// Characters that stand together. None: each for itself.
fn class_of(char: char) -> Option<bool> {
    match char {
        c if c.is_alphanumeric() => Some(true),
        c if c.is_whitespace() => Some(false),
        _ => None,
    }
}

fn characters<'a>(units: &[Unit<'a>]) -> Vec<Unit<'a>> {
    let mut characters = Vec::new();
    for unit in units {
        match unit.token {
            Token::Text(text) => {
                characters.extend(text.split_inclusive(|_| true).map(|char| Unit {
                    token: Token::Text(char),
                    ..*unit
                }))
            }
            _ => characters.push(*unit),
        }
    }
    characters
}
