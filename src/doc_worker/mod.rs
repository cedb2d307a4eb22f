//! Documents are opened here, in child processes of this program: for whatever bytes cannot tell.
//!
//! Knows yrs and bytes. Does not know rooms, sockets or stores. The rule: nothing of yrs runs in the process that serves.

pub mod build;
pub mod digest;
pub mod json;
pub mod numbers;
pub mod open;
pub mod restore;
pub mod roots;
pub mod xml;

use bytes::Bytes;

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
