//! What a room has: a clock and the deleted ranges for each client, and from them what an update means to the room.
//!
//! Does not hold the updates, nor know who sent them. The rule: what is taken builds on nothing that is not there, begins
//! exactly at the room's clocks and has no Skips, so whoever applies the entries in order never waits for anything, and
//! merging a log is concatenation.

pub(crate) mod ready;

use smallvec::SmallVec;

use self::ready::{Have, Ready, Scanned};
use crate::by_client::ByClient;
use crate::deletes::{self, Ranges};
use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::{
    DeleteSet, DeletedRanges, ListFacts, SOME, Visit, Walked, each_deleted, some_deleted, walk,
};
use crate::state_vector::StateVector;
use crate::structs::{Facts, Struct};
use crate::varint::{Reader, write_number};

/// The clocks and delete ranges of everything that a room has taken.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    clients: ByClient<Client>,
    /// Of those clients that have any. Never empty, and within the clocks.
    deleted: Vec<Ranges>,
}

/// What there is of one client. Small, as hostile updates hold nothing but very many of them, and what is touched costs time.
#[derive(Debug, Clone, Copy, Default)]
struct Client {
    /// Never 0.
    clock: u32,
    /// Which of the deletions are its, counted from 1 on; 0 where there are none.
    deleted: u32,
}

/// What an update meant, and what of it the room has now.
///
/// *New*: `entry` is not [`Taking::Nothing`]. *Known*: it is, and nothing is early. *Early*: `early` names what is
/// lacking, possibly beside a part that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What to append to the log.
    pub entry: Taking,
    /// The first thing that the rest builds on and the room lacks.
    pub early: Option<Missing>,
    /// New structs in the entry: client, first clock, clock behind the last. Empty where there are deletions only.
    pub brought: Vec<(u64, u32, u32)>,
    /// The entry may hold a sub-document, whose options yrs forgets. Such a room must never get its base from yrs.
    pub has_subdoc: bool,
    /// The entry may hold an XML hook, which yrs can't read.
    pub has_hook: bool,
    /// The entry deletes something that was not deleted before.
    pub has_deletes: bool,
}

impl Taken {
    /// Whether the room had all of it before.
    pub fn is_known(&self) -> bool {
        self.entry == Taking::Nothing && self.early.is_none()
    }
}

/// How much of an update goes to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// It brings nothing that can be taken.
    Nothing,
    /// The bytes as they came.
    Whole,
    /// These bytes instead: what was new and ready.
    Part(Vec<u8>),
}

/// Something that a room lacks: its clock of `client` would have to reach `clock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Whose structs are missing.
    pub client: u64,
    /// The clock behind what is needed.
    pub clock: u32,
}

/// New structs of one client, as they go into an entry.
struct Part<'a> {
    client: u64,
    start: u32,
    end: u32,
    structs: u32,
    /// How many clocks are to be cut off the first one.
    cut: u32,
    bytes: &'a [u8],
}

impl Clocks {
    /// Has nothing.
    pub fn new() -> Self {
        Clocks::default()
    }

    /// The next clock of `client`, 0 when nothing of it is there.
    #[inline]
    pub fn clock(&self, client: u64) -> u32 {
        self.clients.get(&client).map_or(0, |held| held.clock)
    }

    /// Whether what was missing is there by now.
    pub fn has(&self, missing: Missing) -> bool {
        self.clock(missing.client) >= missing.clock
    }

    /// All clocks as a state vector.
    pub fn state_vector(&self) -> StateVector {
        self.clients
            .iter()
            .map(|(client, held)| (*client, held.clock))
            .collect()
    }

    /// How many clients there are structs of.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// How many delete ranges are held. Goes over all clients that have any.
    pub fn delete_ranges(&self) -> usize {
        self.deleted.iter().map(Ranges::len).sum()
    }

    /// The deleted ranges of each client that has any, in no particular order of clients.
    pub fn deleted(&self) -> impl Iterator<Item = DeletedRanges> + '_ {
        self.clients.iter().filter_map(|(client, held)| {
            let ranges = self.deleted.get(held.deleted.checked_sub(1)? as usize)?;
            Some((*client, ranges.iter().collect()))
        })
    }

    /// Judges an update against what is there, and adds what is taken of it. On an error nothing has changed.
    pub fn take(&mut self, update: &[u8], limits: &Limits) -> Result<Taken, Malformed> {
        let mut straight = Straight {
            clocks: self,
            lists: SmallVec::new(),
            ends: ByClient::default(),
            indexed: 0,
            open: false,
            fits: true,
        };
        let walked = walk(update, limits, &mut straight)?;
        let Straight { lists, fits, .. } = straight;

        let ready = if fits {
            Ready::Whole
        } else {
            let scanned = Scanned {
                update,
                lists: &lists,
                limits,
            };
            ready::ready(self, &scanned)?
        };
        // The new clocks, and what the entry begins with where that isn't the lists as they stand.
        let (brought, cut_lists, early): (Vec<(u64, u32, u32)>, _, _) = match ready {
            Ready::Whole => {
                let brought = lists.iter().map(|l| (l.client, l.start, l.end));
                (brought.collect(), None, None)
            }
            Ready::Parts { parts, early } => {
                let brought = parts.iter().map(|p| (p.client, p.start, p.end));
                let cut_lists = encode(update.len(), &parts, limits)?;
                (brought.collect(), Some(cut_lists), early)
            }
        };

        // Nothing can fail from here on.
        self.clients.reserve(brought.len());
        for (client, _, end) in &brought {
            self.clients.entry(*client).or_default().clock = *end;
        }
        let deletes = self.take_deletes(update, &walked);

        let entry = if brought.is_empty() && !deletes.any {
            Taking::Nothing
        } else if cut_lists.is_none() && deletes.cut.is_none() {
            Taking::Whole
        } else {
            let (lists, all_deletes) = update.split_at(walked.deletes_at);
            let mut out = cut_lists.unwrap_or_else(|| {
                let mut out = Vec::with_capacity(update.len());
                out.extend_from_slice(lists);
                out
            });
            match &deletes.cut {
                Some(cut) => deletes::write(&mut out, cut.iter()),
                None => out.extend_from_slice(all_deletes),
            }
            Taking::Part(out)
        };
        Ok(Taken {
            has_subdoc: walked.facts.has_subdoc && entry != Taking::Nothing,
            has_hook: walked.facts.has_hook && entry != Taking::Nothing,
            has_deletes: deletes.any,
            entry,
            early: early.or(deletes.early),
            brought,
        })
    }

    /// Adds the delete ranges that are new and lie within the clocks.
    fn take_deletes(&mut self, update: &[u8], walked: &Walked) -> Deletes {
        let mut taking = Deletes::default();
        if walked.deletes == 0 {
            return taking;
        }
        let mut held: SmallVec<[Client; SOME]> = SmallVec::new();
        let (mut there, mut new) = (Vec::new(), Vec::new());
        // An honest live update deletes only what is there and was not deleted, in order. As long as that is so its bytes can
        // stay; of so many clients it was.
        let mut as_they_stand = 0;
        some_deleted(update, walked, |some| {
            // What is there of very many clients is far away in memory: asked for side by side, nothing waits for anything.
            held.clear();
            let clients = some.iter().map(|(client, _)| client);
            held.extend(
                clients.map(|client| self.clients.get(&client).copied().unwrap_or_default()),
            );
            for ((client, ranges), Client { clock, deleted }) in some.iter().zip(&held) {
                let clock = *clock;
                let deleted = deleted.checked_sub(1);
                let mut deleted = deleted.and_then(|at| self.deleted.get_mut(at as usize));
                let new = if taking.cut.is_none() && all_new(ranges, clock, deleted.as_deref()) {
                    as_they_stand += 1;
                    ranges
                } else {
                    let cut = taking
                        .cut
                        .get_or_insert_with(|| first_deleted(update, walked, as_they_stand));
                    if let Some((_, end)) = ranges.iter().find(|(_, end)| *end > clock) {
                        let clock = *end;
                        taking.early.get_or_insert(Missing { client, clock });
                    }
                    // The common case of a reconnect, which brings the whole delete set again.
                    if deleted.as_deref().is_some_and(|held| held.covers(ranges)) {
                        continue;
                    }
                    there.clear();
                    let within = ranges.iter().filter(|(start, _)| *start < clock);
                    there.extend(within.map(|(start, end)| (*start, clock.min(*end))));
                    deletes::normalize(&mut there);
                    new.clear();
                    match deleted.as_deref() {
                        Some(held) => {
                            held.each_missing_of(&there, |start, end| new.push((start, end)))
                        }
                        None => new.append(&mut there),
                    }
                    for (start, end) in &new {
                        cut.push(client, *start, *end);
                    }
                    &new[..]
                };
                if new.is_empty() {
                    continue;
                }
                taking.any = true;
                if let Some(deleted) = &mut deleted {
                    deleted.insert_all(new);
                } else if let Some(held) = self.clients.get_mut(&client) {
                    let mut deleted = Ranges::default();
                    deleted.insert_all(new);
                    self.deleted.push(deleted);
                    held.deleted = self.deleted.len() as u32;
                }
            }
        });
        taking
    }
}

/// Whether ranges ascend, lie below the clock, and nothing of them is deleted.
#[inline]
fn all_new(ranges: &[(u32, u32)], clock: u32, deleted: Option<&Ranges>) -> bool {
    deletes::ascend(ranges)
        && ranges.last().is_some_and(|(_, end)| *end <= clock)
        && deleted.is_none_or(|deleted| {
            let mut ranges = ranges.iter();
            ranges.all(|(start, end)| deleted.lacks_all(*start, *end))
        })
}

/// The deletions of the first so many clients.
fn first_deleted(update: &[u8], walked: &Walked, clients: usize) -> DeleteSet {
    let mut set = DeleteSet::default();
    let mut left = clients;
    let mut joined = Vec::new();
    if clients > 0 {
        each_deleted(update, walked, |client, ranges| {
            if left > 0 {
                left -= 1;
                joined.clear();
                joined.extend_from_slice(ranges);
                deletes::normalize(&mut joined);
                for (start, end) in &joined {
                    set.push(client, *start, *end);
                }
            }
        });
    }
    set
}

impl Have for Clocks {
    #[inline]
    fn of_list(&self, list: &ListFacts) -> u32 {
        self.clock(list.client)
    }

    #[inline]
    fn of_other(&self, client: u64) -> u32 {
        self.clock(client)
    }
}

/// What was taken of a delete set.
#[derive(Default)]
struct Deletes {
    any: bool,
    early: Option<Missing>,
    /// What is left of it, where that isn't all.
    cut: Option<DeleteSet>,
}

/// The straight case, judged while the update is walked for the first time: lists that begin at the clocks and build only on
/// what stands before them. Anything else is left to [`ready`].
struct Straight<'a> {
    clocks: &'a Clocks,
    lists: SmallVec<[ListFacts; 4]>,
    /// Where the first so many lists end: those that were there when somebody asked.
    ends: ByClient<u32>,
    indexed: usize,
    /// Inside of a list.
    open: bool,
    fits: bool,
}

/// More lists than this are looked up in a map.
const FEW_LISTS: usize = 8;

impl Straight<'_> {
    /// The clock of a client as it is behind the lists so far.
    #[inline]
    fn clock(&mut self, client: u64) -> u32 {
        let end = if self.lists.len() <= FEW_LISTS {
            let list = self.lists.iter().find(|list| list.client == client);
            list.map(|list| list.end)
        } else {
            let new = &self.lists[self.indexed..];
            self.ends.extend(new.iter().map(|l| (l.client, l.end)));
            self.indexed = self.lists.len();
            self.ends.get(&client).copied()
        };
        end.unwrap_or_else(|| self.clocks.clock(client))
    }
}

impl Visit for Straight<'_> {
    fn lists(&mut self, count: usize) {
        self.lists.reserve_exact(count);
    }

    #[inline]
    fn structure(&mut self, client: u64, structure: &Struct) {
        if !self.fits {
            return;
        }
        if !self.open {
            self.open = true;
            self.fits &= structure.clock == self.clocks.clock(client);
        }
        self.fits &=
            !structure.is_skip() && structure.lacks(client, |other| self.clock(other)).is_none();
    }

    #[inline]
    fn list(&mut self, list: &ListFacts) {
        self.open = false;
        self.lists.push(*list);
    }

    #[inline]
    fn deleted(&mut self, _client: u64, _start: u32, _end: u32) {}
}

/// Client lists, of an update about so long.
fn encode(about: usize, parts: &[Part<'_>], limits: &Limits) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    if !parts.is_empty() {
        out.reserve(about);
    }
    write_number(&mut out, parts.len() as u64);
    for part in parts {
        write_number(&mut out, u64::from(part.structs));
        write_number(&mut out, part.client);
        write_number(&mut out, u64::from(part.start));
        let mut uncut = part.bytes;
        if part.cut > 0 {
            let mut reader = Reader::again(part.bytes, 0);
            let ignored = &mut Facts::default();
            let clock = part.start - part.cut;
            let first = Struct::read(&mut reader, part.client, clock, limits, ignored)?;
            first.write_cut(part.bytes, part.client, part.cut, limits, &mut out)?;
            uncut = reader.rest();
        }
        out.extend_from_slice(uncut);
    }
    Ok(out)
}
