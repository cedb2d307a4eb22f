//! What the echo promises, and what happens while the store does not answer.

use std::sync::Arc;
use std::time::Duration;

use scrible_store::{MemoryStore, StoreError};
use scrible_wire::message;

use crate::client::{Client, Heard, typed};
use crate::node::Node;

#[tokio::test]
async fn r5_the_author_hears_its_update_only_after_the_commit() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/ws/demo").await;
    store.pause_commits();
    ann.update(&typed(10, 0)).await;
    assert_eq!(bob.next_update().await, typed(10, 0));
    store.commits_waiting(1).await;
    let before = ann.heard_so_far().await;
    assert!(
        !before.iter().any(|heard| matches!(heard, Heard::Update(_))),
        "{before:?}"
    );
    store.resume_commits();
    assert_eq!(ann.next_update().await, typed(10, 0));
    assert_eq!(store.rows("demo").len(), 1);
    assert_eq!(node.stopped().await.unstored, 0);
}

#[tokio::test]
async fn j2_a_commit_whose_answer_was_lost_is_stored_once_and_echoed() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    store.lose_answers(1);
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    ann.update(&typed(10, 1)).await;
    assert_eq!(ann.next_update().await, typed(10, 1));
    assert_eq!(
        store
            .rows("demo")
            .iter()
            .map(|(seq, _)| *seq)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[tokio::test]
async fn j3_while_the_store_is_away_editing_goes_on_and_all_of_it_is_stored_after() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    store.fail_commits(3, StoreError::Unavailable("away".into()));
    for clock in 0..20 {
        ann.update(&typed(10, clock)).await;
        assert_eq!(bob.next_update().await, typed(10, clock));
    }
    for clock in 0..20 {
        assert_eq!(ann.next_update().await, typed(10, clock));
    }
    assert_eq!(store.rows("demo").len(), 20);
}

#[tokio::test]
async fn o4_a_room_that_was_unloaded_comes_back_whole() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    drop(ann);
    // Idle rooms go at once here; each newcomer either meets the old room or loads it.
    while store.loads() < 3 {
        let (_, content) = Client::join(node.address, "/demo").await;
        assert_eq!(content, typed(10, 0));
    }
}

#[tokio::test]
async fn o2_a_room_that_cannot_be_loaded_refuses_and_recovers() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    store.fail_loads(1, StoreError::Unavailable("away".into()));
    let mut early = Client::connect(node.address, "/demo").await;
    assert_eq!(
        early.hear().await,
        Heard::Denied,
        "no step 1 of an empty room"
    );
    assert_eq!(early.closed().await, 4500);
    let (_, content) = Client::join(node.address, "/demo").await;
    assert_eq!(content, [0, 0]);
}

#[tokio::test]
async fn o5_a_room_with_a_missing_row_is_refused_and_others_are_not() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    for clock in 0..3 {
        ann.update(&typed(10, clock)).await;
        ann.next_update().await;
    }
    drop(ann);
    node.stopped().await;
    let store = Arc::new(store.reopen());
    store.remove_row("demo", 2);
    let node = Node::start(&store).await;
    assert_eq!(
        Client::connect(node.address, "/demo").await.closed().await,
        4500
    );
    assert_eq!(Client::join(node.address, "/other").await.1, [0, 0]);
}

#[tokio::test]
async fn r6_a_known_update_is_echoed_and_not_stored_again() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    ann.send(message::step2(&typed(10, 0))).await;
    assert_eq!(
        ann.heard_so_far().await,
        [],
        "a known step 2 needs no answer"
    );
    assert_eq!(store.rows("demo").len(), 1);
}

#[tokio::test]
async fn r10_the_sender_of_an_early_update_is_asked_once() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 1)).await;
    ann.update(&typed(10, 2)).await;
    assert_eq!(ann.heard_so_far().await, [Heard::Step1(vec![0])]);
    let all = [typed(10, 0), typed(10, 1), typed(10, 2)];
    let all =
        scrible_wire::merge::merge(all.iter().map(Vec::as_slice), &Default::default()).unwrap();
    ann.send(message::step2(&all)).await;
    assert_eq!(ann.next_update().await, all);
}

#[tokio::test]
async fn j5_a_room_that_the_store_refuses_comes_back_and_does_not_hold_up_the_stop() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| config.shutdown = Duration::from_secs(3600)).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let damage = StoreError::Corrupt {
        room: "demo".into(),
        what: "a row is missing".into(),
    };
    store.fail_commits(1, damage);
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.closed().await, 4500);
    let (mut ann, content) = Client::join(node.address, "/demo").await;
    assert_eq!(content, [0, 0], "what was refused is not there");
    ann.update(&typed(10, 0)).await;
    assert_eq!(
        ann.next_update().await,
        typed(10, 0),
        "its client brings it back"
    );
    let stopped = tokio::time::timeout(Duration::from_secs(20), node.stopped()).await;
    assert_eq!(stopped.unwrap().unstored, 0);
}
