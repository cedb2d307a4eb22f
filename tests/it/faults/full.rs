//! A disk that is full: every write fails until there is room again.

use super::painter::{Painter, stored};
use super::{degraded, json, limit_files, well};
use crate::client::{Client, Heard};
use crate::program::Place;

#[tokio::test]
async fn j3_a_full_disk_keeps_nobody_from_editing_and_all_of_it_is_stored_once_there_is_room() {
    let place = Place::new();
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    let mut ben = Painter::join(server.address, "/other", 20).await;
    let (mut eve, _) = Client::join(server.address, "/demo").await;
    ann.draw(0..3, 100).await;
    ann.all_echoed().await;
    for _ in 0..3 {
        eve.next_update().await;
    }
    limit_files(&server, Some(0));
    ann.draw(3..30, 1000).await;
    ben.draw(0..10, 10).await;
    for _ in 3..30 {
        eve.next_update().await;
    }
    let reason = degraded(&server).await;
    assert!(reason.contains("SQLite code"), "{reason}");
    ann.nothing_echoed().await;
    ben.nothing_echoed().await;
    // Somebody new in a room that is open gets all of it.
    assert_eq!(stored(server.address, "/demo", [10]).await, [30]);

    limit_files(&server, None);
    ann.all_echoed().await;
    ben.all_echoed().await;
    well(&server).await;
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/demo", [10]).await, [30]);
    assert_eq!(stored(server.address, "/other", [20]).await, [10]);
}

#[tokio::test]
async fn j3_t6_beyond_the_budget_writers_are_told_to_come_back_and_readers_stay() {
    const BUDGET: usize = 64 << 10;
    const MESSAGE: usize = 4000;
    let place = Place::new();
    let server = place.serve_with(&[
        ("SCRIBLE_MAX_UNCOMMITTED_BYTES", "64KiB"),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "64KiB"),
    ]);
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    let (mut eve, _) = Client::join(server.address, "/demo").await;
    limit_files(&server, Some(0));
    // One after another, so that a socket never closes under what is still being sent.
    let mut taken = 0;
    let refused = loop {
        ann.draw(taken..taken + 1, MESSAGE).await;
        let refused = ann.client.until_settled().await;
        if refused.is_some() {
            break refused;
        }
        eve.next_update().await;
        taken += 1;
    };
    let Some(Heard::Closed(code, why)) = refused else {
        unreachable!("{refused:?}");
    };
    assert_eq!(code, 1013);
    assert!(why.contains("try again later"), "{why}");
    let (_, health) = json(&server, "/health").await;
    let waiting = health["uncommitted_bytes"].as_u64().unwrap() as usize;
    assert!(
        (BUDGET..BUDGET + 2 * MESSAGE).contains(&waiting),
        "{waiting}"
    );
    degraded(&server).await;
    // Who only reads is there, and hears others.
    assert_eq!(eve.heard_so_far().await, []);
    // Whoever comes back too early is refused again.
    let (mut early, _) = Client::join(server.address, "/demo").await;
    early
        .update(&Painter::join(server.address, "/demo", 30).await.edit(0, 1))
        .await;
    assert_eq!(early.closed().await, 1013);

    limit_files(&server, None);
    well(&server).await;
    assert_eq!(stored(server.address, "/demo", [10]).await, [taken]);
    ann.come_back(server.address, "/demo").await;
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/demo", [10]).await, [taken + 1]);
}
