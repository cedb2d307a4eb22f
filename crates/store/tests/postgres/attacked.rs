//! Rows that somebody changed by SQL, past every store: a room whose rows do not add up is refused with a sentence, never shorter and
//! never empty, and its neighbours live.

use scrible_store::{Builder, NewSnapshot, PostgresStore, Store, StoreError, Trim};

use crate::database::Database;
use crate::opening::Cases;
use crate::trouble::{batch, case, head};

pub const CASES: Cases = &[
    case!(j5_a_room_whose_rows_were_tampered_with_is_refused_and_others_live),
    case!(what_the_tables_do_not_allow_is_refused_by_the_database),
    case!(a_room_that_stands_on_snapshots_is_refused_without_them),
];

const ID: &str = "(SELECT id FROM rooms WHERE name = 'bad')";

/// Numbers up to `last` in both rooms, whatever stood there.
async fn write(at: &Database, store: &PostgresStore, next: &mut u64) {
    at.execute("TRUNCATE room_updates; UPDATE room_heads SET head = 0")
        .await;
    for _ in 0..5 {
        *next += 1;
        store.append(&batch(*next, &["bad", "good"])).await.unwrap();
    }
}

async fn refused(store: &PostgresStore, sql: &str, what: &str) {
    for refused in [
        store.load("bad").await.map(drop),
        store.since("bad", 0, 1 << 20).await.map(drop),
    ] {
        let error = refused.expect_err(sql);
        let told = error.to_string();
        assert!(
            matches!(&error, StoreError::Corrupt { room, .. } if room == "bad"),
            "{sql}: {told}"
        );
        assert!(told.contains(what), "{sql}: {told}");
    }
}

async fn j5_a_room_whose_rows_were_tampered_with_is_refused_and_others_live(at: Database) {
    let store = at.store().await;
    let mut number = 0;
    store
        .append(&batch(number, &["good", "bad"]))
        .await
        .unwrap();
    for (sql, what) in [
        (
            "UPDATE room_updates SET seq = 9 WHERE room = ID AND seq = 2",
            "expected row 2 of 5, found row 3",
        ),
        (
            "UPDATE room_updates SET seq = 6 WHERE room = ID AND seq = 5",
            "row 6 stands beyond the head 5",
        ),
        // Two rows change places.
        (
            "UPDATE room_updates SET seq = 9 WHERE room = ID AND seq = 2; UPDATE room_updates SET seq = 2 WHERE room = ID AND seq = 4; \
             UPDATE room_updates SET seq = 4 WHERE room = ID AND seq = 9",
            "the checksum of row 2",
        ),
        // All that follows moves up.
        (
            "DELETE FROM room_updates WHERE room = ID AND seq = 3; UPDATE room_updates SET seq = 3 WHERE room = ID AND seq = 4; \
             UPDATE room_updates SET seq = 4 WHERE room = ID AND seq = 5; UPDATE room_heads SET head = 4 WHERE room = ID",
            "the checksum of row 3",
        ),
        // A row of another room stands in its place.
        (
            "DELETE FROM room_updates WHERE room = ID AND seq = 3; INSERT INTO room_updates SELECT ID, seq, time_ms, author, bytes, \
             checksum FROM room_updates WHERE room <> ID AND seq = 3",
            "the checksum of row 3",
        ),
        (
            "UPDATE room_updates SET bytes = 'x' WHERE room = ID AND seq = 4",
            "the checksum of row 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = ID AND seq = 3",
            "expected row 3 of 5, found row 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = ID AND seq = 1",
            "expected row 1 of 5, found row 2",
        ),
        (
            "DELETE FROM room_updates WHERE room = ID AND seq = 5",
            "its head is 5, but the rows end at 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = ID",
            "its head is 5, but the rows end at 0",
        ),
        (
            "UPDATE room_heads SET head = 3 WHERE room = ID",
            "row 4 stands beyond the head 3",
        ),
        (
            "UPDATE room_heads SET head = 0 WHERE room = ID",
            "row 1 stands beyond the head 0",
        ),
        (
            "UPDATE room_heads SET head = 8 WHERE room = ID",
            "its head is 8, but the rows end at 5",
        ),
        (
            "DELETE FROM room_heads WHERE room = ID",
            "its head is missing",
        ),
    ] {
        if sql.contains("DELETE FROM room_heads") {
            number += 1;
        }
        write(&at, &store, &mut number).await;
        at.execute(&sql.replace("ID", ID)).await;
        refused(&store, sql, what).await;
        // Its neighbour is whole, and goes on.
        number += 1;
        let receipt = store.append(&batch(number, &["good"])).await.unwrap();
        assert_eq!(receipt.rooms[0].unwrap().first_seq, 6);
        assert_eq!(head(&store, "good").await, 6);
    }
    // With its head missing it is no new room either.
    number += 1;
    let error = store.append(&batch(number, &["bad"])).await.unwrap_err();
    assert!(error.to_string().contains("its head is missing"), "{error}");
    assert_eq!(
        store
            .heads(&["bad".into(), "good".into()])
            .await
            .unwrap()
            .len(),
        1
    );
}

/// Whoever writes past the store is stopped by the tables where they can.
async fn what_the_tables_do_not_allow_is_refused_by_the_database(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["bad"])).await.unwrap();
    for (sql, code) in [
        (
            "INSERT INTO room_updates SELECT * FROM room_updates",
            "23505",
        ),
        ("INSERT INTO room_heads SELECT * FROM room_heads", "23505"),
        (
            "INSERT INTO rooms (name, created_ms, active_ms) VALUES ('bad', 0, 0)",
            "23505",
        ),
        ("UPDATE room_updates SET seq = 0", "23514"),
        ("UPDATE room_heads SET head = -1", "23514"),
        ("DELETE FROM rooms", "23503"),
    ] {
        let mut conn = at.sql().await;
        let done = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap_err();
        let found = done.as_database_error().and_then(|e| e.code());
        assert_eq!(found.as_deref(), Some(code), "{sql}");
    }
    assert_eq!(head(&store, "bad").await, 1);
}

async fn a_room_that_stands_on_snapshots_is_refused_without_them(at: Database) {
    let store = at.store().await;
    let mut room = None;
    for number in 1..=5 {
        let receipt = store.append(&batch(number, &["bad", "good"])).await;
        room = receipt.unwrap().rooms[0].map(|got| got.id);
    }
    let room = room.unwrap();
    for (version, seq) in [(1, 3), (2, 4)] {
        let new = NewSnapshot {
            room,
            version,
            seq,
            data: "data".into(),
            state_vector: "vector".into(),
            listed: false,
            builder: Builder::Doc,
            note: None,
            label: None,
            author: None,
            time_ms: 0,
        };
        store.add_snapshot(&new).await.unwrap();
    }
    let (rows, versions) = (1..=3, Vec::new());
    let trim = Trim {
        room,
        rows,
        versions,
    };
    store.trim(&trim).await.unwrap();
    assert_eq!(head(&store, "bad").await, 5);
    for (sql, what) in [
        (
            "UPDATE room_heads SET head = 3 WHERE room = ID",
            "its head is 3, but snapshot 2 covers 4",
        ),
        (
            "UPDATE room_heads SET head = 5 WHERE room = ID; DELETE FROM room_updates WHERE room = ID AND seq = 5",
            "the rows end at 4",
        ),
        (
            "DELETE FROM room_snapshots WHERE room = ID",
            "expected row 1 of 5, found row 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = ID",
            "its head is 5, but the rows end at 0",
        ),
    ] {
        at.execute(&sql.replace("ID", ID)).await;
        let error = store.load("bad").await.expect_err(sql);
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{sql}: {error}"
        );
        assert!(error.to_string().contains(what), "{sql}: {error}");
        assert_eq!(head(&store, "good").await, 5);
    }
}
