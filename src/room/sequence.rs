//! Which of the numbered rows of a room this node has in its log, and what has come too early.
//!
//! What this node stores itself is in the log before it has a number; what others store comes with its number, and may be lost,
//! repeated or out of order on its way. The one rule: rows of others enter the log in the order of their numbers, and never over
//! a gap.

use std::collections::BTreeMap;

use bytes::Bytes;

/// How much of what came too early is kept. What is dropped is read from the store once the gap is closed.
const HELD_BYTES: usize = 1 << 20;

/// The numbers of one room.
#[derive(Debug, Default)]
pub struct Sequence {
    /// All rows up to this one are in the log.
    applied: u64,
    /// Rows of this node's own beyond that: the first of consecutive ones, and the number behind the last.
    own: BTreeMap<u64, u64>,
    /// Rows of others beyond that.
    held: BTreeMap<u64, Bytes>,
    held_bytes: usize,
    /// The highest number that there is, as far as is known.
    head: u64,
}

impl Sequence {
    /// All rows up to this one are in the log.
    pub fn at(applied: u64) -> Self {
        Self {
            applied,
            head: applied,
            ..Self::default()
        }
    }

    /// All rows up to this one are in the log.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The highest number that there is, as far as is known.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Whether there are rows that are not in the log.
    pub fn lacks_any(&self) -> bool {
        self.head > self.applied
    }

    /// Notes consecutive rows that this node stored itself, and so has in its log.
    pub fn wrote(&mut self, first: u64, count: u64) {
        let end = first + count;
        self.heard_of(end.saturating_sub(1));
        if end > self.applied + 1 {
            self.own.insert(first, end);
            self.advance();
        }
    }

    /// Notes that there is a row with this number.
    pub fn heard_of(&mut self, seq: u64) {
        self.head = self.head.max(seq);
    }

    /// Takes back what was heard: somebody who must know says that there is nothing beyond this number. What is in the log counts.
    pub fn ends_at(&mut self, seq: u64) {
        let own = self.own.last_key_value().map_or(0, |(_, end)| end - 1);
        self.head = seq.max(self.applied).max(own);
        let beyond = self.held.split_off(&(self.head + 1));
        self.held_bytes -= beyond.values().map(Bytes::len).sum::<usize>();
    }

    /// Takes in a row of another node.
    pub fn hold(&mut self, seq: u64, update: &Bytes) {
        self.heard_of(seq);
        let is_next = seq == self.applied + 1;
        let fits = self.held_bytes + update.len() <= HELD_BYTES || is_next;
        if seq > self.applied && fits && !self.held.contains_key(&seq) {
            self.held_bytes += update.len();
            // A copy: a part of a message would keep all of it.
            self.held.insert(seq, Bytes::copy_from_slice(update));
        }
    }

    /// The next row of another node, if there is no gap before it. It counts as in the log from now on.
    pub fn next(&mut self) -> Option<(u64, Bytes)> {
        let seq = self.applied + 1;
        let update = self.held.remove(&seq)?;
        self.held_bytes -= update.len();
        self.applied = seq;
        self.advance();
        Some((seq, update))
    }

    /// Everything up to a number is in the log, by whatever way.
    pub fn covered(&mut self, seq: u64) {
        self.applied = self.applied.max(seq);
        self.heard_of(self.applied);
        self.advance();
    }

    /// Moves over this node's own rows, and lets go of what lies behind.
    fn advance(&mut self) {
        while let Some(own) = self.own.first_entry()
            && *own.key() <= self.applied + 1
        {
            self.applied = self.applied.max(own.remove() - 1);
        }
        let later = self.held.split_off(&(self.applied + 1));
        for known in std::mem::replace(&mut self.held, later).into_values() {
            self.held_bytes -= known.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64) -> Bytes {
        Bytes::from(vec![seq as u8; 3])
    }

    fn ready(sequence: &mut Sequence) -> Vec<u64> {
        std::iter::from_fn(|| {
            sequence.next().map(|(seq, update)| {
                assert_eq!(update, row(seq));
                seq
            })
        })
        .collect()
    }

    #[test]
    fn n2_rows_come_in_order_once_and_never_over_a_gap() {
        let mut sequence = Sequence::at(10);
        for seq in [12, 13, 9, 12] {
            sequence.hold(seq, &row(seq));
        }
        assert!(ready(&mut sequence).is_empty());
        assert!(sequence.lacks_any());
        sequence.hold(11, &row(11));
        assert_eq!(ready(&mut sequence), [11, 12, 13]);
        assert_eq!((sequence.applied(), sequence.lacks_any()), (13, false));
        sequence.hold(11, &row(11));
        assert_eq!((ready(&mut sequence), sequence.held_bytes), (vec![], 0));
    }

    #[test]
    fn n2_own_rows_close_gaps_and_are_not_taken_twice() {
        let mut sequence = Sequence::at(0);
        sequence.hold(1, &row(1));
        sequence.wrote(2, 2);
        sequence.hold(3, &row(3));
        sequence.hold(4, &row(4));
        sequence.wrote(5, 1);
        sequence.hold(6, &row(6));
        assert_eq!(ready(&mut sequence), [1, 4, 6]);
        assert_eq!((sequence.applied(), sequence.held_bytes), (6, 0));
        // A receipt that comes after the rows were read from the store.
        sequence.hold(7, &row(7));
        assert_eq!(ready(&mut sequence), [7]);
        sequence.wrote(7, 1);
        assert_eq!((sequence.applied(), sequence.lacks_any()), (7, false));
        assert!(sequence.own.is_empty());
    }

    #[test]
    fn n2_what_is_held_is_bounded_and_what_was_dropped_stays_lacking() {
        let mut sequence = Sequence::at(0);
        let large = Bytes::from(vec![0; HELD_BYTES / 2 + 1]);
        sequence.hold(2, &large);
        sequence.hold(3, &large);
        assert_eq!(sequence.held.len(), 1);
        sequence.hold(1, &large);
        assert_eq!(
            sequence.next().map(|(seq, _)| seq),
            Some(1),
            "what is next always fits"
        );
        assert_eq!(sequence.next().map(|(seq, _)| seq), Some(2));
        assert_eq!((sequence.next(), sequence.lacks_any()), (None, true));
        sequence.covered(9);
        assert_eq!((sequence.applied(), sequence.lacks_any()), (9, false));
    }

    #[test]
    fn n2_a_number_that_does_not_exist_is_forgotten() {
        let mut sequence = Sequence::at(5);
        sequence.hold(u64::MAX, &row(0));
        sequence.wrote(7, 1);
        sequence.ends_at(8);
        assert_eq!((sequence.head(), sequence.held_bytes), (8, 0));
        sequence.ends_at(6);
        assert_eq!(sequence.head(), 7, "what this node stored is there");
    }
}
