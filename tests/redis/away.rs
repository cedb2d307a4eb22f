//! Redis is killed, not there yet, cut off, frozen, emptied.

use std::time::{Duration, Instant};

use scrible::bus::Bus;

use crate::node::{Event, Node, room, update};
use crate::server::Redis;

async fn in_trouble(node: &Node) {
    node.until("in trouble", async || node.bus.trouble().is_some())
        .await;
}

async fn well(node: &Node) {
    node.until("well", async || node.bus.trouble().is_none())
        .await;
}

pub async fn n23_a_killed_redis_is_found_again_and_nothing_waits_for_it() {
    let mut redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let (demo, other) = (room("demo"), room("other"));
    b.join(&demo).await;
    let told = a.say(&demo, 1);
    b.heard.has(&told).await;
    for round in 0..3 {
        redis.kill();
        in_trouble(&a).await;
        in_trouble(&b).await;
        b.heard.clear();
        let began = Instant::now();
        let before = a.bus.metrics().dropped.get();
        for seq in 0..10_000 {
            a.say(&demo, seq + 10);
        }
        a.until("dropped", async || {
            a.bus.metrics().dropped.get() == before + 10_000
        })
        .await;
        assert!(a.bus.recent(&demo, 7, 0).await.is_err());
        assert!(a.bus.people(&demo).await.is_err());
        assert!(b.bus.join(&other).await.is_err());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(a.bus.metrics().connected.get(), 0);
        redis.restart().await;
        b.heard.has(&Event::Missed).await;
        well(&a).await;
        for (room, seq) in [(&demo, 100 + round), (&other, 200 + round)] {
            let told = a.say(room, seq);
            b.heard.has(&told).await;
            assert_eq!(b.bus.recent(room, 7, seq - 1).await.unwrap(), [update(seq)]);
        }
        b.bus.leave(&other);
    }
}

pub async fn n23_a_redis_that_was_not_there_at_the_start_is_found() {
    let mut redis = Redis::start().await;
    redis.kill();
    let node = Node::begin(&redis.url(), 1, "scrible");
    let demo = room("demo");
    let began = Instant::now();
    let away = node.bus.join(&demo).await.unwrap_err();
    assert!(
        away.to_string().starts_with("Redis cannot be reached: "),
        "{away}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    // Rooms open without delay from then on.
    let began = Instant::now();
    for nth in 0..100 {
        node.bus
            .join(&room(&format!("room {nth}")))
            .await
            .unwrap_err();
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    redis.restart().await;
    node.heard.has(&Event::Missed).await;
    for room in [&demo, &room("room 99")] {
        let told = node.say(room, 1);
        node.heard.has(&told).await;
    }
    well(&node).await;
}

pub async fn n23_who_is_cut_off_is_told_that_it_may_have_missed_something() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    for seq in 1..=5 {
        b.heard.clear();
        let cut: i64 = redis.run("CLIENT KILL TYPE pubsub").await;
        assert_eq!(cut, 2);
        b.heard.has(&Event::Missed).await;
        well(&a).await;
        let told = a.say(&demo, seq);
        b.heard.has(&told).await;
        b.heard.clear();
        let cut: i64 = redis.run("CLIENT KILL TYPE normal").await;
        assert!(cut >= 2, "{cut}");
        b.heard.has(&Event::Missed).await;
        well(&a).await;
    }
}

pub async fn n23_a_frozen_redis_is_given_up_and_found_again() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    redis.freeze();
    let began = Instant::now();
    for seq in 0..60_000 {
        a.say(&demo, seq + 1);
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(a.bus.metrics().dropped.get() > 20_000);
    let began = Instant::now();
    assert!(a.bus.recent(&demo, 7, 0).await.is_err());
    assert!(a.bus.people(&demo).await.is_err());
    assert!(a.bus.join(&room("other")).await.is_err());
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    in_trouble(&a).await;
    in_trouble(&b).await;
    b.heard.clear();
    redis.thaw();
    b.heard.has(&Event::Missed).await;
    well(&a).await;
    let told = a.say(&demo, 100_000);
    b.heard.has(&told).await;
    a.heard.has(&Event::Missed).await;
    let told = b.say(&room("other"), 1);
    a.heard.has(&told).await;
}

pub async fn n29_an_emptied_redis_has_everybody_again_within_seconds() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let (demo, other) = (room("demo"), room("other"));
    for room in [&demo, &other] {
        b.join(room).await;
        a.show(room, 10, 5, Some("{}"));
        a.show(room, 11, 1, Some("{}"));
        b.sees(room, &[(1, 10, 5), (1, 11, 1)]).await;
    }
    a.show(&other, 10, 5, None);
    b.sees(&other, &[(1, 11, 1)]).await;
    b.heard.clear();
    let () = redis.run("FLUSHALL").await;
    let () = redis.run("SCRIPT FLUSH").await;
    b.sees(&demo, &[(1, 10, 5), (1, 11, 1)]).await;
    b.sees(&other, &[(1, 11, 1)]).await;
    let told = a.say(&demo, 1);
    b.heard.has(&told).await;
    let gone = |event: &Event| matches!(event, Event::Gone(_));
    assert!(!b.heard.all().iter().any(gone), "nobody was away");
}
