//! How far the store has a room, and when what it has should become a new base.
//!
//! Translates between positions of the log, which begin anew whenever a room is opened, and the store's sequence numbers. The one
//! rule: where somebody else wrote rows of this room meanwhile, positions say nothing about numbers any more, and it says so.

use std::time::Duration;

use tokio::time::Instant;

/// When a base should be replaced because of its size.
#[derive(Debug, Clone)]
pub struct CompactionConfig {
    /// Rows after the newest snapshot.
    pub rows: u64,
    /// Bytes after the newest snapshot; a quarter of its own size is always allowed.
    pub bytes: usize,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 1 << 20,
        }
    }
}

/// After a compaction a room rests so many times as long as that took, so one room takes at most so small a part of a core.
const REST: u32 = 10;

/// What the store has of a room.
#[derive(Debug, Default)]
pub struct Stored {
    id: Option<i64>,
    /// Position p of the log has the sequence number `origin` + p + 1.
    origin: u64,
    /// Rows of this room that are not in the log.
    shared: bool,
    snapshot: Extent,
    /// What came after the newest snapshot.
    rows: u64,
    bytes: usize,
    /// Since when there is something that no version holds.
    changed: Option<Instant>,
    rests_until: Option<Instant>,
}

/// The newest snapshot that the store has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The last sequence number that it covers; 0 for none.
    pub seq: u64,
    /// Bytes.
    pub bytes: usize,
}

impl Stored {
    /// A room that was loaded: its snapshot, and `rows` of `bytes` after it.
    pub fn loaded(id: i64, snapshot: Extent, rows: u64, bytes: usize) -> Self {
        Self {
            id: Some(id),
            origin: snapshot.seq + rows,
            snapshot,
            rows,
            bytes,
            changed: (rows > 0).then(Instant::now),
            ..Self::default()
        }
    }

    /// The store's id of the room, once there is one.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// Notes a commit: the entries from position `from` to before `to`, `bytes` long, have the numbers from `first_seq` on.
    pub fn committed(
        &mut self,
        id: i64,
        first_seq: u64,
        entries: std::ops::Range<u64>,
        bytes: usize,
    ) {
        self.id = Some(id);
        self.shared |= first_seq != self.origin + entries.start + 1;
        self.rows += entries.end - entries.start;
        self.bytes += bytes;
        self.changed.get_or_insert_with(Instant::now);
    }

    /// Whether the base should be replaced because of what came after it, and may be.
    pub fn compaction_due(&self, config: &CompactionConfig) -> bool {
        let much =
            self.rows >= config.rows || self.bytes > config.bytes.max(self.snapshot.bytes / 4);
        much && self.rests_until.is_none_or(|until| until <= Instant::now())
    }

    /// Whether a version should be kept because the last one is that long behind.
    pub fn version_due(&self, interval: Duration) -> bool {
        let rests = self.rests_until.is_some_and(|until| until > Instant::now());
        !rests
            && self
                .changed
                .is_some_and(|since| since.elapsed() >= interval)
    }

    /// Whether there is something that no version holds.
    pub fn is_changed(&self) -> bool {
        self.changed.is_some()
    }

    /// The position before which everything is in a snapshot that covers `seq`; `None` where positions don't tell.
    pub fn position(&self, seq: u64) -> Option<u64> {
        match self.shared {
            true => None,
            false => seq.checked_sub(self.origin),
        }
    }

    /// Notes a snapshot that was stored: of the rows after it, `rows` of `bytes` are left.
    pub fn compacted(&mut self, snapshot: Extent, rows: u64, bytes: usize, took: Duration) {
        self.snapshot = snapshot;
        (self.rows, self.bytes) = (rows, bytes);
        self.rest(took);
    }

    /// Notes that the newest snapshot is a version.
    pub fn versioned(&mut self) {
        self.changed = (self.rows > 0).then(Instant::now);
    }

    /// Keeps compaction away for a while.
    pub fn rest(&mut self, took: Duration) {
        self.rests_until = Some(Instant::now() + took * REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: CompactionConfig = CompactionConfig {
        rows: 100,
        bytes: 1000,
    };

    fn loaded() -> Stored {
        Stored::loaded(
            7,
            Extent {
                seq: 50,
                bytes: 8000,
            },
            10,
            500,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn k1_a_base_is_replaced_at_so_many_rows_or_a_quarter_of_its_size() {
        let mut stored = loaded();
        assert!(!stored.compaction_due(&CONFIG));
        stored.committed(7, 61, 0..89, 1);
        assert!(!stored.compaction_due(&CONFIG));
        stored.committed(7, 150, 89..90, 1);
        assert!(stored.compaction_due(&CONFIG), "rows");
        let mut stored = loaded();
        stored.committed(7, 61, 0..1, 1500);
        assert!(!stored.compaction_due(&CONFIG), "a quarter is allowed");
        stored.committed(7, 62, 1..2, 1);
        assert!(stored.compaction_due(&CONFIG), "bytes");
        stored.compacted(
            Extent {
                seq: 62,
                bytes: 400,
            },
            0,
            0,
            Duration::from_secs(3),
        );
        stored.committed(7, 63, 2..3, 1001);
        assert!(!stored.compaction_due(&CONFIG), "it rests");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(stored.compaction_due(&CONFIG));
    }

    #[test]
    fn k2_positions_are_numbers_until_somebody_else_writes() {
        let mut stored = loaded();
        assert_eq!(stored.position(60), Some(0));
        assert_eq!(stored.position(59), None, "before the room was opened");
        stored.committed(7, 61, 0..3, 30);
        assert_eq!(stored.position(62), Some(2));
        stored.committed(7, 65, 3..4, 10);
        assert_eq!(stored.position(62), None);
    }

    #[tokio::test(start_paused = true)]
    async fn v1_a_version_is_due_an_interval_after_the_first_change_that_none_holds() {
        let interval = Duration::from_secs(300);
        let mut stored = Stored::loaded(
            7,
            Extent {
                seq: 50,
                bytes: 8000,
            },
            0,
            0,
        );
        tokio::time::advance(interval * 2).await;
        assert!(!stored.version_due(interval) && !stored.is_changed());
        stored.committed(7, 51, 0..1, 10);
        tokio::time::advance(interval / 2).await;
        stored.committed(7, 52, 1..2, 10);
        tokio::time::advance(interval / 2).await;
        assert!(stored.version_due(interval));
        stored.compacted(Extent { seq: 52, bytes: 1 }, 0, 0, Duration::ZERO);
        stored.versioned();
        assert!(!stored.is_changed());
        assert!(loaded().is_changed(), "rows that no version holds");
    }
}
