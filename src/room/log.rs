//! The log of a room: update bytes in the order in which everyone hears them, standing on a base.
//!
//! Positions count entries since the room was opened and never go back. An entry gets a number once it is stored, here or by
//! another node; the *committed* mark stands before the first that has none. The mark only moves forward. The log knows nothing
//! of sessions, of what is in an update, or of where it is stored.
//!
//! Numbers need not ascend with positions: what another node stored comes behind what waits here, and may have the lower number.
//! Both orders are causal, because neither of the two was made with the other in view.

use std::collections::VecDeque;

use super::content::Content;
use super::framed::FramedUpdate;

/// Who appended an entry: the session's number, which is never used twice in a process and never [`ELSEWHERE`].
pub type Author = u64;

/// The author of what came from another node.
pub const ELSEWHERE: Author = 0;

/// One update that the room has taken.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The update in its message.
    pub update: FramedUpdate,
    /// The session that sent it.
    pub author: Author,
    /// The client clocks that it brings: (client, first new clock, end). Empty for an entry of deletes alone.
    pub brings: Box<[(u64, u32, u32)]>,
    /// When it was taken.
    pub at: tokio::time::Instant,
    /// The number under which it is stored, once it is.
    seq: Option<u64>,
}

/// What an entry is to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// They have nothing of it.
    New,
    /// They have all of it.
    Had,
    /// They have some of it.
    PartlyHad,
}

impl Entry {
    /// Frames an update that is to be stored.
    pub fn new(update: &[u8], author: Author, brings: Vec<(u64, u32, u32)>) -> Self {
        Self {
            update: FramedUpdate::new(update),
            author,
            brings: brings.into(),
            at: tokio::time::Instant::now(),
            seq: None,
        }
    }

    /// Frames an update that another node has stored under this number.
    pub fn stored(update: &[u8], seq: u64, brings: Vec<(u64, u32, u32)>) -> Self {
        Self {
            seq: Some(seq),
            ..Self::new(update, ELSEWHERE, brings)
        }
    }

    /// The number under which it is stored, once it is.
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// How much of what the entry brings somebody has, told by their clocks. Deletes alone are had by nobody.
    pub fn stance(&self, has: impl Fn(u64) -> u32) -> Stance {
        if !self
            .brings
            .iter()
            .any(|(client, start, _)| has(*client) > *start)
        {
            Stance::New
        } else if self
            .brings
            .iter()
            .all(|(client, _, end)| has(*client) >= *end)
        {
            Stance::Had
        } else {
            Stance::PartlyHad
        }
    }

    fn weight(&self) -> usize {
        self.update.weight() + size_of::<Self>() + size_of_val(&*self.brings)
    }
}

/// Everything up to a position, merged.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// The merged update.
    pub content: Content,
    /// The position of the first entry that is not in it.
    pub end: u64,
    /// The highest number of what is in it.
    pub seq: u64,
}

impl Base {
    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.content.weight()
    }
}

/// Base and entries of one room.
#[derive(Debug, Default)]
pub struct Log {
    base: Base,
    /// Position of `entries[0]`; at most `base.end`, so base and entries always meet.
    first: u64,
    entries: VecDeque<Entry>,
    committed: u64,
    bytes: usize,
    /// Entries without a number, and their weight.
    uncommitted: u64,
    uncommitted_bytes: usize,
    /// Weight of the entries that the base holds too and that only wait to be trimmed.
    folded_bytes: usize,
    /// Bytes of the base's updates.
    base_bytes: usize,
}

impl Log {
    /// A log that stands on what was stored up to a number: all of it is committed.
    pub fn on(content: Content, seq: u64) -> Self {
        Self {
            base_bytes: content.size(),
            base: Base {
                content,
                end: 0,
                seq,
            },
            ..Self::default()
        }
    }

    /// The position after the newest entry.
    pub fn head(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// All entries before this position are stored.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Entries that wait for the journal.
    pub fn uncommitted(&self) -> u64 {
        self.uncommitted
    }

    /// Bytes that wait for the journal.
    pub fn uncommitted_bytes(&self) -> usize {
        self.uncommitted_bytes
    }

    /// How large the room is, in bytes: the base and what came after it, each counted once.
    pub fn size(&self) -> usize {
        self.base_bytes + self.bytes - self.folded_bytes
    }

    /// Memory that base and entries take, in bytes.
    pub fn weight(&self) -> usize {
        self.base.weight() + self.bytes
    }

    /// What the entries stand on.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Appends an entry and says how many bytes it adds to what waits for the journal.
    pub fn append(&mut self, entry: Entry) -> usize {
        let weight = entry.weight();
        let waits = entry.seq.is_none();
        self.bytes += weight;
        self.entries.push_back(entry);
        if waits {
            self.uncommitted += 1;
            self.uncommitted_bytes += weight;
            return weight;
        }
        self.move_mark();
        0
    }

    /// The entry at a position, unless it was trimmed or is not there yet.
    pub fn get(&self, position: u64) -> Option<&Entry> {
        let at = position.checked_sub(self.first)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// Entries from a position on, oldest first. Nothing before the first kept entry.
    pub fn entries_from(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skip = self.at(position);
        (self.first + skip as u64..).zip(self.entries.range(skip..))
    }

    /// Notes that all before `end` is stored, those without a number under consecutive ones from `first_seq` on. Says how many bytes no
    /// longer wait.
    pub fn commit(&mut self, end: u64, first_seq: u64) -> usize {
        assert!(
            end <= self.head(),
            "a commit cannot pass the head of the log"
        );
        let (from, to) = (self.at(self.committed), self.at(end));
        let (mut seq, mut freed) = (first_seq, 0);
        for entry in self.entries.range_mut(from..to.max(from)) {
            if entry.seq.is_none() {
                entry.seq = Some(seq);
                seq += 1;
                freed += entry.weight();
            }
        }
        self.uncommitted -= seq - first_seq;
        self.uncommitted_bytes -= freed;
        self.move_mark();
        freed
    }

    /// The position before which everything has a number of at most `seq`.
    pub fn covered_by(&self, seq: u64) -> u64 {
        let covered = self
            .entries_from(self.base.end)
            .take_while(|(_, entry)| entry.seq.is_some_and(|stored| stored <= seq));
        self.base.end + covered.count() as u64
    }

    /// Weight of what is stored under numbers above `seq`, as far as it is still an entry.
    pub fn bytes_above(&self, seq: u64) -> usize {
        let above = self
            .entries
            .iter()
            .filter(|entry| entry.seq.is_some_and(|stored| stored > seq));
        above.map(Entry::weight).sum()
    }

    /// Where the entry at a position stands, or would.
    fn at(&self, position: u64) -> usize {
        let at = position.saturating_sub(self.first);
        at.min(self.entries.len() as u64) as usize
    }

    fn move_mark(&mut self) {
        let stored = self.entries.range(self.at(self.committed)..);
        let stored = stored.take_while(|entry| entry.seq.is_some());
        self.committed += stored.count() as u64;
    }

    /// Whether the committed entries should be merged into the base: at 10,000 entries or once they weigh more than
    /// max(1 MiB, half of the base), so that the work over the life of a room stays linear in its bytes.
    pub fn fold_due(&self) -> bool {
        self.has_outgrown(1)
    }

    /// Whether that should have happened long ago: there is eight times as much.
    pub fn fold_overdue(&self) -> bool {
        self.has_outgrown(8)
    }

    fn has_outgrown(&self, times: usize) -> bool {
        let unfolded = self.committed - self.base.end;
        let floor = (self.base_bytes / 2).max(1 << 20);
        let weight = self.bytes - self.uncommitted_bytes - self.folded_bytes;
        unfolded > 10_000 * times as u64 || weight > floor * times
    }

    /// Replaces the base. `base.end` must lie between the old base's end and the committed mark, and it must hold all that the old one
    /// does.
    pub fn rebase(&mut self, base: Base) {
        assert!(
            self.base.end <= base.end && base.end <= self.committed && self.base.seq <= base.seq,
            "a base holds committed entries only, and no less than the one before"
        );
        let folded = self
            .entries_from(self.base.end)
            .take_while(|(position, _)| *position < base.end);
        self.folded_bytes += folded.map(|(_, entry)| entry.weight()).sum::<usize>();
        self.base_bytes = base.content.size();
        self.base = base;
    }

    /// Drops entries that the base holds and that no reader needs any more: everything before `slowest`, and more than
    /// that where readers lag behind by more than `lag_bytes` (they must sync anew).
    pub fn trim(&mut self, slowest: u64, lag_bytes: usize) {
        while self.first < self.base.end && (self.first < slowest || self.folded_bytes > lag_bytes)
        {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= entry.weight();
            self.folded_bytes -= entry.weight();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use scrible_wire::Limits;
    use scrible_wire::varint::write_var_bytes;

    use super::*;

    fn entry(author: Author, bytes: usize) -> Entry {
        Entry::new(&vec![0; bytes], author, vec![(author, 0, 1)])
    }

    #[test]
    fn r1_positions_go_on_through_commit_fold_and_trim() {
        let mut log = Log::default();
        for author in 1..=4 {
            log.append(entry(author, 10));
        }
        assert_eq!((log.head(), log.committed()), (4, 0));
        log.commit(3, 1);
        log.rebase(Base {
            content: Content::default(),
            end: 3,
            seq: 3,
        });
        log.trim(2, usize::MAX);
        assert!(log.get(1).is_none());
        assert_eq!(log.get(2).unwrap().author, 3);
        assert_eq!(
            log.entries_from(0)
                .map(|(at, entry)| (at, entry.author))
                .collect::<Vec<_>>(),
            [(2, 3), (3, 4)]
        );
        assert_eq!(log.append(entry(5, 10)), log.get(4).unwrap().weight());
        assert_eq!(log.head(), 5);
    }

    #[test]
    fn r2_what_waits_for_the_journal_is_counted_exactly() {
        let mut log = Log::default();
        let added: usize = (0..10).map(|author| log.append(entry(author, 100))).sum();
        assert_eq!(log.uncommitted_bytes(), added);
        let freed = log.commit(4, 1) + log.commit(4, 5) + log.commit(10, 5);
        assert_eq!((freed, log.uncommitted_bytes()), (added, 0));
    }

    #[test]
    fn r3_trimming_keeps_what_is_not_in_the_base_and_what_a_reader_needs() {
        let mut log = Log::default();
        for author in 0..10 {
            log.append(entry(author, 1000));
        }
        log.commit(8, 1);
        log.rebase(Base {
            content: Content::default(),
            end: 6,
            seq: 6,
        });
        log.trim(4, usize::MAX);
        assert!(log.get(3).is_none() && log.get(4).is_some());
        log.trim(4, 0);
        assert!(log.get(5).is_none(), "a reader that lags too far gives way");
        assert!(log.get(6).is_some(), "what the base does not hold stays");
    }

    #[test]
    fn r4_a_fold_is_due_by_count_or_by_weight_of_what_is_committed() {
        let mut log = Log::default();
        log.append(entry(1, 2 << 20));
        assert!(!log.fold_due(), "nothing is committed yet");
        log.commit(1, 1);
        assert!(log.fold_due());
        log.rebase(Base {
            content: Content::default(),
            end: 1,
            seq: 1,
        });
        assert!(
            !log.fold_due(),
            "an entry that is kept for a laggard is not folded again"
        );
        // One binary value in the root array `a`.
        let mut large = vec![1, 1, 9, 0, 3, 1, 1, b'a'];
        write_var_bytes(&mut large, &vec![0; 8 << 20]);
        large.push(0);
        let mut log = Log::on(Content::new(&large, &Limits::default()).unwrap(), 0);
        log.append(entry(1, 2 << 20));
        log.commit(1, 1);
        assert!(!log.fold_due(), "half of a large base is allowed");
        for _ in 0..10_001 {
            log.append(entry(1, 1));
        }
        log.commit(10_002, 2);
        assert!(log.fold_due());
    }

    #[test]
    fn n1_what_other_nodes_stored_stands_in_the_log_behind_what_waits() {
        let mut log = Log::default();
        assert_eq!(log.append(Entry::stored(&[1], 1, vec![])), 0);
        assert_eq!((log.committed(), log.uncommitted()), (1, 0));
        log.append(entry(7, 10));
        log.append(Entry::stored(&[2], 2, vec![]));
        log.append(entry(8, 10));
        log.append(Entry::stored(&[3], 3, vec![]));
        let waits = log.uncommitted_bytes();
        assert_eq!((log.head(), log.committed(), log.uncommitted()), (5, 1, 2));
        assert_eq!(log.covered_by(3), 1, "the next has no number");
        // The journal took the first of the two, and it was stored behind what the others wrote.
        let freed = log.commit(2, 4);
        assert_eq!((log.committed(), log.uncommitted()), (3, 1));
        assert_eq!(log.uncommitted_bytes(), waits - freed);
        log.commit(4, 5);
        assert_eq!((log.committed(), log.uncommitted_bytes()), (5, 0));
        let seqs = |log: &Log| -> Vec<_> {
            let entries = log.entries_from(0);
            entries.map(|(_, entry)| entry.seq().unwrap()).collect()
        };
        assert_eq!(seqs(&log), [1, 4, 2, 5, 3]);
        // A snapshot of the first three covers one position; the other two stay, which costs nothing but their bytes.
        assert_eq!(log.covered_by(3), 1);
        assert_eq!(log.covered_by(4), 3);
        assert_eq!(log.covered_by(5), 5);
        let weight = |at| log.get(at).unwrap().weight();
        assert_eq!(log.bytes_above(3), weight(1) + weight(3));
    }
}
