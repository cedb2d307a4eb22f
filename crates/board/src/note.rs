//! What a reader of the board should know about records that were not as they should be.
//!
//! Knows ids and problems. The rule: a bad record never fails the board, and never goes unnamed.

use std::fmt;

/// One thing that was wrong with one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The record's id, or where it stood when it had none.
    pub record: String,
    /// What was wrong, and so what was done.
    pub problem: Problem,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.record, self.problem)
    }
}

/// What was wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Without a usable id or kind: left out.
    #[error("left out: it has no usable {0}")]
    Unusable(&'static str),
    /// Larger than a record may be, or too deep: left out.
    #[error("left out: it is larger or deeper than a record may be")]
    TooLarge,
    /// The id was there already: left out.
    #[error("left out: another record has the same id")]
    SameId,
    /// Of a kind that this reader does not know: kept for writing, not read.
    #[error("not read: records of the kind `{0}` are not known")]
    UnknownKind(String),
    /// A shape of an unknown type: kept with its bounds.
    #[error("shapes of the type `{0}` are not known")]
    UnknownShape(String),
    /// A field of the wrong type, or not finite: its default was taken.
    #[error("its `{0}` cannot be read, so the default was taken")]
    BadField(&'static str),
    /// A field was outside of the limits: it was cut to them.
    #[error("its `{0}` is beyond the limits and was cut")]
    Cut(&'static str),
    /// Its parent does not exist, or cannot be read: not drawn.
    #[error("not drawn: its parent `{0}` is not there")]
    NoParent(String),
    /// It is inside itself: not drawn.
    #[error("not drawn: it is inside itself")]
    Cycle,
    /// Below a shape that is not drawn.
    #[error("not drawn: it is inside a shape that is not drawn")]
    Detached,
    /// Deeper in the tree than is read: not drawn.
    #[error("not drawn: it is inside more shapes than are read")]
    TooDeep,
    /// A binding whose arrow or target is not drawn, or on another page: taken as loose.
    #[error("not used: it ties an arrow to a shape that is not there")]
    Loose,
    /// A second binding of the same end of an arrow: not used.
    #[error("not used: this end of the arrow is tied already")]
    TiedTwice,
    /// The page record is not there; a page was made for its shapes.
    #[error("this page has no record, so one without a name was made")]
    MadePage,
    /// Written by an editor later than this reader.
    #[error("written in version {found}, and only {known} is known")]
    Newer {
        /// The version that the document names.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
    /// The document waits for edits that are not in these bytes.
    #[error("some edits build on others that are not in these bytes")]
    Incomplete,
}

/// Notes, the first of them kept and all counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Notes {
    kept: Vec<Note>,
    all: usize,
    most: usize,
}

impl Notes {
    pub(crate) fn at_most(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, record: &str, problem: Problem) {
        self.all += 1;
        if self.kept.len() < self.most {
            self.kept.push(Note {
                record: cut(record, MOST_ID_BYTES).to_owned(),
                problem,
            });
        }
    }

    /// By record, so that they do not depend on how records were kept.
    pub(crate) fn sort(&mut self) {
        self.kept
            .sort_by(|one, other| one.record.cmp(&other.record));
    }

    pub(crate) fn kept(&self) -> &[Note] {
        &self.kept
    }

    pub(crate) fn all(&self) -> usize {
        self.all
    }
}

/// Bytes of an id, a parent or a type name in a note: enough to find it by.
pub(crate) const MOST_ID_BYTES: usize = 200;

/// The longest beginning of a text that has at most so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
