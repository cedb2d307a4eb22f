//! What other nodes have stored of a room, on its way into the log of this one.
//!
//! It comes by the bus, which may lose, repeat and reorder it, or from the store, which has everything. Nobody here knows which.
//! The one rule: it enters the log in the order of its numbers and never over a gap; a room that cannot be brought into order is
//! loaded anew.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible_wire::Taking;
use tokio::sync::Notify;

use super::log::Entry;
use super::{End, Room, State};
use crate::bus::{Commit, Told};

/// Rooms that lack what other nodes have stored, each at most once, so the bound is the number of rooms.
#[derive(Debug, Default)]
pub struct BehindQueue {
    rooms: Mutex<VecDeque<Arc<Room>>>,
    more: Notify,
}

impl BehindQueue {
    fn push(&self, room: Arc<Room>) {
        self.rooms.lock().push_back(room);
        self.more.notify_one();
    }

    /// The next room. It does not line up again before [`Room::caught_up`] was asked.
    pub async fn next(&self) -> Arc<Room> {
        loop {
            let more = self.more.notified();
            if let Some(room) = self.rooms.lock().pop_front() {
                return room;
            }
            more.await;
        }
    }
}

/// A part of what the store has of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The store's id of the room.
    pub stored_as: i64,
    /// The highest number at that moment.
    pub head: u64,
    /// A snapshot and the number up to which it covers everything, where rows that were asked for are gone.
    pub snapshot: Option<(u64, Bytes)>,
    /// Rows and their numbers.
    pub updates: Vec<(u64, Bytes)>,
}

impl Room {
    /// Takes in what another node says that it has stored. What this node stored itself may come back, and changes nothing.
    pub fn stored_elsewhere(self: &Arc<Self>, commit: &Commit) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.end.is_some() || !self.is_same(state, commit.stored_as) {
            return;
        }
        if let Told::Whole(updates) = &commit.updates {
            for (seq, update) in (commit.first_seq..).zip(updates) {
                state.stored.sequence.hold(seq, update);
            }
        }
        state.stored.sequence.heard_of(commit.last_seq());
        self.take_rows_in_turn(state);
        self.shorten(state);
    }

    /// Notes the highest number that the store has of this room, as it said when it was asked; this room had all up to `applied` before that.
    pub fn heard_of(self: &Arc<Self>, stored_as: i64, head: u64, applied: u64) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.end.is_some() || !self.is_same(state, stored_as) {
            return;
        }
        if head < applied {
            return self.set_back(state, head, applied);
        }
        state.stored.sequence.heard_of(head);
        self.line_up_if_behind(state);
    }

    /// Lines the room up to be looked after, whether it is known to lack anything or not.
    pub fn look_for_more(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.end.is_none() && !std::mem::replace(&mut state.behind, true) {
            self.shared.behind.push(self.clone());
        }
    }

    /// The number up to which the log has all rows.
    pub fn applied(&self) -> u64 {
        self.state.lock().stored.sequence.applied()
    }

    /// Whether the log has all rows that there are, as far as is known. If so, the room stands in line no more.
    pub fn caught_up(&self) -> bool {
        let mut state = self.state.lock();
        let done = state.end.is_some() || !state.stored.sequence.lacks_any();
        state.behind = !done;
        done
    }

    /// The store's id of the room, once it has one.
    pub fn stored_as(&self) -> Option<i64> {
        self.state.lock().stored.id()
    }

    /// Takes in consecutive updates behind `after` that the bus still had.
    pub fn take_recent(self: &Arc<Self>, after: u64, updates: &[Bytes]) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.end.is_some() {
            return;
        }
        for (seq, update) in (after + 1..).zip(updates) {
            state.stored.sequence.hold(seq, update);
            self.take_rows_in_turn(state);
        }
    }

    /// Takes in what was read from the store, which was asked for all behind `after`; `None` where it has no such room.
    pub fn take_stored(self: &Arc<Self>, after: u64, rows: Option<Rows>) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.end.is_some() {
            return;
        }
        let head = rows.as_ref().map_or(0, |rows| rows.head);
        if head < after {
            return self.set_back(state, head, after);
        }
        if let Some(rows) = rows
            && self.is_same(state, rows.stored_as)
        {
            self.take_rows(state, rows);
        }
        if state.end.is_none() {
            // Whoever told of rows that are not there told nonsense; if they were stored meanwhile, the next look will find them.
            state.stored.sequence.ends_at(head);
            self.shorten(state);
        }
    }

    fn take_rows(self: &Arc<Self>, state: &mut State, rows: Rows) {
        if let Some((seq, snapshot)) = rows.snapshot
            && seq > state.stored.sequence.applied()
        {
            if let Err(why) = self.take_row(state, seq, &snapshot) {
                return self.fail_as(state, &format!("the snapshot up to row {seq}: {why}"));
            }
            state.stored.sequence.covered(seq);
        }
        for (seq, update) in rows.updates {
            state.stored.sequence.hold(seq, &update);
            self.take_rows_in_turn(state);
            if state.end.is_some() {
                return;
            }
        }
    }

    /// Whether these are rows of this very room. If not, it was deleted and made anew under its old name.
    fn is_same(&self, state: &mut State, stored_as: i64) -> bool {
        let same = state.stored.is_known_as(stored_as);
        if !same {
            self.fail_as(state, "it was deleted and made anew elsewhere");
        }
        same
    }

    /// Appends the rows whose turn has come, and lines the room up if others are lacking before the next.
    pub(super) fn take_rows_in_turn(self: &Arc<Self>, state: &mut State) {
        let head = state.log.head();
        while let Some((seq, update)) = state.stored.sequence.next() {
            if let Err(why) = self.take_row(state, seq, &update) {
                return self.fail_as(state, &format!("row {seq}, stored by another node: {why}"));
            }
        }
        if state.log.head() > head {
            state.wake(|seat| seat.joined);
            self.warn_if_scarce(state);
        }
        self.line_up_if_behind(state);
    }

    /// Appends what is new in a row, or in a snapshot. It passed the gate of the node that stored it, so its size is not held against this
    /// room.
    fn take_row(&self, state: &mut State, seq: u64, update: &Bytes) -> Result<(), String> {
        let limits = self.shared.config.limits.without_counts();
        state.changing = true;
        let taken = state.clocks.take(update, &limits);
        let appended = taken.map_err(|error| error.to_string()).and_then(|taken| {
            if let Some(missing) = taken.early {
                let (client, clock) = (missing.client, missing.clock);
                return Err(format!(
                    "it builds on clock {clock} of client {client}, which was not stored before it"
                ));
            }
            let entry = match taken.entry {
                Taking::Nothing => return Ok(()),
                Taking::Whole => Entry::stored(update, seq, taken.brought),
                Taking::Part(part) => Entry::stored(&part, seq, taken.brought),
            };
            state.log.append(entry);
            Ok(())
        });
        state.changing = false;
        state.stored.added(update.len());
        appended
    }

    fn line_up_if_behind(self: &Arc<Self>, state: &mut State) {
        if state.stored.sequence.lacks_any() && !std::mem::replace(&mut state.behind, true) {
            self.shared.behind.push(self.clone());
        }
    }

    /// The database was set back to an earlier state. Clients that still have what is gone bring it back when they sync anew.
    fn set_back(&self, state: &mut State, head: u64, had: u64) {
        self.fail_as(
            state,
            &format!("the store has {head} rows of it, and had {had}"),
        );
    }

    fn fail_as(&self, state: &mut State, why: &str) {
        tracing::error!(room = ?self.name, why, "the room must be loaded anew");
        self.fail_locked(state);
        debug_assert_eq!(state.end, Some(End::Failed));
    }
}
