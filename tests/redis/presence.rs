//! People on several nodes.

use std::time::{Duration, Instant};

use scrible::bus::Bus;
use scrible_wire::Limits;
use scrible_wire::awareness::{self, Entry};

use crate::node::{Event, Node, room};
use crate::server::Redis;

pub async fn n27_people_are_seen_on_other_nodes_until_they_leave() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    a.join(&demo).await;
    b.join(&demo).await;
    let ann = a.show(&demo, 10, 1, Some(r#"{"name":"Ann"}"#));
    b.heard.has(&ann).await;
    let bob = b.show(&demo, 20, 1, Some(r#"{"name":"Bob"}"#));
    a.heard.has(&bob).await;
    assert!(
        !a.heard.all().contains(&ann),
        "nobody is told of their own people"
    );
    // Each sees the others'.
    a.sees(&demo, &[(2, 20, 1)]).await;
    b.sees(&demo, &[(1, 10, 1)]).await;
    let third = Node::start(&redis.url(), 3).await;
    third.sees(&demo, &[(1, 10, 1), (2, 20, 1)]).await;
    let moved = a.show(&demo, 10, 2, Some(r#"{"name":"Ann","x":1}"#));
    b.heard.has(&moved).await;
    b.sees(&demo, &[(1, 10, 2)]).await;
    // An older state changes nothing.
    a.show(&demo, 10, 1, Some("{}"));
    let left = a.show(&demo, 10, 2, None);
    b.heard.has(&left).await;
    b.sees(&demo, &[]).await;
    third.sees(&demo, &[(2, 20, 1)]).await;
    // A room that is left takes along who is still in it.
    b.bus.leave(&demo);
    third.sees(&demo, &[]).await;
    a.heard
        .has(&Event::Shown("demo".to_owned(), 2, 20, 1, None))
        .await;
    let left: i64 = redis.run("EXISTS scrible:nothing").await;
    assert_eq!(left, 0);
    let people: Vec<String> = redis.run("KEYS *:people").await;
    assert_eq!(people, Vec::<String>::new(), "nobody is there");
}

pub async fn n27_people_who_move_fast_arrive_where_they_stop() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let began = Instant::now();
    let mut frames = tokio::time::interval(Duration::from_micros(16_667));
    for clock in 1..=180 {
        frames.tick().await;
        for client in [10, 11] {
            a.show(&demo, client, clock, Some("{}"));
        }
    }
    for client in [10, 11] {
        let last = Event::Shown("demo".to_owned(), 1, client, 180, Some("{}".to_owned()));
        b.heard.has(&last).await;
    }
    let took = began.elapsed().as_secs_f64();
    let of_one = |event: &&Event| matches!(event, Event::Shown(_, 1, 10, _, _));
    let heard = b.heard.all().iter().filter(of_one).count();
    assert!(heard as f64 <= took * 20.0 + 1.0, "{heard} in {took} s");
    assert!(heard > 10, "{heard} in {took} s");
    b.sees(&demo, &[(1, 10, 180), (1, 11, 180)]).await;
}

pub async fn n28_the_people_of_a_killed_node_vanish_within_15_seconds() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let ann = a.show(&demo, 10, 1, Some("{}"));
    b.heard.has(&ann).await;
    b.sees(&demo, &[(1, 10, 1)]).await;
    a.kill();
    let killed = Instant::now();
    // A node that comes meanwhile, and finds them.
    let third = Node::start(&redis.url(), 3).await;
    third.join(&demo).await;
    let found = third.people(&demo).await;
    assert_eq!(found, [(1, 10, 1)]);
    b.heard.has(&Event::Gone(1)).await;
    third.heard.has(&Event::Gone(1)).await;
    b.sees(&demo, &[]).await;
    third.sees(&demo, &[]).await;
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(took > Duration::from_secs(5), "{took:?}: too eager");
    // What it left behind is gone from Redis as well.
    b.until("swept", async || {
        redis.run::<Vec<String>>("KEYS *:people").await.is_empty()
    })
    .await;
    let gone = |event: &&Event| **event == Event::Gone(1);
    assert_eq!(b.heard.all().iter().filter(gone).count(), 1);
    assert!(!b.heard.all().contains(&Event::Gone(3)));
}

pub async fn n28_a_node_that_says_goodbye_takes_its_people_along() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    for client in 10..20 {
        let shown = a.show(&demo, client, 1, Some("{}"));
        b.heard.has(&shown).await;
    }
    let began = Instant::now();
    a.bus.close().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    b.heard.has(&Event::Gone(1)).await;
    b.sees(&demo, &[]).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let keys: Vec<String> = redis.run("KEYS *").await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    // After that it is silent.
    a.say(&demo, 1);
    a.show(&demo, 10, 2, Some("{}"));
    assert!(a.bus.recent(&demo, 7, 0).await.is_err());
    assert!(a.bus.join(&demo).await.is_err());
    let last = b.say(&demo, 2);
    b.heard.has(&last).await;
    let of_a = |event: &&Event| matches!(event, Event::Stored(_, commit) if commit.first_seq == 1);
    assert_eq!(b.heard.all().iter().filter(of_a).count(), 0);
}

pub async fn n28_states_that_nobody_renews_are_not_given() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    a.show(&demo, 10, 1, Some("{}"));
    a.show(&demo, 11, 1, Some("{}"));
    b.sees(&demo, &[(1, 10, 1), (1, 11, 1)]).await;
    // Client 10 was renewed 50 s ago by Redis' clock.
    let people: Vec<String> = redis.run("KEYS *:people").await;
    let (seconds, _): (u64, u64) = redis.run("TIME").await;
    let mut field = 1_u128.to_be_bytes().to_vec();
    field.extend(10_u64.to_be_bytes());
    let value: Vec<u8> = redis
        .ask(redis::cmd("HGET").arg(&people[0]).arg(&field))
        .await;
    let colon = value.iter().position(|byte| *byte == b':').unwrap();
    let old = [format!("{}000", seconds - 50).as_bytes(), &value[colon..]].concat();
    let () = redis
        .ask(redis::cmd("HSET").arg(&people[0]).arg(&field).arg(old))
        .await;
    assert_eq!(b.people(&demo).await, [(1, 11, 1)]);
    a.show(&demo, 10, 2, Some("{}"));
    b.sees(&demo, &[(1, 10, 2), (1, 11, 1)]).await;
    let left: u64 = redis.run(&format!("PTTL {}", people[0])).await;
    assert!((50_000..=60_000).contains(&left), "{left}");
}

pub async fn n27_crowds_are_told_of_in_messages_that_rooms_take() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let crowd = (0..5_000_u32).map(|client| Entry {
        client: client.into(),
        clock: 1,
        state: Some(b"{}"),
    });
    a.bus.show(&demo, &awareness::encode(crowd));
    let of_crowd = |event: &&Event| matches!(event, Event::Shown(..));
    b.heard
        .wait("everybody", |events| {
            events.iter().filter(of_crowd).count() == 5_000
        })
        .await;
    for (node, body) in b.bus.people(&demo).await.unwrap() {
        assert_eq!(node, 1);
        awareness::parse(&body, &Limits::default()).unwrap();
    }
    assert_eq!(b.people(&demo).await.len(), 5_000);
}
