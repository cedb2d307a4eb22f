//! Trouble: held rooms, lost answers, ended sessions, damage. What was receipted is there, once, and others go on.

use scrible_store::{
    Batch, Directory, Incarnation, NewUpdate, Opening, PostgresStore, Quarantine, Receipt,
    RoomAppend, Store, StoreError,
};

use crate::database::{Database, execute};
use crate::line::{At, Line, What};
use crate::opening::Cases;

macro_rules! case {
    ($case:ident) => {
        (stringify!($case), |at| Box::pin($case(at)))
    };
}
pub(crate) use case;

pub const CASES: Cases = &[
    case!(j5_a_room_that_is_held_is_left_out_and_others_go_on),
    case!(j2_a_commit_whose_answer_is_lost_is_not_doubled),
    case!(j2_a_retry_waits_for_a_commit_that_is_under_way),
    case!(j3_ended_sessions_are_replaced),
    case!(q4_a_node_that_is_silent_is_gone_although_its_lock_is_held),
    case!(j5_a_row_beyond_the_head_is_one_rooms_damage),
    case!(no_batch_waits_for_somebody_who_decides_about_a_room),
];

/// One update for each room.
pub fn batch(number: u64, rooms: &[&str]) -> Batch {
    let part = |room: &&str| RoomAppend {
        room: (*room).into(),
        id: None,
        updates: vec![NewUpdate {
            bytes: number.to_string().into(),
            author: None,
            time_ms: 42,
        }],
    };
    Batch {
        node: Incarnation(7),
        number,
        rooms: rooms.iter().map(part).collect(),
    }
}

/// Which rooms a receipt leaves out, by their places.
fn left_out(receipt: &Receipt) -> Vec<usize> {
    let places = receipt.rooms.iter().enumerate();
    places
        .filter(|(_, got)| got.is_none())
        .map(|(nth, _)| nth)
        .collect()
}

pub async fn head(store: &PostgresStore, room: &str) -> u64 {
    store.load(room).await.unwrap().unwrap().head
}

/// Sends it until there is an answer.
pub async fn settle(store: &PostgresStore, batch: &Batch) -> Receipt {
    for _ in 0..50 {
        match store.append(batch).await {
            Ok(receipt) => return receipt,
            Err(error) => {
                let told = error.to_string();
                assert!(error.is_retryable() && !told.contains("deadlock"), "{told}");
            }
        }
    }
    panic!("the store did not become available");
}

async fn j5_a_room_that_is_held_is_left_out_and_others_go_on(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["a", "b", "c"])).await.unwrap();
    let mut other = at.sql().await;
    let hold = "BEGIN; SELECT 1 FROM room_heads WHERE room = (SELECT id FROM rooms WHERE name = 'b') FOR NO KEY UPDATE";
    execute(&mut other, hold).await;
    let receipt = store
        .append(&batch(2, &["a", "b", "c", "new"]))
        .await
        .unwrap();
    assert_eq!(left_out(&receipt), [1]);
    // Again, as after a lost answer: the same, although the room may be free by now.
    let again = store.append(&batch(2, &["a", "b", "c", "new"])).await;
    assert_eq!(again.unwrap(), receipt);
    // With nothing else to do it waits for a moment, and no longer; nothing is stored under that number.
    let receipt = store.append(&batch(3, &["b"])).await.unwrap();
    assert_eq!(left_out(&receipt), [0]);
    for (room, expected) in [("a", 2), ("b", 1), ("c", 2), ("new", 1)] {
        assert_eq!(head(&store, room).await, expected, "{room}");
    }
    // Compaction and all that reads do not mind either.
    store.snapshots("b").await.unwrap().unwrap();
    let appending = batch(4, &["b", "a"]);
    execute(&mut other, "ROLLBACK").await;
    let receipt = store.append(&appending).await.unwrap();
    assert_eq!(left_out(&receipt), [] as [usize; 0]);
    assert_eq!((head(&store, "a").await, head(&store, "b").await), (3, 2));
}

async fn j2_a_commit_whose_answer_is_lost_is_not_doubled(at: Database) {
    cut_commits(&at, What::CutAfter).await;
}

async fn j2_a_retry_waits_for_a_commit_that_is_under_way(at: Database) {
    PostgresStore::migrate(&at.url()).await.unwrap();
    // A commit that takes its time.
    at.execute(
        "CREATE FUNCTION tarry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER tarry AFTER INSERT ON room_updates DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION tarry()",
    )
    .await;
    cut_commits(&at, What::CutUnder).await;
}

async fn cut_commits(at: &Database, cut: What) {
    let line = Line::to(at.options()).await;
    let store = line.store().await;
    settle(&store, &batch(1, &["room"])).await;
    for number in 2..=6 {
        let batch = batch(number, &["room", &format!("new {number}")]);
        line.plan(At::Commit, cut);
        let lost = store.append(&batch).await.unwrap_err();
        assert!(matches!(lost, StoreError::Unavailable(_)), "{lost}");
        let receipt = settle(&store, &batch).await;
        assert_eq!(receipt.rooms[0].unwrap().first_seq, number);
        assert_eq!(receipt.rooms[1].unwrap().first_seq, 1);
        assert_eq!(head(&store, "room").await, number);
    }
    assert_eq!(line.happened(), 5);
    let bytes: Vec<_> = store.load("room").await.unwrap().unwrap().updates;
    let bytes: Vec<_> = bytes.iter().map(|update| update.bytes.clone()).collect();
    assert_eq!(bytes, ["1", "2", "3", "4", "5", "6"]);
}

async fn j3_ended_sessions_are_replaced(at: Database) {
    let store = at.store().await;
    for number in 1..=5 {
        store.beat(Incarnation(9)).await.unwrap();
        let appended = settle(&store, &batch(number, &["room"])).await;
        assert_eq!(appended.rooms[0].unwrap().first_seq, number);
        assert_eq!(head(&store, "room").await, number);
        store.check().await.unwrap();
        at.end_sessions().await;
    }
    // Its lock went with its session, and it took it again: nobody buries it.
    store.beat(Incarnation(9)).await.unwrap();
    let opening = Opening {
        node: Incarnation(9),
        room: "room".into(),
        number: 1,
        alone: true,
    };
    store.note_opening(&opening).await.unwrap();
    assert_eq!(store.beat(Incarnation(10)).await.unwrap(), []);
}

async fn j5_a_row_beyond_the_head_is_one_rooms_damage(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["good", "bad"])).await.unwrap();
    at.execute(
        "UPDATE room_heads SET head = 0 WHERE room = (SELECT id FROM rooms WHERE name = 'bad')",
    )
    .await;
    let refused = store.append(&batch(2, &["good", "bad"])).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        matches!(&refused, StoreError::Corrupt { room, .. } if room == "bad"),
        "{told}"
    );
    assert!(told.contains("row 1 stands beyond the head"), "{told}");
    let receipt = store.append(&batch(3, &["good"])).await.unwrap();
    assert_eq!(receipt.rooms[0].unwrap().first_seq, 2);
    at.execute("DELETE FROM room_heads WHERE room = (SELECT id FROM rooms WHERE name = 'bad')")
        .await;
    let refused = store.append(&batch(4, &["good", "bad"])).await.unwrap_err();
    assert!(
        refused.to_string().contains("its head is missing"),
        "{refused}"
    );
}

/// A process that stands still keeps its connections.
async fn q4_a_node_that_is_silent_is_gone_although_its_lock_is_held(at: Database) {
    let (frozen, store) = (at.store().await, at.store().await);
    let (old, new) = (Incarnation(9), Incarnation(10));
    frozen.beat(old).await.unwrap();
    let opening = Opening {
        node: old,
        room: "room".into(),
        number: 1,
        alone: false,
    };
    frozen.note_opening(&opening).await.unwrap();
    assert_eq!(store.beat(new).await.unwrap(), []);
    at.execute("UPDATE nodes SET seen_ms = seen_ms - 21000")
        .await;
    let records = store.beat(new).await.unwrap();
    assert_eq!((records.len(), records[0].deaths), (1, 1));
    assert_eq!(store.beat(new).await.unwrap(), []);
    // It comes back, and what it was opening lived.
    assert_eq!(frozen.beat(old).await.unwrap(), []);
    let ended = [(opening, scrible_store::OpeningEnd::Lived)];
    frozen.end_openings(&ended).await.unwrap();
    assert_eq!(store.room_records().await.unwrap(), []);
}

/// Nor is the room left out; when it was last active is noted another time.
async fn no_batch_waits_for_somebody_who_decides_about_a_room(at: Database) {
    let store = at.store().await;
    store.append(&batch(1, &["room", "other"])).await.unwrap();
    at.execute("UPDATE rooms SET active_ms = 7").await;
    let mut deciding = at.sql().await;
    let take = "BEGIN; SELECT 1 FROM rooms WHERE name = 'room' FOR NO KEY UPDATE";
    execute(&mut deciding, take).await;
    let receipt = store.append(&batch(2, &["room", "other"])).await.unwrap();
    assert_eq!(left_out(&receipt), [0; 0]);
    assert_eq!(head(&store, "room").await, 2);
    let active = async |room: &str| store.room(room).await.unwrap().unwrap().active_ms;
    assert_eq!(active("room").await, 7);
    assert!(active("other").await > 7);
    execute(&mut deciding, "ROLLBACK").await;
    store.append(&batch(3, &["room"])).await.unwrap();
    assert!(active("room").await > 7);
}
