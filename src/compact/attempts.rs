//! How compactions go: counted for metrics, and the last one's trouble kept for health.
//!
//! Decides nothing. That another process is at a room is no trouble.

use std::time::Duration;

use super::{Compactor, KeepError, Kept};
use crate::telemetry::Compactions;

impl Compactor {
    /// Notes how a room's turn went, and how long it took.
    pub(super) fn attempted(&self, kept: &Result<Kept, KeepError>, took: Duration) {
        let metrics = &self.rooms.shared().metrics.compaction;
        metrics.duration.time(took);
        metrics.compactions.count(match kept {
            Ok(kept) if kept.is_old => Compactions::Unchanged,
            Ok(_) => Compactions::Stored,
            Err(KeepError::Busy) => Compactions::Busy,
            Err(KeepError::Unavailable(_)) => Compactions::Unavailable,
            Err(KeepError::Corrupt(_) | KeepError::NotFound) => Compactions::Failed,
        });
        match kept {
            Ok(_) => self.keeper.marks.untroubled(),
            Err(KeepError::Busy) => {}
            Err(error) => self.keeper.marks.troubled(&error.to_string()),
        }
    }
}
