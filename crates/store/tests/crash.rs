//! A process that appends is killed in the middle, again and again, on one file.
//!
//! Started without arguments this is the test: it starts itself as the child, kills it with SIGKILL after a random
//! number of receipts, opens the file and demands every update that the child had a receipt for, each exactly once,
//! and no batch in part. The seed is printed; `CRASH_SEED=n` runs one again.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use scrible_store::{
    Batch, Incarnation, NewUpdate, RoomAppend, SqliteOptions, SqliteStore, Store, StoredRoom,
};
use tokio::task::JoinSet;

const ROUNDS: u64 = 12;
const NODES: u64 = 3;
const ROOMS: u64 = 4;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [child, file, round] if child == "child" => {
            runtime.block_on(append_for_ever(file, round.parse().expect("a round")));
        }
        _ => runtime.block_on(kill_again_and_again()),
    }
}

/// The child: announces each batch, appends it, tells the receipt.
async fn append_for_ever(file: &str, round: u64) {
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

/// One write call a line, so that a kill leaves a torn line only at the very end.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())
        .expect("the parent listens");
    out.flush().expect("the parent listens");
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

async fn kill_again_and_again() {
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| Incarnation::random().0 as u64);
    println!("crash: CRASH_SEED={seed}");
    let mut state = seed | 1;
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("rooms.db");
    let file = file.to_str().expect("a plain path");
    let mut expected: HashMap<String, usize> = HashMap::new();
    let mut receipts = 0;
    for round in 0..ROUNDS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let lines = run_and_kill(file, round, state % 300);
        receipts += lines.iter().filter(|line| line.starts_with("got")).count();
        verify(file, round, &lines, &mut expected).await;
    }
    assert!(
        receipts > 100,
        "only {receipts} receipts: nothing was tested"
    );
    println!("crash: {ROUNDS} kills, {receipts} receipts, nothing lost, nothing twice");
}

/// Everything the child said before it died.
fn run_and_kill(file: &str, round: u64, after_lines: u64) -> Vec<String> {
    let program = std::env::current_exe().expect("our own path");
    let mut child = Command::new(program)
        .args(["child", file, &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = Vec::new();
    let mut line = String::new();
    // To the end of the pipe: what was said before the kill counts.
    while out.read_line(&mut line).expect("text") > 0 {
        if !line.ends_with('\n') {
            break;
        }
        lines.push(std::mem::take(&mut line).trim_end().to_owned());
        if lines.len() as u64 == after_lines + 1 {
            child.kill().expect("the child is killed");
        }
    }
    let status = child.wait().expect("the child ends");
    assert!(
        status.code().is_none(),
        "the child ended by itself: {status}"
    );
    lines
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
