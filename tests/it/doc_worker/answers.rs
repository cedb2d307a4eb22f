//! What doc workers make of docs, and which they refuse.

use std::collections::HashMap;

use bytes::Bytes;
use scrible::doc_worker::{Built, DocError};
use scrible_wire::varint::Reader;
use scrible_wire::{Clocks, Limits, Taking, scan};
use serde_json::Value;

use super::pool::{Pool, floats, list, parsed, small};

/// What a room keeps of a session that Yjs clients had, what Yjs had in the end, and whether it holds XML hooks.
fn sessions() -> Vec<(u64, Vec<Bytes>, Bytes, bool)> {
    let bytes = include_bytes!("../../../crates/wire/tests/data/sessions.bin");
    let reader = &mut Reader::new(bytes);
    let number = |reader: &mut Reader<'_>| reader.number().unwrap();
    let blob = |reader: &mut Reader<'_>| reader.var_bytes().unwrap().to_vec();
    let sessions = (0..number(reader)).map(|_| {
        let (seed, flags) = (number(reader), number(reader));
        let (mut clocks, mut log) = (Clocks::new(), Vec::new());
        for _ in 0..number(reader) {
            number(reader);
            let update = blob(reader);
            match clocks.take(&update, &Limits::default()).unwrap().entry {
                Taking::Nothing => {}
                Taking::Whole => log.push(update.into()),
                Taking::Part(part) => log.push(part.into()),
            }
            number(reader);
        }
        (0..number(reader)).for_each(|_| drop(blob(reader)));
        let state = blob(reader).into();
        blob(reader);
        (seed, log, state, flags & 4 != 0)
    });
    sessions.collect()
}

#[tokio::test]
async fn d2_what_is_built_holds_all_that_its_updates_hold() {
    let pool = Pool::new(2);
    let (mut built_ones, mut refused) = (0, 0);
    for (seed, log, state, hooks) in sessions() {
        let built = match pool.workers.build(log.clone()).await {
            Ok(built) => built,
            Err(DocError::Broken(why)) if why.contains("sub-documents") => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        built_ones += 1;
        let Built {
            snapshot,
            state_vector,
        } = built;
        let limits = Limits::default();
        let facts = scan(&snapshot, &limits).unwrap();
        assert!(!facts.has_skip, "seed {seed}");
        let mut clocks = Clocks::new();
        assert!(clocks.take(&snapshot, &limits).unwrap().early.is_none());
        assert_eq!(clocks.state_vector().encode().len(), state_vector.len());
        for update in log.iter().chain([&state]) {
            let taken = clocks.take(update, &limits).unwrap();
            assert!(taken.is_known(), "seed {seed}: {taken:?}");
        }
        if !hooks {
            let shown = pool.workers.json(vec![snapshot]).await.unwrap();
            let wanted = pool.workers.json(vec![state]).await.unwrap();
            assert_eq!(parsed(&shown), parsed(&wanted), "seed {seed}");
        }
    }
    assert!(built_ones > 50 && refused > 5, "{built_ones} and {refused}");
    assert_eq!(pool.workers.health().started, 1);
    pool.workers.close().await;
}

#[tokio::test]
async fn d8_json_is_what_yjs_says() {
    let said: HashMap<u64, Value> = include_str!("../../data/docs/sessions.jsonl")
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (line["seed"].as_u64().unwrap(), floats(&line["json"]))
        })
        .collect();
    let pool = Pool::new(2);
    for (seed, log, _, hooks) in sessions() {
        let json = pool.workers.json(log).await;
        if hooks {
            let error = json.unwrap_err();
            assert!(matches!(&error, DocError::Broken(why) if why.contains("XML hook")));
            continue;
        }
        assert_eq!(parsed(&json.unwrap()), said[&seed], "seed {seed}");
    }
    assert!(said.len() > 100);
}

#[tokio::test]
async fn d3_what_builds_on_nothing_or_is_malformed_is_refused_with_its_place() {
    let pool = Pool::new(1);
    // A list of another client that begins at clock 1: yrs alone takes it and keeps a gap.
    let gap = Bytes::from_static(&[1, 1, 42, 1, 0, 100, 0]);
    let orphan = pool.workers.build(vec![small(), gap]).await;
    let why = "update 2 builds on what is not there";
    assert_eq!(orphan, Err(DocError::Broken(why.into())));
    // Each of these makes yrs panic, or a state that it cannot encode or read again.
    for hex in [
        "010504ffffffff0f210106736861706573027332010002a7040001280004030178017c43a7000028000403016b01770472656374\
         0104010003",
        "01021c000101057469746c65ffffffff0f841c00022063011c010001",
        "0101bbbef1646572018898270101770469643431019827010101",
        "010201000201067368617065730001780a010104010a80808008017800",
        "0101030502010673686170657300017800",
        "01010398d04e02c4031f0300017800",
    ] {
        let bytes: Bytes = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        for result in [
            pool.workers.build(vec![bytes.clone()]).await.map(drop),
            pool.workers.json(vec![bytes.clone()]).await.map(drop),
        ] {
            let Err(DocError::Broken(why)) = result else {
                panic!("{hex}: {result:?}");
            };
            assert!(why.starts_with("update 1 is malformed: "), "{why}");
        }
    }
    pool.works().await;
    assert_eq!(pool.workers.health().started, 1);
}

#[tokio::test]
async fn d9_restoring_brings_back_what_a_doc_showed() {
    let pool = Pool::new(1);
    let changed = list(2, |at, update| match at {
        0 => update.extend([0x28, 1, 1, b'm', 1, b'k', 1, 120]),
        _ => update.extend([0xa8, 7, 0, 1, 121]),
    });
    let restored = pool
        .workers
        .restore(vec![changed.clone()], vec![small()])
        .await
        .unwrap();
    assert_eq!((restored.changes, restored.left.len()), (1, 0));
    let update = restored.update.unwrap();
    let json = pool.workers.json(vec![changed.clone(), update]).await;
    assert_eq!(json.unwrap(), r#"{"m":{"k":true}}"#);
    let again = pool
        .workers
        .restore(vec![changed.clone()], vec![changed])
        .await;
    assert_eq!(again.unwrap().update, None);
}
