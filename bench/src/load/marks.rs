//! Finds the markers of [forged](super::forged) updates in whatever a server sends: as they were, or merged with others.
//!
//! The one rule: a gap is never taken for something that arrived.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use scrible_wire::varint::Reader;
use scrible_wire::{Limits, scan};

/// The kind of a struct that holds bytes, in the bits that say so.
const KIND: u8 = 0x1f;
const BINARY: u8 = 3;

/// Tells whose clocks an update brings.
#[inline]
pub fn marks(update: &[u8], mut each: impl FnMut(u64, Range<u32>)) -> Result<()> {
    // As it was written: nearly all are.
    if let Some((client, clock)) = single(update) {
        each(client, clock..clock + 1);
        return Ok(());
    }
    let scan = scan(update, &Limits::default()).context("an update that is none")?;
    ensure!(!scan.has_skip, "an update with a gap");
    for list in scan.lists {
        each(list.client, list.start..list.end);
    }
    Ok(())
}

#[inline]
fn single(update: &[u8]) -> Option<(u64, u32)> {
    let [1, 1, rest @ ..] = update else {
        return None;
    };
    let mut reader = Reader::new(rest);
    let client = reader.number().ok()?;
    let clock = reader.number().ok()?;
    let kind = reader.byte().ok()? & KIND;
    (kind == BINARY).then_some((client, u32::try_from(clock).ok()?))
}

#[cfg(test)]
mod tests {
    use scrible_wire::merge::merge;

    use super::*;
    use crate::load::forged::{FIRST_WRITER, append, appends};

    fn found(update: &[u8]) -> Result<Vec<(u64, Range<u32>)>> {
        let mut found = Vec::new();
        marks(update, |client, clocks| {
            found.push((client - FIRST_WRITER, clocks));
        })?;
        Ok(found)
    }

    #[test]
    fn markers_are_found_alone_and_merged_but_not_across_a_gap() {
        let one = |writer, clock| append(FIRST_WRITER + writer, clock, 100);
        assert_eq!(found(&one(3, 7)).unwrap(), [(3, 7..8)]);
        let many = appends(FIRST_WRITER, 5..9, 100);
        assert_eq!(found(&many).unwrap(), [(0, 5..9)]);
        let parts = [one(0, 0), one(1, 0), one(0, 1)];
        let parts = parts.iter().map(Vec::as_slice);
        let merged = merge(parts, &Limits::default()).unwrap();
        let mut both = found(&merged).unwrap();
        both.sort_unstable_by_key(|(writer, _)| *writer);
        assert_eq!(both, [(0, 0..2), (1, 0..1)]);
        assert!(found(&[0, 0]).unwrap().is_empty());
        assert!(found(&[1, 1, 0]).is_err());

        // A Skip of three clocks between two of the values.
        let mut gap = vec![1, 3];
        scrible_wire::varint::write_number(&mut gap, FIRST_WRITER);
        gap.extend([0, 0x03, 1, 1, b'a', 1, 7, 10, 3, 0x83]);
        scrible_wire::varint::write_number(&mut gap, FIRST_WRITER);
        gap.extend([3, 1, 7, 0]);
        assert!(found(&gap).unwrap_err().to_string().contains("gap"));
    }
}
