//! Who is in a room on other nodes: how the table of a room hears of them, and how they are asked to speak again.
//!
//! It does not know how nodes reach each other. The one rule: the bus is never called while a room's lock is held, and what came from it never
//! goes back to it.

use std::sync::Arc;

use bytes::Bytes;
use scrible_wire::awareness::{self, Entry};
use scrible_wire::{Limits, message};
use tokio::time::Instant;

use super::awareness::{Heard, ROWS};
use super::{Registry, Room, State};
use crate::access::Identity;
use crate::bus::NodeId;
use crate::telemetry::LimitMet;

/// What a client shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its Yjs client id.
    pub client: u64,
    /// How often it has said something.
    pub clock: u32,
    /// JSON.
    pub state: Bytes,
    /// The node that it is connected to; `None`: this one.
    pub node: Option<NodeId>,
    /// Whom its session speaks for. Of other nodes' people it is not known.
    pub identity: Identity,
}

impl Room {
    /// What everybody shows, by client id.
    pub fn shows(&self) -> Vec<Shown> {
        let mut shown = self.state.lock().awareness.shows();
        shown.sort_unstable_by_key(|shown| shown.client);
        shown
    }

    /// Takes in what a node says of its people: the body of an awareness message. What cannot be read is left out whole, with a record.
    pub fn shown(self: &Arc<Self>, node: NodeId, states: &[u8], now: Instant) {
        let limits = Limits {
            // A node tells of all its sessions' clients at once.
            awareness_entries: ROWS,
            ..self.shared.config.limits.clone()
        };
        let entries = match awareness::parse(states, &limits) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(room = ?self.name, %error, "what another node shows of its people cannot be read");
                return;
            }
        };
        let mut state = self.state.lock();
        let heard = state.awareness.shown(node, &entries, now);
        if heard.changed {
            self.arm(&mut state, now);
        }
        state.ask(&heard);
        drop(state);
        self.pass_on(&heard);
    }

    /// Says to other nodes what follows from something heard, and counts what was left out of it. Not under the room's lock.
    pub(super) fn pass_on(&self, heard: &Heard) {
        let farewells = heard.farewells.iter().map(|farewell| Entry {
            client: farewell.client,
            clock: farewell.clock,
            state: None,
        });
        if farewells.len() > 0 {
            let farewells = awareness::encode(farewells);
            self.shared.bus.show(&self.name, &farewells);
        }
        let met = &self.shared.metrics.limits;
        met.add(LimitMet::PresenceIds, heard.ids_refused.into());
        met.add(LimitMet::PresenceBytes, heard.bytes_refused.into());
    }

    /// Takes away the people of a node that is gone.
    pub fn gone(self: &Arc<Self>, node: NodeId, now: Instant) {
        let mut state = self.state.lock();
        if state.awareness.gone(node, now) {
            self.arm(&mut state, now);
        }
    }

    /// Takes in all who are on other nodes. What those nodes said since it was asked for may have come before.
    pub fn meet(self: &Arc<Self>, people: &[(NodeId, Bytes)], now: Instant) {
        let since = self.state.lock().awareness.version();
        for (node, states) in people {
            self.shown(*node, states, now);
        }
        let heard = self.state.lock().awareness.met(since);
        self.pass_on(&heard);
    }

    /// Asks who is on other nodes. To be called once the room hears what those say, and again where something of that may have been missed.
    pub async fn meet_others(self: &Arc<Self>) {
        match self.shared.bus.people(&self.name).await {
            Ok(people) => self.meet(&people, Instant::now()),
            Err(away) => {
                tracing::debug!(room = ?self.name, %away, "who is on other nodes is not known yet");
            }
        }
    }
}

impl Registry {
    /// Asks, for all rooms, who is on other nodes. Returns at once.
    pub fn meet_others(&self) {
        let rooms = self.open();
        self.shared().tasks.spawn(async move {
            for room in rooms {
                room.meet_others().await;
            }
        });
    }
}

impl State {
    /// Asks sessions of this node to have their clients speak again.
    pub(super) fn ask(&mut self, heard: &Heard) {
        for ask in &heard.ask {
            let farewell = Entry {
                client: ask.client,
                clock: ask.clock,
                state: None,
            };
            let frame = message::awareness(&awareness::encode([farewell].into_iter()));
            if let Some((_, seat)) = self
                .seats
                .iter_mut()
                .find(|(_, seat)| seat.session == ask.session)
            {
                seat.ask(frame.into());
            }
            self.wake(|seat| seat.session == ask.session);
        }
    }
}
