//! Genuine documents and updates: all must pass the gate, and what the scan says must be what yrs decodes.
//!
//! Reads the documents in `data/documents`, or every `*.bin` below the folder that `SCRIBLE_CORPUS` names (leaving out
//! awareness and update format v2, by name). The rule: a document that does not pass is a fault of the scanner.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use scrible_wire::scan::DeletedRanges;
use scrible_wire::{Clocks, Limits, ListFacts, Scan, StateVector, Taking, awareness, merge, scan};
use yrs::Update;
use yrs::updates::decoder::Decode;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn documents() -> Vec<(String, Vec<u8>)> {
    let root =
        std::env::var_os("SCRIBLE_CORPUS").map_or_else(|| data().join("documents"), PathBuf::from);
    let (mut folders, mut found) = (vec![root], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder can be read") {
            let path = entry.expect("entry can be read").path();
            let name = path.display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".bin")
                && !name.ends_with("awareness.bin")
                && !name.ends_with("v2-update.bin")
            {
                found.push((name, fs::read(path).expect("document can be read")));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 10, "only {} documents", found.len());
    found
}

/// Holds the facts of a scan against what yrs makes of the same bytes.
fn agree(name: &str, update: &[u8]) -> Scan {
    let facts = scan(update, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let theirs = Update::decode_v1(update).unwrap_or_else(|e| panic!("{name}: {e}"));

    let lower = support::vector_of(&theirs.state_vector_lower());
    let upper = support::vector_of(&theirs.state_vector());
    if !facts.has_skip {
        let ours: StateVector = facts.lists.iter().map(|l| (l.client, l.start)).collect();
        assert_eq!(ours, lower, "{name}: lower clocks");
        // yrs tells the end of a list only where it begins at 0.
        let ours: StateVector = facts
            .lists
            .iter()
            .filter(|list| list.start == 0)
            .map(|list| (list.client, list.end))
            .collect();
        assert_eq!(ours, upper, "{name}: upper clocks");
        let mut ours: Vec<_> = facts
            .lists
            .iter()
            .map(|l| (l.client, l.start, l.end))
            .collect();
        ours.sort_unstable();
        let mut inserted: Vec<_> = theirs
            .insertions(true)
            .iter()
            .flat_map(|(client, ranges)| {
                let ranges: Vec<_> = ranges.iter().cloned().collect();
                ranges.into_iter().map(|r| (client.get(), r.start, r.end))
            })
            .collect();
        inserted.sort_unstable();
        assert_eq!(ours, inserted, "{name}: clock ranges");
    }

    let ours = facts.deletes.iter();
    let mut ours: Vec<_> = ours.map(|(c, ranges)| (c, ranges.to_vec())).collect();
    ours.sort_unstable();
    let mut deleted: Vec<(u64, Vec<(u32, u32)>)> = theirs
        .delete_set()
        .iter()
        .map(|(client, ranges)| {
            (
                client.get(),
                ranges.iter().map(|r| (r.start, r.end)).collect(),
            )
        })
        .collect();
    deleted.sort_unstable();
    assert_eq!(ours, deleted, "{name}: delete set");
    facts
}

#[test]
fn every_document_passes_and_means_what_yrs_reads() {
    let (mut bytes, mut structs) = (0, 0);
    let documents = documents();
    for (name, document) in &documents {
        let facts = agree(name, document);
        structs += facts.structs;
        bytes += document.len();
    }
    println!(
        "{} documents, {bytes} bytes, {structs} structs",
        documents.len()
    );
    assert!(structs > 1_000);
}

#[test]
fn every_document_is_taken_whole_and_only_once() {
    for (name, document) in documents() {
        let mut clocks = Clocks::new();
        let limits = Limits::default();
        let taken = clocks.take(&document, &limits).expect(&name);
        // An empty document brings nothing.
        let empty = document == [0, 0];
        let wanted = if empty {
            Taking::Nothing
        } else {
            Taking::Whole
        };
        assert_eq!(taken.entry, wanted, "{name}");
        assert_eq!(taken.early, None, "{name}");
        assert!(
            clocks.take(&document, &limits).expect(&name).is_known(),
            "{name}"
        );
    }
}

/// What an update brings, in an order of its own.
fn brings(update: &[u8]) -> (Vec<ListFacts>, Vec<DeletedRanges>) {
    let facts = scan(update, &Limits::default()).expect("update is well formed");
    let mut lists = facts.lists;
    lists.sort_unstable_by_key(|list| list.client);
    for list in &mut lists {
        (list.at, list.end_at) = (0, 0);
    }
    let deletes = facts.deletes.iter();
    let mut deletes: Vec<_> = deletes.map(|(c, ranges)| (c, ranges.to_vec())).collect();
    deletes.sort_unstable();
    (lists, deletes)
}

#[test]
fn merging_keeps_every_document_byte_for_byte() {
    for (name, document) in documents() {
        // Yjs writes clients in descending order, and delete ranges sorted and joined, as merging does.
        let merged = merge::merge([document.as_slice()], &Limits::default()).expect(&name);
        assert!(merged == document, "{name}");
    }
}

#[test]
fn cutting_a_document_brings_what_yrs_brings() {
    let mut random = support::Random::new(3);
    let limits = Limits::default();
    for (name, document) in documents() {
        let mut clocks = Clocks::new();
        clocks.take(&document, &limits).expect(&name);
        let mut have: Vec<_> = clocks.state_vector().iter().collect();
        have.sort_unstable();
        let have: StateVector = have
            .into_iter()
            .map(|(client, clock)| (client, random.below(clock as usize + 1) as u32))
            .collect();
        let ours = merge::diff([document.as_slice()], &have, &limits).expect(&name);
        agree(&name, &ours);
        let theirs = yrs::diff_updates_v1(&document, &have.encode()).expect(&name);
        assert_eq!(brings(&ours), brings(&theirs), "{name}");
        assert!(
            clocks.take(&ours, &limits).expect(&name).is_known(),
            "{name}"
        );
    }
}

#[test]
fn every_update_of_the_sessions_means_what_yrs_reads() {
    let (mut updates, mut skips) = (0, 0);
    for session in support::fixture_for_yrs() {
        for (at, arrival) in session.arrivals.iter().enumerate() {
            let name = format!("seed {}, arrival {at}", session.seed);
            let facts = agree(&name, &arrival.update);
            assert!(!facts.has_bigint || session.bigint, "{name}");
            assert!(!facts.has_format || session.format, "{name}");
            updates += 1;
            skips += usize::from(facts.has_skip);
        }
    }
    println!("{updates} updates, {skips} with Skips");
    assert!(updates > 1_000 && skips > 0);
}

#[test]
fn awareness_of_an_editor_is_read() {
    let body = fs::read(data().join("awareness.bin")).expect("awareness can be read");
    let entries = awareness::parse(&body, &Limits::default()).expect("awareness is well formed");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].state, Some(&b"{}"[..]));
    assert!(
        entries[1]
            .state
            .is_some_and(|json| json.starts_with(b"{\"presence\""))
    );
    assert_eq!(awareness::encode(entries.into_iter()), body);
}
