//! Rooms themselves: made, listed, given a password, deleted and brought back.
//!
//! Knows the bodies of `/api/rooms`. The rule: what is told of a room is what the server answered.

use anyhow::Result;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::asking::{self, Source};
use super::{Told, path_of, to_the_second};
use crate::access::{Role, Secret};
use crate::cli::client::{Client, Failed};
use crate::cli::table::{shown, table};
use crate::room::RoomName;

/// What it takes to change a room.
pub(super) const OWNER: &str = "a token of the room's owner or of an admin";

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// `None`: any.
    pub name: Option<String>,
    /// `--title`.
    pub title: Option<String>,
    /// `--public` or `--private`, in the words of the API.
    pub visibility: Option<&'static str>,
    /// `--link-role`.
    pub link_role: Option<Role>,
    /// Where its password comes from, if it may have one.
    pub password: Option<Source>,
}

/// Which rooms are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    /// `--search`.
    pub search: Option<String>,
    /// `--deleted`.
    pub deleted: bool,
}

/// How a room is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The room.
    pub room: String,
    /// `--purge`.
    pub purge: bool,
    /// `--yes`.
    pub yes: bool,
}

/// What is told of a room.
#[derive(Deserialize)]
struct Room {
    name: String,
    title: Option<String>,
    owner: Option<String>,
    visibility: Option<String>,
    link_role: String,
    has_password: bool,
    last_active: String,
    deleted: Option<String>,
    join_url: String,
}

pub async fn create(client: &Client, new: &New) -> Result<Told> {
    let mut body = Map::new();
    if let Some(name) = &new.name {
        RoomName::new(name)?;
        body.insert("name".to_owned(), json!(name));
    }
    // Asked for last, as it is of no use where something else is wrong already.
    let password = new.password.map(asking::password).transpose()?.flatten();
    let link_role = new.link_role.map(Role::as_str);
    for (key, value) in [
        ("title", new.title.as_deref()),
        ("visibility", new.visibility),
        ("link_role", link_role),
        ("password", password.as_ref().map(Secret::reveal)),
    ] {
        body.extend(value.map(|value| (key.to_owned(), json!(value))));
    }
    let body = Value::Object(body);
    let takes = "a token that may draw in a room of that name";
    let asking = client.ask(Method::POST, "/api/rooms", Some(&body));
    let answer = asking.await.map_err(|failed| failed.told(takes))?;
    let room: Room = client.read_as(&answer)?;
    let (name, url) = (shown(&room.name), shown(&room.join_url));
    let kept = match room.has_password {
        true => " with a password",
        false => "",
    };
    Ok(Told {
        text: format!("room {name:?} is made{kept}; people join it at\n{url}\n"),
        answers: vec![answer],
        aside: None,
    })
}

pub async fn list(client: &Client, which: &Which) -> Result<Told> {
    let mut query = Vec::new();
    query.extend(which.search.as_deref().map(|text| ("search", text)));
    query.extend(which.deleted.then_some(("deleted", "true")));
    let listing = client.all("/api/rooms", &query, "rooms");
    let answers = listing.await.map_err(|failed| failed.told("a token"))?;
    let mut rows = Vec::with_capacity(answers.len());
    for answer in &answers {
        rows.push(row(client.read_as(answer)?));
    }
    let aside = (rows.is_empty() && !client.has_token())
        .then(|| "no token was shown; SCRIBLE_TOKEN or --token says who you are".to_owned());
    let heads = [
        "NAME",
        "TITLE",
        "OWNER",
        "VISIBILITY",
        "PASSWORD",
        "LINK ROLE",
        "LAST CHANGE",
        "DELETED",
    ];
    let text = match rows.is_empty() {
        true => "no rooms of which you may know\n".to_owned(),
        false if which.deleted => table(heads, &rows),
        false => {
            let [heads @ .., _] = heads;
            let rows: Vec<_> = rows.into_iter().map(|[row @ .., _]| row).collect();
            table(heads, &rows)
        }
    };
    Ok(Told {
        answers,
        text,
        aside,
    })
}

fn row(room: Room) -> [String; 8] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        room.name,
        or_none(room.title),
        or_none(room.owner),
        or_none(room.visibility),
        if room.has_password { "yes" } else { "no" }.to_owned(),
        room.link_role,
        to_the_second(&room.last_active),
        or_none(room.deleted.as_deref().map(to_the_second)),
    ]
}

pub async fn password(
    client: &Client,
    room: &str,
    source: Option<Source>,
    link_role: Option<Role>,
) -> Result<Told> {
    let path = path_of(room, "")?;
    let password = source.map(asking::password).transpose()?.flatten();
    let mut body = json!({ "password": password.as_ref().map(Secret::reveal) });
    if let Some(role) = link_role {
        body["link_role"] = json!(role.as_str());
    }
    let changing = client.ask(Method::PATCH, &path, Some(&body));
    let answer = changing.await.map_err(|failed| failed.told(OWNER))?;
    let changed: Room = client.read_as(&answer)?;
    let name = shown(&changed.name);
    let may = match &*changed.link_role {
        // A room that was there before anybody made it lets its guests look until somebody says more.
        "viewer" => "look (draw with --link-role editor)",
        _ => "draw",
    };
    let text = match changed.has_password {
        true => format!(
            "room {name:?} has a new password; who brings it may {may}, at\n{}\n",
            shown(&changed.join_url)
        ),
        false => format!("room {name:?} has no password any more\n"),
    };
    Ok(Told {
        answers: vec![answer],
        text,
        aside: Some("whoever came in by a password before is out".to_owned()),
    })
}

pub async fn delete(client: &Client, deletion: &Deletion) -> Result<Told> {
    let Deletion { room, purge, yes } = deletion;
    let path = path_of(room, "")?;
    if !yes {
        match purge {
            true => {
                let question = format!("Room {room:?} and all its versions end for ever.");
                asking::confirm(&question, Some(room))?;
            }
            false => asking::confirm(&format!("Delete room {room:?}?"), None)?,
        }
    }
    let text = match purge {
        true => {
            end(client, room).await?;
            format!("room {room:?} is gone for ever\n")
        }
        false => {
            let deleting = client.ask(Method::DELETE, &path, None);
            deleting.await.map_err(|failed| failed.told(OWNER))?;
            format!("room {room:?} is deleted; `scrible room restore` brings it back\n")
        }
    };
    Ok(Told {
        answers: vec![json!({"room": room, "deleted": true, "purged": purge})],
        text,
        aside: None,
    })
}

/// Who may not end a room is told so while it is still there.
async fn end(client: &Client, room: &str) -> Result<()> {
    let (path, purge) = (path_of(room, "")?, path_of(room, "/purge")?);
    let told = |failed: Failed| failed.told("a token of an admin");
    match client.ask(Method::POST, &purge, None).await {
        Err(failed) if failed.is("room-not-deleted") => {
            client
                .ask(Method::DELETE, &path, None)
                .await
                .map_err(told)?;
            let ending = client.ask(Method::POST, &purge, None).await;
            ending.map_err(|failed| told(failed).context("the room is deleted, and not ended"))?;
            Ok(())
        }
        ended => ended.map(|_| ()).map_err(told),
    }
}

pub async fn restore(client: &Client, room: &str) -> Result<Told> {
    let path = path_of(room, "/restore")?;
    let restoring = client.ask(Method::POST, &path, None);
    let answer = restoring.await.map_err(|failed| failed.told(OWNER))?;
    let restored: Room = client.read_as(&answer)?;
    let (name, url) = (shown(&restored.name), shown(&restored.join_url));
    Ok(Told {
        answers: vec![answer],
        text: format!("room {name:?} is there, as it was; people join it at\n{url}\n"),
        aside: None,
    })
}
