//! Honest sessions of Yjs clients, fed to the clocks in the order of arrival: what a room takes must be what Yjs takes,
//! entries must never wait for anything, and merging and cutting them must keep the content.
//!
//! `SCRIBLE_WIRE_SESSIONS` names another file of sessions, `SCRIBLE_WIRE_DUMP` a file to write what was made of them to,
//! for `gen/gen.mjs --check`, where Yjs itself is the judge. The rule: each session is judged by its own seed's outcome.

mod support;

use scrible_wire::split::split;
use scrible_wire::varint::{write_number, write_var_bytes};
use scrible_wire::{Clocks, Limits, StateVector, Taken, Taking, merge, scan};
use support::{Random, Session};

/// The entries of a log, and the clocks that took them.
struct Room {
    clocks: Clocks,
    log: Vec<Vec<u8>>,
    taken: Vec<Taken>,
}

impl Room {
    fn new() -> Self {
        Room {
            clocks: Clocks::new(),
            log: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn take(&mut self, update: &[u8]) -> &Taken {
        let taken = self
            .clocks
            .take(update, &Limits::default())
            .expect("honest updates are taken");
        match &taken.entry {
            Taking::Nothing => {}
            Taking::Whole => self.log.push(update.to_vec()),
            Taking::Part(part) => self.log.push(part.clone()),
        }
        self.taken.push(taken);
        self.taken.last().expect("just pushed")
    }

    fn of(session: &Session) -> Self {
        let mut room = Room::new();
        for arrival in &session.arrivals {
            room.take(&arrival.update);
        }
        room
    }

    fn log(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.log.iter().map(Vec::as_slice)
    }
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    merge::merge(parts, &Limits::default()).expect("entries merge")
}

fn diff<'a>(parts: impl IntoIterator<Item = &'a [u8]>, have: &StateVector) -> Vec<u8> {
    merge::diff(parts, have, &Limits::default()).expect("entries can be cut")
}

#[test]
fn what_is_taken_is_what_yjs_takes() {
    let (mut early, mut part) = (0, 0);
    for session in support::fixture() {
        let seed = session.seed;
        let mut room = Room::new();
        for (at, arrival) in session.arrivals.iter().enumerate() {
            let before = room.clocks.clone();
            let taken = room.take(&arrival.update).clone();
            let place = format!("seed {seed}, arrival {at}");
            assert_eq!(taken.early.is_some(), arrival.early, "{place}: early");
            let vector = room.clocks.state_vector();
            assert_eq!(
                support::fnv(&vector.encode()),
                arrival.vector_hash,
                "{place}: clocks"
            );
            for (client, start, end) in &taken.brought {
                assert_eq!(before.clock(*client), *start, "{place}: brought");
                assert_eq!(room.clocks.clock(*client), *end, "{place}: brought");
            }
            if let Some(missing) = taken.early {
                assert!(!room.clocks.has(missing), "{place}: {missing:?} is there");
            }
            early += usize::from(arrival.early);
            part += usize::from(matches!(taken.entry, Taking::Part(_)));
        }
    }
    // Otherwise the sessions are too tame to show anything.
    assert!(early > 10 && part > 10, "{early} early, {part} in part");
}

#[test]
fn entries_never_wait_and_come_to_the_content_of_the_clients() {
    for session in support::fixture_for_yrs() {
        let seed = session.seed;
        let room = Room::of(&session);
        let doc = support::doc();
        for (at, entry) in room.log().enumerate() {
            assert!(support::apply(&doc, entry), "seed {seed}: entry {at} waits");
        }
        assert_eq!(
            room.clocks.state_vector(),
            support::vector(&doc),
            "seed {seed}"
        );
        let content = support::content(&doc);
        assert_eq!(
            support::floats(&content),
            support::floats(&session.content),
            "seed {seed}: content"
        );

        let at_once = support::doc();
        assert!(support::apply(&at_once, &merged(room.log())), "seed {seed}");
        assert_eq!(support::content(&at_once), content, "seed {seed}: merged");
        assert_eq!(
            support::vector(&at_once),
            support::vector(&doc),
            "seed {seed}"
        );
    }
}

#[test]
fn taking_again_brings_nothing() {
    for session in support::fixture() {
        let seed = session.seed;
        let mut room = Room::of(&session);
        assert!(room.take(&session.state).early.is_none(), "seed {seed}");
        let entries = room.log.clone();
        for update in entries
            .iter()
            .chain(session.arrivals.iter().map(|arrival| &arrival.update))
            .chain([&session.state, &merged(room.log())])
        {
            let taken = room.clocks.take(update, &Limits::default());
            let taken = taken.expect("taken before");
            assert!(taken.is_known(), "seed {seed}: {taken:?}");
            assert!(taken.brought.is_empty() && !taken.has_deletes && !taken.has_subdoc);
        }
    }
}

#[test]
fn entries_are_taken_whole_by_a_room_that_starts_over() {
    for session in support::fixture() {
        let seed = session.seed;
        let room = Room::of(&session);
        let mut again = Room::new();
        for entry in room.log() {
            let facts = scan(entry, &Limits::default()).expect("entries are well formed");
            assert!(!facts.has_skip, "seed {seed}");
            let taken = again.take(entry);
            assert_eq!(taken.entry, Taking::Whole, "seed {seed}");
            assert_eq!(taken.early, None, "seed {seed}");
        }
        assert_eq!(again.clocks.state_vector(), room.clocks.state_vector());
        // A merged log is one update that can be taken in one go, with the same outcome.
        let mut at_once = Room::new();
        let log = merged(room.log());
        assert_eq!(at_once.take(&log).entry, Taking::Whole, "seed {seed}");
        assert_eq!(at_once.clocks.state_vector(), room.clocks.state_vector());
        assert_eq!(
            sorted_deletes(&at_once.clocks),
            sorted_deletes(&room.clocks)
        );
        assert_eq!(
            merged([log.as_slice()]),
            log,
            "seed {seed}: merging is stable"
        );
    }
}

fn sorted_deletes(clocks: &Clocks) -> Vec<(u64, Vec<(u32, u32)>)> {
    let mut deletes: Vec<_> = clocks.deleted().collect();
    deletes.sort_unstable();
    deletes
}

#[test]
fn diffs_bring_anybody_up_to_date() {
    let mut random = Random::new(7);
    for session in support::fixture_for_yrs() {
        let seed = session.seed;
        let room = Room::of(&session);
        let wanted = support::floats(&session.content);
        let judge = |doc: &yrs::Doc, what: &str| {
            let content = support::floats(&support::content(doc));
            assert_eq!(content, wanted, "seed {seed}: {what}");
            assert_eq!(
                support::vector(doc),
                room.clocks.state_vector(),
                "seed {seed}"
            );
        };
        // Somebody who heard the log up to some entry.
        for _ in 0..3 {
            let doc = support::doc();
            for entry in room.log().take(random.below(room.log.len() + 1)) {
                support::apply(&doc, entry);
            }
            let lacking = diff(room.log(), &support::vector(&doc));
            assert!(support::apply(&doc, &lacking), "seed {seed}");
            judge(&doc, "diff for a prefix");
        }
        // Somebody with edits of their own, some of which the room got later or in other pieces.
        for probe in &session.probes {
            let doc = support::doc();
            support::apply(&doc, probe);
            let lacking = diff(room.log(), &support::vector(&doc));
            assert!(support::apply(&doc, &lacking), "seed {seed}");
            judge(&doc, "diff for a probe");
        }
        // Nobody knows anything: a diff is the merge.
        assert_eq!(diff(room.log(), &StateVector::new()), merged(room.log()));
    }
}

#[test]
fn a_base_written_by_yrs_may_come_first() {
    let mut random = Random::new(11);
    for session in support::fixture_for_yrs() {
        // yrs turns a BigInt into a Number.
        if session.bigint {
            continue;
        }
        let seed = session.seed;
        let room = Room::of(&session);
        let (base, covered) = base(&room, &mut random);
        let mut loaded = Room::new();
        loaded.take(&base);
        for entry in room.log().skip(covered) {
            // Maybe partly known: yrs derives deletions of its own.
            assert_eq!(loaded.take(entry).early, None, "seed {seed}");
        }
        assert_eq!(loaded.clocks.state_vector(), room.clocks.state_vector());
        let parts = || std::iter::once(base.as_slice()).chain(room.log().skip(covered));
        let at_once = support::doc();
        assert!(support::apply(&at_once, &merged(parts())), "seed {seed}");
        assert_eq!(
            support::floats(&support::content(&at_once)),
            support::floats(&session.content),
            "seed {seed}"
        );
    }
}

/// What a yrs document makes of some first entries, and how many those are.
fn base(room: &Room, random: &mut Random) -> (Vec<u8>, usize) {
    use yrs::{ReadTxn, Transact};
    let doc = yrs::Doc::new();
    let covered = random.below(room.log.len() + 1);
    for entry in room.log().take(covered) {
        support::apply(&doc, entry);
    }
    let base = doc
        .transact()
        .encode_state_as_update_v1(&yrs::StateVector::default());
    (base, covered)
}

#[test]
fn parts_of_a_split_never_wait_for_later_ones() {
    let mut parts = 0;
    for session in support::fixture_for_yrs() {
        let seed = session.seed;
        let room = Room::of(&session);
        let log = merged(room.log());
        for bytes in [1, 40, 300, 2_000, log.len()] {
            let split = split(&log, bytes, &Limits::default()).expect("a merge can be split");
            let mut theirs = Room::new();
            let doc = support::doc();
            for part in &split {
                let taken = theirs.take(part);
                assert_eq!(
                    (&taken.entry, taken.early),
                    (&Taking::Whole, None),
                    "seed {seed}"
                );
                assert!(support::apply(&doc, part), "seed {seed}: yrs waits");
            }
            parts += split.len();
            assert_eq!(merged(split.iter().map(Vec::as_slice)), log, "seed {seed}");
            let content = support::floats(&support::content(&doc));
            assert_eq!(content, support::floats(&session.content), "seed {seed}");
        }
        assert_eq!(split(&log, log.len(), &Limits::default()), Ok(vec![log]));
    }
    assert!(parts > 10_000, "{parts} parts");
}

/// A state vector that nobody need ever have had: any clock for any client.
fn anything(room: &Room, random: &mut Random) -> StateVector {
    let mut entries: Vec<_> = room.clocks.state_vector().iter().collect();
    entries.sort_unstable();
    entries
        .into_iter()
        .map(|(client, clock)| (client, random.below(clock as usize + 2) as u32))
        .collect()
}

#[test]
fn cuts_are_exact_for_any_state_vector() {
    let mut random = Random::new(13);
    for session in support::fixture() {
        let seed = session.seed;
        let room = Room::of(&session);
        let have = anything(&room, &mut random);
        let lacking = diff(room.log(), &have);
        let facts = scan(&lacking, &Limits::default()).expect("a diff is well formed");
        let mut ends = room.clocks.state_vector();
        for list in &facts.lists {
            assert_eq!(list.start, have.get(list.client), "seed {seed}");
            assert_eq!(list.end, ends.get(list.client), "seed {seed}");
            ends = ends
                .iter()
                .filter(|(client, _)| *client != list.client)
                .collect();
        }
        assert!(have.covers(&ends), "seed {seed}: a client was left out");
        assert_eq!(diff([merged(room.log()).as_slice()], &have), lacking);
    }
}

/// Also writes the file for the check by Yjs, if one is wanted.
#[test]
fn what_somebody_had_and_their_diff_make_the_room() {
    let mut random = Random::new(17);
    let sessions = support::fixture();
    let mut out = Vec::new();
    write_number(&mut out, sessions.len() as u64);
    for session in &sessions {
        let room = Room::of(session);
        write_number(&mut out, session.seed);
        write_var_bytes(&mut out, &session.state);
        support::write_blobs(&mut out, room.log.iter());

        let mut merges = vec![merged(room.log())];
        if !session.bigint && !session.format && !session.hooks {
            let (base, covered) = base(&room, &mut random);
            let parts = std::iter::once(base.as_slice()).chain(room.log().skip(covered));
            merges.push(merged(parts));
        }
        support::write_blobs(&mut out, merges.iter());
        let parts = split(&merges[0], 300, &Limits::default()).expect("a merge can be split");
        support::write_blobs(&mut out, parts.iter());

        let mut had: Vec<Vec<u8>> = session.probes.clone();
        for _ in 0..3 {
            had.push(merged(room.log().take(random.below(room.log.len() + 1))));
        }
        write_number(&mut out, had.len() as u64);
        for had in had {
            let mut theirs = Room::new();
            theirs.take(&had);
            let lacking = diff(room.log(), &theirs.clocks.state_vector());
            assert_eq!(theirs.take(&lacking).early, None, "seed {}", session.seed);
            assert_eq!(theirs.clocks.state_vector(), room.clocks.state_vector());
            assert_eq!(sorted_deletes(&theirs.clocks), sorted_deletes(&room.clocks));
            write_var_bytes(&mut out, &had);
            write_var_bytes(&mut out, &lacking);
        }

        write_number(&mut out, 4);
        for _ in 0..4 {
            let have = anything(&room, &mut random);
            write_var_bytes(&mut out, &merges[0]);
            write_var_bytes(&mut out, &have.encode());
            write_var_bytes(&mut out, &diff(room.log(), &have));
        }
    }
    if let Some(file) = std::env::var_os("SCRIBLE_WIRE_DUMP") {
        std::fs::write(file, out).expect("the dump can be written");
    }
}
