//! The trait every store implements, and the plain types that cross it.
//!
//! Knows nothing of SQL, rooms in memory or the content of updates. The rule that an implementation must not break:
//! the order of sequence numbers in a room is the order in which they were committed, without gaps, starting at 1.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Assets, Directory, Exports, Lease, NewSnapshot, PassedOver, Quarantine, Snapshot, Snapshots,
    StoreError, Trim, Trimmed,
};

/// What outlives the process. One contract suite (feature `testing`) says what an implementation owes.
///
/// Every method may be dropped half-way. A dropped or failed [`append`](Store::append) may or may not have been
/// committed; sending the same batch again settles it.
#[async_trait]
pub trait Store: Quarantine + Directory + Exports + Assets {
    /// A room as of one moment: its newest sound snapshot and all rows above that; `None` when it was never written.
    ///
    /// A room that does not add up to its head is [`StoreError::Corrupt`], never a shorter or an empty room: serving
    /// what is left would let clients build on a hole. A snapshot that cannot be used is no damage yet, as long as an
    /// older one, or row 1, and all rows above it are there.
    async fn load(&self, room: &str) -> Result<Option<StoredRoom>, StoreError> {
        self.load_below(room, u64::MAX).await
    }

    /// As [`load`](Store::load), but passing over snapshots from `version` on: for a reader that found their content
    /// unusable although their checksum holds.
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError>;

    /// The highest number of each of these rooms, for those that exist, each once and in any order. Cheap: one indexed statement, also
    /// for a thousand names. A room whose head is damaged is left out; loading it tells why.
    async fn heads(&self, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError>;

    /// What a room has behind number `after`: consecutive rows from `after + 1` on, up to about `max_bytes` (at least one, where there
    /// is one). Where some of those rows were deleted by compaction, or are damaged, instead the newest sound snapshot, which covers
    /// more than `after`, and rows behind that. No rows where `after` is the head or lies beyond it. `None` when there is no such room.
    ///
    /// What is missing without a snapshot that covers it is [`StoreError::Corrupt`], as for [`load`](Store::load), never a shorter
    /// answer.
    async fn since(
        &self,
        room: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError>;

    /// Commits the batch in one transaction. Rooms that are not there yet are created, also by an empty list of updates.
    ///
    /// Where several nodes write, a room that another one holds is left out rather than waited for, and the receipt says
    /// so; all others are committed, or none. Where all are held it waits for a moment first.
    ///
    /// Batch numbers rise within an incarnation. The number that was committed last gives the receipt it had then,
    /// so that a batch whose answer was lost can be sent again without a duplicate; it must be the same batch. A
    /// lower number is [`StoreError::Conflict`]. A number of its own is used up by commits only, not by errors.
    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError>;

    /// What snapshots a room has, without their bytes; `None` when there is no such room.
    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError>;

    /// One snapshot, `None` when it is not there. [`StoreError::Corrupt`] when it is not what was stored.
    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError>;

    /// Stores a snapshot. Its version must be the newest one's, sound or not, plus 1, and it must cover no more than
    /// the head and no less than the snapshots before it; else it is [`StoreError::Conflict`], and nothing is written.
    ///
    /// A dropped or failed call may or may not have stored it; [`snapshots`](Store::snapshots) tells.
    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError>;

    /// Lists a snapshot that is there as a version: for a named version of a doc that has not changed since. Label and
    /// author replace what stood there.
    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError>;

    /// Makes a snapshot no version for people any more, and forgets label and author. It stays, as long as it serves loading.
    async fn unlist_snapshot(&self, room: RoomId, version: u64) -> Result<(), StoreError>;

    /// Deletes exactly what is named, and does not mind what is gone already. In steps, so that appends go on between
    /// them; a dropped or failed call may have done some of them, and can be repeated.
    ///
    /// Whatever is left must load even if any one snapshot turns out to be damaged: rows that are not covered by two
    /// sound snapshots, and the newest two snapshots, are a [`StoreError::Conflict`], as are rows with others standing
    /// below them. Then nothing is deleted. This reads the two newest snapshots.
    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError>;

    /// Takes a lease, or makes one that is held last from now on. `false` while another holder has it.
    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError>;

    /// Gives a lease back, if it is still held by that holder.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Could the store be written at this moment? Cheap, changes nothing, and answers within a few seconds. A full
    /// disk need not be noticed before something is written.
    async fn check(&self) -> Result<(), StoreError>;

    /// Waits for a write that is under way, then lets go of every file and connection. From then on every call is
    /// [`StoreError::Unavailable`]. Closing twice is harmless.
    async fn close(&self);
}

/// A room's number in one store. Never used again for another room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RoomId(pub i64);

/// One start of one node's process; batches are numbered within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u128);

impl Incarnation {
    /// A new identity, different from every other one ever drawn.
    ///
    /// # Panics
    /// When the operating system has no randomness to give; nothing should start then.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(u128::from_be_bytes(bytes))
    }

    /// How it is stored.
    pub(crate) fn key(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({self})")
    }
}

/// An update that wants to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewUpdate {
    /// The update as it came off the wire; at most 2^29 bytes (512 MiB), which every database takes as one value.
    pub bytes: Bytes,
    /// Who sent it, when that is known.
    pub author: Option<Arc<str>>,
    /// When it arrived, in milliseconds since 1970.
    pub time_ms: i64,
}

/// What a batch adds to one room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomAppend {
    /// The canonical name; never empty, without U+0000. Compared byte by byte.
    pub room: Arc<str>,
    /// The id, when an earlier load or receipt told it. One that is not this name's is a conflict.
    pub id: Option<RoomId>,
    /// In the order in which they shall be numbered.
    pub updates: Vec<NewUpdate>,
}

/// One transaction's worth of updates. A room stands in it at most once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Who numbers it.
    pub node: Incarnation,
    /// Higher than every number that this incarnation has had committed; at most `i64::MAX`.
    pub number: u64,
    /// In any order; the receipt keeps it.
    pub rooms: Vec<RoomAppend>,
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// In the order of the batch. `None` for a room that another writer held at that moment: nothing of its part was
    /// stored, and it belongs into a later batch.
    pub rooms: Vec<Option<RoomReceipt>>,
}

/// What became of one room's part of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomReceipt {
    /// The room's id, to be given with later batches.
    pub id: RoomId,
    /// The n updates have the sequence numbers `first_seq .. first_seq + n`.
    pub first_seq: u64,
}

/// One update as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredUpdate {
    /// Its place in the room, from 1.
    pub seq: u64,
    /// The bytes that were given.
    pub bytes: Bytes,
}

/// How far a room has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The name.
    pub room: Arc<str>,
    /// The room's id. Another one than before: the room was made anew.
    pub id: RoomId,
    /// The highest sequence number; 0 when nothing was ever added.
    pub seq: u64,
    /// Another one than before: who may come in was changed. 0, like that of a room that is not there, until somebody decides.
    pub access_version: u64,
}

/// What a room has behind some number, or the beginning of that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Since {
    /// The room's id. Another one than before: the room was made anew, and the numbers are others.
    pub id: RoomId,
    /// The highest sequence number at that moment. Lower than what was known: the database was set back.
    pub head: u64,
    /// A snapshot that covers the number and more; `None` when the rows alone go on from it.
    pub base: Option<Snapshot>,
    /// Ascending and contiguous, from the one behind the base or the number. All of them have come when the last is the head.
    pub updates: Vec<StoredUpdate>,
}

/// A room as it was at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRoom {
    /// The room's id, to be given with later batches.
    pub id: RoomId,
    /// The highest sequence number; 0 when nothing was ever added.
    pub head: u64,
    /// What the room stands on; `None` when all its rows are there.
    pub base: Option<Snapshot>,
    /// Ascending and contiguous, from the one behind the base, or from 1, to the head.
    pub updates: Vec<StoredUpdate>,
    /// Newer snapshots that could not be used, newest first.
    pub passed_over: Vec<PassedOver>,
}
