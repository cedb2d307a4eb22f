//! The live place where one doc is edited: a log of update bytes, the clocks that say what is in it, a table of who is
//! here, and the seats of those who listen.
//!
//! A room knows bytes and positions. It does not know yrs, the store, sockets or other nodes: the journal reads what is
//! uncommitted and reports what it stored; sessions sit on a [`Membership`] and pull what they have not heard.
//! All state is behind one mutex that is held for a few lines and never across an await; anything long (merging for a
//! join, folding the log into the base) works on cheap copies outside it.

mod answer;
mod awareness;
mod framed;
mod log;
mod name;
mod open;
mod registry;
mod seat;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible_wire::awareness::Entry as AwarenessEntry;
use scrible_wire::{Clocks, Limits, Malformed, Missing, StateVector, Taking, message};
use slab::Slab;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use answer::Answer;
pub use framed::FramedUpdate;
pub use log::Author;
pub use name::{BadName, MAX_NAME_BYTES, RESERVED, RoomName};
pub use open::{OpenError, Opened, Source};
pub use registry::{Registry, RoomInfo};

use crate::access::Identity;
use crate::journal::JournalQueue;
use awareness::{Awareness, Speaker};
use log::{Base, Entry, Log};
use seat::Seat;

/// How much of what the base already holds is kept for readers that lag, in bytes a room. One that falls further behind syncs anew.
const LAG_BYTES: usize = 32 << 20;

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
}

/// Shared parts of all rooms of a node.
#[derive(Debug)]
pub struct RoomsShared {
    /// Settings.
    pub config: RoomsConfig,
    /// Rooms that have something to commit line up here.
    pub journal: JournalQueue,
    /// Bytes that wait for the journal in all rooms.
    pub uncommitted_bytes: AtomicUsize,
    /// Where the rooms' own short tasks run.
    pub tasks: TaskTracker,
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
    tick: Tick,
    /// The id under which the store knows this room, once it does.
    stored_as: Option<i64>,
    /// The room stands in the journal's queue or in a batch that is under way.
    queued: bool,
    folding: bool,
    end: Option<End>,
}

/// The newest awareness message that went to everyone, shared by all who had heard what came before it.
#[derive(Debug)]
struct Tick {
    armed: bool,
    last: Instant,
    from: u64,
    to: u64,
    frame: Option<Bytes>,
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
            log: Log::on(opened.base),
            clocks: opened.clocks,
            awareness: Awareness::default(),
            seats: Slab::new(),
            tick: Tick {
                armed: false,
                last: Instant::now(),
                from: 0,
                to: 0,
                frame: None,
            },
            stored_as: opened.stored_as,
            queued: false,
            folding: false,
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

    /// Gives a session a seat.
    ///
    /// # Errors
    /// [`Refused::Ended`] when the room was unloaded meanwhile: ask the registry for it again.
    pub fn enter(
        self: &Arc<Self>,
        session: Author,
        identity: Identity,
    ) -> Result<Membership, Refused> {
        let mut state = self.state.lock();
        if let Some(end) = state.end {
            return Err(Refused::Ended(end));
        }
        let key = state.seats.insert(Seat::new(session));
        let speaker = Speaker {
            session,
            identity,
            own: None,
            answered: false,
        };
        Ok(Membership {
            room: self.clone(),
            key,
            speaker,
        })
    }

    /// Takes up to `max_bytes` of updates for the journal (at least one), and the store's id of this room.
    pub fn uncommitted(&self, max_bytes: usize) -> Uncommitted {
        let state = self.state.lock();
        let (mut bytes, mut end) = (0, state.log.committed());
        let mut updates = Vec::new();
        for (position, entry) in state.log.entries_from(state.log.committed()) {
            let update = entry.update.update();
            if !updates.is_empty() && bytes + update.len() > max_bytes {
                break;
            }
            bytes += update.len();
            updates.push(update);
            end = position + 1;
        }
        Uncommitted {
            stored_as: state.stored_as,
            updates,
            end,
        }
    }

    /// Notes that all before `end` is stored: authors get their echoes. Queues the room again if more waits.
    pub fn committed(self: &Arc<Self>, stored_as: i64, end: u64) {
        let mut state = self.state.lock();
        state.stored_as = Some(stored_as);
        let freed = state.log.commit(end);
        self.shared
            .uncommitted_bytes
            .fetch_sub(freed, Ordering::Relaxed);
        let committed = state.log.committed();
        state.wake(|seat| seat.waits_for(committed));
        state.queued = committed < state.log.head();
        if state.queued {
            self.shared.journal.push(self.clone());
        }
        if state.log.fold_due() && !state.folding {
            state.folding = true;
            let room = self.clone();
            self.shared.tasks.spawn_blocking(move || room.fold());
        }
    }

    /// Ends the room: what it holds uncommitted cannot be stored. Its sessions must sync anew with what is stored.
    pub fn fail(&self) {
        let mut state = self.state.lock();
        state.end = Some(End::Failed);
        let lost = state.log.head() - state.log.committed();
        tracing::error!(room = ?self.name, lost, "room ended; what was not stored is gone unless its clients bring it back");
        let waiting = state.log.uncommitted_bytes();
        self.shared
            .uncommitted_bytes
            .fetch_sub(waiting, Ordering::Relaxed);
        state.wake(|_| true);
    }

    /// Ends the room if nobody is there and everything is stored. False when it must go on.
    pub fn end_if_idle(&self) -> bool {
        let mut state = self.state.lock();
        let idle = state.seats.is_empty() && !state.queued && !state.folding && state.end.is_none();
        if idle {
            state.end = Some(End::Unloaded);
        }
        idle
    }

    /// Whether the room has ended and nobody is left in it.
    pub fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.end.is_some() && state.seats.is_empty()
    }

    /// Drops presence that nobody renewed.
    pub fn expire_presence(self: &Arc<Self>, now: Instant) {
        let mut state = self.state.lock();
        if state.awareness.expire(now) {
            self.arm(&mut state, now);
        }
    }

    /// What an operator sees of the room.
    pub fn info(&self) -> RoomInfo {
        let state = self.state.lock();
        RoomInfo {
            name: self.name.clone(),
            sessions: state.seats.len(),
            people: state.awareness.people(),
            bytes: state.log.weight(),
            uncommitted_bytes: state.log.uncommitted_bytes(),
        }
    }

    /// Updates that the room holds and the journal has still to store.
    pub fn unstored(&self) -> u64 {
        let state = self.state.lock();
        match state.end {
            Some(End::Failed) => 0,
            _ => state.log.head() - state.log.committed(),
        }
    }

    /// Merges the committed entries into a new base, outside the lock.
    fn fold(&self) {
        let limits = &self.shared.config.limits;
        let (parts, end) = {
            let state = self.state.lock();
            let (base, end) = (state.log.base(), state.log.committed());
            let entries = state.log.entries_from(base.end);
            let entries = entries.take_while(|(position, _)| *position < end);
            let base = base.parts.iter().map(FramedUpdate::update);
            let parts: Vec<_> = base
                .chain(entries.map(|(_, entry)| entry.update.update()))
                .collect();
            (parts, end)
        };
        let merged = scrible_wire::merge::merge(parts.iter().map(|part| &part[..]), limits)
            .and_then(|merged| FramedUpdate::parts(&merged, limits));
        let mut state = self.state.lock();
        match merged {
            Ok(parts) => {
                state.folding = false;
                state.log.rebase(Base { parts, end });
                let slowest = state.seats.iter().map(|(_, seat)| seat.slowest()).min();
                state.log.trim(slowest.unwrap_or(u64::MAX), LAG_BYTES);
            }
            // Nothing is lost, but the log goes on growing: the room stays in memory and is never folded again. The parts
            // passed the gate one by one, so this is ours to look at.
            Err(error) => tracing::error!(room = ?self.name, %error, "merge the log into the base"),
        }
    }

    /// Plans the next awareness message, at least one interval after the last.
    fn arm(self: &Arc<Self>, state: &mut State, now: Instant) {
        if std::mem::replace(&mut state.tick.armed, true) {
            return;
        }
        let due = (state.tick.last + self.shared.config.awareness_interval).max(now);
        let room = self.clone();
        self.shared.tasks.spawn(async move {
            tokio::time::sleep_until(due).await;
            room.tick(Instant::now());
        });
    }

    /// Makes the awareness changes since the last tick into one message for all.
    fn tick(&self, now: Instant) {
        let mut state = self.state.lock();
        let (from, to) = (state.tick.to, state.awareness.version());
        let frame = state
            .awareness
            .changes_since(from)
            .map(|body| message::awareness(&body).into());
        state.tick = Tick {
            armed: false,
            last: now,
            from,
            to,
            frame,
        };
        state.wake(|seat| seat.awareness < to);
    }
}

impl State {
    fn wake(&mut self, mut whom: impl FnMut(&Seat) -> bool) {
        for (_, seat) in &mut self.seats {
            if seat.waker.is_some() && whom(seat) {
                seat.waker.take().expect("just seen").wake();
            }
        }
    }
}

/// A session's seat in a room; dropping it leaves the room.
#[derive(Debug)]
pub struct Membership {
    room: Arc<Room>,
    key: usize,
    speaker: Speaker,
}

/// What an answer to a step 1 brings: everything from the client's state vector up to the room's at that moment.
#[derive(Debug)]
pub struct Answered {
    /// What the client had.
    pub from: StateVector,
    /// What the room had.
    pub to: StateVector,
}

impl Answered {
    /// Whether an update has structs, and all of them are in the answer.
    fn brings_all_of(&self, update: &[u8], limits: &Limits) -> bool {
        scrible_wire::scan(update, limits).is_ok_and(|scan| {
            let within = |list: &scrible_wire::ListFacts| {
                self.from.get(list.client) <= list.start && list.end <= self.to.get(list.client)
            };
            !scan.lists.is_empty() && scan.lists.iter().all(within)
        })
    }
}

/// Whether an update brings structs that a room lacks.
fn news(clocks: &Clocks, update: &[u8], limits: &Limits) -> Result<bool, Malformed> {
    let scan = scrible_wire::scan(update, limits)?;
    Ok(scan
        .lists
        .iter()
        .any(|list| list.end > clocks.clock(list.client)))
}

/// What became of an update.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Something of it was appended to the log.
    pub appended: bool,
    /// What the room would need to take the rest.
    pub missing: Option<Missing>,
    /// So many echoes wait for this session that it should not read on before it has pulled.
    pub full: bool,
}

impl Membership {
    /// The room.
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// The greeting: the room's state vector.
    pub fn state_vector(&self) -> StateVector {
        self.room.state.lock().clocks.state_vector()
    }

    /// Whether the room has reached a clock.
    pub fn has(&self, missing: &Missing) -> bool {
        self.room.state.lock().clocks.clock(missing.client) >= missing.clock
    }

    /// Offers an update: appends what is new and ready, notes what must be echoed.
    ///
    /// After a large answer, `answered` says what it brings. A known update of nothing but
    /// that is no edit of the client's but the answer handed back (pycrdt's provider returns all that it receives): its echo
    /// would be the answer once more, and waiting for it would stop the session from being read.
    ///
    /// # Errors
    /// [`Refused::Malformed`], [`Refused::Backlog`] or [`Refused::Ended`]; nothing was taken.
    pub fn offer(
        &self,
        update: &[u8],
        carrier: Carrier,
        answered: Option<&Answered>,
    ) -> Result<Offered, Refused> {
        let shared = &self.room.shared;
        let mut state = self.room.state.lock();
        let state = &mut *state;
        if let Some(end) = state.end {
            return Err(Refused::Ended(end));
        }
        if shared.uncommitted_bytes.load(Ordering::Relaxed) > shared.config.max_uncommitted_bytes {
            // Who only reads answers a step 1 with nothing, or with the deletes that it knows.
            let reads =
                carrier == Carrier::Step2 && !news(&state.clocks, update, &shared.config.limits)?;
            return if reads {
                Ok(Offered::default())
            } else {
                Err(Refused::Backlog)
            };
        }
        let taken = state.clocks.take(update, &shared.config.limits)?;
        let entry = match taken.entry {
            Taking::Nothing => {
                let limits = &shared.config.limits;
                if taken.early.is_none()
                    && carrier == Carrier::Update
                    && !answered.is_some_and(|answered| answered.brings_all_of(update, limits))
                {
                    state.seats[self.key].knew(state.log.head(), message::update(update).into());
                }
                let full = state.seats[self.key].is_full();
                return Ok(Offered {
                    appended: false,
                    missing: taken.early,
                    full,
                });
            }
            Taking::Whole => Entry::new(update, self.speaker.session, taken.brought),
            Taking::Part(part) => Entry::new(&part, self.speaker.session, taken.brought),
        };
        state.seats[self.key].authored(state.log.head());
        shared
            .uncommitted_bytes
            .fetch_add(state.log.append(entry), Ordering::Relaxed);
        state.wake(|seat| seat.joined && seat.session != self.speaker.session);
        if !std::mem::replace(&mut state.queued, true) {
            shared.journal.push(self.room.clone());
        }
        let full = state.seats[self.key].is_full();
        Ok(Offered {
            appended: true,
            missing: taken.early,
            full,
        })
    }

    /// Whether an update brings structs that the room lacks; changes nothing. For sessions that may not write.
    ///
    /// # Errors
    /// [`Refused::Malformed`].
    pub fn brings_news(&self, update: &[u8]) -> Result<bool, Refused> {
        let state = self.room.state.lock();
        Ok(news(
            &state.clocks,
            update,
            &self.room.shared.config.limits,
        )?)
    }

    /// Notes that the client has answered our step 1: what it says of presence from now on may be a relay.
    pub fn answered(&mut self) {
        self.speaker.answered = true;
    }

    /// Prepares the answer to a step 1 and fixes this session's place in the log: from here on it hears all that is not in the answer.
    /// Also says what the room has at this moment.
    pub fn join(&self, theirs: StateVector) -> (Answer, StateVector) {
        let mut state = self.room.state.lock();
        let (answer, place) = Answer::prepare(&state.log, &state.clocks, theirs);
        state.seats[self.key].join(place);
        (answer, state.clocks.state_vector())
    }

    /// Takes in an awareness message.
    pub fn hear(&mut self, entries: &[AwarenessEntry<'_>], now: Instant) {
        let mut state = self.room.state.lock();
        let heard = state.awareness.hear(&mut self.speaker, entries, now);
        if heard.changed {
            self.room.arm(&mut state, now);
        }
        for ask in heard.ask {
            let farewell = AwarenessEntry {
                client: ask.client,
                clock: ask.clock,
                state: None,
            };
            let frame =
                message::awareness(&scrible_wire::awareness::encode([farewell].into_iter()));
            if let Some((_, seat)) = state
                .seats
                .iter_mut()
                .find(|(_, seat)| seat.session == ask.session)
            {
                seat.ask(frame.into());
            }
            state.wake(|seat| seat.session == ask.session);
        }
    }

    /// Everybody's present state as one message; `None` when nobody has any.
    pub fn presence(&self) -> Option<Bytes> {
        let mut state = self.room.state.lock();
        let state = &mut *state;
        // Whoever has been sent states must still hear who left since.
        let seat = &mut state.seats[self.key];
        if seat.awareness == 0 {
            seat.awareness = state.awareness.version();
        }
        state
            .awareness
            .changes_since(0)
            .map(|body| message::awareness(&body).into())
    }

    /// Takes what this session has not heard yet, up to about `max_bytes`. When there is nothing, `waker` is kept and woken as soon as
    /// there is something. True while so many echoes wait that the session should not read on.
    ///
    /// # Errors
    /// [`Refused::Ended`] or [`Refused::Behind`]: the session must end.
    pub fn pull(
        &self,
        max_bytes: usize,
        out: &mut VecDeque<Bytes>,
        waker: &Waker,
    ) -> Result<bool, Refused> {
        let mut state = self.room.state.lock();
        let State {
            log,
            awareness,
            seats,
            tick,
            end,
            ..
        } = &mut *state;
        if let Some(end) = end {
            return Err(Refused::Ended(*end));
        }
        let seat = &mut seats[self.key];
        seat.pull(log, max_bytes, out)
            .map_err(|_| Refused::Behind)?;
        if seat.awareness < tick.to {
            if seat.awareness == tick.from {
                out.extend(tick.frame.clone());
                seat.awareness = tick.to;
            } else {
                out.extend(
                    awareness
                        .changes_since(seat.awareness)
                        .map(|body| message::awareness(&body).into()),
                );
                seat.awareness = awareness.version();
            }
        }
        if out.is_empty() {
            match &mut seat.waker {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        Ok(seat.is_full())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.room.state.lock();
        state.seats.remove(self.key);
        if state.awareness.leave(self.speaker.session, now) {
            self.room.arm(&mut state, now);
        }
    }
}
