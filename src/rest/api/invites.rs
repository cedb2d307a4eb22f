//! `/api/rooms/{room}/invites` and `/grants`: who was given a way in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, created, cursor_at, done, ok};
use super::encoded;
use super::words::{RoleName, read_time, time};
use crate::service::InviteWish;

/// An invite to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    role: RoleName,
    /// What it is called; at most 512 bytes.
    label: Option<String>,
    /// From when on it is not taken any more; RFC 3339, UTC.
    #[schema(format = "date-time")]
    expires: Option<String>,
    /// How many people may use it; any number if not given.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_uses: Option<u32>,
}

/// A way in that the owner gives to others.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invite {
    id: i64,
    role: RoleName,
    label: Option<String>,
    /// Who gave it, as `sub:` and a subject or `grant:` and the id of a grant.
    created_by: Option<String>,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    expires: Option<String>,
    max_uses: Option<u32>,
    uses: u32,
    /// When it was revoked, and with it everybody who came by it.
    #[schema(format = "date-time")]
    revoked: Option<String>,
}

/// An invite that was just made. Its secret is told this once.
#[derive(Serialize, ToSchema)]
pub struct GivenInvite {
    invite: Invite,
    secret: String,
    /// What to send to those who are invited.
    url: String,
}

/// Invites, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct InviteList {
    invites: Vec<Invite>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// Somebody's way into a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grant {
    id: i64,
    /// What the person called himself.
    name: Option<String>,
    role: RoleName,
    /// `password`, or `invite`.
    source: &'static str,
    /// Which invite, where it was one.
    invite: Option<i64>,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    expires: String,
    #[schema(format = "date-time")]
    revoked: Option<String>,
}

/// Grants, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantList {
    grants: Vec<Grant>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// `POST /api/rooms/{room}/invites`
pub async fn create(call: Call) -> Answer {
    let new: NewInvite = call.json()?;
    let wish = InviteWish {
        role: new.role.into(),
        label: new.label,
        expires_ms: new.expires.as_deref().map(read_time).transpose()?,
        max_uses: new.max_uses,
    };
    let room = call.room()?;
    let key = call.idempotency_key()?.map(|key| (key, &*call.body));
    let giving = call.services.add_invite(room, &call.knock, wish, key);
    let given = giving.await?;
    let secret = given.secret.reveal().to_owned();
    // Behind the `#`: browsers send that to nobody.
    let url = format!(
        "{}/join/{}#invite={secret}",
        call.base_url(),
        encoded(room.as_str())
    );
    Ok(created(&GivenInvite {
        invite: given.invite.into(),
        secret,
        url,
    }))
}

/// `GET /api/rooms/{room}/invites`
pub async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.services.invites(call.room()?, &call.knock, page);
    let listed = listing.await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.id.to_string()));
    let invites = listed.items.into_iter().map(Invite::from).collect();
    Ok(ok(&InviteList { invites, next }))
}

/// `DELETE /api/rooms/{room}/invites/{id}`
pub async fn revoke(call: Call) -> Answer {
    let id = call.number()?;
    let revoking = call.services.revoke_invite(call.room()?, &call.knock, id);
    revoking.await?;
    Ok(done())
}

/// `GET /api/rooms/{room}/grants`
pub async fn grants(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.services.grants(call.room()?, &call.knock, page);
    let listed = listing.await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.id.to_string()));
    let grants = listed.items.into_iter().map(Grant::from).collect();
    Ok(ok(&GrantList { grants, next }))
}

/// `DELETE /api/rooms/{room}/grants/{id}`
pub async fn revoke_grant(call: Call) -> Answer {
    let id = call.number()?;
    let revoking = call.services.revoke_grant(call.room()?, &call.knock, id);
    revoking.await?;
    Ok(done())
}

impl From<scrible_store::Invite> for Invite {
    fn from(invite: scrible_store::Invite) -> Self {
        Self {
            id: invite.id,
            role: invite.role.into(),
            label: invite.label.map(|label| label.to_string()),
            created_by: invite.created_by.map(|by| by.to_string()),
            created: time(invite.created_ms),
            expires: invite.expires_ms.map(time),
            max_uses: invite.max_uses,
            uses: invite.uses,
            revoked: invite.revoked_ms.map(time),
        }
    }
}

impl From<scrible_store::Grant> for Grant {
    fn from(grant: scrible_store::Grant) -> Self {
        let (source, invite) = match grant.source {
            scrible_store::GrantSource::Password(_) => ("password", None),
            scrible_store::GrantSource::Invite(id) => ("invite", Some(id)),
        };
        Self {
            id: grant.id,
            name: grant.name.map(|name| name.to_string()),
            role: grant.role.into(),
            source,
            invite,
            created: time(grant.created_ms),
            expires: time(grant.expires_ms),
            revoked: grant.revoked_ms.map(time),
        }
    }
}
