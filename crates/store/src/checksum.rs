//! The checksums of what is stored.
//!
//! Knows bytes and the place that they belong to, no database. The rule: what is computed here is a stored format. A
//! value that changes makes every database look damaged; the tests hold it to what it was.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

use crate::RoomId;

/// Tells snapshots from rows: "snapshot" as bytes.
const SNAPSHOT: u64 = 0x746f_6873_7061_6e73;

/// Which snapshot it is.
#[derive(Clone, Copy)]
pub struct SnapshotPlace {
    pub room: RoomId,
    pub version: u64,
    pub seq: u64,
}

/// Of the bytes of one row. Those of another room or row have another one.
pub fn of_row(room: RoomId, seq: u64, bytes: &[u8]) -> i64 {
    let seed = seed(&[room.0.cast_unsigned(), seq]);
    XxHash3_64::oneshot_with_seed(seed, bytes).cast_signed()
}

/// Of a snapshot's state vector and data.
pub fn of_snapshot(place: SnapshotPlace, state_vector: &[u8], data: &[u8]) -> i64 {
    let room = place.room.0.cast_unsigned();
    let seed = seed(&[SNAPSHOT, room, place.version, place.seq]);
    let mut hasher = XxHash3_64::with_seed(seed);
    // The length keeps bytes from moving from one into the other.
    hasher.write(&(state_vector.len() as u64).to_le_bytes());
    hasher.write(state_vector);
    hasher.write(data);
    hasher.finish().cast_signed()
}

fn seed(numbers: &[u64]) -> u64 {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    XxHash3_64::oneshot(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(room: i64, version: u64, seq: u64) -> SnapshotPlace {
        let room = RoomId(room);
        SnapshotPlace { room, version, seq }
    }

    /// Short and long inputs take different ways through the hash.
    fn long() -> Vec<u8> {
        (0..100_000_u32).map(|n| (n * 7 % 251) as u8).collect()
    }

    /// Reproduced with the reference implementation's binding for another language.
    #[test]
    fn the_values_are_those_that_databases_hold() {
        let rows = [
            of_row(RoomId(1), 1, b""),
            of_row(RoomId(1), 2, b"update"),
            of_row(RoomId(i64::MAX), u64::MAX >> 1, &long()),
        ];
        assert_eq!(
            rows,
            [
                -3_831_396_701_803_889_314,
                -2_567_519_271_240_783_110,
                -8_021_037_404_341_861_588,
            ]
        );
        let snapshots = [
            of_snapshot(place(1, 1, 0), b"\0", b"\0\0"),
            of_snapshot(place(1, 2, 7), b"vector", b"data"),
            of_snapshot(place(9, 300, 1 << 40), &long()[..999], &long()),
        ];
        assert_eq!(
            snapshots,
            [
                -6_618_010_442_599_524_277,
                2_620_442_917_010_734_647,
                -8_152_361_291_413_942_369,
            ]
        );
    }

    #[test]
    fn another_place_or_byte_gives_another_value() {
        let mut values = vec![
            of_row(RoomId(1), 2, b"ab"),
            of_row(RoomId(2), 1, b"ab"),
            of_row(RoomId(1), 3, b"ab"),
            of_row(RoomId(1), 2, b"aB"),
            of_snapshot(place(1, 2, 3), b"a", b"b"),
            of_snapshot(place(2, 2, 3), b"a", b"b"),
            of_snapshot(place(1, 3, 2), b"a", b"b"),
            of_snapshot(place(1, 2, 4), b"a", b"b"),
            of_snapshot(place(1, 2, 3), b"", b"ab"),
            of_snapshot(place(1, 2, 3), b"ab", b""),
            of_snapshot(place(1, 2, 3), b"a", b"c"),
        ];
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 11);
    }
}
