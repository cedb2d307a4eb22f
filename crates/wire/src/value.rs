//! lib0 "any" values: what maps and arrays hold. They are stepped over, never built.
//!
//! Knows tags and depth, not meaning. The rule: a declared count is worth nothing until the bytes for it are there.

use crate::malformed::{Malformed, Reason};
use crate::varint::Reader;

/// What the values of an update hold that others need to know about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ValueFacts {
    pub has_bigint: bool,
}

/// The tag of a map.
pub(crate) const MAP: u8 = 118;

/// Steps over one value, recursing at most `depth` times.
#[inline]
pub(crate) fn skip(
    reader: &mut Reader<'_>,
    depth: usize,
    facts: &mut ValueFacts,
) -> Result<(), Malformed> {
    step_over(reader, depth, facts, &|reader| reader.var_text().map(drop))
}

/// Steps over one value of an update that the gate has let through, with a second look at nothing but lengths; recurses at
/// most `depth` times.
#[inline]
pub fn step(reader: &mut Reader<'_>, depth: usize) -> Result<(), Malformed> {
    let facts = &mut ValueFacts::default();
    step_over(reader, depth, facts, &|reader| reader.var_bytes().map(drop))
}

fn step_over(
    reader: &mut Reader<'_>,
    depth: usize,
    facts: &mut ValueFacts,
    text: &impl Fn(&mut Reader<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let start = reader.at();
    match reader.byte()? {
        // undefined, null, false, true
        127 | 126 | 121 | 120 => Ok(()),
        125 => reader.signed().map(drop),
        124 => reader.take(4).map(drop),
        123 => reader.take(8).map(drop),
        122 => {
            facts.has_bigint = true;
            reader.take(8).map(drop)
        }
        119 => text(reader),
        MAP => {
            let inner = depth
                .checked_sub(1)
                .ok_or_else(|| Reason::Depth.at(start))?;
            // A key takes at least its length byte, a value its tag.
            for _ in 0..reader.count(2)? {
                text(reader)?;
                step_over(reader, inner, facts, text)?;
            }
            Ok(())
        }
        117 => {
            let inner = depth
                .checked_sub(1)
                .ok_or_else(|| Reason::Depth.at(start))?;
            for _ in 0..reader.count(1)? {
                step_over(reader, inner, facts, text)?;
            }
            Ok(())
        }
        116 => reader.var_bytes().map(drop),
        _ => Err(Reason::Tag.at(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip_all(bytes: &[u8]) -> Result<bool, Reason> {
        let mut reader = Reader::new(bytes);
        let mut facts = ValueFacts::default();
        skip(&mut reader, 4, &mut facts)
            .and_then(|()| reader.end())
            .map(|()| facts.has_bigint)
            .map_err(|e| e.reason)
    }

    #[test]
    fn a_second_look_is_at_lengths_alone() {
        let step_all = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            step(&mut reader, 2)
                .map(|()| reader.at())
                .map_err(|e| e.reason)
        };
        let list = [117, 2, 118, 1, 1, b'k', 119, 1, 0xff, 125, 0x80, 1];
        assert_eq!(skip_all(&list), Err(Reason::Utf8));
        assert_eq!(step_all(&list), Ok(list.len()));
        assert_eq!(step_all(&[126, 126]), Ok(1));
        assert_eq!(step_all(&[119, 2, b'x']), Err(Reason::Truncated));
        assert_eq!(step_all(&[117, 1, 117, 1, 117, 0]), Err(Reason::Depth));
        assert_eq!(step_all(&[118, 0xff, 0x7f]), Err(Reason::Count));
    }

    #[test]
    fn every_tag_is_stepped_over() {
        for bytes in [
            &[127][..],
            &[126],
            &[125, 0x41],
            &[124, 0, 0, 0, 0],
            &[123, 0, 0, 0, 0, 0, 0, 0, 0],
            &[121],
            &[120],
            &[119, 2, b'h', b'i'],
            &[118, 1, 1, b'k', 126],
            &[117, 2, 120, 121],
            &[116, 3, 1, 2, 3],
        ] {
            assert_eq!(skip_all(bytes), Ok(false), "{bytes:?}");
        }
        assert_eq!(skip_all(&[115]), Err(Reason::Tag));
        assert_eq!(skip_all(&[128]), Err(Reason::Tag));
    }

    #[test]
    fn bigints_are_flagged_at_any_depth() {
        let bytes = [117, 1, 118, 1, 0, 122, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(skip_all(&bytes), Ok(true));
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(skip_all(&[117, 1, 117, 1, 117, 1, 117, 0]), Ok(false));
        assert_eq!(
            skip_all(&[117, 1, 117, 1, 117, 1, 117, 1, 117, 0]),
            Err(Reason::Depth)
        );
        let deep: Vec<u8> = [118, 1, 0].repeat(100_000);
        assert_eq!(skip_all(&deep), Err(Reason::Depth));
    }

    #[test]
    fn huge_counts_are_refused_at_once() {
        assert_eq!(
            skip_all(&[117, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            Err(Reason::Count)
        );
        assert_eq!(
            skip_all(&[118, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            Err(Reason::Count)
        );
        assert_eq!(
            skip_all(&[116, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            Err(Reason::Truncated)
        );
    }
}
