//! Mutated updates at a room: the scanner, the clocks, and all that is made of what was taken.
//!
//! It does not know who sends them. The rule: the log of a room is good by itself, whatever it was made of: each entry whole and new
//! after those before it, and the same when it is merged, cut or split.

use std::cell::RefCell;

use scrible_wire::varint::{write_number, write_var_bytes};
use scrible_wire::{Clocks, Limits, Scan, StateVector, Taking, lift, merge, scan, split};
use yrs::Update;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;

use crate::support::{self, Random, Session, mutate};
use crate::{ROOM, Run};

/// One mutant in so many is a large one.
const LARGE: usize = 1_000;
/// One accepted update in so many is read by yrs as well, which is slow.
const READ_BY_YRS: usize = 8;
/// How many accepted updates and rooms Yjs is to judge.
const UPDATES_FOR_YJS: usize = 20_000;
const ROOMS_FOR_YJS: usize = 400;

/// A part of what was accepted, for Yjs to judge.
pub struct Sample {
    /// One accepted update in so many is taken.
    every: usize,
    seen: usize,
    updates: Vec<u8>,
    count: u64,
    rooms: Vec<u8>,
    room_count: u64,
    room_every: usize,
}

impl Sample {
    /// Of a run with so many mutants, of which about a quarter are accepted; none of no mutants.
    pub fn new(mutants: usize) -> Self {
        Self {
            every: (mutants / 4).div_ceil(UPDATES_FOR_YJS),
            seen: 0,
            updates: Vec::new(),
            count: 0,
            rooms: Vec::new(),
            room_count: 0,
            room_every: (mutants / ROOM).div_ceil(ROOMS_FOR_YJS),
        }
    }

    /// As `judge.mjs` reads it.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        write_number(&mut out, self.count);
        out.extend(self.updates);
        write_number(&mut out, self.room_count);
        out.extend(self.rooms);
        out
    }

    /// An accepted update with its facts, and what an empty room makes of it: the entry, merged, and in parts.
    fn update(&mut self, bytes: &[u8], facts: &Scan, limits: &Limits) {
        self.seen += 1;
        if self.every == 0 || !self.seen.is_multiple_of(self.every) || bytes.len() > 4096 {
            return;
        }
        self.count += 1;
        let out = &mut self.updates;
        write_var_bytes(out, bytes);
        write_number(out, facts.lists.len() as u64);
        for list in &facts.lists {
            for number in [list.client, u64::from(list.start), u64::from(list.end)] {
                write_number(out, number);
            }
        }
        let ranges = facts.deletes.iter().flat_map(|(client, ranges)| {
            ranges
                .iter()
                .map(move |(start, end)| [client, u64::from(*start), u64::from(end - start)])
        });
        let ranges: Vec<_> = ranges.collect();
        write_number(out, ranges.len() as u64);
        for number in ranges.into_iter().flatten() {
            write_number(out, number);
        }
        let entry = match Clocks::new().take(bytes, limits).expect("it scans").entry {
            Taking::Nothing => vec![0, 0],
            Taking::Whole => bytes.to_vec(),
            Taking::Part(part) => part,
        };
        write_var_bytes(out, &entry);
        let merged = merge::merge([&entry[..]], limits).expect("an entry merges");
        write_var_bytes(out, &merged);
        let parts = split::split(&entry, 24, limits).expect("an entry scans");
        support::write_blobs(out, parts.iter());
    }

    fn room(&mut self, number: usize, log: &[Vec<u8>]) {
        if self.room_every > 0 && number.is_multiple_of(self.room_every) {
            self.room_count += 1;
            support::write_blobs(&mut self.rooms, log.iter());
        }
    }
}

/// Feeds a room with mutants of what clients said in a session, and honest updates in between.
pub fn feed(session: &Session, random: &mut Random, run: &mut Run, last: &RefCell<Vec<u8>>) {
    let limits = Limits::default();
    let mut clocks = Clocks::new();
    let mut log: Vec<Vec<u8>> = Vec::new();
    let honest: Vec<&[u8]> = session.arrivals.iter().map(|a| &a.update[..]).collect();
    for mutant in 0..ROOM / 4 * 3 {
        let bytes = mutant_of(&honest, mutant, random, run.largest);
        last.replace(bytes.clone());
        let meter = &mut run.meter;
        let scanned = meter.run("scan", &bytes, || scan(&bytes, &limits));
        let before = log.len();
        let taken = meter.change(
            "take",
            &bytes,
            || clocks.take(&bytes, &limits),
            || replay(&log[..before], &limits),
            |clocks| clocks.take(&bytes, &limits),
        );
        let taken = match taken {
            Ok(taken) => taken,
            Err(e) => {
                assert_eq!(scanned, Err(e));
                run.counts.refused += 1;
                continue;
            }
        };
        let facts = scanned.expect("taken, so it scans");
        run.counts.accepted += 1;
        // Alone in a room, in parts, in a merge or lifted it must not do harm either.
        let alone = meter.run("take alone", &bytes, || Clocks::new().take(&bytes, &limits));
        alone.expect("it scans");
        let merged = meter.run("merge", &bytes, || merge::merge([&bytes[..]], &limits));
        if let Ok(merged) = merged {
            let again = scan(&merged, &limits).expect("a merge scans");
            assert!(!again.has_skip);
        }
        let bytes_each = (bytes.len() / 4).max(24);
        let parts = meter.run("split", &bytes, || {
            split::split(&bytes, bytes_each, &limits)
        });
        for part in parts.expect("it scans") {
            scan(&part, &limits).expect("parts scan");
        }
        let lifted = meter.run("lift", &bytes, || lift::lift(&bytes, &limits));
        let lifted = scan(&lifted.expect("it scans"), &limits).expect("what was lifted scans");
        assert_eq!(
            (clocks_of(&lifted), &lifted.deletes),
            (clocks_of(&facts), &facts.deletes)
        );
        if !facts.has_hook && run.counts.accepted.is_multiple_of(READ_BY_YRS) {
            read_by_yrs(&bytes, &facts);
        }
        run.sample.update(&bytes, &facts, &limits);
        log.extend(match taken.entry {
            Taking::Nothing => None,
            Taking::Whole => Some(bytes),
            Taking::Part(part) => Some(part),
        });
    }
    run.counts.entries += log.len();
    run.sample
        .room(run.counts.refused + run.counts.accepted, &log);
    hold(&log, &clocks, random, run);
}

fn mutant_of(honest: &[&[u8]], mutant: usize, random: &mut Random, largest: usize) -> Vec<u8> {
    if random.below(LARGE) == 0 {
        let mut bytes = mutate::large(largest >> random.below(5), random);
        if random.below(4) == 0 {
            mutate::mutate(&mut bytes, honest[0], random);
        }
        return bytes;
    }
    match random.below(16) {
        0 => return mutate::noise(random),
        1 => return mutate::header(random),
        _ => {}
    }
    let mut bytes = honest[random.below(honest.len())].to_vec();
    // Some honest ones between, so that there is something to build on.
    if !mutant.is_multiple_of(8) {
        let other = honest[random.below(honest.len())];
        mutate::mutate(&mut bytes, other, random);
    }
    bytes
}

/// Holds a log to what honest logs are held to.
fn hold(log: &[Vec<u8>], clocks: &Clocks, random: &mut Random, run: &mut Run) {
    let limits = Limits::default();
    let mut again = Clocks::new();
    for entry in log {
        let facts = scan(entry, &limits).expect("entries scan");
        assert!(!facts.has_skip);
        for list in &facts.lists {
            assert_eq!(list.start, again.clock(list.client));
        }
        for (_, ranges) in facts.deletes.iter() {
            assert!(ranges.windows(2).all(|w| w[0].1 <= w[1].0));
        }
        let taken = again.take(entry, &limits).expect("entries scan");
        assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
    }
    assert_eq!(again.state_vector(), clocks.state_vector());

    let parts = || log.iter().map(Vec::as_slice);
    let all = log.concat();
    let merged = run
        .meter
        .run("merge a log", &all, || merge::merge(parts(), &limits))
        .expect("entries merge");
    let mut at_once = Clocks::new();
    let without_counts = limits.without_counts();
    let taken = at_once.take(&merged, &without_counts);
    let taken = taken.expect("a merge scans");
    if merged.len() > 2 {
        assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
    }
    assert_eq!(at_once.state_vector(), clocks.state_vector());
    assert_eq!(at_once.delete_ranges(), clocks.delete_ranges());

    let mut vector: Vec<_> = clocks.state_vector().iter().collect();
    vector.sort_unstable();
    let have: StateVector = vector
        .into_iter()
        .map(|(client, clock)| (client, random.below(clock as usize + 1) as u32))
        .collect();
    let lacking = run
        .meter
        .run("diff a log", &all, || merge::diff(parts(), &have, &limits))
        .expect("entries can be cut");
    let taken = at_once.take(&lacking, &without_counts);
    assert!(taken.expect("a diff scans").is_known());
}

fn replay(log: &[Vec<u8>], limits: &Limits) -> Clocks {
    let mut clocks = Clocks::new();
    for entry in log {
        clocks.take(entry, limits).expect("entries scan");
    }
    clocks
}

fn clocks_of(facts: &Scan) -> Vec<(u64, u32, u32)> {
    let lists = facts.lists.iter();
    lists.map(|l| (l.client, l.start, l.end)).collect()
}

/// yrs must read the same out of what passes.
fn read_by_yrs(bytes: &[u8], facts: &Scan) {
    let theirs = Update::decode_v1(bytes).expect("yrs reads what we take");
    if !facts.has_skip {
        let ours: StateVector = facts.lists.iter().map(|l| (l.client, l.start)).collect();
        let lower = support::vector_of(&theirs.state_vector_lower());
        assert_eq!(ours, lower);
    }
    for (client, ranges) in facts.deletes.iter() {
        let theirs = theirs.delete_set().get(&ClientID::new(client));
        let theirs = theirs.expect("yrs sees who deletes").iter();
        let theirs = theirs.map(|(range, ())| (range.start, range.end));
        assert_eq!(joined(theirs), joined(ranges.iter().copied()));
    }
}

fn joined(ranges: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (start, end) in ranges {
        match joined.last_mut() {
            Some((_, last)) if *last >= start => *last = end.max(*last),
            _ => joined.push((start, end)),
        }
    }
    joined
}
