//! How long the scanner, the clocks with their cutter, the merge and what stands around them take.
//!
//! The documents and sessions are those of the tests; logs are forged. The rule: everything is made before it is timed, and nothing is
//! timed on what it has changed.

mod log;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use scrible_wire::awareness::{self, Entry};
use scrible_wire::merge::{diff, merge};
use scrible_wire::split::split;
use scrible_wire::{Clocks, Limits, Taking, scan};

use log::Log;
use support::build;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many entries there are behind a base.
const ENTRIES: [usize; 4] = [0, 100, 2_000, 10_000];

/// As large as the parts in which a room sends what it holds.
const PART: usize = 256 << 10;

fn main() {
    divan::main();
}

/// A board of a thousand shapes, 550 KB.
fn board() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/documents");
    fs::read(folder.join("tldraw-board-1000.bin")).unwrap()
}

/// What honest clients sent in the sessions of the tests, session by session.
fn sessions() -> Vec<Vec<Vec<u8>>> {
    let sessions = support::fixture().into_iter();
    let updates = sessions.map(|session| session.arrivals.into_iter().map(|it| it.update));
    updates.map(Iterator::collect).collect()
}

/// Clocks that have taken all of these.
fn clocks<'a>(updates: impl IntoIterator<Item = &'a [u8]>) -> Clocks {
    let mut clocks = Clocks::new();
    for update in updates {
        let taken = clocks.take(update, &Limits::default()).unwrap();
        assert_eq!(taken.early, None);
    }
    clocks
}

/// Counts updates that are gone through once an iteration.
fn counted<'a, 'b, 'u>(
    bencher: Bencher<'a, 'b>,
    updates: impl ExactSizeIterator<Item = &'u [u8]>,
) -> Bencher<'a, 'b> {
    let count = ItemsCount::new(updates.len());
    let bytes: usize = updates.map(<[u8]>::len).sum();
    bencher.counter(count).counter(BytesCount::new(bytes))
}

mod scanner {
    use super::*;

    fn scan_all(bencher: Bencher, updates: &[Vec<u8>]) {
        let limits = Limits::default();
        counted(bencher, updates.iter().map(Vec::as_slice)).bench(|| {
            for update in updates {
                black_box(scan(black_box(update), &limits)).unwrap();
            }
        });
    }

    #[divan::bench]
    fn sent_in_sessions(bencher: Bencher) {
        scan_all(bencher, &sessions().concat());
    }

    #[divan::bench]
    fn log_of_a_board(bencher: Bencher) {
        let log: Vec<_> = Log::of(2_000).updates().map(<[u8]>::to_vec).collect();
        scan_all(bencher, &log);
    }

    #[divan::bench]
    fn whole_board(bencher: Bencher) {
        scan_all(bencher, &[board()]);
    }
}

/// The scanner together with what a room has.
mod taking {
    use super::*;

    #[divan::bench]
    fn sent_in_sessions(bencher: Bencher) {
        let (sessions, limits) = (sessions(), Limits::default());
        counted(bencher, sessions.concat().iter().map(Vec::as_slice)).bench(|| {
            for session in &sessions {
                let mut clocks = Clocks::new();
                for update in session {
                    black_box(clocks.take(black_box(update), &limits)).unwrap();
                }
            }
        });
    }

    #[divan::bench]
    fn log_of_a_board(bencher: Bencher) {
        let log = Log::of(2_000);
        counted(bencher, log.updates()).bench(|| clocks(log.updates()));
    }

    /// As those bring it who were away for a moment.
    #[divan::bench]
    fn known(bencher: Bencher) {
        let (log, limits) = (Log::of(2_000), Limits::default());
        let mut clocks = clocks(log.updates());
        counted(bencher, log.updates()).bench_local(|| {
            for update in log.updates() {
                let taken = clocks.take(black_box(update), &limits).unwrap();
                assert!(black_box(taken).is_known());
            }
        });
    }

    #[divan::bench]
    fn whole_board(bencher: Bencher) {
        let board = board();
        counted(bencher, [&board[..]].into_iter()).bench(|| clocks([&board[..]]));
    }
}

/// Updates of which a part is known.
mod cutter {
    use super::*;

    /// Takes an update where what is known of it is there.
    fn cut(bencher: Bencher, known: &[u8], update: &[u8]) {
        let (clocks, limits) = (clocks([known]), Limits::default());
        counted(bencher, [update].into_iter())
            .with_inputs(|| clocks.clone())
            .bench_local_values(|mut clocks| {
                let taken = clocks.take(black_box(update), &limits).unwrap();
                assert!(matches!(taken.entry, Taking::Part(_)));
                taken
            });
    }

    /// Between structs.
    #[divan::bench]
    fn half_a_board(bencher: Bencher) {
        let board = board();
        let parts = split(&board, board.len() / 2, &Limits::default()).unwrap();
        cut(bencher, &parts[0], &board);
    }

    /// Inside of one.
    #[divan::bench]
    fn half_a_text(bencher: Bencher) {
        let text = |chars| build::update(&[(1, 0, &[build::first(&"é".repeat(chars))])], &[]);
        cut(bencher, &text(1 << 14), &text(1 << 15));
    }
}

mod merging {
    use super::*;

    #[divan::bench(args = ENTRIES)]
    fn base_and_log(bencher: Bencher, entries: usize) {
        let (log, limits) = (Log::behind(&board(), entries), Limits::default());
        counted(bencher, log.updates()).bench(|| merge(log.updates(), &limits).unwrap());
    }

    #[divan::bench(args = &ENTRIES[1..])]
    fn log_alone(bencher: Bencher, entries: usize) {
        let (log, limits) = (Log::of(entries), Limits::default());
        counted(bencher, log.updates()).bench(|| merge(log.updates(), &limits).unwrap());
    }
}

/// Merging what somebody lacks.
mod diffing {
    use super::*;

    #[divan::bench(args = ENTRIES)]
    fn of_half(bencher: Bencher, entries: usize) {
        let (log, limits) = (Log::behind(&board(), entries), Limits::default());
        let half = log.half();
        counted(bencher, log.updates()).bench(|| diff(log.updates(), &half, &limits).unwrap());
    }

    /// Of one update that was made of a log, and so has many structs of each client.
    #[divan::bench(args = &ENTRIES[1..])]
    fn of_half_of_a_base(bencher: Bencher, entries: usize) {
        let (log, limits) = (Log::of(entries), Limits::default());
        let (base, half) = (merge(log.updates(), &limits).unwrap(), log.half());
        let base = || [&base[..]].into_iter();
        counted(bencher, base()).bench(|| diff(base(), &half, &limits).unwrap());
    }

    #[divan::bench(args = ENTRIES)]
    fn of_nothing(bencher: Bencher, entries: usize) {
        let (log, limits) = (Log::behind(&board(), entries), Limits::default());
        let all = log.vector();
        counted(bencher, log.updates()).bench(|| diff(log.updates(), &all, &limits).unwrap());
    }
}

#[divan::bench]
fn splitting(bencher: Bencher) {
    let (board, limits) = (board(), Limits::default());
    counted(bencher, [&board[..]].into_iter()).bench(|| split(&board, PART, &limits).unwrap());
}

/// Presence of so many people, each with a name, a color and a cursor.
mod presence {
    use super::*;

    const PEOPLE: [usize; 2] = [1, 100];

    fn states(people: usize) -> Vec<String> {
        let state = |number: usize| {
            let (x, y) = (number * 137 % 1_920, number * 71 % 1_080);
            format!(
                r##"{{"user":{{"name":"Person {number}","color":"#3b82f6"}},"cursor":{{"x":{x}.5,"y":{y}.25}},"page":"page:page"}}"##
            )
        };
        (0..people).map(state).collect()
    }

    fn entries(states: &[String]) -> Vec<Entry<'_>> {
        let numbered = states.iter().enumerate();
        let entries = numbered.map(|(number, state)| Entry {
            client: 1_000_000_007 * number as u64,
            clock: 300,
            state: Some(state.as_bytes()),
        });
        entries.collect()
    }

    #[divan::bench(args = PEOPLE)]
    fn parsing(bencher: Bencher, people: usize) {
        let (states, limits) = (states(people), Limits::default());
        let body = awareness::encode(entries(&states).into_iter());
        bencher
            .counter(ItemsCount::new(people))
            .counter(BytesCount::new(body.len()))
            .bench(|| awareness::parse(black_box(&body), &limits).unwrap().len());
    }

    #[divan::bench(args = PEOPLE)]
    fn encoding(bencher: Bencher, people: usize) {
        let states = states(people);
        let entries = entries(&states);
        let bytes = awareness::encode(entries.iter().copied()).len();
        bencher
            .counter(ItemsCount::new(people))
            .counter(BytesCount::new(bytes))
            .bench(|| awareness::encode(black_box(&entries).iter().copied()));
    }
}
