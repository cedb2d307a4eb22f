//! Opening a room: stored updates in the order of their sequence become base and clocks.
//!
//! The one rule: a room that cannot be read whole is not opened at all. It never starts empty where something was stored.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use scrible_wire::{Clocks, Limits};

use super::{FramedUpdate, RoomName};

/// What a room stands on after loading.
#[derive(Debug, Default)]
pub struct Opened {
    /// All stored updates merged, in parts to be applied in order; none for a room that was never written.
    pub base: Arc<[FramedUpdate]>,
    /// What is in it.
    pub clocks: Clocks,
    /// The store's id of the room, if it has one.
    pub stored_as: Option<i64>,
}

/// Why a room could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The store does not answer; trying again later may help.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What is stored does not make sense; someone should look.
    #[error("what is stored of the room cannot be read: {0}")]
    Corrupt(String),
}

/// Where rooms are loaded from.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Loads a room that nobody has open.
    async fn load(&self, name: &RoomName) -> Result<Opened, OpenError>;
}

impl Opened {
    /// Makes base and clocks from stored updates, oldest first.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] when an update is malformed or builds on something that was not stored before it.
    pub fn from_updates(
        updates: Vec<Bytes>,
        stored_as: Option<i64>,
        limits: &Limits,
    ) -> Result<Self, OpenError> {
        // They passed the gate one by one; a room may hold more clients than one update may.
        let limits = &limits.without_counts();
        let mut clocks = Clocks::new();
        for (at, update) in updates.iter().enumerate() {
            let nth = at + 1;
            let taken = clocks.take(update, limits).map_err(|error| {
                OpenError::Corrupt(format!("update {nth} of {}: {error}", updates.len()))
            })?;
            if let Some(missing) = taken.early {
                let (client, clock) = (missing.client, missing.clock);
                return Err(OpenError::Corrupt(format!(
                    "update {nth} of {} builds on clock {clock} of client {client}, which was not stored before it",
                    updates.len()
                )));
            }
        }
        let damaged = |error: scrible_wire::Malformed| OpenError::Corrupt(error.to_string());
        let merged = match &updates[..] {
            [] => None,
            [only] => Some(only.clone()),
            many => {
                let merged =
                    scrible_wire::merge::merge(many.iter().map(|update| &update[..]), limits);
                Some(merged.map_err(damaged)?.into())
            }
        };
        // A large room is in memory three times otherwise: as rows, merged, and framed.
        drop(updates);
        let parts = merged.map(|merged| FramedUpdate::parts(&merged, limits));
        let base = parts.transpose().map_err(damaged)?.unwrap_or_default();
        Ok(Self {
            base,
            clocks,
            stored_as,
        })
    }
}
