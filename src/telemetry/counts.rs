//! Counters with a label, one for each thing that the label may say.
//!
//! Knows what is told apart, not when it happens. The one rule: all values of a label are written down here, so every series is there from
//! the start, at 0, and a client cannot make new ones.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// What one label of one metric may say.
pub trait Label: Copy + fmt::Debug + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// All of them, in the order of [`index`](Self::index).
    const ALL: &'static [Self];
    /// All that it may say, in the same order.
    const VALUES: &'static [&'static str];

    /// Which of the values this is.
    fn index(self) -> usize;

    /// As it stands in `/metrics`.
    fn value(self) -> &'static str {
        Self::VALUES[self.index()]
    }
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident as $label:literal { $($(#[$meaning:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$meaning])* $variant,)+ }

        impl Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const VALUES: &'static [&'static str] = &[$($value),+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// What became of an update that a client sent.
    Verdict as "verdict" {
        /// All of it was appended.
        New = "new",
        /// Some of it was appended; the rest builds on what the room lacks.
        PartlyEarly = "partly_early",
        /// It brought nothing.
        Known = "known",
        /// It builds on what the room lacks; nothing was taken.
        Early = "early",
        /// No room could keep it.
        Malformed = "malformed",
        /// Too much waits to be stored.
        Backlog = "backlog",
        /// The room holds as much as it may.
        Full = "full",
        /// Its author's client id was written under by somebody else.
        Conflict = "conflict",
        /// It gives away what its sender was let in by.
        Giveaway = "giveaway",
        /// Its sender may only read.
        ReadOnly = "read_only",
        /// The room had ended.
        Ended = "ended",
    }
}

label! {
    /// A message from a client.
    Received as "kind" {
        /// What the client has.
        Step1 = "step1",
        /// The answer to the server's step 1.
        Step2 = "step2",
        /// An edit.
        Update = "update",
        /// Presence.
        Awareness = "awareness",
        /// The question for everybody's presence.
        Query = "query",
        /// Of a type that means nothing here.
        Other = "other",
    }
}

label! {
    /// A message to a client.
    Sent as "kind" {
        /// What the room has.
        Step1 = "step1",
        /// The answer to a client's step 1.
        Step2 = "step2",
        /// An edit, an echo, or a part of a large answer.
        Update = "update",
        /// Presence, or a sign of life.
        Awareness = "awareness",
        /// "Permission denied".
        Denied = "denied",
    }
}

label! {
    /// How a connection ended: the close code that the client was sent, where there was one.
    Ended as "code" {
        /// The client closed it.
        Left = "left",
        /// It broke, or nobody was there any more.
        Gone = "gone",
        /// The client broke the WebSocket protocol.
        WebSocket = "1002",
        /// The server stops.
        Shutdown = "1012",
        /// It fell behind, or changes cannot be stored.
        TryAgain = "1013",
        /// The client broke the y-websocket protocol.
        Protocol = "4400",
        /// Nothing, or nothing that counts, was brought to prove who it is.
        Unauthorized = "4401",
        /// It may not come in.
        Forbidden = "4403",
        /// The room was deleted.
        Deleted = "4404",
        /// A message above the limit, or a room that is full.
        TooLarge = "4413",
        /// An update that no room could keep.
        InvalidUpdate = "4422",
        /// The room cannot be loaded or cannot go on.
        Room = "4500",
        /// What let it in has expired.
        Expired = "4501",
        /// It may do more, or less, than before.
        RoleChanged = "4502",
        /// No step 1 came, or a large message too slowly.
        Silent = "4508",
        /// Somebody else writes under the same client id.
        Conflict = "4509",
    }
}

label! {
    /// The status with which a WebSocket handshake was refused.
    RefusedUpgrade as "status" {
        /// No handshake, or no name of a room.
        BadRequest = "400",
        /// From a page, or under a host name, that this server does not know.
        Forbidden = "403",
        /// Another version of the protocol.
        UpgradeRequired = "426",
        /// Too many connections from this address, or too many sockets of such addresses are held already.
        TooManyRequests = "429",
        /// The server or the room is full, or the server stops.
        Unavailable = "503",
    }
}

label! {
    /// A limit that somebody met.
    LimitMet as "limit" {
        /// Messages a second of one connection, which was not read for a while.
        Messages = "messages",
        /// Bytes a second of one connection, which was not read for a while.
        Bytes = "bytes",
        /// Client ids that one session may show; the one was left out.
        PresenceIds = "presence_ids",
        /// Bytes of presence that one session may show; the state was left out.
        PresenceBytes = "presence_bytes",
        /// Bytes of a room; who wrote was closed.
        RoomBytes = "room_bytes",
        /// Client ids of a room; who wrote was closed.
        RoomClients = "room_clients",
        /// Memory of all rooms; the room was not opened.
        RoomMemory = "room_memory",
        /// Memory for messages that are not whole; the connection was not read for a while.
        IncomingBytes = "incoming_bytes",
        /// The same memory; a large message came too slowly meanwhile, and its connection was closed.
        SlowMessage = "slow_message",
        /// WebSockets at once; the handshake was refused.
        Connections = "connections",
        /// WebSockets from one address; the handshake was refused.
        PerAddress = "connections_per_address",
        /// WebSockets in one room; the handshake was refused.
        PerRoom = "connections_per_room",
        /// Connections that are no WebSocket, or not yet; the newest was closed.
        Plain = "plain_connections",
        /// The same from one address.
        PlainPerAddress = "plain_connections_per_address",
    }
}

label! {
    /// How loading a room ended.
    Openings as "outcome" {
        /// It is open.
        Opened = "opened",
        /// The store did not answer.
        Unavailable = "unavailable",
        /// What is stored does not add up.
        Damaged = "damaged",
        /// It ended the server before, or its operator wants it so.
        SetAside = "set_aside",
    }
}

label! {
    /// How an attempt to commit a batch ended.
    Batches as "outcome" {
        /// It is stored.
        Stored = "stored",
        /// The store did not answer; the batch is tried again.
        Unavailable = "unavailable",
        /// The store refuses it.
        Refused = "refused",
    }
}

label! {
    /// How a compaction ended.
    Compactions as "outcome" {
        /// A snapshot was stored.
        Stored = "stored",
        /// The newest snapshot holds everything already.
        Unchanged = "unchanged",
        /// Another process is at it.
        Busy = "busy",
        /// The store or the doc workers did not answer.
        Unavailable = "unavailable",
        /// What is stored does not make sense.
        Failed = "failed",
    }
}

label! {
    /// How an attempt at an export ended.
    ExportOutcome as "outcome" {
        /// Its file is there.
        Completed = "completed",
        /// There will be none.
        Failed = "failed",
        /// It is tried again.
        Again = "again",
        /// This process stopped before it was done.
        GivenBack = "given_back",
        /// It was cancelled or deleted meanwhile, or is another worker's now.
        Lost = "lost",
    }
}

label! {
    /// What was refused and kept as a dead letter. Stored by these words, too.
    DeadLetterKind as "kind" {
        /// An update that no room could keep.
        MalformedUpdate = "malformed_update",
        /// An update that says something else of what the room has.
        ClockConflict = "clock_conflict",
        /// What made the code panic that took it.
        Panic = "panic",
        /// An update for which its room had no place.
        RoomFull = "room_full",
    }
}

/// One counter for each value of a label. Cloning shares it.
pub struct Counts<L> {
    counts: Arc<[AtomicU64]>,
    label: PhantomData<L>,
}

impl<L: Label> Counts<L> {
    /// Counts one.
    pub fn count(&self, what: L) {
        self.add(what, 1);
    }

    /// Counts some.
    pub fn add(&self, what: L, many: u64) {
        self.counts[what.index()].fetch_add(many, Relaxed);
    }

    /// How many there were.
    pub fn of(&self, what: L) -> u64 {
        self.counts[what.index()].load(Relaxed)
    }
}

impl<L: Label> Default for Counts<L> {
    fn default() -> Self {
        Self {
            counts: L::VALUES.iter().map(|_| AtomicU64::new(0)).collect(),
            label: PhantomData,
        }
    }
}

impl<L> Clone for Counts<L> {
    fn clone(&self) -> Self {
        Self {
            counts: self.counts.clone(),
            label: PhantomData,
        }
    }
}

impl<L: Label> fmt::Debug for Counts<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(L::VALUES.iter().zip(self.counts.iter()))
            .finish()
    }
}

impl<L: Label> EncodeMetric for Counts<L> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (value, count) in L::VALUES.iter().zip(self.counts.iter()) {
            encoder
                .encode_family(&[(L::NAME, *value)])?
                .encode_counter::<NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn t2_every_value_of_a_label_is_there_from_the_start() {
        let counts = Counts::<Openings>::default();
        let mut registry = Registry::default();
        registry.register("openings", "Rooms loaded", counts.clone());
        counts.count(Openings::Damaged);
        counts.add(Openings::Damaged, 2);
        assert_eq!(counts.of(Openings::Damaged), 3);
        let mut said = String::new();
        text::encode(&mut said, &registry).unwrap();
        assert_eq!(
            said,
            "# HELP openings Rooms loaded.\n# TYPE openings counter\n\
             openings_total{outcome=\"opened\"} 0\n\
             openings_total{outcome=\"unavailable\"} 0\n\
             openings_total{outcome=\"damaged\"} 3\n\
             openings_total{outcome=\"set_aside\"} 0\n# EOF\n"
        );
    }
}
