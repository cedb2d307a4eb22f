//! What the program says about itself while it runs: the log on standard error, and what is counted for `/metrics`.
//!
//! Knows none of the other parts: they hold handles from here and count. The one rule: nothing that a client sends (names, addresses,
//! tokens) becomes a label, and so no secret leaves by this way.

mod counts;
mod distribution;
mod log;
mod metrics;
mod process;

pub use counts::{
    Batches, Compactions, Counts, DeadLetterKind, Ended, ExportOutcome, Label, LimitMet, Openings,
    Received, RefusedUpgrade, Sent, Verdict,
};
pub use distribution::Distribution;
pub use log::start;
pub use metrics::{
    BusMetrics, CompactionMetrics, ConnectionMetrics, DeadLetterMetrics, ExportMetrics,
    JournalMetrics, Metrics, RoomMetrics, UpdateMetrics,
};
pub use process::Process;
