//! Snapshots: stored, listed, loaded from, and refused where they do not fit in.

use std::sync::Arc;

use bytes::Bytes;

use super::{Node, Place, append, contents, doc, loaded, noise, part, snapshot_of};
use crate::{Builder, NewSnapshot, RoomId, StoreError};

/// With all that is known of it, also after opening again.
pub async fn a_room_loads_from_its_newest_snapshot(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    store.add_snapshot(&snapshot_of(id, 1, 3)).await.unwrap();
    let new = NewSnapshot {
        listed: true,
        builder: Builder::Bytes,
        note: Some("it holds \u{1F58C}".to_owned()),
        label: Some("before the \"talk\"".into()),
        author: Some("ann".into()),
        time_ms: -7,
        ..snapshot_of(id, 2, 5)
    };
    store.add_snapshot(&new).await.unwrap();
    append(
        &*store,
        &Node::new().batch(vec![part("room", None, &["6", "7"])]),
    )
    .await;
    store.close().await;
    let store = place.open().await;
    let room = loaded(&*store, "room").await;
    assert_eq!(
        (room.id, room.head, &room.passed_over[..]),
        (id, 7, &[][..])
    );
    assert_eq!(contents(&room), ["1-5", "6", "7"]);
    let base = room.base.unwrap();
    assert_eq!(
        (&base.data, &base.state_vector),
        (&new.data, &new.state_vector)
    );
    let info = base.info;
    assert_eq!((info.version, info.seq, info.size), (2, 5, 3));
    assert_eq!((info.listed, info.builder), (true, Builder::Bytes));
    assert_eq!(info.note.as_deref(), Some("it holds \u{1F58C}"));
    assert_eq!(info.label.as_deref(), Some("before the \"talk\""));
    assert_eq!(info.author.as_deref(), Some("ann"));
    assert_eq!(info.time_ms, -7);
}

/// Before anything was added, of a room of which it holds all, and twice of the same.
pub async fn a_snapshot_may_cover_nothing_or_everything(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 0).await;
    store.add_snapshot(&snapshot_of(id, 1, 0)).await.unwrap();
    let room = loaded(&*store, "room").await;
    assert_eq!((room.head, room.updates.len()), (0, 0));
    assert_eq!(room.base.unwrap().info.version, 1);
    append(
        &*store,
        &Node::new().batch(vec![part("room", None, &["1", "2"])]),
    )
    .await;
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-0", "1", "2"]);
    for version in [2, 3] {
        let new = snapshot_of(id, version, 2);
        store.add_snapshot(&new).await.unwrap();
        let room = loaded(&*store, "room").await;
        assert_eq!(contents(&room), ["1-2"]);
        assert_eq!(room.base.unwrap().info.version, version);
    }
}

/// Down to the rows alone.
pub async fn loading_below_a_version_passes_over_it_and_newer_ones(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    store.add_snapshot(&snapshot_of(id, 1, 2)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 2, 4)).await.unwrap();
    for (below, expected) in [
        (u64::MAX, &["1-4", "5"][..]),
        (3, &["1-4", "5"]),
        (2, &["1-2", "3", "4", "5"]),
        (1, &["1", "2", "3", "4", "5"]),
        (0, &["1", "2", "3", "4", "5"]),
    ] {
        let room = store.load_below("room", below).await.unwrap().unwrap();
        assert_eq!(contents(&room), expected, "below {below}");
        assert_eq!(room.passed_over, []);
    }
    assert_eq!(store.load_below("nowhere", 3).await.unwrap(), None);
}

/// Versions and others, without their bytes.
pub async fn snapshots_are_told_newest_first(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.snapshots("room").await.unwrap(), None);
    let id = doc(&*store, "room", 5).await;
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.room, all.head, all.first_row), (id, 5, 1));
    assert_eq!((all.snapshots.len(), all.next_version()), (0, 1));
    for version in 1..=3 {
        let new = NewSnapshot {
            listed: version == 2,
            ..snapshot_of(id, version, version + 1)
        };
        store.add_snapshot(&new).await.unwrap();
    }
    let all = store.snapshots("room").await.unwrap().unwrap();
    let told: Vec<_> = all
        .snapshots
        .iter()
        .map(|i| (i.version, i.seq, i.listed))
        .collect();
    assert_eq!(told, [(3, 4, false), (2, 3, true), (1, 2, false)]);
    assert_eq!((all.unreadable.len(), all.next_version()), (0, 4));
    let empty = doc(&*store, "empty", 0).await;
    let all = store.snapshots("empty").await.unwrap().unwrap();
    assert_eq!((all.room, all.head, all.first_row), (empty, 0, 1));
}

/// Of every size.
pub async fn a_snapshot_comes_back_byte_for_byte(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 3).await;
    let all: Vec<u8> = (0..=255).collect();
    let kept = [
        (Bytes::new(), Bytes::new()),
        (Bytes::from(all.clone()), Bytes::from_static(b"\0")),
        (Bytes::from_static(b"\0"), Bytes::from(all)),
        (noise(20 << 20), noise(70_000)),
    ];
    for (version, (data, state_vector)) in (1..).zip(kept.clone()) {
        let new = NewSnapshot {
            data,
            state_vector,
            ..snapshot_of(id, version, 3)
        };
        store.add_snapshot(&new).await.unwrap();
    }
    store.close().await;
    let store = place.open().await;
    for (version, (data, state_vector)) in (1..).zip(kept) {
        let found = store.snapshot("room", version).await.unwrap().unwrap();
        assert!(found.data == data && found.state_vector == state_vector);
        assert_eq!(found.info.size, data.len() as u64);
    }
    for (room, version) in [("room", 0), ("room", 5), ("room", u64::MAX), ("nowhere", 1)] {
        assert_eq!(store.snapshot(room, version).await.unwrap(), None);
    }
}

/// And leaves nothing behind.
pub async fn a_snapshot_that_does_not_fit_in_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    let other = doc(&*store, "other", 9).await;
    store.add_snapshot(&snapshot_of(other, 1, 9)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 1, 2)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 2, 4)).await.unwrap();
    for new in [
        snapshot_of(id, 1, 4),
        snapshot_of(id, 2, 4),
        snapshot_of(id, 4, 4),
        snapshot_of(id, 3, 3),
        snapshot_of(id, 3, 6),
        snapshot_of(RoomId(4711), 1, 0),
        snapshot_of(RoomId(-1), 1, 0),
    ] {
        let error = store.add_snapshot(&new).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.snapshots.len(), all.next_version()), (2, 3));
    store.add_snapshot(&snapshot_of(id, 3, 5)).await.unwrap();
}

/// All stores refuse the same, whatever their database could do.
pub async fn what_no_database_takes_is_invalid_in_a_snapshot(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    let good = || snapshot_of(id, 1, 5);
    let huge = Bytes::from(vec![0; (1 << 29) + 1]);
    for new in [
        snapshot_of(id, 0, 5),
        snapshot_of(id, u64::MAX, 5),
        snapshot_of(id, 1, u64::MAX),
        NewSnapshot {
            note: Some("a\0b".into()),
            ..good()
        },
        NewSnapshot {
            label: Some("a\0b".into()),
            ..good()
        },
        NewSnapshot {
            author: Some("a\0b".into()),
            ..good()
        },
        NewSnapshot {
            data: huge.clone(),
            ..good()
        },
        NewSnapshot {
            state_vector: huge,
            ..good()
        },
    ] {
        let error = store.add_snapshot(&new).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    }
    store.add_snapshot(&good()).await.unwrap();
    let naming = store.list_snapshot(id, 1, Some("a\0b".into()), None).await;
    assert!(matches!(naming, Err(StoreError::Invalid(_))), "{naming:?}");
}

/// For a doc that has not changed since it was made.
pub async fn a_snapshot_can_become_a_version_later(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 5).await;
    store.add_snapshot(&snapshot_of(id, 1, 2)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 2, 5)).await.unwrap();
    let (label, author): (Arc<str>, Arc<str>) = ("Zo\u{eb}'s".into(), "ann".into());
    let naming = store.list_snapshot(id, 2, Some(label.clone()), Some(author.clone()));
    naming.await.unwrap();
    let all = store.snapshots("room").await.unwrap().unwrap().snapshots;
    assert_eq!((all[0].listed, &all[0].label), (true, &Some(label)));
    assert_eq!(all[0].author, Some(author));
    assert_eq!((all[1].listed, &all[1].label), (false, &None));
    assert_eq!(contents(&loaded(&*store, "room").await), ["1-5"]);
    for (room, version) in [(id, 3), (id, 0), (id, u64::MAX), (RoomId(4711), 1)] {
        let error = store.list_snapshot(room, version, None, None).await;
        assert!(matches!(error, Err(StoreError::Conflict(_))), "{error:?}");
    }
}

/// It loses what it was called, and goes on serving as a base.
pub async fn a_version_can_be_taken_back(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 3).await;
    let named = NewSnapshot {
        listed: true,
        label: Some("draft".into()),
        author: Some("ann".into()),
        ..snapshot_of(id, 1, 2)
    };
    store.add_snapshot(&named).await.unwrap();
    store.unlist_snapshot(id, 1).await.unwrap();
    store.unlist_snapshot(id, 1).await.unwrap();
    let told = store.snapshots("room").await.unwrap().unwrap();
    let info = &told.snapshots[0];
    assert_eq!(
        (info.listed, &info.label, &info.author),
        (false, &None, &None)
    );
    let room = loaded(&*store, "room").await;
    assert_eq!(contents(&room), ["1-2", "3"]);
    for (room, version) in [(id, 2), (RoomId(id.0 + 1), 1)] {
        let refused = store.unlist_snapshot(room, version).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
}

/// Numbers and contents of one room say nothing about another.
pub async fn rooms_have_snapshots_of_their_own(place: &dyn Place) {
    let store = place.open().await;
    for (room, rows) in [("a", 3), ("b", 5)] {
        let id = doc(&*store, room, rows).await;
        store.add_snapshot(&snapshot_of(id, 1, rows)).await.unwrap();
    }
    assert_eq!(contents(&loaded(&*store, "a").await), ["1-3"]);
    assert_eq!(contents(&loaded(&*store, "b").await), ["1-5"]);
}
