//! Rooms: loading, creating, naming, and what an id is good for.

use std::time::Duration;

use super::{Node, Place, append, loaded, part, snapshot_of, texts};
use crate::{Lease, RoomId, StoreError, Trim};

/// Nothing is made up, also not by asking twice.
pub async fn a_room_that_was_never_written_is_none(place: &dyn Place) {
    let store = place.open().await;
    for room in ["nowhere", "nowhere", "", "a/b"] {
        assert_eq!(store.load(room).await.unwrap(), None);
    }
    let mut node = Node::new();
    append(&*store, &node.batch(vec![part("somewhere", None, &["1"])])).await;
    assert_eq!(store.load("nowhere").await.unwrap(), None);
}

/// The order of the batch is the order of the room.
pub async fn what_was_appended_is_loaded_in_order(place: &dyn Place) {
    let store = place.open().await;
    let batch = Node::new().batch(vec![part("room", None, &["b", "a", "c", "a"])]);
    let receipt = append(&*store, &batch).await;
    assert_eq!(receipt.rooms.len(), 1);
    assert_eq!(receipt.rooms[0].first_seq, 1);
    let room = loaded(&*store, "room").await;
    assert_eq!(room.id, receipt.rooms[0].id);
    assert_eq!(room.head, 4);
    assert_eq!(texts(&room), ["b", "a", "c", "a"]);
}

/// With the id or without it.
pub async fn appending_goes_on_where_it_ended(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let first = append(&*store, &node.batch(vec![part("room", None, &["1", "2"])])).await;
    let id = first.rooms[0].id;
    let second = append(&*store, &node.batch(vec![part("room", Some(id), &["3"])])).await;
    let third = append(&*store, &node.batch(vec![part("room", None, &["4", "5"])])).await;
    assert_eq!(second.rooms[0].first_seq, 3);
    assert_eq!(third.rooms[0].first_seq, 4);
    assert_eq!(third.rooms[0].id, id);
    let room = loaded(&*store, "room").await;
    assert_eq!(texts(&room), ["1", "2", "3", "4", "5"]);
}

/// A thousand rooms, more than any list of parameters that was thought sufficient.
pub async fn many_rooms_in_one_batch(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let names: Vec<String> = (0..1000).map(|i| format!("room {i}")).collect();
    for round in 0..2 {
        let text = round.to_string();
        let parts = names.iter().map(|name| part(name, None, &[&text, name]));
        let receipt = append(&*store, &node.batch(parts.collect())).await;
        assert_eq!(receipt.rooms.len(), names.len());
        for got in &receipt.rooms {
            assert_eq!(got.first_seq, 1 + 2 * round);
        }
    }
    for name in &names {
        let room = loaded(&*store, name).await;
        assert_eq!(texts(&room), ["0", name, "1", name]);
    }
}

/// The receipt keeps the order of the batch whatever order the store works in.
pub async fn new_and_known_rooms_in_one_batch(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let batch = node.batch(vec![
        part("b", None, &["b1"]),
        part("d", None, &["d1", "d2"]),
    ]);
    let before = append(&*store, &batch).await;
    let d = before.rooms[1].id;
    let batch = node.batch(vec![
        part("e", None, &["e1", "e2"]),
        part("d", Some(d), &["d3"]),
        part("a", None, &["a1"]),
        part("b", None, &["b2", "b3"]),
        part("c", None, &[]),
    ]);
    let receipt = append(&*store, &batch).await;
    let first_seqs: Vec<u64> = receipt.rooms.iter().map(|r| r.first_seq).collect();
    assert_eq!(first_seqs, [1, 3, 1, 2, 1]);
    for (asked, got) in batch.rooms.iter().zip(&receipt.rooms) {
        assert_eq!(
            loaded(&*store, &asked.room).await.id,
            got.id,
            "{}",
            asked.room
        );
    }
    assert_eq!(texts(&loaded(&*store, "b").await), ["b1", "b2", "b3"]);
    assert_eq!(texts(&loaded(&*store, "d").await), ["d1", "d2", "d3"]);
    assert_eq!(texts(&loaded(&*store, "e").await), ["e1", "e2"]);
}

/// A room has one id, and no two rooms share one.
pub async fn ids_are_stable_and_differ(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let parts = || vec![part("a", None, &["x"]), part("b", None, &["x"])];
    let first = append(&*store, &node.batch(parts())).await;
    let second = append(&*store, &node.batch(parts())).await;
    let ids =
        |receipt: &super::Whole| -> Vec<RoomId> { receipt.rooms.iter().map(|r| r.id).collect() };
    assert_eq!(ids(&first), ids(&second));
    assert_ne!(first.rooms[0].id, first.rooms[1].id);
}

/// Case, composition, spaces, quotes and wildcards make different rooms.
pub async fn names_differ_by_every_byte(place: &dyn Place) {
    let store = place.open().await;
    let longest = "x".repeat(255);
    let longest_unicode = "\u{1F58C}".repeat(63) + "abc";
    let names = [
        "room",
        "Room",
        "ROOM",
        "room ",
        " room",
        "room\t",
        "caf\u{e9}",
        "cafe\u{301}",
        "a/b",
        "a/b/",
        "a//b",
        "a'b",
        "a\"b",
        "a\\b",
        "a`b; DROP TABLE rooms; --",
        "%",
        "_",
        "a?b#c",
        "[1]",
        "null",
        "0",
        "00",
        "1e3",
        "1000",
        "\u{1}",
        "\u{7f}",
        "\u{fffd}",
        "\u{feff}room",
        "\u{202e}moor",
        "stra\u{df}e",
        "strasse",
        &longest,
        &longest_unicode,
        &longest[1..],
    ];
    let parts = names.iter().map(|name| part(name, None, &[name]));
    let receipt = append(&*store, &Node::new().batch(parts.collect())).await;
    let mut ids: Vec<RoomId> = receipt.rooms.iter().map(|r| r.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), names.len(), "two names share a room");
    for name in names {
        assert_eq!(texts(&loaded(&*store, name).await), [name]);
    }
    assert_eq!(store.load("rOOm").await.unwrap(), None);
}

/// Not even the other rooms of that batch are written.
pub async fn an_id_of_another_room_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let batch = node.batch(vec![part("a", None, &["1"]), part("b", None, &["1"])]);
    let receipt = append(&*store, &batch).await;
    let wrong = receipt.rooms[1].id;
    let batch = node.batch(vec![
        part("b", None, &["2"]),
        part("a", Some(wrong), &["2"]),
        part("c", None, &["2"]),
    ]);
    let error = store.append(&batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(texts(&loaded(&*store, "a").await), ["1"]);
    assert_eq!(texts(&loaded(&*store, "b").await), ["1"]);
    assert_eq!(store.load("c").await.unwrap(), None);
}

/// A room that was remembered and is gone must not come back with half its content.
pub async fn an_id_of_no_room_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    for id in [0, 1, -1, 4711, i64::MAX, i64::MIN] {
        let batch = Node::new().batch(vec![part("room", Some(RoomId(id)), &["1"])]);
        let error = store.append(&batch).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    assert_eq!(store.load("room").await.unwrap(), None);
}

/// And changes nothing in a room that is there.
pub async fn an_empty_list_of_updates_creates_the_room(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let receipt = append(&*store, &node.batch(vec![part("room", None, &[])])).await;
    let room = loaded(&*store, "room").await;
    assert_eq!((room.id, room.head), (receipt.rooms[0].id, 0));
    assert_eq!(receipt.rooms[0].first_seq, 1);
    append(&*store, &node.batch(vec![part("room", None, &["1"])])).await;
    let receipt = append(&*store, &node.batch(vec![part("room", None, &[])])).await;
    assert_eq!(receipt.rooms[0].first_seq, 2);
    assert_eq!(texts(&loaded(&*store, "room").await), ["1"]);
}

/// Rooms, ids and numbers.
pub async fn everything_is_there_after_opening_again(place: &dyn Place) {
    let mut node = Node::new();
    let mut expected = Vec::new();
    let mut id = None;
    for round in 0..3 {
        let store = place.open().await;
        let text = round.to_string();
        let receipt = append(&*store, &node.batch(vec![part("room", id, &[&text])])).await;
        expected.push(text);
        assert_eq!(receipt.rooms[0].first_seq, expected.len() as u64);
        id = Some(receipt.rooms[0].id);
        store.close().await;
        let store = place.open().await;
        let room = loaded(&*store, "room").await;
        assert_eq!(Some(room.id), id);
        assert_eq!(texts(&room), expected);
        store.close().await;
    }
}

/// Every call, and closing again does no harm.
pub async fn a_closed_store_is_unavailable(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    append(&*store, &node.batch(vec![part("room", None, &["1"])])).await;
    store.close().await;
    store.close().await;
    let batch = node.batch(vec![part("room", None, &["2"])]);
    let id = RoomId(1);
    let trim = Trim {
        room: id,
        rows: 1..=1,
        versions: Vec::new(),
    };
    let lease = Lease {
        room: id,
        task: "compact",
        holder: node.id,
        ttl: Duration::from_secs(1),
    };
    let new = snapshot_of(id, 1, 1);
    for error in [
        store.load("room").await.unwrap_err(),
        store.append(&batch).await.unwrap_err(),
        store.snapshots("room").await.unwrap_err(),
        store.snapshot("room", 1).await.unwrap_err(),
        store.add_snapshot(&new).await.unwrap_err(),
        store.list_snapshot(id, 1, None, None).await.unwrap_err(),
        store.trim(&trim).await.unwrap_err(),
        store.lease(&lease).await.unwrap_err(),
        store.release(&lease).await.unwrap_err(),
        store.check().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.is_retryable());
    }
    let store = place.open().await;
    assert_eq!(texts(&loaded(&*store, "room").await), ["1"]);
}

/// `check` says so and leaves nothing behind.
pub async fn an_open_store_can_be_written(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    for text in ["1", "2", "3"] {
        store.check().await.unwrap();
        append(&*store, &node.batch(vec![part("room", None, &[text])])).await;
        store.check().await.unwrap();
    }
    assert_eq!(texts(&loaded(&*store, "room").await), ["1", "2", "3"]);
}
