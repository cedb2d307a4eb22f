//! The records of what somebody who watches over the server wants to know: each kind is provoked over HTTP or a socket, and read in the log of the program.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use scrible_wire::message;
use serde_json::{Value, json};

use crate::asking::{Ask, KEY, Reply, now, signed};
use crate::client::{Client, Heard, typed};
use crate::program::{Place, Process};

/// Stands in each secret, so one search finds any of them.
const PLANTED: &str = "hunter2-";
const PASSWORD: &str = "hunter2-sesame";
/// Longer than any record takes.
const PATIENCE: Duration = Duration::from_secs(20);
const HERE: &str = "127.0.0.1";

/// A server with a room `mine` of Ann's, and how much of its log was read.
struct Watched {
    place: Place,
    server: Process,
    read: usize,
    /// Secrets that were given, to be found nowhere.
    given: Vec<String>,
}

impl Watched {
    async fn start() -> Self {
        let place = Place::new();
        let log = ["--log", "info", "--log-format", "json"];
        let mut command = place.command(&[&["serve", "--port", "0"], &log[..]].concat());
        command.env("SCRIBLE_JWT_SECRET", KEY);
        let server = place.serve_logged(&mut command);
        let mut all = Self {
            place,
            server,
            read: 0,
            given: vec![PLANTED.to_owned(), KEY.to_owned()],
        };
        let room = json!({"name": "mine", "password": PASSWORD});
        assert_eq!(all.ask("ann", "POST /api/rooms", room).await.status, 201);
        all
    }

    fn token(&mut self, who: &str) -> Option<String> {
        let role = match who {
            "nobody" => return None,
            "viewer" => "viewer",
            _ => "editor",
        };
        let claims = json!({"sub": who, "exp": now() + 600, "rooms": {"mine": role}});
        let token = match who {
            "forged" => signed(&claims, "another key of thirty-two bytes or more"),
            _ => signed(&claims, KEY),
        };
        self.given
            .push(token.rsplit_once('.').unwrap().1.to_owned());
        Some(token)
    }

    async fn ask(&mut self, who: &str, line: &str, body: Value) -> Reply {
        let ask = Ask::json(line, self.token(who), &body);
        ask.send(self.server.address, "localhost").await
    }

    /// Puts bytes into the room.
    async fn put(&mut self, who: &str, body: Vec<u8>) -> Reply {
        let ask = Ask {
            method: "POST",
            path: "/api/rooms/mine/update",
            token: self.token(who),
            headers: vec![("Content-Type", "application/octet-stream".to_owned())],
            body,
        };
        ask.send(self.server.address, "localhost").await
    }

    async fn connect(&mut self, who: &str) -> Client {
        let token = self.token(who);
        let token = token.map(|token| format!("?token={token}"));
        let path = format!("/mine{}", token.unwrap_or_default());
        Client::connect(self.server.address, &path).await
    }

    /// Somebody who is in by a password or an invite, and the secret of his link.
    async fn guest(&mut self, shows: Value) -> (Client, String) {
        let joined = self.ask("nobody", "POST /api/rooms/mine/join", shows).await;
        assert_eq!(joined.status, 200, "{joined:?}");
        let room = joined.json()["link_room"].as_str().unwrap().to_owned();
        let link = room.rsplit_once("~g").unwrap().1.to_owned();
        self.given.push(link.clone());
        let (client, _) = Client::join(self.server.address, &format!("/{room}")).await;
        (client, link)
    }

    /// Waits for the records of what was just done, and holds them against those that are wanted, in any order.
    async fn told(&mut self, what: &str, wanted: &[(&str, Value)]) {
        let begun = Instant::now();
        let told = loop {
            let log = std::fs::read_to_string(self.place.file("log")).unwrap();
            let whole = log.lines().filter(|line| line.ends_with('}'));
            let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
            let told = lines.filter(|line| line["target"] == "scrible::security");
            let told: Vec<_> = told.skip(self.read).collect();
            if told.len() >= wanted.len() || begun.elapsed() > PATIENCE {
                break told;
            }
            tokio::task::yield_now().await;
        };
        self.read += told.len();
        let as_text = |level: &str, fields: &Value| format!("{level} {fields}");
        let mut got: Vec<_> = told
            .iter()
            .map(|line| as_text(line["level"].as_str().unwrap(), &line["fields"]))
            .collect();
        let mut wanted: Vec<_> = wanted
            .iter()
            .map(|(level, fields)| as_text(level, fields))
            .collect();
        got.sort();
        wanted.sort();
        assert_eq!(got, wanted, "{what}");
    }
}

/// An update of a client that puts a text into the root text `t`.
fn written(text: &str) -> Vec<u8> {
    let mut update = vec![1, 1, 30, 0, 0x04, 1, 1, b't', text.len() as u8];
    update.extend(text.bytes());
    update.push(0);
    update
}

/// The kinds of events that the documentation has.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../docs/operate.md");
    let (_, table) = text.split_once("| `event` |").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let kinds = rows.flat_map(|row| {
        row.split(" | ")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
    });
    kinds.map(str::to_owned).collect()
}

#[tokio::test]
async fn u18_every_kind_of_security_event_is_told_with_who_where_and_why_and_without_secrets() {
    let mut all = Watched::start().await;
    let failed = |reason: &str| json!({"event": "auth_failed", "reason": reason, "room": "mine", "peer": HERE});
    let of = |event: &str, identity: &str| {
        let fields = json!({"event": event, "room": "mine", "peer": HERE, "identity": identity});
        ("INFO", fields)
    };
    let line = "GET /api/rooms/mine";
    let nothing = "this needs a token, a password or an invite";
    let forged = "the token is not taken: its signature is not good";
    for (who, level, reason) in [("nobody", "INFO", nothing), ("forged", "WARN", forged)] {
        assert_eq!(all.ask(who, line, Value::Null).await.status, 401);
        all.told(who, &[(level, failed(reason))]).await;
        assert_eq!(all.connect(who).await.closed().await, 4401);
        all.told(who, &[(level, failed(reason))]).await;
    }
    let to_join = "POST /api/rooms/mine/join";
    let password = json!({"password": format!("{PLANTED}barley")});
    let invite = json!({"invite": format!("{PLANTED}AZaz09-_AZaz09")});
    for (shows, reason) in [
        (&password, "this is not the room's password"),
        (
            &invite,
            "this invite is not taken: it was revoked, has expired, or is for another room",
        ),
    ] {
        let refused = all.ask("nobody", to_join, shows.clone()).await;
        assert_eq!(refused.status, 403);
        all.told(reason, &[("INFO", failed(reason))]).await;
    }
    let mut wanted = Vec::new();
    let elsewhere = "POST /api/rooms/elsewhere/join";
    while all.ask("nobody", elsewhere, invite.clone()).await.status == 403 {
        let reason =
            "this invite is not taken: it was revoked, has expired, or is for another room";
        let fields =
            json!({"event": "auth_failed", "reason": reason, "room": "elsewhere", "peer": HERE});
        wanted.push(("INFO", fields));
    }
    let too_many = json!({"event": "too_many_attempts", "room": "elsewhere", "peer": HERE});
    wanted.push(("WARN", too_many));
    all.told("brute force", &wanted).await;

    let text = format!("{PLANTED}text");
    let mut viewer = all.connect("viewer").await;
    viewer.update(&typed(30, 0)).await;
    viewer
        .until(|heard| (*heard == Heard::Denied).then_some(()))
        .await;
    all.told("a viewer draws", &[of("update_refused", "sub:viewer")])
        .await;
    let malformed = &written(&text)[..12];
    let mut client = all.connect("ann").await;
    client.send(message::update(malformed)).await;
    assert_eq!(client.closed().await, 4422);
    all.told("malformed", &[of("update_refused", "sub:ann")])
        .await;
    assert_eq!(all.put("ann", malformed.to_vec()).await.status, 400);
    all.told("malformed, by request", &[of("update_refused", "sub:ann")])
        .await;

    let by_password = || json!({"password": PASSWORD});
    let (mut guest, link) = all.guest(by_password()).await;
    guest.update(&written(&link)).await;
    assert_eq!(guest.closed().await, 4422);
    all.told("his link", &[of("secret_in_update", "grant:1")])
        .await;
    let token = all.token("ann").unwrap();
    let signature = token.rsplit_once('.').unwrap().1;
    assert_eq!(all.put("ann", written(signature)).await.status, 422);
    all.told("his token", &[of("secret_in_update", "sub:ann")])
        .await;

    let invite = json!({"role": "editor", "label": format!("{PLANTED}label")});
    let invite = all.ask("ann", "POST /api/rooms/mine/invites", invite).await;
    let invite = invite.json()["secret"].as_str().unwrap().to_owned();
    all.given.push(invite.clone());
    let by_invite = json!({"invite": invite});
    let lowered = json!({"link_role": "viewer"});
    let kicked = json!({"identity": "grant:5"});
    let changed = json!({"password": format!("{PLANTED}wheat")});
    let room = "/api/rooms/mine";
    for (shows, line, body, code, wanted) in [
        (
            by_password(),
            format!("PATCH {room}"),
            lowered,
            4502,
            vec![of("role_changed", "grant:2")],
        ),
        (
            by_password(),
            format!("DELETE {room}/grants/3"),
            Value::Null,
            4401,
            vec![
                of("grant_revoked", "sub:ann"),
                of("access_ended", "grant:3"),
            ],
        ),
        (
            by_invite,
            format!("DELETE {room}/invites/1"),
            Value::Null,
            4401,
            vec![
                of("invite_revoked", "sub:ann"),
                of("access_ended", "grant:4"),
            ],
        ),
        (
            by_password(),
            format!("POST {room}/kick"),
            kicked,
            4403,
            vec![of("kicked", "sub:ann"), of("kicked", "grant:5")],
        ),
        (
            by_password(),
            format!("PATCH {room}"),
            changed,
            4401,
            vec![
                of("password_changed", "sub:ann"),
                of("access_ended", "grant:6"),
            ],
        ),
        (
            json!({"password": format!("{PLANTED}wheat")}),
            format!("DELETE {room}"),
            Value::Null,
            4404,
            vec![
                of("room_deleted", "sub:ann"),
                of("access_ended", "grant:7"),
                of("access_ended", "sub:viewer"),
            ],
        ),
    ] {
        let (mut guest, _) = all.guest(shows).await;
        let done = all.ask("ann", &line, body).await;
        assert!(done.status < 300, "{line}: {done:?}");
        assert_eq!(guest.closed().await, code, "{line}");
        all.told(&line, &wanted).await;
    }
    assert_eq!(viewer.closed().await, 4404);

    assert!(all.server.stop().success());
    let log = std::fs::read_to_string(all.place.file("log")).unwrap();
    let kind = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let is_event = line["target"] == "scrible::security";
        is_event.then(|| line["fields"]["event"].as_str().unwrap().to_owned())
    };
    let kinds: Vec<_> = log.lines().filter_map(kind).collect();
    assert_eq!(kinds.len(), all.read, "nothing else is told");
    let kinds: BTreeSet<_> = kinds.into_iter().collect();
    assert_eq!(kinds, documented());
    for secret in &all.given {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
