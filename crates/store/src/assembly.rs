//! Puts a loaded room together: a base, then row by row. Refuses it when that does not add up.
//!
//! Knows no database. The rule: what comes out is complete from where it begins (the base, row 1, or the row that was asked for) to
//! where it ends (the head, or where as much was read as was wanted), or it is an error.

use bytes::Bytes;

use crate::{
    Head, PassedOver, RoomId, Since, Snapshot, StoreError, StoredRoom, StoredUpdate, checksum,
};

/// Room for this many rows is made in advance; a head that claims more makes us grow as rows really come.
const RESERVE_ROWS: u64 = 1 << 16;
/// How many unusable snapshots an error names.
const NAMED: usize = 5;
/// What a row weighs beside its bytes where only so many are wanted: thousands of tiny ones cost memory too.
pub const ROW_WEIGHT: usize = 64;

/// A room that is being read. Snapshots first, newest to oldest, then rows in ascending order.
pub struct Assembly<'a> {
    name: &'a str,
    room: StoredRoom,
    /// Rows up to this one are not wanted.
    after: u64,
    /// What further rows may weigh; 0 when no more are wanted.
    left: usize,
}

impl<'a> Assembly<'a> {
    /// Starts a room from its stored head, `None` when the head's row is missing.
    pub fn new(name: &'a str, id: RoomId, head: Option<i64>) -> Result<Self, StoreError> {
        let head = known_head(head).map_err(|what| corrupt(name, what))?;
        let room = StoredRoom {
            id,
            head,
            base: None,
            updates: Vec::new(),
            passed_over: Vec::new(),
        };
        Ok(Self {
            name,
            room,
            after: 0,
            left: usize::MAX,
        })
    }

    /// Wants no rows up to one that is known, and no more of the others than about so many bytes.
    pub fn behind(self, after: u64, max_bytes: usize) -> Self {
        Self {
            after: after.min(self.room.head),
            ..self.within(max_bytes)
        }
    }

    /// Wants no more rows than about so many bytes, but at least one.
    pub fn within(mut self, max_bytes: usize) -> Self {
        self.left = max_bytes.max(1);
        self
    }

    /// Whether enough was read.
    pub fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Whether the base, if there is one, covers more than the rows up to this one.
    pub fn covers_more_than(&self, seq: u64) -> bool {
        let base = self.room.base.as_ref();
        base.is_some_and(|base| base.info.seq > seq)
    }

    /// The room's id.
    pub fn id(&self) -> RoomId {
        self.room.id
    }

    /// Notes a snapshot that cannot be used.
    pub fn pass_over(&mut self, version: u64, why: String) {
        self.room.passed_over.push(PassedOver { version, why });
    }

    /// Stands the room on a snapshot whose bytes are sound.
    pub fn stand_on(&mut self, base: Snapshot) -> Result<(), StoreError> {
        let (version, seq, head) = (base.info.version, base.info.seq, self.room.head);
        // It is sound, so it is the head that is wrong.
        if seq > head {
            return Err(self.corrupt(format!(
                "its head is {head}, but snapshot {version} covers {seq} updates"
            )));
        }
        self.room.base = Some(base);
        Ok(())
    }

    /// The row from which on rows are wanted.
    pub fn first_seq(&self) -> u64 {
        let base = self.room.base.as_ref();
        base.map_or(self.after, |base| base.info.seq) + 1
    }

    /// The number that the next row must have.
    pub fn next_seq(&self) -> u64 {
        self.first_seq() + self.room.updates.len() as u64
    }

    /// Takes the next row; `None` for the checksum of a row that was written without one.
    pub fn push(&mut self, seq: i64, sum: Option<i64>, bytes: Bytes) -> Result<(), StoreError> {
        let expected = self.next_seq();
        let head = self.room.head;
        let what = match u64::try_from(seq) {
            Ok(seq) if seq > head => format!("row {seq} stands beyond the head {head}"),
            Ok(seq) if seq == expected => match check_row(self.room.id, seq, sum, &bytes) {
                Err(what) => what,
                Ok(()) => {
                    if self.room.updates.is_empty() {
                        let rows = (head - seq + 1).min(RESERVE_ROWS) as usize;
                        let rows = rows.min(self.left / ROW_WEIGHT + 1);
                        self.room.updates.reserve(rows);
                    }
                    self.left = self.left.saturating_sub(bytes.len() + ROW_WEIGHT);
                    self.room.updates.push(StoredUpdate { seq, bytes });
                    return Ok(());
                }
            },
            _ => format!("expected row {expected} of {head}, found row {seq}"),
        };
        Err(self.corrupt(what))
    }

    /// The room, if nothing is missing at its end.
    pub fn finish(self) -> Result<StoredRoom, StoreError> {
        let (last, head) = (self.next_seq() - 1, self.room.head);
        if last != head && !self.is_full() {
            return Err(self.corrupt(format!("its head is {head}, but the rows end at {last}")));
        }
        // A head of 0 says that nothing was ever added. A snapshot is a witness against it.
        if head == 0 && self.room.base.is_none() && !self.room.passed_over.is_empty() {
            return Err(self.corrupt("its head is 0, but it has snapshots".to_owned()));
        }
        Ok(self.room)
    }

    /// Damage of this room, and what else could not be used of it.
    pub fn corrupt(&self, mut what: String) -> StoreError {
        let passed = &self.room.passed_over;
        for (nth, over) in passed.iter().take(NAMED).enumerate() {
            let lead = if nth == 0 { "; passed over" } else { "," };
            what += &format!("{lead} snapshot {} ({})", over.version, over.why);
        }
        if passed.len() > NAMED {
            what += &format!(" and {} more", passed.len() - NAMED);
        }
        corrupt(self.name, what)
    }
}

/// What was read of a room from behind a row that is known.
pub fn since(room: StoredRoom) -> Since {
    Since {
        id: room.id,
        head: room.head,
        base: room.base,
        updates: room.updates,
    }
}

/// Name, id, head and access version of rooms, without those whose head is none.
pub fn heads(found: Vec<(String, i64, i64, i64)>) -> Vec<Head> {
    let known = |(room, id, head, access_version): (String, i64, i64, i64)| {
        Some(Head {
            room: room.into(),
            id: RoomId(id),
            seq: u64::try_from(head).ok()?,
            access_version: access_version.cast_unsigned(),
        })
    };
    found.into_iter().filter_map(known).collect()
}

/// The head, or why it is none.
pub fn known_head(head: Option<i64>) -> Result<u64, String> {
    let head = head.ok_or_else(|| "its head is missing".to_owned())?;
    u64::try_from(head).map_err(|_| format!("its head is negative: {head}"))
}

/// Whether these are the bytes that were stored as that row, as far as that can be told.
pub fn check_row(room: RoomId, seq: u64, sum: Option<i64>, bytes: &[u8]) -> Result<(), String> {
    match sum {
        Some(sum) if sum != checksum::of_row(room, seq, bytes) => {
            Err(format!("the checksum of row {seq} does not hold"))
        }
        _ => Ok(()),
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
    use crate::snapshot::{Builder, SnapshotInfo};

    fn base(seq: u64) -> Snapshot {
        Snapshot {
            info: SnapshotInfo {
                version: 1,
                seq,
                size: 0,
                listed: false,
                builder: Builder::Doc,
                note: None,
                label: None,
                author: None,
                time_ms: 0,
            },
            state_vector: Bytes::new(),
            data: Bytes::new(),
        }
    }

    fn assemble(
        head: Option<i64>,
        base_seq: Option<u64>,
        rows: &[i64],
    ) -> Result<StoredRoom, String> {
        let mut assembly = Assembly::new("r", RoomId(1), head).map_err(|e| e.to_string())?;
        if let Some(seq) = base_seq {
            assembly.stand_on(base(seq)).map_err(|e| e.to_string())?;
        }
        for &seq in rows {
            let bytes = Bytes::from(seq.to_string());
            let sum = checksum::of_row(RoomId(1), seq.unsigned_abs(), &bytes);
            let row = assembly.push(seq, (seq != 2).then_some(sum), bytes);
            row.map_err(|e| e.to_string())?;
        }
        assembly.finish().map_err(|e| e.to_string())
    }

    #[test]
    fn complete_rooms_come_out_whole() {
        assert_eq!(assemble(Some(0), None, &[]).unwrap().updates, []);
        assert_eq!(assemble(Some(9), Some(9), &[]).unwrap().updates, []);
        let room = assemble(Some(3), None, &[1, 2, 3]).unwrap();
        assert_eq!(room.head, 3);
        let seqs: Vec<u64> = room.updates.iter().map(|u| u.seq).collect();
        assert_eq!(seqs, [1, 2, 3]);
        assert_eq!(room.updates[1].bytes, "2");
        let room = assemble(Some(4), Some(2), &[3, 4]).unwrap();
        assert_eq!((room.head, room.updates[0].seq), (4, 3));
    }

    #[test]
    fn every_kind_of_damage_is_told() {
        for (head, base_seq, rows, what) in [
            (None, None, &[1, 2][..], "head is missing"),
            (Some(-1), None, &[], "negative: -1"),
            (Some(3), None, &[1, 3], "expected row 2 of 3, found row 3"),
            (Some(3), None, &[2, 3], "expected row 1 of 3, found row 2"),
            (Some(3), None, &[1, 2], "head is 3, but the rows end at 2"),
            (Some(3), None, &[], "head is 3, but the rows end at 0"),
            (Some(2), None, &[1, 2, 3], "row 3 stands beyond the head 2"),
            (Some(2), None, &[1, 1], "expected row 2 of 2, found row 1"),
            (
                Some(5),
                Some(2),
                &[4, 5],
                "expected row 3 of 5, found row 4",
            ),
            (
                Some(5),
                Some(2),
                &[3, 4],
                "head is 5, but the rows end at 4",
            ),
            (Some(5), Some(2), &[], "head is 5, but the rows end at 2"),
            (Some(5), Some(6), &[], "head is 5, but snapshot 1 covers 6"),
        ] {
            let sentence = assemble(head, base_seq, rows).unwrap_err();
            assert!(
                sentence.contains(what),
                "{sentence:?} does not say {what:?}"
            );
        }
        let mut assembly = Assembly::new("r", RoomId(1), Some(1)).unwrap();
        let sum = checksum::of_row(RoomId(1), 1, b"1");
        let row = assembly.push(1, Some(sum), Bytes::from_static(b"2"));
        let sentence = row.unwrap_err().to_string();
        assert!(sentence.contains("checksum of row 1"), "{sentence}");
    }

    #[test]
    fn what_was_passed_over_stands_in_the_error_and_in_the_room() {
        let room = |head| {
            let mut assembly = Assembly::new("r", RoomId(1), Some(head)).unwrap();
            for version in (1..=7).rev() {
                assembly.pass_over(version, format!("why {version}"));
            }
            assembly
        };
        for head in [0, 3] {
            let sentence = room(head).finish().unwrap_err().to_string();
            let named = "; passed over snapshot 7 (why 7), snapshot 6 (why 6), ";
            assert!(sentence.contains(named), "{sentence}");
            assert!(sentence.ends_with("snapshot 3 (why 3) and 2 more"));
        }
        let mut with_base = room(3);
        with_base.stand_on(base(3)).unwrap();
        let loaded = with_base.finish().unwrap();
        assert_eq!(loaded.passed_over.len(), 7);
        assert_eq!(loaded.passed_over[0].version, 7);
    }

    #[test]
    fn an_absurd_head_reserves_no_absurd_memory() {
        let sentence = assemble(Some(i64::MAX), None, &[1]).unwrap_err();
        assert!(sentence.contains("rows end at 1"), "{sentence}");
    }
}
