//! A session's place in a room: two positions in the log, one in the awareness table, and what it waits for.
//!
//! Others' entries reach a session as soon as they are in the log; its own come back only once they are committed, so that
//! the echo means *stored*. The same holds for entries whose ids the client already had when it joined.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::bell::Bell;
use super::log::{Author, Log, Stance};

/// Where one session stands. All positions are positions in the room's log.
#[derive(Debug)]
pub struct Seat {
    /// The session's number.
    pub session: Author,
    /// Whether the first answer to a step 1 has fixed `next`. Before that the session hears no entry.
    pub joined: bool,
    /// The next entry to look at.
    next: u64,
    /// Nothing from `next` on is looked at before all up to here is committed.
    barrier: Option<u64>,
    /// Clocks that the client had and the room did not when it joined: what brings these comes from the client itself, by
    /// another socket, and must not reach it before it is committed. At most [`AHEAD_CLIENTS`].
    ahead: Vec<(u64, u32)>,
    /// Entries that this session may hear only once they are committed, oldest first: its own, and those that were held back.
    /// Eight bytes for each entry that the log holds anyway, so bounded with it.
    after_commit: VecDeque<u64>,
    /// Updates that brought nothing new: sent back once the committed mark has passed the head as it stood on arrival.
    known: VecDeque<(u64, Bytes)>,
    /// Bytes in `known`; the session stops reading its socket above [`KNOWN_BYTES`].
    known_bytes: usize,
    /// The last version of the awareness table that it was sent.
    pub awareness: u64,
    /// The client id that the session calls its own, and the clock up to which nobody but this session has written under it since.
    pub writes: Option<(u64, u32)>,
    /// Farewells of its own ids, to make it speak again. At most one for each of its ids and each clock of that id.
    asks: VecDeque<Bytes>,
    /// By which the session is told that it may have to go.
    pub bell: Arc<Bell>,
    /// Wakes the session's task; set only while the session has nothing to do.
    pub waker: Option<Waker>,
}

/// Where a session continues in the log once its step 1 is answered.
#[derive(Debug, Default)]
pub struct Place {
    /// The first entry that is neither in the answer nor held back.
    pub next: u64,
    /// If set, nothing from `next` on may be heard before all up to here is committed.
    pub barrier: Option<u64>,
    /// Entries before `next` that are held back until they are committed.
    pub held: Vec<u64>,
    /// Clocks that the client has and the room has not.
    pub ahead: Vec<(u64, u32)>,
}

/// How many clients' clocks are remembered of those that a joining client is ahead with: its own and its sibling tabs'.
pub const AHEAD_CLIENTS: usize = 64;

/// How many bytes of known updates may wait for their echo before the session's socket is no longer read. One more message may
/// come on top.
pub const KNOWN_BYTES: usize = 64 << 10;

/// Where a session's messages go. All who hear a message are handed the same memory.
pub trait Outlet {
    /// Takes one message, behind those before it.
    fn put(&mut self, message: &Bytes);
}

impl Outlet for VecDeque<Bytes> {
    fn put(&mut self, message: &Bytes) {
        self.push_back(message.clone());
    }
}

/// What a session has heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Messages with updates, its own echoes among them.
    pub updates: u32,
    /// Messages about presence.
    pub presence: u32,
    /// When the oldest update of others in it was taken, if it has any.
    pub oldest: Option<tokio::time::Instant>,
}

impl Heard {
    /// Whether there was nothing.
    pub fn is_nothing(&self) -> bool {
        self.updates == 0 && self.presence == 0
    }
}

/// Hands updates on until they weigh enough.
struct Hearing<'a, O> {
    out: &'a mut O,
    heard: &'a mut Heard,
    bytes: usize,
    max_bytes: usize,
}

impl<O: Outlet> Hearing<'_, O> {
    /// True when they weigh enough.
    fn put(&mut self, message: &Bytes) -> bool {
        self.out.put(message);
        self.heard.updates += 1;
        self.bytes += message.len();
        self.bytes >= self.max_bytes
    }
}

/// The session asked for entries that the log no longer has; it must sync anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

impl Seat {
    /// A seat of a session that has yet to join.
    pub fn new(session: Author) -> Self {
        Self {
            session,
            joined: false,
            next: 0,
            barrier: None,
            ahead: Vec::new(),
            after_commit: VecDeque::new(),
            known: VecDeque::new(),
            known_bytes: 0,
            awareness: 0,
            writes: None,
            asks: VecDeque::new(),
            bell: Arc::default(),
            waker: None,
        }
    }

    /// Fixes the place in the log.
    pub fn join(&mut self, place: Place) {
        self.joined = true;
        self.next = place.next;
        self.barrier = place.barrier;
        self.ahead = place.ahead;
        for position in place.held {
            self.hold(position);
        }
    }

    fn hold(&mut self, position: u64) {
        let at = self.after_commit.partition_point(|held| *held < position);
        if self.after_commit.get(at) != Some(&position) {
            self.after_commit.insert(at, position);
        }
    }

    /// Notes an entry of this session's own.
    pub fn authored(&mut self, position: u64) {
        self.after_commit.push_back(position);
    }

    /// Notes an update that brought nothing, to be echoed once everything before `head` is committed. Of a session that has not joined, and so
    /// hears nothing, no more than it is read on with.
    pub fn knew(&mut self, head: u64, frame: Bytes) {
        if !self.joined && self.known_bytes + frame.len() > KNOWN_BYTES {
            return;
        }
        self.known_bytes += frame.len();
        self.known.push_back((head, frame));
    }

    /// Notes a message that makes this session speak again.
    pub fn ask(&mut self, frame: Bytes) {
        self.asks.push_back(frame);
    }

    /// Whether too many echoes wait.
    pub fn is_full(&self) -> bool {
        self.known_bytes > KNOWN_BYTES
    }

    /// The oldest position that this seat may still ask for.
    pub fn slowest(&self) -> u64 {
        let next = if self.joined { self.next } else { u64::MAX };
        self.after_commit
            .front()
            .map_or(next, |held| next.min(*held))
    }

    /// Whether a commit up to `committed` gives this session something to send.
    pub fn waits_for(&self, committed: u64) -> bool {
        self.after_commit
            .front()
            .is_some_and(|position| *position < committed)
            || self
                .known
                .front()
                .is_some_and(|(head, _)| *head <= committed)
            || self.barrier.is_some_and(|barrier| barrier <= committed)
    }

    /// Hands on what is to be sent, oldest first, until it weighs `max_bytes` or nothing is left.
    ///
    /// # Errors
    /// [`Behind`] when an entry that this session needs was trimmed.
    pub fn pull(
        &mut self,
        log: &Log,
        max_bytes: usize,
        out: &mut impl Outlet,
    ) -> Result<Heard, Behind> {
        let mut heard = Heard::default();
        for ask in self.asks.drain(..) {
            out.put(&ask);
            heard.presence += 1;
        }
        if self.joined {
            let mut hearing = Hearing {
                out,
                heard: &mut heard,
                bytes: 0,
                max_bytes,
            };
            self.pull_updates(log, &mut hearing)?;
        }
        Ok(heard)
    }

    fn pull_updates(
        &mut self,
        log: &Log,
        hearing: &mut Hearing<'_, impl Outlet>,
    ) -> Result<(), Behind> {
        let committed = log.committed();
        while let Some(position) = self
            .after_commit
            .front()
            .copied()
            .filter(|position| *position < committed)
        {
            let entry = log.get(position).ok_or(Behind)?;
            self.after_commit.pop_front();
            if hearing.put(entry.update.frame()) {
                return Ok(());
            }
        }
        if self.next < log.head() && log.get(self.next).is_none() {
            return Err(Behind);
        }
        self.barrier = self.barrier.filter(|barrier| *barrier > committed);
        let others = self.barrier.is_none().then(|| log.entries_from(self.next));
        for (position, entry) in others.into_iter().flatten() {
            if entry.author != self.session {
                let has = |client| {
                    self.ahead
                        .iter()
                        .find(|(ahead, _)| *ahead == client)
                        .map_or(0, |(_, clock)| *clock)
                };
                match entry.stance(has) {
                    Stance::Had if position >= committed => self.hold(position),
                    Stance::PartlyHad if position >= committed => {
                        self.barrier = Some(position + 1);
                        break;
                    }
                    _ => {
                        self.next = position + 1;
                        hearing.heard.oldest.get_or_insert(entry.at);
                        if hearing.put(entry.update.frame()) {
                            return Ok(());
                        }
                    }
                }
            }
            self.next = position + 1;
        }
        // Last, because it is nothing new: on a slow line others' edits must not wait for it.
        while self
            .known
            .front()
            .is_some_and(|(head, _)| *head <= committed)
        {
            let (_, frame) = self.known.pop_front().expect("the front was just seen");
            self.known_bytes -= frame.len();
            if hearing.put(&frame) {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Entry;
    use super::*;

    fn log_by(authors: &[Author]) -> Log {
        let mut log = Log::default();
        for author in authors {
            log.append(Entry::new(&[*author as u8], *author, vec![]));
        }
        log
    }

    fn pulled(seat: &mut Seat, log: &Log) -> Vec<u8> {
        let mut out = VecDeque::new();
        seat.pull(log, usize::MAX, &mut out).unwrap();
        out.iter().map(|frame| *frame.last().unwrap()).collect()
    }

    #[test]
    fn r5_others_entries_come_at_once_and_own_ones_only_after_the_commit() {
        let mut log = log_by(&[1, 2, 1]);
        let mut seat = Seat::new(1);
        seat.join(Place::default());
        seat.authored(0);
        seat.authored(2);
        assert_eq!(pulled(&mut seat, &log), [2]);
        log.commit(1, 1);
        assert_eq!(pulled(&mut seat, &log), [1]);
        assert!(!seat.waits_for(2));
        log.commit(3, 1);
        assert!(seat.waits_for(3));
        assert_eq!(pulled(&mut seat, &log), [1]);
        assert!(pulled(&mut seat, &log).is_empty());
    }

    #[test]
    fn r6_a_known_update_is_echoed_once_all_before_its_arrival_is_committed() {
        let mut log = log_by(&[2, 2]);
        let mut seat = Seat::new(1);
        seat.join(Place {
            next: 2,
            ..Place::default()
        });
        seat.knew(2, Bytes::from_static(&[9]));
        log.commit(1, 1);
        assert!(pulled(&mut seat, &log).is_empty());
        log.commit(2, 1);
        assert_eq!(pulled(&mut seat, &log), [9]);
    }

    #[test]
    fn r6_what_a_session_knew_before_it_joined_never_keeps_it_from_being_read() {
        let mut seat = Seat::new(1);
        for _ in 0..10 {
            seat.knew(0, Bytes::from(vec![9; KNOWN_BYTES / 2]));
        }
        assert!(!seat.is_full());
        seat.knew(0, Bytes::from(vec![9; KNOWN_BYTES + 1]));
        assert!(!seat.is_full());
    }

    #[test]
    fn r7_entries_held_back_on_joining_come_after_their_commit_and_once() {
        let mut log = log_by(&[2, 3, 2]);
        let mut seat = Seat::new(1);
        for held in [vec![0, 2], vec![2, 0]] {
            seat.join(Place {
                next: 3,
                held,
                ..Place::default()
            });
        }
        assert!(pulled(&mut seat, &log).is_empty());
        log.commit(3, 1);
        assert_eq!(pulled(&mut seat, &log), [2, 2]);
    }

    #[test]
    fn r8_a_seat_hears_nothing_before_it_joined_and_is_told_when_it_fell_behind() {
        let mut log = log_by(&[2, 2]);
        let mut seat = Seat::new(1);
        assert!(pulled(&mut seat, &log).is_empty());
        assert_eq!(seat.slowest(), u64::MAX);
        seat.join(Place::default());
        log.commit(2, 1);
        log.rebase(super::super::log::Base {
            content: Default::default(),
            end: 2,
            seq: 2,
        });
        log.trim(seat.slowest(), 0);
        log.append(Entry::new(&[7], 2, vec![]));
        assert_eq!(
            seat.pull(&log, usize::MAX, &mut VecDeque::new()),
            Err(Behind)
        );
    }
}
