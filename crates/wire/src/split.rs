//! Cuts a large update into parts for slow lines: clients count whole messages only, and give up on a socket that brings
//! none for 30 seconds.
//!
//! Does not look at who gets the parts. The rule: no part builds on a later one, and deletions come with or after what they
//! delete, so that nobody ever waits for the next part.

use std::cmp::Reverse;

use crate::by_client::{self, ByClient};
use crate::clocks::ready::in_order;
use crate::deletes;
use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::{DeletedRanges, ListFacts, scan};
use crate::structs::Struct;
use crate::varint::write_number;

/// Cuts `update` into parts of about `bytes` at most, to be applied in order.
///
/// Meant for what [`crate::merge`] made: there must be no Skips. A struct is never cut, so one that is larger makes a larger
/// part, and so does a large delete set. Counts in `limits` are not applied.
pub fn split(update: &[u8], bytes: usize, limits: &Limits) -> Result<Vec<Vec<u8>>, Malformed> {
    if update.len() <= bytes {
        return Ok(vec![update.to_vec()]);
    }
    let limits = limits.without_counts();
    let facts = scan(update, &limits)?;
    let starts: ByClient<u32> = facts.lists.iter().map(|l| (l.client, l.start)).collect();
    let mut splitter = Splitter {
        lists: &facts.lists,
        bytes,
        filled: 0,
        parts: vec![Part::default()],
        open: vec![(0, 0); facts.lists.len()],
        reached: facts.lists.iter().map(|list| list.start).collect(),
    };
    // What does not come with the update is taken to be there.
    let have = |client| starts.get(&client).copied().unwrap_or(u32::MAX);
    in_order(have, update, &facts.lists, &limits, |list, structure| {
        splitter.add(list, structure);
    })?;
    splitter.add_rest(update, &limits)?;
    splitter.add_deletes(facts.deletes);
    Ok(splitter
        .parts
        .iter()
        .map(|part| part.write(update))
        .collect())
}

struct Splitter<'l> {
    lists: &'l [ListFacts],
    bytes: usize,
    /// Bytes in the last part.
    filled: usize,
    parts: Vec<Part>,
    /// For each list the number of the part that it was last put into, from 1 on, and its piece in there.
    open: Vec<(usize, usize)>,
    /// For each list the clock behind what is in a part.
    reached: Vec<u32>,
}

#[derive(Default)]
struct Part {
    pieces: Vec<Piece>,
    deletes: Vec<DeletedRanges>,
}

/// Structs of one client that lie side by side.
struct Piece {
    client: u64,
    start: u32,
    end: u32,
    structs: usize,
    from: usize,
    to: usize,
}

impl Splitter<'_> {
    fn add(&mut self, list: usize, structure: &Struct) {
        let size = structure.end_at - structure.at;
        if self.filled > 0 && self.filled + size > self.bytes {
            self.parts.push(Part::default());
            self.filled = 0;
        }
        self.filled += size;
        self.reached[list] = structure.end();
        let number = self.parts.len();
        let pieces = &mut self.parts.last_mut().expect("never empty").pieces;
        let (part, at) = &mut self.open[list];
        if *part != number {
            (*part, *at) = (number, pieces.len());
            pieces.push(Piece {
                client: self.lists[list].client,
                start: structure.clock,
                end: structure.clock,
                structs: 0,
                from: structure.at,
                to: structure.at,
            });
        }
        let piece = &mut pieces[*at];
        piece.end = structure.end();
        piece.structs += 1;
        piece.to = structure.end_at;
    }

    /// Adds what was not ready, which only an update from a stranger has: whoever applies it may have to wait anyway.
    fn add_rest(&mut self, update: &[u8], limits: &Limits) -> Result<(), Malformed> {
        for (at, list) in self.lists.iter().enumerate() {
            if self.reached[at] < list.end {
                let from = self.reached[at];
                list.each_struct(update, limits, |structure| {
                    if structure.clock >= from {
                        self.add(at, structure);
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Gives each part the deletions of what it brings, so that nothing shows up only to vanish with a later part. What is
    /// deleted without being brought is taken to be there and goes with the first.
    fn add_deletes(&mut self, deletes: Vec<DeletedRanges>) {
        let mut brought: ByClient<Vec<(u32, usize)>> = by_client::with_capacity(deletes.len());
        brought.extend(deletes.iter().map(|(client, _)| (*client, Vec::new())));
        for (at, part) in self.parts.iter().enumerate() {
            for piece in &part.pieces {
                if let Some(ends) = brought.get_mut(&piece.client) {
                    ends.push((piece.end, at));
                }
            }
        }
        for (client, ranges) in deletes {
            let ends = brought.get(&client).map_or(&[][..], Vec::as_slice);
            for (mut start, end) in ranges {
                while start < end {
                    let at = ends.partition_point(|(brought, _)| *brought <= start);
                    let (cut, part) = match ends.get(at) {
                        Some((brought, part)) => (end.min(*brought), *part),
                        None => (end, ends.last().map_or(0, |(_, part)| *part)),
                    };
                    let deletes = &mut self.parts[part].deletes;
                    match deletes.last_mut() {
                        Some((last, ranges)) if *last == client => ranges.push((start, cut)),
                        _ => deletes.push((client, vec![(start, cut)])),
                    }
                    start = cut;
                }
            }
        }
    }
}

impl Part {
    fn write(&self, update: &[u8]) -> Vec<u8> {
        let mut pieces: Vec<&Piece> = self.pieces.iter().collect();
        pieces.sort_unstable_by_key(|piece| Reverse(piece.client));
        let size: usize = pieces.iter().map(|piece| piece.to - piece.from + 16).sum();
        let mut out = Vec::with_capacity(size + 16);
        write_number(&mut out, pieces.len() as u64);
        for piece in pieces {
            write_number(&mut out, piece.structs as u64);
            write_number(&mut out, piece.client);
            write_number(&mut out, u64::from(piece.start));
            out.extend_from_slice(&update[piece.from..piece.to]);
        }
        deletes::write(
            &mut out,
            self.deletes
                .iter()
                .map(|(client, ranges)| (*client, &ranges[..])),
        );
        out
    }
}
