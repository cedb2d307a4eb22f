//! Whole nodes that share a store and a Redis: people on them draw together, whatever becomes of Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scrible::bus::{RedisAddress, RedisBus, RedisBusConfig};
use scrible::follow::Writers;
use scrible_store::MemoryStore;
use scrible_wire::awareness::{self, Entry};
use scrible_wire::{Limits, message};

use crate::client::{Client, Heard, typed};
use crate::server::Redis;
use crate::whole::Node;

async fn node(store: &MemoryStore, redis: &Redis, id: u128) -> Node {
    let bus = RedisBus::start(RedisBusConfig {
        address: RedisAddress::parse(&redis.url()).unwrap(),
        prefix: "scrible".to_owned(),
        node: id,
        limits: Limits::default(),
    });
    Node::start_on(&Arc::new(store.reopen()), Arc::new(bus), |config| {
        config.writers = Writers::Many;
    })
    .await
}

/// Waits until a node says this of its bus.
async fn bus_is(node: &Node, state: &str) {
    let began = Instant::now();
    loop {
        let (code, health) = node.json("/health").await;
        assert_eq!(code, 200, "{health}");
        if health["parts"]["bus"]["state"] == state {
            let wanted = if state == "ok" { "ok" } else { "degraded" };
            assert_eq!(health["status"], wanted);
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{health}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn n22_people_on_two_nodes_draw_together_at_once() {
    let (store, redis) = (MemoryStore::new(), Redis::start().await);
    let (one, other) = (node(&store, &redis, 1).await, node(&store, &redis, 2).await);
    for node in [&one, &other] {
        bus_is(node, "ok").await;
    }
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    let mut slowest = Duration::ZERO;
    for clock in 0..50 {
        let began = Instant::now();
        ann.update(&typed(10, clock)).await;
        assert_eq!(bob.next_update().await, typed(10, clock));
        slowest = slowest.max(began.elapsed());
        assert_eq!(ann.next_update().await, typed(10, clock));
        bob.update(&typed(11, clock)).await;
        assert_eq!(ann.next_update().await, typed(11, clock));
        assert_eq!(bob.next_update().await, typed(11, clock));
    }
    // Reading the store alone would take a second.
    assert!(slowest < Duration::from_millis(900), "{slowest:?}");
    assert_eq!(store.rows("demo").len(), 100);
    assert_eq!(one.stopped().await.unstored, 0);
    assert_eq!(other.stopped().await.unstored, 0);
}

pub async fn n23_people_go_on_drawing_together_while_redis_is_away() {
    let (store, mut redis) = (MemoryStore::new(), Redis::start().await);
    let (one, other) = (node(&store, &redis, 1).await, node(&store, &redis, 2).await);
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    let mut clock = 0;
    for _ in 0..3 {
        redis.kill();
        for node in [&one, &other] {
            bus_is(node, "trouble").await;
        }
        // Newcomers get in as well.
        let began = Instant::now();
        let (late, _) = Client::join(other.address, &format!("/new-{clock}")).await;
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        drop(late);
        for _ in 0..2 {
            ann.update(&typed(10, clock)).await;
            assert_eq!(bob.next_update().await, typed(10, clock));
            assert_eq!(ann.next_update().await, typed(10, clock));
            clock += 1;
        }
        redis.restart().await;
        for node in [&one, &other] {
            bus_is(node, "ok").await;
        }
        for _ in 0..2 {
            ann.update(&typed(10, clock)).await;
            assert_eq!(bob.next_update().await, typed(10, clock));
            assert_eq!(ann.next_update().await, typed(10, clock));
            clock += 1;
        }
    }
    assert_eq!(store.rows("demo").len(), 12);
}

/// Somebody who has only just said hello, and has heard nothing yet.
async fn newcomer(node: &Node) -> Client {
    let mut client = Client::connect(node.address, "/demo").await;
    client.send(message::step1(&[0])).await;
    client
}

/// The next state of a client, as (clock, whether it is there).
async fn state_of(client: &mut Client, id: u64) -> (u32, bool) {
    client
        .until(|heard| match heard {
            Heard::Awareness(body) => {
                let entries = awareness::parse(body, &Limits::default()).unwrap();
                let entry = entries.iter().find(|entry| entry.client == id)?;
                Some((entry.clock, entry.state.is_some()))
            }
            _ => None,
        })
        .await
}

fn shown(client: u64, clock: u32) -> Vec<u8> {
    let entry = Entry {
        client,
        clock,
        state: Some(b"{\"name\":\"Ann\"}"),
    };
    message::awareness(&awareness::encode(std::iter::once(entry)))
}

pub async fn n27_cursors_are_seen_on_other_nodes_and_vanish_with_theirs() {
    let (store, redis) = (MemoryStore::new(), Redis::start().await);
    let (one, other) = (node(&store, &redis, 1).await, node(&store, &redis, 2).await);
    for node in [&one, &other] {
        bus_is(node, "ok").await;
    }
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    ann.send(shown(10, 5)).await;
    assert_eq!(state_of(&mut bob, 10).await, (5, true));
    ann.send(shown(10, 6)).await;
    assert_eq!(state_of(&mut bob, 10).await, (6, true));
    // Who comes to a node later is greeted with them.
    let mut cid = newcomer(&other).await;
    assert_eq!(state_of(&mut cid, 10).await, (6, true));
    let third = node(&store, &redis, 3).await;
    bus_is(&third, "ok").await;
    let mut dan = newcomer(&third).await;
    assert_eq!(state_of(&mut dan, 10).await, (6, true));
    // A node that stops takes its people along.
    one.stop();
    let (_, is_there) = state_of(&mut bob, 10).await;
    assert!(!is_there);
    let (_, is_there) = state_of(&mut dan, 10).await;
    assert!(!is_there);
}
