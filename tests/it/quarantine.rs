//! What becomes of what the server does not take.

use std::sync::Arc;

use scrible_store::{DeadLetter, MemoryStore, Quarantine, Specimen, Store};
use scrible_wire::message;

use crate::client::{Client, Heard, typed};
use crate::node::{Node, get};
use crate::program::Place;

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
        ("/demo?token=viewer", message::step2(&BROKEN), &BROKEN),
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

/// How a client that is not let in is told.
async fn refusal(client: &mut Client) -> (u16, String) {
    loop {
        if let Heard::Closed(code, reason) = client.hear().await {
            return (code, reason);
        }
    }
}

#[tokio::test]
async fn q5_a_room_that_ends_the_process_is_set_aside_and_its_neighbour_is_not() {
    let place = Place::new();
    let server = place.serve();
    for path in ["/bad", "/good"] {
        let (mut ann, _) = Client::join(server.address, path).await;
        ann.update(&typed(10, 0)).await;
        ann.next_update().await;
    }
    assert_eq!(server.stop().code(), Some(0));
    for _ in 0..3 {
        let server = place.serve_with(&[("FAILPOINTS", "read a room: bad=return")]);
        Client::join(server.address, "/good").await;
        let mut ann = Client::connect(server.address, "/bad").await;
        while ann.hear_or_end().await.is_some() {}
        assert!(!server.ended().success());
    }

    let server = place.serve();
    let mut refused = Client::connect(server.address, "/bad").await;
    let (_, content) = Client::join(server.address, "/good").await;
    assert_eq!(content, typed(10, 0));
    let sentence =
        "the room has been set aside because it ended the server; its operator has been told";
    assert_eq!(refusal(&mut refused).await, (4500, sentence.to_owned()));
    let (_, health) = get(server.address, "/health").await;
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["parts"]["rooms"]["state"], "trouble");
    let marks = health["marks"].as_object().unwrap();
    assert_eq!(marks.keys().collect::<Vec<_>>(), ["bad"]);
    let why = marks["bad"].as_str().unwrap();
    assert!(why.contains("3 times"), "{why}");
    assert_eq!(server.stop().code(), Some(0));
}
