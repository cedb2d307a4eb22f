//! A session's seat in a room: what it may ask for, offer and hear.
//!
//! Every call holds the room's lock for a few lines. The one rule: nothing here waits, so a session that is slow costs nobody else
//! anything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use scrible_wire::awareness::Entry as AwarenessEntry;
use scrible_wire::{Limits, Missing, StateVector, message};
use tokio::time::Instant;

use super::awareness::Speaker;
use super::bell::{Bell, Rung};
use super::seat::{Heard, Outlet, Seat};
use super::{Answer, Author, Carrier, Refused, Room, State};
use crate::access::Identity;

/// An update of nothing.
const NOTHING: &[u8] = &[0, 0];
/// What is looked through at a time while waiting for an echo.
const PULL_BYTES: usize = 1 << 20;

/// A session's seat in a room; dropping it leaves the room.
#[derive(Debug)]
pub struct Membership {
    pub(super) room: Arc<Room>,
    pub(super) key: usize,
    pub(super) speaker: Speaker,
    bell: Arc<Bell>,
    mark: u64,
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
    pub(super) fn brings_all_of(&self, update: &[u8], limits: &Limits) -> bool {
        scrible_wire::scan(update, limits).is_ok_and(|scan| {
            let within = |list: &scrible_wire::ListFacts| {
                self.from.get(list.client) <= list.start && list.end <= self.to.get(list.client)
            };
            !scan.lists.is_empty() && scan.lists.iter().all(within)
        })
    }
}

/// What a session took from its room.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// So many echoes wait that the session should not read on.
    pub full: bool,
    /// What was handed on.
    pub heard: Heard,
}

impl Room {
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
        let seat = Seat::new(session);
        let bell = seat.bell.clone();
        let key = state.seats.insert(seat);
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
            bell,
            mark: state.access.mark,
        })
    }
}

impl Membership {
    /// The room.
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// The session's number.
    pub fn session(&self) -> Author {
        self.speaker.session
    }

    /// The room's [access mark](Room::access_mark) when this session took its seat. What changed before that, its bell does not tell of.
    pub fn access_mark(&self) -> u64 {
        self.mark
    }

    /// Whether who may be in the room has changed, and whether this session must go at once. `waker` is woken when there is more.
    pub fn listen(&self, waker: &Waker) -> Rung {
        self.bell.listen(waker)
    }

    /// The client id that the session calls its own, once it has announced one.
    pub fn own_client(&self) -> Option<u64> {
        self.speaker.own
    }

    /// The greeting: the room's state vector.
    pub fn state_vector(&self) -> StateVector {
        self.room.state.lock().clocks.state_vector()
    }

    /// Whether the room has reached a clock.
    pub fn has(&self, missing: &Missing) -> bool {
        self.room.state.lock().clocks.clock(missing.client) >= missing.clock
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

    /// All that is in the room at this moment, as updates to be applied in order.
    pub fn content(&self) -> Vec<Bytes> {
        let state = self.room.state.lock();
        let base = state.log.base();
        let entries = state.log.entries_from(base.end);
        base.content
            .updates()
            .chain(entries.map(|(_, entry)| entry.update.update()))
            .collect()
    }

    /// Returns once all that is in the room at this moment is stored. For sessions that listen to nothing else.
    ///
    /// # Errors
    /// [`Refused`] when the room ends or takes nothing more.
    pub async fn settled(&self) -> Result<(), Refused> {
        self.join(self.state_vector());
        // It is echoed once everything that was there when it arrived is stored.
        self.offer(NOTHING, Carrier::Update, None)?;
        let echo = message::update(NOTHING);
        let mut heard = VecDeque::new();
        std::future::poll_fn(|cx| {
            loop {
                heard.clear();
                if let Err(refused) = self.pull(PULL_BYTES, &mut heard, cx.waker()) {
                    return Poll::Ready(Err(refused));
                }
                if heard.is_empty() {
                    return Poll::Pending;
                }
                if heard.iter().any(|frame| **frame == *echo) {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }

    /// Takes in an awareness message. False when it said nothing that was not known, as the relays of every Yjs client do.
    pub fn hear(&mut self, entries: &[AwarenessEntry<'_>], now: Instant) -> bool {
        let mut state = self.room.state.lock();
        let heard = state.awareness.hear(&mut self.speaker, entries, now);
        if let Some(own) = self.speaker.own
            && state.seats[self.key].writes.is_none()
        {
            let clock = state.clocks.clock(own);
            state.seats[self.key].writes = Some((own, clock));
        }
        if heard.changed {
            self.room.arm(&mut state, now);
        }
        state.ask(&heard);
        drop(state);
        self.room.pass_on(&heard);
        heard.changed
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

    /// Hands on what this session has not heard yet, up to about `max_bytes`. When there is nothing, `waker` is kept and woken as soon as
    /// there is something.
    ///
    /// # Errors
    /// [`Refused::Ended`] or [`Refused::Behind`]: the session must end.
    pub fn pull(
        &self,
        max_bytes: usize,
        out: &mut impl Outlet,
        waker: &Waker,
    ) -> Result<Pulled, Refused> {
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
        let heard = seat.pull(log, max_bytes, out);
        let mut heard = heard.map_err(|_| Refused::Behind)?;
        if seat.awareness < tick.to {
            let presence = if seat.awareness == tick.from {
                seat.awareness = tick.to;
                tick.frame.clone()
            } else {
                let changes = awareness.changes_since(seat.awareness);
                seat.awareness = awareness.version();
                changes.map(|body| message::awareness(&body).into())
            };
            if let Some(presence) = presence {
                out.put(&presence);
                heard.presence += 1;
            }
        }
        if heard.is_nothing() {
            match &mut seat.waker {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        Ok(Pulled {
            full: seat.is_full(),
            heard,
        })
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
