//! Rooms that are left and joined again in the same moment, and connections that end after their successors have begun.

use std::sync::Arc;

use scrible_store::MemoryStore;
use scrible_wire::{Clocks, awareness, message};

use super::support::{Random, build};
use super::{content, variable};
use crate::client::{Client, Heard};
use crate::node::{Node, get};

const ROOMS: u64 = 8;

/// What the person who comes and goes writes.
fn edit(clock: u64) -> Vec<u8> {
    let structure = match clock.checked_sub(1) {
        Some(left) => build::after((10, left), "x"),
        None => build::first("x"),
    };
    build::update(&[(10, clock, &[structure])], &[])
}

/// A person who writes and leaves as soon as what was written is stored, or even before, and comes back at once.
async fn come_and_go(node: &Node, room: String, rounds: u64, mut random: Random) {
    let mut stored = 0;
    for _ in 0..rounds {
        let (mut client, content) = Client::join(node.address, &room).await;
        let mut clocks = Clocks::new();
        clocks
            .take(&content, &Default::default())
            .expect("a sound answer");
        let has = u64::from(clocks.clock(10));
        assert!(
            has >= stored,
            "{room}: {stored} edits had come back, {has} are there"
        );
        let update = edit(has);
        client.update(&update).await;
        stored = has;
        if random.below(3) > 0 {
            let echoed = |heard: &Heard| (*heard == Heard::Update(update.clone())).then_some(());
            client.until(echoed).await;
            stored += 1;
        }
        if random.below(2) == 0 {
            client.leave().await;
        }
        // Without a word, otherwise.
        drop(client);
        for _ in 0..random.below(40) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn o4_r11_a_thousand_rooms_that_are_left_and_joined_at_once_lose_nothing() {
    let seed = variable("SCRIBLE_SEED", 1121);
    println!("seed {seed}");
    let store = Arc::new(MemoryStore::new());
    // Rooms are unloaded as soon as they are left.
    let node = Node::start(&store).await;
    let rounds = variable("SCRIBLE_RACES", 1000).div_ceil(ROOMS);
    let racing = (0..ROOMS).map(|room| {
        let random = Random::new(seed ^ room << 32);
        come_and_go(&node, format!("/race-{room}"), rounds, random)
    });
    futures_util::future::join_all(racing).await;
    println!(
        "{} visits, {} times a room was loaded",
        rounds * ROOMS,
        store.loads()
    );
    assert!(
        store.loads() > rounds,
        "the rooms were hardly ever unloaded"
    );
    let vectors = async |node: &Node| {
        let mut vectors = Vec::new();
        for room in 0..ROOMS {
            vectors.push(content(node, &format!("/race-{room}")).await.state_vector());
        }
        vectors
    };
    let there = vectors(&node).await;
    assert!(there.iter().all(|vector| vector.get(10) > 0));
    node.stopped().await;
    let again = Node::start(&Arc::new(store.reopen())).await;
    assert_eq!(vectors(&again).await, there, "a cold start has the same");
}

/// Announces a client id as one's own.
async fn announce(client: &mut Client, clock: u32) {
    let entry = awareness::Entry {
        client: 10,
        clock,
        state: Some(br#"{"name":"ann"}"#),
    };
    let body = awareness::encode([entry].into_iter());
    client.send(message::awareness(&body)).await;
}

/// The clock of the client, and whether it is there, as a newcomer learns it.
async fn presence(node: &Node) -> (u32, bool) {
    let mut client = Client::connect(node.address, "/demo").await;
    let find = |heard: &Heard| {
        let Heard::Awareness(body) = heard else {
            return None;
        };
        let entries = awareness::parse(body, &Default::default()).expect("well formed");
        let entry = entries.into_iter().find(|entry| entry.client == 10)?;
        Some((entry.clock, entry.state.is_some()))
    };
    client.until(find).await
}

/// How many connections are in a room, as the node says.
async fn sessions(node: &Node) -> String {
    let (_, body) = get(node.metrics, "/metrics").await;
    let line = body
        .lines()
        .find(|line| line.starts_with("scrible_sessions "));
    line.expect("the metric").to_owned()
}

#[tokio::test]
async fn a3_the_late_close_of_a_superseded_socket_takes_nothing_from_its_successor() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    // The second client goes on from clocks that the room remembers of the first.
    for (farewell, from) in [(false, 0), (true, 10)] {
        let (mut old, _) = Client::join(node.address, "/demo").await;
        announce(&mut old, from + 1).await;
        old.heard_so_far().await;
        // The line of the old one is dead, and only the client knows.
        let (mut new, _) = Client::join(node.address, "/demo").await;
        announce(&mut new, from + 2).await;
        new.heard_so_far().await;
        let both = sessions(&node).await;
        if farewell {
            let gone = awareness::Entry {
                client: 10,
                clock: from + 1,
                state: None,
            };
            let body = awareness::encode([gone].into_iter());
            old.send(message::awareness(&body)).await;
            old.leave().await;
        }
        drop(old);
        while sessions(&node).await == both {
            tokio::task::yield_now().await;
        }
        let (clock, there) = presence(&node).await;
        assert!(clock >= from + 2 && there, "clock {clock}, there: {there}");
        let update = edit(u64::from(farewell));
        new.update(&update).await;
        assert_eq!(new.next_update().await, update);
        announce(&mut new, from + 3).await;
        new.heard_so_far().await;
        assert_eq!(presence(&node).await, (from + 3, true));
    }
}
