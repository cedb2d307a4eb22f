//! Hostile bytes at every entry of a node over real sockets: mutants of genuine bytes, and what has killed other servers.
//!
//! What becomes of each sender is foretold by the gate of the wire crate, which is tested by itself. The rule: after each batch two neighbours in
//! the same room still edit and hear, and at the end the room is unloaded and opens again with all that it had. `SCRIBLE_SEED` and
//! `SCRIBLE_MUTANTS` (for each entry) widen the tests.

mod bytes;
mod killers;
mod mutants;
mod races;
#[path = "../../../crates/wire/tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scrible_store::MemoryStore;
use scrible_wire::{
    Clocks, Limits, Message, Messages, StateVector, Taking, awareness, message, scan,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Client, Heard, typed};
use crate::node::Node;

/// Neighbours hear within a second; a busy machine is given more in these tests.
const SOON: Duration = Duration::from_secs(5);
/// What the process, clients included, may grow by in a test: loose, as the allocator keeps what was freed.
const MAX_GROWTH_BYTES: usize = 400 << 20;
/// The client id of the neighbour: one that nobody else has.
const ANN: u8 = 99;

/// Who sends, and what was said before.
#[derive(Debug, Clone, Copy)]
struct Sender {
    viewer: bool,
    joined: bool,
}

const SENDERS: [Sender; 4] = [
    Sender {
        viewer: false,
        joined: false,
    },
    Sender {
        viewer: false,
        joined: true,
    },
    Sender {
        viewer: true,
        joined: false,
    },
    Sender {
        viewer: true,
        joined: true,
    },
];

/// A room with two neighbours in it.
struct Neighbours {
    room: &'static str,
    ann: Client,
    bob: Client,
    clock: u8,
}

impl Neighbours {
    async fn join(address: SocketAddr, room: &'static str) -> Self {
        let (ann, _) = Client::join(address, room).await;
        let (bob, _) = Client::join(address, room).await;
        Self {
            room,
            ann,
            bob,
            clock: 0,
        }
    }

    /// One edits, both hear it, soon.
    async fn live(&mut self) {
        let update = typed(ANN, self.clock);
        self.clock += 1;
        let heard = |heard: &Heard| (*heard == Heard::Update(update.clone())).then_some(());
        timeout(SOON, async {
            self.ann.update(&update).await;
            self.bob.until(heard).await;
            self.ann.until(heard).await;
        })
        .await
        .expect("neighbours hear each other soon");
    }
}

/// The codes with which a frame may be answered; none if it is well-formed.
fn codes(frame: &[u8]) -> Vec<u16> {
    let limits = Limits::default();
    let mut codes = Vec::new();
    for message in Messages::new(frame) {
        let code = match message {
            Err(_) => Some(4400),
            Ok(Message::SyncStep1(vector)) => {
                StateVector::decode(vector, &limits).err().map(|_| 4400)
            }
            Ok(Message::SyncStep2(update) | Message::Update(update)) => {
                scan(update, &limits).err().map(|_| 4422)
            }
            Ok(Message::Awareness(body)) => awareness::parse(body, &limits).err().map(|_| 4400),
            Ok(_) => None,
        };
        codes.extend(code);
    }
    codes
}

/// Sends each frame from a connection of its own, all at once, and holds what becomes of each to what the gate says.
async fn send_all(
    address: SocketAddr,
    room: &'static str,
    frames: Vec<(Sender, Vec<u8>)>,
) -> usize {
    let mut sending = JoinSet::new();
    for (sender, frame) in frames {
        sending.spawn(async move {
            let path = format!("{room}{}", if sender.viewer { "?token=viewer" } else { "" });
            let mut eve = Client::connect(address, &path).await;
            if sender.joined {
                eve.send(message::step1(&[0])).await;
                eve.until(|heard| matches!(heard, Heard::Step2(_)).then_some(()))
                    .await;
            }
            eve.send(frame.clone()).await;
            let codes = codes(&frame);
            let hex: String = frame.iter().take(200).map(|b| format!("{b:02x}")).collect();
            if codes.is_empty() {
                // Whatever it was, the connection goes on.
                eve.send(message::step1(&[0])).await;
                loop {
                    match eve.hear().await {
                        Heard::Step2(_) => break,
                        Heard::Closed(code, why) => panic!("{sender:?} {hex}: {code}, {why}"),
                        _ => {}
                    }
                }
                return 0;
            }
            let closed = loop {
                if let Heard::Closed(code, _) = eve.hear().await {
                    break code;
                }
            };
            assert!(codes.contains(&closed), "{sender:?} {hex}: {closed}");
            1
        });
    }
    sending.join_all().await.into_iter().sum()
}

/// What a newcomer gets.
async fn content(node: &Node, room: &str) -> Clocks {
    let mut client = Client::connect(node.address, room).await;
    client.send(message::step1(&[0])).await;
    let mut clocks = Clocks::new();
    let limits = Limits::default().without_counts();
    loop {
        let (update, last) = match client.hear().await {
            Heard::Update(update) => (update, false),
            Heard::Step2(update) => (update, true),
            Heard::Closed(code, why) => panic!("closed with {code}: {why}"),
            _ => continue,
        };
        let taken = clocks
            .take(&update, &limits)
            .expect("the server sends what passes the gate");
        assert_eq!(taken.early, None);
        if last {
            return clocks;
        }
    }
}

/// The room lives, everything that is stored is a good log, and once it was unloaded it opens with the same.
async fn end(node: Node, store: &Arc<MemoryStore>, mut neighbours: Neighbours) {
    neighbours.live().await;
    let room = neighbours.room;
    let there = content(&node, room).await;
    let mut stored = Clocks::new();
    for (_, row) in store.rows(room.trim_start_matches('/')) {
        let taken = stored.take(&row.bytes, &Limits::default());
        let taken = taken.expect("what is stored passes the gate");
        assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
    }
    drop(neighbours);
    // Nobody is left, so it is unloaded, and what is in it is opened as a document and made a snapshot, or merged where that fails.
    store.snapshots_stored(1).await;
    node.stopped().await;
    let again = Node::start(&Arc::new(store.reopen())).await;
    assert_eq!(
        content(&again, room).await.state_vector(),
        there.state_vector()
    );
    Neighbours {
        clock: there.clock(ANN.into()) as u8,
        ..Neighbours::join(again.address, room).await
    }
    .live()
    .await;
}

/// Resident memory of a process, in bytes.
fn resident(process: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("Linux");
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}
