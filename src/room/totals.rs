//! All open rooms of a node together, for whoever watches it.
//!
//! Holds each room's lock for a few lines, one after another; so the figures are of about the same moment, not of one.

use tokio::time::Instant;

use super::{End, Room};

/// What all open rooms have and take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomTotals {
    /// Open rooms.
    pub rooms: usize,
    /// Sessions in them.
    pub sessions: usize,
    /// Clients that show themselves in them, on all nodes.
    pub people: usize,
    /// Those of them that are on other nodes.
    pub people_elsewhere: usize,
    /// Memory of their bases, in bytes.
    pub base_bytes: usize,
    /// Memory of the updates after those, in bytes.
    pub log_bytes: usize,
    /// Memory of what is known of the clients that have written to them, in bytes.
    pub clock_bytes: usize,
    /// Updates that wait to be stored.
    pub uncommitted_updates: u64,
    /// When the oldest of those was taken.
    pub oldest_uncommitted: Option<Instant>,
}

impl RoomTotals {
    /// Memory of all of them, in bytes.
    pub fn bytes(&self) -> usize {
        self.base_bytes + self.log_bytes + self.clock_bytes
    }
}

impl Room {
    /// Adds this room to others.
    pub fn add_to(&self, totals: &mut RoomTotals) {
        let state = self.state.lock();
        let log = &state.log;
        let base_bytes = log.base().weight();
        totals.rooms += 1;
        totals.sessions += state.seats.len();
        totals.people += state.awareness.people();
        totals.people_elsewhere += state.awareness.people_elsewhere();
        totals.base_bytes += base_bytes;
        totals.log_bytes += log.weight() - base_bytes;
        totals.clock_bytes += state.clock_bytes();
        // What a failed room holds waits for nothing any more.
        if state.end == Some(End::Failed) {
            return;
        }
        totals.uncommitted_updates += log.uncommitted();
        let oldest = log.get(log.committed()).map(|entry| entry.at);
        totals.oldest_uncommitted = match (totals.oldest_uncommitted, oldest) {
            (Some(known), Some(this)) => Some(known.min(this)),
            (known, this) => known.or(this),
        };
    }
}
