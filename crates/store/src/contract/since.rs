//! What is new: heads of many rooms, and what one room has behind a number.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{
    Damage, Node, Place, append, append_at_last, doc, part, snapshot_of, until_available, update,
};
use crate::{Head, RoomId, Since, SnapshotDamage, Store, StoreError, Trim};

/// More than any room here holds.
const ALL: usize = 1 << 30;

/// The base and the updates as text, after checking that they go on behind a number, where they are told to.
fn news(since: &Since, after: u64) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("tests store text");
    let mut news = Vec::new();
    let mut next = after + 1;
    if let Some(base) = &since.base {
        assert!(base.info.seq > after, "the base covers nothing new");
        assert_eq!(text(&base.data), format!("1-{}", base.info.seq));
        news.push(text(&base.data));
        next = base.info.seq + 1;
    }
    for update in &since.updates {
        assert_eq!((update.seq, text(&update.bytes)), (next, next.to_string()));
        news.push(text(&update.bytes));
        next += 1;
    }
    assert!(next <= since.head + 1);
    news
}

async fn since(store: &dyn Store, room: &str, after: u64) -> Since {
    let since = store.since(room, after, ALL).await;
    since.expect("it can be read").expect("the room is there")
}

async fn corrupt(store: &dyn Store, after: u64) -> String {
    let error = store.since("room", after, ALL).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    error.to_string()
}

async fn damage_row(place: &dyn Place, seq: u64) {
    let room = "room".to_owned();
    place.damage(Damage::Row { room, seq }).await;
}

async fn remove_row(place: &dyn Place, seq: u64) {
    let room = "room".to_owned();
    place.damage(Damage::RowGone { room, seq }).await;
}

async fn add_snapshots(store: &dyn Store, room: RoomId, seqs: &[u64]) {
    for (version, &seq) in (1..).zip(seqs) {
        let new = snapshot_of(room, version, seq);
        store.add_snapshot(&new).await.unwrap();
    }
}

async fn trim_rows(store: &dyn Store, room: RoomId, rows: RangeInclusive<u64>) {
    let count = rows.clone().count() as u64;
    let versions = Vec::new();
    let trim = Trim {
        room,
        rows,
        versions,
    };
    assert_eq!(store.trim(&trim).await.unwrap().rows, count);
}

/// Each that is there once, whatever else is asked for.
pub async fn heads_are_told_of_rooms_that_exist(place: &dyn Place) {
    let store = place.open().await;
    let names = |names: &[&str]| -> Vec<Arc<str>> { names.iter().map(|&n| n.into()).collect() };
    assert_eq!(store.heads(&names(&["a", "b"])).await.unwrap(), []);
    let a = doc(&*store, "a", 3).await;
    let b = doc(&*store, "b\u{301} \"'\\,{}", 0).await;
    doc(&*store, "A", 1).await;
    let asked = names(&["nobody", "b\u{301} \"'\\,{}", "a", "a", "", "a "]);
    let mut told = store.heads(&asked).await.unwrap();
    told.sort_by_key(|head| head.seq);
    let head = |room: &str, id, seq| Head {
        room: room.into(),
        id,
        seq,
        access_version: 0,
    };
    let expected = [head("b\u{301} \"'\\,{}", b, 0), head("a", a, 3)];
    assert_eq!(told, expected);
    assert_eq!(store.heads(&[]).await.unwrap(), []);
}

/// And rows come and go without it.
pub async fn heads_of_a_thousand_rooms_are_told(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    let names: Vec<Arc<str>> = (0..1000).map(|n| format!("room {n}").into()).collect();
    let mut node = Node::new();
    let parts = names.iter().map(|name| part(name, None, &["1"]));
    append(&*store, &node.batch(parts.collect())).await;
    let every_third = names.iter().step_by(3);
    let parts = every_third.map(|name| part(name, None, &["2", "3"]));
    append_at_last(&*store, &mut node, parts.collect()).await;
    let mut told = other.heads(&names).await.unwrap();
    told.sort_by_key(|head| names.iter().position(|name| *name == head.room));
    assert_eq!(told.len(), names.len());
    for (nth, head) in told.iter().enumerate() {
        let seq = if nth % 3 == 0 { 3 } else { 1 };
        assert_eq!((&head.room, head.seq), (&names[nth], seq));
    }
}

/// None of a room that isn't there, and nothing of one that has nothing more.
pub async fn what_is_new_is_what_stands_behind_a_number(place: &dyn Place) {
    let store = place.open().await;
    for after in [0, 1, u64::MAX] {
        assert_eq!(store.since("nobody", after, ALL).await.unwrap(), None);
    }
    let id = doc(&*store, "room", 5).await;
    doc(&*store, "other", 9).await;
    for after in 0..5 {
        let found = since(&*store, "room", after).await;
        assert_eq!((found.id, found.head), (id, 5));
        let expected: Vec<String> = (after + 1..=5).map(|seq| seq.to_string()).collect();
        assert_eq!(
            (found.base.is_none(), news(&found, after)),
            (true, expected)
        );
    }
    let nothing = Since {
        id,
        head: 5,
        base: None,
        updates: Vec::new(),
    };
    for after in [5, 6, 1 << 40, i64::MAX as u64, u64::MAX] {
        assert_eq!(since(&*store, "room", after).await, nothing, "{after}");
    }
    let empty = doc(&*store, "empty", 0).await;
    for after in [0, 1] {
        let found = since(&*store, "empty", after).await;
        assert_eq!((found.id, found.head), (empty, 0));
        assert_eq!((found.base, found.updates), (None, vec![]));
    }
}

/// At least one row, or nobody would ever come further.
pub async fn what_is_new_comes_in_parts_of_about_so_many_bytes(place: &dyn Place) {
    let store = place.open().await;
    let texts: Vec<String> = (1..=9).map(|n| n.to_string().repeat(1000)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    append(
        &*store,
        &Node::new().batch(vec![part("room", None, &texts)]),
    )
    .await;
    for (max_bytes, most) in [
        (0, 1),
        (1, 1),
        (999, 1),
        (1100, 2),
        (3000, 3),
        (ALL, 9),
        (usize::MAX, 9),
    ] {
        let (mut after, mut parts) = (0, 0);
        while after < 9 {
            let part = store
                .since("room", after, max_bytes)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((part.head, part.base.is_none()), (9, true));
            let rows = part.updates.len();
            assert!((1..=most).contains(&rows), "{rows} of {most}");
            for update in &part.updates {
                after += 1;
                assert_eq!(update.seq, after);
                assert_eq!(update.bytes, texts[after as usize - 1]);
            }
            parts += 1;
        }
        assert_eq!(parts, 9_usize.div_ceil(most), "{max_bytes}");
    }
}

/// Tiny rows cost memory too, and a part of thousands is one.
pub async fn what_is_new_may_be_thousands_of_rows(place: &dyn Place) {
    let store = place.open().await;
    let updates = vec![update("x"); 20_000];
    let mut rows = part("room", None, &[]);
    rows.updates = updates;
    append(&*store, &Node::new().batch(vec![rows])).await;
    let found = since(&*store, "room", 10).await;
    assert_eq!(found.updates.len(), 19_990);
    let some = store.since("room", 10, 1 << 20).await.unwrap().unwrap();
    assert!((10_000..18_000).contains(&some.updates.len()));
    assert_eq!(found.updates[..some.updates.len()], some.updates);
}

/// What is gone is covered by a snapshot, which comes instead.
pub async fn what_is_new_and_was_trimmed_comes_as_a_snapshot(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 9).await;
    add_snapshots(&*store, id, &[2, 4, 7]).await;
    // As long as the rows are there, they are enough.
    let found = since(&*store, "room", 1).await;
    assert_eq!((found.base.is_none(), news(&found, 1).len()), (true, 8));
    trim_rows(&*store, id, 1..=4).await;
    for (after, expected) in [
        (0, &["1-7", "8", "9"][..]),
        (3, &["1-7", "8", "9"]),
        (4, &["5", "6", "7", "8", "9"]),
        (8, &["9"]),
        (9, &[]),
    ] {
        let found = since(&*store, "room", after).await;
        assert_eq!((found.id, found.head), (id, 9));
        assert_eq!(news(&found, after), expected, "{after}");
    }
    // The base is no row: one row comes with it.
    let found = store.since("room", 0, 1).await.unwrap().unwrap();
    assert_eq!(news(&found, 0), ["1-7", "8"]);
    let mut node = Node::new();
    store.add_snapshot(&snapshot_of(id, 4, 9)).await.unwrap();
    trim_rows(&*store, id, 5..=7).await;
    assert_eq!(news(&since(&*store, "room", 0).await, 0), ["1-9"]);
    append(&*store, &node.batch(vec![part("room", Some(id), &["10"])])).await;
    assert_eq!(news(&since(&*store, "room", 3).await, 3), ["1-9", "10"]);
    assert_eq!(news(&since(&*store, "room", 9).await, 9), ["10"]);
}

/// To the one before it, as long as that and the rows behind it go on from the number.
pub async fn what_is_new_passes_over_damaged_snapshots(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 9).await;
    add_snapshots(&*store, id, &[2, 5, 7]).await;
    trim_rows(&*store, id, 1..=5).await;
    let (room, kind) = ("room".to_owned(), SnapshotDamage::Data);
    let spoilt = |version| Damage::Snapshot {
        room: room.clone(),
        version,
        kind,
    };
    place.damage(spoilt(3)).await;
    let found = since(&*store, "room", 3).await;
    assert_eq!(news(&found, 3), ["1-5", "6", "7", "8", "9"]);
    assert_eq!(news(&since(&*store, "room", 6).await, 6).len(), 3);
    place.damage(spoilt(2)).await;
    // What is left covers less than the caller has, or its rows are missing.
    for after in [0, 1, 2, 3, 4] {
        let told = corrupt(&*store, after).await;
        assert!(told.contains("found row 6"), "{told}");
    }
    assert_eq!(news(&since(&*store, "room", 5).await, 5).len(), 4);
}

/// Unless a snapshot covers them, for then nobody needs them.
pub async fn damaged_rows_are_nothing_new(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 9).await;
    damage_row(place, 3).await;
    for after in [0, 2] {
        let told = corrupt(&*store, after).await;
        assert!(told.contains("checksum of row 3"), "{told}");
    }
    assert_eq!(news(&since(&*store, "room", 3).await, 3).len(), 6);
    remove_row(place, 6).await;
    let told = corrupt(&*store, 4).await;
    assert!(told.contains("expected row 6 of 9, found row 7"), "{told}");
    let told = corrupt(&*store, 5).await;
    assert!(told.contains("expected row 6 of 9, found row 7"), "{told}");
    add_snapshots(&*store, id, &[3, 7]).await;
    for after in [0, 2, 4, 5] {
        assert_eq!(news(&since(&*store, "room", after).await, after)[0], "1-7");
    }
    assert_eq!(news(&since(&*store, "room", 6).await, 6), ["7", "8", "9"]);
    // Behind all snapshots, and at the end.
    remove_row(place, 9).await;
    for after in [0, 6, 7, 8] {
        let told = corrupt(&*store, after).await;
        assert!(told.contains("the rows end at 8"), "{told}");
    }
    assert_eq!(news(&since(&*store, "room", 9).await, 9), [""; 0]);
    damage_row(place, 8).await;
    // No more than what is wanted is read.
    let found = store.since("room", 6, 1).await.unwrap().unwrap();
    assert_eq!((news(&found, 6), found.head), (vec!["7".to_owned()], 9));
    let told = corrupt(&*store, 7).await;
    assert!(told.contains("checksum of row 8"), "{told}");
}

/// Head, base and rows are of the same moment while others write, compact and trim.
pub async fn what_is_new_has_no_hole_while_a_room_is_compacted(place: &dyn Place) {
    let (store, reader) = (place.open().await, place.open().await);
    let rounds = 40;
    let id = doc(&*store, "room", 3).await;
    let compacting = tokio::spawn(async move {
        let mut node = Node::new();
        for version in 1..=rounds {
            let seq = version * 3;
            let new = snapshot_of(id, version, seq);
            until_available(|| store.add_snapshot(&new)).await;
            let trim = Trim {
                room: id,
                rows: 1..=(version - 1) * 3,
                versions: Vec::new(),
            };
            if version > 1 {
                until_available(|| store.trim(&trim)).await;
            }
            let texts: Vec<String> = (seq + 1..=seq + 3).map(|n| n.to_string()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            append_at_last(&*store, &mut node, vec![part("room", Some(id), &texts)]).await;
        }
    });
    let last = rounds * 3 + 3;
    let mut known = 0;
    while known < last {
        let is_over = compacting.is_finished();
        // One who is always far behind, and one who follows closely.
        let all = until_available(|| reader.since("room", 0, ALL)).await;
        assert!(!news(&all.unwrap(), 0).is_empty());
        let found = until_available(|| reader.since("room", known, 100)).await;
        let found = found.unwrap();
        news(&found, known);
        let base = found.base.as_ref().map(|base| base.info.seq);
        known = found
            .updates
            .last()
            .map(|u| u.seq)
            .or(base)
            .unwrap_or(known);
        assert!(!is_over || found.head == last);
        tokio::task::yield_now().await;
    }
    compacting.await.unwrap();
}
