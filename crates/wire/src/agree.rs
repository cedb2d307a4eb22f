//! Whether updates say the same of some clocks of a client, however each of them has cut or joined its structs.
//!
//! Looks at content alone, clock by clock: not at where it stands. The rule: what cannot be compared does not agree.

use std::collections::HashMap;
use std::ops::Range;

use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::{ListFacts, Visit, walk};
use crate::structs::{Struct, kind};
use crate::value::{self, ValueFacts};
use crate::varint::Reader;

/// More clocks than this are not compared; each takes some 40 bytes meanwhile.
const MAX_CLOCKS: usize = 65_536;

/// What stands at one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit<'a> {
    /// Something deleted, of which nothing else is known.
    Gone,
    /// A UTF-16 unit of text.
    Text(u16),
    /// Anything else, by its kind and its bytes.
    Value(u8, &'a [u8]),
}

/// Whether at all of `clocks` of `client` the same stands in `update` as in one of `others`.
///
/// # Errors
/// Where one of them does not scan.
pub fn agree<'a>(
    update: &[u8],
    others: impl IntoIterator<Item = &'a [u8]>,
    client: u64,
    clocks: Range<u32>,
    limits: &Limits,
) -> Result<bool, Malformed> {
    if clocks.len() > MAX_CLOCKS {
        return Ok(false);
    }
    let mut left = units(update, client, &clocks, limits)?;
    let whole = left.len() == clocks.len();
    for other in others {
        for (clock, unit) in units(other, client, &clocks, limits)? {
            if left.get(&clock) == Some(&unit) {
                left.remove(&clock);
            }
        }
    }
    Ok(whole && left.is_empty())
}

fn units<'a>(
    update: &'a [u8],
    client: u64,
    clocks: &Range<u32>,
    limits: &Limits,
) -> Result<HashMap<u32, Unit<'a>>, Malformed> {
    struct Collect<'a, 'c> {
        update: &'a [u8],
        client: u64,
        clocks: &'c Range<u32>,
        depth: usize,
        units: HashMap<u32, Unit<'a>>,
    }

    impl Visit for Collect<'_, '_> {
        fn structure(&mut self, client: u64, structure: &Struct) {
            if client == self.client
                && !structure.is_skip()
                && structure.clock < self.clocks.end
                && self.clocks.start < structure.end()
            {
                // It was read before it is shown here, so it reads again.
                drop(self.add(structure));
            }
        }

        fn list(&mut self, _list: &ListFacts) {}

        fn deleted(&mut self, _client: u64, _start: u32, _end: u32) {}
    }

    impl<'a> Collect<'a, '_> {
        fn add(&mut self, structure: &Struct) -> Result<(), Malformed> {
            let mut reader = Reader::again(self.update, structure.content_at);
            let (clocks, units) = (self.clocks, &mut self.units);
            let mut put = |clock: u32, unit| {
                if clocks.contains(&clock) {
                    units.insert(clock, unit);
                }
            };
            match structure.kind() {
                kind::GC | kind::DELETED => {
                    let (from, to) = (
                        structure.clock.max(clocks.start),
                        structure.end().min(clocks.end),
                    );
                    (from..to).for_each(|clock| put(clock, Unit::Gone));
                }
                kind::STRING => (structure.clock..)
                    .zip(reader.var_str()?.encode_utf16())
                    .for_each(|(clock, unit)| put(clock, Unit::Text(unit))),
                kind::ANY => {
                    reader.number()?;
                    for clock in structure.clock..structure.end() {
                        let at = reader.at();
                        value::skip(&mut reader, self.depth, &mut ValueFacts::default())?;
                        put(clock, Unit::Value(kind::ANY, &self.update[at..reader.at()]));
                    }
                }
                other => put(
                    structure.clock,
                    Unit::Value(other, &self.update[structure.content_at..structure.end_at]),
                ),
            }
            Ok(())
        }
    }

    let mut collect = Collect {
        update,
        client,
        clocks,
        depth: limits.value_depth,
        units: HashMap::new(),
    };
    walk(update, &limits.without_counts(), &mut collect)?;
    Ok(collect.units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of client 10 from a clock on.
    fn text(clock: u8, text: &str) -> Vec<u8> {
        let mut update = vec![1, 1, 10, clock];
        match clock.checked_sub(1) {
            Some(left) => update.extend([0x84, 10, left]),
            None => update.extend([0x04, 1, 1, b't']),
        }
        update.push(text.len() as u8);
        update.extend(text.as_bytes());
        update.push(0);
        update
    }

    fn agrees(update: &[u8], others: &[Vec<u8>], clocks: Range<u32>) -> bool {
        let others = others.iter().map(|other| &other[..]);
        agree(update, others, 10, clocks, &Limits::default()).unwrap()
    }

    #[test]
    fn l4_the_same_text_agrees_however_it_is_cut() {
        let merged = text(2, "hé😀o");
        let parts = [text(2, "h"), text(3, "é😀"), text(6, "o")];
        assert!(agrees(&merged, &parts, 2..7));
        assert!(agrees(&parts[1], std::slice::from_ref(&merged), 3..6));
        assert!(!agrees(&merged, &parts[..2], 2..7), "some of it is missing");
        assert!(!agrees(&text(2, "hê"), &parts, 2..4));
        assert!(
            !agrees(&parts[0], &parts, 2..4),
            "it says nothing of clock 3"
        );
    }

    #[test]
    fn l4_what_is_gone_agrees_with_what_is_gone_alone() {
        let gone = vec![1, 1, 10, 2, 0, 5, 0];
        let deleted = vec![1, 1, 10, 0, 1, 1, 1, b't', 9, 0];
        assert!(agrees(&gone, std::slice::from_ref(&deleted), 2..7));
        assert!(!agrees(&text(2, "h"), &[gone], 2..3));
        assert!(!agrees(&text(0, "h"), &[deleted], 0..1));
    }

    #[test]
    fn l4_values_agree_by_their_bytes() {
        let values = |clock: u8, numbers: &[u8]| {
            let mut update = vec![1, 1, 10, clock, 0x08, 1, 1, b't', numbers.len() as u8];
            numbers
                .iter()
                .for_each(|number| update.extend([125, *number]));
            update.push(0);
            update
        };
        let both = values(0, &[7, 8]);
        assert!(agrees(&values(1, &[8]), std::slice::from_ref(&both), 1..2));
        assert!(!agrees(&values(1, &[9]), &[both], 1..2));
    }
}
