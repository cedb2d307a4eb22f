//! Mutated state vectors, awareness messages and frames.
//!
//! It does not know what a session does with them. The rule: what is read says the same when it is written again.

use std::cell::RefCell;

use scrible_wire::{Clocks, Limits, Messages, StateVector, awareness, message};

use crate::support::{Random, Session, mutate};
use crate::{ROOM, Run};

/// One in so many is a large one.
const LARGE: usize = 1_000;
const STATE: &[u8] =
    br#"{"user":{"name":"Ada","color":"red"},"cursor":{"x":-1.5e2,"y":[null,true,"\u00e9"]}}"#;

/// Feeds mutants of what stands around updates.
pub fn feed(session: &Session, random: &mut Random, run: &mut Run, last: &RefCell<Vec<u8>>) {
    let mut clocks = Clocks::new();
    let limits = Limits::default();
    clocks.take(&session.state, &limits).expect("honest");
    let vector = clocks.state_vector().encode();
    let entry = |client, state| awareness::Entry {
        client,
        clock: 7,
        state,
    };
    let people = awareness::encode([entry(1 << 40, Some(STATE)), entry(5, None)].into_iter());
    let frame = [
        message::step1(&vector),
        message::awareness(&people),
        message::update(&session.arrivals[0].update),
    ]
    .concat();
    for at in 0..ROOM / 4 {
        let large = random.below(LARGE) == 0;
        let size = run.largest >> random.below(5);
        match at % 3 {
            0 => {
                let honest = if large {
                    mutate::large_vector(size)
                } else {
                    vector.clone()
                };
                let bytes = mutant(honest, &people, random, last);
                vectors(&bytes, &limits, run);
            }
            1 => {
                let honest = if large {
                    many_people(size)
                } else {
                    people.clone()
                };
                let bytes = mutant(honest, &vector, random, last);
                people_of(&bytes, &limits, run);
            }
            _ => {
                let honest = if large {
                    [3].repeat(size)
                } else {
                    frame.clone()
                };
                let bytes = mutant(honest, &vector, random, last);
                let read = run.meter.run("messages", &bytes, || {
                    Messages::new(&bytes).collect::<Vec<_>>()
                });
                assert!(!read.is_empty() && read.iter().rev().skip(1).all(Result::is_ok));
                run.counts.others_accepted += usize::from(read.iter().all(Result::is_ok));
            }
        }
    }
}

fn mutant(
    mut bytes: Vec<u8>,
    other: &[u8],
    random: &mut Random,
    last: &RefCell<Vec<u8>>,
) -> Vec<u8> {
    match random.below(16) {
        0 => bytes = mutate::noise(random),
        1 => bytes = mutate::header(random),
        2 => {}
        _ => mutate::mutate(&mut bytes, other, random),
    }
    last.replace(bytes.clone());
    bytes
}

/// As many entries of awareness as a message may have, their states as long as the size says.
fn many_people(bytes: usize) -> Vec<u8> {
    let count = 4096.min(bytes / 8);
    let text = format!("[{}]", "[],".repeat(bytes / count / 3) + "0");
    let state = if text.len() < 65_536 {
        text.as_bytes()
    } else {
        b"{}"
    };
    let entries = (0..count as u64).map(|client| awareness::Entry {
        client,
        clock: 1,
        state: Some(state),
    });
    awareness::encode(entries.collect::<Vec<_>>().into_iter())
}

fn vectors(bytes: &[u8], limits: &Limits, run: &mut Run) {
    let decoded = run
        .meter
        .run("vector", bytes, || StateVector::decode(bytes, limits));
    if let Ok(vector) = decoded {
        run.counts.others_accepted += 1;
        assert_eq!(StateVector::decode(&vector.encode(), limits), Ok(vector));
    }
}

fn people_of(bytes: &[u8], limits: &Limits, run: &mut Run) {
    let parsed = run
        .meter
        .run("awareness", bytes, || awareness::parse(bytes, limits));
    if let Ok(entries) = parsed {
        run.counts.others_accepted += 1;
        for entry in &entries {
            let json = entry.state.unwrap_or(b"null");
            serde_json::from_slice::<serde::de::IgnoredAny>(json).expect("JSON");
        }
        let encoded = awareness::encode(entries.iter().copied());
        assert_eq!(awareness::parse(&encoded, limits), Ok(entries));
    }
}
