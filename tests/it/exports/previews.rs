//! Small pictures of rooms.

use serde_json::json;

use super::asked::with_a_board;
use crate::client::typed;
use crate::rest::{Ask, Guarded, Reply, token};

async fn preview(all: &Guarded, of: &str, tag: Option<&str>) -> Reply {
    let tag = tag.map(|tag| ("If-None-Match", format!("\"x\", W/{tag}")));
    all.ask(Ask {
        method: "GET",
        path: &format!("/api/rooms/demo/{of}"),
        token: token("viewer"),
        headers: tag.into_iter().collect(),
        body: Vec::new(),
    })
    .await
}

/// Sides of a PNG, in px.
fn sides(png: &[u8]) -> [u32; 2] {
    assert!(png.starts_with(b"\x89PNG"));
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
}

#[tokio::test]
async fn f9_a_preview_is_small_and_the_same_until_the_room_changes() {
    let all = with_a_board(|_| {}).await;
    let first = preview(&all, "preview.png", None).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.header("content-type"), Some("image/png"));
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let longest = |png: &[u8]| sides(png).into_iter().max().unwrap();
    assert!((511..=512).contains(&longest(&first.body)));
    let tag = first.header("etag").unwrap().to_owned();
    let same = preview(&all, "preview.png", Some(&tag)).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), Some(&*tag));
    let small = preview(&all, "preview.png?width=64", Some(&tag)).await;
    assert!((63..=64).contains(&longest(&small.body)));
    let dark = preview(&all, "preview.png?dark=true", Some(&tag)).await;
    assert_ne!(dark.body, first.body);
    let into = "POST /api/rooms/demo/update";
    all.bytes("ann", into, &typed(1, 0)).await;
    let other = preview(&all, "preview.png", Some(&tag)).await;
    assert_eq!(other.status, 200);
    assert_ne!(other.header("etag"), Some(&*tag));
    for bad in ["width=1", "width=9999", "width=x", "dark=1"] {
        let refused = preview(&all, &format!("preview.png?{bad}"), None).await;
        assert_eq!(refused.refusal().0, 400, "{bad}");
    }
}

#[tokio::test]
async fn f9_an_svg_runs_nothing_where_it_is_opened() {
    let all = with_a_board(|_| {}).await;
    let svg = preview(&all, "preview.svg", None).await;
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert_eq!(svg.header("x-content-type-options"), Some("nosniff"));
    let policy = svg.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"));
    assert!(svg.body.starts_with(b"<svg "));
}

#[tokio::test]
async fn f9_nothing_has_a_picture_too() {
    let all = Guarded::start().await;
    let made = json!({"name": "demo", "visibility": "private"});
    all.json("ann", "POST /api/rooms", made).await;
    let png = preview(&all, "preview.png", None).await;
    assert_eq!(sides(&png.body), [1, 1]);
    let svg = preview(&all, "preview.svg", None).await;
    assert!(svg.body.starts_with(b"<svg "), "{svg:?}");
}

#[tokio::test]
async fn f10_whoever_asks_at_once_shares_one_drawing() {
    let all = with_a_board(|_| {}).await;
    let asking: Vec<_> = (0..20)
        .map(|_| preview(&all, "preview.png", None))
        .collect();
    let replies = futures_util::future::join_all(asking).await;
    assert!(replies.iter().all(|reply| reply.body == replies[0].body));
    let drawn = all.node.rooms.shared().metrics.exports.previews.get();
    assert_eq!(drawn, 1);
    // A room that changes all the time is shown as it was a moment ago.
    for clock in 0..20 {
        let into = "POST /api/rooms/demo/update";
        all.bytes("ann", into, &typed(1, clock)).await;
        assert_eq!(preview(&all, "preview.png", None).await.status, 200);
    }
}

#[tokio::test]
async fn f12_a_version_has_a_picture_that_stays_what_it_is() {
    let all = with_a_board(|_| {}).await;
    let keep = json!({"label": "one"});
    let kept = all
        .json("ann", "POST /api/rooms/demo/snapshots", keep)
        .await;
    let version = kept.json()["version"].as_u64().unwrap();
    let then = format!("preview.png?width=64&version={version}");
    let first = preview(&all, &then, None).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert!(sides(&first.body).iter().max() <= Some(&64));
    let into = "POST /api/rooms/demo/update";
    all.bytes("ann", into, &typed(1, 0)).await;
    let tag = first.header("etag").unwrap().to_owned();
    let same = preview(&all, &then, Some(&tag)).await;
    assert_eq!((same.status, same.header("etag")), (304, Some(&*tag)));
    let asking: Vec<_> = (0..10).map(|_| preview(&all, &then, None)).collect();
    for reply in futures_util::future::join_all(asking).await {
        assert_eq!(reply.body, first.body);
    }
    let drawn = &all.node.rooms.shared().metrics.exports.previews;
    assert_eq!(drawn.get(), 1);
    let now = preview(&all, "preview.png?width=64", Some(&tag)).await;
    assert_eq!(now.status, 200);
    assert_ne!(now.header("etag"), Some(&*tag));

    for (bad, refusal) in [
        ("version=99", (404, "version-not-found")),
        ("version=18446744073709551615", (404, "version-not-found")),
        ("version=x", (400, "invalid-request")),
        ("version=-1", (400, "invalid-request")),
    ] {
        let refused = preview(&all, &format!("preview.png?{bad}"), None).await;
        let (status, code) = refused.refusal();
        assert_eq!((status, &*code), refusal, "{bad}");
    }
    // One that was taken out of the list is shown to nobody, whoever has its picture.
    let out = format!("DELETE /api/rooms/demo/snapshots/{version}");
    assert_eq!(all.get("ann", &out).await.status, 204);
    let gone = preview(&all, &then, Some(&tag)).await;
    assert_eq!(gone.refusal(), (404, "version-not-found".to_owned()));
}
