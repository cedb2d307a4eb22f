//! Every address of the OpenAPI document, asked by everybody.

use serde_json::{Value, json};

use super::{Guarded, Reply};
use crate::client::typed;

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
    ("listSnapshots", [401, 2, 2, 2, 403, 2, 401, 401]),
    ("createSnapshot", [401, 403, 2, 2, 403, 2, 401, 401]),
    ("getSnapshot", [401, 404, 404, 404, 403, 404, 401, 401]),
    ("getSnapshotJson", [401, 404, 404, 404, 403, 404, 401, 401]),
    ("labelSnapshot", [401, 403, 404, 404, 403, 404, 401, 401]),
    ("deleteSnapshot", [401, 403, 403, 404, 403, 404, 401, 401]),
    ("restoreSnapshot", [401, 403, 404, 404, 403, 404, 401, 401]),
];

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
                    "kick" => json!({"identity": "sub:carol"}),
                    _ => json!({}),
                },
                Some(_) => json!("bytes"),
            };
            found.push((name, method.to_uppercase(), path.clone(), body));
        }
    }
    found
}

async fn ask(all: &Guarded, who: &str, operation: &(String, String, String, Value)) -> Reply {
    let (_, method, path, body) = operation;
    let path = path
        .replace("{room}", "demo")
        .replace("{id}", "999")
        .replace("{version}", "999");
    let line = format!("{method} {path}");
    match body {
        Value::String(_) => all.bytes(who, &line, &typed(1, 0)).await,
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
