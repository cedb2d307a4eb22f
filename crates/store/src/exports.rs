//! The part of a store that keeps the queue of exports: what was ordered, who draws it, and what became of it.
//!
//! Knows no formats and no places of objects: an order and its outcome are bytes of whoever gives them. The rules: an export is drawn by
//! whoever holds its lease and by nobody else; and what has ended never begins again. Leases and pauses go by the clock of the store, so
//! that workers need not agree about the time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Page, RoomId, StoreError};

/// The longest order, outcome and text of an export that are taken, in bytes.
pub const MAX_EXPORT_TEXT: usize = 64 << 10;
/// The longest pause before another attempt.
pub const MAX_EXPORT_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// How many exports of a room are kept, ended ones included.
pub const MAX_EXPORTS_OF_ROOM: u32 = 1_000;
/// The code of an export that failed because its last worker did not answer any more.
pub const WORKER_DIED: &str = "worker-died";

/// One export: 128 random bits, so that nobody guesses another one's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExportId(pub u128);

/// One worker's process, or a part of it that draws on its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerId(pub u128);

/// An export to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExport {
    /// Its id, drawn by the caller: adding it twice is adding it once.
    pub id: ExportId,
    /// What is to be drawn and how, as its caller says it.
    pub order: Arc<[u8]>,
    /// What was stored of the room when the export was ordered, and so has to be in the picture.
    pub at_least: u64,
    /// This version of the room instead of its present content.
    pub version: Option<u64>,
    /// Who ordered it.
    pub ordered_by: Option<Arc<str>>,
    /// Now, in milliseconds since 1970.
    pub time_ms: i64,
    /// When it and its object are deleted.
    pub expires_ms: i64,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "an answer that is taken apart at once, and nearly always the large one"
)]
pub enum ExportAdded {
    /// It waits to be drawn, or was added before.
    Yes(Box<Export>),
    /// The room is not there, or deleted.
    NoRoom,
    /// As many of the room's exports wait, or are kept, as may, or their objects take as much.
    TooMany,
}

/// Where an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportState {
    /// It waits: for its first attempt or for another one.
    Pending,
    /// A worker draws it.
    Processing,
    /// The object is there.
    Completed,
    /// There will be none.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

impl ExportState {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// How it is stored, and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// By its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing becomes of it any more.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Pending | Self::Processing)
    }
}

/// An export as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// Its room.
    pub room_id: RoomId,
    /// The name of its room.
    pub room: Arc<str>,
    /// As it was ordered.
    pub order: Arc<[u8]>,
    /// See [`NewExport::at_least`].
    pub at_least: u64,
    /// See [`NewExport::version`].
    pub version: Option<u64>,
    /// Who ordered it.
    pub ordered_by: Option<Arc<str>>,
    /// Where it is.
    pub state: ExportState,
    /// How far its worker is, from 0 to 100.
    pub progress: u8,
    /// How often it was begun.
    pub attempts: u32,
    /// Why the last attempt came to nothing, or the export: a sentence.
    pub error: Option<Arc<str>>,
    /// What kind of failure ended it: a stable word.
    pub code: Option<Arc<str>>,
    /// What its worker said of the object, once it is completed.
    pub outcome: Option<Arc<[u8]>>,
    /// The sequence number up to which the room was drawn, once it is completed.
    pub drawn: Option<u64>,
    /// Bytes of its object, once it is completed; `None` also where a version of the program that did not count them completed it.
    pub size: Option<u64>,
    /// When it was ordered, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// When it and its object are deleted.
    pub expires_ms: i64,
}

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportEnd {
    /// The object is there.
    Completed {
        /// The sequence number up to which the room was drawn.
        drawn: u64,
        /// What is to be known of the object.
        outcome: Arc<[u8]>,
        /// Bytes of the object.
        size: u64,
    },
    /// There will be none, however often it is tried.
    Failed {
        /// What kind of failure: a stable word.
        code: Arc<str>,
        /// A sentence for whoever ordered it.
        error: Arc<str>,
    },
    /// It may go well another time: it waits so long and is begun again; after its last attempt it has failed with this code.
    Again {
        /// The pause.
        after: Duration,
        /// What kind of failure: a stable word.
        code: Arc<str>,
        /// A sentence.
        error: Arc<str>,
    },
    /// The worker stops before it is done: the attempt does not count, and another one may begin at once.
    GivenBack,
}

/// How many exports a room may have besides [`MAX_EXPORTS_OF_ROOM`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// That wait or are being drawn.
    pub waiting: u32,
    /// Bytes of the objects of those that are completed, above which none is added. What waits when they are reached is drawn nevertheless.
    pub bytes: u64,
}

impl ExportLimits {
    /// So many that wait, however large their objects are.
    pub fn waiting(waiting: u32) -> Self {
        let bytes = u64::MAX;
        Self { waiting, bytes }
    }
}

/// How exports are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who claims.
    pub worker: WorkerId,
    /// How long it is his unless he renews it; at most an hour.
    pub lease: Duration,
    /// How often an export is begun at most, counting attempts whose worker died: after that many it has failed. At least 1.
    pub attempts: u32,
}

/// How many exports are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportTally {
    /// Waiting.
    pub pending: u64,
    /// Being drawn.
    pub processing: u64,
    /// How long the oldest that is due has been waiting, in milliseconds; 0 where none is.
    pub oldest_ms: u64,
}

/// An object, or all whose keys begin so, that nothing refers to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// Its number in this store.
    pub id: i64,
    /// How the keys begin; never empty.
    pub prefix: Arc<str>,
}

impl Orphans {
    /// How the keys of all objects of a room begin.
    pub fn of_room(room: RoomId) -> [String; 2] {
        [
            format!("exports/{}/", room.0),
            format!("assets/{}/", room.0),
        ]
    }
}

/// What a store keeps of exports. The contract suite says what an implementation owes.
#[async_trait]
pub trait Exports: Send + Sync + 'static {
    /// Adds an export, if its room has fewer than `limits` allow, and fewer than [`MAX_EXPORTS_OF_ROOM`] are kept. An id that another room's export has is
    /// [`StoreError::Conflict`].
    async fn add_export(
        &self,
        room: &str,
        new: &NewExport,
        limits: &ExportLimits,
    ) -> Result<ExportAdded, StoreError>;

    /// One export; `None` where it is not there, was deleted, or its room is deleted.
    async fn export(&self, id: ExportId) -> Result<Option<Export>, StoreError>;

    /// The exports of a room, newest first; none where it is deleted. The second of each pair is its place for [`Page::before`].
    async fn exports(&self, room: &str, page: Page) -> Result<Vec<(Export, i64)>, StoreError>;

    /// Takes the export that has been due longest: one that waits and whose pause is over, or one whose worker has let its lease end.
    /// Never one that another worker holds, and never waits for another claim that is under way. One whose last allowed attempt ended
    /// without an answer has failed then, with the code [`WORKER_DIED`], and is given so, for whoever claims to tell of it. Exports of deleted rooms are passed over, and wait
    /// for the deletion to be taken back. Need not survive a power cut: whoever claimed learns that it is not his any more.
    ///
    /// What comes first is drawn first, whoever ordered it; that one room's many do not keep others waiting is a matter of `limits` in
    /// [`add_export`](Self::add_export).
    async fn claim_export(&self, claim: &Claim) -> Result<Option<Export>, StoreError>;

    /// Says that the worker is at it still, and how far. `false` where it is not his any more: it was cancelled, deleted, or somebody else
    /// took it when his lease had ended. Need not survive a power cut.
    async fn renew_export(
        &self,
        id: ExportId,
        claim: &Claim,
        progress: u8,
    ) -> Result<bool, StoreError>;

    /// Ends an attempt. `false` where it was not the worker's any more; then nothing is changed. Said again, because the answer was lost, it
    /// is true again, as long as nobody else took it up meanwhile.
    async fn end_export(
        &self,
        id: ExportId,
        claim: &Claim,
        end: &ExportEnd,
        time_ms: i64,
    ) -> Result<bool, StoreError>;

    /// Cancels an export that has not ended, and returns it as it is then; `None` where the room has none of that id, or is deleted.
    async fn cancel_export(
        &self,
        room: &str,
        id: ExportId,
        time_ms: i64,
    ) -> Result<Option<Export>, StoreError>;

    /// Deletes an export in whatever state, also of a deleted room, and leaves the keys that begin with `objects`, which is not empty, to
    /// [`orphans`](Self::orphans). `false` where the room has none of that id.
    async fn delete_export(
        &self,
        room: &str,
        id: ExportId,
        objects: &str,
    ) -> Result<bool, StoreError>;

    /// Some exports that expired before `time_ms`, those first that expired first, also of deleted rooms; at most 100.
    async fn expired_exports(&self, time_ms: i64) -> Result<Vec<Export>, StoreError>;

    /// Some of what is to be deleted from the objects, with numbers above `after`, oldest first; at most 100. What a purge leaves is among it: for a room with the id 7
    /// the prefixes `exports/7/` and `assets/7/`.
    async fn orphans(&self, after: i64) -> Result<Vec<Orphans>, StoreError>;

    /// Says that they are deleted. Saying so twice is harmless.
    async fn forget_orphans(&self, id: i64) -> Result<(), StoreError>;

    /// How many exports are where, those of deleted rooms left out.
    async fn export_tally(&self) -> Result<ExportTally, StoreError>;

    /// Rings when an export was added, or an attempt at one ended, or one was cancelled or deleted: at once for what this store's own process did, and where several nodes share a database
    /// also for what others did. It may ring for nothing, and misses what happens while the database is away, so who listens also looks
    /// now and then.
    fn export_bell(&self) -> watch::Receiver<u64>;
}
