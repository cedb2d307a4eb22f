//! Versions of a room: list them, read them, keep one, put one back.
//!
//! Putting back changes nothing that was: the live room gets one more update, by which it shows what the version shows, and whoever
//! is in it sees that at once. The one rule: what was there before it is a version, too, so restoring can be undone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scrible_store::{Snapshot, SnapshotInfo};

use super::ServiceError;
use crate::access::Identity;
use crate::compact::{Keep, KeepError, Keeper, Kept};
use crate::room::{Carrier, Membership, Registry, RoomName};

/// How long storing what is there may take.
const SETTLE: Duration = Duration::from_secs(30);
/// Between attempts while somebody else is making a snapshot of the same room, and how often: longer than the lease of one that has died.
const BUSY: Duration = Duration::from_millis(100);
const BUSY_ATTEMPTS: usize = 300;

/// What can be done with versions.
#[derive(Clone)]
pub struct Versions {
    rooms: Arc<Registry>,
    keeper: Arc<Keeper>,
}

/// A version that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The version that holds what was there before.
    pub before: u64,
    /// Values, characters and nodes that were set, put in or taken out; 0 where nothing differed.
    pub changes: u64,
    /// What could not be put back, in sentences.
    pub left: Vec<String>,
}

impl Versions {
    /// Versions of the rooms of a node.
    pub fn new(rooms: Arc<Registry>, keeper: Arc<Keeper>) -> Self {
        Self { rooms, keeper }
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a room that was never written.
    pub async fn list(&self, room: &RoomName) -> Result<Vec<SnapshotInfo>, ServiceError> {
        let known = self.keeper.store.snapshots(room.as_str()).await?;
        let snapshots = known.ok_or(KeepError::NotFound)?.snapshots;
        Ok(snapshots.into_iter().filter(|info| info.listed).collect())
    }

    /// Says so where there is no such version.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn known(&self, room: &RoomName, version: u64) -> Result<(), ServiceError> {
        let known = self.list(room).await?;
        match known.iter().any(|info| info.version == version) {
            true => Ok(()),
            false => Err(ServiceError::no_version(room.as_str(), version)),
        }
    }

    /// One version: a Yjs update (v1) that holds the whole doc, and its state vector.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], or [`ServiceError::Unreadable`] where its bytes are damaged.
    pub async fn read(&self, room: &RoomName, version: u64) -> Result<Snapshot, ServiceError> {
        self.keeper.version(room.as_str(), version).await
    }

    /// One version as JSON: an object with a value for each root.
    ///
    /// # Errors
    /// As [`read`](Self::read), or what a doc worker could not do.
    pub async fn json(&self, room: &RoomName, version: u64) -> Result<Bytes, ServiceError> {
        let snapshot = self.read(room, version).await?;
        Ok(self.keeper.documents.json(vec![snapshot.data]).await?)
    }

    /// Keeps what is in the room at this moment.
    ///
    /// # Errors
    /// What the store, the doc workers or somebody who is doing the same have against it.
    pub async fn keep(&self, room: &RoomName, keep: &Keep) -> Result<Kept, ServiceError> {
        let membership = self.enter(room).await?;
        self.settle(&membership).await?;
        keep_patiently(&self.keeper, room, keep).await
    }

    /// Makes a room show what a version shows.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`keep`](Self::keep); nothing has changed then.
    pub async fn restore(
        &self,
        room: &RoomName,
        version: u64,
        author: Option<Arc<str>>,
    ) -> Result<Restored, ServiceError> {
        let target = self.read(room, version).await?;
        let before = self.keep(room, &before_restoring(version, author)).await?;
        let membership = self.enter(room).await?;
        let current = membership.content();
        let restoration = self
            .keeper
            .documents
            .restore(current, vec![target.data])
            .await?;
        if let Some(update) = &restoration.update {
            membership.offer(update, Carrier::Update, None)?;
            self.settle(&membership).await?;
        }
        tracing::info!(
            ?room,
            version,
            changes = restoration.changes,
            "version restored"
        );
        Ok(Restored {
            before: before.version,
            changes: restoration.changes,
            left: restoration.left,
        })
    }

    async fn enter(&self, room: &RoomName) -> Result<Membership, ServiceError> {
        let session = self.rooms.shared().next_session();
        Ok(self.rooms.enter(room, session, Identity::default()).await?)
    }

    /// Returns once all that is in the room is stored.
    pub(super) async fn settle(&self, membership: &Membership) -> Result<(), ServiceError> {
        match tokio::time::timeout(SETTLE, membership.settled()).await {
            Ok(settled) => Ok(settled?),
            Err(_) => Err(ServiceError::Unavailable(
                "what is in the room could not be stored in time".into(),
            )),
        }
    }
}

impl Keeper {
    /// One version; snapshots that are none are not found.
    pub async fn version(&self, room: &str, version: u64) -> Result<Snapshot, ServiceError> {
        let found = self.store.snapshot(room, version).await?;
        found
            .filter(|snapshot| snapshot.info.listed)
            .ok_or_else(|| ServiceError::no_version(room, version))
    }
}

/// What is kept before a version is restored.
pub fn before_restoring(version: u64, author: Option<Arc<str>>) -> Keep {
    Keep::Before {
        label: format!("before version {version} was restored").into(),
        author,
    }
}

/// Keeps a version, waiting while somebody else makes a snapshot of the same room.
pub async fn keep_patiently(
    keeper: &Keeper,
    room: &RoomName,
    keep: &Keep,
) -> Result<Kept, ServiceError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match keeper.keep(room.as_str(), keep).await {
            Err(KeepError::Busy) if attempts < BUSY_ATTEMPTS => tokio::time::sleep(BUSY).await,
            kept => return Ok(kept?),
        }
    }
}
