//! Puts a log of updates together again: one update out of many, or only what somebody lacks of them.
//!
//! Linear in the bytes, and content is copied byte for byte. The rule: never two lists of the same client, and no gaps,
//! so the answer applies in one go wherever its start is known.

use std::borrow::Cow;
use std::cmp::Reverse;

use smallvec::SmallVec;

use crate::by_client::ByClient;
use crate::deletes;
use crate::limits::Limits;
use crate::malformed::{Malformed, Reason};
use crate::scan::{ListFacts, Visit, walk};
use crate::state_vector::StateVector;
use crate::structs::Struct;
use crate::varint::write_number;

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

struct Merger<'a, 'h> {
    have: Option<&'h StateVector>,
    limits: Limits,
    clients: Vec<Merged<'a>>,
    index: ByClient<usize>,
    /// Client, first clock, the one behind the last; in the order of the bytes.
    deletes: Vec<(u64, u32, u32)>,
    bytes: usize,
}

/// What was put together of one client.
struct Merged<'a> {
    client: u64,
    start: u32,
    end: u32,
    structs: usize,
    pieces: SmallVec<[Cow<'a, [u8]>; 1]>,
}

impl<'a, 'h> Merger<'a, 'h> {
    fn read(
        parts: impl IntoIterator<Item = &'a [u8]>,
        have: Option<&'h StateVector>,
        limits: &Limits,
    ) -> Result<Self, Malformed> {
        let mut merger = Merger {
            have,
            limits: limits.without_counts(),
            clients: Vec::new(),
            index: ByClient::default(),
            deletes: Vec::new(),
            bytes: 0,
        };
        let limits = merger.limits.clone();
        for part in parts {
            let mut adding = Adding {
                merger: &mut merger,
                part,
                list: None,
                failed: None,
            };
            walk(part, &limits, &mut adding)?;
            if let Some(failed) = adding.failed {
                return Err(failed);
            }
        }
        Ok(merger)
    }

    fn merged(&mut self, client: u64, clock: u32) -> usize {
        *self.index.entry(client).or_insert_with(|| {
            let start = self.have.map_or(clock, |have| have.get(client));
            self.clients.push(Merged {
                client,
                start,
                end: start,
                structs: 0,
                pieces: SmallVec::new(),
            });
            self.clients.len() - 1
        })
    }

    fn write(mut self) -> Result<Vec<u8>, Malformed> {
        self.clients.retain(|merged| merged.structs > 0);
        // In descending order, as Yjs writes: it resolves conflicts faster when it reads them so.
        self.clients
            .sort_unstable_by_key(|merged| Reverse(merged.client));
        let mut out =
            Vec::with_capacity(self.bytes + self.clients.len() * 16 + 16 + self.deletes.len() * 4);
        write_number(&mut out, self.clients.len() as u64);
        for merged in &self.clients {
            write_number(&mut out, merged.structs as u64);
            write_number(&mut out, merged.client);
            write_number(&mut out, u64::from(merged.start));
            for piece in &merged.pieces {
                out.extend_from_slice(piece);
            }
        }
        deletes::write_merged(&mut out, self.deletes);
        Ok(out)
    }
}

/// One part on its way in.
struct Adding<'m, 'a, 'h> {
    merger: &'m mut Merger<'a, 'h>,
    part: &'a [u8],
    /// Which client the list belongs to, and the bytes to take that were not stored yet.
    list: Option<(usize, usize, usize)>,
    failed: Option<Malformed>,
}

impl Visit for Adding<'_, '_, '_> {
    #[inline]
    fn structure(&mut self, client: u64, structure: &Struct) {
        if self.failed.is_some() || structure.is_skip() {
            return;
        }
        let (at, mut from, mut to) = match self.list {
            Some(list) => list,
            None => (self.merger.merged(client, structure.clock), 0, 0),
        };
        let merged = &mut self.merger.clients[at];
        if structure.end() > merged.end {
            if structure.clock > merged.end {
                self.failed = Some(Reason::Gap.at(structure.at));
                return;
            }
            if structure.clock < merged.end {
                let mut cut = Vec::new();
                let clocks = merged.end - structure.clock;
                let limits = &self.merger.limits;
                match structure.write_cut(self.part, client, clocks, limits, &mut cut) {
                    Ok(()) => {
                        self.merger.bytes += cut.len();
                        merged.pieces.push(Cow::Owned(cut));
                    }
                    Err(e) => self.failed = Some(e),
                }
                (from, to) = (structure.end_at, structure.end_at);
            } else if from == to {
                (from, to) = (structure.at, structure.end_at);
            } else {
                // Taken structs of a list lie side by side: known ones and Skips over them only come before.
                to = structure.end_at;
            }
            merged.end = structure.end();
            merged.structs += 1;
        }
        self.list = Some((at, from, to));
    }

    #[inline]
    fn list(&mut self, _list: &ListFacts) {
        if let Some((at, from, to)) = self.list.take()
            && from < to
        {
            self.merger.bytes += to - from;
            self.merger.clients[at]
                .pieces
                .push(Cow::Borrowed(&self.part[from..to]));
        }
    }

    #[inline]
    fn deleted(&mut self, client: u64, start: u32, end: u32) {
        self.merger.deletes.push((client, start, end));
    }
}
