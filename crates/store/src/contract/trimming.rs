//! Trimming: what goes, what must stay, and that nobody who reads meanwhile sees the difference.

use std::ops::RangeInclusive;

use super::{
    Node, Place, append, append_at_last, contents, doc, loaded, part, snapshot_of, until_available,
};
use crate::{RoomId, StoreError, Trim, Trimmed};

fn plan(room: RoomId, rows: RangeInclusive<u64>, versions: &[u64]) -> Trim {
    Trim {
        room,
        rows,
        versions: versions.to_vec(),
    }
}

/// And the room is what it was.
pub async fn what_is_trimmed_is_gone_and_nothing_else(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 9).await;
    doc(&*store, "other", 9).await;
    for (version, seq) in [(1, 2), (2, 4), (3, 6), (4, 8)] {
        store
            .add_snapshot(&snapshot_of(id, version, seq))
            .await
            .unwrap();
    }
    let before = loaded(&*store, "room").await;
    let trim = plan(id, 1..=5, &[1, 2]);
    let trimmed = store.trim(&trim).await.unwrap();
    assert_eq!(
        trimmed,
        Trimmed {
            rows: 5,
            snapshots: 2
        }
    );
    // Again, as after a lost answer.
    assert_eq!(store.trim(&trim).await.unwrap(), Trimmed::default());
    let part_of_it = plan(id, 4..=6, &[7]);
    let trimmed = store.trim(&part_of_it).await.unwrap();
    assert_eq!(
        trimmed,
        Trimmed {
            rows: 1,
            snapshots: 0
        }
    );
    assert_eq!(loaded(&*store, "room").await, before);
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.first_row, all.snapshots.len()), (7, 2));
    // The reserve: the older of the two, and all rows above it.
    let older = store.load_below("room", 4).await.unwrap().unwrap();
    assert_eq!(contents(&older), ["1-6", "7", "8", "9"]);
    assert_eq!(loaded(&*store, "other").await.updates.len(), 9);
    assert_eq!(
        store.trim(&plan(id, empty(), &[])).await.unwrap(),
        Trimmed::default()
    );
}

fn empty() -> RangeInclusive<u64> {
    RangeInclusive::new(1, 0)
}

/// And nothing is deleted.
pub async fn a_trim_that_would_leave_too_little_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 9).await;
    let refused = async |rows, versions: &[u64]| {
        let error = store.trim(&plan(id, rows, versions)).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    };
    refused(1..=1, &[]).await;
    store.add_snapshot(&snapshot_of(id, 1, 4)).await.unwrap();
    refused(1..=1, &[]).await;
    refused(empty(), &[1]).await;
    store.add_snapshot(&snapshot_of(id, 2, 6)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 3, 8)).await.unwrap();
    refused(1..=7, &[]).await;
    refused(1..=u64::MAX, &[]).await;
    refused(2..=3, &[]).await;
    refused(1..=4, &[2]).await;
    refused(1..=4, &[1, 3]).await;
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.first_row, all.snapshots.len()), (1, 3));
    store.trim(&plan(id, 1..=6, &[1])).await.unwrap();
    let nowhere = store.trim(&plan(RoomId(4711), 1..=1, &[])).await;
    assert!(
        matches!(nowhere, Err(StoreError::Conflict(_))),
        "{nowhere:?}"
    );
}

/// More than any one step takes.
pub async fn thousands_of_rows_are_trimmed(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 12_003).await;
    store
        .add_snapshot(&snapshot_of(id, 1, 12_001))
        .await
        .unwrap();
    store
        .add_snapshot(&snapshot_of(id, 2, 12_003))
        .await
        .unwrap();
    let trimmed = store.trim(&plan(id, 1..=12_001, &[])).await.unwrap();
    assert_eq!(trimmed.rows, 12_001);
    let older = store.load_below("room", 2).await.unwrap().unwrap();
    assert_eq!(contents(&older), ["1-12001", "12002", "12003"]);
}

/// Numbers go on, and a batch is still known.
pub async fn appending_goes_on_after_trimming(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let batch = node.batch(vec![part("room", None, &["1", "2"])]);
    let receipt = append(&*store, &batch).await;
    let id = receipt.rooms[0].id;
    for version in [1, 2, 3] {
        store
            .add_snapshot(&snapshot_of(id, version, 2))
            .await
            .unwrap();
    }
    store.trim(&plan(id, 1..=2, &[1])).await.unwrap();
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-2"]);
    assert_eq!(append(&*store, &batch).await, receipt);
    let next = append(&*store, &node.batch(vec![part("room", Some(id), &["3"])])).await;
    assert_eq!(next.rooms[0].first_seq, 3);
    store.close().await;
    let store = place.open().await;
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-2", "3"]);
    // A number does not come back.
    assert_eq!(
        store
            .snapshots("room")
            .await
            .unwrap()
            .unwrap()
            .next_version(),
        4
    );
}

/// Base and rows are of the same moment while others write, compact and trim.
pub async fn a_load_sees_whole_rooms_while_they_are_compacted(place: &dyn Place) {
    let (store, reader) = (place.open().await, place.open().await);
    let rounds = 40;
    let id = doc(&*store, "room", 3).await;
    let compacting = tokio::spawn(async move {
        let mut node = Node::new();
        for version in 1..=rounds {
            let seq = version * 3;
            let new = snapshot_of(id, version, seq);
            until_available(|| store.add_snapshot(&new)).await;
            let covered = (version - 1) * 3;
            let older: Vec<u64> = version
                .checked_sub(2)
                .filter(|v| *v > 0)
                .into_iter()
                .collect();
            let trim = plan(id, 1..=covered, &older);
            if version > 1 {
                until_available(|| store.trim(&trim)).await;
            }
            let texts: Vec<String> = (seq + 1..=seq + 3).map(|n| n.to_string()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            append_at_last(&*store, &mut node, vec![part("room", Some(id), &texts)]).await;
        }
    });
    let mut seen = 0;
    while seen < rounds * 3 + 3 {
        let room = loaded(&*reader, "room").await;
        assert!(room.head >= seen && room.head.is_multiple_of(3));
        contents(&room);
        seen = room.head;
        tokio::task::yield_now().await;
        let last = rounds * 3 + 3;
        assert!(!compacting.is_finished() || loaded(&*reader, "room").await.head == last);
    }
    compacting.await.unwrap();
}
