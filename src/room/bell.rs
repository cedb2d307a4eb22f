//! How a room tells its sessions that who may be there has changed, and sends one of them out.
//!
//! It does not know who may be there: each session asks that for itself, outside the room's lock. The one rule: a ring is heard, however busy or
//! blocked the session is that it is meant for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use super::seat::Seat;
use super::{Registry, Room, RoomName};

/// Between a room and one of its sessions. Unlike the waker of its seat it is there also while the session has other things to do.
#[derive(Debug, Default)]
pub struct Bell {
    rings: AtomicU64,
    sent_out: AtomicBool,
    waker: AtomicWaker,
}

/// What a session hears of its bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// How often it has rung so far: each time, who may be in the room may have changed.
    pub times: u64,
    /// The session must go.
    pub sent_out: bool,
}

impl Bell {
    /// What has been heard so far; `waker` is woken when there is more.
    pub fn listen(&self, waker: &Waker) -> Rung {
        // First, so that what comes while we look wakes us.
        self.waker.register(waker);
        Rung {
            times: self.rings.load(Ordering::Acquire),
            sent_out: self.sent_out.load(Ordering::Acquire),
        }
    }

    fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Release);
        self.waker.wake();
    }

    fn send_out(&self) {
        self.sent_out.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// What a room knows of who may be there.
#[derive(Debug)]
pub struct Access {
    /// Another one after every change, and in every room. See [`Room::access_mark`].
    pub mark: u64,
    /// The version that the store had when it was last asked; 0 until then, which also is that of a room about which nobody has decided anything.
    stored: u64,
}

impl Access {
    /// Nothing is known yet.
    pub fn new(mark: u64) -> Self {
        Self { mark, stored: 0 }
    }
}

impl Room {
    /// A number that is another one after every change of who may be in the room, and in no two rooms the same. Whoever was judged while it was another must
    /// be judged again.
    pub fn access_mark(&self) -> u64 {
        self.state.lock().access.mark
    }

    /// Has every session ask whether it may still be there.
    pub fn access_changed(&self) {
        let mut state = self.state.lock();
        state.access.mark = self.shared.next_access_mark();
        state.seats.iter().for_each(|(_, seat)| seat.bell.ring());
    }

    /// Notes which version of who may be there the store has, 0 where it has no such room. Another one than before is a change; so is the first, because
    /// those who are here may have been judged by an earlier one.
    pub fn access_stored(&self, version: u64) {
        let before = std::mem::replace(&mut self.state.lock().access.stored, version);
        if before != version {
            self.access_changed();
        }
    }

    /// Sends out who shows itself under a client id: the sessions that call it their own, or else the one that has brought it.
    pub fn send_out(&self, client: u64) {
        let state = self.state.lock();
        let is_own = |seat: &Seat| seat.writes.is_some_and(|(own, _)| own == client);
        let is_anyones_own = state.seats.iter().any(|(_, seat)| is_own(seat));
        let brought_by = state.awareness.session_of(client);
        for (_, seat) in &state.seats {
            if is_own(seat) || (!is_anyones_own && Some(seat.session) == brought_by) {
                seat.bell.send_out();
            }
        }
    }
}

impl Registry {
    /// The mark of a room at this moment; `None` where it is not open.
    pub fn access_mark(&self, room: &RoomName) -> Option<u64> {
        self.find(room).map(|room| room.access_mark())
    }

    /// Has all sessions of a room, on all nodes, ask whether they may still be there. To be called once what has changed is stored.
    pub fn access_changed(&self, room: &RoomName) {
        self.access_changed_here(room);
        self.shared().bus.access_changed(room);
    }

    /// The same for those of this node.
    pub(super) fn access_changed_here(&self, room: &RoomName) {
        if let Some(room) = self.find(room) {
            room.access_changed();
        }
    }

    /// Sends out who shows itself in a room under a client id, wherever its session is. Nothing keeps it from coming back.
    pub fn kick(&self, room: &RoomName, client: u64) {
        self.kick_here(room, client);
        self.shared().bus.kick(room, client);
    }

    /// The same where its session is on this node.
    pub(super) fn kick_here(&self, room: &RoomName, client: u64) {
        if let Some(room) = self.find(room) {
            room.send_out(client);
        }
    }
}
