//! The API: who may order what, and what is answered.

use std::time::Duration;

use scrible_objects::{ObjectError, Objects};
use serde_json::{Value, json};

use crate::boards::MIXED;
use crate::client::typed;
use crate::rest::{Ask, Guarded, Reply, token};

/// A guarded node with a board in `demo`, which is ann's and closed to those without a token for it.
pub async fn with_a_board(change: impl FnOnce(&mut scrible::server::ServerConfig)) -> Guarded {
    let all = Guarded::start_with(change).await;
    let made = json!({"name": "demo", "visibility": "private", "title": "Our plan"});
    let made = all.json("ann", "POST /api/rooms", made).await;
    assert_eq!(made.status, 201, "{made:?}");
    let into = "POST /api/rooms/demo/import";
    let imported = all.bytes("ann", into, MIXED.as_bytes()).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    all
}

/// Orders something of `demo` and waits for it.
async fn waited(all: &Guarded, who: &str, order: Value) -> Reply {
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Prefer", "respond-async, wait=50".to_owned()),
    ];
    all.ask(Ask {
        method: "POST",
        path: "/api/exports/demo",
        token: token(who),
        headers,
        body: order.to_string().into_bytes(),
    })
    .await
}

/// Without a worker, so that it waits.
async fn without_worker() -> Guarded {
    with_a_board(|config| config.export_workers = 0).await
}

#[tokio::test]
async fn f1_an_order_has_an_address_at_which_it_is_seen_to_be_done() {
    let all = with_a_board(|_| {}).await;
    let reply = all
        .json("viewer", "POST /api/exports/demo", json!({"format": "svg"}))
        .await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let place = reply.header("location").unwrap().to_owned();
    let export = reply.json();
    assert_eq!(
        place,
        format!("/api/exports/{}", export["id"].as_str().unwrap())
    );
    assert_eq!(export["room"], "demo");
    let done = async {
        loop {
            let export = all.get("viewer", &format!("GET {place}")).await.json();
            if export["state"] == "completed" {
                return export;
            }
            assert!(["pending", "processing"].contains(&export["state"].as_str().unwrap()));
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(50), done)
        .await
        .unwrap();
    assert!(done["size"].as_u64().unwrap() > 1_000, "{done}");
    assert!(done["width"].as_u64().unwrap() > 100, "{done}");
    assert_eq!(
        (&done["progress"], &done["error"]),
        (&json!(100), &Value::Null)
    );
    let url = done["url"].as_str().unwrap();
    let id = export["id"].as_str().unwrap();
    assert!(url.contains(&format!("/{id}-")), "{url}");
    assert!(url.contains(".svg?"), "{url}");
    assert!(done["url_expires"].as_str().unwrap() < done["expires"].as_str().unwrap());
}

#[tokio::test]
async fn f1_who_would_rather_wait_is_answered_once_it_is_done() {
    let all = with_a_board(|_| {}).await;
    for format in ["png", "pdf", "json", "tldr"] {
        let reply = waited(&all, "viewer", json!({"format": format})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("preference-applied"), Some("wait=50"));
        assert!(reply.header("location").is_some());
        let export = reply.json();
        assert_eq!(export["state"], "completed", "{export}");
        assert_eq!(export["format"], format);
    }
    let empty = waited(
        &all,
        "viewer",
        json!({"format": "png", "page": "no such page"}),
    )
    .await;
    let export = empty.json();
    assert_eq!((&export["state"], empty.status), (&json!("failed"), 200));
    assert_eq!(export["error"]["code"], "not-there");
    let why = export["error"]["detail"].as_str().unwrap();
    assert!(why.contains("no such page"), "{why}");
}

#[tokio::test]
async fn f1_who_waits_in_vain_is_told_that_it_is_not_done() {
    let all = without_worker().await;
    let reply = all
        .ask(Ask {
            method: "POST",
            path: "/api/exports/demo",
            token: token("viewer"),
            headers: vec![
                ("Content-Type", "application/json".to_owned()),
                ("Prefer", "wait=1".to_owned()),
            ],
            body: br#"{"format":"png"}"#.to_vec(),
        })
        .await;
    assert_eq!(
        (reply.status, reply.header("preference-applied")),
        (202, None)
    );
    assert_eq!(reply.json()["state"], "pending");
}

#[tokio::test]
async fn f2_what_cannot_be_made_is_refused_at_the_door() {
    let all = without_worker().await;
    for order in [
        json!({}),
        json!({"format": "gif"}),
        json!({"format": "png", "scale": 1000}),
        json!({"format": "png", "padding": -1}),
        json!({"format": "png", "page": "all"}),
        json!({"format": "png", "page": 0}),
        json!({"format": "png", "page": -1}),
        json!({"format": "json", "dark": true}),
        json!({"format": "pdf", "page": "all", "shapes": ["a"]}),
        json!({"format": "png", "shapes": [""]}),
        json!({"format": "png", "expires": "2001-01-01T00:00:00Z"}),
        json!({"format": "png", "expires": "2999-01-01T00:00:00Z"}),
        json!({"format": "png", "sclae": 1}),
    ] {
        let reply = all
            .json("ann", "POST /api/exports/demo", order.clone())
            .await;
        assert_eq!(
            reply.refusal(),
            (400, "invalid-request".to_owned()),
            "{order}"
        );
    }
    let version = json!({"format": "png", "version": 99});
    let reply = all.json("ann", "POST /api/exports/demo", version).await;
    assert_eq!(reply.refusal(), (404, "version-not-found".to_owned()));
    let none = all.get("ann", "GET /api/rooms/demo/exports").await.json();
    assert_eq!(none["exports"], json!([]));
}

#[tokio::test]
async fn f3_the_same_key_is_the_same_export() {
    let all = without_worker().await;
    let order = async |who: &str, key: &str, order: Value| {
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Idempotency-Key", key.to_owned()),
        ];
        all.ask(Ask {
            method: "POST",
            path: "/api/exports/demo",
            token: token(who),
            headers,
            body: order.to_string().into_bytes(),
        })
        .await
    };
    let png = || json!({"format": "png"});
    let first = order("ann", "k", png()).await.json()["id"].clone();
    assert_eq!(order("ann", "k", png()).await.json()["id"], first);
    assert_ne!(order("editor", "k", png()).await.json()["id"], first);
    assert_ne!(order("ann", "l", png()).await.json()["id"], first);
    let other = order("ann", "k", json!({"format": "svg"})).await;
    assert_eq!(other.refusal(), (422, "idempotency-key-reused".to_owned()));
}

#[tokio::test]
async fn f4_exports_are_for_those_who_may_export_the_room() {
    let all = without_worker().await;
    let order = async |who: &str| {
        let order = json!({"format": "png"});
        all.json(who, "POST /api/exports/demo", order).await
    };
    let own = order("viewer").await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let anns = order("ann").await.json()["id"].as_str().unwrap().to_owned();
    for (who, status) in [
        ("viewer", 200),
        ("admin", 200),
        ("bob", 404),
        ("nobody", 404),
        ("forged", 401),
    ] {
        let reply = all.get(who, &format!("GET /api/exports/{anns}")).await;
        assert_eq!(reply.status, status, "{who}");
    }
    let absent = all
        .get("bob", &format!("GET /api/exports/{}", "1".repeat(32)))
        .await;
    let closed = all.get("bob", &format!("GET /api/exports/{anns}")).await;
    assert_eq!(absent.refusal(), closed.refusal());
    // What others ordered is their own, or an editor's, to take away.
    for line in ["POST /api/exports/{id}/cancel", "DELETE /api/exports/{id}"] {
        let others = all.get("viewer", &line.replace("{id}", &anns)).await;
        assert_eq!(others.status, 403, "{line}");
        let own = all.get("viewer", &line.replace("{id}", &own)).await;
        assert!(own.status < 300, "{line}: {own:?}");
    }
    let gone = all.get("viewer", &format!("GET /api/exports/{own}")).await;
    assert_eq!(gone.refusal(), (404, "export-not-found".to_owned()));
    let kept = json!({"viewers_export": false});
    all.json("ann", "PATCH /api/rooms/demo", kept).await;
    assert_eq!(
        order("viewer").await.refusal(),
        (403, "export-forbidden".to_owned())
    );
    for line in [
        "GET /api/rooms/demo/exports",
        "GET /api/rooms/demo/preview.png",
    ] {
        assert_eq!(
            all.get("viewer", line).await.refusal().1,
            "export-forbidden"
        );
        assert_eq!(all.get("editor", line).await.status, 200);
    }
    let reply = all.get("viewer", &format!("GET /api/exports/{anns}")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(order("editor").await.status, 202);
}

#[tokio::test]
async fn f4_a_rooms_exports_are_listed_in_pages_newest_first() {
    let all = without_worker().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let order = json!({"format": "png"});
        let reply = all.json("ann", "POST /api/exports/demo", order).await;
        ids.insert(0, reply.json()["id"].clone());
    }
    let mut seen = Vec::new();
    let mut line = "GET /api/rooms/demo/exports?limit=2".to_owned();
    loop {
        let page = all.get("viewer", &line).await.json();
        let exports = page["exports"].as_array().unwrap();
        seen.extend(exports.iter().map(|export| export["id"].clone()));
        match page["next"].as_str() {
            Some(next) => line = format!("GET /api/rooms/demo/exports?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn f4_a_rooms_waiting_exports_are_bounded() {
    let all = without_worker().await;
    let order = async || {
        let order = json!({"format": "json"});
        all.json("ann", "POST /api/exports/demo", order).await
    };
    for _ in 0..100 {
        assert_eq!(order().await.status, 202);
    }
    let refused = order().await;
    assert_eq!(refused.refusal(), (429, "too-many-exports".to_owned()));
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn f5_all_that_was_acknowledged_is_in_the_file_and_a_version_is_that_version() {
    let all = with_a_board(|_| {}).await;
    let line = "POST /api/rooms/demo/snapshots";
    let kept = all
        .json("ann", line, json!({"label": "first"}))
        .await
        .json();
    for clock in 0..20 {
        let into = "POST /api/rooms/demo/update";
        all.bytes("ann", into, &typed(1, clock)).await;
        let usage = all.get("ann", "GET /api/rooms/demo/usage").await.json();
        let export = waited(&all, "ann", json!({"format": "json"})).await.json();
        assert_eq!(export["seq"], usage["head"], "{export}");
    }
    let old = json!({"format": "png", "version": kept["version"]});
    let old = waited(&all, "ann", old).await.json();
    assert_eq!(
        (&old["seq"], &old["version"]),
        (&kept["covers"], &kept["version"])
    );
}

#[tokio::test]
async fn f5_the_file_says_what_was_written_a_moment_before_and_a_version_what_it_said() {
    let all = with_a_board(|_| {}).await;
    let write = async |text: &str| {
        let into = "POST /api/rooms/demo/import?merge=true";
        let board = MIXED.replace(r#""Sketch""#, &format!("{text:?}"));
        assert_ne!(board, MIXED);
        let written = all.bytes("editor", into, board.as_bytes()).await;
        assert_eq!(written.status, 200, "{written:?}");
    };
    // The name that the frame has in a file.
    let named = async |order: Value| -> String {
        let export = waited(&all, "viewer", order).await.json();
        assert_eq!(export["state"], "completed", "{export}");
        let url = export["url"].as_str().unwrap();
        let (_, path) = url.split_once("/exports/").unwrap();
        let line = format!("GET /objects/exports/{path}");
        let file = all.get("nobody", &line).await;
        assert_eq!(file.status, 200, "{file:?}");
        let frame = &file.json()["store"]["shape:board-mixed-a-6"];
        frame["props"]["name"].as_str().unwrap().to_owned()
    };
    write("kept for later").await;
    let keep = json!({"label": "kept"});
    let kept = all
        .json("editor", "POST /api/rooms/demo/snapshots", keep)
        .await
        .json();
    for nth in 0..5 {
        let text = format!("written just now, {nth}");
        write(&text).await;
        assert_eq!(named(json!({"format": "json"})).await, text);
    }
    let old = json!({"format": "json", "version": kept["version"]});
    assert_eq!(named(old).await, "kept for later");
}

#[tokio::test]
async fn f4_f8_what_files_take_is_told_and_limited_and_those_that_are_deleted_go_at_once() {
    let all = with_a_board(|config| config.exports.room_bytes = 1_000).await;
    let usage = async || {
        let usage = all.get("viewer", "GET /api/rooms/demo/usage").await.json();
        (usage["exports"].clone(), usage["export_bytes"].clone())
    };
    assert_eq!(usage().await, (json!(0), json!(0)));
    let made = waited(&all, "editor", json!({"format": "svg"}))
        .await
        .json();
    assert!(made["size"].as_u64().unwrap() > 1_000, "{made}");
    assert_eq!(usage().await, (json!(1), made["size"].clone()));
    let full = waited(&all, "editor", json!({"format": "png"})).await;
    assert_eq!(full.refusal(), (429, "too-many-exports".into()));
    let files = async || {
        let prefix = "exports/".parse().unwrap();
        let listed = all.node.objects.list(&prefix, None, 10).await.unwrap();
        listed.entries.len()
    };
    assert_eq!(files().await, 1);
    let line = format!("DELETE /api/exports/{}", made["id"].as_str().unwrap());
    assert_eq!(all.get("editor", &line).await.status, 204);
    assert_eq!(files().await, 0);
    let made = waited(&all, "editor", json!({"format": "svg"}))
        .await
        .json();
    // Where the place for files is away, it goes later.
    let away = ObjectError::Unavailable("gone".to_owned());
    all.node.objects.fail(Some(away));
    let line = format!("DELETE /api/exports/{}", made["id"].as_str().unwrap());
    assert_eq!(all.get("editor", &line).await.status, 204);
    all.node.objects.fail(None);
    assert_eq!((files().await, usage().await.0), (1, json!(0)));
}
