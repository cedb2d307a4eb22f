//! What the store has of a room, and when that should become a new base.
//!
//! It counts rows and bytes, whoever wrote them; which of them are in the log is `sequence`'s to say.

use std::time::Duration;

use tokio::time::Instant;

use super::sequence::Sequence;

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
    /// Its rows, and which of them are in the log.
    pub sequence: Sequence,
    snapshot: Extent,
    /// Bytes that came after the newest snapshot.
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
            sequence: Sequence::at(snapshot.seq + rows),
            snapshot,
            bytes,
            changed: (rows > 0).then(Instant::now),
            ..Self::default()
        }
    }

    /// The store's id of the room, once there is one.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// The newest snapshot that is known of.
    pub fn snapshot(&self) -> Extent {
        self.snapshot
    }

    /// Whether this is the store's id of the room; it is from now on, where there was none.
    pub fn is_known_as(&mut self, id: i64) -> bool {
        *self.id.get_or_insert(id) == id
    }

    /// Notes that rows of `bytes` were added.
    pub fn added(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.changed.get_or_insert_with(Instant::now);
    }

    /// Rows after the newest snapshot, as far as they are in the log.
    fn rows(&self) -> u64 {
        self.sequence.applied().saturating_sub(self.snapshot.seq)
    }

    /// Whether the base should be replaced because of what came after it, and may be.
    pub fn compaction_due(&self, config: &CompactionConfig) -> bool {
        let much =
            self.rows() >= config.rows || self.bytes > config.bytes.max(self.snapshot.bytes / 4);
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

    /// Notes a snapshot that was stored: of what came after it, `bytes` are left.
    pub fn compacted(&mut self, snapshot: Extent, bytes: usize, took: Duration) {
        self.snapshot = snapshot;
        self.bytes = bytes;
        self.rest(took);
    }

    /// Notes that the newest snapshot is a version.
    pub fn versioned(&mut self) {
        self.changed = (self.rows() > 0).then(Instant::now);
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

    fn commit(stored: &mut Stored, first_seq: u64, count: u64, bytes: usize) {
        stored.sequence.wrote(first_seq, count);
        stored.added(bytes);
    }

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
        commit(&mut stored, 61, 89, 1);
        assert!(!stored.compaction_due(&CONFIG));
        commit(&mut stored, 150, 1, 1);
        assert!(stored.compaction_due(&CONFIG), "rows");
        let mut stored = loaded();
        commit(&mut stored, 61, 1, 1500);
        assert!(!stored.compaction_due(&CONFIG), "a quarter is allowed");
        commit(&mut stored, 62, 1, 1);
        assert!(stored.compaction_due(&CONFIG), "bytes");
        stored.compacted(
            Extent {
                seq: 62,
                bytes: 400,
            },
            0,
            Duration::from_secs(3),
        );
        commit(&mut stored, 63, 1, 1001);
        assert!(!stored.compaction_due(&CONFIG), "it rests");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(stored.compaction_due(&CONFIG));
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
        commit(&mut stored, 51, 1, 10);
        tokio::time::advance(interval / 2).await;
        commit(&mut stored, 52, 1, 10);
        tokio::time::advance(interval / 2).await;
        assert!(stored.version_due(interval));
        stored.compacted(Extent { seq: 52, bytes: 1 }, 0, Duration::ZERO);
        stored.versioned();
        assert!(!stored.is_changed());
        assert!(loaded().is_changed(), "rows that no version holds");
    }
}
