//! Puts a loaded room together row by row, and refuses it when the rows do not add up.
//!
//! Knows no database. The rule: what comes out is complete from 1 to the head, or it is an error.

use bytes::Bytes;

use crate::{RoomId, StoreError, StoredRoom, StoredUpdate};

/// Room for this many rows is made in advance; a head that claims more makes us grow as rows really come.
const RESERVE_ROWS: u64 = 1 << 16;

/// A room that is being read; rows are pushed in ascending order.
pub struct Assembly<'a> {
    name: &'a str,
    room: StoredRoom,
}

impl<'a> Assembly<'a> {
    /// Starts a room from its stored head, `None` when the head's row is missing.
    pub fn new(name: &'a str, id: RoomId, head: Option<i64>) -> Result<Self, StoreError> {
        let head = head.ok_or_else(|| corrupt(name, "its head is missing".to_owned()))?;
        let head = u64::try_from(head)
            .map_err(|_| corrupt(name, format!("its head is negative: {head}")))?;
        let updates = Vec::with_capacity(head.min(RESERVE_ROWS) as usize);
        let room = StoredRoom { id, head, updates };
        Ok(Self { name, room })
    }

    /// The number that the next row must have.
    pub fn next_seq(&self) -> u64 {
        self.room.updates.len() as u64 + 1
    }

    /// Takes the next row.
    pub fn push(&mut self, seq: i64, bytes: Bytes) -> Result<(), StoreError> {
        let expected = self.next_seq();
        let head = self.room.head;
        let what = match u64::try_from(seq) {
            Ok(seq) if seq > head => format!("row {seq} stands beyond the head {head}"),
            Ok(seq) if seq == expected => {
                self.room.updates.push(StoredUpdate { seq, bytes });
                return Ok(());
            }
            _ => format!("expected row {expected} of {head}, found row {seq}"),
        };
        Err(corrupt(self.name, what))
    }

    /// The room, if nothing is missing at its end.
    pub fn finish(self) -> Result<StoredRoom, StoreError> {
        let (rows, head) = (self.room.updates.len() as u64, self.room.head);
        if rows == head {
            Ok(self.room)
        } else {
            Err(corrupt(
                self.name,
                format!("its head is {head}, but the rows end at {rows}"),
            ))
        }
    }
}

fn corrupt(name: &str, what: String) -> StoreError {
    StoreError::Corrupt {
        room: name.to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assemble(head: Option<i64>, rows: &[i64]) -> Result<StoredRoom, String> {
        let mut assembly = Assembly::new("r", RoomId(1), head).map_err(|e| e.to_string())?;
        for &seq in rows {
            let row = assembly.push(seq, Bytes::from(seq.to_string()));
            row.map_err(|e| e.to_string())?;
        }
        assembly.finish().map_err(|e| e.to_string())
    }

    #[test]
    fn complete_rooms_come_out_whole() {
        assert_eq!(assemble(Some(0), &[]).unwrap().updates, []);
        let room = assemble(Some(3), &[1, 2, 3]).unwrap();
        assert_eq!(room.head, 3);
        let seqs: Vec<u64> = room.updates.iter().map(|u| u.seq).collect();
        assert_eq!(seqs, [1, 2, 3]);
        assert_eq!(room.updates[1].bytes, "2");
    }

    #[test]
    fn every_kind_of_damage_is_told() {
        for (head, rows, what) in [
            (None, &[1, 2][..], "head is missing"),
            (Some(-1), &[], "negative: -1"),
            (Some(3), &[1, 3], "expected row 2 of 3, found row 3"),
            (Some(3), &[2, 3], "expected row 1 of 3, found row 2"),
            (Some(3), &[1, 2], "head is 3, but the rows end at 2"),
            (Some(3), &[], "head is 3, but the rows end at 0"),
            (Some(2), &[1, 2, 3], "row 3 stands beyond the head 2"),
            (Some(2), &[1, 1], "expected row 2 of 2, found row 1"),
        ] {
            let sentence = assemble(head, rows).unwrap_err();
            assert!(
                sentence.contains(what),
                "{sentence:?} does not say {what:?}"
            );
        }
    }

    #[test]
    fn an_absurd_head_reserves_no_absurd_memory() {
        let sentence = assemble(Some(i64::MAX), &[1]).unwrap_err();
        assert!(sentence.contains("rows end at 1"), "{sentence}");
    }
}
