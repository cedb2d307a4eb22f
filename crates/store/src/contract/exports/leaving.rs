//! What is left of exports when they go.

use super::{ExportState, NOW, Place, add, claim, completed, doc, ends, id, one, takes};
use crate::{ExportAdded, ExportLimits, NewExport, Orphans, Store, StoreError};

async fn prefixes(store: &dyn Store) -> Vec<String> {
    let orphans = store.orphans(0).await.unwrap();
    assert!(orphans.windows(2).all(|two| two[0].id < two[1].id));
    orphans
        .iter()
        .map(|orphan| orphan.prefix.to_string())
        .collect()
}

async fn forget_all(store: &dyn Store) {
    for orphan in store.orphans(0).await.unwrap() {
        store.forget_orphans(orphan.id).await.unwrap();
        store.forget_orphans(orphan.id).await.unwrap();
    }
}

/// In whatever state it is, and whether or not its room is deleted.
pub async fn a_deleted_export_leaves_its_objects(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    for number in 1..=4 {
        add(&*store, "room", number).await;
    }
    takes(&*store, &claim(1), 1).await;
    takes(&*store, &claim(1), 2).await;
    assert!(ends(&*store, 2, &claim(1), &completed()).await);
    let delete = async |room: &str, number| {
        let objects = format!("exports/1/{number}.");
        let deleted = store.delete_export(room, id(number), &objects).await;
        deleted.unwrap()
    };
    assert!(!delete("other", 1).await);
    assert_eq!(prefixes(&*store).await, [""; 0]);
    for number in 1..=3 {
        assert!(delete("room", number).await);
        assert!(!delete("room", number).await);
        assert_eq!(store.export(id(number)).await.unwrap(), None);
    }
    assert!(!ends(&*store, 1, &claim(1), &completed()).await);
    store.delete_room("room", NOW).await.unwrap();
    assert!(delete("room", 4).await);
    let left = [
        "exports/1/1.",
        "exports/1/2.",
        "exports/1/3.",
        "exports/1/4.",
    ];
    assert_eq!(prefixes(&*store).await, left);
    let first = store.orphans(0).await.unwrap().remove(0);
    let behind = store.orphans(first.id).await.unwrap();
    assert_eq!(behind.len(), 3);
    assert_eq!(store.orphans(behind[2].id).await.unwrap(), []);
    store.forget_orphans(first.id).await.unwrap();
    assert_eq!(prefixes(&*store).await, left[1..]);
    forget_all(&*store).await;
    let again = place.open().await;
    assert_eq!(prefixes(&*again).await, [""; 0]);
}

/// Also of deleted rooms, and a hundred at a time.
pub async fn exports_expire_in_their_order(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    let add_until = async |room: &str, number: u128, expires_ms: i64| {
        let new = NewExport {
            expires_ms,
            ..super::new_export(number)
        };
        let added = store
            .add_export(room, &new, &ExportLimits::waiting(10_000))
            .await
            .unwrap();
        assert!(matches!(added, ExportAdded::Yes(_)), "{added:?}");
    };
    add_until("room", 1, NOW + 30).await;
    add_until("other", 2, NOW + 10).await;
    add_until("room", 3, NOW + 20).await;
    let expired = async |time_ms: i64| {
        let found = store.expired_exports(time_ms).await.unwrap();
        found
            .into_iter()
            .map(|export| export.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(expired(NOW + 10).await, []);
    assert_eq!(expired(NOW + 30).await, [2, 3].map(id));
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(expired(NOW + 31).await, [2, 3, 1].map(id));
    for number in 10..120 {
        add_until("other", number, NOW - 5).await;
    }
    assert_eq!(
        expired(NOW + 31).await,
        (10..110).map(id).collect::<Vec<_>>()
    );
    let first = store.expired_exports(NOW).await.unwrap().remove(0);
    let deleted = store.delete_export(&first.room, first.id, "exports/x");
    assert!(deleted.await.unwrap());
    assert_eq!(expired(NOW).await[0], id(11));
    assert_eq!(one(&*store, 2).await.state, ExportState::Pending);
}

/// From its first step on, and another room of that name begins with nothing.
pub async fn a_purged_room_leaves_its_objects(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    for number in 1..=250 {
        add(&*store, "room", number).await;
    }
    add(&*store, "other", 300).await;
    takes(&*store, &claim(1), 1).await;
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(prefixes(&*store).await, [""; 0]);
    assert!(store.purge_room("room").await.unwrap());
    let left = [
        format!("exports/{}/", room.0),
        format!("assets/{}/", room.0),
    ];
    assert_eq!(prefixes(&*store).await, left);
    assert_eq!(Orphans::of_room(room), left);
    assert_eq!(place.rows().await["exports"], 1);
    assert_eq!(store.expired_exports(NOW * 2).await.unwrap().len(), 1);
    let again = doc(&*store, "room", 1).await;
    assert!(again > room);
    let late = store.end_export(id(1), &claim(1), &completed(), NOW).await;
    assert!(!late.unwrap());
    // Nothing keeps its id from being used again, were it drawn again.
    assert_eq!(add(&*store, "room", 1).await.room_id, again);
    takes(&*store, &claim(1), 300).await;
    forget_all(&*store).await;
    let closed = place.open().await;
    closed.close().await;
    let refused = closed.claim_export(&claim(1)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}
