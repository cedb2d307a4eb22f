//! Contents: what goes in comes out, whatever it is and however much.

use bytes::Bytes;

use super::{Node, Place, append, loaded, noise, part, texts, update};
use crate::{NewUpdate, RoomAppend};

/// Beyond every limit on parameters or rows of a statement, at lengths that are no round number.
pub async fn a_batch_of_thousands_of_rows(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let numbers: Vec<String> = (0..20_011).map(|i| i.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let batch = node.batch(vec![
        part("a", None, &numbers),
        part("b", None, &numbers[..77]),
    ]);
    let receipt = append(&*store, &batch).await;
    assert_eq!(append(&*store, &batch).await, receipt);
    let next = append(&*store, &node.batch(vec![part("a", None, &["last"])])).await;
    assert_eq!(next.rooms[0].first_seq, 20_012);
    let all = texts(&loaded(&*store, "a").await);
    assert_eq!(all[..20_011], numbers);
    assert_eq!(all[20_011], "last");
    assert_eq!(texts(&loaded(&*store, "b").await), numbers[..77]);
}

/// Zeros, what is no UTF-8, and nothing at all, which is not the same as a missing value.
pub async fn every_byte_and_no_byte_come_back(place: &dyn Place) {
    let all: Vec<u8> = (0..=255).collect();
    let contents = [
        Bytes::from(all),
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from_static(b"\xff\xfe"),
    ];
    roundtrip(place, &contents).await;
}

/// A small picture.
pub async fn a_megabyte_comes_back(place: &dyn Place) {
    roundtrip(
        place,
        &[
            noise(1 << 20),
            Bytes::from_static(b"x"),
            noise((1 << 20) + 1),
        ],
    )
    .await;
}

/// A large one.
pub async fn twenty_megabytes_come_back(place: &dyn Place) {
    roundtrip(place, &[Bytes::from_static(b"x"), noise(20 << 20)]).await;
}

/// Whoever wrote an update and whenever that was, it is stored.
pub async fn any_author_and_any_time_are_taken(place: &dyn Place) {
    let store = place.open().await;
    let long = "a".repeat(1000);
    let authors = [
        None,
        Some(""),
        Some("Zo\u{eb} \u{1F58C}"),
        Some("O'Neill; --"),
        Some(&*long),
    ];
    let times = [0, 1, -1, i64::MAX, i64::MIN];
    let updates = authors
        .iter()
        .zip(times)
        .map(|(author, time_ms)| NewUpdate {
            bytes: Bytes::from_static(b"x"),
            author: author.map(Into::into),
            time_ms,
        });
    let batch = Node::new().batch(vec![RoomAppend {
        room: "room".into(),
        id: None,
        updates: updates.collect(),
    }]);
    append(&*store, &batch).await;
    assert_eq!(loaded(&*store, "room").await.head, 5);
}

async fn roundtrip(place: &dyn Place, contents: &[Bytes]) {
    let store = place.open().await;
    let batch = Node::new().batch(vec![RoomAppend {
        room: "room".into(),
        id: None,
        updates: contents.iter().cloned().map(update).collect(),
    }]);
    append(&*store, &batch).await;
    store.close().await;
    let store = place.open().await;
    let room = loaded(&*store, "room").await;
    let stored: Vec<Bytes> = room.updates.into_iter().map(|u| u.bytes).collect();
    assert!(stored == contents, "other bytes came back");
}
