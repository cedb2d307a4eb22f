//! Everything that is counted as it happens, made once for each node and handed down as plain handles.
//!
//! What can be asked at any time (how many rooms, how much memory) is not kept here; whoever shows the metrics asks. The one rule: counting
//! is an atomic addition, so it may stand on the path of an edit. docs/metrics.md is checked against what is registered here.

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::counts::{
    Batches, Compactions, Counts, DeadLetterKind, Ended, ExportOutcome, LimitMet, Openings,
    Received, RefusedUpgrade, Sent, Verdict,
};
use super::distribution::Distribution;

/// From 0.1 ms to 1 s, in microseconds: what people feel while they draw.
const FAN_OUT_US: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];
/// From 0.5 ms to 5 s, in microseconds: from a good disk to one in trouble.
const COMMIT_US: [u64; 13] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000,
];
/// From 1 ms to a minute, in microseconds: from an empty room to a very large document.
const ROOM_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000,
    10_000_000, 25_000_000, 60_000_000,
];
const BATCH_UPDATES: [u64; 13] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];
/// From 256 B to 16 MiB, by fours.
const BATCH_BYTES: [u64; 9] = [
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
];

/// What a node counts.
pub struct Metrics {
    /// Sockets.
    pub connections: ConnectionMetrics,
    /// Messages and what becomes of them.
    pub updates: UpdateMetrics,
    /// What is refused and kept.
    pub dead_letters: DeadLetterMetrics,
    /// Rooms as a whole.
    pub rooms: RoomMetrics,
    /// Storing.
    pub journal: JournalMetrics,
    /// Snapshots.
    pub compaction: CompactionMetrics,
    /// Limits that were met.
    pub limits: Counts<LimitMet>,
    /// What goes to other nodes and comes from them.
    pub bus: BusMetrics,
    /// Exports that are made in the background.
    pub exports: ExportMetrics,
    registry: Registry,
}

/// Sockets.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Connections that became WebSockets.
    pub opened: Counter,
    /// Handshakes that were refused.
    pub refused: Counts<RefusedUpgrade>,
    /// Connections that ended.
    pub closed: Counts<Ended>,
    /// Bytes that came over WebSocket connections, frames included.
    pub received_bytes: Counter,
    /// Bytes that went out over them.
    pub sent_bytes: Counter,
}

/// Messages and what becomes of them.
#[derive(Debug)]
pub struct UpdateMetrics {
    /// Messages of clients.
    pub received: Counts<Received>,
    /// Messages to clients.
    pub sent: Counts<Sent>,
    /// Updates of clients.
    pub verdicts: Counts<Verdict>,
    /// From when an update was taken to when another session's socket had it. One value a write: the oldest update in it.
    pub fan_out: Distribution,
    /// From when an update was taken to when it was stored.
    pub commit: Distribution,
}

/// What is refused and kept. Cloning shares the counters.
#[derive(Debug, Default, Clone)]
pub struct DeadLetterMetrics {
    /// All of them, kept or not.
    pub refused: Counts<DeadLetterKind>,
    /// Those that were not kept.
    pub dropped: Counter,
}

/// Rooms as a whole.
#[derive(Debug)]
pub struct RoomMetrics {
    /// Stays of which a note could not be kept.
    pub stays_dropped: Counter,
    /// Attempts to load a room.
    pub openings: Counts<Openings>,
    /// How long they took.
    pub opening: Distribution,
    /// Rooms that were unloaded early, because memory was short.
    pub evicted: Counter,
    /// Rooms that ended because the store refused what they wrote.
    pub failed: Counter,
    /// Updates that went with them.
    pub lost_updates: Counter,
}

/// Storing.
#[derive(Debug)]
pub struct JournalMetrics {
    /// Attempts to commit a batch.
    pub batches: Counts<Batches>,
    /// How long those took that went well.
    pub transaction: Distribution,
    /// Updates in a batch that was stored.
    pub batch_updates: Distribution,
    /// Their bytes.
    pub batch_bytes: Distribution,
}

/// Snapshots.
#[derive(Debug)]
pub struct CompactionMetrics {
    /// Rooms that had their turn.
    pub compactions: Counts<Compactions>,
    /// How long each took.
    pub duration: Distribution,
}

/// What goes to other nodes and comes from them. Cloning shares the counters.
#[derive(Debug, Default, Clone)]
pub struct BusMetrics {
    /// Commits that were told to other nodes.
    pub published: Counter,
    /// Commits that could not be told.
    pub dropped: Counter,
    /// Messages that came.
    pub received: Counter,
    /// What came and could not be read.
    pub undecodable: Counter,
    /// Messages that came too fast to be read.
    pub overrun: Counter,
    /// 1 while the bus is connected.
    pub connected: Gauge,
}

/// Exports that are made in the background. Cloning shares the counters.
#[derive(Debug, Clone)]
pub struct ExportMetrics {
    /// Attempts.
    pub exports: Counts<ExportOutcome>,
    /// How long each took.
    pub duration: Distribution,
    /// Previews that were drawn, or could not be.
    pub previews: Counter,
    /// Exports that wait, in the whole deployment.
    pub waiting: Gauge,
    /// Exports that are being drawn, in the whole deployment.
    pub drawing: Gauge,
    /// How long the oldest that is due has waited, in seconds.
    pub oldest: Gauge,
}

impl Default for ExportMetrics {
    fn default() -> Self {
        Self {
            exports: Counts::default(),
            duration: Distribution::of_times(&ROOM_US),
            previews: Counter::default(),
            waiting: Gauge::default(),
            drawing: Gauge::default(),
            oldest: Gauge::default(),
        }
    }
}

impl ExportMetrics {
    /// Shows how many exports wait and are drawn, and how long the oldest has waited, in milliseconds.
    pub fn measured(&self, waiting: u64, drawing: u64, oldest_ms: u64) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.waiting.set(signed(waiting));
        self.drawing.set(signed(drawing));
        self.oldest.set(signed(oldest_ms / 1000));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(BusMetrics::default())
    }
}

impl Metrics {
    /// With what a bus counts.
    pub fn new(bus: BusMetrics) -> Self {
        let mut metrics = Self {
            connections: ConnectionMetrics::default(),
            updates: UpdateMetrics {
                received: Counts::default(),
                sent: Counts::default(),
                verdicts: Counts::default(),
                fan_out: Distribution::of_times(&FAN_OUT_US),
                commit: Distribution::of_times(&COMMIT_US),
            },
            dead_letters: DeadLetterMetrics::default(),
            rooms: RoomMetrics {
                stays_dropped: Counter::default(),
                openings: Counts::default(),
                opening: Distribution::of_times(&ROOM_US),
                evicted: Counter::default(),
                failed: Counter::default(),
                lost_updates: Counter::default(),
            },
            journal: JournalMetrics {
                batches: Counts::default(),
                transaction: Distribution::of_times(&COMMIT_US),
                batch_updates: Distribution::of_numbers(&BATCH_UPDATES),
                batch_bytes: Distribution::of_numbers(&BATCH_BYTES),
            },
            compaction: CompactionMetrics {
                compactions: Counts::default(),
                duration: Distribution::of_times(&ROOM_US),
            },
            limits: Counts::default(),
            bus,
            exports: ExportMetrics::default(),
            registry: Registry::default(),
        };
        metrics.register();
        metrics
    }

    /// Writes what was counted, without the end mark: more may follow.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn encode(&self, out: &mut impl fmt::Write) -> fmt::Result {
        text::encode_registry(out, &self.registry)
    }

    /// Counters get their `_total` from the encoding.
    fn register(&mut self) {
        let registry = &mut self.registry;
        let connections = &self.connections;
        registry.register(
            "scrible_connections_opened",
            "Connections that became WebSockets",
            connections.opened.clone(),
        );
        registry.register(
            "scrible_connections_closed",
            "WebSocket connections that ended, by the close code that was sent; left and gone had none",
            connections.closed.clone(),
        );
        registry.register(
            "scrible_upgrades_refused",
            "WebSocket handshakes that were refused, by HTTP status",
            connections.refused.clone(),
        );
        registry.register(
            "scrible_received_bytes",
            "Bytes that came over WebSocket connections, frames included",
            connections.received_bytes.clone(),
        );
        registry.register(
            "scrible_sent_bytes",
            "Bytes that went out over WebSocket connections, frames included",
            connections.sent_bytes.clone(),
        );

        let updates = &self.updates;
        registry.register(
            "scrible_messages_received",
            "Messages of clients, by kind",
            updates.received.clone(),
        );
        registry.register(
            "scrible_messages_sent",
            "Messages to clients, by kind; an edit counts once for each client that hears it",
            updates.sent.clone(),
        );
        registry.register(
            "scrible_updates",
            "Updates of clients, by what became of them",
            updates.verdicts.clone(),
        );
        registry.register(
            "scrible_fan_out_seconds",
            "From taking an update to having written it to the socket of another client; one value a write, for the oldest update in it",
            updates.fan_out.clone(),
        );
        registry.register(
            "scrible_commit_seconds",
            "From taking an update to having stored it, which is when its author may be told",
            updates.commit.clone(),
        );

        let dead_letters = &self.dead_letters;
        registry.register(
            "scrible_dead_letters",
            "What clients sent and the server refused as harmful, by kind; kept for `scrible room inspect`",
            dead_letters.refused.clone(),
        );
        registry.register(
            "scrible_dead_letters_dropped",
            "Dead letters that were not kept, because too many came or the store did not answer",
            dead_letters.dropped.clone(),
        );

        let rooms = &self.rooms;
        registry.register(
            "scrible_stays_dropped",
            "Notes of who was in a room that were not kept, because too many came or the store did not answer",
            rooms.stays_dropped.clone(),
        );
        registry.register(
            "scrible_room_openings",
            "Attempts to load a room, by outcome",
            rooms.openings.clone(),
        );
        registry.register(
            "scrible_room_opening_seconds",
            "How long loading a room took",
            rooms.opening.clone(),
        );
        registry.register(
            "scrible_rooms_evicted",
            "Idle rooms that were unloaded before their time, because memory was short",
            rooms.evicted.clone(),
        );
        registry.register(
            "scrible_rooms_failed",
            "Rooms that ended because the store refused what they wrote",
            rooms.failed.clone(),
        );
        registry.register(
            "scrible_updates_lost",
            "Updates that were not stored when their room failed",
            rooms.lost_updates.clone(),
        );

        let journal = &self.journal;
        registry.register(
            "scrible_journal_batches",
            "Attempts to commit a batch of updates, by outcome",
            journal.batches.clone(),
        );
        registry.register(
            "scrible_journal_transaction_seconds",
            "How long the store took to commit a batch",
            journal.transaction.clone(),
        );
        registry.register(
            "scrible_journal_batch_updates",
            "Updates in a batch that was committed",
            journal.batch_updates.clone(),
        );
        registry.register(
            "scrible_journal_batch_bytes",
            "Bytes of updates in a batch that was committed",
            journal.batch_bytes.clone(),
        );

        registry.register(
            "scrible_limits_met",
            "How often a limit was met, by limit; a connection that has to wait counts once a pause",
            self.limits.clone(),
        );

        let bus = &self.bus;
        registry.register(
            "scrible_bus_published",
            "Commits, and changes of who may come in, that were told to other nodes",
            bus.published.clone(),
        );
        registry.register(
            "scrible_bus_dropped",
            "Commits, and changes of who may come in, that could not be told to other nodes, which read them in the store instead",
            bus.dropped.clone(),
        );
        registry.register(
            "scrible_bus_received",
            "Messages of nodes, this one's own among them",
            bus.received.clone(),
        );
        registry.register(
            "scrible_bus_undecodable",
            "What stood or came on the bus and could not be read",
            bus.undecodable.clone(),
        );
        registry.register(
            "scrible_bus_overrun",
            "Messages of nodes that came faster than they could be read, and were dropped",
            bus.overrun.clone(),
        );
        registry.register(
            "scrible_bus_connected",
            "1 while other nodes can be reached",
            bus.connected.clone(),
        );

        let compaction = &self.compaction;
        registry.register(
            "scrible_compactions",
            "Rooms that were to be compacted, by outcome",
            compaction.compactions.clone(),
        );
        registry.register(
            "scrible_compaction_seconds",
            "How long compacting a room took, whatever came of it",
            compaction.duration.clone(),
        );

        let exports = &self.exports;
        registry.register(
            "scrible_exports",
            "Attempts at exports, by outcome",
            exports.exports.clone(),
        );
        registry.register(
            "scrible_export_seconds",
            "How long an attempt at an export took, from taking it up to its file being kept",
            exports.duration.clone(),
        );
        registry.register(
            "scrible_previews",
            "Previews that were drawn; those that were there already are not counted",
            exports.previews.clone(),
        );
        registry.register(
            "scrible_exports_waiting",
            "Exports that wait to be drawn, of all nodes; each node shows the same number",
            exports.waiting.clone(),
        );
        registry.register(
            "scrible_exports_drawing",
            "Exports that are being drawn, by all nodes; each node shows the same number",
            exports.drawing.clone(),
        );
        registry.register(
            "scrible_exports_oldest_seconds",
            "How long the oldest export that is due has waited; each node shows the same number",
            exports.oldest.clone(),
        );
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
