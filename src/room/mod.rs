//! The live place where one doc is edited: a log of update bytes, the clocks that say what is in it, a table of who is
//! here, and the seats of those who listen.
//!
//! A room knows bytes and positions. It does not know yrs, the store, sockets or other nodes: the journal reads what is
//! uncommitted and reports what it stored; sessions sit on a [`Membership`] and pull what they have not heard.
//! All state is behind one mutex that is held for a few lines and never across an await; anything long (merging for a
//! join, folding the log into the base) works on cheap copies outside it.

mod answer;
mod awareness;
mod bell;
mod compaction;
mod content;
mod framed;
mod log;
mod membership;
mod name;
mod offer;
mod open;
mod others;
mod people;
mod pulse;
mod registry;
mod seat;
mod sequence;
mod stored;
#[cfg(test)]
mod tests;
mod ticks;
mod totals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible_wire::{Clocks, Limits, Malformed};
use slab::Slab;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use answer::{Answer, Made};
pub use bell::{Bell, Rung};
pub use compaction::Compacted;
pub use content::Content;
pub use log::{Author, ELSEWHERE};
pub use membership::{Answered, Membership, Pulled};
pub use name::{Address, BadName, MAX_NAME_BYTES, RESERVED, RoomName};
pub use offer::{Capacity, Full, Offered};
pub use open::{Contents, OpenError, Opened, Source, StoredDoc, Unreadable};
pub use others::{BehindQueue, Rows};
pub use people::Shown;
pub use pulse::Pulse;
pub use registry::{Registry, RoomInfo};
pub use stored::{CompactionConfig, Extent};
pub use totals::RoomTotals;

use crate::bus::Bus;
use crate::compact::{CompactionQueue, Why};
use crate::dead_letters::DeadLetters;
use crate::journal::JournalQueue;
use crate::stays::Stays;
use crate::telemetry::Metrics;
use awareness::Awareness;
pub use awareness::PresenceLimits;
use bell::Access;
use log::Log;
pub use seat::Outlet;
use seat::Seat;
use stored::Stored;
use ticks::Tick;

/// What the clock of one client takes in memory, about, with one delete range.
const CLIENT_BYTES: usize = 80;

/// How many sessions ask at once whether they may still be there.
const JUDGED_AT_ONCE: usize = 16;

/// What all rooms of a node share.
#[derive(Debug)]
pub struct RoomsConfig {
    /// Bounds on what a client may send.
    pub limits: Limits,
    /// The shortest time between two awareness messages of a room.
    pub awareness_interval: Duration,
    /// How long a room without sessions stays in memory.
    pub idle: Duration,
    /// Bytes that may wait for the journal in all rooms together; beyond, writers are refused.
    pub max_uncommitted_bytes: usize,
    /// How much one room may hold.
    pub capacity: Capacity,
    /// Memory that all rooms together may take, in bytes; beyond, idle ones are unloaded early and no further one is opened.
    pub memory: usize,
    /// How much presence sessions may show.
    pub presence: PresenceLimits,
    /// When a base should be replaced.
    pub compaction: CompactionConfig,
    /// How long after a change that no version holds one is kept, at the latest.
    pub version_interval: Duration,
}

#[cfg(test)]
impl RoomsConfig {
    /// Roomy, without waiting for anything long.
    pub fn for_tests() -> Self {
        Self {
            limits: Limits::default(),
            awareness_interval: Duration::from_millis(40),
            idle: Duration::from_secs(30),
            max_uncommitted_bytes: 16 << 20,
            capacity: Default::default(),
            memory: 1 << 30,
            presence: Default::default(),
            compaction: Default::default(),
            version_interval: Duration::from_secs(300),
        }
    }
}

/// Shared parts of all rooms of a node.
pub struct RoomsShared {
    /// Settings.
    pub config: RoomsConfig,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// Rooms that have something to commit line up here.
    pub journal: JournalQueue,
    /// Rooms that lack what other nodes have stored line up here.
    pub behind: BehindQueue,
    /// Rooms whose base should be replaced, or of which a version should be kept, line up here.
    pub compaction: CompactionQueue,
    /// Bytes that wait for the journal in all rooms.
    pub uncommitted_bytes: AtomicUsize,
    /// Answers to step 1s that are being made off the async threads take turns, so that a thousand clients coming back leave processors for those
    /// who draw.
    pub answering: Arc<Semaphore>,
    /// Sessions that ask whether they may still be there take turns, so that a change in a full room does not take the store from those who draw.
    pub judging: Arc<Semaphore>,
    /// The last number that an [access mark](Room::access_mark) got.
    pub access_marks: AtomicU64,
    /// Where the rooms' own short tasks run.
    pub tasks: TaskTracker,
    /// The last number that a session got.
    pub sessions: AtomicU64,
    /// What clients send and rooms do not take goes here.
    pub dead_letters: DeadLetters,
    /// Who is in which room is noted here.
    pub stays: Arc<Stays>,
    /// Where everything that happens on this node is counted.
    pub metrics: Metrics,
}

impl RoomsShared {
    /// What all rooms of a node share before there are any.
    pub fn new(config: RoomsConfig, bus: Arc<dyn Bus>) -> Self {
        let metrics = Metrics::new(bus.metrics());
        Self {
            config,
            bus,
            journal: JournalQueue::default(),
            behind: BehindQueue::default(),
            compaction: CompactionQueue::default(),
            uncommitted_bytes: AtomicUsize::new(0),
            answering: Arc::new(Semaphore::new(answers_at_once())),
            judging: Arc::new(Semaphore::new(JUDGED_AT_ONCE)),
            access_marks: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            sessions: AtomicU64::new(0),
            dead_letters: DeadLetters::new(metrics.dead_letters.clone()),
            stays: Stays::new(metrics.rooms.stays_dropped.clone()),
            metrics,
        }
    }

    /// A number for a session, never used twice in a process.
    pub fn next_session(&self) -> Author {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn next_access_mark(&self) -> u64 {
        self.access_marks.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl std::fmt::Debug for RoomsShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomsShared").finish_non_exhaustive()
    }
}

/// Half of the processors, but one at least.
fn answers_at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    processors.div_ceil(2)
}

/// One live room.
#[derive(Debug)]
pub struct Room {
    name: RoomName,
    shared: Arc<RoomsShared>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Log,
    clocks: Clocks,
    awareness: Awareness,
    seats: Slab<Seat>,
    access: Access,
    tick: Tick,
    stored: Stored,
    /// The room stands in the journal's queue or in a batch that is under way.
    queued: bool,
    /// The room stands in line, or is seen to, because it lacks what other nodes have stored.
    behind: bool,
    /// A compaction was asked for and has not answered.
    compacting: bool,
    /// The log is being merged into the base, as no compaction came.
    folding: bool,
    /// Its operator was told that the room is nearly full.
    warned: bool,
    /// Log and clocks are being changed and may not agree.
    changing: bool,
    end: Option<End>,
}

/// Why a room takes no more part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nobody was there; a newcomer asks the registry again.
    Unloaded,
    /// The store refused what this room wrote; it must be loaded anew.
    Failed,
}

/// Why an update, or a session, is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The bytes are no update that the room could keep.
    #[error("malformed update: {0}")]
    Malformed(#[from] Malformed),
    /// Too much waits for the journal.
    #[error("too much waits to be stored")]
    Backlog,
    /// The room holds as much as it may.
    #[error("the room is full")]
    Full(Full),
    /// Somebody else has written under the client id that this session calls its own, where it now writes itself.
    #[error("somebody else writes under client id {client}")]
    Conflict {
        /// The id.
        client: u64,
        /// Who was first, if that is still known.
        by: Option<Author>,
    },
    /// The room has ended.
    #[error("the room has ended")]
    Ended(End),
    /// The session needs entries that were trimmed.
    #[error("the session fell too far behind")]
    Behind,
}

/// Which of the two sync messages carried an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// An answer to our step 1: what brings nothing is not worth an answer.
    Step2,
    /// A live update: its author waits for the echo.
    Update,
}

/// What the journal takes from a room: the updates from a position on.
#[derive(Debug)]
pub struct Uncommitted {
    /// The store's id of the room, once known.
    pub stored_as: Option<i64>,
    /// Updates in log order.
    pub updates: Vec<Bytes>,
    /// The position after the last of them.
    pub end: u64,
}

impl Room {
    /// A room that stands on what was loaded.
    pub fn new(name: RoomName, opened: Opened, shared: Arc<RoomsShared>) -> Self {
        let state = State {
            log: Log::on(opened.base, opened.stored.sequence.applied()),
            clocks: opened.clocks,
            awareness: Awareness::new(shared.config.presence),
            seats: Slab::new(),
            access: Access::new(shared.next_access_mark()),
            tick: Tick::new(Instant::now()),
            stored: opened.stored,
            queued: false,
            behind: false,
            compacting: false,
            folding: false,
            warned: false,
            changing: false,
            end: None,
        };
        Self {
            name,
            shared,
            state: Mutex::new(state),
        }
    }

    /// What this room shares with all others.
    pub fn shared(&self) -> &Arc<RoomsShared> {
        &self.shared
    }

    /// The canonical name.
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// Takes up to `max_bytes` of updates for the journal (at least one), and the store's id of this room. None of a room that has failed.
    pub fn uncommitted(&self, max_bytes: usize) -> Uncommitted {
        let state = self.state.lock();
        if state.end == Some(End::Failed) {
            return Uncommitted {
                stored_as: state.stored.id(),
                updates: Vec::new(),
                end: state.log.committed(),
            };
        }
        let (mut bytes, mut end) = (0, state.log.committed());
        let mut updates = Vec::new();
        let entries = state.log.entries_from(state.log.committed());
        for (position, entry) in entries.filter(|(_, entry)| entry.seq().is_none()) {
            let update = entry.update.update();
            if !updates.is_empty() && bytes + update.len() > max_bytes {
                break;
            }
            bytes += update.len();
            updates.push(update);
            end = position + 1;
        }
        Uncommitted {
            stored_as: state.stored.id(),
            updates,
            end,
        }
    }

    /// Notes that the updates before `end` that waited are stored, under consecutive numbers from `first_seq` on: authors get their
    /// echoes. Queues the room again if more waits.
    pub fn committed(self: &Arc<Self>, stored_as: i64, first_seq: u64, end: u64) {
        let mut state = self.state.lock();
        if state.end == Some(End::Failed) {
            // It failed while its batch was under way; what it held was written off then.
            return;
        }
        let state = &mut *state;
        if !state.stored.is_known_as(stored_as) {
            tracing::error!(room = ?self.name, "it was deleted and made anew while this was stored");
            return self.fail_locked(state);
        }
        self.time_commits(&state.log, end);
        let waited = state.log.uncommitted();
        let freed = state.log.commit(end, first_seq);
        let count = waited - state.log.uncommitted();
        state.stored.added(freed);
        state.stored.sequence.wrote(first_seq, count);
        self.shared
            .uncommitted_bytes
            .fetch_sub(freed, Ordering::Relaxed);
        state.queued = state.log.uncommitted() > 0;
        if state.queued {
            self.shared.journal.push(self.clone());
        }
        self.take_rows_in_turn(state);
        let committed = state.log.committed();
        state.wake(|seat| seat.waits_for(committed));
        self.shorten(state);
    }

    /// Lines the room up once more: another node held it in the store, and nothing of it was taken.
    pub fn queue_again(self: &Arc<Self>) {
        if self.state.lock().end != Some(End::Failed) {
            self.shared.journal.push(self.clone());
        }
    }

    /// Measures how long entries that are stored now have waited for that.
    fn time_commits(&self, log: &Log, end: u64) {
        let now = Instant::now();
        let commit = &self.shared.metrics.updates.commit;
        log.entries_from(log.committed())
            .take_while(|(position, _)| *position < end)
            .filter(|(_, entry)| entry.seq().is_none())
            .for_each(|(_, entry)| commit.time(now.duration_since(entry.at)));
    }

    /// Ends the room: what it holds uncommitted cannot be stored. Its sessions must sync anew with what is stored.
    pub fn fail(&self) {
        self.fail_locked(&mut self.state.lock());
    }

    fn fail_locked(&self, state: &mut State) {
        if state.end.replace(End::Failed) == Some(End::Failed) {
            return;
        }
        let lost = state.log.uncommitted();
        self.shared.metrics.rooms.failed.inc();
        self.shared.metrics.rooms.lost_updates.inc_by(lost);
        tracing::error!(room = ?self.name, lost, "room ended; what was not stored is gone unless its clients bring it back");
        let waiting = state.log.uncommitted_bytes();
        self.shared
            .uncommitted_bytes
            .fetch_sub(waiting, Ordering::Relaxed);
        state.wake(|_| true);
    }

    /// Ends the room if some code panicked in the middle of changing it: it must be loaded anew. Otherwise it goes on.
    pub fn fail_if_torn(&self) {
        let torn = self.state.lock().changing;
        if torn {
            self.fail();
        }
    }

    /// Ends the room if nobody is there and everything is stored. False when it must go on.
    pub fn end_if_idle(&self) -> bool {
        let mut state = self.state.lock();
        let idle = state.seats.is_empty() && !state.queued && state.end.is_none();
        if idle {
            state.end = Some(End::Unloaded);
            if state.stored.is_changed() {
                self.shared.compaction.push(&self.name, Why::Unload);
            }
        }
        idle
    }

    /// Whether the room has ended and nobody is left in it.
    pub fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.end.is_some() && state.seats.is_empty()
    }

    /// Memory that the room takes, in bytes: content, and about what is known of each client.
    pub fn weight(&self) -> usize {
        let state = self.state.lock();
        state.log.weight() + state.clock_bytes()
    }

    /// What an operator sees of the room.
    pub fn info(&self) -> RoomInfo {
        let state = self.state.lock();
        RoomInfo {
            name: self.name.clone(),
            sessions: state.seats.len(),
            people: state.awareness.people(),
            people_elsewhere: state.awareness.people_elsewhere(),
            bytes: state.log.weight(),
            uncommitted_bytes: state.log.uncommitted_bytes(),
        }
    }

    /// Updates that the room holds and the journal has still to store.
    pub fn unstored(&self) -> u64 {
        let state = self.state.lock();
        match state.end {
            Some(End::Failed) => 0,
            _ => state.log.uncommitted(),
        }
    }

    /// What little place is left in the room, in a sentence for its operator; `None` while there is enough.
    pub fn scarce(&self) -> Option<String> {
        let state = self.state.lock();
        let capacity = &self.shared.config.capacity;
        capacity.scarce(&state.log, &state.clocks)
    }

    fn warn_if_scarce(&self, state: &mut State) {
        if state.warned {
            return;
        }
        let capacity = &self.shared.config.capacity;
        if let Some(why) = capacity.scarce(&state.log, &state.clocks) {
            state.warned = true;
            tracing::warn!(room = ?self.name, "the room is nearly full: {why}");
        }
    }
}

impl State {
    /// What the clocks take in memory, about.
    fn clock_bytes(&self) -> usize {
        self.clocks.clients() * CLIENT_BYTES
    }

    fn wake(&mut self, mut whom: impl FnMut(&Seat) -> bool) {
        for (_, seat) in &mut self.seats {
            if seat.waker.is_some() && whom(seat) {
                seat.waker.take().expect("just seen").wake();
            }
        }
    }
}
