//! The part of a store that keeps bad updates, and bad rooms in mind.
//!
//! Knows no SQL. The rule: nothing here may stand in the way of storing updates; whoever calls goes on without it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{DeadLetter, Incarnation, Opening, OpeningEnd, RoomRecord, StoreError};

/// What a store keeps beside the rooms. The contract suite says what an implementation owes.
///
/// What is noted of openings survives the end of the process, and need not survive that of the machine.
#[async_trait]
pub trait Quarantine: Send + Sync + 'static {
    /// Keeps dead letters, all or none, and lets the oldest go: there are at most 1,000 altogether, 100 of a room, and
    /// 16 MiB of their bytes.
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError>;

    /// Those of a room, newest first; none of a room that nobody knows.
    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError>;

    /// Notes that a node lives, as each says every [`NODE_BEAT`](crate::NODE_BEAT) from its start on, and buries those
    /// that don't any more: a death goes on the record of each room that they left in opening. Returns these records.
    ///
    /// A node is gone when it was not heard for 20 s, or when the store knows better: where only one node can use it,
    /// all others are gone once that one asks.
    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError>;

    /// Notes that a room is being opened, in the place of an earlier note of the same node. To be called before the
    /// room's bytes are read.
    async fn note_opening(&self, opening: &Opening) -> Result<(), StoreError>;

    /// Takes notes away: exactly those of these numbers. What lived loses its deaths, but stays set aside if it is.
    async fn end_openings(&self, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError>;

    /// Takes away all that a node has noted, and the node: it ends in order.
    async fn end_node(&self, node: Incarnation) -> Result<(), StoreError>;

    /// The record of a room; `None` when it is clean.
    async fn room_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError>;

    /// All records, by name.
    async fn room_records(&self) -> Result<Vec<RoomRecord>, StoreError>;

    /// Sets a room aside, as its operator wants it, whether it is stored or not.
    async fn set_aside(&self, room: Arc<str>) -> Result<(), StoreError>;

    /// Clears the record of a room, and returns what stood there.
    async fn clear_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError>;
}
