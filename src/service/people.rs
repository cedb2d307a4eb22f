//! People: who is in a room, who was, and sending somebody out.

use std::sync::Arc;
use std::time::Duration;

use scrible_store::{Page, Participant};

use super::invites::one_more;
use super::rooms::security;
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Identity, Knock, Role};
use crate::room::{RoomName, Shown};

/// Who is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kick {
    /// Everybody of this identity, who is then kept out.
    Identity(Arc<str>),
    /// Who shows himself under this Yjs client id; where it is known who that is, he is kept out.
    Client(u64),
}

/// What somebody in a room shows.
pub type Presence = Shown;

impl Services {
    /// Who was in a room, newest first.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn participants(
        &self,
        room: &RoomName,
        knock: &Knock,
        page: Page,
    ) -> Result<Listed<Participant>, ServiceError> {
        self.admit_to(room, knock, Role::Editor).await?;
        let people = self
            .store
            .participants(room.as_str(), one_more(page))
            .await?;
        Ok(Listed::cut(people, page.limit))
    }

    /// What everybody in a room shows at this moment, on all nodes, by client id.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], what the gate has against it, or a room that cannot be opened.
    pub async fn presence(
        &self,
        room: &RoomName,
        knock: &Knock,
    ) -> Result<Vec<Presence>, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let membership = self.enter(room).await?;
        Ok(membership.room().shows())
    }

    /// Sends somebody out, and keeps him out for so long. Who owns the room cannot be kept out.
    ///
    /// # Errors
    /// [`Refusal::ClientNotFound`], [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn kick(
        &self,
        room: &RoomName,
        knock: &Knock,
        kick: Kick,
        time: Duration,
    ) -> Result<(), ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Owner).await?;
        let identity = match &kick {
            Kick::Identity(identity) => Some(identity.clone()),
            Kick::Client(client) => {
                let membership = self.enter(room).await?;
                let shown = membership.room().shows();
                let shown = shown.into_iter().find(|shown| shown.client == *client);
                let Identity(identity) = shown.ok_or(Refusal::ClientNotFound)?.identity;
                identity
            }
        };
        if let Some(identity) = &identity {
            let time_ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            let until = now_ms().saturating_add(time_ms);
            if !self.store.block(room.as_str(), identity, until).await? {
                return Err(Refusal::RoomNotFound.into());
            }
            self.access_changed(room);
        }
        if let Kick::Client(client) = kick {
            self.rooms.kick(room, client);
        }
        security(room, knock, &admission.identity, "kicked");
        Ok(())
    }
}
