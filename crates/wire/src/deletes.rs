//! Delete ranges: sets of clock ranges per client, and how a delete set is written.
//!
//! Does not know whether what is deleted exists. The rule: ranges in a set never overlap or touch, so that equal sets
//! are equal values and known parts are found by one look-up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::varint::write_number;

/// The delete set of an update: clients, each with ranges from the first clock to the one behind the last, in the order of the
/// bytes.
///
/// Flat, because hostile updates delete of nothing but very many clients, and a list for each of them would take most of the time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteSet {
    /// Who, and where in `ranges` those of the next one begin.
    clients: SmallVec<[(u64, usize); 2]>,
    ranges: SmallVec<[(u32, u32); 4]>,
}

impl DeleteSet {
    /// Whether nothing is deleted.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Each client that something is deleted of, and its ranges.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &[(u32, u32)])> {
        let mut from = 0;
        self.clients.iter().map(move |(client, to)| {
            let ranges = &self.ranges[from..*to];
            from = *to;
            (*client, ranges)
        })
    }

    /// Makes room for so many clients.
    pub(crate) fn reserve_exact(&mut self, clients: usize) {
        self.clients.reserve_exact(clients);
        self.ranges.reserve(clients);
    }

    pub(crate) fn clear(&mut self) {
        self.clients.clear();
        self.ranges.clear();
    }

    /// Adds a range of the last client, or of another one.
    #[inline]
    pub(crate) fn push(&mut self, client: u64, start: u32, end: u32) {
        self.ranges.push((start, end));
        match self.clients.last_mut() {
            Some((last, to)) if *last == client => *to += 1,
            _ => self.clients.push((client, self.ranges.len())),
        }
    }
}

/// The deleted clocks of one client.
#[derive(Debug, Clone)]
pub(crate) enum Ranges {
    /// Up to [`FEW`], in ascending order. Mostly one or two: those of very many clients must not take an allocation each.
    Few(SmallVec<[(u32, u32); 2]>),
    /// First clock to the one behind the last. A tree, because documents with much typing hold many thousands of ranges and
    /// each small update must stay cheap.
    Many(BTreeMap<u32, u32>),
}

/// So many ranges are moved faster than a tree is searched.
const FEW: usize = 32;

impl Default for Ranges {
    fn default() -> Self {
        Ranges::Few(SmallVec::new())
    }
}

impl PartialEq for Ranges {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Ranges {}

impl Ranges {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.since(0)
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Ranges::Few(few) => few.len(),
            Ranges::Many(many) => many.len(),
        }
    }

    /// From the last range on that starts at this clock or before; from the first where there is none such.
    fn since(&self, clock: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (few, many) = match self {
            Ranges::Few(few) => {
                let behind = few.partition_point(|(start, _)| *start <= clock);
                (&few[behind.saturating_sub(1)..], None)
            }
            Ranges::Many(many) => {
                let last = many.range(..=clock).next_back();
                let first = last.map_or(0, |(start, _)| *start);
                (&[][..], Some(many.range(first..)))
            }
        };
        let many = many
            .into_iter()
            .flatten()
            .map(|(start, end)| (*start, *end));
        few.iter().copied().chain(many)
    }

    /// Whether nothing of `start..end` is in the set.
    pub(crate) fn lacks_all(&self, start: u32, end: u32) -> bool {
        let held_end = match self {
            Ranges::Few(few) => {
                let behind = few.partition_point(|(held_start, _)| *held_start < end);
                few[..behind].last().map(|(_, held_end)| *held_end)
            }
            Ranges::Many(many) => many.range(..end).next_back().map(|(_, end)| *end),
        };
        held_end.is_none_or(|held_end| held_end <= start)
    }

    /// Whether all of these ascending ranges are in the set; `false` where they do not ascend. One step through the set
    /// for each range, as whole delete sets are compared this way.
    pub(crate) fn covers(&self, ascending: &[(u32, u32)]) -> bool {
        let Some((first, _)) = ascending.first() else {
            return true;
        };
        let mut held = self.since(*first);
        let mut current = held.next();
        ascending.iter().all(|(start, end)| {
            while let Some((_, held_end)) = current
                && held_end <= *start
            {
                current = held.next();
            }
            current.is_some_and(|(held_start, held_end)| held_start <= *start && *end <= held_end)
        })
    }

    /// Calls `piece` with each part of `start..end` that is not in the set.
    pub(crate) fn each_missing(&self, start: u32, end: u32, mut piece: impl FnMut(u32, u32)) {
        let mut from = start;
        for (held_start, held_end) in self.since(start) {
            if held_start >= end {
                break;
            }
            if held_start > from {
                piece(from, held_start);
            }
            from = from.max(held_end);
            if from >= end {
                return;
            }
        }
        if from < end {
            piece(from, end);
        }
    }

    /// Calls `piece` with what of these ascending ranges is not in the set.
    pub(crate) fn each_missing_of(
        &self,
        ascending: &[(u32, u32)],
        mut piece: impl FnMut(u32, u32),
    ) {
        if ascending.len() < self.len() / BUILT_ANEW {
            for (start, end) in ascending {
                self.each_missing(*start, *end, &mut piece);
            }
            return;
        }
        let mut held = self.iter().peekable();
        for (start, end) in ascending {
            let mut from = *start;
            while from < *end {
                match held.peek() {
                    Some((_, held_end)) if *held_end <= from => drop(held.next()),
                    Some((held_start, held_end)) if *held_start < *end => {
                        if from < *held_start {
                            piece(from, *held_start);
                        }
                        from = *held_end;
                    }
                    _ => {
                        piece(from, *end);
                        break;
                    }
                }
            }
        }
    }

    /// Adds ascending ranges.
    pub(crate) fn insert_all(&mut self, ascending: &[(u32, u32)]) {
        let few = self.len() + ascending.len() <= FEW;
        if few || ascending.len() < 2 || ascending.len() < self.len() / BUILT_ANEW {
            for (start, end) in ascending {
                self.insert(*start, *end);
            }
            return;
        }
        let mut all: Vec<(u32, u32)> = self.iter().collect();
        all.extend_from_slice(ascending);
        normalize(&mut all);
        *self = if all.len() <= FEW {
            Ranges::Few(SmallVec::from_slice(&all))
        } else {
            Ranges::Many(all.into_iter().collect())
        };
    }

    /// Adds `start..end`, joined with whatever it overlaps or touches.
    pub(crate) fn insert(&mut self, start: u32, end: u32) {
        debug_assert!(start < end);
        match self {
            Ranges::Few(few) => {
                insert_few(few, start, end);
                if few.len() > FEW {
                    *self = Ranges::Many(few.iter().copied().collect());
                }
            }
            Ranges::Many(many) => insert_many(many, start, end),
        }
    }
}

fn insert_few(few: &mut SmallVec<[(u32, u32); 2]>, start: u32, end: u32) {
    if few.last().is_none_or(|(_, last_end)| *last_end < start) {
        few.push((start, end));
        return;
    }
    let from = few.partition_point(|(_, held_end)| *held_end < start);
    let to = few.partition_point(|(held_start, _)| *held_start <= end);
    if from == to {
        few.insert(from, (start, end));
        return;
    }
    few[from] = (start.min(few[from].0), end.max(few[to - 1].1));
    few.drain(from + 1..to);
}

fn insert_many(many: &mut BTreeMap<u32, u32>, mut start: u32, mut end: u32) {
    if let Some((held_start, held_end)) = many.range(..=start).next_back()
        && *held_end >= start
    {
        if *held_end >= end {
            return;
        }
        start = *held_start;
    }
    while let Some((held_start, held_end)) = many.range(start..=end).next_back() {
        let held_start = *held_start;
        end = end.max(*held_end);
        many.remove(&held_start);
    }
    many.insert(start, end);
}

/// Where many ranges come at once, the tree is built anew: that takes so many times less for each.
const BUILT_ANEW: usize = 8;

/// Whether ranges come in order and don't overlap. They may touch.
pub(crate) fn ascend(ranges: &[(u32, u32)]) -> bool {
    ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

/// Sorts ranges and joins those that overlap or touch.
pub(crate) fn normalize(ranges: &mut Vec<(u32, u32)>) {
    if !ranges.is_sorted() {
        let mut ones: Vec<u64> = ranges.iter().copied().map(one).collect();
        // Finds what is in order already, as two sets behind one another are.
        ones.sort();
        ranges.clear();
        ranges.extend(ones.into_iter().map(both));
    }
    ranges.dedup_by(|next, held| {
        let joined = next.0 <= held.1;
        if joined {
            held.1 = held.1.max(next.1);
        }
        joined
    });
}

/// Writes the delete set that ranges of any clients make, clients in descending order as Yjs writes them.
pub(crate) fn write_merged(out: &mut Vec<u8>, mut ranges: Vec<(u64, u32, u32)>) {
    let order = |(client, ..): &(u64, u32, u32)| Reverse(*client);
    if !ranges.is_sorted_by_key(order) {
        // Finds what is in order already, as the sets of several updates behind one another are.
        ranges.sort_by_key(order);
    }
    let mut ones = Vec::new();
    for client in ranges.chunk_by_mut(same_client) {
        if client.is_sorted_by_key(|(_, start, _)| *start) {
            continue;
        }
        ones.clear();
        ones.extend(client.iter().map(|(_, start, end)| one((*start, *end))));
        ones.sort();
        for (range, one) in client.iter_mut().zip(&ones) {
            (range.1, range.2) = both(*one);
        }
    }
    ranges.dedup_by(|next, held| {
        let joined = same_client(next, held) && next.1 <= held.2;
        if joined {
            held.2 = held.2.max(next.2);
        }
        joined
    });
    let clients = || ranges.chunk_by(same_client);
    write_number(out, clients().count() as u64);
    for client in clients() {
        write_number(out, client[0].0);
        write_number(out, client.len() as u64);
        for (_, start, end) in client {
            write_number(out, u64::from(*start));
            write_number(out, u64::from(end - start));
        }
    }
}

fn same_client(one: &(u64, u32, u32), other: &(u64, u32, u32)) -> bool {
    one.0 == other.0
}

/// A range as a single number: so they sort four times as fast.
fn one((start, end): (u32, u32)) -> u64 {
    u64::from(start) << 32 | u64::from(end)
}

fn both(one: u64) -> (u32, u32) {
    ((one >> 32) as u32, one as u32)
}

/// Writes a delete set. Each client must come once.
pub(crate) fn write<'a>(
    out: &mut Vec<u8>,
    clients: impl ExactSizeIterator<Item = (u64, &'a [(u32, u32)])>,
) {
    write_number(out, clients.len() as u64);
    for (client, ranges) in clients {
        write_number(out, client);
        write_number(out, ranges.len() as u64);
        for (start, end) in ranges {
            write_number(out, u64::from(*start));
            write_number(out, u64::from(end - start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u32, u32)]) -> Ranges {
        let mut set = Ranges::default();
        for (start, end) in ranges {
            set.insert(*start, *end);
        }
        set
    }

    fn missing(set: &Ranges, start: u32, end: u32) -> Vec<(u32, u32)> {
        let mut pieces = Vec::new();
        set.each_missing(start, end, |start, end| pieces.push((start, end)));
        pieces
    }

    #[test]
    fn ranges_that_touch_or_overlap_are_joined() {
        assert_eq!(set(&[(0, 2), (2, 4)]), set(&[(0, 4)]));
        assert_eq!(set(&[(2, 4), (0, 2)]), set(&[(0, 4)]));
        assert_eq!(set(&[(0, 2), (5, 7), (9, 12), (1, 10)]), set(&[(0, 12)]));
        assert_eq!(set(&[(0, 9), (3, 4)]), set(&[(0, 9)]));
        assert_eq!(set(&[(5, 6), (0, 2)]).len(), 2);
    }

    #[test]
    fn only_missing_parts_are_named() {
        let set = set(&[(2, 4), (6, 8)]);
        assert_eq!(missing(&set, 0, 10), [(0, 2), (4, 6), (8, 10)]);
        assert_eq!(missing(&set, 3, 7), [(4, 6)]);
        assert_eq!(missing(&set, 2, 4), []);
        assert_eq!(missing(&set, 4, 6), [(4, 6)]);
        assert!(set.lacks_all(4, 6) && set.lacks_all(8, 9) && set.lacks_all(0, 2));
        assert!(!set.lacks_all(3, 5) && !set.lacks_all(0, 10) && !set.lacks_all(5, 7));
    }

    #[test]
    fn agrees_with_a_set_of_clocks() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = move |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % n) as u32
        };
        for _ in 0..300 {
            let (mut set, mut model) = (Ranges::default(), [false; 70]);
            for _ in 0..20 {
                let start = next(50);
                let end = start + 1 + next(15);
                let model_missing: Vec<u32> =
                    (start..end).filter(|at| !model[*at as usize]).collect();
                let listed: Vec<u32> = missing(&set, start, end)
                    .into_iter()
                    .flat_map(|(start, end)| start..end)
                    .collect();
                assert_eq!(listed, model_missing);
                let all = model_missing.len() == (end - start) as usize;
                assert_eq!(set.lacks_all(start, end), all);
                assert_eq!(set.covers(&[(start, end)]), model_missing.is_empty());
                set.insert(start, end);
                model[start as usize..end as usize].fill(true);
            }
            // Many at once make the same as one after the other.
            let mut some = Vec::new();
            for _ in 0..next(12) {
                let start = next(50);
                some.push((start, start + 1 + next(15)));
            }
            normalize(&mut some);
            let mut one_by_one = Vec::new();
            for (start, end) in &some {
                set.each_missing(*start, *end, |start, end| one_by_one.push((start, end)));
            }
            let mut together = Vec::new();
            set.each_missing_of(&some, |start, end| together.push((start, end)));
            assert_eq!(together, one_by_one);
            let (mut at_once, mut singly) = (set.clone(), set.clone());
            at_once.insert_all(&some);
            for (start, end) in &some {
                singly.insert(*start, *end);
            }
            assert_eq!(at_once, singly);
            let ranges: Vec<_> = set.iter().collect();
            assert!(ranges.windows(2).all(|w| w[0].1 < w[1].0), "{ranges:?}");
            let mut normal: Vec<_> = ranges.iter().rev().copied().collect();
            normal.push(ranges[0]);
            normalize(&mut normal);
            assert_eq!(normal, ranges);
            assert!(ascend(&ranges) && set.covers(&ranges));
            let pieces: Vec<_> = ranges
                .iter()
                .map(|(start, _)| (*start, start + 1))
                .collect();
            assert!(set.covers(&pieces));
            assert!(!set.covers(&[&ranges[..], &[(80, 81)]].concat()));
        }
    }
}
