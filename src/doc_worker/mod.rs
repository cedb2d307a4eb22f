//! Documents are opened here, in child processes of this program: for whatever bytes cannot tell.
//!
//! Knows yrs and bytes. Does not know rooms, sockets or stores. The rule: nothing of yrs runs in the process that serves.

mod build;
pub mod child;
mod digest;
pub mod export;
mod health;
mod json;
mod message;
mod numbers;
mod open;
mod pool;
pub mod restore;
pub mod roots;
mod worker;
mod xml;

use bytes::Bytes;

pub use health::DocWorkersHealth;
pub use pool::{DocError, DocWorkers, DocWorkersConfig};

/// A doc as one update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The v1 update that holds all of it, garbage collected.
    pub snapshot: Bytes,
    /// What it has, as a v1 state vector.
    pub state_vector: Bytes,
}

/// What must be applied so that a doc shows an earlier content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restoration {
    /// One v1 update. None: nothing differs, or what differs cannot be restored.
    pub update: Option<Bytes>,
    /// How many entries, values and pieces of text it sets, inserts or removes.
    pub changes: u64,
    /// What could not be restored and why, a sentence each.
    pub left: Vec<String>,
}

/// Files that were made of a doc's board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exports {
    /// One, or one for each page.
    pub files: Vec<export::Exported>,
    /// What is said about all.
    pub facts: export::Facts,
}

/// What may follow the head of a request: two docs.
fn request_limit(max_doc_bytes: usize) -> usize {
    max_doc_bytes.saturating_mul(2)
}

/// What may follow the head of an answer. JSON takes more than the bytes that it shows, mostly less than four times; a small
/// board may become a large picture.
fn answer_limit(max_doc_bytes: usize) -> usize {
    max_doc_bytes.saturating_mul(4).saturating_add(32 << 20)
}
