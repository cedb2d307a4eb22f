//! Invites: ways in that the owner of a room gives to others.
//!
//! The one rule: the secret of an invite is told once, to whoever made it; the store has its hash.

use std::sync::Arc;

use scrible_store::{Invite, NewInvite, Page};

use super::keyed::Turn;
use super::lasting::to_the_end;
use super::rooms::{MAX_TEXT_BYTES, check_text, security};
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Knock, Role, Secret};
use crate::room::RoomName;

/// An invite as its giver wants it.
#[derive(Debug, Clone)]
pub struct InviteWish {
    /// What it makes of whoever uses it.
    pub role: Role,
    /// What its giver calls it.
    pub label: Option<String>,
    /// From when on it is not taken any more, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// How many people may use it.
    pub max_uses: Option<u32>,
}

/// An invite, and what it is used by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenInvite {
    /// The invite.
    pub invite: Invite,
    /// What whoever has it shows.
    pub secret: Secret,
}

impl Services {
    /// Makes an invite. With the same key it is the same one, which gets another secret in the place of the one that did not arrive.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], [`Refusal::Invalid`], [`Refusal::KeyReused`], [`Refusal::InviteGiven`], and what the gate has against it.
    pub async fn add_invite(
        self: &Arc<Self>,
        room: &RoomName,
        knock: &Knock,
        wish: InviteWish,
        idempotency: Option<(&str, &[u8])>,
    ) -> Result<GivenInvite, ServiceError> {
        let (admission, entry) = self.admit_to(room, knock, Role::Owner).await?;
        let now = now_ms();
        if wish.max_uses == Some(0) || wish.max_uses.is_some_and(|uses| uses > i32::MAX as u32) {
            let why = "an invite may be used at least once, and at most 2147483647 times";
            return Err(Refusal::Invalid(why.to_owned()).into());
        }
        if wish.expires_ms.is_some_and(|expires| expires <= now) {
            let why = "an invite expires in the future";
            return Err(Refusal::Invalid(why.to_owned()).into());
        }
        let label = wish.label.as_deref();
        let label = label.map(|label| check_text(label, "the label", MAX_TEXT_BYTES));
        let label = label.transpose()?;
        let secret = Secret::random();
        let turn = self.turn_at((entry.id, "invite"), &admission.identity, idempotency);
        let key = match turn.await? {
            Turn::Yours(key) => key,
            Turn::Before(id) => {
                let hash = secret.hash();
                let renewed = self.store.renew_invite(entry.id, id, &hash).await?;
                let invite = renewed.ok_or(Refusal::InviteGiven)?;
                return Ok(GivenInvite { invite, secret });
            }
        };
        let new = NewInvite {
            secret: secret.hash(),
            role: wish.role,
            label,
            created_by: admission.identity.0,
            created_ms: now,
            expires_ms: wish.expires_ms,
            max_uses: wish.max_uses,
        };
        let (this, room) = (self.clone(), room.shared());
        let making = async move {
            let added = this.store.add_invite(&room, &new).await;
            let id = added
                .as_ref()
                .ok()
                .and_then(|added| Some(added.as_ref()?.id));
            this.done(key, id).await;
            let invite = added?.ok_or(Refusal::RoomNotFound)?;
            Ok(GivenInvite { invite, secret })
        };
        to_the_end(self.tasks(), making).await
    }

    /// The invites of a room, newest first, dead ones included.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn invites(
        &self,
        room: &RoomName,
        knock: &Knock,
        page: Page,
    ) -> Result<Listed<Invite>, ServiceError> {
        self.admit_to(room, knock, Role::Owner).await?;
        let invites = self.store.invites(room.as_str(), one_more(page)).await?;
        Ok(Listed::cut(invites, page.limit))
    }

    /// Revokes an invite, and with it everybody who came by it.
    ///
    /// # Errors
    /// [`Refusal::InviteNotFound`], [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn revoke_invite(
        &self,
        room: &RoomName,
        knock: &Knock,
        id: i64,
    ) -> Result<(), ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Owner).await?;
        let revoked = self
            .store
            .revoke_invite(room.as_str(), id, now_ms())
            .await?;
        revoked.ok_or(Refusal::InviteNotFound)?;
        self.access_changed(room);
        security(room, knock, &admission.identity, "invite_revoked");
        Ok(())
    }
}

/// What shows whether there is more.
pub(super) fn one_more(page: Page) -> Page {
    Page {
        limit: page.limit.saturating_add(1),
        ..page
    }
}
