//! A store in memory, for tests: it keeps every promise of the trait except to outlive the process, and it can be told
//! to pause, to fail and to lose an answer.
//!
//! Knows no SQL. The rule: without such orders it behaves as the contract suite demands of every store.

mod assets;
mod data;
mod dead_letters;
mod directory;
mod exports;
mod people;
mod quarantine;
mod records;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use self::data::Data;
pub use self::data::SnapshotDamage;
use crate::{
    Batch, Head, Incarnation, Lease, NewSnapshot, NewUpdate, Receipt, RoomId, Since, Snapshot,
    Snapshots, Store, StoreError, StoredRoom, Trim, Trimmed, batch, snapshot,
};

/// Rooms in memory. What is stored is shared by all handles that came from one by [`reopen`](Self::reopen); orders to
/// pause or fail, counts and the end by `close` belong to the handle.
pub struct MemoryStore {
    data: Arc<Mutex<Data>>,
    /// Appends take turns, as they do at a database.
    turn: tokio::sync::Mutex<()>,
    orders: watch::Sender<Orders>,
    /// Those that speak through this handle.
    nodes: Mutex<Vec<Incarnation>>,
}

#[derive(Default)]
struct Orders {
    commits: Gate,
    loads: Gate,
    snapshots: Gate,
    answers_to_lose: usize,
    closed: bool,
}

/// What stands between a call and what it wants to do.
#[derive(Default)]
struct Gate {
    shut: bool,
    waiting: usize,
    done: u64,
    failures: usize,
    error: Option<StoreError>,
}

#[derive(Clone, Copy)]
enum Way {
    Commits,
    Loads,
    Snapshots,
}

impl Orders {
    fn gate(&self, way: Way) -> &Gate {
        match way {
            Way::Commits => &self.commits,
            Way::Loads => &self.loads,
            Way::Snapshots => &self.snapshots,
        }
    }

    fn gate_mut(&mut self, way: Way) -> &mut Gate {
        match way {
            Way::Commits => &mut self.commits,
            Way::Loads => &mut self.loads,
            Way::Snapshots => &mut self.snapshots,
        }
    }
}

/// Counts a call that waits at a gate, also when the call is dropped there.
struct Waiting<'a>(&'a MemoryStore, Way);

impl<'a> Waiting<'a> {
    fn new(store: &'a MemoryStore, way: Way) -> Self {
        let orders = &store.orders;
        orders.send_modify(|orders| orders.gate_mut(way).waiting += 1);
        Self(store, way)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Self(store, way) = self;
        let orders = &store.orders;
        orders.send_modify(|orders| orders.gate_mut(*way).waiting -= 1);
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store that does what it is asked.
    pub fn new() -> Self {
        Self::over(Arc::default())
    }

    /// Another handle on the same rooms, as after a restart or from a second node: open, with no orders.
    pub fn reopen(&self) -> Self {
        Self::over(Arc::clone(&self.data))
    }

    fn over(data: Arc<Mutex<Data>>) -> Self {
        Self {
            data,
            turn: tokio::sync::Mutex::default(),
            orders: watch::Sender::default(),
            nodes: Mutex::default(),
        }
    }

    /// Appends wait, before anything is written, until [`resume_commits`](Self::resume_commits).
    pub fn pause_commits(&self) {
        self.orders.send_modify(|orders| orders.commits.shut = true);
    }

    /// Lets waiting appends go on.
    pub fn resume_commits(&self) {
        self.orders
            .send_modify(|orders| orders.commits.shut = false);
    }

    /// Returns once `n` appends wait at the pause.
    pub async fn commits_waiting(&self, n: usize) {
        self.until(|orders| orders.commits.waiting >= n).await;
    }

    /// The next `n` appends fail with `error` and write nothing; 0 takes the order back.
    pub fn fail_commits(&self, n: usize, error: StoreError) {
        self.fail(Way::Commits, n, error);
    }

    /// The next `n` appends are committed, but their callers are told that the store is unavailable.
    pub fn lose_answers(&self, n: usize) {
        self.orders.send_modify(|orders| orders.answers_to_lose = n);
    }

    /// How many appends this handle has answered with a receipt, or would have, had the answer not been lost.
    pub fn commits(&self) -> u64 {
        self.orders.borrow().commits.done
    }

    /// Returns once [`commits`](Self::commits) has reached `n`.
    pub async fn committed(&self, n: u64) {
        self.until(|orders| orders.commits.done >= n).await;
    }

    /// Loads, and questions what is new in a room, wait until [`resume_loads`](Self::resume_loads).
    pub fn pause_loads(&self) {
        self.orders.send_modify(|orders| orders.loads.shut = true);
    }

    /// Lets waiting loads go on.
    pub fn resume_loads(&self) {
        self.orders.send_modify(|orders| orders.loads.shut = false);
    }

    /// Returns once `n` loads wait at the pause.
    pub async fn loads_waiting(&self, n: usize) {
        self.until(|orders| orders.loads.waiting >= n).await;
    }

    /// The next `n` loads, or questions what is new in a room, fail with `error`; 0 takes the order back.
    pub fn fail_loads(&self, n: usize, error: StoreError) {
        self.fail(Way::Loads, n, error);
    }

    /// How many loads of whole rooms this handle has answered, failures not counted.
    pub fn loads(&self) -> u64 {
        self.orders.borrow().loads.done
    }

    /// The next `n` new snapshots fail with `error` and write nothing; 0 takes the order back.
    pub fn fail_snapshots(&self, n: usize, error: StoreError) {
        self.fail(Way::Snapshots, n, error);
    }

    /// Returns once this handle has stored `n` snapshots.
    pub async fn snapshots_stored(&self, n: u64) {
        self.until(|orders| orders.snapshots.done >= n).await;
    }

    /// Damages a room: the row is gone, the head stays.
    pub fn remove_row(&self, room: &str, seq: u64) {
        self.data().remove_row(room, seq);
    }

    /// Damages a room: other bytes stand in the row, under the checksum that it had.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn damage_row(&self, room: &str, seq: u64) {
        self.data().damage_row(room, seq);
    }

    /// Damages a snapshot.
    ///
    /// # Panics
    /// When there is no such snapshot.
    pub fn damage_snapshot(&self, room: &str, version: u64, kind: SnapshotDamage) {
        self.data().damage_snapshot(room, version, kind);
    }

    /// What is stored of a room, with authors and times, past every pause; nothing for an unknown room.
    pub fn rows(&self, room: &str) -> Vec<(u64, NewUpdate)> {
        self.data().rows(room)
    }

    /// How many things are stored of each kind.
    pub fn count_rows(&self) -> BTreeMap<String, u64> {
        self.data().count_rows()
    }

    fn fail(&self, way: Way, n: usize, error: StoreError) {
        self.orders.send_modify(|orders| {
            let gate = orders.gate_mut(way);
            gate.failures = n;
            gate.error = Some(error);
        });
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().expect("no holder panics")
    }

    async fn until(&self, holds: impl FnMut(&Orders) -> bool) {
        let mut orders = self.orders.subscribe();
        orders.wait_for(holds).await.expect("self holds the sender");
    }

    fn be_open(&self) -> Result<(), StoreError> {
        match self.orders.borrow().closed {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    /// Waits for the gate to open, then fails if that was ordered or the store was closed.
    async fn pass(&self, way: Way) -> Result<(), StoreError> {
        let is_open = |orders: &Orders| !orders.gate(way).shut || orders.closed;
        if !is_open(&self.orders.borrow()) {
            let _waiting = Waiting::new(self, way);
            self.until(is_open).await;
        }
        let mut verdict = Ok(());
        self.orders.send_modify(|orders| {
            if orders.closed {
                verdict = Err(closed());
                return;
            }
            let gate = orders.gate_mut(way);
            if gate.failures > 0 {
                gate.failures -= 1;
                verdict = gate.error.clone().map_or(Ok(()), Err);
            }
        });
        verdict
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError> {
        self.pass(Way::Loads).await?;
        let loaded = self.data().load(room, version);
        self.orders
            .send_modify(|orders| orders.loads.done += u64::from(loaded.is_ok()));
        loaded
    }

    async fn heads(&self, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError> {
        self.be_open()?;
        Ok(self.data().heads(rooms))
    }

    async fn since(
        &self,
        room: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError> {
        self.pass(Way::Loads).await?;
        self.data().since(room, after, max_bytes)
    }

    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        batch::validate(batch)?;
        let _turn = self.turn.lock().await;
        self.pass(Way::Commits).await?;
        let receipt = self.data().append(batch)?;
        let mut answer = Ok(receipt);
        self.orders.send_modify(|orders| {
            orders.commits.done += 1;
            if orders.answers_to_lose > 0 {
                orders.answers_to_lose -= 1;
                answer = Err(StoreError::Unavailable("the answer was lost".to_owned()));
            }
        });
        answer
    }

    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError> {
        self.be_open()?;
        Ok(self.data().snapshots(room))
    }

    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        self.be_open()?;
        self.data().snapshot(room, version)
    }

    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError> {
        snapshot::validate(new)?;
        let _turn = self.turn.lock().await;
        self.pass(Way::Snapshots).await?;
        self.data().add_snapshot(new)?;
        self.orders.send_modify(|orders| orders.snapshots.done += 1);
        Ok(())
    }

    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        snapshot::validate_texts(&[label.as_deref(), author.as_deref()])?;
        self.be_open()?;
        self.data().list_snapshot(room, version, label, author)
    }

    async fn unlist_snapshot(&self, room: RoomId, version: u64) -> Result<(), StoreError> {
        self.be_open()?;
        self.data().unlist_snapshot(room, version)
    }

    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError> {
        self.be_open()?;
        self.data().trim(trim)
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        snapshot::validate_lease(lease)?;
        self.be_open()?;
        self.data().lease(lease)
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.be_open()?;
        self.data().release(lease);
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        let orders = self.orders.borrow();
        if orders.closed {
            return Err(closed());
        }
        match &orders.commits.error {
            Some(error) if orders.commits.failures > 0 => Err(error.clone()),
            _ => Ok(()),
        }
    }

    async fn close(&self) {
        self.orders.send_modify(|orders| orders.closed = true);
        let _last = self.turn.lock().await;
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RoomAppend;

    fn batch(number: u64, text: &'static str) -> Batch {
        let update = NewUpdate {
            bytes: bytes::Bytes::from_static(text.as_bytes()),
            author: Some("ann".into()),
            time_ms: 42,
        };
        Batch {
            node: Incarnation(1),
            number,
            rooms: vec![RoomAppend {
                room: "room".into(),
                id: None,
                updates: vec![update],
            }],
        }
    }

    #[tokio::test]
    async fn a_paused_commit_writes_nothing_until_it_may() {
        let store = Arc::new(MemoryStore::new());
        store.pause_commits();
        let appending = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.append(&batch(1, "1")).await }
        });
        store.commits_waiting(1).await;
        assert_eq!(store.load("room").await.unwrap(), None);
        assert_eq!(store.commits(), 0);
        assert!(!appending.is_finished());
        store.resume_commits();
        assert_eq!(
            appending.await.unwrap().unwrap().rooms[0]
                .unwrap()
                .first_seq,
            1
        );
        store.committed(1).await;
        assert_eq!(store.rows("room")[0].1, batch(1, "1").rooms[0].updates[0]);
    }

    #[tokio::test]
    async fn failures_come_as_often_as_ordered_and_write_nothing() {
        let store = MemoryStore::new();
        let full = || StoreError::Unavailable("disk full".to_owned());
        store.fail_commits(2, full());
        store.fail_loads(1, full());
        for _ in 0..2 {
            assert!(store.check().await.unwrap_err().is_retryable());
            assert!(
                store
                    .append(&batch(1, "1"))
                    .await
                    .unwrap_err()
                    .is_retryable()
            );
        }
        assert!(store.load("room").await.unwrap_err().is_retryable());
        assert_eq!(store.load("room").await.unwrap(), None);
        store.check().await.unwrap();
        store.append(&batch(1, "1")).await.unwrap();
        assert_eq!((store.commits(), store.loads()), (1, 1));
    }

    #[tokio::test]
    async fn a_lost_answer_is_a_commit_that_can_be_sent_again() {
        let store = MemoryStore::new();
        store.lose_answers(1);
        store.append(&batch(1, "1")).await.unwrap_err();
        assert_eq!(store.rows("room").len(), 1);
        let receipt = store.append(&batch(1, "1")).await.unwrap();
        assert_eq!(receipt.rooms[0].unwrap().first_seq, 1);
        assert_eq!(store.rows("room").len(), 1);
    }

    #[tokio::test]
    async fn loads_can_be_paused_and_rooms_damaged() {
        let store = Arc::new(MemoryStore::new());
        store.append(&batch(1, "1")).await.unwrap();
        store.append(&batch(2, "2")).await.unwrap();
        store.pause_loads();
        let loading = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.load("room").await }
        });
        store.loads_waiting(1).await;
        store.remove_row("room", 1);
        store.resume_loads();
        let error = loading.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_or_closed_out_call_waits_no_longer() {
        let store = Arc::new(MemoryStore::new());
        store.pause_commits();
        let append = || {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.append(&batch(1, "1")).await })
        };
        let dropped = append();
        store.commits_waiting(1).await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        assert_eq!(store.orders.borrow().commits.waiting, 0);
        let waiting = append();
        store.commits_waiting(1).await;
        store.close().await;
        assert!(waiting.await.unwrap().is_err());
        assert!(store.rows("room").is_empty());
    }
}
