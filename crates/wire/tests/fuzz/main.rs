//! Mutants of genuine bytes at everything that reads bytes from outside: a bounded number here, millions by `cargo xtask fuzz`.
//!
//! | variable | means |
//! |---|---|
//! | `SCRIBLE_MUTANTS` | how many mutants |
//! | `SCRIBLE_SEED` | another seed |
//! | `SCRIBLE_ROOM` | the first room; a room has 400 mutants and depends on nothing but the seed and its number |
//! | `SCRIBLE_FUZZ_OUT` | a folder: time counts, inputs grow to 1 MiB, and what Yjs is to judge and what failed is left there |
//! | `SCRIBLE_FUZZ_STATES` | nothing but this: a file with what Yjs wrote of mutants passes the gate |
//!
//! It does not know rooms as a server keeps them. The rule: nothing panics, and a mutant that gets through is held to everything that
//! honest updates are held to.

mod meter;
mod others;
mod room;
#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::Instant;

use meter::{Meter, hex};
use scrible_wire::varint::Reader;
use scrible_wire::{Limits, scan};
use support::Random;

/// Mutants that one room is fed with.
const ROOM: usize = 400;

/// What is run, and with what.
struct Fuzz {
    mutants: usize,
    seed: u64,
    first_room: u64,
    out: Option<PathBuf>,
}

/// What came of it.
#[derive(Default)]
struct Counts {
    refused: usize,
    accepted: usize,
    entries: usize,
    others_accepted: usize,
}

/// What is known while rooms are fed.
struct Run {
    meter: Meter,
    counts: Counts,
    sample: room::Sample,
    /// The longest of the laborious inputs, in bytes.
    largest: usize,
}

fn variable<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

/// The only test of this program, because it watches the memory of the whole process.
#[test]
fn g1_g2_r11_mutants_do_no_harm_and_what_is_taken_of_them_is_a_good_log() {
    let fuzz = Fuzz {
        mutants: variable("SCRIBLE_MUTANTS", 160_000),
        seed: variable("SCRIBLE_SEED", 20_261_121),
        first_room: variable("SCRIBLE_ROOM", 0),
        out: std::env::var_os("SCRIBLE_FUZZ_OUT").map(PathBuf::from),
    };
    if let Some(file) = std::env::var_os("SCRIBLE_FUZZ_STATES") {
        return pass_the_gate(&std::fs::read(file).expect("the file can be read"));
    }
    println!("seed {}", fuzz.seed);
    let mut run = Run {
        meter: Meter::new(fuzz.out.is_some()),
        counts: Counts::default(),
        sample: room::Sample::new(if fuzz.out.is_some() { fuzz.mutants } else { 0 }),
        largest: if fuzz.out.is_some() {
            1 << 20
        } else {
            32 << 10
        },
    };
    let begin = Instant::now();
    let sessions = support::fixture();
    let rooms = fuzz.mutants.div_ceil(ROOM) as u64;
    for number in fuzz.first_room..fuzz.first_room + rooms {
        if let Some(out) = &fuzz.out {
            // Where a process dies there is nobody to say so.
            let place = format!("seed {} room {number}\n", fuzz.seed);
            std::fs::write(out.join("at"), place).expect("the folder can be written");
        }
        let mut random = Random::new(fuzz.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let session = &sessions[random.below(sessions.len())];
        let last = RefCell::new(Vec::new());
        let fed = catch_unwind(AssertUnwindSafe(|| {
            room::feed(session, &mut random, &mut run, &last);
            others::feed(session, &mut random, &mut run, &last);
        }));
        if let Err(panic) = fed {
            let last = last.into_inner();
            eprintln!(
                "SCRIBLE_SEED={} SCRIBLE_ROOM={number} SCRIBLE_MUTANTS={ROOM}: after {}",
                fuzz.seed,
                hex(&last[..last.len().min(4096)])
            );
            if let Some(out) = &fuzz.out {
                let _ = std::fs::write(out.join("failed.bin"), last);
            }
            resume_unwind(panic);
        }
    }
    let Counts {
        refused,
        accepted,
        entries,
        others_accepted,
    } = run.counts;
    let seconds = begin.elapsed().as_secs_f64();
    let mutants = rooms as usize * ROOM;
    println!(
        "{mutants} mutants in {seconds:.1} s, {:.0} a second: of updates {refused} refused and {accepted} accepted into {entries} entries; of \
         state vectors, awareness and frames {others_accepted} accepted",
        mutants as f64 / seconds
    );
    print!("{}", run.meter.report());
    if let Some(out) = &fuzz.out {
        let bytes = run.sample.finish();
        std::fs::write(out.join("for-yjs.bin"), bytes).expect("the folder can be written");
        std::fs::remove_file(out.join("at")).expect("it was written");
    }
    let slow = run.meter.slow();
    assert!(
        slow.is_empty(),
        "slower than 10 ms per MiB and 100 µs:\n{}",
        slow.join("\n")
    );
    assert!(
        refused > mutants / 5 && accepted > mutants / 20 && others_accepted > mutants / 100,
        "the mutants are too dull or too wild"
    );
    assert!(entries > mutants / 100);
}

/// What Yjs makes of mutants that were taken is taken again.
fn pass_the_gate(file: &[u8]) {
    let mut reader = Reader::new(file);
    let states = reader.number().expect("a number");
    for _ in 0..states {
        let state = reader.var_bytes().expect("a state");
        if let Err(e) = scan(state, &Limits::default()) {
            panic!("{e}: {}", hex(state));
        }
    }
    println!("{states} states of Yjs docs pass the gate");
}
