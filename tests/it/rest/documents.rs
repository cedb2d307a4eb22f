//! What is in a room, by HTTP.

use serde_json::{Value, json};

use super::{Ask, Guarded};
use crate::client::{Client, typed};

#[tokio::test]
async fn h11_an_update_is_stored_and_shown_to_whoever_is_there() {
    let all = Guarded::start().await;
    all.room("demo").await;
    let token = super::token("ann").unwrap();
    let (mut client, _) = Client::join(all.node.address, &format!("/demo?token={token}")).await;
    let first = typed(1, 0);
    let applied = all
        .bytes("editor", "POST /api/rooms/demo/update", &first)
        .await;
    assert_eq!(
        (applied.status, applied.json()),
        (200, json!({"changed": true}))
    );
    assert_eq!(client.next_update().await, first);
    let again = all
        .bytes("editor", "POST /api/rooms/demo/update", &first)
        .await;
    assert_eq!(again.json(), json!({"changed": false}));
    let early = all
        .bytes("editor", "POST /api/rooms/demo/update", &typed(1, 2))
        .await;
    assert_eq!(early.refusal(), (409, "update-incomplete".into()));
    let bad = all
        .bytes("editor", "POST /api/rooms/demo/update", b"\x01\x01")
        .await;
    assert_eq!(bad.refusal(), (400, "invalid-request".into()));

    let second = typed(1, 1);
    all.bytes("editor", "POST /api/rooms/demo/update", &second)
        .await;
    let whole = all.get("viewer", "GET /api/rooms/demo/update").await;
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    // The state vector of the first: client 1 at clock 1.
    let rest = all
        .get("viewer", "GET /api/rooms/demo/update?since=AQEB")
        .await;
    assert_eq!(rest.body, second);
    assert!(whole.body.len() > rest.body.len());
    for since in ["*", "AQ"] {
        let line = format!("GET /api/rooms/demo/update?since={since}");
        assert_eq!(
            all.get("viewer", &line).await.refusal(),
            (400, "invalid-request".into())
        );
    }
    let shown = all.get("viewer", "GET /api/rooms/demo/json").await;
    assert_eq!(shown.json(), json!({"t": "ab"}));
    let usage = all.get("viewer", "GET /api/rooms/demo/usage").await.json();
    assert_eq!(
        (&usage["head"], &usage["connections"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn h11_what_a_room_takes_and_may_take_is_told() {
    let all = Guarded::start_with(|config| config.rooms.capacity.bytes = 12_345).await;
    all.room("demo").await;
    let usage = async || all.get("viewer", "GET /api/rooms/demo/usage").await.json();
    let nothing = json!({
        "head": 0, "updates": 0, "update_bytes": 0, "snapshots": 0, "snapshot_bytes": 0, "max_bytes": 12_345, "connections": 0,
        "assets": 0, "asset_bytes": 0, "max_asset_bytes": 1 << 30, "exports": 0, "export_bytes": 0
    });
    assert_eq!(usage().await, nothing);
    let token = super::token("ann").unwrap();
    // While she is there the room is not unloaded, and no version kept.
    let (mut ann, _) = Client::join(all.node.address, &format!("/demo?token={token}")).await;
    for clock in [0, 1] {
        ann.update(&typed(1, clock)).await;
        assert_eq!(ann.next_update().await, typed(1, clock));
    }
    let bytes = typed(1, 0).len() + typed(1, 1).len();
    let mut wanted = json!({
        "head": 2, "updates": 2, "update_bytes": bytes, "snapshots": 0, "snapshot_bytes": 0, "max_bytes": 12_345, "connections": 1,
        "assets": 0, "asset_bytes": 0, "max_asset_bytes": 1 << 30, "exports": 0, "export_bytes": 0
    });
    assert_eq!(usage().await, wanted);
    let kept = json!({"label": "one"});
    let kept = all
        .json("editor", "POST /api/rooms/demo/snapshots", kept)
        .await
        .json();
    wanted["snapshots"] = json!(1);
    wanted["snapshot_bytes"] = kept["bytes"].clone();
    assert_eq!(usage().await, wanted);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    let pasted = all.bytes("editor", "PUT /api/rooms/demo/assets/a.svg", svg);
    assert_eq!(pasted.await.status, 201);
    (wanted["assets"], wanted["asset_bytes"]) = (json!(1), json!(svg.len()));
    assert_eq!(usage().await, wanted);
}

#[tokio::test]
async fn h12_a_file_goes_in_as_by_the_command() {
    let all = Guarded::start().await;
    all.room("demo").await;
    let board = include_bytes!("../../data/boards/mixed.tldr");
    let put = all
        .bytes("editor", "POST /api/rooms/demo/import", board)
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    let put = put.json();
    assert!(put["records"].as_u64().unwrap() > 3, "{put}");
    let shown = all.get("viewer", "GET /api/rooms/demo/json").await.json();
    let records = shown["tl_demo"].as_array().unwrap();
    assert_eq!(records.len() as u64, put["records"].as_u64().unwrap());
    let twice = all
        .bytes("editor", "POST /api/rooms/demo/import", board)
        .await;
    assert_eq!(
        twice.refusal(),
        (400, "invalid-request".into()),
        "it has content already"
    );
    let merged = all
        .bytes("editor", "POST /api/rooms/demo/import?merge=true", board)
        .await;
    assert_eq!(merged.status, 200, "{merged:?}");
    let bad = all
        .bytes("editor", "POST /api/rooms/demo/import", b"\x89PNG")
        .await;
    assert_eq!(bad.refusal(), (400, "invalid-request".into()));
    let large = Ask {
        method: "POST",
        path: "/api/rooms/demo/import",
        token: super::token("editor"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let large = all.announce(large, (1 << 20) + 1).await;
    assert_eq!(large.refusal(), (413, "too-large".into()));
}

#[tokio::test]
async fn h13_versions_are_kept_named_read_put_back_and_taken_out() {
    let all = Guarded::start().await;
    all.room("demo").await;
    all.bytes("editor", "POST /api/rooms/demo/update", &typed(1, 0))
        .await;
    let kept = all
        .json(
            "editor",
            "POST /api/rooms/demo/snapshots",
            json!({"label": "one"}),
        )
        .await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let kept = kept.json();
    assert_eq!(
        (&kept["label"], &kept["author"]),
        (&json!("one"), &json!("sub:editor"))
    );
    let path = format!("/api/rooms/demo/snapshots/{}", kept["version"]);
    all.bytes("editor", "POST /api/rooms/demo/update", &typed(1, 1))
        .await;
    let named = all
        .json(
            "editor",
            &format!("PATCH {path}"),
            json!({"label": "first"}),
        )
        .await;
    assert_eq!(named.json()["label"], "first");
    let json_of = all.get("viewer", &format!("GET {path}/json")).await.json();
    assert_eq!(json_of, json!({"t": "a"}));
    assert_eq!(
        all.get("viewer", &format!("GET {path}")).await.body,
        typed(1, 0)
    );
    let restored = all.get("editor", &format!("POST {path}/restore")).await;
    assert_eq!(restored.status, 200, "{restored:?}");
    let shown = all.get("viewer", "GET /api/rooms/demo/json").await.json();
    assert_eq!(shown, json!({"t": "a"}));
    let list = all
        .get("viewer", "GET /api/rooms/demo/snapshots?limit=1")
        .await
        .json();
    let newest = list["snapshots"][0].clone();
    let next = list["next"].as_str().unwrap();
    let list = all
        .get(
            "viewer",
            &format!("GET /api/rooms/demo/snapshots?cursor={next}"),
        )
        .await
        .json();
    assert_eq!(list["next"], Value::Null);
    let older = list["snapshots"].as_array().unwrap();
    assert_eq!(older.last().unwrap()["label"], "first");
    // A version may be newer than it: the room is unloaded as soon as nobody is in it, and one is kept then.
    let before = &restored.json()["before"];
    let mut listed = [&newest].into_iter().chain(older);
    assert!(listed.any(|one| one["version"] == *before), "{before}");
    assert_eq!(all.get("ann", &format!("DELETE {path}")).await.status, 204);
    let gone = all.get("viewer", &format!("GET {path}")).await;
    assert_eq!(gone.refusal(), (404, "version-not-found".into()));
    let shown = all.get("viewer", "GET /api/rooms/demo/json").await.json();
    assert_eq!(shown, json!({"t": "a"}));
}
