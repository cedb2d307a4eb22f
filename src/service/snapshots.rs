//! The versions of a room, for those who may see them and those who may make them.
//!
//! What versions are, and how they are kept and put back, is [`Versions`](super::Versions)' business.

use std::sync::Arc;

use bytes::Bytes;
use scrible_store::{Snapshot, SnapshotInfo};

use super::keyed::Turn;
use super::lasting::to_the_end;
use super::rooms::{MAX_TEXT_BYTES, check_text};
use super::{Listed, Restored, ServiceError, Services};
use crate::access::{Admission, Knock, Role};
use crate::compact::Keep;
use crate::room::RoomName;

impl Services {
    /// The versions of a room below `before`, newest first.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`](super::Refusal::RoomNotFound) and what the gate has against it.
    pub async fn snapshots(
        &self,
        room: &RoomName,
        knock: &Knock,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Listed<SnapshotInfo>, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let all = self.versions.list(room).await?.into_iter();
        let below = all.filter(|info| before.is_none_or(|before| info.version < before));
        let most = (limit as usize).saturating_add(1);
        Ok(Listed::cut(below.take(most).collect(), limit))
    }

    /// Keeps what is in the room at this moment under a name. With the same key it is the same version, of the moment when it was first asked for.
    ///
    /// # Errors
    /// As [`snapshots`](Self::snapshots); [`Refusal::Invalid`](super::Refusal::Invalid) for the name,
    /// [`Refusal::KeyReused`](super::Refusal::KeyReused).
    pub async fn keep_snapshot(
        self: &Arc<Self>,
        room: &RoomName,
        knock: &Knock,
        label: &str,
        idempotency: Option<(&str, &[u8])>,
    ) -> Result<SnapshotInfo, ServiceError> {
        let (admission, entry) = self.admit_to(room, knock, Role::Editor).await?;
        let label = check_text(label, "the label", MAX_TEXT_BYTES)?;
        let turn = self.turn_at((entry.id, "version"), &admission.identity, idempotency);
        let key = match turn.await? {
            Turn::Yours(key) => key,
            Turn::Before(version) => return self.info(room, version.unsigned_abs()).await,
        };
        let keep = Keep::Version {
            label: Some(label),
            author: author(admission),
        };
        let (this, room) = (self.clone(), room.clone());
        let keeping = async move {
            let kept = this.versions.keep(&room, &keep).await;
            let version = kept
                .as_ref()
                .ok()
                .and_then(|kept| i64::try_from(kept.version).ok());
            this.done(key, version).await;
            this.info(&room, kept?.version).await
        };
        to_the_end(self.tasks(), keeping).await
    }

    /// One version: an update (Yjs v1) that holds the whole doc.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], and as [`snapshots`](Self::snapshots).
    pub async fn snapshot(
        &self,
        room: &RoomName,
        knock: &Knock,
        version: u64,
    ) -> Result<Snapshot, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        self.versions.read(room, version).await
    }

    /// One version as JSON: an object with a value for each root.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot), or what a doc worker could not do.
    pub async fn snapshot_json(
        &self,
        room: &RoomName,
        knock: &Knock,
        version: u64,
    ) -> Result<Bytes, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        self.versions.json(room, version).await
    }

    /// Calls a version something else. It is then never thinned.
    ///
    /// # Errors
    /// As [`keep_snapshot`](Self::keep_snapshot), and [`ServiceError::NotFound`].
    pub async fn label_snapshot(
        &self,
        room: &RoomName,
        knock: &Knock,
        version: u64,
        label: &str,
    ) -> Result<SnapshotInfo, ServiceError> {
        let (_, entry) = self.admit_to(room, knock, Role::Editor).await?;
        let label = check_text(label, "the label", MAX_TEXT_BYTES)?;
        let info = self.info(room, version).await?;
        self.keeper
            .store
            .list_snapshot(entry.id, version, Some(label.clone()), info.author.clone())
            .await?;
        Ok(SnapshotInfo {
            label: Some(label),
            ..info
        })
    }

    /// Takes a version out of the list. What the room stands on stays.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], and as [`snapshots`](Self::snapshots).
    pub async fn delete_snapshot(
        &self,
        room: &RoomName,
        knock: &Knock,
        version: u64,
    ) -> Result<(), ServiceError> {
        let (_, entry) = self.admit_to(room, knock, Role::Owner).await?;
        self.info(room, version).await?;
        self.keeper.store.unlist_snapshot(entry.id, version).await?;
        Ok(())
    }

    /// Makes a room show what a version shows.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot), or what a doc worker could not do; nothing has changed then.
    pub async fn restore_snapshot(
        &self,
        room: &RoomName,
        knock: &Knock,
        version: u64,
    ) -> Result<Restored, ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Editor).await?;
        self.versions
            .restore(room, version, author(admission))
            .await
    }

    async fn info(&self, room: &RoomName, version: u64) -> Result<SnapshotInfo, ServiceError> {
        let listed = self.versions.list(room).await?;
        let found = listed.into_iter().find(|info| info.version == version);
        found.ok_or_else(|| ServiceError::no_version(room.as_str(), version))
    }
}

/// Who stands behind a version.
fn author(admission: Admission) -> Option<Arc<str>> {
    admission.name.or(admission.identity.0)
}
