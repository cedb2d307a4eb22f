//! What is going on in a room, for whoever watches it from outside.
//!
//! Holds the room's lock for a few lines and copies no content. It keeps nothing itself: whoever asks says what he knows already.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::Room;
use crate::bus::NodeId;

/// A room at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Open connections to this node.
    pub sessions: usize,
    /// Clients that show themselves, on all nodes.
    pub people: usize,
    /// Those of them that are on other nodes.
    pub people_elsewhere: usize,
    /// The other nodes on which these are.
    pub nodes: BTreeSet<NodeId>,
    /// Clients that have shown something new since the version of presence that was named.
    pub moving: usize,
    /// The version of presence now.
    pub presence: u64,
    /// Updates since the room was opened.
    pub updates: u64,
    /// The number of the newest stored update.
    pub stored: u64,
    /// When the last update came that is still kept as one.
    pub changed: Option<Instant>,
    /// How large the room is.
    pub bytes: usize,
}

impl Room {
    /// What is going on. `since`: the version of presence at the last look.
    pub fn pulse(&self, since: u64) -> Pulse {
        let state = self.state.lock();
        let (awareness, log) = (&state.awareness, &state.log);
        let newest = log.head().checked_sub(1).and_then(|last| log.get(last));
        Pulse {
            sessions: state.seats.len(),
            people: awareness.people(),
            people_elsewhere: awareness.people_elsewhere(),
            nodes: awareness.nodes(),
            moving: awareness.moved_since(since),
            presence: awareness.version(),
            updates: log.head(),
            stored: state.stored.sequence.applied(),
            changed: newest.map(|entry| entry.at),
            bytes: log.size(),
        }
    }
}
