//! When a room tells its people of each other: in ticks, so that many small movements become one message.
//!
//! It does not know what a state says. The rule: nobody is told twice in one interval, and all who have heard the same get the same bytes.

use std::sync::Arc;

use bytes::Bytes;
use scrible_wire::message;
use tokio::time::Instant;

use super::{Room, State};

/// The newest awareness message that went to everyone, shared by all who had heard what came before it.
#[derive(Debug)]
pub struct Tick {
    armed: bool,
    last: Instant,
    /// The version that those had heard for whom it was made.
    pub from: u64,
    /// The version that they have heard with it.
    pub to: u64,
    /// `None` where nothing had changed.
    pub frame: Option<Bytes>,
}

impl Tick {
    /// Nothing was told yet.
    pub fn new(now: Instant) -> Self {
        Self {
            armed: false,
            last: now,
            from: 0,
            to: 0,
            frame: None,
        }
    }
}

impl Room {
    /// Drops presence that nobody renewed, and has those speak again whom somebody here may have missed.
    pub fn expire_presence(self: &Arc<Self>, now: Instant) {
        let mut state = self.state.lock();
        if state.awareness.expire(now) {
            self.arm(&mut state, now);
        }
        if self.shared.bus.has_others() {
            let heard = state.awareness.look_again(now);
            state.ask(&heard);
            drop(state);
            self.pass_on(&heard);
        }
    }

    /// Plans the next awareness message, at least one interval after the last.
    pub(super) fn arm(self: &Arc<Self>, state: &mut State, now: Instant) {
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

    /// Makes the awareness changes since the last tick into one message for all, and tells other nodes those of this one's people.
    pub(super) fn tick(&self, now: Instant) {
        let mut state = self.state.lock();
        let (from, to) = (state.tick.to, state.awareness.version());
        let frame = state
            .awareness
            .changes_since(from)
            .map(|body| message::awareness(&body).into());
        let own = match self.shared.bus.has_others() {
            true => state.awareness.own_changes_since(from),
            false => None,
        };
        state.tick = Tick {
            armed: false,
            last: now,
            from,
            to,
            frame,
        };
        state.wake(|seat| seat.awareness < to);
        drop(state);
        if let Some(own) = own {
            self.shared.bus.show(&self.name, &own);
        }
    }
}
