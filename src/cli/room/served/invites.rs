//! Invites to a room: made, listed and ended.
//!
//! Knows the bodies of `/api/rooms/{room}/invites`. The rule: standard output holds the link of a new invite and nothing else.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rooms::OWNER;
use super::{Told, path_of, to_the_second};
use crate::access::Role;
use crate::cli::client::Client;
use crate::cli::table::{shown, table};
use crate::clock::now_ms;

/// An invite to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// The room.
    pub room: String,
    /// `--role`.
    pub role: Role,
    /// `--label`.
    pub label: Option<String>,
    /// `--expires`; `None` for never.
    pub life: Option<Duration>,
    /// `--uses`.
    pub uses: Option<u32>,
}

#[derive(Deserialize)]
struct Given {
    invite: Invite,
    url: String,
}

#[derive(Deserialize)]
struct Invite {
    id: i64,
    role: String,
    label: Option<String>,
    created: String,
    expires: Option<String>,
    max_uses: Option<u32>,
    uses: u32,
    revoked: Option<String>,
}

pub async fn create(client: &Client, new: &New) -> Result<Told> {
    let mut body = Map::new();
    body.insert("role".to_owned(), json!(new.role.as_str()));
    let expires = new.life.map(|life| {
        let end = SystemTime::now().checked_add(life);
        // What stands behind the year 9999 cannot be written.
        let end =
            end.filter(|end| *end < SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800));
        end.map(|end| humantime::format_rfc3339_seconds(end).to_string())
            .context("nobody lives that long: write `--expires never`")
    });
    if let Some(expires) = expires.transpose()? {
        body.insert("expires".to_owned(), json!(expires));
    }
    body.extend(
        new.label
            .as_ref()
            .map(|label| ("label".to_owned(), json!(label))),
    );
    body.extend(new.uses.map(|uses| ("max_uses".to_owned(), json!(uses))));
    let (path, body) = (path_of(&new.room, "/invites")?, Value::Object(body));
    let asking = client.ask(Method::POST, &path, Some(&body));
    let answer = asking.await.map_err(|failed| failed.told(OWNER))?;
    let Given { invite, url } = client.read_as(&answer)?;
    let uses = match invite.max_uses {
        None => String::new(),
        Some(1) => ", for one person".to_owned(),
        Some(uses) => format!(", for {uses} people"),
    };
    let until = match &invite.expires {
        None => String::new(),
        Some(expires) => format!(", until {}", shown(&to_the_second(expires))),
    };
    Ok(Told {
        text: format!("{}\n", shown(&url)),
        aside: Some(format!(
            "invite {} to room {:?} as {}{uses}{until}; its link is told this once",
            invite.id,
            new.room,
            shown(&invite.role)
        )),
        answers: vec![answer],
    })
}

pub async fn list(client: &Client, room: &str) -> Result<Told> {
    let path = path_of(room, "/invites")?;
    let listing = client.all(&path, &[], "invites");
    let answers = listing.await.map_err(|failed| failed.told(OWNER))?;
    let now = humantime::format_rfc3339_seconds(
        SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms().unsigned_abs()),
    );
    let now = now.to_string();
    let mut rows = Vec::with_capacity(answers.len());
    for answer in &answers {
        rows.push(row(client.read_as(answer)?, &now));
    }
    let heads = ["ID", "ROLE", "LABEL", "USES", "MADE", "EXPIRES", "STATE"];
    let text = match rows.is_empty() {
        true => format!("no invites to room {room:?}\n"),
        false => table(heads, &rows),
    };
    Ok(Told {
        answers,
        text,
        aside: None,
    })
}

fn row(invite: Invite, now: &str) -> [String; 7] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let expires = invite.expires.as_deref().map(to_the_second);
    let is_used_up = invite.max_uses.is_some_and(|most| invite.uses >= most);
    // Times of one form stand in order as texts.
    let state = match &expires {
        _ if invite.revoked.is_some() => "revoked",
        Some(expires) if expires.as_str() <= now => "expired",
        _ if is_used_up => "used up",
        _ => "good",
    };
    let uses = match invite.max_uses {
        Some(most) => format!("{} of {most}", invite.uses),
        None => invite.uses.to_string(),
    };
    [
        invite.id.to_string(),
        invite.role,
        or_none(invite.label),
        uses,
        to_the_second(&invite.created),
        or_none(expires),
        state.to_owned(),
    ]
}

pub async fn revoke(client: &Client, room: &str, id: u64) -> Result<Told> {
    let path = path_of(room, &format!("/invites/{id}"))?;
    let revoking = client.ask(Method::DELETE, &path, None);
    revoking.await.map_err(|failed| failed.told(OWNER))?;
    Ok(Told {
        answers: vec![json!({"room": room, "invite": id, "revoked": true})],
        text: format!("invite {id} to room {room:?} is revoked; whoever came by it is out\n"),
        aside: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h15_the_state_of_an_invite_is_told() {
        let state = |expires: Option<&str>, uses, revoked: Option<&str>| {
            let invite = Invite {
                id: 1,
                role: "viewer".to_owned(),
                label: None,
                created: "2026-01-01T00:00:00.000Z".to_owned(),
                expires: expires.map(str::to_owned),
                max_uses: Some(2),
                uses,
                revoked: revoked.map(str::to_owned),
            };
            let [.., state] = row(invite, "2026-05-01T00:00:00Z");
            state
        };
        let (before, after) = (
            Some("2026-04-30T23:59:59.000Z"),
            Some("2026-05-01T00:00:01.000Z"),
        );
        for (state, wanted) in [
            (state(None, 1, None), "good"),
            (state(after, 1, None), "good"),
            (state(before, 2, None), "expired"),
            (state(after, 2, None), "used up"),
            (state(after, 2, before), "revoked"),
        ] {
            assert_eq!(state, wanted);
        }
    }
}
