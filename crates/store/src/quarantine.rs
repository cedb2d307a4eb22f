//! The part of a store that keeps bad updates.
//!
//! Knows no SQL. The rule: nothing here may stand in the way of storing updates; whoever calls goes on without it.

use async_trait::async_trait;

use crate::{DeadLetter, StoreError};

/// What a store keeps beside the rooms. The contract suite says what an implementation owes.
#[async_trait]
pub trait Quarantine: Send + Sync + 'static {
    /// Keeps dead letters, all or none, and lets the oldest go: there are at most 1,000 altogether, 100 of a room, and
    /// 16 MiB of their bytes.
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError>;

    /// Those of a room, newest first; none of a room that nobody knows.
    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError>;
}
