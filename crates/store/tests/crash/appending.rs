//! A process that appends: every update that it had a receipt for is there, each exactly once, and no batch in part.

use std::collections::HashMap;

use scrible_store::{
    Batch, Incarnation, NewUpdate, RoomAppend, SqliteOptions, SqliteStore, Store, StoredRoom,
};
use tokio::task::JoinSet;

use crate::{Chance, run_and_kill, tell};

const ROUNDS: u64 = 12;
const NODES: u64 = 3;
const ROOMS: u64 = 4;

/// The child: announces each batch, appends it, tells the receipt.
pub async fn append_for_ever(file: &str, round: u64) {
    let store = SqliteStore::open(file, SqliteOptions::default()).await;
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
                    .map(|r| r.first_seq.to_string())
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

/// The test.
pub async fn kill_again_and_again(chance: &mut Chance) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("rooms.db");
    let file = file.to_str().expect("a plain path");
    let mut expected: HashMap<String, usize> = HashMap::new();
    let mut receipts = 0;
    for round in 0..ROUNDS {
        let lines = run_and_kill("append", file, round, chance.below(300));
        receipts += lines.iter().filter(|line| line.starts_with("got")).count();
        verify(file, round, &lines, &mut expected).await;
    }
    assert!(
        receipts > 100,
        "only {receipts} receipts: nothing was tested"
    );
    println!("crash: {ROUNDS} kills, {receipts} receipts, nothing lost, nothing twice");
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
