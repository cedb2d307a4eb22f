//! How the answer to a node's last batch is remembered, so that the batch can be sent again.
//!
//! Knows nothing of databases; all of them keep the same bytes. The rule: what [`encode`] once wrote must stay
//! readable, because a node may retry across an update of the program. A new shape gets a new first byte.

use crate::{Batch, Receipt, RoomId, RoomReceipt, StoreError};

const VERSION: u8 = 1;
/// id, first sequence number, number of updates.
const ENTRY: usize = 8 + 8 + 4;

/// The receipt as bytes, with the number of updates of each room, by which a repeated batch is recognised.
pub fn encode(batch: &Batch, receipt: &Receipt) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + receipt.rooms.len() * ENTRY);
    out.push(VERSION);
    for (asked, got) in batch.rooms.iter().zip(&receipt.rooms) {
        // A batch is bounded by memory, far below 2^32 updates; a count that does not fit matches nothing later.
        let n = u32::try_from(asked.updates.len()).unwrap_or(u32::MAX);
        // Numbers begin at 1, so zeros say that the room was left out.
        let (id, first_seq) = got.map_or((0, 0), |got| (got.id.0, got.first_seq));
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&first_seq.to_be_bytes());
        out.extend_from_slice(&n.to_be_bytes());
    }
    out
}

/// The receipt that this very batch had. A batch of another shape is a conflict: its rows were never stored, and
/// acknowledging them would lose them.
pub fn decode_for(batch: &Batch, bytes: &[u8]) -> Result<Receipt, StoreError> {
    let entries = match bytes.split_first() {
        Some((&VERSION, entries)) if entries.len() % ENTRY == 0 => entries,
        _ => {
            return Err(StoreError::Conflict(format!(
                "the receipt of batch {} of node {} was written by another version of this program",
                batch.number, batch.node
            )));
        }
    };
    let mismatch = || {
        StoreError::Conflict(format!(
            "batch {} of node {} was committed before with other contents",
            batch.number, batch.node
        ))
    };
    if entries.len() / ENTRY != batch.rooms.len() {
        return Err(mismatch());
    }
    let mut rooms = Vec::with_capacity(batch.rooms.len());
    for (asked, entry) in batch.rooms.iter().zip(entries.chunks_exact(ENTRY)) {
        let (id, rest) = entry.split_at(8);
        let (first_seq, n) = rest.split_at(8);
        let id = RoomId(i64::from_be_bytes(id.try_into().expect("8 bytes")));
        let first_seq = u64::from_be_bytes(first_seq.try_into().expect("8 bytes"));
        let n = u32::from_be_bytes(n.try_into().expect("4 bytes"));
        if asked.updates.len() != n as usize {
            return Err(mismatch());
        }
        if first_seq == 0 {
            rooms.push(None);
            continue;
        }
        if asked.id.is_some_and(|known| known != id) {
            return Err(mismatch());
        }
        rooms.push(Some(RoomReceipt { id, first_seq }));
    }
    Ok(Receipt { rooms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Incarnation, NewUpdate, RoomAppend};

    fn batch(counts: &[usize]) -> Batch {
        let rooms = counts.iter().enumerate().map(|(i, &n)| RoomAppend {
            room: format!("room {i}").into(),
            id: None,
            updates: vec![
                NewUpdate {
                    bytes: bytes::Bytes::from_static(b"x"),
                    author: None,
                    time_ms: 0
                };
                n
            ],
        });
        Batch {
            node: Incarnation(7),
            number: 3,
            rooms: rooms.collect(),
        }
    }

    fn receipt() -> Receipt {
        let room = |id, first_seq| {
            let id = RoomId(id);
            Some(RoomReceipt { id, first_seq })
        };
        Receipt {
            rooms: vec![room(1, 1), room(i64::MAX, u64::MAX), room(3, 9)],
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        let batch = batch(&[2, 0, 1]);
        let bytes = encode(&batch, &receipt());
        assert_eq!(decode_for(&batch, &bytes).unwrap(), receipt());
        let mut partly = receipt();
        partly.rooms[1] = None;
        let bytes = encode(&batch, &partly);
        assert_eq!(decode_for(&batch, &bytes).unwrap(), partly);
    }

    #[test]
    fn another_batch_under_the_same_number_is_a_conflict() {
        let bytes = encode(&batch(&[2, 0, 1]), &receipt());
        let mut renamed = batch(&[2, 0, 1]);
        renamed.rooms[2].id = Some(RoomId(4));
        for other in [batch(&[2, 0]), batch(&[2, 0, 2]), batch(&[]), renamed] {
            let error = decode_for(&other, &bytes).unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
    }

    #[test]
    fn foreign_bytes_are_a_conflict_and_no_panic() {
        for bytes in [&b""[..], b"\x02", b"\x01abc", b"\x00"] {
            let error = decode_for(&batch(&[1]), bytes).unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
    }
}
