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

/// Mutants at once: each that is sent away is held for some seconds, and no more than a thousand are.
const BATCH: usize = 256;

#[tokio::test]
async fn g4_mutants_at_every_entry_harm_nobody_but_their_sender() {
    let seed = variable("SCRIBLE_SEED", 20_261_121);
    let each = variable("SCRIBLE_MUTANTS", 12);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let corpus = Corpus::new();
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::join(&node, "/hostile").await;
    for update in &corpus.updates {
        neighbours.ann.update(update).await;
    }
    neighbours.live().await;
    let before = resident();

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
        closed += send_all(&node, "/hostile", batch).await;
        neighbours.live().await;
    }
    println!("{closed} of {all} senders were closed");
    assert!(
        closed > all / 8 && closed < all,
        "the mutants are too dull or too wild"
    );
    let grown = resident().saturating_sub(before);
    assert!(grown < MAX_GROWTH_BYTES, "{grown} bytes more than before");
    end(node, &store, neighbours).await;
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
    let mut neighbours = Neighbours::join(&node, "/hostile").await;
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
