//! Several nodes on one store, in one process.

pub mod hub;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scrible::bus::{Alone, Bus};
use scrible::follow::Writers;
use scrible_store::{MemoryStore, Store};
use scrible_wire::{Clocks, Limits};

use self::hub::{Fate, Hub};
use crate::client::{Client, Heard, typed};
use crate::node::{Node, get};

async fn node(store: &MemoryStore, bus: Arc<dyn Bus>) -> Node {
    let store = Arc::new(store.reopen());
    Node::start_on(&store, bus, |config| {
        config.writers = Writers::Many;
        config.rooms.idle = Duration::from_secs(60);
    })
    .await
}

#[tokio::test]
async fn n3_people_on_two_nodes_draw_together() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let (one, other) = (
        node(&store, hub.port()).await,
        node(&store, hub.port()).await,
    );
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    for clock in 0..20 {
        ann.update(&typed(10, clock)).await;
        assert_eq!(ann.next_update().await, typed(10, clock));
        assert_eq!(bob.next_update().await, typed(10, clock));
        bob.update(&typed(11, clock)).await;
        assert_eq!(bob.next_update().await, typed(11, clock));
        assert_eq!(ann.next_update().await, typed(11, clock));
    }
    assert_eq!((store.rows("demo").len(), hub.published()), (40, 40));
    assert_eq!(one.stopped().await.unstored, 0);
    assert_eq!(other.stopped().await.unstored, 0);
}

#[tokio::test]
async fn n5_without_a_bus_they_see_each_other_by_the_store_alone() {
    let store = MemoryStore::new();
    let (one, other) = (
        node(&store, Arc::new(Alone)).await,
        node(&store, Arc::new(Alone)).await,
    );
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(bob.next_update().await, typed(10, 0));
    bob.update(&typed(11, 0)).await;
    ann.next_update().await;
    assert_eq!(ann.next_update().await, typed(11, 0));
}

#[tokio::test]
async fn n5_the_loss_of_the_last_message_of_all_is_noticed() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let (one, other) = (
        node(&store, hub.port()).await,
        node(&store, hub.port()).await,
    );
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    hub.with_fates(|| Fate::Lost);
    ann.update(&typed(10, 0)).await;
    assert_eq!(bob.next_update().await, typed(10, 0));
}

/// What somebody has who applies what it hears, in order.
struct Replica {
    client: Client,
    clocks: Clocks,
}

impl Replica {
    async fn join(node: &Node) -> Self {
        let (client, content) = Client::join(node.address, "/demo").await;
        let mut replica = Self {
            client,
            clocks: Clocks::new(),
        };
        replica.apply(&content);
        replica
    }

    fn apply(&mut self, update: &[u8]) {
        let taken = self.clocks.take(update, &Limits::default()).unwrap();
        assert_eq!(taken.early, None, "a gap was served");
    }

    /// Hears until it has what is wanted.
    async fn until(&mut self, wanted: &HashMap<u64, u32>) {
        while wanted
            .iter()
            .any(|(client, clock)| self.clocks.clock(*client) < *clock)
        {
            if let Heard::Update(update) = self.client.hear().await {
                self.apply(&update);
            }
        }
    }
}

#[tokio::test]
async fn n2_n3_n4_whatever_the_bus_does_everyone_comes_to_have_everything() {
    for seed in 1..=6_u64 {
        let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut fates = random;
        hub.with_fates(move || match fates(10) {
            0..4 => Fate::Arrives,
            4 | 5 => Fate::Lost,
            6 => Fate::Twice,
            7 | 8 => Fate::Late,
            _ => Fate::Shortened,
        });
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(node(&store, hub.port()).await);
        }
        let mut replicas = Vec::new();
        for at in 0..6 {
            replicas.push(Replica::join(&nodes[at % 3]).await);
        }
        let mut written: HashMap<u64, u32> = HashMap::new();
        for _ in 0..120 {
            let at = random(6);
            let client = 10 + at;
            let clock = written.entry(client).or_default();
            let update = typed(client as u8, *clock as u8);
            *clock += 1;
            let replica = &mut replicas[at as usize];
            replica.apply(&update);
            replica.client.update(&update).await;
            if random(20) == 0 {
                // Somebody comes late, wherever.
                let node = &nodes[random(3) as usize];
                replicas.push(Replica::join(node).await);
            }
        }
        for replica in &mut replicas {
            replica.until(&written).await;
        }
        // And what is stored is the same, each edit once.
        let mut stored = Clocks::new();
        for (_, update) in store.rows("demo") {
            let taken = stored.take(&update.bytes, &Limits::default()).unwrap();
            assert_eq!(taken.early, None);
        }
        assert!(
            written
                .iter()
                .all(|(client, clock)| stored.clock(*client) == *clock)
        );
        assert_eq!(store.rows("demo").len(), 120);
    }
}

#[tokio::test]
async fn n4_who_moves_to_another_node_with_what_was_not_echoed_loses_nothing() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let first = Arc::new(store.reopen());
    let one = Node::start_on(&first, hub.port(), |config| config.writers = Writers::Many).await;
    let other = node(&store, hub.port()).await;
    let (mut ann, _) = Client::join(one.address, "/demo").await;
    let (mut bob, _) = Client::join(other.address, "/demo").await;
    first.pause_commits();
    ann.update(&typed(10, 0)).await;
    first.commits_waiting(1).await;
    drop(ann);
    // She brings what she has by her step 2, and goes on.
    let (mut ann, content) = Client::join(other.address, "/demo").await;
    assert_eq!(content, [0, 0]);
    ann.send(scrible_wire::message::step2(&typed(10, 0))).await;
    ann.update(&typed(10, 1)).await;
    assert_eq!(bob.next_update().await, typed(10, 0));
    assert_eq!(bob.next_update().await, typed(10, 1));
    first.resume_commits();
    while store.rows("demo").len() < 3 {
        tokio::task::yield_now().await;
    }
    // The first node has stored it as well by now. Nobody hears it again.
    bob.update(&typed(11, 0)).await;
    assert_eq!(bob.next_update().await, typed(11, 0));
    let (_, content) = Client::join(one.address, "/demo").await;
    let mut clocks = Clocks::new();
    clocks.take(&content, &Limits::default()).unwrap();
    assert_eq!(clocks.clock(10), 2);
}

#[tokio::test]
async fn k3_a_snapshot_that_one_node_makes_serves_all_of_them() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let store = Arc::new(store.reopen());
        let node = Node::start_on(&store, hub.port(), |config| {
            config.writers = Writers::Many;
            config.rooms.idle = Duration::from_secs(60);
            config.rooms.compaction.rows = 20;
        });
        nodes.push(node.await);
    }
    let mut clients = Vec::new();
    for node in &nodes {
        clients.push(Client::join(node.address, "/demo").await.0);
    }
    // All three come to the limit with the same row.
    for clock in 0..20 {
        clients[0].update(&typed(10, clock)).await;
        for client in &mut clients {
            assert_eq!(client.next_update().await, typed(10, clock));
        }
    }
    let turns = async |node: &Node| -> u64 {
        let (_, metrics) = get(node.metrics, "/metrics").await;
        let of = |outcome| format!("scrible_compactions_total{{outcome=\"{outcome}\"}} ");
        let done = metrics.lines().filter_map(|line| {
            let count = ["stored", "unchanged"].map(|outcome| line.strip_prefix(&of(outcome)));
            count.into_iter().flatten().next()?.parse::<u64>().ok()
        });
        done.sum()
    };
    for node in &nodes {
        while turns(node).await < 1 {
            tokio::task::yield_now().await;
        }
    }
    let snapshots = store.snapshots("demo").await.unwrap().unwrap();
    let seqs: Vec<_> = snapshots.snapshots.iter().map(|info| info.seq).collect();
    assert_eq!(seqs, [20]);
}
