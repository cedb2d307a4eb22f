//! The document of a room: read as bytes or JSON, written by updates and files.
//!
//! What is written goes the way of every edit: whoever is in the room sees it at once. The one rule: what is answered as written is stored.

use bytes::Bytes;
use scrible_wire::{Malformed, StateVector, merge};

use super::rooms::{check_text, security};
use super::{Refusal, ServiceError, Services};
use crate::access::{Admission, Identity, Knock, OwnSecrets, Role};
use crate::import::{self, Destination, SchemaMarks, format};
use crate::room::{Carrier, Membership, RoomName};

/// What is offered to a room before it is waited for.
const OFFERED_AT_ONCE: usize = 1 << 20;
/// Bytes of the name of a root.
const MAX_ROOT_BYTES: usize = 255;

/// How a file is to go into a room.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The array for a board's records; `tl_<room>` if not given.
    pub root: Option<String>,
    /// Put a board into a room that has content.
    pub merge: bool,
}

/// What went into a room.
pub use import::Imported;

impl Services {
    /// What a room has and `since` has not, as one update (Yjs v1); all of it where `since` is `None`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for what is no state vector, [`Refusal::RoomNotFound`], and what the gate has against it.
    pub async fn update(
        &self,
        room: &RoomName,
        knock: &Knock,
        since: Option<&[u8]>,
    ) -> Result<Bytes, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let limits = self.rooms.shared().config.limits.without_counts();
        let theirs = since.map(|since| StateVector::decode(since, &limits));
        let theirs = theirs.transpose().map_err(|malformed| {
            Refusal::Invalid(format!("`since` is no state vector of Yjs v1: {malformed}"))
        })?;
        let content = self.enter(room).await?.content();
        let merged = self.off_thread(move || {
            let parts = content.iter().map(|part| &part[..]);
            match theirs {
                Some(theirs) => merge::diff(parts, &theirs, &limits),
                None => merge::merge(parts, &limits),
            }
        });
        let merged = merged.await?;
        let merged = merged
            .map_err(|malformed: Malformed| ServiceError::Unreadable(malformed.to_string()))?;
        Ok(merged.into())
    }

    /// What a room has, as JSON: an object with a value for each root.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], what the gate has against it, or what a doc worker could not do.
    pub async fn json(&self, room: &RoomName, knock: &Knock) -> Result<Bytes, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let content = self.enter(room).await?.content();
        Ok(self.keeper.documents.json(content).await?)
    }

    /// Puts an update (Yjs v1) into a room. `false` where it brought nothing new.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], [`Refusal::Incomplete`], [`Refusal::SecretTold`], [`Refusal::Full`], [`Refusal::RoomNotFound`], and what the gate has against it.
    pub async fn apply(
        &self,
        room: &RoomName,
        knock: &Knock,
        update: &[u8],
    ) -> Result<bool, ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Editor).await?;
        check_secrets(room, knock, &admission, &[update])?;
        let membership = self.enter_as(room, admission.identity.clone()).await?;
        let offered = match membership.offer(update, Carrier::Update, None) {
            Ok(offered) => offered,
            Err(refused) => {
                security(room, knock, &admission.identity, "update_refused");
                return Err(refused.into());
            }
        };
        self.settle(&membership).await?;
        match offered.missing {
            Some(missing) => Err(Refusal::Incomplete {
                client: missing.client,
            }
            .into()),
            None => Ok(offered.appended),
        }
    }

    /// Puts the content of a file into a room.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with what is wrong with the file, [`Refusal::SecretTold`], [`Refusal::Full`], [`Refusal::RoomNotFound`], and what the gate has against
    /// it. A room that fills up on the way keeps what came before.
    pub async fn import(
        &self,
        room: &RoomName,
        knock: &Knock,
        options: ImportOptions,
        file: Bytes,
    ) -> Result<Imported, ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Editor).await?;
        let root = options.root.as_deref();
        let root = root.map(|root| check_text(root, "the root", MAX_ROOT_BYTES));
        let root = root.transpose()?;
        let membership = self.enter_as(room, admission.identity.clone()).await?;
        let theirs = membership.state_vector();
        let content = membership.content();
        let destination = Destination {
            room: room.clone(),
            root: root.as_deref().map(str::to_owned),
            merge: options.merge,
        };
        let prepared = self.off_thread(move || {
            let file = format::recognise(file.into())?;
            let mut marks = SchemaMarks::of(&file);
            content.iter().for_each(|update| marks.look_at(update));
            import::prepare(&destination, file, &theirs, &marks)
        });
        let prepared = prepared.await?;
        let (parts, imported) = prepared.map_err(|error| Refusal::Invalid(format!("{error:#}")))?;
        check_secrets(room, knock, &admission, &parts)?;
        let mut waiting = 0;
        for part in parts {
            membership.offer(&part, Carrier::Update, None)?;
            waiting += part.len();
            if waiting > OFFERED_AT_ONCE {
                self.settle(&membership).await?;
                waiting = 0;
            }
        }
        self.settle(&membership).await?;
        Ok(imported)
    }

    /// A seat in a room for a use case.
    pub(super) async fn enter(&self, room: &RoomName) -> Result<Membership, ServiceError> {
        self.enter_as(room, Identity::default()).await
    }

    async fn enter_as(
        &self,
        room: &RoomName,
        identity: Identity,
    ) -> Result<Membership, ServiceError> {
        let session = self.rooms.shared().next_session();
        Ok(self.rooms.enter(room, session, identity).await?)
    }

    /// Returns once all that is in the room is stored.
    pub(super) async fn settle(&self, membership: &Membership) -> Result<(), ServiceError> {
        self.versions.settle(membership).await
    }

    /// Long computation takes turns with that for newcomers, so that those who draw keep their processors.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let turn = self.rooms.shared().answering.clone().acquire_owned().await;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        working
            .await
            .map_err(|_| ServiceError::Unreadable("reading it ended the task that read it".into()))
    }
}

/// Refuses updates in which somebody hands on what he was let in by.
fn check_secrets(
    room: &RoomName,
    knock: &Knock,
    admission: &Admission,
    updates: &[impl AsRef<[u8]>],
) -> Result<(), Refusal> {
    let own = OwnSecrets::of(&knock.credentials, &admission.basis);
    if updates.iter().any(|update| own.are_in(update.as_ref())) {
        security(room, knock, &admission.identity, "secret_in_update");
        return Err(Refusal::SecretTold);
    }
    Ok(())
}
