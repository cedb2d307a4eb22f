//! `/api/rooms/{room}/join`: a password or an invite becomes a way in.
//!
//! The one rule: secrets come in the body and go out in a cookie and as a part of a room's name, never in an address of this server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::header::SET_COOKIE;

use super::call::{Answer, Call, ok};
use super::words::{RoleName, read_time, time};
use crate::access::Secret;
use crate::rest::cookie;
use crate::rest::error::Problem;
use crate::service::{JoinWish, Proof, Via};

/// What somebody joins with: a password, an invite, or nothing where he has joined before.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// What the person is to be called; at most 128 bytes.
    name: Option<String>,
    /// The room's password.
    password: Option<String>,
    /// The secret of an invite.
    invite: Option<String>,
    /// How the front end is to send the way in: `link` (the default) puts it into the room's name, which works everywhere; `cookie` leaves
    /// it in the cookie, for front ends on the same site.
    via: Option<JoinVia>,
    /// When the way in that a password or an invite gives is to end; after 30 days if not said, and never later. RFC 3339, UTC.
    #[schema(format = "date-time")]
    expires: Option<String>,
}

/// How a front end sends a person's way in.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JoinVia {
    /// By the cookie.
    Cookie,
    /// In the room's name.
    Link,
}

/// Somebody who is in.
#[derive(Serialize, ToSchema)]
pub struct Joined {
    role: RoleName,
    /// Until when; `null` where it does not end by itself.
    #[schema(format = "date-time")]
    expires: Option<String>,
    room: String,
    /// What to give to a front end as the name of the room.
    link_room: String,
    /// The front end, with the room put in; `null` where none is known.
    url: Option<String>,
}

/// What somebody may know of a room who has not joined it. It is the same for rooms that are not there.
#[derive(Debug, Serialize, ToSchema)]
pub struct WayIn {
    room: String,
    /// Only for those who may come in.
    title: Option<String>,
    needs: Needs,
    /// What you may do, if you may come in.
    role: Option<RoleName>,
    /// Whether you have joined before.
    joined: bool,
}

/// What it takes to come in.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// A password, or an invite.
    Password,
    /// You may come in as you are.
    Nothing,
}

/// `GET /api/rooms/{room}/join`
pub async fn look(call: Call) -> Answer {
    let room = call.room()?;
    let way_in = call.services.way_in(room, &call.knock).await?;
    Ok(ok(&WayIn {
        room: room.to_string(),
        title: way_in.title.map(|title| title.to_string()),
        needs: match way_in.role {
            Some(_) => Needs::Nothing,
            None => Needs::Password,
        },
        role: way_in.role.map(Into::into),
        joined: way_in.joined,
    }))
}

/// `POST /api/rooms/{room}/join`
pub async fn join(call: Call) -> Answer {
    let join: Join = call.json_or_default()?;
    let proof = match (join.password, join.invite) {
        (None, None) => Proof::Nothing,
        (Some(password), None) => Proof::Password(Secret::new(&password)),
        (None, Some(invite)) => Proof::Invite(Secret::new(&invite)),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("a password or an invite, not both"));
        }
    };
    let wish = JoinWish {
        name: join.name,
        proof,
        via: match join.via {
            Some(JoinVia::Cookie) => Via::Cookie,
            Some(JoinVia::Link) | None => Via::Link,
        },
        until_ms: join.expires.as_deref().map(read_time).transpose()?,
    };
    let room = call.room()?;
    let joined = call.services.join(room, &call.knock, wish).await?;
    let mut response = ok(&Joined {
        role: joined.role.into(),
        expires: joined.until_ms.map(time),
        room: room.to_string(),
        link_room: joined.link_room,
        url: joined.url,
    });
    let session = joined.session.as_ref();
    let name = call.services.gate().cookie();
    if let Some(cookie) = session.and_then(|session| cookie::give(name, session)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}
