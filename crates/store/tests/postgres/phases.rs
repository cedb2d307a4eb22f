//! An append that is interrupted in each of its phases: between any two things that the store says to the database, and under each of
//! them. What is sent again is there once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scrible_store::{Batch, PostgresStore, Store, StoreError};

use crate::database::{Database, PATIENCE, execute};
use crate::line::{At, Line, What};
use crate::opening::Cases;
use crate::trouble::{batch, case, settle};

pub const CASES: Cases = &[
    case!(j2_j3_sessions_ended_in_any_phase_double_and_lose_nothing),
    case!(j2_j3_a_line_cut_in_any_phase_doubles_and_loses_nothing),
    case!(j3_a_database_that_can_only_be_read_is_written_again_later),
    case!(t4_a_check_is_over_within_two_seconds),
];

/// More than an append says in any of its forms.
const MOST: u32 = 40;

async fn j2_j3_sessions_ended_in_any_phase_double_and_lose_nothing(at: Database) {
    interrupt(&at, &[What::EndSessions, What::EndSessionsMeanwhile]).await;
}

async fn j2_j3_a_line_cut_in_any_phase_doubles_and_loses_nothing(at: Database) {
    interrupt(&at, &[What::CutBefore, What::CutUnder, What::CutAfter]).await;
}

/// Batches of every kind: on a connection that has never said anything like it, on one that has, to new rooms and to known ones.
async fn interrupt(at: &Database, troubles: &[What]) {
    let line = Line::to(at.options()).await;
    let store = line.store().await;
    let mut number = 1;
    settle(&store, &batch(number, &["known"])).await;
    for &what in troubles {
        for warm in [true, false] {
            let mut phases = 0;
            for nth in 0..MOST {
                number += 1;
                if warm {
                    settle(&store, &batch(number, &["known"])).await;
                    number += 1;
                }
                let new = format!("new {number}");
                let batch = batch(number, &["known", &new]);
                line.plan(At::Nth(nth), what);
                let first = store.append(&batch).await;
                if line.cancel() {
                    // It came to its end before anything could happen.
                    first.unwrap();
                    break;
                }
                phases += 1;
                line.until_ended().await;
                if let Err(error) = &first {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                }
                let receipt = settle(&store, &batch).await;
                assert_eq!(receipt.rooms[1].unwrap().first_seq, 1, "{what:?} {nth}");
                expect_whole(&store, &batch).await;
            }
            assert!((5..MOST).contains(&phases), "{phases} phases");
        }
    }
    let stored = store.load("known").await.unwrap().unwrap();
    let texts: Vec<String> = (1..=number).map(|number| number.to_string()).collect();
    let found: Vec<_> = stored.updates.iter().map(|row| &row.bytes[..]).collect();
    assert_eq!(
        found,
        texts.iter().map(|t| t.as_bytes()).collect::<Vec<_>>()
    );
}

/// Each room of the batch ends with its update, which stands there once.
async fn expect_whole(store: &PostgresStore, batch: &Batch) {
    for part in &batch.rooms {
        let room = store.load(&part.room).await.unwrap().unwrap();
        let own = &part.updates[0].bytes;
        let places: Vec<u64> = room
            .updates
            .iter()
            .filter(|row| row.bytes == *own)
            .map(|row| row.seq)
            .collect();
        assert_eq!(places, [room.head], "{}", part.room);
    }
}

/// As administrators and providers do it, and as it is after a failover to a standby.
async fn j3_a_database_that_can_only_be_read_is_written_again_later(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["room"])).await.unwrap();
    for number in [2, 3] {
        let set = |to| {
            format!(
                "ALTER DATABASE {} SET default_transaction_read_only = {to}",
                at.name()
            )
        };
        at.execute(&set("on")).await;
        // It holds for new ones.
        at.end_sessions().await;
        for _ in 0..3 {
            let refused = store.append(&batch(number, &["room"])).await.unwrap_err();
            assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
        }
        let told = store.check().await.unwrap_err().to_string();
        assert!(told.contains("read-only"), "{told}");
        // Reading goes on.
        let found = store.load("room").await.unwrap().unwrap();
        assert_eq!(found.head, number - 1);
        assert_eq!(store.heads(&["room".into()]).await.unwrap().len(), 1);
        let mut conn = at.sql().await;
        execute(&mut conn, "SET default_transaction_read_only = off").await;
        execute(&mut conn, &set("off")).await;
        at.end_sessions().await;
        let receipt = settle(&store, &batch(number, &["room"])).await;
        assert_eq!(receipt.rooms[0].unwrap().first_seq, number);
        store.check().await.unwrap();
    }
}

async fn check(store: &PostgresStore) -> Result<(), String> {
    let began = Instant::now();
    let checked = store.check().await;
    assert!(began.elapsed() < Duration::from_millis(2500), "{checked:?}");
    checked.map_err(|error| error.to_string())
}

/// Whatever the matter is.
async fn t4_a_check_is_over_within_two_seconds(at: Database) {
    let line = Line::to(at.options()).await;
    let store = line.store().await;
    store.append(&batch(1, &["room"])).await.unwrap();
    check(&store).await.unwrap();
    // Everything that is there is in use: by whoever has locked the table that they read.
    let mut other = at.sql().await;
    execute(&mut other, "BEGIN; LOCK TABLE room_snapshots").await;
    let store = Arc::new(store);
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        readers.spawn(async move { store.snapshots("room").await });
    }
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let all_wait = async {
        let mut count: i64 = 0;
        while count < 4 {
            let asked = sqlx::query_scalar(waiting).fetch_one(&mut other).await;
            count = asked.unwrap();
        }
    };
    let waited = tokio::time::timeout(PATIENCE, all_wait).await;
    waited.expect("four connections are in use");
    check(&store).await.unwrap();
    execute(&mut other, "ROLLBACK").await;
    while let Some(read) = readers.join_next().await {
        read.unwrap().unwrap();
    }
    // No answer comes in time.
    line.slow(Duration::from_secs(30));
    let told = check(&store).await.unwrap_err();
    assert!(told.contains("did not answer within"), "{told}");
}
