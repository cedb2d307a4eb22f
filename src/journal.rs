//! The journal: one task that stores what the rooms' logs hold, one transaction for all rooms that have something.
//!
//! While a transaction is under way the next one fills up, so the batch grows with the load by itself. Under load it is given a few milliseconds
//! more, because most of what a small transaction costs is not its updates: pages that are written whole, a sync, threads that wake each other. Whoever edits alone never
//! waits by the clock. A batch that failed is retried with the very same content and number, because its commit may have happened; the
//! store recognises it. The journal never reads what is in an update.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use scrible_store::{
    Batch, Incarnation, NewUpdate, Receipt, RoomAppend, RoomId, Store, StoreError,
};
use tokio::sync::Notify;

use crate::bus::{Commit, Told};
use crate::clock::now_ms;
use crate::point;
use crate::room::{Room, RoomsShared};
use crate::telemetry::Batches;

/// The most bytes of updates in one transaction. A room's first update always goes in, however large.
const BATCH_BYTES: usize = 8 << 20;
/// The most bytes of one room among them: whoever writes more than the disk takes must not make all others wait for it.
const ROOM_BYTES: usize = 1 << 20;
/// After a batch of this many updates the next one may gather.
const BUSY: usize = 64;
/// How long it gathers at most, and how long it waits for more; when nothing comes in that time, nobody is helped by waiting.
const GATHER: Duration = Duration::from_millis(8);
const LULL: Duration = Duration::from_millis(2);
/// Between attempts while the store does not answer.
const RETRY: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];

/// Rooms that have something to store, each at most once (the room itself sees to that), so the bound is the number of rooms.
#[derive(Debug, Default)]
pub struct JournalQueue {
    rooms: Mutex<VecDeque<Arc<Room>>>,
    more: Notify,
}

impl JournalQueue {
    /// Lines a room up.
    pub fn push(&self, room: Arc<Room>) {
        self.rooms.lock().push_back(room);
        self.more.notify_one();
    }

    /// Waits until a room stands in line.
    async fn wait(&self) {
        while self.rooms.lock().is_empty() {
            self.more.notified().await;
        }
    }
}

/// How storing goes, for health.
#[derive(Debug, Default)]
pub struct JournalHealth(Mutex<Option<String>>);

impl JournalHealth {
    /// Why nothing can be stored at the moment; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// Stores what the rooms hold, until it is dropped.
pub struct Journal {
    store: Arc<dyn Store>,
    rooms: Arc<RoomsShared>,
    health: Arc<JournalHealth>,
    node: Incarnation,
    number: u64,
}

impl Journal {
    /// A journal with a number of its own for this start of this node.
    pub fn new(store: Arc<dyn Store>, rooms: Arc<RoomsShared>, health: Arc<JournalHealth>) -> Self {
        Self {
            store,
            rooms,
            health,
            node: Incarnation::random(),
            number: 0,
        }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        loop {
            self.rooms.journal.wait().await;
            point::reach("update", "queued");
            let (rooms, ends, batch) = self.collect();
            if rooms.is_empty() {
                continue;
            }
            let updates: usize = batch.rooms.iter().map(|room| room.updates.len()).sum();
            self.commit(rooms, ends, batch).await;
            if updates >= BUSY {
                self.gather().await;
            }
        }
    }

    /// Lets the next batch grow, as long as it does and there is no more of it than one takes.
    async fn gather(&self) {
        let waiting = || self.rooms.uncommitted_bytes.load(Ordering::Relaxed);
        let (began, mut before) = (tokio::time::Instant::now(), 0);
        while began.elapsed() < GATHER && (before..BATCH_BYTES).contains(&waiting()) {
            before = waiting() + 1;
            tokio::time::sleep(LULL).await;
        }
    }

    /// Takes rooms off the queue until the batch is full.
    fn collect(&mut self) -> (Vec<Arc<Room>>, Vec<u64>, Batch) {
        self.number += 1;
        let mut batch = Batch {
            node: self.node,
            number: self.number,
            rooms: Vec::new(),
        };
        let (mut rooms, mut ends) = (Vec::new(), Vec::new());
        let mut space = BATCH_BYTES;
        let time_ms = now_ms();
        while space > 0 {
            let Some(room) = self.rooms.journal.rooms.lock().pop_front() else {
                break;
            };
            let taken = room.uncommitted(space.min(ROOM_BYTES));
            if taken.updates.is_empty() {
                // It failed while it stood in line.
                continue;
            }
            space = space.saturating_sub(
                taken
                    .updates
                    .iter()
                    .map(|update| update.len())
                    .sum::<usize>(),
            );
            let updates = taken
                .updates
                .into_iter()
                .map(|bytes| NewUpdate {
                    bytes,
                    author: None,
                    time_ms,
                })
                .collect();
            batch.rooms.push(RoomAppend {
                room: room.name().shared(),
                id: taken.stored_as.map(RoomId),
                updates,
            });
            ends.push(taken.end);
            rooms.push(room);
        }
        (rooms, ends, batch)
    }

    async fn commit(&mut self, rooms: Vec<Arc<Room>>, ends: Vec<u64>, batch: Batch) {
        let mut pauses = RETRY
            .iter()
            .chain(std::iter::repeat(&RETRY[RETRY.len() - 1]));
        loop {
            let began = Instant::now();
            let appended = self.store.append(&batch).await;
            self.count(&batch, &appended, began.elapsed());
            match appended {
                Ok(receipt) => {
                    if self.health.0.lock().take().is_some() {
                        tracing::info!("the store answers again");
                    }
                    point::reach("update", "stored");
                    report(&rooms, &ends, &receipt);
                    self.tell_others(&rooms, batch, &receipt);
                    point::reach("update", "reported");
                    return;
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    if self.health.0.lock().replace(error.to_string()).is_none() {
                        tracing::warn!(%error, "nothing can be stored; editing goes on, trying again");
                    }
                    tokio::time::sleep(*pauses.next().expect("endless")).await;
                }
                Err(error) if rooms.len() == 1 => {
                    tracing::error!(room = ?rooms[0].name(), %error, "the store refuses a room; its sessions must load it anew");
                    return rooms[0].fail();
                }
                Err(error) => {
                    tracing::warn!(%error, rooms = rooms.len(), "the store refuses a batch; storing its rooms one by one");
                    return self.commit_each(rooms, ends, batch).await;
                }
            }
        }
    }

    /// Tells the other nodes what was stored.
    fn tell_others(&self, rooms: &[Arc<Room>], batch: Batch, receipt: &Receipt) {
        for ((room, append), stored) in rooms.iter().zip(batch.rooms).zip(&receipt.rooms) {
            if let Some(stored) = stored {
                let updates = append.updates.into_iter().map(|update| update.bytes);
                let commit = Commit {
                    stored_as: stored.id.0,
                    first_seq: stored.first_seq,
                    updates: Told::Whole(updates.collect()),
                };
                self.rooms.bus.publish(room.name(), &commit);
            }
        }
    }

    fn count(&self, batch: &Batch, appended: &Result<Receipt, StoreError>, took: Duration) {
        let metrics = &self.rooms.metrics.journal;
        metrics.batches.count(match appended {
            Ok(_) => Batches::Stored,
            Err(StoreError::Unavailable(_)) => Batches::Unavailable,
            Err(_) => Batches::Refused,
        });
        if appended.is_ok() {
            let updates = || batch.rooms.iter().flat_map(|room| &room.updates);
            let bytes: usize = updates().map(|update| update.bytes.len()).sum();
            metrics.transaction.time(took);
            metrics.batch_updates.number(updates().count() as u64);
            metrics.batch_bytes.number(bytes as u64);
        }
    }

    /// One room's trouble must not be another's: each gets a batch of its own.
    async fn commit_each(&mut self, rooms: Vec<Arc<Room>>, ends: Vec<u64>, batch: Batch) {
        for ((room, end), append) in rooms.into_iter().zip(ends).zip(batch.rooms) {
            self.number += 1;
            let alone = Batch {
                node: self.node,
                number: self.number,
                rooms: vec![append],
            };
            Box::pin(self.commit(vec![room], vec![end], alone)).await;
        }
    }
}

fn report(rooms: &[Arc<Room>], ends: &[u64], receipt: &Receipt) {
    for ((room, end), stored) in rooms.iter().zip(ends).zip(&receipt.rooms) {
        match stored {
            Some(stored) => room.committed(stored.id.0, stored.first_seq, *end),
            None => room.queue_again(),
        }
    }
}

#[cfg(test)]
mod tests {
    use scrible_store::MemoryStore;

    use super::*;
    use crate::bus::Alone;
    use crate::room::RoomsConfig;

    /// How long a batch gathers, in milliseconds, when `waiting` bytes are there and another comes after each of these times.
    async fn gathered(waiting: usize, coming: &[Duration]) -> u128 {
        let rooms = Arc::new(RoomsShared::new(RoomsConfig::for_tests(), Arc::new(Alone)));
        let store = Arc::new(MemoryStore::default());
        let journal = Journal::new(store, rooms.clone(), Arc::default());
        rooms.uncommitted_bytes.store(waiting, Ordering::Relaxed);
        let began = tokio::time::Instant::now();
        let coming = async {
            for pause in coming {
                tokio::time::sleep(*pause).await;
                rooms.uncommitted_bytes.fetch_add(1, Ordering::Relaxed);
            }
            std::future::pending().await
        };
        tokio::select! {
            () = journal.gather() => {}
            () = coming => {}
        }
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn j8_a_batch_gathers_while_it_grows_and_not_for_long() {
        let often = [LULL / 2; 100];
        assert_eq!(gathered(0, &[]).await, LULL.as_millis());
        assert_eq!(gathered(1_000, &[]).await, LULL.as_millis());
        assert_eq!(gathered(0, &often[..3]).await, 3 * LULL.as_millis());
        assert_eq!(gathered(0, &often).await, GATHER.as_millis());
        assert_eq!(gathered(BATCH_BYTES, &often).await, 0);
    }
}
