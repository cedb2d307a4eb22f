//! A process that appends: every update that it had a receipt for is there, each exactly once, and no batch in part.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use scrible_store::{
    Batch, Incarnation, NewUpdate, RoomAppend, SqliteOptions, SqliteStore, Store, StoredRoom,
};
use tokio::task::JoinSet;

use crate::{Chance, run_and_kill_where, tell};

const ROUNDS: u64 = 12;
const NODES: u64 = 3;
const ROOMS: u64 = 4;

/// The child: announces each batch, appends it, tells the receipt.
pub async fn append_for_ever(file: &str, round: u64, options: SqliteOptions) {
    let store = SqliteStore::open(file, options).await;
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(store.expect("the file opens"));
    let mut nodes = JoinSet::new();
    for node in 0..NODES {
        let store = std::sync::Arc::clone(&store);
        nodes.spawn(async move {
            for number in 1.. {
                let batch = batch_of(round, node, number);
                tell(&format!("try {node} {number}"));
                let receipt = store.append(&batch).await.expect("the batch is taken");
                let seqs: Vec<String> = receipt
                    .rooms
                    .iter()
                    .map(|r| r.expect("nobody else writes").first_seq.to_string())
                    .collect();
                tell(&format!("got {node} {number} {}", seqs.join(" ")));
            }
        });
    }
    nodes.join_all().await;
}

/// What a node appends under a number follows from the two, so the parent can say what must be there.
fn batch_of(round: u64, node: u64, number: u64) -> Batch {
    let part = |room: u64| RoomAppend {
        room: format!("room {}", room % ROOMS).into(),
        id: None,
        updates: (0..1 + number % 3)
            .map(|i| NewUpdate {
                // Of all sizes, so that pages, overflow pages and checkpoints come under the knife.
                bytes: format!(
                    "{round}/{node}/{number}/{i}/{}",
                    "x".repeat((number * 977 % 9000) as usize)
                )
                .into(),
                author: None,
                time_ms: 0,
            })
            .collect(),
    };
    Batch {
        node: Incarnation(u128::from(round * NODES + node)),
        number,
        // Two different rooms: node + 1 is never a multiple of ROOMS.
        rooms: vec![part(number), part(number + node + 1)],
    }
}

/// The test. Every kill falls where it falls.
pub async fn kill_again_and_again(chance: &mut Chance) {
    let mut killing = Killing::new();
    for round in 0..ROUNDS {
        killing.kill("append", round, chance).await;
    }
    let receipts = killing.receipts;
    assert!(
        receipts > 100,
        "only {receipts} receipts: nothing was tested"
    );
    println!("crash: {ROUNDS} kills, {receipts} receipts, nothing lost, nothing twice");
}

/// The test where every commit folds the log into the file, and every kill comes while that is seen to go on.
pub async fn kill_inside_of_checkpoints(chance: &mut Chance) {
    let mut killing = Killing::new();
    let mut inside = 0;
    for round in 0..ROUNDS {
        inside += u64::from(killing.kill("checkpoint", round, chance).await);
    }
    // It may be over before the signal arrives.
    assert!(
        inside * 2 > ROUNDS,
        "only {inside} of {ROUNDS} kills hit a checkpoint"
    );
    println!(
        "crash: {ROUNDS} kills, {inside} of them inside of a checkpoint, nothing lost, nothing twice"
    );
}

/// One file, and what must be in it.
struct Killing {
    folder: tempfile::TempDir,
    expected: HashMap<String, usize>,
    receipts: usize,
}

impl Killing {
    fn new() -> Self {
        Self {
            folder: tempfile::TempDir::new().expect("a folder"),
            expected: HashMap::new(),
            receipts: 0,
        }
    }

    /// One life of the child, and what it left. True when it was folding the log into the file as it died.
    async fn kill(&mut self, child: &str, round: u64, chance: &mut Chance) -> bool {
        let file = self.folder.path().join("rooms.db");
        let file = file.to_str().expect("a plain path");
        let is_there = || child != "checkpoint" || in_checkpoint(file);
        let lines = run_and_kill_where(child, file, round, chance.below(300), is_there);
        self.receipts += lines.iter().filter(|line| line.starts_with("got")).count();
        let inside = in_checkpoint(file);
        verify(file, round, &lines, &mut self.expected).await;
        inside
    }
}

/// Whether whoever wrote to the file last was in the middle of a checkpoint, by the index that a kill leaves: it says how many frames
/// of the log may be in the file, and how many are for sure.
fn in_checkpoint(file: &str) -> bool {
    const SURE: usize = 96;
    const ATTEMPTED: usize = 128;
    let mut index = [0; ATTEMPTED + 4];
    let read = File::open(format!("{file}-shm")).and_then(|mut file| file.read_exact(&mut index));
    if read.is_err() {
        return false;
    }
    let number = |at: usize| u32::from_ne_bytes(index[at..at + 4].try_into().expect("four bytes"));
    number(ATTEMPTED) > number(SURE)
}

async fn verify(file: &str, round: u64, lines: &[String], expected: &mut HashMap<String, usize>) {
    let store = SqliteStore::open(file, SqliteOptions::default())
        .await
        .expect("the file opens");
    let mut last_tried = HashMap::new();
    let mut told: Vec<(u64, u64, Vec<u64>)> = Vec::new();
    for line in lines {
        let (what, rest) = line.split_once(' ').expect("a word and numbers");
        let numbers: Vec<u64> = rest
            .split(' ')
            .map(|n| n.parse().expect("a number"))
            .collect();
        match what {
            "try" => {
                last_tried.insert(numbers[0], numbers[1]);
            }
            _ => told.push((numbers[0], numbers[1], numbers[2..].to_vec())),
        }
    }
    let rooms = load_all(&store).await;
    for (node, number, first_seqs) in &told {
        let batch = batch_of(round, *node, *number);
        for (part, first_seq) in batch.rooms.iter().zip(first_seqs) {
            let room = rooms
                .get(&*part.room)
                .expect("a room with a receipt is there");
            for (seq, update) in (*first_seq..).zip(&part.updates) {
                let stored = room.updates.get(seq as usize - 1).map(|u| &u.bytes);
                assert!(
                    stored == Some(&update.bytes),
                    "{} lost row {seq}",
                    part.room
                );
            }
        }
    }
    // The batch that was under way is stored or not; sending it again settles it.
    for (&node, &number) in &last_tried {
        store
            .append(&batch_of(round, node, number))
            .await
            .expect("the last batch is taken");
        for update in (1..=number).flat_map(|n| batch_of(round, node, n).rooms) {
            *expected.entry(update.room.to_string()).or_default() += update.updates.len();
        }
    }
    let rooms = load_all(&store).await;
    let mut seen = std::collections::HashSet::new();
    for (name, room) in &rooms {
        assert_eq!(
            room.updates.len(),
            expected[name],
            "{name} after round {round}"
        );
        for update in &room.updates {
            assert!(
                seen.insert((name, &update.bytes)),
                "{name} has row {} twice",
                update.seq
            );
        }
    }
    store.close().await;
}

async fn load_all(store: &SqliteStore) -> HashMap<String, StoredRoom> {
    let mut rooms = HashMap::new();
    for room in 0..ROOMS {
        let name = format!("room {room}");
        if let Some(room) = store.load(&name).await.expect("the room is sound") {
            rooms.insert(name, room);
        }
    }
    rooms
}
