//! How a node stops.

use std::sync::Arc;
use std::time::Duration;

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
