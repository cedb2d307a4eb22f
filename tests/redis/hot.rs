//! The hot buffer: what those who come late are given without asking the store.

use bytes::Bytes;
use scrible::bus::{Bus, Commit, Told};

use crate::node::{Node, room, update};
use crate::server::Redis;

/// The one hot buffer that there is.
async fn hot(redis: &Redis) -> String {
    let keys: Vec<String> = redis.run("KEYS *:hot").await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.into_iter().next().unwrap()
}

fn commit(first_seq: u64, updates: Told) -> Commit {
    Commit {
        stored_as: 7,
        first_seq,
        updates,
    }
}

async fn published(node: &Node, count: u64) {
    node.until("published", async || {
        node.bus.metrics().published.get() == count
    })
    .await;
}

pub async fn n25_the_latest_hundred_numbers_are_kept_for_a_minute() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    assert_eq!(
        b.bus.recent(&demo, 7, 0).await.unwrap(),
        Vec::<Bytes>::new()
    );
    for seq in 1..=250 {
        a.say(&demo, seq);
    }
    published(&a, 250).await;
    let wanted: Vec<Bytes> = (151..=250).map(update).collect();
    assert_eq!(b.bus.recent(&demo, 7, 150).await.unwrap(), wanted);
    assert_eq!(b.bus.recent(&demo, 7, 240).await.unwrap(), wanted[90..]);
    for after in [0, 149, 250, 1_000, u64::MAX] {
        assert_eq!(
            b.bus.recent(&demo, 7, after).await.unwrap(),
            Vec::<Bytes>::new(),
            "{after}"
        );
    }
    let hot = hot(&redis).await;
    let fields: usize = redis.run(&format!("HLEN {hot}")).await;
    assert_eq!(fields, 104);
    // What is written prolongs it.
    let () = redis.run(&format!("PEXPIRE {hot} 20000")).await;
    a.say(&demo, 251);
    published(&a, 251).await;
    let left: u64 = redis.run(&format!("PTTL {hot}")).await;
    assert!((50_000..=60_000).contains(&left), "{left}");
    // Many at once, more than are kept.
    let updates = (252..=451).map(update).collect();
    a.bus.publish(&demo, &commit(252, Told::Whole(updates)));
    published(&a, 252).await;
    let wanted: Vec<Bytes> = (352..=451).map(update).collect();
    assert_eq!(b.bus.recent(&demo, 7, 351).await.unwrap(), wanted);
    assert_eq!(
        b.bus.recent(&demo, 7, 350).await.unwrap(),
        Vec::<Bytes>::new()
    );
    let () = redis.run(&format!("PEXPIRE {hot} 1")).await;
    b.until("expired", async || {
        b.bus.recent(&demo, 7, 400).await.unwrap().is_empty()
    })
    .await;
    a.say(&demo, 452);
    published(&a, 253).await;
    assert_eq!(b.bus.recent(&demo, 7, 451).await.unwrap(), [update(452)]);
}

pub async fn n25_what_is_kept_weighs_a_mebibyte_at_most() {
    let redis = Redis::start().await;
    let a = Node::start(&redis.url(), 1).await;
    let demo = room("demo");
    let large = |seq: u64| Bytes::from(vec![seq as u8; 16_384]);
    for seq in 1..=100 {
        a.say_bytes(&demo, seq, large(seq));
    }
    published(&a, 100).await;
    let wanted: Vec<Bytes> = (37..=100).map(large).collect();
    assert_eq!(wanted.len() * 16_384, 1 << 20);
    assert_eq!(a.bus.recent(&demo, 7, 36).await.unwrap(), wanted);
    assert_eq!(
        a.bus.recent(&demo, 7, 35).await.unwrap(),
        Vec::<Bytes>::new()
    );
    let hot = hot(&redis).await;
    let bytes: usize = redis.run(&format!("HGET {hot} bytes")).await;
    assert_eq!(bytes, 1 << 20);
    // Said again, as after a lost answer, it weighs the same.
    a.say_bytes(&demo, 100, large(100));
    published(&a, 101).await;
    let bytes: usize = redis.run(&format!("HGET {hot} bytes")).await;
    assert_eq!(bytes, 1 << 20);
}

pub async fn n25_nothing_behind_a_hole_is_given() {
    let redis = Redis::start().await;
    let a = Node::start(&redis.url(), 1).await;
    let demo = room("demo");
    a.join(&demo).await;
    a.say(&demo, 10);
    // Too large for the bus, told by its number.
    a.say_bytes(&demo, 11, vec![0; 16_385].into());
    a.say(&demo, 12);
    a.say(&demo, 14);
    published(&a, 4).await;
    assert_eq!(a.bus.recent(&demo, 7, 9).await.unwrap(), [update(10)]);
    assert_eq!(
        a.bus.recent(&demo, 7, 10).await.unwrap(),
        Vec::<Bytes>::new()
    );
    assert_eq!(a.bus.recent(&demo, 7, 11).await.unwrap(), [update(12)]);
    // The nodes hear of it all the same.
    let large = commit(11, Told::Count(1));
    a.heard
        .has(&crate::node::Event::Stored("demo".to_owned(), large))
        .await;
    // What comes late fills the hole.
    a.say(&demo, 13);
    published(&a, 5).await;
    assert_eq!(
        a.bus.recent(&demo, 7, 11).await.unwrap(),
        [12, 13, 14].map(update)
    );
    a.say(&demo, 9);
    published(&a, 6).await;
    assert_eq!(
        a.bus.recent(&demo, 7, 8).await.unwrap(),
        [9, 10].map(update)
    );
    // Of a great many that are only counted, nothing is kept, and the old ones go.
    a.bus.publish(&demo, &commit(15, Told::Count(5_000_000)));
    a.say(&demo, 5_000_015);
    published(&a, 8).await;
    assert_eq!(
        a.bus.recent(&demo, 7, 11).await.unwrap(),
        Vec::<Bytes>::new()
    );
    assert_eq!(
        a.bus.recent(&demo, 7, 5_000_014).await.unwrap(),
        [update(5_000_015)]
    );
    // What is older than all that is kept is not.
    a.say(&demo, 16);
    published(&a, 9).await;
    assert_eq!(
        a.bus.recent(&demo, 7, 15).await.unwrap(),
        Vec::<Bytes>::new()
    );
    assert_eq!(
        a.bus.recent(&demo, 7, 5_000_014).await.unwrap(),
        [update(5_000_015)]
    );
}

pub async fn n25_an_earlier_room_of_the_same_name_gives_nothing() {
    let redis = Redis::start().await;
    let a = Node::start(&redis.url(), 1).await;
    let demo = room("demo");
    for seq in 1..=50 {
        a.say(&demo, seq);
    }
    let anew = Commit {
        stored_as: 8,
        ..commit(1, Told::Whole(vec![update(1_001)]))
    };
    a.bus.publish(&demo, &anew);
    published(&a, 51).await;
    assert_eq!(a.bus.recent(&demo, 8, 0).await.unwrap(), [update(1_001)]);
    assert_eq!(
        a.bus.recent(&demo, 7, 0).await.unwrap(),
        Vec::<Bytes>::new()
    );
    // What the earlier one still says is told and not kept.
    a.join(&demo).await;
    let late = a.say(&demo, 2);
    a.heard.has(&late).await;
    assert_eq!(a.bus.recent(&demo, 8, 0).await.unwrap(), [update(1_001)]);
    assert_eq!(
        a.bus.recent(&demo, 7, 1).await.unwrap(),
        Vec::<Bytes>::new()
    );
}

pub async fn n25_a_full_redis_still_tells() {
    let redis = Redis::start().await;
    let (a, b) = (
        Node::start(&redis.url(), 1).await,
        Node::start(&redis.url(), 2).await,
    );
    let demo = room("demo");
    b.join(&demo).await;
    let () = redis.run("CONFIG SET maxmemory 1").await;
    let told = a.say(&demo, 1);
    b.heard.has(&told).await;
    let shown = a.show(&demo, 10, 1, Some("{}"));
    b.heard.has(&shown).await;
    let () = redis.run("CONFIG SET maxmemory 0").await;
    // What could not be written down is, as soon as that goes.
    b.sees(&demo, &[(1, 10, 1)]).await;
}
