//! What the nodes of a deployment tell each other, so that people on different nodes draw together.
//!
//! The bus is the fast path and never the truth: it may lose, repeat and reorder what it carries, and be away altogether. The store
//! has every committed update by its number, so whoever misses one finds that out and reads it there. The one rule: nothing here
//! is ever waited for by an edit.

mod alone;
mod message;
mod redis;

use async_trait::async_trait;
use bytes::Bytes;

pub use alone::Alone;
pub use redis::{BadAddress, RedisAddress, RedisBus, RedisBusConfig};

use crate::room::RoomName;
use crate::telemetry::BusMetrics;

/// One start of one node's process.
pub type NodeId = u128;

/// Updates of one room that were stored together: the numbers of consecutive rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The store's id of the room. A room that was deleted and made anew under its old name has another one.
    pub stored_as: i64,
    /// The number of the first of them.
    pub first_seq: u64,
    /// The updates, in the order of their numbers.
    pub updates: Told,
}

/// What is told of updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The updates themselves.
    Whole(Vec<Bytes>),
    /// Only how many there are; they are too large for the bus.
    Count(u64),
}

impl Commit {
    /// The number of the last row; that before the first where there are none.
    pub fn last_seq(&self) -> u64 {
        let count = match &self.updates {
            Told::Whole(updates) => updates.len() as u64,
            Told::Count(count) => *count,
        };
        self.first_seq.saturating_add(count).saturating_sub(1)
    }
}

/// The bus cannot be reached, or did not answer in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BusAway(pub String);

/// The way to the other nodes.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Hands what comes from other nodes to `hearer`, until it is dropped.
    async fn listen(&self, hearer: &dyn Hearer);

    /// From the time that this returns, what is said in the room is heard. Joining twice is joining once.
    ///
    /// # Errors
    /// [`BusAway`]: it goes on trying, and [`Hearer::missed`] is called once it has succeeded.
    async fn join(&self, room: &RoomName) -> Result<(), BusAway>;

    /// Nothing of the room is of interest any more.
    fn leave(&self, room: &RoomName);

    /// Tells the others what was stored, and keeps it for a while for those who come late. Returns at once; what cannot be carried is
    /// dropped.
    fn publish(&self, room: &RoomName, commit: &Commit);

    /// The updates of a room behind number `after`, as far as the latest ones are kept without a gap: numbers `after + 1`, `after + 2`
    /// and so on. Often none. `stored_as` is the store's id of the room: what is kept of an earlier room of the same name is not given.
    ///
    /// # Errors
    /// [`BusAway`].
    async fn recent(
        &self,
        room: &RoomName,
        stored_as: i64,
        after: u64,
    ) -> Result<Vec<Bytes>, BusAway>;

    /// Tells the others the awareness states that changed here: the body of an awareness message. Of each client the latest counts (the higher clock, and
    /// at the same clock a farewell), and no more than about 20 a second are carried. Farewells are carried also of clients that were never shown
    /// here: they ask the node that has them to have them speak again. Returns at once.
    fn show(&self, room: &RoomName, states: &[u8]);

    /// The awareness states of the people who are in a room on other nodes that live, by node.
    ///
    /// # Errors
    /// [`BusAway`].
    async fn people(&self, room: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway>;

    /// Tells the others that who may be in a room has changed. Returns at once; what cannot be carried is dropped, and they find out from the store.
    fn access_changed(&self, room: &RoomName);

    /// Tells the others to send a client out of a room. Returns at once; what cannot be carried is dropped.
    fn kick(&self, room: &RoomName, client: u64);

    /// Why it carries nothing at the moment; `None` while it does, or where there is nobody to carry anything to.
    fn trouble(&self) -> Option<String>;

    /// Whether other nodes can be reached by it at all.
    fn has_others(&self) -> bool;

    /// What it counts; where it counts nothing, nothing.
    fn metrics(&self) -> BusMetrics {
        BusMetrics::default()
    }

    /// Takes this node's people away and lets go of all connections.
    async fn close(&self);
}

/// Who is told what other nodes say. Every call returns at once. What this node said itself may come back.
pub trait Hearer: Send + Sync {
    /// Updates were stored.
    fn stored(&self, room: &str, commit: Commit);

    /// Awareness states changed on a node: the body of an awareness message.
    fn shown(&self, room: &str, node: NodeId, states: &[u8]);

    /// Who may be in a room has changed. Of what this node said itself, nothing comes back.
    fn access_changed(&self, room: &str);

    /// A client is to be sent out of a room. Of what this node said itself, nothing comes back.
    fn kicked(&self, room: &str, client: u64);

    /// A node is gone, and all its people with it.
    fn gone(&self, node: NodeId);

    /// Something may have been missed, of all rooms.
    fn missed(&self);
}
