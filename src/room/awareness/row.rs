//! What the table has of one client, and whose it is.
//!
//! The one rule: a row that a node has is of somebody who shows a state. Whoever has left belongs to nobody, or to the session that
//! said so for itself.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Ask, Farewell, Heard, Session, Speaker};
use crate::access::Identity;
use crate::bus::NodeId;

/// Who may take a client's state away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It has left.
    Nobody,
    /// A session of this node.
    Session(Session),
    /// Another node, on which its session is.
    Node(NodeId),
}

/// Where something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// On this node: others must hear of it.
    Here,
    /// On another node, or by us of somebody who was there.
    Elsewhere,
}

/// What is known of one client.
#[derive(Debug)]
pub struct Row {
    pub clock: u32,
    /// JSON of the state; `None` once the client has left.
    pub state: Option<Bytes>,
    pub owner: Owner,
    /// Whom the session spoke for that brought the state. Of other nodes it is not known.
    pub identity: Identity,
    /// The version of the table at which this row last changed.
    pub version: u64,
    /// Where that change comes from.
    pub said: Said,
    /// The clock at which its owner was last asked to speak again.
    pub asked_at: Option<u32>,
    pub seen: Instant,
}

impl Row {
    /// Of a client that is not here, and of whom nobody needs to hear that.
    pub fn of_nobody(clock: u32, version: u64, now: Instant) -> Self {
        Self {
            clock,
            state: None,
            owner: Owner::Nobody,
            identity: Identity::default(),
            version,
            said: Said::Elsewhere,
            asked_at: None,
            seen: now,
        }
    }

    pub fn is_elsewhere(&self) -> bool {
        matches!(self.owner, Owner::Node(_))
    }

    /// Bytes of a state that another node has.
    pub fn bytes_elsewhere(&self) -> usize {
        match self.owner {
            Owner::Node(_) => self.state.as_ref().map_or(0, Bytes::len),
            _ => 0,
        }
    }

    /// Whether a session that says its first word about this client may mean itself by it.
    pub fn may_be(&self, speaker: &Speaker) -> bool {
        let may_return = match self.owner {
            Owner::Node(_) => true,
            _ => self.identity == speaker.identity,
        };
        self.state.is_none() || (!speaker.answered && may_return)
    }

    /// Takes in the state of somebody who is on another node.
    pub fn come(&mut self, node: NodeId, state: &[u8], version: u64, now: Instant) {
        self.state = Some(Bytes::copy_from_slice(state));
        self.owner = Owner::Node(node);
        self.identity = Identity::default();
        self.said = Said::Elsewhere;
        self.version = version;
        self.seen = now;
    }

    /// Takes the state away at its clock.
    pub fn end(&mut self, said: Said, version: u64, now: Instant) {
        self.owner = Owner::Nobody;
        self.state = None;
        self.said = said;
        self.version = version;
        self.seen = now;
    }

    /// That a client of this node has gone over to another. The others would go on hearing of it from this node as well, and where it has left
    /// they may not have been told.
    pub fn gone_over(&self, client: u64) -> Option<Farewell> {
        let clock = self.clock;
        (self.said == Said::Here).then_some(Farewell { client, clock })
    }

    /// Asks its owner to raise the clock that it has and to send its state again; once for each clock.
    pub fn speak_again(&mut self, client: u64, heard: &mut Heard) {
        let clock = self.clock;
        if self.asked_at == Some(clock) {
            return;
        }
        match self.owner {
            Owner::Nobody => return,
            Owner::Session(_) if self.state.is_none() => return,
            Owner::Session(session) => heard.ask.push(Ask {
                session,
                client,
                clock,
            }),
            Owner::Node(_) => heard.farewells.push(Farewell { client, clock }),
        }
        self.asked_at = Some(clock);
    }
}
