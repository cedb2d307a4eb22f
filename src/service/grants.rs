//! Grants: who has a way into a room by password or invite. The owner sees them and takes them away.

use scrible_store::{Grant, Page};

use super::invites::one_more;
use super::rooms::security;
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Knock, Role};
use crate::room::RoomName;

impl Services {
    /// The grants of a room, newest first, dead ones included.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn grants(
        &self,
        room: &RoomName,
        knock: &Knock,
        page: Page,
    ) -> Result<Listed<Grant>, ServiceError> {
        let (_, entry) = self.admit_to(room, knock, Role::Owner).await?;
        let mut grants = self.store.grants(room.as_str(), one_more(page)).await?;
        for grant in &mut grants {
            grant.role = grant.role_in(&entry);
        }
        Ok(Listed::cut(grants, page.limit))
    }

    /// Revokes a grant; whoever is in by it goes at once.
    ///
    /// # Errors
    /// [`Refusal::GrantNotFound`], [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn revoke_grant(
        &self,
        room: &RoomName,
        knock: &Knock,
        id: i64,
    ) -> Result<(), ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Owner).await?;
        let revoked = self.store.revoke_grant(room.as_str(), id, now_ms()).await?;
        revoked.ok_or(Refusal::GrantNotFound)?;
        self.access_changed(room);
        security(room, knock, &admission.identity, "grant_revoked");
        Ok(())
    }
}
