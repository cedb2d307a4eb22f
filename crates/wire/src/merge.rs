//! Puts a log of updates together again: one update out of many, or only what somebody lacks of them.
//!
//! Linear in the bytes, and content is copied byte for byte. The rule: never two lists of the same client, and no gaps,
//! so the answer applies in one go wherever its start is known.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::by_client;
use crate::deletes;
use crate::limits::Limits;
use crate::malformed::{Malformed, Reason};
use crate::scan::{ListFacts, SOME, Visit, declared_lists, walk};
use crate::state_vector::StateVector;
use crate::structs::{Facts, Struct};
use crate::varint::{Reader, write_number};

/// Merges updates into one.
///
/// `parts` come in the order of their log, none of them early after those before it. What repeats is left out. Each
/// client may begin at any clock, so a stretch of a log can be merged without what came before it.
///
/// Counts in `limits` are not applied: a room that grew over years may be larger than any one update may be.
pub fn merge<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Result<Vec<u8>, Malformed> {
    Merger::read(parts, None, limits)?.write()
}

/// Merges what `have` lacks of the updates: structs from its clocks on, the first of them cut where necessary, and always
/// the whole delete set, since a state vector says nothing about deletions.
///
/// `parts` as in [`merge`]. Leading parts that `have` covers may be left out if they delete nothing.
pub fn diff<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
    have: &StateVector,
    limits: &Limits,
) -> Result<Vec<u8>, Malformed> {
    Merger::read(parts, Some(have), limits)?.write()
}

/// What the parts bring, as it stands in them.
struct Merger<'a, 'h> {
    have: Option<&'h StateVector>,
    limits: Limits,
    parts: Vec<&'a [u8]>,
    /// In the order of the bytes, mostly without what `have` has.
    lists: Vec<List>,
    /// Client, first clock, the one behind the last; in the order of the bytes.
    deletes: Vec<(u64, u32, u32)>,
}

/// A client list of one of the parts. Hostile updates hold nothing but very many of these, and then most of the time goes by with
/// touching fresh memory, so it is kept small.
#[derive(Clone, Copy)]
struct List {
    client: u64,
    /// Offset of the first struct, and the one behind the last.
    at: usize,
    end_at: usize,
    start: u32,
    end: u32,
    /// Which of the parts.
    part: u32,
    /// Each takes a clock, so they are less than 2^31: the highest bit says whether there are Skips.
    structs: u32,
}

const HAS_SKIP: u32 = 1 << 31;

/// A client as it is put together.
#[derive(Default)]
struct Merged<'a> {
    /// Nobody, before the first one.
    client: Option<u64>,
    /// The clock that it starts with; not known before the first struct where anything may be the start.
    start: Option<u32>,
    /// The clock behind it.
    end: u32,
    structs: u64,
    pieces: Vec<Cow<'a, [u8]>>,
}

impl<'a, 'h> Merger<'a, 'h> {
    fn read(
        parts: impl IntoIterator<Item = &'a [u8]>,
        have: Option<&'h StateVector>,
        limits: &Limits,
    ) -> Result<Self, Malformed> {
        let parts: Vec<&[u8]> = parts.into_iter().collect();
        let lists = parts.iter().map(|part| declared_lists(part)).sum();
        let mut adding = Adding {
            have,
            part: 0,
            open: Open::default(),
            lists: Vec::with_capacity(lists),
            deletes: Vec::new(),
        };
        let limits = limits.without_counts();
        for (number, part) in parts.iter().enumerate() {
            adding.part = number as u32;
            walk(part, &limits, &mut adding)?;
        }
        Ok(Merger {
            have,
            limits,
            parts,
            lists: adding.lists,
            deletes: adding.deletes,
        })
    }

    fn write(self) -> Result<Vec<u8>, Malformed> {
        // In descending order, as Yjs writes: it resolves conflicts faster when it reads them so. Lists of one client stay in
        // the order of the parts. What is in order already, as each part mostly is, costs little.
        let order = by_client::descending(self.lists.iter().map(|list| list.client));
        let bytes: usize = self.parts.iter().map(|part| part.len()).sum();
        let mut out = Vec::with_capacity(bytes + 16);
        write_number(&mut out, self.lists.len() as u64);
        let count_end = out.len();
        let mut clients = 0;
        let mut merged = Merged::default();
        let mut some: SmallVec<[(List, Option<u32>); SOME]> = SmallVec::new();
        for order in order.chunks(SOME) {
            // What comes in no order is far apart in memory: fetched side by side, nothing waits for anything.
            some.clear();
            some.extend(order.iter().map(|at| {
                let list = self.lists[*at as usize];
                (list, self.have.map(|have| have.get(list.client)))
            }));
            for (list, start) in &some {
                if merged.client != Some(list.client) {
                    clients += usize::from(merged.write(&mut out));
                    merged.begin(list.client, *start);
                }
                self.merge(list, &mut merged)?;
            }
        }
        clients += usize::from(merged.write(&mut out));
        if clients < self.lists.len() {
            let mut count = Vec::new();
            write_number(&mut count, clients as u64);
            drop(out.splice(..count_end, count));
        }
        drop((order, self.lists));
        deletes::write_merged(&mut out, self.deletes);
        // Of a log that somebody has nearly all of, little is left.
        if out.len() < out.capacity() / 2 {
            out.shrink_to_fit();
        }
        Ok(out)
    }

    /// Adds what is new of a list. Mostly that is all of it, or nothing, and its structs need not be looked at again.
    #[inline]
    fn merge(&self, list: &List, merged: &mut Merged<'a>) -> Result<(), Malformed> {
        let part = self.parts[list.part as usize];
        if list.structs & HAS_SKIP == 0 {
            if merged.reached(list.start) == list.start {
                let all = Cow::Borrowed(&part[list.at..list.end_at]);
                merged.take(list.structs, list.end, all);
                return Ok(());
            }
            if list.end <= merged.end {
                return Ok(());
            }
        }
        self.merge_structs(list, part, merged)
    }

    /// The same, struct by struct. The first new one is cut where its beginning is known.
    fn merge_structs(
        &self,
        list: &List,
        part: &'a [u8],
        merged: &mut Merged<'a>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::again(part, list.at);
        let mut clock = list.start;
        let has_skip = list.structs & HAS_SKIP > 0;
        let mut left = list.structs & !HAS_SKIP;
        // Those that are taken as they are lie side by side: known ones and Skips over them only come before.
        let mut side_by_side = 0..0;
        let mut structs = 0;
        while reader.at() < list.end_at {
            if !has_skip && merged.end == clock {
                // Nothing that follows is known.
                let all = Cow::Borrowed(&part[reader.at()..list.end_at]);
                merged.take(left, list.end, all);
                return Ok(());
            }
            left -= 1;
            let facts = &mut Facts::default();
            let read = Struct::read(&mut reader, list.client, clock, &self.limits, facts);
            // In place: moving it takes as long as reading it.
            let structure = read.as_ref().map_err(Malformed::clone)?;
            clock = structure.end();
            if structure.is_skip() || clock <= merged.reached(structure.clock) {
                continue;
            }
            if structure.clock > merged.end {
                return Err(Reason::Gap.at(structure.at));
            }
            if structure.clock < merged.end {
                let known = merged.end - structure.clock;
                let mut cut = Vec::new();
                structure.write_cut(part, list.client, known, &self.limits, &mut cut)?;
                merged.take(1, clock, Cow::Owned(cut));
            } else {
                if structs == 0 {
                    side_by_side.start = structure.at;
                }
                structs += 1;
                side_by_side.end = structure.end_at;
                merged.end = clock;
            }
        }
        if structs > 0 {
            merged.take(structs, merged.end, Cow::Borrowed(&part[side_by_side]));
        }
        Ok(())
    }
}

impl<'a> Merged<'a> {
    /// Begins with another client.
    #[inline]
    fn begin(&mut self, client: u64, start: Option<u32>) {
        self.client = Some(client);
        self.start = start;
        self.end = start.unwrap_or_default();
        self.structs = 0;
        self.pieces.clear();
    }

    /// The clock behind it: this one, where that is the first and may be any.
    #[inline]
    fn reached(&mut self, clock: u32) -> u32 {
        if self.start.is_none() {
            self.start = Some(clock);
            self.end = clock;
        }
        self.end
    }

    #[inline]
    fn take(&mut self, structs: u32, end: u32, piece: Cow<'a, [u8]>) {
        self.structs += u64::from(structs);
        self.end = end;
        self.pieces.push(piece);
    }

    /// Writes it, if there is anything.
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        let (Some(client), Some(start), 1..) = (self.client, self.start, self.structs) else {
            return false;
        };
        write_number(out, self.structs);
        write_number(out, client);
        write_number(out, u64::from(start));
        for piece in &self.pieces {
            out.extend_from_slice(piece);
        }
        true
    }
}

/// The parts on their way in.
struct Adding<'h> {
    have: Option<&'h StateVector>,
    /// Which one it is.
    part: u32,
    /// The list that is being read.
    open: Open,
    lists: Vec<List>,
    deletes: Vec<(u64, u32, u32)>,
}

/// A list as far as it was read. What somebody has can only come first, and is left out at once.
#[derive(Default)]
struct Open {
    structs: u32,
    /// The clock that he has.
    known: u32,
    /// How many structs are left out, the offset behind them and the clock there.
    left_out: u32,
    at: usize,
    start: u32,
    /// There are Skips behind them.
    has_skip: bool,
}

impl Visit for Adding<'_> {
    #[inline]
    fn structure(&mut self, client: u64, structure: &Struct) {
        let open = &mut self.open;
        // Hostile updates have very many lists of a single struct, and asking for each client in turn would take most of the time.
        if open.structs > 0
            && let Some(have) = self.have
        {
            if open.structs == 1 {
                open.known = have.get(client);
            }
            if structure.clock <= open.known {
                open.left_out = open.structs;
                open.at = structure.at;
                open.start = structure.clock;
                open.has_skip = false;
            }
        }
        open.structs += 1;
        open.has_skip |= structure.is_skip();
    }

    #[inline]
    fn list(&mut self, list: &ListFacts) {
        let open = std::mem::take(&mut self.open);
        let (at, start) = match open.left_out {
            0 => (list.at, list.start),
            _ => (open.at, open.start),
        };
        let structs = list.structs as u32 - open.left_out;
        self.lists.push(List {
            client: list.client,
            at,
            end_at: list.end_at,
            start,
            end: list.end,
            part: self.part,
            structs: structs | if open.has_skip { HAS_SKIP } else { 0 },
        });
    }

    fn delete_sets(&mut self, count: usize) {
        self.deletes.reserve(count);
    }

    #[inline]
    fn deleted(&mut self, client: u64, start: u32, end: u32) {
        self.deletes.push((client, start, end));
    }
}
