//! How long a room takes: for an update that is appended, for those who hear it, for its commit and echo, for whoever joins, and for presence.
//!
//! By what sessions and the journal call, without sockets and without a store. The rule: a room holds what it is about to be asked for before
//! the time runs.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::task::Waker;
use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use scrible::access::Identity;
use scrible::bus::Alone;
use scrible::room::{
    Answer, Carrier, Membership, Opened, Room, RoomName, RoomsConfig, RoomsShared, StoredDoc,
};
use scrible_wire::awareness::Entry;
use scrible_wire::varint::write_number;
use scrible_wire::{Limits, StateVector};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Updates in a log.
const ENTRIES: u32 = 1_000;

/// Bytes of content in each of them.
const BYTES: usize = 100;

/// Where rooms have their short tasks. The clock stands still but where it is waited for.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap()
});

fn main() {
    divan::main();
}

fn room(opened: Opened) -> Arc<Room> {
    let config = RoomsConfig {
        limits: Limits::default(),
        awareness_interval: Duration::from_millis(40),
        idle: Duration::from_secs(30),
        max_uncommitted_bytes: 64 << 20,
        capacity: Default::default(),
        memory: 1 << 30,
        presence: Default::default(),
        compaction: Default::default(),
        version_interval: Duration::from_secs(300),
    };
    let shared = Arc::new(RoomsShared::new(config, Arc::new(Alone)));
    Arc::new(Room::new(RoomName::new("demo").unwrap(), opened, shared))
}

/// So many sessions that have joined with nothing.
fn members(room: &Arc<Room>, count: usize) -> Vec<Membership> {
    let sessions = (0..count).map(|_| room.shared().next_session());
    let enter = |session| {
        let member = room.enter(session, Identity::default()).unwrap();
        drop(member.join(StateVector::new()));
        member
    };
    sessions.map(enter).collect()
}

/// Updates of one client, each a value at the end of an array.
fn updates(client: u64) -> Vec<Vec<u8>> {
    let update = |clock: u32| {
        let mut update = vec![1, 1];
        write_number(&mut update, client);
        write_number(&mut update, u64::from(clock));
        match clock.checked_sub(1) {
            // Binary behind the one before it, or at the start of the root `a`.
            Some(left) => {
                update.push(0x83);
                write_number(&mut update, client);
                write_number(&mut update, u64::from(left));
            }
            None => update.extend([0x03, 1, 1, b'a']),
        }
        write_number(&mut update, BYTES as u64);
        update.resize(update.len() + BYTES, 7);
        update.push(0);
        update
    };
    (0..ENTRIES).map(update).collect()
}

fn offer(member: &Membership, updates: &[Vec<u8>]) {
    for update in updates {
        let offered = member.offer(black_box(update), Carrier::Update, None);
        assert!(offered.unwrap().appended);
    }
}

/// What a session has not heard.
fn pull(member: &Membership, out: &mut VecDeque<bytes::Bytes>) -> usize {
    out.clear();
    member.pull(usize::MAX, out, Waker::noop()).unwrap();
    black_box(&*out).len()
}

mod log {
    use super::*;

    /// One author, nobody else.
    #[divan::bench]
    fn append(bencher: Bencher) {
        let updates = updates(1_000_007);
        bencher
            .counter(ItemsCount::new(updates.len()))
            .counter(BytesCount::new(updates.concat().len()))
            .with_inputs(|| members(&room(Opened::default()), 1))
            .bench_local_values(|members| {
                offer(&members[0], &updates);
                members
            });
    }

    /// Each update heard by all others before the next.
    #[divan::bench(args = [2, 50])]
    fn append_and_hear(bencher: Bencher, sessions: usize) {
        let updates = updates(1_000_007);
        let mut out = VecDeque::new();
        bencher
            .counter(ItemsCount::new(updates.len() * (sessions - 1)))
            .with_inputs(|| members(&room(Opened::default()), sessions))
            .bench_local_values(|members| {
                for update in &updates {
                    offer(&members[0], std::slice::from_ref(update));
                    for member in &members[1..] {
                        assert_eq!(pull(member, &mut out), 1);
                    }
                }
                members
            });
    }

    /// All updates at once.
    #[divan::bench(args = [1, 49])]
    fn hear(bencher: Bencher, readers: usize) {
        let updates = updates(1_000_007);
        let mut out = VecDeque::new();
        bencher
            .counter(ItemsCount::new(updates.len() * readers))
            .with_inputs(|| {
                let members = members(&room(Opened::default()), 1 + readers);
                offer(&members[0], &updates);
                members
            })
            .bench_local_values(|members| {
                for member in &members[1..] {
                    assert_eq!(pull(member, &mut out), updates.len());
                }
                members
            });
    }

    /// What the journal takes and reports, and the author's echoes.
    #[divan::bench]
    fn commit_and_echo(bencher: Bencher) {
        let updates = updates(1_000_007);
        let mut out = VecDeque::new();
        bencher
            .counter(ItemsCount::new(updates.len()))
            .with_inputs(|| {
                let room = room(Opened::default());
                let members = members(&room, 1);
                offer(&members[0], &updates);
                (room, members)
            })
            .bench_local_values(|(room, members)| {
                let taken = room.uncommitted(usize::MAX);
                room.committed(1, 1, taken.end);
                assert_eq!(pull(&members[0], &mut out), updates.len());
                (room, members)
            });
    }
}

/// The answer to a step 1, by a room that stands on a board of a thousand shapes, 550 KB, and has a log behind it.
mod joining {
    use super::*;

    fn room_of_a_board() -> (Arc<Room>, Vec<Membership>) {
        let file = "crates/wire/tests/data/documents/tldraw-board-1000.bin";
        let board = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let doc = StoredDoc {
            id: 1,
            snapshot: None,
            updates: vec![board.into()],
        };
        let room = room(Opened::read(doc, &Limits::default()).unwrap());
        let members = members(&room, 2);
        (room, members)
    }

    /// Makes all of it.
    fn make(mut answer: Option<Answer>) -> usize {
        let mut bytes = 0;
        while let Some(next) = answer {
            let made = next.make(&Limits::default()).unwrap();
            bytes += made.messages.iter().map(|it| it.len()).sum::<usize>();
            answer = made.rest;
        }
        bytes
    }

    fn join(bencher: Bencher, theirs: impl Fn(&Membership) -> StateVector) {
        let (_room, members) = room_of_a_board();
        offer(&members[0], &updates(1_000_007));
        let (theirs, newcomer) = (theirs(&members[1]), &members[1]);
        let bytes = make(Some(newcomer.join(theirs.clone()).0));
        bencher
            .counter(BytesCount::new(bytes))
            .with_inputs(|| theirs.clone())
            .bench_local_values(|theirs| make(Some(newcomer.join(theirs).0)));
    }

    #[divan::bench]
    fn with_nothing(bencher: Bencher) {
        join(bencher, |_| StateVector::new());
    }

    /// Half of each client's clocks.
    #[divan::bench]
    fn with_half(bencher: Bencher) {
        join(bencher, |member| {
            let all = member.state_vector();
            all.iter()
                .map(|(client, clock)| (client, clock / 2))
                .collect()
        });
    }

    #[divan::bench]
    fn with_all(bencher: Bencher) {
        join(bencher, Membership::state_vector);
    }
}

/// A hundred people who move their cursors.
mod presence {
    use super::*;

    const PEOPLE: usize = 100;

    struct People {
        members: Vec<Membership>,
        clock: u32,
        now: Instant,
    }

    impl People {
        fn new() -> Self {
            let mut people = Self {
                members: members(&room(Opened::default()), PEOPLE),
                clock: 0,
                now: Instant::now(),
            };
            // Who comes is asked to speak again, and hears everybody.
            people.all_move();
            people.tick();
            let mut out = VecDeque::new();
            people.members.iter().for_each(|member| {
                pull(member, &mut out);
            });
            people
        }

        fn state(&self, person: usize) -> String {
            let (x, y) = (self.clock as usize * 137 % 1_920, person * 71 % 1_080);
            format!(
                r##"{{"user":{{"name":"Person {person}","color":"#3b82f6"}},"cursor":{{"x":{x}.5,"y":{y}.25}}}}"##
            )
        }

        /// One of them says where his cursor is now.
        fn hear(&mut self, person: usize, state: &str) -> bool {
            let entry = Entry {
                client: client(person),
                clock: self.clock,
                state: Some(state.as_bytes()),
            };
            self.members[person].hear(&[entry], self.now)
        }

        /// Lets the time pass until they are told of each other.
        fn tick(&mut self) {
            RUNTIME.block_on(tokio::time::sleep(Duration::from_millis(50)));
            self.now = Instant::now();
        }

        fn all_move(&mut self) {
            self.clock += 1;
            for person in 0..PEOPLE {
                let state = self.state(person);
                assert!(self.hear(person, &state));
            }
        }
    }

    fn client(person: usize) -> u64 {
        (person as u64 + 1) * 0x9e37_79b9 % (1 << 32)
    }

    /// One of them has moved.
    #[divan::bench]
    fn one_moves(bencher: Bencher) {
        let _inside = RUNTIME.enter();
        let mut people = People::new();
        let state = people.state(7);
        bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
            people.clock += 1;
            assert!(people.hear(7, black_box(&state)));
        });
    }

    /// Every client sends back what it hears.
    #[divan::bench]
    fn one_is_relayed(bencher: Bencher) {
        let _inside = RUNTIME.enter();
        let mut people = People::new();
        let state = people.state(7);
        bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
            assert!(!people.hear(7, black_box(&state)));
        });
    }

    /// All states as one message, for somebody who comes.
    #[divan::bench]
    fn all_are_shown(bencher: Bencher) {
        let _inside = RUNTIME.enter();
        let people = People::new();
        let bytes = people.members[0].presence().unwrap().len();
        bencher
            .counter(ItemsCount::new(PEOPLE))
            .counter(BytesCount::new(bytes))
            .bench_local(|| people.members[0].presence());
    }

    /// All of them have moved, and each is told of it once.
    #[divan::bench]
    fn tick(bencher: Bencher) {
        let _inside = RUNTIME.enter();
        let mut people = People::new();
        let mut out = VecDeque::new();
        bencher
            .counter(ItemsCount::new(PEOPLE * PEOPLE))
            .bench_local(|| {
                people.all_move();
                people.tick();
                for member in &people.members {
                    assert_eq!(pull(member, &mut out), 1);
                }
            });
    }
}
