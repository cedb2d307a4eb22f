//! Rooms ended for ever.

use std::sync::Arc;

use super::super::{
    Node, append, append_at_last, contents, doc, loaded, part, snapshot_of, until_available, update,
};
use super::{NOW, Place, create, entry, hash, invite, join, new_invite, new_room};
use crate::{
    AssetAdded, Created, DeadLetter, ExportAdded, ExportId, ExportLimits, FactsQuery,
    IdempotencyKey, Incarnation, Lease, NewAsset, NewExport, NewRoom, Opening, Role, RoomAppend,
    RoomFacts, RoomId, Specimen, Store, StoreError, Trim,
};

/// A room that has everything a room can have.
async fn full(store: &dyn Store, name: &str, node: &mut Node) -> RoomId {
    let new = NewRoom {
        idempotency: Some(IdempotencyKey {
            key: hash(1),
            request: hash(1),
        }),
        ..new_room(name)
    };
    let id = create(store, &new).await.id;
    let updates: Vec<String> = (1..=9).map(|seq| seq.to_string()).collect();
    let updates: Vec<&str> = updates.iter().map(String::as_str).collect();
    append(store, &node.batch(vec![part(name, Some(id), &updates)])).await;
    for (version, seq) in [(1, 3), (2, 4), (3, 6)] {
        let new = snapshot_of(id, version, seq);
        store.add_snapshot(&new).await.unwrap();
    }
    let trim = Trim {
        room: id,
        rows: 1..=3,
        versions: vec![1],
    };
    store.trim(&trim).await.unwrap();
    let lease = Lease {
        room: id,
        task: "compact",
        holder: Incarnation(7),
        ttl: std::time::Duration::from_secs(60),
    };
    assert!(store.lease(&lease).await.unwrap());
    invite(store, name, &new_invite(1, Role::Editor)).await;
    let grant = join(store, name, 1, 1).await;
    store.set_grant_link(grant.id, &hash(2)).await.unwrap();
    store.block(name, "sub:ann", NOW).await.unwrap();
    let new = NewExport {
        id: ExportId(1),
        order: (*b"order").into(),
        at_least: 9,
        version: None,
        ordered_by: None,
        time_ms: NOW,
        expires_ms: NOW + 1,
    };
    let added = store
        .add_export(name, &new, &ExportLimits::waiting(9))
        .await
        .unwrap();
    assert!(matches!(added, ExportAdded::Yes(_)), "{added:?}");
    let file = NewAsset {
        name: "a.png".into(),
        content: hash(1),
        content_type: "image/png".into(),
        size: 1,
        created_by: None,
        time_ms: NOW,
    };
    let id = store.room(name).await.unwrap().unwrap().id;
    let added = store.add_asset(id, &file, 9).await.unwrap();
    assert!(matches!(added, AssetAdded::New(_)), "{added:?}");
    let stays = [super::stays::stay(name, 1)];
    store.note_stays(&stays).await.unwrap();
    let letter = DeadLetter {
        room: name.into(),
        time_ms: NOW,
        reason: "malformed_update".into(),
        detail: String::new(),
        specimen: Specimen::of(b"bad"),
    };
    store.add_dead_letters(&[letter]).await.unwrap();
    store.set_aside(name.into()).await.unwrap();
    id
}

/// In any table; what it had in the object store is left to whoever deletes it there.
pub async fn a_purged_room_leaves_nothing(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    append(&*store, &node.batch(vec![part("other", None, &["1"])])).await;
    let other = Incarnation(8);
    store.beat(other).await.unwrap();
    let before = place.rows().await;
    assert!(before.values().sum::<u64>() > 0);
    let id = full(&*store, "room", &mut node).await;
    let opening = Opening {
        node: other,
        room: "room".into(),
        number: 1,
        alone: false,
    };
    store.note_opening(&opening).await.unwrap();
    let kinds = |rows: &std::collections::BTreeMap<String, u64>| {
        rows.iter()
            .filter(|(kind, n)| before.get(*kind) != Some(n))
            .count()
    };
    assert!(kinds(&place.rows().await) >= 11, "{:?}", place.rows().await);
    assert!(!store.purge_room("room").await.unwrap());
    assert_eq!(loaded(&*store, "room").await.id, id);
    store.delete_room("room", NOW).await.unwrap();
    assert!(store.purge_room("room").await.unwrap());
    for orphan in store.orphans(0).await.unwrap() {
        store.forget_orphans(orphan.id).await.unwrap();
    }
    assert_eq!(place.rows().await, before);
    assert!(!store.purge_room("room").await.unwrap());
    assert!(!store.purge_room("nobody").await.unwrap());
    assert_eq!(loaded(&*store, "other").await.head, 1);
}

/// Whoever remembers the old one only misses.
pub async fn a_purged_name_is_free_for_another_room(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let id = full(&*store, "room", &mut node).await;
    store.delete_room("room", NOW).await.unwrap();
    assert!(store.purge_room("room").await.unwrap());
    assert_eq!(store.room("room").await.unwrap(), None);
    assert_eq!(store.load("room").await.unwrap(), None);
    assert_eq!(store.heads(&[Arc::from("room")]).await.unwrap(), []);
    assert_eq!(store.dead_letters("room").await.unwrap(), []);
    assert_eq!(store.room_record("room").await.unwrap(), None);
    let query = FactsQuery {
        session: Some(hash(1)),
        link: Some(hash(2)),
        ..FactsQuery::default()
    };
    let facts = store.facts("room", &query).await.unwrap();
    assert_eq!(facts, RoomFacts::default());
    let late = node.batch(vec![part("room", Some(id), &["10"])]);
    let refused = store.append(&late).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    // The same request as before, under the same key, makes another room.
    let new = NewRoom {
        idempotency: Some(IdempotencyKey {
            key: hash(1),
            request: hash(1),
        }),
        ..new_room("room")
    };
    let Created::New(made) = store.create_room(&new).await.unwrap() else {
        panic!("the key was kept");
    };
    assert!(made.id > id);
    assert_eq!(loaded(&*store, "room").await.head, 0);
    invite(&*store, "room", &new_invite(1, Role::Editor)).await;
    assert_eq!(join(&*store, "room", 1, 1).await.epoch, 0);
}

/// Thousands of rows go, and others are written between them.
pub async fn others_are_written_while_a_large_room_is_purged(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    let rows = |n: usize| RoomAppend {
        room: "large".into(),
        id: None,
        updates: vec![update(vec![1; 700]); n],
    };
    append(&*store, &Node::new().batch(vec![rows(5_000)])).await;
    doc(&*store, "small", 0).await;
    store.delete_room("large", NOW).await.unwrap();
    let purging = tokio::spawn(async move { until_available(|| store.purge_room("large")).await });
    let mut node = Node::new();
    let mut written = 0_u64;
    loop {
        written += 1;
        let text = written.to_string();
        let rooms = vec![part("small", None, &[&text])];
        append_at_last(&*other, &mut node, rooms).await;
        if purging.is_finished() {
            break;
        }
    }
    // What was interrupted and begun again finds no room of that name any more.
    purging.await.unwrap();
    let small = loaded(&*other, "small").await;
    assert_eq!(contents(&small).len() as u64, written);
    assert_eq!(other.room("large").await.unwrap(), None);
    assert_eq!(entry(&*other, "small").await.deleted_ms, None);
}

/// Whoever draws meanwhile draws in the old room, or in a new one that has all of it.
pub async fn a_room_is_purged_again_and_again_while_it_is_written(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    let before = place.rows().await;
    let writing = tokio::spawn(async move {
        let mut node = Node::new();
        let mut told: Vec<(RoomId, u64)> = Vec::new();
        for _ in 0..150 {
            let rooms = vec![part("room", None, &["x", "y"])];
            let got = append_at_last(&*other, &mut node, rooms).await.rooms[0];
            let expected = match told.last() {
                Some((id, seq)) if *id == got.id => seq + 2,
                _ => 1,
            };
            assert_eq!(got.first_seq, expected, "{told:?}");
            told.push((got.id, got.first_seq));
        }
        told
    });
    while !writing.is_finished() {
        until_available(|| store.delete_room("room", NOW)).await;
        until_available(|| store.purge_room("room")).await;
    }
    let told = writing.await.unwrap();
    assert!(told.windows(2).all(|two| two[0].0 <= two[1].0), "{told:?}");
    until_available(|| store.delete_room("room", NOW)).await;
    until_available(|| store.purge_room("room")).await;
    let after = place.rows().await;
    let stays = |rows: &std::collections::BTreeMap<String, u64>| {
        let mut rows = rows.clone();
        rows.retain(|kind, _| !matches!(&**kind, "nodes" | "journal_nodes" | "orphans"));
        rows
    };
    assert_eq!(stays(&after), stays(&before));
}
