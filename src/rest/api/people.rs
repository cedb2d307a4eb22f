//! `/api/rooms/{room}/participants`, `/presence` and `/kick`: who is there, who was, and who is to go.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::reply::Reply;

use super::call::{Answer, Call, cursor_at, ok};
use super::words::{RoleName, time};
use crate::rest::error::Problem;
use crate::service::Kick;

/// How long somebody is kept out where nobody says, and at most: ten years.
const SECONDS: u64 = 60;
const MAX_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

/// Somebody's stay in a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct Participant {
    /// `sub:` and a subject, or `grant:` and the id of a grant; `null` for somebody unknown.
    identity: Option<String>,
    /// What he called himself.
    name: Option<String>,
    role: RoleName,
    /// The Yjs client id under which he was seen, once he was.
    client: Option<u64>,
    #[schema(format = "date-time")]
    joined: String,
    /// `null` while he is there.
    #[schema(format = "date-time")]
    left: Option<String>,
}

/// Stays, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantList {
    participants: Vec<Participant>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// What a client shows of itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presence {
    /// Its Yjs client id.
    client: u64,
    /// How often it has said something.
    clock: u32,
    /// What it says: a cursor, a name, a colour; whatever the front end puts there.
    #[schema(value_type = Object)]
    state: Value,
    /// The node that it is connected to; `null` for the one that answers.
    node: Option<String>,
}

/// Everybody who shows himself.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresenceList {
    clients: Vec<Presence>,
}

/// Who is to go: an identity, or a client id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KickOrder {
    /// `sub:` and a subject, or `grant:` and the id of a grant.
    identity: Option<String>,
    /// A Yjs client id; where it is known who that is, the identity is kept out.
    client: Option<u64>,
    /// How long he is kept out; 60 if not given.
    #[schema(minimum = 0, maximum = 315360000)]
    seconds: Option<u64>,
}

/// `GET /api/rooms/{room}/participants`
pub async fn participants(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.services.participants(call.room()?, &call.knock, page);
    let listed = listing.await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.id.to_string()));
    let participants = listed.items.into_iter().map(Participant::from).collect();
    Ok(ok(&ParticipantList { participants, next }))
}

/// `GET /api/rooms/{room}/presence`
pub async fn presence(call: Call) -> Answer {
    let shown = call.services.presence(call.room()?, &call.knock).await?;
    let clients = shown.into_iter().map(|shown| Presence {
        client: shown.client,
        clock: shown.clock,
        // The scanner lets nothing else in.
        state: serde_json::from_slice(&shown.state).unwrap_or_default(),
        node: shown.node.map(|node| format!("{node:032x}")),
    });
    let clients = clients.collect();
    Ok(ok(&PresenceList { clients }))
}

/// `POST /api/rooms/{room}/kick`
pub async fn kick(call: Call) -> Answer {
    let order: KickOrder = call.json()?;
    let kick = match (order.identity, order.client) {
        (Some(identity), None)
            if identity.starts_with("sub:") || identity.starts_with("grant:") =>
        {
            if identity.len() > 1_024 || identity.contains('\0') {
                return Err(Problem::invalid("no identity is that"));
            }
            Kick::Identity(identity.into())
        }
        (Some(_), None) => {
            return Err(Problem::invalid(
                "an identity begins with `sub:` or `grant:`",
            ));
        }
        (None, Some(client)) => Kick::Client(client),
        _ => return Err(Problem::invalid("an identity or a client, not both")),
    };
    let seconds = order.seconds.unwrap_or(SECONDS);
    if seconds > MAX_SECONDS {
        return Err(Problem::invalid(
            "nobody is kept out for more than ten years",
        ));
    }
    let time = Duration::from_secs(seconds);
    call.services
        .kick(call.room()?, &call.knock, kick, time)
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

impl From<scrible_store::Participant> for Participant {
    fn from(participant: scrible_store::Participant) -> Self {
        Self {
            identity: participant.identity.map(|identity| identity.to_string()),
            name: participant.name.map(|name| name.to_string()),
            role: participant.role.into(),
            client: participant.client,
            joined: time(participant.joined_ms),
            left: participant.left_ms.map(time),
        }
    }
}
