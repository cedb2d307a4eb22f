//! Versions of live rooms: when they are kept, and how one is put back under people's hands.

use std::sync::Arc;
use std::time::Duration;

use scrible::compact::Keep;
use scrible::room::RoomName;
use scrible::service::ServiceError;
use scrible_store::MemoryStore;
use scrible_wire::message;
use serde_json::Value;

use crate::client::{Client, typed};
use crate::node::Node;

fn demo() -> RoomName {
    RoomName::new("demo").unwrap()
}

fn named(label: &str) -> Keep {
    Keep::Version {
        label: Some(label.into()),
        author: Some("ann".into()),
    }
}

/// Awaits a number of versions.
async fn versions(node: &Node, many: usize) -> Vec<u64> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let listed = node.versions.list(&demo()).await.unwrap_or_default();
        if listed.len() >= many {
            return listed.iter().map(|info| info.version).collect();
        }
        assert!(tokio::time::Instant::now() < deadline, "{listed:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn v1_a_version_is_kept_when_a_changed_room_is_unloaded_and_not_when_nothing_changed() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    drop(ann);
    assert_eq!(versions(&node, 1).await, [1]);
    // Somebody only looks.
    let (bob, content) = Client::join(node.address, "/demo").await;
    assert_eq!(content, typed(10, 0));
    drop(bob);
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 1)).await;
    ann.next_update().await;
    drop(ann);
    assert_eq!(versions(&node, 2).await, [2, 1]);
    assert_eq!(node.stopped().await.unstored, 0);
}

#[tokio::test]
async fn v1_a_version_is_kept_an_interval_after_a_change_while_people_stay() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.rooms.version_interval = Duration::from_millis(200)
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    for clock in 0..2 {
        ann.update(&typed(10, clock)).await;
        ann.next_update().await;
        versions(&node, usize::from(clock) + 1).await;
    }
    assert_eq!(node.stopped().await.unstored, 0);
}

#[tokio::test]
async fn v2_v4_a_named_version_reads_back_and_is_put_back_under_peoples_hands() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    for clock in 0..3 {
        ann.update(&typed(10, clock)).await;
    }
    // Perhaps not stored yet: what is in the room at this moment is what is kept.
    let mut updates = Vec::new();
    while updates.len() < 3 {
        updates.push(bob.next_update().await);
    }
    let kept = node.versions.keep(&demo(), &named("abc")).await.unwrap();
    let json = node.versions.json(&demo(), kept.version).await.unwrap();
    assert_eq!(&json[..], br#"{"t":"abc"}"#);
    let info = node.versions.list(&demo()).await.unwrap().remove(0);
    assert_eq!(
        (info.label.as_deref(), info.author.as_deref()),
        (Some("abc"), Some("ann"))
    );

    ann.update(&typed(10, 3)).await;
    ann.update(&[0, 1, 10, 1, 0, 1]).await;
    while updates.len() < 5 {
        updates.push(bob.next_update().await);
    }
    let restored = node
        .versions
        .restore(&demo(), kept.version, None)
        .await
        .unwrap();
    assert!(
        restored.changes > 0 && restored.left.is_empty(),
        "{restored:?}"
    );
    let json = node.versions.json(&demo(), restored.before).await.unwrap();
    assert_eq!(
        &json[..],
        br#"{"t":"bcd"}"#,
        "what was there before is a version"
    );
    // Bob heard everything as it came, the last of it the restoring.
    while updates.len() < 6 {
        updates.push(bob.next_update().await);
    }
    let merged = scrible_wire::merge::merge(
        updates.iter().map(|update| &update[..]),
        &Default::default(),
    )
    .unwrap();
    let doc = yrs::Doc::new();
    let text = doc.get_or_insert_text("t");
    use yrs::updates::decoder::Decode;
    use yrs::{GetString, Transact};
    doc.transact_mut()
        .apply_update(yrs::Update::decode_v1(&merged).unwrap())
        .unwrap();
    assert_eq!(text.get_string(&doc.transact()), "abc");

    let nothing = node
        .versions
        .restore(&demo(), kept.version, None)
        .await
        .unwrap();
    assert_eq!(nothing.changes, 0, "it shows that already");
    // A name that somebody gave stays, and a second name is a second version of the same.
    let again = node.versions.keep(&demo(), &named("final")).await.unwrap();
    let last = node.versions.keep(&demo(), &named("final")).await.unwrap();
    assert_eq!(again.version, last.version);
    let labels: Vec<_> = node
        .versions
        .list(&demo())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|info| info.label)
        .collect();
    let before = format!("before version {} was restored", kept.version);
    assert_eq!(
        labels,
        [
            "final".into(),
            before.clone().into(),
            before.into(),
            Arc::from("abc")
        ]
    );
    for missing in [99, 0] {
        let error = node
            .versions
            .restore(&demo(), missing, None)
            .await
            .unwrap_err();
        assert!(matches!(error, ServiceError::NotFound(_)), "{error}");
    }
    ann.send(message::step1(&[0])).await;
    assert_eq!(node.stopped().await.unstored, 0);
}

#[tokio::test]
async fn k8_a_room_whose_document_cannot_be_opened_goes_on_and_is_named_by_health() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.rooms.compaction.rows = 1;
        // No document is opened that fast.
        config.documents.time_limit = Duration::from_millis(1);
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    let named = |health: &Value| health["marks"]["demo"].as_str().map(str::to_owned);
    let why = loop {
        if let Some(why) = named(&node.health("localhost").await) {
            break why;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        why.contains("cannot open it as a document: it did not end within 1ms"),
        "{why}"
    );
    let health = node.health("board.example").await;
    assert_eq!(
        (named(&health), &health["marked_rooms"]),
        (None, &Value::from(1)),
        "names are for visitors from here"
    );
    assert_eq!(health["status"], "ok", "it serves");
    ann.update(&typed(10, 1)).await;
    assert_eq!(ann.next_update().await, typed(10, 1));
    drop(ann);
    versions(&node, 1).await;
    let (_bob, content) = Client::join(node.address, "/demo").await;
    let both = [typed(10, 0), typed(10, 1)];
    let both =
        scrible_wire::merge::merge(both.iter().map(|update| &update[..]), &Default::default());
    assert_eq!(content, both.unwrap());
    assert_eq!(node.stopped().await.unstored, 0);
}
