//! The gate for updates: one streaming pass that holds v1 bytes to the grammar and reports what they bring.
//!
//! Does not know what anybody has: [`crate::clocks`] judges that on the same pass. The rule: what gets through must be
//! readable by Yjs and by yrs with the same meaning, so whatever one of them takes and the other doesn't is refused.

use smallvec::SmallVec;

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
        let mut reader = Reader::starting_at(update, self.at);
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

/// The deletions of one client: ranges from the first clock to the one behind the last, in the order of the bytes.
pub type DeletedRanges = (u64, Vec<(u32, u32)>);

/// What an update brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The client lists, in the order of the bytes.
    pub lists: Vec<ListFacts>,
    /// The delete set, in the order of the bytes.
    pub deletes: Vec<DeletedRanges>,
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
        fn structure(&mut self, _client: u64, structure: &Struct) {
            self.0.has_skip |= structure.is_skip();
        }

        fn list(&mut self, list: &ListFacts) {
            self.0.structs += list.structs;
            self.0.lists.push(*list);
        }

        fn deleted(&mut self, client: u64, start: u32, end: u32) {
            match self.0.deletes.last_mut() {
                Some((last, ranges)) if *last == client => ranges.push((start, end)),
                _ => self.0.deletes.push((client, vec![(start, end)])),
            }
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
/// The walk may still fail after any of these, so nothing may be changed for good before it has ended.
pub(crate) trait Visit {
    /// A struct, in the order of the bytes, Skips included.
    fn structure(&mut self, client: u64, structure: &Struct);
    /// The end of a list, after its structs.
    fn list(&mut self, list: &ListFacts);
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
    let mut clients = Clients::default();
    for _ in 0..lists {
        let list_at = reader.at();
        let count = reader.count(MIN_BYTES)?;
        if count == 0 {
            return Err(Reason::Empty.at(list_at));
        }
        let client = reader.client()?;
        let start = reader.clock()?;
        clients.push(client, list_at);
        let at = reader.at();
        let mut clock = start;
        for _ in 0..count {
            let structure = Struct::read(&mut reader, client, clock, limits, &mut facts)?;
            visit.structure(client, &structure);
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
    clients.all_different()?;
    let deletes_at = reader.at();
    let deletes = walk_deletes(&mut reader, limits, &mut |client, start, end| {
        visit.deleted(client, start, end);
    })?;
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
    limits: &Limits,
    mut deleted: impl FnMut(u64, &[(u32, u32)]),
) {
    let mut reader = Reader::starting_at(update, walked.deletes_at);
    let mut held: SmallVec<[(u32, u32); 8]> = SmallVec::new();
    let mut of = None;
    let again = walk_deletes(&mut reader, limits, &mut |client, start, end| {
        if let Some(before) = of.replace(client)
            && before != client
        {
            deleted(before, &held);
            held.clear();
        }
        held.push((start, end));
    });
    debug_assert_eq!(again, Ok(walked.deletes));
    if let Some(client) = of {
        deleted(client, &held);
    }
}

fn walk_deletes(
    reader: &mut Reader<'_>,
    limits: &Limits,
    deleted: &mut impl FnMut(u64, u32, u32),
) -> Result<usize, Malformed> {
    let mut clients = Clients::default();
    let mut ranges = 0;
    for _ in 0..reader.count_within(2, limits.clients_per_update)? {
        let at = reader.at();
        let client = reader.client()?;
        clients.push(client, at);
        let at = reader.at();
        let count = reader.count(2)?;
        ranges += count;
        if ranges > limits.delete_ranges_per_update {
            return Err(Reason::TooMany.at(at));
        }
        for _ in 0..count {
            let start = reader.clock()?;
            let len = reader.clock_len(start)?;
            deleted(client, start, start + len);
        }
    }
    clients.all_different()?;
    Ok(ranges)
}

/// The clients listed so far. Yjs and yrs write them in descending order, so mostly nothing needs to be kept.
///
/// Twice the same is refused: in Yjs the second list of a client silently replaces the first, in yrs the second set of
/// delete ranges does.
#[derive(Default)]
struct Clients {
    listed: SmallVec<[(u64, usize); 4]>,
    disordered: bool,
}

impl Clients {
    #[inline]
    fn push(&mut self, client: u64, at: usize) {
        if let Some((last, _)) = self.listed.last() {
            self.disordered |= *last <= client;
        }
        self.listed.push((client, at));
    }

    fn all_different(mut self) -> Result<(), Malformed> {
        if self.disordered {
            self.listed.sort_unstable();
            for pair in self.listed.windows(2) {
                if pair[0].0 == pair[1].0 {
                    return Err(Reason::ClientTwice.at(pair[1].1));
                }
            }
        }
        Ok(())
    }
}
