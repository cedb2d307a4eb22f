//! Nodes that hear each other, and what does not belong there.

use scrible::bus::Bus;

use crate::node::{Event, Node, room, update};
use crate::server::Redis;

pub async fn n22_nodes_hear_what_is_said_in_rooms_that_they_joined() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let (demo, other) = (room("demo"), room("other {x} 😀"));
    a.join(&demo).await;
    b.join(&demo).await;
    b.join(&other).await;
    let told = a.say(&demo, 1);
    b.heard.has(&told).await;
    // Its own comes back; the room knows what to do with it.
    a.heard.has(&told).await;
    let told = a.say(&other, 1);
    b.heard.has(&told).await;
    a.say(&demo, 2);
    b.bus.leave(&other);
    b.until("unsubscribed", async || {
        let counts: Vec<i64> = redis
            .run::<Vec<redis::Value>>("PUBSUB SHARDCHANNELS scrible:*:room")
            .await
            .iter()
            .map(|_| 1)
            .collect();
        counts.len() == 1
    })
    .await;
    a.say(&other, 2);
    let last = a.say(&demo, 3);
    b.heard.has(&last).await;
    let of_other =
        |event: &Event| matches!(event, Event::Stored(room, _) if room == other.as_str());
    assert_eq!(
        b.heard.all().iter().filter(|event| of_other(event)).count(),
        1
    );
    assert!(!a.heard.all().iter().any(of_other));
    assert_eq!(a.bus.trouble(), None);
    let metrics = a.bus.metrics();
    // The answers come after the messages.
    a.until("all published", async || metrics.published.get() == 5)
        .await;
    assert_eq!(metrics.dropped.get(), 0);
    assert_eq!(metrics.connected.get(), 1);
}

pub async fn n22_what_is_said_after_joining_is_heard() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    for nth in 0..200 {
        let room = room(&format!("room {nth}"));
        b.join(&room).await;
        let told = a.say(&room, 1);
        b.heard.has(&told).await;
        if nth % 2 == 0 {
            b.bus.leave(&room);
            b.join(&room).await;
            let told = a.say(&room, 2);
            b.heard.has(&told).await;
        }
    }
}

pub async fn x9_who_may_be_in_a_room_is_told_to_the_other_nodes_alone() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let (demo, other) = (room("demo"), room("other"));
    a.join(&demo).await;
    b.join(&demo).await;
    a.bus.access_changed(&other);
    a.bus.kick(&demo, 4_294_967_295);
    b.heard
        .has(&Event::Kicked("demo".into(), 4_294_967_295))
        .await;
    a.bus.access_changed(&demo);
    b.heard.has(&Event::Access("demo".into())).await;
    b.bus.access_changed(&demo);
    a.heard.has(&Event::Access("demo".into())).await;
    let told = a.say(&demo, 1);
    a.heard.has(&told).await;
    b.heard.has(&told).await;
    let all = [a.heard.all(), b.heard.all()].concat();
    let of_access = all
        .iter()
        .filter(|event| matches!(event, Event::Access(_) | Event::Kicked(..)));
    assert_eq!(of_access.count(), 3, "{all:?}");
}

pub async fn n24_what_was_said_right_before_a_node_stops_is_heard() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let told: Vec<Event> = (1..=500).map(|seq| a.say(&demo, seq)).collect();
    a.bus.close().await;
    b.heard.has(&told[499]).await;
    assert_eq!(b.heard.all(), told);
}

pub async fn n22_an_older_redis_is_spoken_to_in_its_own_way() {
    let options = [
        "--rename-command",
        "SSUBSCRIBE",
        "",
        "--rename-command",
        "SPUBLISH",
        "",
    ];
    let redis = Redis::start_with(&options).await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let told = a.say(&demo, 1);
    b.heard.has(&told).await;
    let shown = a.show(&demo, 10, 1, Some("{}"));
    b.heard.has(&shown).await;
    let channels: Vec<String> = redis.run("PUBSUB CHANNELS").await;
    assert_eq!(channels.len(), 2, "{channels:?}");
    b.bus.leave(&demo);
    b.join(&demo).await;
    let told = a.say(&demo, 2);
    b.heard.has(&told).await;
    a.bus.close().await;
    b.heard.has(&Event::Gone(1)).await;
}

pub async fn n20_one_redis_serves_several_deployments_and_sockets() {
    let redis = Redis::start_with(&["--unixsocket", "redis.sock"]).await;
    let demo = room("demo");
    let ours = Node::start(&redis.url(), 1).await;
    let socket = Node::start(&redis.socket_url(), 2).await;
    let others = Node::begin(&redis.url(), 3, "other");
    others.heard.has(&Event::Missed).await;
    for node in [&ours, &socket, &others] {
        node.join(&demo).await;
    }
    let told = ours.say(&demo, 1);
    socket.heard.has(&told).await;
    let told = others.say(&demo, 9);
    others.heard.has(&told).await;
    assert!(!ours.heard.all().contains(&told));
    assert_eq!(others.bus.recent(&demo, 7, 8).await.unwrap(), [update(9)]);
    assert_eq!(ours.bus.recent(&demo, 7, 0).await.unwrap(), [update(1)]);
}

pub async fn n20_a_password_is_needed_where_it_is_asked_for_and_never_shown() {
    let redis = Redis::start_with(&["--requirepass", "hunter2"]).await;
    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port);
    let node = Node::start(&url, 1).await;
    assert_eq!(node.bus.trouble(), None);
    for wrong in [url.replace("hunter2", "hunter3"), redis.url()] {
        let node = Node::begin(&wrong, 2, "scrible");
        node.until("refused", async || {
            node.bus
                .trouble()
                .is_some_and(|why| !why.contains("connecting"))
        })
        .await;
        let why = node.bus.trouble().unwrap();
        assert!(why.starts_with("Redis cannot be reached: "), "{why}");
        assert!(why.contains("AUTH") || why.contains("password"), "{why}");
        assert!(!why.contains("hunter"), "{why}");
        let away = node.bus.join(&room("demo")).await.unwrap_err();
        assert!(!away.to_string().contains("hunter"), "{away}");
    }
}

pub async fn n21_hostile_bytes_harm_nobody() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let (demo, other) = (room("demo"), room("other"));
    for room in [&demo, &other] {
        b.join(room).await;
        let told = a.say(room, 1);
        b.heard.has(&told).await;
    }
    b.show(&demo, 10, 1, Some("{}"));
    a.sees(&demo, &[(2, 10, 1)]).await;
    let all: Vec<String> = redis.run("KEYS *").await;
    let channels: Vec<String> = redis.run("PUBSUB SHARDCHANNELS").await;
    assert_eq!((all.len(), channels.len()), (5, 3), "{all:?} {channels:?}");
    let mut forged = vec![
        vec![],
        vec![0],
        vec![1, 1],
        vec![255; 100],
        vec![1, 2, 0],
        vec![1; 1 << 20],
    ];
    // Somebody else's goodbye on a channel where it is none of ours, and one of a later version.
    forged.push([&[2, 4][..], &2_u128.to_be_bytes()].concat());
    for channel in &channels {
        for bytes in &forged {
            let () = redis
                .ask(redis::cmd("SPUBLISH").arg(channel).arg(&bytes[..]))
                .await;
        }
    }
    b.until("all counted", async || {
        b.bus.metrics().undecodable.get() == 21
    })
    .await;
    // What stands under our names may be anything.
    for key in &all {
        let () = redis.ask(redis::cmd("DEL").arg(key)).await;
        let () = redis.ask(redis::cmd("SADD").arg(key).arg("x")).await;
    }
    for seq in 2..5 {
        for room in [&demo, &other] {
            let told = a.say(room, seq);
            b.heard.has(&told).await;
        }
    }
    assert_eq!(
        a.bus.recent(&demo, 7, 1).await.unwrap(),
        [update(2), update(3), update(4)]
    );
    for people in all.iter().filter(|key| key.ends_with(":people")) {
        let () = redis.run(&format!("DEL {people}")).await;
        for (field, value) in [
            ("x", "1:x"),
            ("", ""),
            ("a field that has 24 bytes", "y"),
            ("24 bytes that are a node", "9:\u{1}"),
        ] {
            let () = redis
                .ask(redis::cmd("HSET").arg(people).arg(field).arg(value))
                .await;
        }
    }
    assert_eq!(a.people(&demo).await, []);
    let shown = b.show(&demo, 10, 2, Some("{}"));
    a.join(&demo).await;
    a.sees(&demo, &[(2, 10, 2)]).await;
    let shown_again = b.show(&demo, 10, 3, Some("{}"));
    a.heard.has(&shown_again).await;
    assert!(a.heard.all().contains(&shown_again) && shown != shown_again);
    assert_eq!((a.bus.trouble(), b.bus.trouble()), (None, None));
}
