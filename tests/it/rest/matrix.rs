//! Every address of the OpenAPI document and the socket, asked by everybody.

use futures_util::future::join_all;
use scrible_wire::{awareness, message};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Guarded, Reply, token};
use crate::client::{Client, Heard, typed};

const PEOPLE: [&str; 8] = [
    "nobody", "viewer", "editor", "ann", "bob", "admin", "expired", "forged",
];

/// What each of them gets, in that order: 2 for what they asked for, otherwise the status. Ann owns the room, bob another one.
const TABLE: &[(&str, [u16; 8])] = &[
    ("createRoom", [401, 403, 2, 2, 2, 2, 401, 401]),
    ("listRooms", [2, 2, 2, 2, 2, 2, 401, 401]),
    ("getRoom", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("changeRoom", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("deleteRoom", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("duplicateRoom", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("restoreRoom", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("purgeRoom", [401, 403, 403, 403, 403, 409, 401, 401]),
    ("createInvite", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("listInvites", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("revokeInvite", [401, 403, 403, 404, 403, 404, 401, 401]),
    ("listGrants", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("revokeGrant", [401, 403, 403, 404, 403, 404, 401, 401]),
    ("lookAtRoom", [2, 2, 2, 2, 2, 2, 2, 2]),
    ("joinRoom", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("listParticipants", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getPresence", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("kick", [401, 403, 403, 2, 403, 2, 401, 401]),
    ("getUpdate", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("applyUpdate", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getJson", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("importFile", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getUsage", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("listAssets", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("putAsset", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getAsset", [401, 404, 404, 404, 403, 404, 401, 401]),
    ("listSnapshots", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("createSnapshot", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getSnapshot", [401, 404, 404, 404, 403, 404, 401, 401]),
    ("getSnapshotJson", [401, 404, 404, 404, 403, 404, 401, 401]),
    ("labelSnapshot", [401, 403, 404, 404, 403, 404, 401, 401]),
    ("deleteSnapshot", [401, 403, 403, 404, 403, 404, 401, 401]),
    ("restoreSnapshot", [401, 403, 404, 404, 403, 404, 401, 401]),
    ("getPreviewSvg", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("getPreviewPng", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("orderExport", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("listExports", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("getExport", [404, 404, 404, 404, 404, 404, 401, 401]),
    ("cancelExport", [404, 404, 404, 404, 404, 404, 401, 401]),
    ("deleteExport", [404, 404, 404, 404, 404, 404, 401, 401]),
    ("watchRooms", [401, 403, 403, 403, 403, 2, 401, 401]),
];

/// What somebody does over a socket.
#[derive(Debug, Clone, Copy)]
enum Act {
    Join,
    Draw,
    Show,
}

/// The same for sockets: 2 for what they asked for, 0 where it is refused and the socket stays, otherwise the code with which it is closed. `demo` is
/// private and Ann's, `mine` is not there, `gone` was deleted, and `open` is public for viewers.
const SOCKETS: &[(&str, Act, [u16; 8])] = &[
    ("demo", Act::Join, [4401, 2, 2, 2, 4403, 2, 4401, 4401]),
    ("demo", Act::Draw, [4401, 0, 2, 2, 4403, 2, 4401, 4401]),
    ("demo", Act::Show, [4401, 2, 2, 2, 4403, 2, 4401, 4401]),
    (
        "mine",
        Act::Join,
        [4401, 4403, 4403, 2, 4403, 2, 4401, 4401],
    ),
    (
        "mine",
        Act::Draw,
        [4401, 4403, 4403, 2, 4403, 2, 4401, 4401],
    ),
    (
        "gone",
        Act::Join,
        [4401, 4403, 4403, 4404, 4403, 4404, 4401, 4401],
    ),
    ("open", Act::Join, [2, 2, 2, 2, 2, 2, 4401, 4401]),
    ("open", Act::Draw, [0, 0, 0, 2, 0, 2, 4401, 4401]),
    ("open", Act::Show, [2, 2, 2, 2, 2, 2, 4401, 4401]),
];

/// How a token comes.
#[derive(Debug, Clone, Copy)]
enum By {
    Query,
    Header,
}

/// What becomes of somebody at a socket. `id` is his own.
async fn at_socket(all: &Guarded, who: &str, by: By, room: &str, act: Act, id: u8) -> u16 {
    let (mut path, mut bearer) = (format!("/{room}"), None);
    match (token(who), by) {
        (Some(token), By::Query) => path += &format!("?token={token}"),
        (Some(token), By::Header) => bearer = Some(format!("Bearer {token}")),
        (None, _) => {}
    }
    let url = format!("ws://{}{path}", all.node.address);
    let mut request = url.into_client_request().unwrap();
    if let Some(bearer) = bearer {
        let headers = request.headers_mut();
        headers.insert("authorization", bearer.parse().unwrap());
    }
    let mut client = Client::connect_by(request).await;
    client.send(message::step1(&[0])).await;
    match act {
        Act::Join => {}
        Act::Draw => client.update(&typed(id, 0)).await,
        Act::Show => {
            let state = Some(&b"{}"[..]);
            let client_id = id.into();
            let entry = awareness::Entry {
                client: client_id,
                clock: 1,
                state,
            };
            let body = awareness::encode([entry].into_iter());
            client.send(message::awareness(&body)).await;
        }
    }
    loop {
        match (client.hear().await, act) {
            (Heard::Closed(code, _), _) => return code,
            (Heard::Denied, _) => {
                // The message that goes before a close says the same.
                client.send(message::step1(&[0])).await;
                return match client.hear().await {
                    Heard::Closed(code, _) => code,
                    _ => 0,
                };
            }
            (Heard::Step2(_), Act::Join) => return 2,
            (Heard::Update(update), Act::Draw) if update == typed(id, 0) => return 2,
            (Heard::Awareness(body), Act::Show) => {
                let shown = awareness::parse(&body, &Default::default()).unwrap();
                if shown.iter().any(|entry| entry.client == u64::from(id)) {
                    return 2;
                }
            }
            _ => {}
        }
    }
}

/// Every operation of the document: its name, method, path, and a body of the kind that it takes.
fn operations(document: &Value) -> Vec<(String, String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let body = match operation["requestBody"]["content"].as_object() {
                None => Value::Null,
                Some(content) if content.contains_key("application/json") => match &*name {
                    "createInvite" => json!({"role": "viewer"}),
                    "createSnapshot" | "labelSnapshot" => json!({"label": "x"}),
                    "orderExport" => json!({"format": "json"}),
                    "kick" => json!({"identity": "sub:carol"}),
                    _ => json!({}),
                },
                Some(_) if name == "putAsset" => json!("<svg/>"),
                Some(_) => json!(""),
            };
            found.push((name, method.to_uppercase(), path.clone(), body));
        }
    }
    found
}

async fn ask(all: &Guarded, who: &str, operation: &(String, String, String, Value)) -> Reply {
    let (name, method, path, body) = operation;
    // What stands in this address is a room for the one, and an export for the others.
    let export = match &**name {
        "orderExport" => "demo",
        _ => "00000000000000000000000000000000",
    };
    let path = path
        .replace("{room}", "demo")
        .replace("{id}", "999")
        .replace("{export}", export)
        .replace("{version}", "999")
        .replace("{name}", &format!("{name}.svg"));
    let line = match &**name {
        // It would go on for ever.
        "watchRooms" => format!("{method} {path}?once=true"),
        _ => format!("{method} {path}"),
    };
    match body {
        Value::String(none) if none.is_empty() => all.bytes(who, &line, &typed(1, 0)).await,
        Value::String(text) => all.bytes(who, &line, text.as_bytes()).await,
        body => all.json(who, &line, body.clone()).await,
    }
}

#[tokio::test]
async fn h5_every_address_refuses_all_but_those_who_may() {
    let all = Guarded::start().await;
    let document = all.get("nobody", "GET /openapi.json").await.json();
    let operations = operations(&document);
    assert_eq!(operations.len(), TABLE.len());
    for operation in &operations {
        let name = &operation.0;
        let row = TABLE.iter().find(|(row, _)| row == name);
        let (_, expected) = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        for (who, expected) in PEOPLE.iter().zip(expected) {
            // The room is there, and as it was, whatever the one before has done.
            all.get("admin", "POST /api/rooms/demo/restore").await;
            all.json(
                "ann",
                "POST /api/rooms",
                json!({"name": "demo", "visibility": "private"}),
            )
            .await;
            all.bytes("ann", "POST /api/rooms/demo/update", &typed(1, 0))
                .await;
            all.json("bob", "POST /api/rooms", json!({"name": "bobs"}))
                .await;
            let reply = ask(&all, who, operation).await;
            let status = if reply.status < 300 { 2 } else { reply.status };
            assert_eq!(status, *expected, "{name} by {who}: {reply:?}");
            assert!(reply.header("x-request-id").is_some(), "{name} by {who}");
            let (method, path) = (operation.1.to_lowercase(), &operation.2);
            let documented = &document["paths"][path][method]["responses"];
            let status = reply.status.to_string();
            assert!(
                documented[&status].is_object(),
                "{name} answers {status}, undocumented"
            );
            if reply.status >= 400 {
                reply.code();
            }
        }
    }
}

#[tokio::test]
async fn u8_every_socket_refuses_all_but_those_who_may() {
    let all = Guarded::start().await;
    for body in [
        json!({"name": "demo", "visibility": "private"}),
        json!({"name": "gone", "visibility": "private"}),
        json!({"name": "open", "visibility": "public", "link_role": "viewer"}),
    ] {
        let who = if body["name"] == "demo" {
            "ann"
        } else {
            "admin"
        };
        let made = all.json(who, "POST /api/rooms", body.clone()).await;
        assert_eq!(made.status, 201, "{body}: {made:?}");
    }
    let line = "PATCH /api/rooms/gone";
    all.json("admin", line, json!({"owner": "ann"})).await;
    let line = "PATCH /api/rooms/open";
    all.json("admin", line, json!({"owner": "ann"})).await;
    let deleted = all.get("admin", "DELETE /api/rooms/gone").await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    // All at once, because who is refused is held for a while.
    let mut asked = Vec::new();
    for (room, act, row) in SOCKETS {
        for by in [By::Query, By::Header] {
            for (who, expected) in PEOPLE.iter().zip(row) {
                asked.push((room, act, by, who, expected));
            }
        }
    }
    let ids = 1..=u8::MAX;
    let answers = asked.iter().zip(ids).map(|((room, act, by, who, _), id)| {
        // A varint of one byte up to 127; each room has people enough of its own.
        at_socket(&all, who, *by, room, **act, id % 127 + 1)
    });
    let answers = join_all(answers).await;
    assert_eq!(answers.len(), SOCKETS.len() * 2 * PEOPLE.len());
    for ((room, act, by, who, expected), got) in asked.into_iter().zip(answers) {
        assert_eq!(got, *expected, "{act:?} in {room} by {who}, {by:?}");
    }
}

#[tokio::test]
async fn h14_a_room_that_is_not_there_and_one_that_is_closed_look_alike() {
    let all = Guarded::start().await;
    let document = all.get("nobody", "GET /openapi.json").await.json();
    all.json(
        "ann",
        "POST /api/rooms",
        json!({"name": "closed", "visibility": "private"}),
    )
    .await;
    let without_id = |reply: &Reply| {
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            body.remove("request_id");
            body.remove("room");
        }
        (reply.status, body)
    };
    for operation in operations(&document) {
        if !operation.2.contains("{room}") {
            continue;
        }
        for who in ["nobody", "bob", "expired", "forged"] {
            let of = |room: &str| {
                let (name, method, path, body) = operation.clone();
                (name, method, path.replace("{room}", room), body)
            };
            let closed = ask(&all, who, &of("closed")).await;
            let absent = ask(&all, who, &of("absent")).await;
            assert_eq!(
                without_id(&closed),
                without_id(&absent),
                "{} by {who}",
                operation.0
            );
        }
    }
}
