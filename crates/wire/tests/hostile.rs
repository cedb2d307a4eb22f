//! Bytes from somebody who means harm: known killers of other implementations, and mutations of genuine bytes.
//!
//! Whatever comes, nothing may panic, and what is taken must be as good as an honest entry. Seeds are printed. The rule:
//! a mutation that gets through is held to everything that honest entries are held to.

mod support;

use scrible_wire::varint::{write_number, write_var_bytes};
use scrible_wire::{
    Clocks, Limits, Malformed, Messages, Missing, Reason, Scan, StateVector, Taking, awareness,
    merge, message, scan, split,
};
use support::Random;
use yrs::Update;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
        .collect()
}

fn take(update: &[u8]) -> Result<Taking, Malformed> {
    Clocks::new()
        .take(update, &Limits::default())
        .map(|taken| taken.entry)
}

fn refused(digits: &str) -> Reason {
    take(&hex(digits)).expect_err("a killer").reason
}

#[test]
fn updates_that_kill_yrs_are_refused() {
    // Index underflow, then a panic while dropping: clocks that wrap around.
    let underflow = "010504ffffffff0f210106736861706573027332010002a7040001280004030178017c43a7000028000403016b017704726563740104010003";
    assert_eq!(refused(underflow), Reason::Clock);
    // Division by zero through the delete set.
    let division = "01021c000101057469746c65ffffffff0f841c00022063011c010001";
    assert!(take(&hex(division)).is_err());
    // Applied without an error, then no state of the document can be encoded any more: legacy JSON and its like.
    for digits in [
        "0101bbbef1646572018898270101770469643431019827010101",
        "010201000201067368617065730001780a010104010a80808008017800",
    ] {
        assert!(take(&hex(digits)).is_err());
    }
    // Encoded, but unreadable: a snapshot would be lost.
    assert_eq!(refused("0101030502010673686170657300017800"), Reason::Kind);
    // A deleted block with the length 2^32 - 1.
    let block = [
        &[1, 1, 1, 0, 1, 1, 1, b't'][..],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0],
    ]
    .concat();
    assert_eq!(take(&block).unwrap_err().reason, Reason::Clock);
}

#[test]
fn an_update_that_makes_yrs_loop_is_cut_to_its_harmless_part() {
    let update = hex(
        "0206808080808020000401056f7264657205f09f9880620005e50100af2700027b7de30204010602010200010001012700e1af2700010080804000",
    );
    // Well formed for Yjs or not: either nothing, or what doesn't build on what is missing.
    match Clocks::new().take(&update, &Limits::default()) {
        Err(_) => {}
        Ok(taken) => {
            assert!(taken.early.is_some());
            let Taking::Part(part) = taken.entry else {
                panic!("taken as {:?}", taken.entry)
            };
            assert!(part.len() < update.len());
            let mut fresh = Clocks::new();
            let again = fresh.take(&part, &Limits::default()).expect("well formed");
            assert_eq!((again.entry, again.early), (Taking::Whole, None));
        }
    }
}

#[test]
fn clocks_cannot_be_taken_ahead_of_their_client() {
    // 1,000 clocks of client 42, from clock 1 on, before 42 has said anything.
    let taken = Clocks::new()
        .take(&hex("01012a0100e80700"), &Limits::default())
        .expect("well formed");
    assert_eq!(taken.entry, Taking::Nothing);
    let missing = Missing {
        client: 42,
        clock: 1,
    };
    assert_eq!(taken.early, Some(missing));
}

#[test]
fn declared_counts_cost_nothing() {
    // A few bytes that announce 2^26 and 2^28 entries: of an update, its parts, a state vector, awareness.
    let limits = Limits::default();
    for count in [
        &[0x80, 0x80, 0x80, 0x20][..],
        &[0x80, 0x80, 0x80, 0x80, 0x01],
    ] {
        assert_eq!(scan(count, &limits).unwrap_err().reason, Reason::Count);
        let structs = [&[1][..], count, &[1, 0]].concat();
        assert_eq!(scan(&structs, &limits).unwrap_err().reason, Reason::Count);
        let deletes = [&[0][..], count].concat();
        assert_eq!(scan(&deletes, &limits).unwrap_err().reason, Reason::Count);
        let ranges = [&[0, 1, 1][..], count].concat();
        assert_eq!(scan(&ranges, &limits).unwrap_err().reason, Reason::Count);
        let vector = StateVector::decode(count, &limits).unwrap_err();
        assert_eq!(vector.reason, Reason::Count);
        assert_eq!(
            awareness::parse(count, &limits).unwrap_err().reason,
            Reason::Count
        );
        // Maps in maps, each of which announces as many entries.
        let nested: Vec<u8> = [&[118][..], count, &[0]].concat().repeat(20);
        let update = [&[1, 1, 1, 0, 8, 1, 1, b't', 1][..], &nested].concat();
        assert_eq!(scan(&update, &limits).unwrap_err().reason, Reason::Count);
    }
}

#[test]
fn deep_values_do_not_exhaust_the_stack() {
    for value in [&[117, 1][..], &[118, 1, 0]] {
        let update = [
            &[1, 1, 1, 0, 8, 1, 1, b't', 1][..],
            &value.repeat(1_000_000),
        ]
        .concat();
        assert_eq!(take(&update).unwrap_err().reason, Reason::Depth);
    }
}

#[test]
fn awareness_clocks_that_silence_their_owner_are_refused() {
    for clock in [0xffff_ffff_u64, 1 << 52] {
        let mut body = vec![1, 42];
        write_number(&mut body, clock);
        body.extend([2, b'{', b'}']);
        let e = awareness::parse(&body, &Limits::default()).unwrap_err();
        assert_eq!(e.reason, Reason::Clock);
    }
}

/// One or a few changes, as a fuzzer makes them.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const NUMBERS: [&[u8]; 6] = [
        &[0x80, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
        &[0x80, 0x80, 0x80, 0x80, 0x08],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ];
    for _ in 0..1 + random.below(3) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            // Small changes get furthest: a count, a clock, a kind.
            2 => bytes[at] = bytes[at].wrapping_add(1),
            3 => bytes[at] = bytes[at].wrapping_sub(1),
            4 => bytes.truncate(at),
            5 => drop(bytes.splice(at..at, NUMBERS[random.below(6)].iter().copied())),
            6 => {
                let end = (at + 1 + random.below(8)).min(bytes.len());
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                if random.below(2) == 0 {
                    let to = random.below(bytes.len() + 1);
                    bytes.splice(to..to, piece.iter().copied().chain(piece.iter().copied()));
                }
            }
            _ => {
                bytes.truncate(at);
                let from = random.below(other.len());
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}

/// How many rooms are fed with mutations.
const ROOMS: usize = 150;

/// yrs must read the same out of what passes.
fn read_by_yrs(name: &str, bytes: &[u8], facts: &Scan) {
    let theirs = Update::decode_v1(bytes)
        .unwrap_or_else(|e| panic!("{name}: yrs can't read {bytes:02x?}: {e}"));
    if !facts.has_skip {
        let ours: StateVector = facts.lists.iter().map(|l| (l.client, l.start)).collect();
        let lower = support::vector_of(&theirs.state_vector_lower());
        assert_eq!(ours, lower, "{name}: {bytes:02x?}");
    }
    for (client, ranges) in &facts.deletes {
        let theirs = theirs.delete_set().get(&ClientID::new(*client));
        let theirs = theirs.unwrap_or_else(|| panic!("{name}: {bytes:02x?}"));
        let theirs = theirs.iter().map(|(range, ())| (range.start, range.end));
        assert_eq!(
            joined(theirs),
            joined(ranges.iter().copied()),
            "{name}: {bytes:02x?}"
        );
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

/// Notes an accepted update and its facts, for `gen/gen.mjs --mutated`.
fn accepted_for_yjs(out: &mut Vec<u8>, bytes: &[u8], facts: &Scan) {
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
            .map(|(start, end)| [*client, u64::from(*start), u64::from(end - start)])
    });
    let ranges: Vec<_> = ranges.collect();
    write_number(out, ranges.len() as u64);
    for number in ranges.into_iter().flatten() {
        write_number(out, number);
    }
}

#[test]
fn what_is_taken_of_mutated_updates_is_a_good_log() {
    let seed =
        std::env::var("SCRIBLE_SEED").map_or(20_261_121, |seed| seed.parse().expect("a number"));
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let limits = Limits::default();
    let sessions = support::fixture();
    let (mut refused, mut accepted, mut entries) = (0, 0, 0);
    let (mut dump, mut logs) = (Vec::new(), Vec::new());
    for session in sessions.iter().cycle().take(ROOMS) {
        let name = format!("session {}", session.seed);
        let mut clocks = Clocks::new();
        let mut log: Vec<Vec<u8>> = Vec::new();
        let honest: Vec<&Vec<u8>> = session.arrivals.iter().map(|a| &a.update).collect();
        for mutation in 0..800 {
            let mut bytes = honest[random.below(honest.len())].clone();
            // Some honest ones between, so that there is something to build on.
            if mutation % 8 > 0 {
                let other = honest[random.below(honest.len())];
                mutate(&mut bytes, other, &mut random);
            }
            let scanned = scan(&bytes, &limits);
            let taken = match clocks.take(&bytes, &limits) {
                Ok(taken) => taken,
                Err(e) => {
                    assert_eq!(scanned, Err(e), "{name}");
                    refused += 1;
                    continue;
                }
            };
            let facts = scanned.expect("taken, so it scans");
            accepted += 1;
            // Alone in a room, or in a merge, it must not do harm either.
            take(&bytes).expect("it scans");
            let _ = merge::merge([bytes.as_slice()], &limits);
            for part in split::split(&bytes, 24, &limits).expect("it scans") {
                scan(&part, &limits).expect("parts scan");
            }
            if !facts.has_hook {
                read_by_yrs(&name, &bytes, &facts);
            }
            accepted_for_yjs(&mut dump, &bytes, &facts);
            log.extend(match taken.entry {
                Taking::Nothing => None,
                Taking::Whole => Some(bytes),
                Taking::Part(part) => Some(part),
            });
        }
        entries += log.len();
        support::write_blobs(&mut logs, log.iter());

        let mut again = Clocks::new();
        for entry in &log {
            let facts = scan(entry, &limits).expect("entries scan");
            assert!(!facts.has_skip, "{name}");
            for list in &facts.lists {
                assert_eq!(list.start, again.clock(list.client), "{name}");
            }
            for (_, ranges) in &facts.deletes {
                assert!(ranges.windows(2).all(|w| w[0].1 <= w[1].0), "{name}");
            }
            let taken = again.take(entry, &limits).expect("entries scan");
            assert_eq!((taken.entry, taken.early), (Taking::Whole, None), "{name}");
        }
        assert_eq!(again.state_vector(), clocks.state_vector(), "{name}");

        let parts = || log.iter().map(Vec::as_slice);
        let merged = merge::merge(parts(), &limits).expect("entries merge");
        let mut at_once = Clocks::new();
        let taken = at_once.take(&merged, &limits).expect("a merge scans");
        assert_eq!((taken.entry, taken.early), (Taking::Whole, None), "{name}");
        assert_eq!(at_once.state_vector(), clocks.state_vector(), "{name}");
        assert_eq!(at_once.delete_ranges(), clocks.delete_ranges(), "{name}");

        let mut vector: Vec<_> = clocks.state_vector().iter().collect();
        vector.sort_unstable();
        let have = vector
            .into_iter()
            .map(|(client, clock)| (client, random.below(clock as usize + 1) as u32))
            .collect();
        let lacking = merge::diff(parts(), &have, &limits).expect("entries can be cut");
        let taken = at_once.take(&lacking, &limits).expect("a diff scans");
        assert!(taken.is_known(), "{name}");
    }
    println!("{refused} refused, {accepted} accepted, {entries} entries");
    if let Some(file) = std::env::var_os("SCRIBLE_WIRE_MUTATED") {
        let mut counted = Vec::new();
        write_number(&mut counted, accepted);
        counted.extend(dump);
        write_number(&mut counted, ROOMS as u64);
        counted.extend(logs);
        std::fs::write(file, counted).expect("the mutations can be written");
    }
    assert!(refused > 50_000 && accepted > 15_000 && entries > 3_000);
}

#[test]
fn mutated_state_vectors_awareness_and_frames_do_no_harm() {
    let seed = 1_121;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let limits = Limits::default();
    let vectors: Vec<Vec<u8>> = support::fixture()
        .iter()
        .map(|session| {
            let mut clocks = Clocks::new();
            clocks.take(&session.state, &limits).expect("honest");
            clocks.state_vector().encode()
        })
        .collect();
    let entry = |client, state| awareness::Entry {
        client,
        clock: 7,
        state,
    };
    let state = br#"{"user":{"name":"Ada","color":"red"},"cursor":{"x":-1.5e2,"y":[null,true]}}"#;
    let body = awareness::encode([entry(1 << 40, Some(&state[..])), entry(5, None)].into_iter());
    let (mut good, mut bad) = (0, 0);
    for at in 0..60_000 {
        let vector = &vectors[at % vectors.len()];
        let mut bytes = vector.clone();
        mutate(&mut bytes, &body, &mut random);
        if let Ok(vector) = StateVector::decode(&bytes, &limits) {
            // It says the same when it is written again.
            let again = StateVector::decode(&vector.encode(), &limits);
            assert_eq!(again, Ok(vector));
            good += 1;
        } else {
            bad += 1;
        }

        let mut bytes = body.clone();
        mutate(&mut bytes, vector, &mut random);
        if let Ok(entries) = awareness::parse(&bytes, &limits) {
            for entry in &entries {
                let json = entry.state.unwrap_or(b"null");
                serde_json::from_slice::<serde::de::IgnoredAny>(json).expect("JSON");
            }
            let encoded = awareness::encode(entries.iter().copied());
            assert_eq!(awareness::parse(&encoded, &limits), Ok(entries));
            good += 1;
        } else {
            bad += 1;
        }

        let mut bytes = [
            message::step1(vector),
            message::awareness(&body),
            message::update(&[0, 0]),
        ]
        .concat();
        mutate(&mut bytes, vector, &mut random);
        let read: Vec<_> = Messages::new(&bytes).collect();
        assert!(!read.is_empty() && read.iter().rev().skip(1).all(Result::is_ok));
    }
    println!("{good} good, {bad} bad");
    assert!(good > 5_000 && bad > 50_000);
}
