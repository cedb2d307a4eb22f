//! Cuts a large update into parts for slow lines: clients count whole messages only, and give up on a socket that brings
//! none for 30 seconds.
//!
//! Does not look at who gets the parts. The rule: no part builds on a later one, and deletions come with or after what they
//! delete, so that nobody ever waits for the next part.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::by_client::{self, ByClient};
use crate::clocks::ready::{Have, Scanned, in_order};
use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::{ListFacts, SOME, Visit, Walked, each_deleted, walk};
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
    let limits = &limits.without_counts();
    let mut read = Lists(Vec::new());
    let walked = walk(update, limits, &mut read)?;
    let scanned = Scanned {
        update,
        lists: &read.0,
        limits,
    };
    let mut splitter = Splitter {
        lists: scanned.lists,
        bytes,
        filled: 0,
        pieces: Vec::with_capacity(scanned.lists.len()),
        last: vec![0; scanned.lists.len()],
        parts: vec![Part::default()],
        index: OnceCell::new(),
    };
    let rest = in_order(&AllElse, &scanned, |list, structure| {
        splitter.add(list, structure);
    })?;
    splitter.add_rest(&rest, &scanned)?;
    splitter.add_deletes(update, &walked);
    Ok(splitter.write(update))
}

/// The client lists of an update.
struct Lists(Vec<ListFacts>);

impl Visit for Lists {
    fn lists(&mut self, count: usize) {
        self.0.reserve_exact(count);
    }

    #[inline]
    fn structure(&mut self, _client: u64, _structure: &Struct) {}

    #[inline]
    fn list(&mut self, list: &ListFacts) {
        self.0.push(*list);
    }

    #[inline]
    fn deleted(&mut self, _client: u64, _start: u32, _end: u32) {}
}

/// What does not come with the update is taken to be there.
struct AllElse;

impl Have for AllElse {
    #[inline]
    fn of_list(&self, list: &ListFacts) -> u32 {
        list.start
    }

    #[inline]
    fn of_other(&self, _client: u64) -> u32 {
        u32::MAX
    }
}

struct Splitter<'l> {
    lists: &'l [ListFacts],
    bytes: usize,
    /// Bytes in the last part.
    filled: usize,
    /// Of all parts, one part after the other.
    pieces: Vec<Piece>,
    /// For each list the piece that was made of it last, counted from 1 on; 0 where there is none.
    last: Vec<u32>,
    parts: Vec<Part>,
    /// Which list is a client's, where deletions come in another order than the lists.
    index: OnceCell<ByClient<u32>>,
}

#[derive(Default)]
struct Part {
    /// Its first piece.
    from: usize,
    /// Clients with deletions, and these as they are written.
    deleting: u64,
    deletes: Vec<u8>,
}

/// Structs of one list that lie side by side.
struct Piece {
    list: u32,
    /// The piece of the list before it, counted from 1 on; 0 where this is the first.
    before: u32,
    /// The clock behind it.
    end: u32,
    structs: u32,
    /// Offsets of its bytes.
    from: usize,
    to: usize,
}

impl Splitter<'_> {
    #[inline]
    fn add(&mut self, list: usize, structure: &Struct) {
        let size = structure.end_at - structure.at;
        if self.filled > 0 && self.filled + size > self.bytes {
            self.parts.push(Part {
                from: self.pieces.len(),
                ..Part::default()
            });
            self.filled = 0;
        }
        self.filled += size;
        let from = self.parts.last().map_or(0, |part| part.from);
        let last = &mut self.last[list];
        if *last as usize <= from {
            self.pieces.push(Piece {
                list: list as u32,
                before: *last,
                end: structure.clock,
                structs: 0,
                from: structure.at,
                to: structure.at,
            });
            *last = self.pieces.len() as u32;
        }
        let piece = &mut self.pieces[*last as usize - 1];
        piece.end = structure.end();
        piece.structs += 1;
        piece.to = structure.end_at;
    }

    /// Adds what was not ready, which only an update from a stranger has: whoever applies it may have to wait anyway.
    fn add_rest(&mut self, rest: &[(usize, u32)], scanned: &Scanned<'_>) -> Result<(), Malformed> {
        for (at, from) in rest {
            scanned.lists[*at].each_struct(scanned.update, scanned.limits, |structure| {
                if structure.clock >= *from {
                    self.add(*at, structure);
                }
            })?;
        }
        Ok(())
    }

    /// Gives each part the deletions of what it brings, so that nothing shows up only to vanish with a later part. What is
    /// deleted without being brought is taken to be there and goes with the first.
    fn add_deletes(&mut self, update: &[u8], walked: &Walked) {
        let mut next = 0;
        // Where the pieces of a client end, and in which part each is; and what to delete, by its part.
        let mut ends: Vec<(u32, u32)> = Vec::new();
        let mut placed: Vec<(u32, u32, u32)> = Vec::new();
        each_deleted(update, walked, |client, ranges| {
            ends.clear();
            if let Some(list) = self.list_of(client, next) {
                next = list + 1;
                self.ends_of(list, &mut ends);
            }
            placed.clear();
            for (start, end) in ranges {
                let mut start = *start;
                while start < *end {
                    let at = ends.partition_point(|(brought, _)| *brought <= start);
                    let (cut, part) = match ends.get(at) {
                        Some((brought, part)) => (*brought.min(end), *part),
                        None => (*end, ends.last().map_or(0, |(_, part)| *part)),
                    };
                    placed.push((part, start, cut));
                    start = cut;
                }
            }
            placed.sort_by_key(|(part, ..)| *part);
            for ranges in placed.chunk_by(|one, other| one.0 == other.0) {
                let part = &mut self.parts[ranges[0].0 as usize];
                part.deleting += 1;
                write_number(&mut part.deletes, client);
                write_number(&mut part.deletes, ranges.len() as u64);
                for (_, start, end) in ranges {
                    write_number(&mut part.deletes, u64::from(*start));
                    write_number(&mut part.deletes, u64::from(end - start));
                }
            }
        });
    }

    /// Which list is a client's: `expected`, where deletions come in the order of the lists.
    fn list_of(&self, client: u64, expected: usize) -> Option<usize> {
        if let Some(list) = self.lists.get(expected)
            && list.client == client
        {
            return Some(expected);
        }
        if self.lists.is_empty() {
            return None;
        }
        let index = self.index.get_or_init(|| {
            let mut index = by_client::with_capacity(self.lists.len());
            let lists = self.lists.iter().enumerate();
            index.extend(lists.map(|(at, list)| (list.client, at as u32)));
            index
        });
        index.get(&client).map(|at| *at as usize)
    }

    /// The clock behind each piece of a list, and its part, in ascending order.
    fn ends_of(&self, list: usize, ends: &mut Vec<(u32, u32)>) {
        let mut number = self.last[list];
        while number > 0 {
            let at = number as usize - 1;
            let piece = &self.pieces[at];
            let part = self.parts.partition_point(|part| part.from <= at) - 1;
            ends.push((piece.end, part as u32));
            number = piece.before;
        }
        ends.reverse();
    }

    fn write(&self, update: &[u8]) -> Vec<Vec<u8>> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (at, part) in self.parts.iter().enumerate() {
            let end = self.parts.get(at + 1);
            let end = end.map_or(self.pieces.len(), |next| next.from);
            parts.push(self.write_part(part, &self.pieces[part.from..end], update));
        }
        parts
    }

    fn write_part(&self, part: &Part, pieces: &[Piece], update: &[u8]) -> Vec<u8> {
        let lists = pieces.iter().map(|piece| &self.lists[piece.list as usize]);
        let order = by_client::descending(lists.map(|list| list.client));
        let size: usize = pieces.iter().map(|piece| piece.to - piece.from + 16).sum();
        let mut out = Vec::with_capacity(size + part.deletes.len() + 16);
        write_number(&mut out, order.len() as u64);
        let mut some: SmallVec<[(u64, u32, &Piece); SOME]> = SmallVec::new();
        for order in order.chunks(SOME) {
            // What comes in no order is far apart in memory: fetched side by side, nothing waits for anything.
            some.clear();
            some.extend(order.iter().map(|at| {
                let piece = &pieces[*at as usize];
                let list = &self.lists[piece.list as usize];
                let start = match piece.before {
                    0 => list.start,
                    before => self.pieces[before as usize - 1].end,
                };
                (list.client, start, piece)
            }));
            for (client, start, piece) in &some {
                write_number(&mut out, u64::from(piece.structs));
                write_number(&mut out, *client);
                write_number(&mut out, u64::from(*start));
                out.extend_from_slice(&update[piece.from..piece.to]);
            }
        }
        write_number(&mut out, part.deleting);
        out.extend_from_slice(&part.deletes);
        out
    }
}
