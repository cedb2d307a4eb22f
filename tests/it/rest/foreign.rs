//! What is there and somebody else's: an invite, a grant, a version, an export and a file of ann's room, asked for by those who may not, and by the
//! ids that it has under the address of another room.

use serde_json::{Value, json};

use super::{Ask, Guarded, token};
use crate::client::typed;

const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'/>";
/// Another content.
const OTHER: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='6'/>";

/// Ann's room with one of each, and bob's with none.
struct Rooms {
    all: Guarded,
    invite: Value,
    grant: Value,
    version: Value,
    export: String,
}

impl Rooms {
    async fn new() -> Self {
        let all = Guarded::start_with(|config| config.export_workers = 0).await;
        let demo = json!({"name": "demo", "visibility": "private"});
        all.json("ann", "POST /api/rooms", demo).await;
        let bobs = json!({"name": "bobs", "visibility": "private"});
        all.json("bob", "POST /api/rooms", bobs).await;
        let drawn = typed(1, 0);
        all.bytes("ann", "POST /api/rooms/demo/update", &drawn)
            .await;
        let made = async |line: &str, body: Value| {
            let made = all.json("ann", line, body).await;
            assert!(made.status < 300, "{line}: {made:?}");
            made.json()
        };
        let invite = json!({"role": "viewer"});
        let invite = made("POST /api/rooms/demo/invites", invite).await;
        let by = json!({"invite": invite["secret"]});
        let joined = all.json("nobody", "POST /api/rooms/demo/join", by).await;
        assert_eq!(joined.status, 200, "{joined:?}");
        let grants = made("GET /api/rooms/demo/grants", Value::Null).await;
        let label = json!({"label": "one"});
        let version = made("POST /api/rooms/demo/snapshots", label).await;
        let order = json!({"format": "json"});
        let export = made("POST /api/exports/demo", order).await;
        let put = all.bytes("ann", "PUT /api/rooms/demo/assets/a.svg", SVG);
        assert_eq!(put.await.status, 201);
        Self {
            invite: invite["invite"]["id"].clone(),
            grant: grants["grants"][0]["id"].clone(),
            version: version["version"].clone(),
            export: export["id"].as_str().unwrap().to_owned(),
            all,
        }
    }

    /// Asks for one of ann's in a room, with the body that it takes.
    async fn ask(&self, who: &str, line: &str, room: &str) -> u16 {
        let filled = line
            .replace("{room}", room)
            .replace("{invite}", &self.invite.to_string())
            .replace("{grant}", &self.grant.to_string())
            .replace("{version}", &self.version.to_string())
            .replace("{export}", &self.export);
        let reply = match line.split(' ').next() {
            Some("PATCH") => {
                self.all
                    .json(who, &filled, json!({"label": "theirs"}))
                    .await
            }
            Some("PUT") => self.all.bytes(who, &filled, OTHER).await,
            _ => self.all.get(who, &filled).await,
        };
        reply.status
    }

    /// Everything is there as it was made.
    async fn stand(&self) {
        let read = async |line: &str| self.all.get("ann", line).await.json();
        let invites = read("GET /api/rooms/demo/invites").await;
        assert_eq!(invites["invites"][0]["id"], self.invite);
        assert_eq!(invites["invites"][0]["revoked"], Value::Null);
        let grants = read("GET /api/rooms/demo/grants").await;
        assert_eq!(grants["grants"][0]["id"], self.grant);
        assert_eq!(grants["grants"][0]["revoked"], Value::Null);
        let versions = read("GET /api/rooms/demo/snapshots").await;
        let mut versions = versions["snapshots"].as_array().unwrap().iter();
        let kept = versions.find(|kept| kept["version"] == self.version);
        assert_eq!(kept.unwrap()["label"], "one");
        let export = format!("GET /api/exports/{}", self.export);
        assert_eq!(read(&export).await["state"], "pending");
        let file = self.all.get("ann", "GET /api/rooms/demo/assets/a.svg");
        assert_eq!(file.await.body, SVG);
        let shown = read("GET /api/rooms/demo/json").await;
        assert_eq!(shown, json!({"t": "a"}));
    }
}

/// What nobody, the viewer and bob get of ann's, and whether her own id leads to it under the name of bob's room, whose owner asks.
const FOREIGN: &[(&str, [u16; 3])] = &[
    ("DELETE /api/rooms/{room}/invites/{invite}", [401, 403, 403]),
    ("DELETE /api/rooms/{room}/grants/{grant}", [401, 403, 403]),
    ("GET /api/rooms/{room}/snapshots/{version}", [401, 200, 403]),
    (
        "GET /api/rooms/{room}/snapshots/{version}/json",
        [401, 200, 403],
    ),
    (
        "PATCH /api/rooms/{room}/snapshots/{version}",
        [401, 403, 403],
    ),
    (
        "DELETE /api/rooms/{room}/snapshots/{version}",
        [401, 403, 403],
    ),
    (
        "POST /api/rooms/{room}/snapshots/{version}/restore",
        [401, 403, 403],
    ),
    ("GET /api/rooms/{room}/assets/a.svg", [401, 200, 403]),
    ("PUT /api/rooms/{room}/assets/a.svg", [401, 403, 403]),
    ("GET /api/exports/{export}", [404, 200, 404]),
    ("POST /api/exports/{export}/cancel", [404, 403, 404]),
    ("DELETE /api/exports/{export}", [404, 403, 404]),
];

#[tokio::test]
async fn h5_what_is_there_is_for_those_who_may_and_in_its_own_room_alone() {
    let rooms = Rooms::new().await;
    for (line, expected) in FOREIGN {
        for (who, expected) in ["nobody", "viewer", "bob"].into_iter().zip(expected) {
            let status = rooms.ask(who, line, "demo").await;
            assert_eq!(status, *expected, "{line} by {who}");
        }
        // To put a file into one's own room is one's own affair.
        if line.contains("{room}") && !line.starts_with("PUT") {
            let status = rooms.ask("bob", line, "bobs").await;
            assert_eq!(status, 404, "{line} in bob's room");
        }
    }
    rooms.stand().await;
    // They were there all the time.
    for (line, expected) in [
        (FOREIGN[0].0, 204),
        (FOREIGN[1].0, 204),
        (FOREIGN[4].0, 200),
        (FOREIGN[6].0, 200),
        (FOREIGN[5].0, 204),
        (FOREIGN[10].0, 200),
        (FOREIGN[11].0, 204),
    ] {
        let status = rooms.ask("ann", line, "demo").await;
        assert_eq!(status, expected, "{line} by ann");
    }
}

#[tokio::test]
async fn h5_a_method_is_what_the_request_line_says() {
    let rooms = Rooms::new().await;
    let version = format!("/api/rooms/demo/snapshots/{}", rooms.version);
    for path in ["/api/rooms/demo", &*version] {
        let path = format!("{path}?_method=DELETE");
        for header in [
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
        ] {
            for (method, status) in [("GET", 200), ("POST", 405)] {
                let reply = rooms.all.ask(Ask {
                    method,
                    path: &path,
                    token: token("ann"),
                    headers: vec![(header, "DELETE".to_owned())],
                    body: Vec::new(),
                });
                let reply = reply.await;
                assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
            }
        }
    }
    rooms.stand().await;
}
