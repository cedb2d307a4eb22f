//! How a node stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scrible_store::{MemoryStore, StoreError};

use crate::client::{Client, typed};
use crate::node::Node;

#[tokio::test]
async fn s1_on_stop_everything_received_is_stored_and_clients_are_told_to_come_back() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    store.pause_commits();
    ann.update(&typed(10, 0)).await;
    bob.next_update().await;
    node.stop();
    assert_eq!(ann.closed().await, 1012);
    assert_eq!(bob.closed().await, 1012);
    store.resume_commits();
    assert_eq!(node.stopped().await.unstored, 0);
    assert_eq!(store.rows("demo").len(), 1);
}

#[tokio::test]
async fn s1_what_could_not_be_stored_is_counted() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.shutdown = Duration::from_millis(500)
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    store.fail_commits(
        usize::MAX,
        StoreError::Unavailable("the disk is full".into()),
    );
    ann.update(&typed(10, 0)).await;
    ann.update(&typed(10, 1)).await;
    bob.next_update().await;
    bob.next_update().await;
    assert_eq!(node.stopped().await.unstored, 2);
}

#[tokio::test]
async fn s1_a_node_that_drains_is_not_ready_and_otherwise_as_before() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.drain_delay = Duration::from_secs(3600)
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    assert_eq!(node.json("/health/ready").await.0, 200);
    node.stop();
    let told = loop {
        let (status, told) = node.json("/health/ready").await;
        if status == 503 {
            break told;
        }
    };
    let reason = told["reasons"]["connections"].as_str().unwrap();
    assert!(reason.contains("about to stop"), "{told}");
    assert_eq!(node.json("/health/live").await.0, 200);
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(bob.next_update().await, typed(10, 0));
    assert_eq!(ann.next_update().await, typed(10, 0));
}

#[tokio::test]
async fn s1_after_the_delay_a_node_stops() {
    let store = Arc::new(MemoryStore::new());
    let delay = Duration::from_millis(300);
    let node = Node::start_with(&store, |config| config.drain_delay = delay).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let told = Instant::now();
    node.stop();
    assert_eq!(ann.closed().await, 1012);
    assert!(told.elapsed() >= delay);
    assert_eq!(node.stopped().await.unstored, 0);
}
