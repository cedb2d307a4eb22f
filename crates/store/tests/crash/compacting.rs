//! A process that appends, stores snapshots and trims: whenever it is killed, the room loads whole, also without its
//! newest snapshot.

use std::sync::Arc;

use bytes::Bytes;
use scrible_store::{
    Batch, Builder, Incarnation, NewSnapshot, NewUpdate, RoomAppend, RoomId, SqliteOptions,
    SqliteStore, Store, Trim,
};

use crate::{Chance, run_and_kill, tell};

const ROUNDS: u64 = 12;
const ROOM: &str = "room";

/// What row a number has follows from the number, so the parent can say what must be there.
fn row(seq: u64) -> Bytes {
    format!("{seq}/{}", "x".repeat((seq * 977 % 9000) as usize)).into()
}

/// Up to some hundred pages.
fn data(seq: u64) -> Bytes {
    format!("1-{seq}/{}", "y".repeat((seq * 7919 % 900_000) as usize)).into()
}

/// The child: says each time what has been stored.
pub async fn compact_for_ever(file: &str) {
    let store = SqliteStore::open(file, SqliteOptions::default()).await;
    let store: Arc<dyn Store> = Arc::new(store.expect("the file opens"));
    let loaded = store.load(ROOM).await.expect("the room is sound");
    let head = loaded.map_or(0, |room| room.head);
    let appending = tokio::spawn(append(Arc::clone(&store), head));
    let compacting = tokio::spawn(compact(store));
    appending.await.expect("it never ends");
    compacting.await.expect("it never ends");
}

async fn append(store: Arc<dyn Store>, mut head: u64) {
    let node = Incarnation::random();
    for number in 1.. {
        let n = 1 + number % 7;
        let update = |seq| NewUpdate {
            bytes: row(seq),
            author: None,
            time_ms: 0,
        };
        let room = RoomAppend {
            room: ROOM.into(),
            id: None,
            updates: (head + 1..=head + n).map(update).collect(),
        };
        let rooms = vec![room];
        let batch = Batch {
            node,
            number,
            rooms,
        };
        let receipt = store.append(&batch).await.expect("the batch is taken");
        assert_eq!(receipt.rooms[0].unwrap().first_seq, head + 1);
        head += n;
        tell(&format!("appended {head}"));
    }
}

async fn compact(store: Arc<dyn Store>) {
    loop {
        let Some(all) = store.snapshots(ROOM).await.expect("the room is sound") else {
            tokio::task::yield_now().await;
            continue;
        };
        let (room, version, seq) = (all.room, all.next_version(), all.head);
        store
            .add_snapshot(&snapshot(room, version, seq))
            .await
            .expect("it fits in");
        tell(&format!("compacted {version}"));
        if let Some(older) = all.snapshots.first() {
            let trim = Trim {
                room,
                rows: 1..=older.seq,
                versions: all.snapshots[1..].iter().map(|info| info.version).collect(),
            };
            store.trim(&trim).await.expect("it may be trimmed");
            tell(&format!("trimmed {}", older.seq));
        }
    }
}

fn snapshot(room: RoomId, version: u64, seq: u64) -> NewSnapshot {
    NewSnapshot {
        room,
        version,
        seq,
        data: data(seq),
        state_vector: Bytes::from_static(b"vector"),
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 0,
    }
}

/// The test.
pub async fn kill_again_and_again(chance: &mut Chance) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("rooms.db");
    let file = file.to_str().expect("a plain path");
    let (mut head, mut version, mut trims) = (0, 0, 0);
    for round in 0..ROUNDS {
        for line in run_and_kill("compact", file, round, chance.below(120)) {
            let (what, number) = line.split_once(' ').expect("a word and a number");
            let number: u64 = number.parse().expect("a number");
            match what {
                "appended" => head = number,
                "compacted" => version = number,
                _ => trims += 1,
            }
        }
        verify(file, head, version).await;
    }
    assert!(trims > 10, "only {trims} trims: nothing was tested");
    println!("crash: {ROUNDS} kills, {version} snapshots, {trims} trims, every load whole");
}

async fn verify(file: &str, head: u64, version: u64) {
    let store = SqliteStore::open(file, SqliteOptions::default()).await;
    let store = store.expect("the file opens");
    let mut below = u64::MAX;
    // As it stands, and with the newest snapshot lost.
    for _ in 0..2 {
        let Some(room) = store
            .load_below(ROOM, below)
            .await
            .expect("the room is sound")
        else {
            assert_eq!(head, 0, "the room is gone");
            break;
        };
        assert!(room.head >= head, "{} of {head} rows", room.head);
        assert_eq!(room.passed_over, []);
        if let Some(base) = &room.base {
            assert!(
                base.data == data(base.info.seq),
                "snapshot {}",
                base.info.version
            );
        }
        for update in &room.updates {
            assert!(update.bytes == row(update.seq), "row {}", update.seq);
        }
        let newest = room.base.map_or(0, |base| base.info.version);
        assert!(
            below < u64::MAX || newest >= version,
            "snapshot {version} is gone"
        );
        below = newest;
    }
    store.close().await;
}
