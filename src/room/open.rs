//! Opening a room: stored updates in the order of their sequence become base and clocks.
//!
//! The one rule: a room that cannot be read whole is not opened at all. It never starts empty where something was stored.

use async_trait::async_trait;
use bytes::Bytes;
use scrible_wire::{Clocks, Limits};

use super::stored::{Extent, Stored};
use super::{Content, RoomName};

/// What a room stands on after loading.
#[derive(Debug, Default)]
pub struct Opened {
    /// All stored updates merged.
    pub base: Content,
    /// What is in it.
    pub clocks: Clocks,
    /// What the store has.
    pub stored: Stored,
}

/// What the store has of a room, to be opened.
#[derive(Debug, Clone)]
pub struct StoredDoc {
    /// The store's id of the room.
    pub id: i64,
    /// The last sequence number that the snapshot covers, and the snapshot.
    pub snapshot: Option<(u64, Bytes)>,
    /// The updates after it, or all, by their numbers.
    pub updates: Vec<Bytes>,
}

/// What updates hold when they are taken in order.
#[derive(Debug, Default)]
pub struct Contents {
    /// Clocks and delete ranges.
    pub clocks: Clocks,
    /// There are sub-documents in them, or were: see [`scrible_wire::Taken::has_subdoc`].
    pub has_subdoc: bool,
}

/// The first of some updates that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreadable {
    /// Which one, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Contents {
    /// Reads stored updates, oldest first.
    ///
    /// # Errors
    /// [`Unreadable`] names the first one that is malformed or builds on something that was not there before it.
    pub fn read(updates: &[Bytes], limits: &Limits) -> Result<Self, Unreadable> {
        // They passed the gate one by one; a room may hold more clients than one update may.
        let limits = &limits.without_counts();
        let mut contents = Self::default();
        for (at, update) in updates.iter().enumerate() {
            let unreadable = |what| Unreadable { at, what };
            let taken = contents
                .clocks
                .take(update, limits)
                .map_err(|error| unreadable(error.to_string()))?;
            contents.has_subdoc |= taken.has_subdoc;
            if let Some(missing) = taken.early {
                let (client, clock) = (missing.client, missing.clock);
                return Err(unreadable(format!(
                    "it builds on clock {clock} of client {client}, which was not stored before it"
                )));
            }
        }
        Ok(contents)
    }
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
    /// The snapshot does not make sense. An older one may.
    #[error("the snapshot of the room cannot be read: {0}")]
    Snapshot(String),
    /// It is not to be opened. The sentence is for whoever asks.
    #[error("{0}")]
    SetAside(&'static str),
}

/// Where rooms are loaded from.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Loads a room that nobody has open.
    async fn load(&self, name: &RoomName) -> Result<Opened, OpenError>;
}

impl Opened {
    /// Makes base and clocks from what is stored.
    ///
    /// # Errors
    /// [`OpenError::Snapshot`] or [`OpenError::Corrupt`] when something is malformed or builds on what was not stored before it.
    pub fn read(doc: StoredDoc, limits: &Limits) -> Result<Self, OpenError> {
        let (seq, snapshot) = doc.snapshot.unzip();
        let (seq, has_snapshot) = (seq.unwrap_or(0), snapshot.is_some());
        let rows = doc.updates.len() as u64;
        let updates: Vec<Bytes> = snapshot.into_iter().chain(doc.updates).collect();
        let contents = Contents::read(&updates, limits).map_err(|unreadable| {
            match (unreadable.at, has_snapshot) {
                (0, true) => OpenError::Snapshot(unreadable.what),
                (at, _) => {
                    let row = seq + at as u64 + u64::from(!has_snapshot);
                    OpenError::Corrupt(format!("row {row}: {unreadable}"))
                }
            }
        })?;
        let bytes: usize = updates.iter().map(Bytes::len).sum();
        let snapshot = Extent {
            seq,
            bytes: updates
                .first()
                .filter(|_| has_snapshot)
                .map_or(0, Bytes::len),
        };
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
        let base = merged.map(|merged| Content::new(&merged, limits));
        Ok(Self {
            base: base.transpose().map_err(damaged)?.unwrap_or_default(),
            clocks: contents.clocks,
            stored: Stored::loaded(doc.id, snapshot, rows, bytes - snapshot.bytes),
        })
    }
}
