//! Updates that were made without a document, each of whose structs takes one clock of its author: the author's id and the clock are the marker.
//!
//! Does not know rooms or sockets. The one rule: Yjs must read them as what an editor might have written, or servers would be measured
//! at something that nobody does.

use std::ops::Range;

use scrible_wire::varint::write_number;

/// The first of the ids that writers have: as long on the wire as those that Yjs draws.
pub const FIRST_WRITER: u64 = 0x5ca1_ab00;

/// Records under keys that are set again and again, as an editor keeps shapes: who set each last, and when.
pub struct Board {
    last: Vec<Option<(u64, u32)>>,
    record_bytes: usize,
}

/// An update of `client` that appends one binary value of `bytes` bytes at `clock` to the root array `a`.
pub fn append(client: u64, clock: u32, bytes: usize) -> Vec<u8> {
    appends(client, clock..clock + 1, bytes)
}

/// The same for several values, one for each clock.
pub fn appends(client: u64, clocks: Range<u32>, bytes: usize) -> Vec<u8> {
    let mut update = Vec::with_capacity(clocks.len() * (bytes + 16) + 24);
    update.push(1);
    write_number(&mut update, clocks.len() as u64);
    write_number(&mut update, client);
    write_number(&mut update, u64::from(clocks.start));
    for clock in clocks {
        match clock.checked_sub(1) {
            // Binary with a left neighbour.
            Some(left) => {
                update.push(0x83);
                write_number(&mut update, client);
                write_number(&mut update, u64::from(left));
            }
            None => update.extend([0x03, 1, 1, b'a']),
        }
        write_number(&mut update, bytes as u64);
        update.resize(update.len() + bytes, 7);
    }
    update.push(0);
    update
}

/// The state vector of somebody who has `clock` clocks of one client.
pub fn state_vector(client: u64, clock: u32) -> Vec<u8> {
    let mut vector = vec![1];
    write_number(&mut vector, client);
    write_number(&mut vector, u64::from(clock));
    vector
}

impl Board {
    /// One on which nothing is yet.
    pub fn new(records: u32, record_bytes: usize) -> Self {
        Self {
            last: vec![None; records as usize],
            record_bytes,
        }
    }

    /// The `edit`th edit by editors who first set each record once, and then drag one after the other for a while.
    pub fn edit(&mut self, client: u64, clock: u32, edit: u32) -> Vec<u8> {
        /// Updates of one record in a row.
        const DRAG: u32 = 30;
        let records = self.last.len() as u32;
        let key = match edit < records {
            true => edit,
            false => (edit / DRAG).wrapping_mul(2_654_435_761) % records,
        };
        self.set(client, clock, key)
    }

    /// Sets a record of the root map `m`, in the place of what was there before.
    fn set(&mut self, client: u64, clock: u32, key: u32) -> Vec<u8> {
        let before = self.last[key as usize].replace((client, clock));
        let mut update = vec![1, 1];
        write_number(&mut update, client);
        write_number(&mut update, u64::from(clock));
        match before {
            // Binary with a left neighbour and a key, which is not written then.
            Some((other, at)) => {
                update.push(0xa3);
                write_number(&mut update, other);
                write_number(&mut update, u64::from(at));
            }
            None => {
                update.extend([0x23, 1, 1, b'm']);
                let key = format!("shape:{key}");
                write_number(&mut update, key.len() as u64);
                update.extend(key.as_bytes());
            }
        }
        write_number(&mut update, self.record_bytes as u64);
        update.extend((0..self.record_bytes).map(|at| (at as u32 ^ clock ^ key) as u8));
        match before {
            Some((other, at)) => {
                update.push(1);
                write_number(&mut update, other);
                update.push(1);
                write_number(&mut update, u64::from(at));
                update.push(1);
            }
            None => update.push(0),
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use scrible_wire::{Clocks, Limits, scan};

    use super::*;

    #[test]
    fn each_is_whole_and_goes_on_where_the_last_ended() {
        let limits = Limits::default();
        for (update, start, end) in [
            (append(FIRST_WRITER, 0, 100), 0, 1),
            (append(FIRST_WRITER, 1, 100), 1, 2),
            (appends(FIRST_WRITER, 2..50, 400), 2, 50),
        ] {
            let scanned = scan(&update, &limits).unwrap();
            let [list] = scanned.lists[..] else {
                panic!("{scanned:?}");
            };
            assert_eq!((list.start, list.end), (start, end));
            assert!(!scanned.has_skip);
        }
    }

    #[test]
    fn a_board_that_is_edited_keeps_one_value_for_each_record() {
        let limits = Limits::default();
        let mut board = Board::new(10, 50);
        let (mut clocks, mut deletions) = (Clocks::default(), 0);
        for edit in 0..200 {
            let update = board.edit(FIRST_WRITER + u64::from(edit / 40), edit % 40, edit);
            assert_eq!(scan(&update, &limits).unwrap().structs, 1);
            let taken = clocks.take(&update, &limits).unwrap();
            assert!(taken.early.is_none());
            deletions += usize::from(taken.has_deletes);
        }
        assert_eq!(deletions, 190);
    }
}
