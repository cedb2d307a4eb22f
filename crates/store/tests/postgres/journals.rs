//! Journals of several nodes that write the same rooms at once, in whatever order, with answers lost and calls dropped on the way.
//!
//! The rule: what is expected follows from what each journal was told, never from what another one stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use scrible_store::{
    Batch, Incarnation, NewUpdate, PostgresStore, Receipt, RoomAppend, RoomId, Store,
};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::opening::Cases;
use crate::trouble::{case, settle};

pub const CASES: Cases = &[case!(
    j1_j2_journals_of_several_nodes_number_every_update_once
)];

/// Two to a store.
const JOURNALS: usize = 4;
const BATCHES: u64 = 700;
const ROOMS: usize = 12;

/// One node's journal, and what it was told.
struct Journal {
    store: Arc<PostgresStore>,
    random: Rng,
    name: usize,
    node: Incarnation,
    number: u64,
    ids: BTreeMap<Arc<str>, RoomId>,
    written: u64,
    told: Vec<(Arc<str>, u64, String)>,
    left_out: u64,
}

impl Journal {
    async fn write(&mut self) {
        let mut left: Vec<RoomAppend> = Vec::new();
        for _ in 0..BATCHES {
            let fresh = self.parts();
            for part in fresh {
                match left.iter_mut().find(|waits| waits.room == part.room) {
                    Some(waits) => waits.updates.extend(part.updates),
                    None => left.push(part),
                }
            }
            left = self.append(left).await;
        }
        while !left.is_empty() {
            left = self.append(left).await;
        }
    }

    /// Some rooms in any order, with some updates each; of some it does not know the id, as one who has just begun.
    fn parts(&mut self) -> Vec<RoomAppend> {
        let mut rooms: Vec<usize> = (0..ROOMS).collect();
        self.random.shuffle(&mut rooms);
        rooms.truncate(self.random.usize(1..=ROOMS / 2));
        let part = |room| {
            let room: Arc<str> = format!("room {room}").into();
            let count = self.random.usize(0..3);
            let update = |_| {
                self.written += 1;
                NewUpdate {
                    bytes: format!("{}:{}", self.name, self.written).into(),
                    author: None,
                    time_ms: 0,
                }
            };
            let updates = (0..count).map(update).collect();
            let id = self.ids.get(&room).filter(|_| self.random.bool()).copied();
            RoomAppend { room, id, updates }
        };
        rooms.into_iter().map(part).collect()
    }

    /// What was left out comes back.
    async fn append(&mut self, rooms: Vec<RoomAppend>) -> Vec<RoomAppend> {
        self.number += 1;
        let batch = Batch {
            node: self.node,
            number: self.number,
            rooms,
        };
        if self.random.u8(0..10) == 0 {
            self.drop_half_way(&batch).await;
        }
        let receipt = settle(&self.store, &batch).await;
        if self.random.u8(0..10) == 0 {
            // The answer was lost.
            assert_eq!(settle(&self.store, &batch).await, receipt);
        }
        self.note(batch, receipt)
    }

    fn note(&mut self, batch: Batch, receipt: Receipt) -> Vec<RoomAppend> {
        let mut left = Vec::new();
        for (part, got) in batch.rooms.into_iter().zip(receipt.rooms) {
            let Some(got) = got else {
                self.left_out += 1;
                left.push(part);
                continue;
            };
            let id = self.ids.insert(part.room.clone(), got.id);
            assert!(id.is_none_or(|id| id == got.id));
            for (seq, update) in (got.first_seq..).zip(part.updates) {
                let text = String::from_utf8(update.bytes.to_vec()).unwrap();
                self.told.push((part.room.clone(), seq, text));
            }
        }
        left
    }

    /// After any number of polls.
    async fn drop_half_way(&mut self, batch: &Batch) {
        let mut polls = self.random.u8(0..12);
        let mut append = std::pin::pin!(self.store.append(batch));
        std::future::poll_fn(|cx| {
            if polls == 0 {
                return std::task::Poll::Ready(());
            }
            polls -= 1;
            append.as_mut().poll(cx).map(drop)
        })
        .await;
    }
}

async fn j1_j2_journals_of_several_nodes_number_every_update_once(at: Database) {
    let seed = std::env::var("JOURNALS_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("JOURNALS_SEED is a number"),
    );
    println!("JOURNALS_SEED={seed}");
    let stores = [at.store().await, at.store().await];
    let mut writing = JoinSet::new();
    for name in 0..JOURNALS {
        let mut journal = Journal {
            store: stores[name % 2].clone(),
            random: Rng::with_seed(seed.wrapping_add(name as u64)),
            name,
            node: Incarnation::random(),
            number: 0,
            ids: BTreeMap::new(),
            written: 0,
            told: Vec::new(),
            left_out: 0,
        };
        writing.spawn(async move {
            journal.write().await;
            journal
        });
    }
    let journals = writing.join_all().await;
    let mut rooms: BTreeMap<Arc<str>, BTreeMap<u64, String>> = BTreeMap::new();
    for journal in &journals {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (room, seq, text) in &journal.told {
            let before = last.insert(room, *seq);
            assert!(before < Some(*seq), "an older update has a higher number");
            let other = rooms
                .entry(room.clone())
                .or_default()
                .insert(*seq, text.clone());
            assert_eq!(other, None, "seed {seed}: {room} has two updates {seq}");
        }
        assert_eq!(journal.told.len() as u64, journal.written);
    }
    for (room, told) in &rooms {
        let found = stores[0].load(room).await.unwrap().unwrap();
        let found = found.updates.iter().map(|row| {
            let text = String::from_utf8(row.bytes.to_vec()).unwrap();
            (row.seq, text)
        });
        assert!(found.eq(told.clone()), "seed {seed}: {room} is another");
    }
    assert_eq!(rooms.len(), ROOMS);
    // They were in each other's way, and none had to be rescued: a deadlock would have been told by `settle`, too.
    assert!(journals.iter().any(|journal| journal.left_out > 0));
    let deadlocks: i64 = sqlx::query_scalar(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&mut at.sql().await)
    .await
    .unwrap();
    assert_eq!(deadlocks, 0);
}
