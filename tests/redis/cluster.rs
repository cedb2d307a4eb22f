//! A Redis Cluster.

use scrible::bus::Bus;
use scrible::room::RoomName;

use crate::node::{Event, Node, room, update};
use crate::server::{Cluster, Redis};

/// A room for each master, by the hash slot of its keys.
async fn rooms(cluster: &Cluster, node: &Node) -> Vec<RoomName> {
    let mut found: Vec<Option<RoomName>> = vec![None; 3];
    for nth in 0.. {
        let room = room(&format!("room {nth}"));
        node.join(&room).await;
        node.say(&room, 1);
        let told = node.bus.metrics();
        let wanted = nth + 1;
        node.until("published", async || told.published.get() == wanted)
            .await;
        for (at, master) in cluster.masters.iter().enumerate() {
            let keys: Vec<String> = master.run("KEYS *:hot").await;
            if !keys.is_empty() && found[at].is_none() {
                found[at] = Some(room.clone());
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found.into_iter().flatten().collect()
}

async fn talk(a: &Node, b: &Node, room: &RoomName, seq: u64) {
    let told = a.say(room, seq);
    b.heard.has(&told).await;
    assert_eq!(b.bus.recent(room, 7, seq - 1).await.unwrap(), [update(seq)]);
}

pub async fn n20_rooms_live_in_all_parts_of_a_cluster() {
    let cluster = Cluster::start().await;
    let (a, b) = (
        Node::start(&cluster.url(), 1).await,
        Node::start(&cluster.url(), 2).await,
    );
    let rooms = rooms(&cluster, &a).await;
    assert_eq!(rooms.len(), 3);
    for room in &rooms {
        b.join(room).await;
        talk(&a, &b, room, 2).await;
        let shown = a.show(room, 10, 1, Some("{}"));
        b.heard.has(&shown).await;
        b.sees(room, &[(1, 10, 1)]).await;
        b.bus.leave(room);
        b.join(room).await;
        talk(&a, &b, room, 3).await;
    }
    // A seed that is away, and one that is none of it.
    let seeds = format!(
        "redis+cluster://127.0.0.1:1,127.0.0.1:{}",
        cluster.masters[1].port
    );
    let third = Node::start(&seeds, 3).await;
    for room in &rooms {
        third.join(room).await;
        talk(&a, &third, room, 4).await;
        third.sees(room, &[(1, 10, 1)]).await;
    }
    a.bus.close().await;
    b.heard.has(&Event::Gone(1)).await;
    third.heard.has(&Event::Gone(1)).await;
    for room in &rooms {
        b.sees(room, &[]).await;
    }
}

pub async fn n23_a_failing_part_of_a_cluster_leaves_the_others_alone() {
    let mut cluster = Cluster::start().await;
    let (a, b) = (
        Node::start(&cluster.url(), 1).await,
        Node::start(&cluster.url(), 2).await,
    );
    let rooms = rooms(&cluster, &a).await;
    for room in &rooms {
        b.join(room).await;
        talk(&a, &b, room, 2).await;
    }
    b.heard.clear();
    cluster.masters[1].kill();
    for node in [&a, &b] {
        node.until("told", async || node.bus.trouble().is_some())
            .await;
        let why = node.bus.trouble().unwrap();
        assert!(why.starts_with("Redis does not carry "), "{why}");
    }
    for room in [&rooms[0], &rooms[2]] {
        let mut seq = 10;
        // Both nodes have to notice first.
        b.until("carried", async || {
            seq += 1;
            a.say(room, seq);
            let recent = b.bus.recent(room, 7, seq - 1).await;
            recent.is_ok_and(|recent| recent == [update(seq)])
        })
        .await;
        for seq in 1_000..1_050 {
            talk(&a, &b, room, seq).await;
        }
    }
    assert!(b.bus.trouble().is_some());
    assert!(
        !b.heard.all().contains(&Event::Missed),
        "they were not disturbed"
    );
    cluster.masters[1].restart().await;
    for master in &cluster.masters {
        cluster.is_whole(master).await;
    }
    b.until("well", async || b.bus.trouble().is_none()).await;
    a.until("well", async || a.bus.trouble().is_none()).await;
    b.heard.has(&Event::Missed).await;
    for room in &rooms {
        let mut seq = 2_000;
        b.until("carried", async || {
            seq += 1;
            a.say(room, seq);
            let recent = b.bus.recent(room, 7, seq - 1).await;
            recent.is_ok_and(|recent| recent == [update(seq)])
        })
        .await;
        talk(&a, &b, room, 3_000).await;
    }
    let gone = |event: &Event| matches!(event, Event::Gone(_));
    assert!(!b.heard.all().iter().any(gone), "both nodes live");
}

pub async fn n23_a_room_that_moves_to_another_part_of_a_cluster_is_heard_there() {
    let cluster = Cluster::start().await;
    let (a, b) = (
        Node::start(&cluster.url(), 1).await,
        Node::start(&cluster.url(), 2).await,
    );
    let rooms = rooms(&cluster, &a).await;
    for room in &rooms {
        b.join(room).await;
        talk(&a, &b, room, 2).await;
    }
    let [from, to] = [&cluster.masters[0], &cluster.masters[2]];
    let keys: Vec<String> = from.run("KEYS *").await;
    let hot = a_hot_buffer_of(from, &rooms[0], &a).await;
    assert!(keys.contains(&hot));
    let slot: u16 = from.run(&format!("CLUSTER KEYSLOT {hot}")).await;
    // A slot moves without its keys, which is all the same to the bus.
    let in_slot: Vec<String> = from.run(&format!("CLUSTER GETKEYSINSLOT {slot} 100")).await;
    for key in &in_slot {
        let () = from.run(&format!("DEL {key}")).await;
    }
    b.heard.clear();
    let owner: String = to.run("CLUSTER MYID").await;
    for master in [to, from, &cluster.masters[1]] {
        let () = master
            .run(&format!("CLUSTER SETSLOT {slot} NODE {owner}"))
            .await;
    }
    b.heard.has(&Event::Missed).await;
    b.until("well", async || b.bus.trouble().is_none()).await;
    for room in &rooms {
        talk(&a, &b, room, 100).await;
    }
    let moved: Vec<String> = to.run("KEYS *:hot").await;
    assert!(moved.contains(&hot), "{moved:?}");
}

/// The name of a room's hot buffer: the one that goes on growing when the room is spoken in.
async fn a_hot_buffer_of(master: &Redis, room: &RoomName, node: &Node) -> String {
    let before: Vec<String> = master.run("KEYS *:hot").await;
    let published = node.bus.metrics().published.get();
    node.say(room, 50);
    node.until("published", async || {
        node.bus.metrics().published.get() > published
    })
    .await;
    for hot in before {
        let high: u64 = master.run(&format!("HGET {hot} high")).await;
        if high == 50 {
            return hot;
        }
    }
    panic!("the room is not there");
}
