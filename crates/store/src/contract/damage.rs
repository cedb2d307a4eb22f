//! Damage: what is not what was stored is never served, and costs nothing as long as something else holds it.

use super::{Damage, Node, Place, append, contents, doc, loaded, part, snapshot_of};
use crate::{SnapshotDamage, StoreError, Trim};

const KINDS: [SnapshotDamage; 4] = [
    SnapshotDamage::Data,
    SnapshotDamage::Size,
    SnapshotDamage::StateVector,
    SnapshotDamage::Seq,
];

async fn spoil(place: &dyn Place, room: &str, version: u64, kind: SnapshotDamage) {
    let room = room.to_owned();
    place
        .damage(Damage::Snapshot {
            room,
            version,
            kind,
        })
        .await;
}

/// To the one before it and the rows between the two.
pub async fn a_damaged_newest_snapshot_falls_back_without_loss(place: &dyn Place) {
    let store = place.open().await;
    for kind in KINDS {
        let room = &format!("{kind:?}");
        let id = doc(&*store, room, 6).await;
        for (version, seq) in [(1, 2), (2, 4), (3, 6)] {
            store
                .add_snapshot(&snapshot_of(id, version, seq))
                .await
                .unwrap();
        }
        spoil(place, room, 3, kind).await;
        let found = loaded(&*store, room).await;
        assert_eq!(contents(&found), ["1-4", "5", "6"], "{kind:?}");
        assert_eq!(found.passed_over.len(), 1);
        assert_eq!(found.passed_over[0].version, 3);
        assert!(!found.passed_over[0].why.is_empty());
        spoil(place, room, 2, kind).await;
        spoil(place, room, 1, kind).await;
        let found = loaded(&*store, room).await;
        assert_eq!(contents(&found), ["1", "2", "3", "4", "5", "6"]);
        let passed: Vec<u64> = found.passed_over.iter().map(|over| over.version).collect();
        assert_eq!(passed, [3, 2, 1]);
    }
}

/// It is told which snapshots were passed over and which row is missing.
pub async fn an_older_base_without_its_rows_is_corrupt(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 6).await;
    for (version, seq) in [(1, 2), (2, 4), (3, 6)] {
        store
            .add_snapshot(&snapshot_of(id, version, seq))
            .await
            .unwrap();
    }
    let (room, rows, versions) = (id, 1..=4, Vec::new());
    store
        .trim(&Trim {
            room,
            rows,
            versions,
        })
        .await
        .unwrap();
    spoil(place, "room", 3, SnapshotDamage::Data).await;
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-4", "5", "6"]);
    for (version, row) in [(2, "expected row 3 "), (1, "expected row 1 ")] {
        spoil(place, "room", version, SnapshotDamage::Data).await;
        let error = store.load("room").await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{told}");
        assert!(told.contains(row) && told.contains("found row 5"), "{told}");
        assert!(told.contains("snapshot 3 (") && told.contains("snapshot 2 ("));
    }
}

/// Whatever stands around it.
pub async fn a_damaged_row_is_corrupt_and_named(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    let row = |seq| Damage::Row {
        room: "room".to_owned(),
        seq,
    };
    place.damage(row(2)).await;
    let error = store.load("room").await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("row 2"), "{error}");
    // Below a base it is not read.
    store.add_snapshot(&snapshot_of(id, 1, 4)).await.unwrap();
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-4", "5"]);
    place.damage(row(5)).await;
    let error = store.load("room").await.unwrap_err();
    assert!(error.to_string().contains("row 5"), "{error}");
    doc(&*store, "gone", 3).await;
    place
        .damage(Damage::RowGone {
            room: "gone".to_owned(),
            seq: 2,
        })
        .await;
    let error = store.load("gone").await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("expected row 2"), "{error}");
}

/// It is listed, its number counts, and the next one heals the room.
pub async fn a_damaged_snapshot_stands_in_nobodys_way(place: &dyn Place) {
    let store = place.open().await;
    for kind in KINDS {
        let room = &format!("{kind:?}");
        let id = doc(&*store, room, 4).await;
        store.add_snapshot(&snapshot_of(id, 1, 2)).await.unwrap();
        store.add_snapshot(&snapshot_of(id, 2, 4)).await.unwrap();
        spoil(place, room, 2, kind).await;
        let error = store.snapshot(room, 2).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("snapshot 2"), "{error}");
        assert!(store.snapshot(room, 1).await.unwrap().is_some());
        let all = store.snapshots(room).await.unwrap().unwrap();
        assert_eq!((all.snapshots.len(), all.next_version()), (2, 3));
        append(
            &*store,
            &Node::new().batch(vec![part(room, Some(id), &["5"])]),
        )
        .await;
        store.add_snapshot(&snapshot_of(id, 3, 5)).await.unwrap();
        let found = loaded(&*store, room).await;
        assert_eq!(contents(&found), ["1-5"]);
        assert_eq!(found.passed_over, []);
    }
}

/// Two sound ones must cover what goes, and both stay.
pub async fn a_damaged_snapshot_does_not_cover_what_is_trimmed(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 8).await;
    for (version, seq) in [(1, 2), (2, 4), (3, 6), (4, 8)] {
        store
            .add_snapshot(&snapshot_of(id, version, seq))
            .await
            .unwrap();
    }
    spoil(place, "room", 3, SnapshotDamage::Data).await;
    let plan = |rows, versions: &[u64]| Trim {
        room: id,
        rows,
        versions: versions.to_vec(),
    };
    let none = std::ops::RangeInclusive::new(1, 0);
    for trim in [plan(1..=5, &[]), plan(none.clone(), &[2]), plan(none, &[3])] {
        let error = store.trim(&trim).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    store.trim(&plan(1..=4, &[1])).await.unwrap();
    spoil(place, "room", 4, SnapshotDamage::Data).await;
    let found = loaded(&*store, "room").await;
    assert_eq!(contents(&found), ["1-4", "5", "6", "7", "8"]);
}
