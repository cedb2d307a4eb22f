//! How long SQLite takes to commit a batch of the journal.
//!
//! Into a file below the build folder, so on a real disk. The rule: one store for each measurement, which only grows, as in use.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use scrible_store::{
    Batch, Durability, Incarnation, NewUpdate, RoomAppend, RoomId, SqliteOptions, SqliteStore,
    Store,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Updates in a batch.
const ENTRIES: [usize; 3] = [1, 100, 10_000];

/// Bytes of each update.
const BYTES: usize = 100;

fn main() {
    divan::main();
}

/// As it is by default.
#[divan::bench(args = ENTRIES, sample_count = 50)]
fn synced(bencher: Bencher, entries: usize) {
    commit(bencher, Durability::Full, &[entries]);
}

/// What of that is not the disk's part.
#[divan::bench(args = ENTRIES, sample_count = 50)]
fn not_synced(bencher: Bencher, entries: usize) {
    commit(bencher, Durability::Relaxed, &[entries]);
}

/// As many updates, of a hundred rooms.
#[divan::bench(args = &ENTRIES[1..], sample_count = 50)]
fn synced_of_100_rooms(bencher: Bencher, entries: usize) {
    commit(bencher, Durability::Full, &[entries / 100; 100]);
}

/// Commits batches of so many updates of each of some rooms.
fn commit(bencher: Bencher, durability: Durability, rooms: &[usize]) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new().unwrap();
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    let file = folder.path().join("rooms.db");
    let open = SqliteStore::open(file.to_str().unwrap(), options);
    let store = runtime.block_on(open).unwrap();
    let mut batches = Batches::new(rooms);
    let first = batches.next(|_| 0);
    let receipt = runtime.block_on(store.append(&first)).unwrap();
    batches.ids = receipt.rooms.iter().map(|it| it.map(|it| it.id)).collect();
    let entries: usize = rooms.iter().sum();
    bencher
        .counter(ItemsCount::new(entries))
        .counter(BytesCount::new(entries * BYTES))
        .with_inputs(|| batches.next(|room| rooms[room]))
        .bench_local_values(|batch| runtime.block_on(store.append(&batch)).unwrap());
    runtime.block_on(store.close());
}

/// Batches of one node, one after another.
struct Batches {
    node: Incarnation,
    number: u64,
    names: Vec<Arc<str>>,
    /// Once they are known.
    ids: Vec<Option<RoomId>>,
}

impl Batches {
    fn new(rooms: &[usize]) -> Self {
        let names = (0..rooms.len()).map(|room| format!("room-{room}").into());
        Self {
            node: Incarnation::random(),
            number: 0,
            names: names.collect(),
            ids: vec![None; rooms.len()],
        }
    }

    /// With so many updates of each room.
    fn next(&mut self, updates: impl Fn(usize) -> usize) -> Batch {
        self.number += 1;
        let update = |at: usize| NewUpdate {
            bytes: vec![at as u8; BYTES].into(),
            author: None,
            time_ms: 1_700_000_000_000,
        };
        let rooms = self.names.iter().zip(&self.ids).enumerate();
        let rooms = rooms.map(|(at, (name, id))| RoomAppend {
            room: name.clone(),
            id: *id,
            updates: (0..updates(at)).map(update).collect(),
        });
        Batch {
            node: self.node,
            number: self.number,
            rooms: rooms.collect(),
        }
    }
}
