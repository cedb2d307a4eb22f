//! What becomes of what the server does not take.

use std::sync::Arc;

use scrible_store::{DeadLetter, MemoryStore, Quarantine, Specimen, Store};
use scrible_wire::message;

use crate::client::{Client, typed};
use crate::node::Node;

/// An update that is cut off.
const BROKEN: [u8; 4] = [3, 1, 1, 10];

/// The dead letters of a room once there are so many, newest first.
async fn letters(store: &MemoryStore, room: &str, many: usize) -> Vec<DeadLetter> {
    for _ in 0..100_000 {
        let letters = store.dead_letters(room).await.unwrap();
        if letters.len() >= many {
            return letters;
        }
        tokio::task::yield_now().await;
    }
    panic!("room {room} has no {many} dead letters");
}

#[tokio::test]
async fn q1_a_malformed_update_is_kept_with_hash_reason_and_bytes() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let large = [&BROKEN[..], &vec![7; 100_000]].concat();
    let sent = [
        ("/demo", message::update(&BROKEN), &BROKEN[..]),
        ("/demo?role=viewer", message::step2(&BROKEN), &BROKEN),
        ("/demo", message::step2(&large), &large),
    ];
    for (at, (path, message, bytes)) in sent.into_iter().enumerate() {
        let (mut eve, _) = Client::join(node.address, path).await;
        eve.send(message).await;
        assert_eq!(eve.closed().await, 4422);
        let letter = letters(&store, "demo", at + 1).await.swap_remove(0);
        assert_eq!(letter.specimen, Specimen::of(bytes));
        assert_eq!(&*letter.reason, "malformed_update");
        assert!(letter.detail.contains("at byte"), "{letter:?}");
        assert!(letter.time_ms > 1_700_000_000_000);
    }
    // What is taken leaves nothing.
    let (mut ann, _) = Client::join(node.address, "/fine").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    node.stopped().await;
    assert_eq!(store.reopen().dead_letters("fine").await.unwrap(), []);
}

#[tokio::test]
async fn q1_what_was_refused_last_is_kept_by_an_orderly_stop() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut eve, _) = Client::join(node.address, "/demo").await;
    eve.send(message::update(&BROKEN)).await;
    assert_eq!(eve.closed().await, 4422);
    node.stopped().await;
    assert!(store.check().await.is_err(), "it is closed");
    let kept = store.reopen().dead_letters("demo").await.unwrap();
    assert_eq!(kept.len(), 1);
}
