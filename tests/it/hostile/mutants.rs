//! Mutants at every entry, by editors and viewers, before and after they have joined; and mutated files for `scrible import`.

use std::sync::Arc;

use scrible::import::{self, Import};
use scrible::room::RoomName;
use scrible_store::MemoryStore;

use super::bytes::{Corpus, ENTRIES};
use super::support::{Random, mutate};
use super::{MAX_GROWTH_BYTES, Neighbours, SENDERS, end, resident, send_all, variable};
use crate::boards::{MIXED, SCRIPTS};
use crate::node::Node;
use crate::program::Place;

/// Mutants at once: each that is sent away is held for some seconds, and no more than a thousand are.
const BATCH: usize = 256;
/// What the program may grow by from the first batch to the last: mutants that were taken stay in the room.
const PROGRAM_GROWTH_BYTES: usize = 24 << 20;

#[tokio::test]
async fn g4_mutants_at_every_entry_harm_nobody_but_their_sender() {
    let seed = variable("SCRIBLE_SEED", 20_261_121);
    let each = variable("SCRIBLE_MUTANTS", 12);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let corpus = Corpus::new();
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::join(node.address, "/hostile").await;
    for update in &corpus.updates {
        neighbours.ann.update(update).await;
    }
    neighbours.live().await;
    let before = resident(std::process::id());

    let mut frames = Vec::new();
    for entry in ENTRIES {
        for sender in SENDERS {
            for _ in 0..each {
                frames.push((sender, corpus.frame(entry, &mut random)));
            }
        }
    }
    let all = frames.len();
    let mut closed = 0;
    while !frames.is_empty() {
        let batch = frames.split_off(frames.len().saturating_sub(BATCH));
        closed += send_all(node.address, "/hostile", batch).await;
        neighbours.live().await;
    }
    println!("{closed} of {all} senders were closed");
    assert!(
        closed > all / 8 && closed < all,
        "the mutants are too dull or too wild"
    );
    let grown = resident(std::process::id()).saturating_sub(before);
    assert!(grown < MAX_GROWTH_BYTES, "{grown} bytes more than before");
    end(node, &store, neighbours).await;
}

/// The program itself, whose memory is its own. It knows no viewers.
#[tokio::test]
async fn g1_g4_the_program_lives_through_mutants_with_its_memory_flat() {
    const ROOM: &str = "/hostile";
    let seed = variable("SCRIBLE_SEED", 20_261_122);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let corpus = Corpus::new();
    let place = Place::new();
    let server = place.serve();
    let mut neighbours = Neighbours::join(server.address, ROOM).await;
    for update in &corpus.updates {
        neighbours.ann.update(update).await;
    }
    let mut sizes = Vec::new();
    // The first batch is what it takes to get going.
    for _ in 0..variable("SCRIBLE_MUTANTS", 24).div_ceil(12) {
        let mut frames = Vec::new();
        for entry in ENTRIES {
            for sender in SENDERS.into_iter().filter(|sender| !sender.viewer) {
                for _ in 0..12 {
                    frames.push((sender, corpus.frame(entry, &mut random)));
                }
            }
        }
        send_all(server.address, ROOM, frames).await;
        neighbours.live().await;
        sizes.push(resident(server.id()));
    }
    println!("{sizes:?} bytes resident");
    let grown = sizes[sizes.len() - 1].saturating_sub(sizes[0]);
    assert!(
        grown < PROGRAM_GROWTH_BYTES,
        "{grown} bytes more than after the first batch"
    );
    assert_eq!(
        server.stop().code(),
        Some(0),
        "it was alive, and stored everything"
    );
}

#[tokio::test]
async fn i2_mutated_files_are_refused_or_imported_and_the_room_lives() {
    let seed = variable("SCRIBLE_SEED", 1121);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.rooms.max_uncommitted_bytes = 16 << 20;
    })
    .await;
    let mut neighbours = Neighbours::join(node.address, "/hostile").await;
    let corpus = Corpus::new();
    let (mut refused, mut imported) = (0, 0);
    for at in 0..variable("SCRIBLE_MUTANTS", 60) {
        let honest = match at % 3 {
            0 => &corpus.updates[random.below(corpus.updates.len())][..],
            1 => MIXED.as_bytes(),
            _ => SCRIPTS.as_bytes(),
        };
        let mut file = honest.to_vec();
        mutate::mutate(&mut file, &corpus.updates[0], &mut random);
        let import = Import {
            server: format!("ws://{}", node.address),
            token: None,
            room: RoomName::new("hostile").unwrap(),
            root: None,
            merge: true,
        };
        match import::run(&import, file, |_| {}).await {
            Ok(_) => imported += 1,
            Err(_) => refused += 1,
        }
        if at % 10 == 0 {
            neighbours.live().await;
        }
    }
    println!("{refused} refused, {imported} imported");
    assert!(refused > 0 && imported > 0);
    end(node, &store, neighbours).await;
}
