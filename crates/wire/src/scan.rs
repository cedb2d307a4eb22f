//! The gate for updates: one streaming pass that holds v1 bytes to the grammar and reports what they bring.
//!
//! Does not know what anybody has: [`crate::clocks`] judges that on the same pass. The rule: what gets through must be
//! readable by Yjs and by yrs with the same meaning, so whatever one of them takes and the other doesn't is refused.

use smallvec::SmallVec;

pub use crate::deletes::DeleteSet;
use crate::limits::Limits;
use crate::malformed::{Malformed, Reason};
use crate::structs::{Facts, MIN_BYTES, Struct};
use crate::varint::Reader;

/// What one client list of an update holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListFacts {
    /// Whose structs these are.
    pub client: u64,
    /// The first clock.
    pub start: u32,
    /// The clock behind the last one, Skips counted.
    pub end: u32,
    /// How many structs, Skips counted.
    pub structs: usize,
    /// Offset of the first struct.
    pub at: usize,
    /// Offset behind the last one.
    pub end_at: usize,
}

impl ListFacts {
    /// Goes over the structs of the list in `update`, which it was scanned from.
    pub(crate) fn each_struct(
        &self,
        update: &[u8],
        limits: &Limits,
        mut each: impl FnMut(&Struct),
    ) -> Result<(), Malformed> {
        let mut reader = Reader::again(update, self.at);
        let mut clock = self.start;
        for _ in 0..self.structs {
            let facts = &mut Facts::default();
            let structure = Struct::read(&mut reader, self.client, clock, limits, facts)?;
            each(&structure);
            clock = structure.end();
        }
        Ok(())
    }
}

/// The deletions of one client: ranges from the first clock to the one behind the last.
pub type DeletedRanges = (u64, Vec<(u32, u32)>);

/// What an update brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The client lists, in the order of the bytes.
    pub lists: Vec<ListFacts>,
    /// The delete set, in the order of the bytes.
    pub deletes: DeleteSet,
    /// Structs in all lists, Skips counted.
    pub structs: usize,
    /// A list has a gap: its author waits for something himself.
    pub has_skip: bool,
    /// A value is a BigInt, which yrs turns into a Number when it encodes again.
    pub has_bigint: bool,
    /// There are rich-text marks, whose outcome depends on how updates are batched.
    pub has_format: bool,
    /// There is a sub-document.
    pub has_subdoc: bool,
    /// There is an XML hook, whose name yrs does not read, so that it loses its way in the bytes.
    pub has_hook: bool,
}

/// How many client lists an update says that it has; 0 where it does not even say that. Read from its first bytes alone, so nothing of it is
/// proven, but no update has more.
pub fn declared_lists(update: &[u8]) -> usize {
    let lists = Reader::new(update).count_within(3 + MIN_BYTES, usize::MAX);
    lists.unwrap_or_default()
}

/// Reads a whole update. Allocates for client lists and delete ranges only, both bounded by the bytes.
pub fn scan(update: &[u8], limits: &Limits) -> Result<Scan, Malformed> {
    struct Collect(Scan);

    impl Visit for Collect {
        fn lists(&mut self, count: usize) {
            self.0.lists.reserve_exact(count);
        }

        fn structure(&mut self, _client: u64, structure: &Struct) {
            self.0.has_skip |= structure.is_skip();
        }

        fn list(&mut self, list: &ListFacts) {
            self.0.structs += list.structs;
            self.0.lists.push(*list);
        }

        fn delete_sets(&mut self, count: usize) {
            self.0.deletes.reserve_exact(count);
        }

        fn deleted(&mut self, client: u64, start: u32, end: u32) {
            self.0.deletes.push(client, start, end);
        }
    }

    let mut collect = Collect(Scan::default());
    let walked = walk(update, limits, &mut collect)?;
    let mut scan = collect.0;
    scan.has_bigint = walked.facts.values.has_bigint;
    scan.has_format = walked.facts.has_format;
    scan.has_subdoc = walked.facts.has_subdoc;
    scan.has_hook = walked.facts.has_hook;
    Ok(scan)
}

/// Is told what a walk comes by.
///
/// The walk may still fail after any of these, so nothing may be changed for good before it has ended. Counts come first, so that room
/// can be made at once: pages that were never touched cost nothing, and those that are moved cost twice.
pub(crate) trait Visit {
    /// How many lists follow, at most: no more than a fifth of the bytes.
    fn lists(&mut self, _count: usize) {}
    /// A struct, in the order of the bytes, Skips included.
    fn structure(&mut self, client: u64, structure: &Struct);
    /// The end of a list, after its structs.
    fn list(&mut self, list: &ListFacts);
    /// How many clients have deletions, at most: no more than half of the bytes.
    fn delete_sets(&mut self, _count: usize) {}
    /// A delete range, after all lists.
    fn deleted(&mut self, client: u64, start: u32, end: u32);
}

/// What a walk knows at its end.
pub(crate) struct Walked {
    pub facts: Facts,
    /// Offset of the delete set.
    pub deletes_at: usize,
    /// How many ranges it has.
    pub deletes: usize,
}

/// Goes over a whole update and holds it to the grammar.
#[inline]
pub(crate) fn walk(
    update: &[u8],
    limits: &Limits,
    visit: &mut impl Visit,
) -> Result<Walked, Malformed> {
    let mut reader = Reader::new(update);
    let mut facts = Facts::default();
    // A list takes at least its count, client and clock, and one struct.
    let lists = reader.count_within(3 + MIN_BYTES, limits.clients_per_update)?;
    visit.lists(lists);
    let mut clients = Clients::of(lists);
    for _ in 0..lists {
        let list_at = reader.at();
        let count = reader.count(MIN_BYTES)?;
        if count == 0 {
            return Err(Reason::Empty.at(list_at));
        }
        let client = reader.client()?;
        let start = reader.clock()?;
        clients.push(client);
        let at = reader.at();
        let mut clock = start;
        for _ in 0..count {
            let read = Struct::read(&mut reader, client, clock, limits, &mut facts);
            // In place: moving it takes as long as reading it.
            let structure = read.as_ref().map_err(Malformed::clone)?;
            visit.structure(client, structure);
            clock = structure.end();
        }
        visit.list(&ListFacts {
            client,
            start,
            end: clock,
            structs: count,
            at,
            end_at: reader.at(),
        });
    }
    if let Some(twice) = clients.twice() {
        let again = &mut Reader::new(update);
        return Err(Reason::ClientTwice.at(second_list(again, twice, limits)?));
    }
    let deletes_at = reader.at();
    let deletes = walk_deletes(&mut reader, limits, visit)?;
    reader.end()?;
    Ok(Walked {
        facts,
        deletes_at,
        deletes,
    })
}

/// Goes over the delete set of an update that was walked before, client by client.
pub(crate) fn each_deleted(
    update: &[u8],
    walked: &Walked,
    mut deleted: impl FnMut(u64, &[(u32, u32)]),
) {
    some_deleted(update, walked, |some| {
        for (client, ranges) in some.iter() {
            deleted(client, ranges);
        }
    });
}

/// The same, some clients at once.
pub(crate) fn some_deleted(update: &[u8], walked: &Walked, deleted: impl FnMut(&DeleteSet)) {
    let read = read_deletes(Reader::again(update, walked.deletes_at), deleted);
    debug_assert_eq!(read, Ok(()));
}

/// So many clients at once.
pub(crate) const SOME: usize = 64;

fn read_deletes(
    mut reader: Reader<'_>,
    mut deleted: impl FnMut(&DeleteSet),
) -> Result<(), Malformed> {
    let mut some = DeleteSet::default();
    for set in 1..=reader.count(2)? {
        let client = reader.client()?;
        for _ in 0..reader.count(2)? {
            let (start, end) = range(&mut reader)?;
            some.push(client, start, end);
        }
        if set % SOME == 0 {
            deleted(&some);
            some.clear();
        }
    }
    deleted(&some);
    Ok(())
}

fn walk_deletes(
    reader: &mut Reader<'_>,
    limits: &Limits,
    visit: &mut impl Visit,
) -> Result<usize, Malformed> {
    let again = reader.clone();
    let sets = reader.count_within(2, limits.clients_per_update)?;
    visit.delete_sets(sets);
    let mut clients = Clients::of(sets);
    let mut ranges = 0;
    for _ in 0..sets {
        let client = reader.client()?;
        clients.push(client);
        let at = reader.at();
        let count = reader.count(2)?;
        ranges += count;
        if ranges > limits.delete_ranges_per_update {
            return Err(Reason::TooMany.at(at));
        }
        for _ in 0..count {
            let (start, end) = range(reader)?;
            visit.deleted(client, start, end);
        }
    }
    match clients.twice() {
        Some(twice) => Err(Reason::ClientTwice.at(second_delete_set(again, twice)?)),
        None => Ok(ranges),
    }
}

#[inline]
fn range(reader: &mut Reader<'_>) -> Result<(u32, u32), Malformed> {
    let start = reader.clock()?;
    let len = reader.clock_len(start)?;
    Ok((start, start + len))
}

/// The clients listed so far. Yjs and yrs write them in descending order, so mostly nothing is to be compared.
///
/// Twice the same is refused: in Yjs the second list of a client silently replaces the first, in yrs the second set of
/// delete ranges does. Where they stand is not kept: that is read again for whoever is told of it.
struct Clients {
    listed: SmallVec<[u64; 4]>,
    ascend: bool,
    descend: bool,
}

impl Clients {
    /// Of so many, at most.
    fn of(count: usize) -> Self {
        let mut listed = SmallVec::new();
        listed.reserve_exact(count);
        Clients {
            listed,
            ascend: true,
            descend: true,
        }
    }

    #[inline]
    fn push(&mut self, client: u64) {
        if let Some(last) = self.listed.last() {
            self.ascend &= *last < client;
            self.descend &= *last > client;
        }
        self.listed.push(client);
    }

    /// The lowest that is listed twice.
    fn twice(mut self) -> Option<u64> {
        if self.ascend || self.descend {
            return None;
        }
        self.listed.sort_unstable();
        let same = self.listed.windows(2).find(|pair| pair[0] == pair[1]);
        same.map(|pair| pair[0])
    }
}

/// Where the second list of a client begins.
fn second_list(reader: &mut Reader<'_>, client: u64, limits: &Limits) -> Result<usize, Malformed> {
    let mut seen = false;
    for _ in 0..reader.number()? {
        let at = reader.at();
        let count = reader.number()?;
        let of = reader.client()?;
        if of == client && std::mem::replace(&mut seen, true) {
            return Ok(at);
        }
        let mut clock = reader.clock()?;
        for _ in 0..count {
            clock = Struct::read(reader, of, clock, limits, &mut Facts::default())?.end();
        }
    }
    Ok(reader.at())
}

/// Where the second delete set of a client begins.
fn second_delete_set(mut reader: Reader<'_>, client: u64) -> Result<usize, Malformed> {
    let mut seen = false;
    for _ in 0..reader.number()? {
        let at = reader.at();
        if reader.client()? == client && std::mem::replace(&mut seen, true) {
            return Ok(at);
        }
        for _ in 0..reader.number()? {
            range(&mut reader)?;
        }
    }
    Ok(reader.at())
}
