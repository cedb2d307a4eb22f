//! Exports on a server: claims beside each other, the bell that other nodes hear, also after the connection was lost, and the program
//! before there were exports.

use std::time::{Duration, Instant};

use scrible_store::{
    Claim, Directory, ExportAdded, ExportId, ExportLimits, Exports, NewExport, PostgresStore,
    Store, StoreError, WorkerId,
};
use tokio::sync::watch;

use crate::database::{Database, PATIENCE, execute};
use crate::opening::Cases;
use crate::trouble::{batch, case};

pub const CASES: Cases = &[
    case!(the_bell_is_heard_by_other_nodes_that_asked_for_it),
    case!(the_bell_is_heard_again_after_the_connection_was_lost),
    case!(a_claim_waits_for_no_other_that_is_under_way),
    case!(rooms_with_exports_are_purged_by_the_program_before),
];

/// Adds one, as soon as the database can be reached.
async fn add(store: &PostgresStore, number: u128) {
    let new = NewExport {
        id: ExportId(number),
        order: Vec::new().into(),
        at_least: 0,
        version: None,
        ordered_by: None,
        time_ms: 0,
        expires_ms: 0,
    };
    let began = Instant::now();
    loop {
        match store
            .add_export("room", &new, &ExportLimits::waiting(99))
            .await
        {
            Ok(ExportAdded::Yes(_)) => return,
            Err(StoreError::Unavailable(why)) => assert!(began.elapsed() < PATIENCE, "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

async fn rings(bell: &mut watch::Receiver<u64>) {
    let ringing = tokio::time::timeout(PATIENCE, bell.changed()).await;
    ringing.expect("it rings").expect("the store is there");
}

/// Waits until so many sessions listen.
async fn until_listening(at: &Database, wanted: i64) {
    let mut conn = at.sql().await;
    let began = Instant::now();
    loop {
        let listening: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .fetch_one(&mut conn)
        .await
        .unwrap();
        if listening == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{listening} listen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn the_bell_is_heard_by_other_nodes_that_asked_for_it(at: Database) {
    let (here, there) = (at.store().await, at.store().await);
    here.append(&batch(1, &["room"])).await.unwrap();
    add(&here, 1).await;
    until_listening(&at, 0).await;
    let mut bell = there.export_bell();
    // As soon as it can be heard.
    rings(&mut bell).await;
    let mut second = there.export_bell();
    until_listening(&at, 1).await;
    for number in 2..5 {
        assert!(!bell.has_changed().unwrap());
        add(&here, number).await;
        rings(&mut bell).await;
        rings(&mut second).await;
    }
    assert!(
        here.cancel_export("room", ExportId(2), 1)
            .await
            .unwrap()
            .is_some()
    );
    rings(&mut bell).await;
    assert!(
        here.delete_export("room", ExportId(2), "exports/")
            .await
            .unwrap()
    );
    rings(&mut bell).await;
    assert!(here.delete_room("room", 1).await.unwrap().is_some());
    rings(&mut bell).await;
    there.close().await;
    until_listening(&at, 0).await;
    // Nobody begins again after the end.
    let _bell = there.export_bell();
    assert!(here.undelete_room("room").await.unwrap().is_some());
    until_listening(&at, 0).await;
}

async fn the_bell_is_heard_again_after_the_connection_was_lost(at: Database) {
    let (here, there) = (at.store().await, at.store().await);
    here.append(&batch(1, &["room"])).await.unwrap();
    let mut bell = there.export_bell();
    rings(&mut bell).await;
    until_listening(&at, 1).await;
    at.end_sessions().await;
    until_listening(&at, 0).await;
    add(&here, 1).await;
    // It was not heard, but that there may have been something is.
    rings(&mut bell).await;
    until_listening(&at, 1).await;
    bell.mark_unchanged();
    add(&here, 2).await;
    rings(&mut bell).await;
    drop(there);
    until_listening(&at, 0).await;
}

/// It takes the next one instead, and nothing where there is none.
async fn a_claim_waits_for_no_other_that_is_under_way(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["room"])).await.unwrap();
    for number in 1..=2 {
        add(&store, number).await;
    }
    let mut other = at.sql().await;
    execute(
        &mut other,
        "BEGIN; SELECT 1 FROM exports ORDER BY due_ms, number LIMIT 1 FOR UPDATE",
    )
    .await;
    let claim = |worker| Claim {
        worker: WorkerId(worker),
        lease: Duration::from_secs(60),
        attempts: 3,
    };
    // Statements that wait for a lock fail after 5 s.
    let export = store.claim_export(&claim(1)).await.unwrap().unwrap();
    assert_eq!(export.id, ExportId(2));
    assert_eq!(store.claim_export(&claim(1)).await.unwrap(), None);
    execute(&mut other, "COMMIT").await;
    let export = store.claim_export(&claim(2)).await.unwrap().unwrap();
    assert_eq!(export.id, ExportId(1));
}

/// Which knows nothing of them and deletes the row of the room last.
async fn rooms_with_exports_are_purged_by_the_program_before(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["room"])).await.unwrap();
    add(&store, 1).await;
    at.execute(
        "DELETE FROM room_updates; DELETE FROM room_heads; UPDATE rooms SET deleted_ms = 1, purged_ms = 1; \
         DELETE FROM rooms WHERE purged_ms IS NOT NULL",
    )
    .await;
    assert_eq!(store.export(ExportId(1)).await.unwrap(), None);
    let tally = store.export_tally().await.unwrap();
    assert_eq!((tally.pending, tally.processing), (0, 0));
}
