//! Rooms, invites and grants as their owners see them.

use serde_json::{Value, json};

use super::{Ask, Guarded, PAGE, token};
use crate::client::typed;

#[tokio::test]
async fn h4_a_room_is_made_shown_changed_deleted_restored_and_purged() {
    let all = Guarded::start().await;
    let made = all.json(
        "ann",
        "POST /api/rooms",
        json!({
            "name": "team/plan ä", "title": "Plan", "visibility": "private", "link_role": "viewer",
        }),
    );
    let made = made.await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = "/api/rooms/team%2Fplan%20%C3%A4";
    assert_eq!(made.header("location"), Some(path));
    let room = made.json();
    assert_eq!(room["name"], "team/plan ä");
    assert_eq!(
        (&room["owner"], &room["role"]),
        (&json!("ann"), &json!("owner"))
    );
    assert_eq!(room["has_password"], false);
    let join = "http://sync.example/join/team%2Fplan%20%C3%A4";
    assert_eq!(room["join_url"], join);
    let shown = all.get("ann", &format!("GET {path}")).await;
    assert_eq!(shown.json(), room);
    let change = json!({"title": null, "password": "secret", "visibility": "public", "viewers_export": false});
    let changed = all
        .json("ann", &format!("PATCH {path}"), change)
        .await
        .json();
    assert_eq!(
        (&changed["title"], &changed["has_password"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(changed["viewers_export"], false);
    assert_eq!(changed["link_role"], "viewer", "what is not named stays");
    let change = json!({"password": null});
    let changed = all
        .json("ann", &format!("PATCH {path}"), change)
        .await
        .json();
    assert_eq!(changed["has_password"], false);

    let purge = format!("POST {path}/purge");
    assert_eq!(
        all.get("admin", &purge).await.refusal(),
        (409, "room-not-deleted".into())
    );
    assert_eq!(all.get("ann", &format!("DELETE {path}")).await.status, 204);
    let gone = all.get("editor", &format!("GET {path}")).await;
    assert_eq!(gone.refusal(), (410, "room-deleted".into()));
    let kept = all.get("ann", &format!("GET {path}")).await;
    assert!(
        kept.json()["deleted"].is_string(),
        "its owner sees it: {kept:?}"
    );
    let deleted = all.get("ann", "GET /api/rooms?deleted=true").await.json();
    assert_eq!(deleted["rooms"][0]["name"], "team/plan ä");
    let others = all.get("bob", "GET /api/rooms?deleted=true").await.json();
    assert_eq!(others["rooms"], json!([]));
    let restore = format!("POST {path}/restore");
    assert_eq!(all.get("bob", &restore).await.status, 410);
    assert_eq!(
        all.get("ann", &restore).await.json()["deleted"],
        Value::Null
    );
    all.get("ann", &format!("DELETE {path}")).await;
    assert_eq!(all.get("ann", &purge).await.status, 410);
    assert_eq!(all.get("admin", &purge).await.status, 204);
    assert_eq!(
        all.get("admin", &format!("GET {path}")).await.code(),
        "room-not-found"
    );
}

#[tokio::test]
async fn h4_names_are_given_to_those_who_may_draw_under_them() {
    let all = Guarded::start().await;
    let make = |who: &'static str, name: &'static str| {
        let all = &all;
        async move {
            all.json(who, "POST /api/rooms", json!({"name": name}))
                .await
        }
    };
    assert_eq!(make("bob", "mine-1").await.status, 201);
    for name in ["mine", "closed", "elsewhere"] {
        let refused = make("bob", name).await;
        assert_eq!(refused.refusal(), (403, "forbidden".into()), "{name}");
    }
    assert_eq!(make("admin", "elsewhere").await.status, 201);
    assert_eq!(make("bob", "elsewhere").await.status, 403);
    assert_eq!(make("ann", "mine-1").await.code(), "room-exists");
}

#[tokio::test]
async fn h4_a_request_with_a_key_may_be_repeated() {
    let all = Guarded::start().await;
    let make = |key: &str, body: Value| {
        all.ask(Ask {
            method: "POST",
            path: "/api/rooms",
            token: token("ann"),
            headers: vec![
                ("Content-Type", "application/json".to_owned()),
                ("Idempotency-Key", key.to_owned()),
            ],
            body: body.to_string().into_bytes(),
        })
    };
    let first = make("k", json!({"title": "x", "password": "p"})).await;
    let again = make("k", json!({"title": "x", "password": "p"})).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["name"], again.json()["name"]);
    let other = make("k", json!({"title": "x", "password": "q"})).await;
    assert_eq!(other.refusal(), (422, "idempotency-key-reused".into()));
    let second = make("l", json!({"title": "x", "password": "p"})).await;
    assert_ne!(first.json()["name"], second.json()["name"]);
    let name = first.json()["name"].clone();
    let taken = make("m", json!({"name": name})).await;
    assert_eq!(taken.refusal(), (409, "room-exists".into()));
}

#[tokio::test]
async fn h6_lists_come_in_pages_and_show_what_one_may_know_of() {
    let all = Guarded::start().await;
    for name in ["a", "b", "c", "mine-b"] {
        all.room(name).await;
    }
    let mut found = Vec::new();
    let mut path = "GET /api/rooms?limit=2".to_owned();
    loop {
        let page = all.get("ann", &path).await.json();
        let rooms = page["rooms"].as_array().unwrap();
        assert!(rooms.len() <= 2);
        found.extend(
            rooms
                .iter()
                .map(|room| room["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("GET /api/rooms?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ["a", "b", "c", "mine-b"]);
    let names = |reply: Value| {
        let rooms = reply["rooms"].as_array().unwrap().clone();
        rooms
            .iter()
            .map(|room| room["name"].clone())
            .collect::<Vec<_>>()
    };
    let bobs = names(all.get("bob", "GET /api/rooms").await.json());
    assert_eq!(bobs, ["mine-b"]);
    assert_eq!(
        names(all.get("nobody", "GET /api/rooms").await.json()),
        [] as [Value; 0]
    );
    let all_names = names(all.get("admin", "GET /api/rooms?search=B").await.json());
    assert_eq!(all_names, ["b", "mine-b"]);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%2B",
        "deleted=maybe",
    ] {
        let reply = all.get("ann", &format!("GET /api/rooms?{bad}")).await;
        assert_eq!(reply.refusal(), (400, "invalid-request".into()), "{bad}");
    }
}

#[tokio::test]
async fn h7_what_makes_no_sense_is_refused_with_a_stable_code() {
    let all = Guarded::start().await;
    all.room("mine").await;
    for (body, why) in [
        (&br#"{"name":"api/x"}"#[..], "bad-room-name"),
        (br#"{"name":"x~gAAAAAAAAAAAAAAAAAAAAAA"}"#, "bad-room-name"),
        (br#"{"role":"owner"}"#, "invalid-request"),
        (br#"{"owner":"bob"}"#, "invalid-request"),
        (br#"{"title":"a","title":"b"}"#, "invalid-request"),
        (br#"{"title":""}"#, "invalid-request"),
        (br#"{"password":""}"#, "invalid-request"),
        (br#"{"link_role":"king"}"#, "invalid-request"),
        (
            br#"{"frontend":"https://evil.example/{room}"}"#,
            "invalid-request",
        ),
        (
            br#"{"frontend":"https://draw.example/"}"#,
            "invalid-request",
        ),
        (b"{", "invalid-request"),
        (b"[1]", "invalid-request"),
        (b"\xff", "invalid-request"),
    ] {
        let reply = all.ask(Ask {
            method: "POST",
            path: "/api/rooms",
            token: token("ann"),
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_vec(),
        });
        let reply = reply.await;
        assert_eq!(
            reply.refusal(),
            (400, why.into()),
            "{:?}",
            String::from_utf8_lossy(body)
        );
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = Ask {
        method: "PATCH",
        path: "/api/rooms/mine",
        token: token("ann"),
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: deep.into_bytes(),
    };
    assert_eq!(all.ask(deep).await.status, 400);
    let large = Ask {
        method: "PATCH",
        path: "/api/rooms/mine",
        token: token("ann"),
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: Vec::new(),
    };
    let large = all.announce(large, 65_537).await;
    assert_eq!(large.refusal(), (413, "too-large".into()));
    let form = Ask {
        method: "POST",
        path: "/api/rooms",
        token: token("ann"),
        headers: vec![("Content-Type", "text/plain".to_owned())],
        body: b"{}".to_vec(),
    };
    assert_eq!(
        all.ask(form).await.refusal(),
        (415, "unsupported-media-type".into())
    );
    let method = all.get("ann", "PUT /api/rooms/mine").await;
    assert_eq!(method.refusal(), (405, "method-not-allowed".into()));
    assert_eq!(method.header("allow"), Some("GET, PATCH, DELETE"));
    assert_eq!(
        all.get("ann", "GET /api/nothing").await.code(),
        "no-such-address"
    );
    assert_eq!(
        all.get("ann", "GET /api/rooms/%FF").await.code(),
        "bad-room-name"
    );
    let owner = all
        .json("ann", "PATCH /api/rooms/mine", json!({"owner": "bob"}))
        .await;
    assert_eq!(
        owner.refusal(),
        (403, "forbidden".into()),
        "only admins give rooms away"
    );
    let given = all
        .json("admin", "PATCH /api/rooms/mine", json!({"owner": "bob"}))
        .await;
    assert_eq!(given.json()["owner"], "bob");
    let left = all.get("ann", "GET /api/rooms/mine").await.json();
    assert_eq!(left["role"], "editor", "what her token says is left to her");
}

#[tokio::test]
async fn h8_pages_that_are_known_may_read_and_others_are_refused() {
    let all = Guarded::start().await;
    all.room("mine").await;
    let from = |method: &'static str, origin: &str, more: Vec<(&'static str, String)>| {
        let mut headers = more;
        headers.push(("Origin", origin.to_owned()));
        all.ask(Ask {
            method,
            path: "/api/rooms/mine",
            token: token("ann"),
            headers,
            body: Vec::new(),
        })
    };
    let known = from("GET", PAGE, Vec::new()).await;
    assert_eq!(known.status, 200);
    assert_eq!(known.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(
        known.header("access-control-allow-credentials"),
        Some("true")
    );
    for origin in [
        "https://evil.example",
        "null",
        "https://draw.example.evil.example",
    ] {
        let foreign = from("GET", origin, Vec::new()).await;
        assert_eq!(foreign.refusal(), (403, "foreign-page".into()), "{origin}");
        assert_eq!(foreign.header("access-control-allow-origin"), None);
        let asked = vec![("Access-Control-Request-Method", "GET".to_owned())];
        assert_eq!(from("OPTIONS", origin, asked).await.status, 403);
    }
    let asked = vec![("Access-Control-Request-Method", "PATCH".to_owned())];
    let preflight = from("OPTIONS", PAGE, asked).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("GET, PATCH, DELETE")
    );
}

#[tokio::test]
async fn h9_a_copy_has_the_content_and_nobodys_ways_in() {
    let all = Guarded::start().await;
    all.json(
        "ann",
        "POST /api/rooms",
        json!({"name": "mine", "password": "p", "title": "One"}),
    )
    .await;
    let update = [1, 1, 10, 0, 4, 1, 1, b't', 1, b'a', 0];
    assert_eq!(
        all.bytes("ann", "POST /api/rooms/mine/update", &update)
            .await
            .status,
        200
    );
    let copy = all
        .json(
            "ann",
            "POST /api/rooms/mine/duplicate",
            json!({"name": "copy"}),
        )
        .await;
    assert_eq!(copy.status, 201, "{copy:?}");
    let copy = copy.json();
    assert_eq!(
        (&copy["title"], &copy["has_password"]),
        (&json!("One"), &json!(false))
    );
    let content = all.get("ann", "GET /api/rooms/copy/update").await;
    assert_eq!(content.body, update);
    let again = all
        .json(
            "ann",
            "POST /api/rooms/mine/duplicate",
            json!({"name": "copy"}),
        )
        .await;
    assert_eq!(again.code(), "room-exists");
}

#[tokio::test]
async fn h9_a_copy_that_is_asked_for_again_is_the_same() {
    let all = Guarded::start().await;
    for name in ["mine", "a"] {
        all.json("ann", "POST /api/rooms", json!({"name": name}))
            .await;
    }
    let update = [1, 1, 10, 0, 4, 1, 1, b't', 1, b'a', 0];
    let drawn = all
        .bytes("ann", "POST /api/rooms/mine/update", &update)
        .await;
    assert_eq!(drawn.status, 200);
    let copy = |path: &'static str| {
        all.ask(Ask {
            method: "POST",
            path,
            token: token("ann"),
            headers: vec![("Idempotency-Key", "k".to_owned())],
            body: Vec::new(),
        })
    };
    let first = copy("/api/rooms/mine/duplicate").await;
    // It stands for what the first did not come to.
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'/>";
    let put = all
        .bytes("ann", "PUT /api/rooms/mine/assets/a.svg", svg)
        .await;
    assert_eq!(put.status, 201);
    let again = copy("/api/rooms/mine/duplicate").await;
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!(first.json()["name"], again.json()["name"]);
    assert_eq!(first.header("location"), again.header("location"));
    let name = first.json()["name"].as_str().unwrap().to_owned();
    let content = format!("GET /api/rooms/{name}/update");
    assert_eq!(all.get("ann", &content).await.body, update);
    let file = format!("GET /api/rooms/{name}/assets/a.svg");
    assert_eq!(all.get("ann", &file).await.body, svg);
    for other in ["/api/rooms/a/duplicate", "/api/rooms"] {
        let refused = copy(other).await.refusal();
        assert_eq!(refused, (422, "idempotency-key-reused".into()), "{other}");
    }
    // What was deleted since is told of as it was, and stays deleted.
    let room = format!("/api/rooms/{name}");
    all.get("ann", &format!("DELETE {room}")).await;
    assert_eq!(copy("/api/rooms/mine/duplicate").await.status, 201);
    let gone = all.get("ann", &content).await.refusal();
    assert_eq!(gone, (410, "room-deleted".into()));
}

#[tokio::test]
async fn h2_the_document_and_its_page_are_served_to_everybody() {
    let all = Guarded::start().await;
    let document = all.get("nobody", "GET /openapi.json").await;
    assert_eq!(document.json()["openapi"], "3.1.0");
    let page = all.get("nobody", "GET /docs").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test]
async fn h21_invites_and_named_versions_are_made_once_for_a_key() {
    let all = Guarded::start().await;
    all.room("mine").await;
    let ask = async |what: &str, key: &str, body: Value| {
        let path = format!("/api/rooms/mine/{what}");
        let mut ask = Ask::json("POST /", token("ann"), &body);
        ask.path = &path;
        ask.headers.push(("Idempotency-Key", key.to_owned()));
        all.ask(ask).await
    };
    let draw = async |clock| {
        let line = "POST /api/rooms/mine/update";
        let drawn = all.bytes("ann", line, &typed(1, clock)).await;
        assert_eq!(drawn.status, 200);
    };
    let reused = (422, "idempotency-key-reused".to_owned());

    let invite = || json!({"role": "editor", "max_uses": 1});
    let (first, again) = tokio::join!(ask("invites", "k", invite()), ask("invites", "k", invite()));
    let (first, again) = (first.json(), again.json());
    assert_eq!(first["invite"], again["invite"]);
    let third = ask("invites", "k", invite()).await.json();
    assert_eq!(third["invite"], first["invite"]);
    let other = ask("invites", "k", json!({"role": "viewer"})).await;
    assert_eq!(other.refusal(), reused);
    let join = async |invite: &Value| {
        let body = json!({"invite": invite["secret"]});
        let line = "POST /api/rooms/mine/join";
        all.json("nobody", line, body).await.status
    };
    // Only the one that was told last is good.
    assert_eq!(join(&first).await, 403);
    assert_eq!(join(&again).await, 403);
    assert_eq!(join(&third).await, 200);
    let given = ask("invites", "k", invite()).await;
    assert_eq!(given.refusal(), (409, "invite-given".into()));
    let invites = all.get("ann", "GET /api/rooms/mine/invites").await.json();
    assert_eq!(invites["invites"].as_array().unwrap().len(), 1);

    draw(0).await;
    let label = || json!({"label": "one"});
    let (first, again) = tokio::join!(
        ask("snapshots", "v", label()),
        ask("snapshots", "v", label())
    );
    assert_eq!(
        (first.status, again.status),
        (201, 201),
        "{first:?} {again:?}"
    );
    draw(1).await;
    let third = ask("snapshots", "v", label()).await;
    assert_eq!((first.json(), first.json()), (again.json(), third.json()));
    let other = ask("snapshots", "v", json!({"label": "two"})).await;
    assert_eq!(other.refusal(), reused);
    // One is not the other.
    assert_eq!(ask("snapshots", "k", label()).await.refusal(), reused);
    let plain = all
        .json("ann", "POST /api/rooms/mine/snapshots", label())
        .await;
    assert!(plain.json()["version"] != first.json()["version"]);
}
