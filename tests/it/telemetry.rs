//! What a node says of itself: metrics as they count, their documentation, and health part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use scrible_store::{MemoryStore, Store, StoreError};
use scrible_wire::message;
use serde_json::{Value, json};

use crate::client::{Client, typed};
use crate::node::{Node, get};

/// All samples of `/metrics`, by name and labels as they stand there.
pub async fn samples(address: SocketAddr) -> BTreeMap<String, f64> {
    let (_, body) = get(address, "/metrics").await;
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    samples.map(sample).collect()
}

/// Waits until a sample is what it should be.
pub async fn reaches(node: &Node, name: &str, wanted: f64) {
    let mut last = None;
    for _ in 0..10_000 {
        last = samples(node.metrics).await.get(name).copied();
        if last == Some(wanted) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{name} is {last:?}, not {wanted}");
}

#[tokio::test]
async fn t1_metrics_are_on_a_listener_of_their_own_and_nothing_else_is() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (head, body) = get(node.metrics, "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    assert!(body.ends_with("\n# EOF\n"), "{body}");
    for (address, path) in [
        (node.address, "/metrics"),
        (node.metrics, "/"),
        (node.metrics, "/health"),
        (node.metrics, "/demo"),
    ] {
        let (head, _) = get(address, path).await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
    }
    let (metrics, address) = (node.metrics, node.address);
    node.stopped().await;
    for gone in [metrics, address] {
        assert!(tokio::net::TcpStream::connect(gone).await.is_err());
    }
}

/// What a node shows: name, kind, labels with what they may say, help.
fn shown(body: &str) -> BTreeSet<[String; 4]> {
    let mut families: Vec<[String; 4]> = Vec::new();
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in body.lines().filter(|line| *line != "# EOF") {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            let help = help.trim_end_matches('.').to_owned();
            families.push([name.to_owned(), String::new(), String::new(), help]);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (_, kind) = kind.split_once(' ').unwrap();
            families.last_mut().unwrap()[1] = kind.to_owned();
        } else if let Some((_, label)) = line.split_once('{') {
            let (label, _) = label.split_once('}').unwrap();
            let (label, value) = label.split_once('=').unwrap();
            let value = value.trim_matches('"');
            let value = if label == "version" { "…" } else { value };
            if label != "le" {
                let name = &families.last().unwrap()[0];
                let values = labels.entry(format!("{name} {label}")).or_default();
                values.insert(value.to_owned());
            }
        }
    }
    for family in &mut families {
        let suffix = match &*family[1] {
            "counter" => "_total",
            _ => "",
        };
        for (of, values) in &labels {
            let (name, label) = of.split_once(' ').unwrap();
            if name == family[0] {
                let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                family[2] = format!("`{label}`: {}", values.join(" "));
            }
        }
        family[0] = format!("`{}{suffix}`", family[0]);
    }
    families.into_iter().collect()
}

#[tokio::test]
async fn t1_every_metric_is_documented_and_nothing_else_is() {
    let documented = include_str!("../../docs/metrics.md");
    let rows = documented.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<[String; 4]> = rows
        .filter_map(|row| {
            let cells = row.trim_matches('|').split(" | ").map(str::trim);
            let cells: Vec<_> = cells.map(str::to_owned).collect();
            // Other tables have fewer.
            cells.try_into().ok()
        })
        .collect();
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (_, body) = get(node.metrics, "/metrics").await;
    let shown = shown(&body);
    let missing: Vec<_> = shown.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&shown).collect();
    let row = |cells: &&[String; 4]| format!("| {} |", cells.join(" | "));
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/metrics.md lacks:\n{}\nand has what is not there:\n{}",
        missing.iter().map(row).collect::<Vec<_>>().join("\n"),
        unknown.iter().map(row).collect::<Vec<_>>().join("\n")
    );
}

#[tokio::test]
async fn t2_each_update_counts_once_with_its_verdict_and_each_connection_with_its_end() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let fresh = samples(node.metrics).await;
    assert_eq!(fresh["scrible_updates_total{verdict=\"early\"}"], 0.0);
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    // New, known, early, and not for viewers.
    ann.update(&typed(10, 0)).await;
    ann.update(&typed(10, 0)).await;
    for _ in 0..2 {
        assert_eq!(ann.next_update().await, typed(10, 0));
    }
    bob.next_update().await;
    ann.update(&typed(10, 5)).await;
    let (mut viewer, _) = Client::join(node.address, "/demo?token=viewer").await;
    viewer.update(&typed(66, 0)).await;
    viewer.heard_so_far().await;
    let (mut eve, _) = Client::join(node.address, "/demo").await;
    eve.send(message::update(&[3, 1, 1, 10])).await;
    assert_eq!(eve.closed().await, 4422);
    ann.heard_so_far().await;
    let counted = samples(node.metrics).await;
    for (name, wanted) in [
        ("scrible_updates_total{verdict=\"new\"}", 1.0),
        ("scrible_updates_total{verdict=\"known\"}", 1.0),
        ("scrible_updates_total{verdict=\"early\"}", 1.0),
        ("scrible_updates_total{verdict=\"partly_early\"}", 0.0),
        ("scrible_updates_total{verdict=\"read_only\"}", 1.0),
        ("scrible_updates_total{verdict=\"malformed\"}", 1.0),
        ("scrible_messages_received_total{kind=\"update\"}", 5.0),
        // Two echoes and Bob's.
        ("scrible_messages_sent_total{kind=\"update\"}", 3.0),
        ("scrible_messages_sent_total{kind=\"denied\"}", 1.0),
        ("scrible_connections_closed_total{code=\"4422\"}", 1.0),
        ("scrible_connections_opened_total", 4.0),
        ("scrible_room_openings_total{outcome=\"opened\"}", 1.0),
        ("scrible_journal_batches_total{outcome=\"stored\"}", 1.0),
        ("scrible_journal_batch_updates_sum", 1.0),
        ("scrible_sessions", 3.0),
        ("scrible_rooms", 1.0),
    ] {
        assert_eq!(counted[name], wanted, "{name}");
    }
    let bytes = counted["scrible_journal_batch_bytes_sum"] as usize;
    assert_eq!(bytes, typed(10, 0).len());
    // A head of two bytes, a mask of four.
    let sent_by_ann = [typed(10, 0), typed(10, 0), typed(10, 5)];
    let least: usize = sent_by_ann.iter().map(|update| update.len() + 9).sum();
    assert!(counted["scrible_received_bytes_total"] as usize > least);
    assert!(counted["scrible_sent_bytes_total"] > 0.0);
    drop((ann, viewer));
    // They may say goodbye or break off, which the kernel decides.
    loop {
        let counted = samples(node.metrics).await;
        let ended =
            |code: &str| counted[&format!("scrible_connections_closed_total{{code=\"{code}\"}}")];
        if ended("left") + ended("gone") == 2.0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    node.stop();
    assert_eq!(bob.closed().await, 1012);
    reaches(
        &node,
        "scrible_connections_closed_total{code=\"1012\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn t2_refusals_before_the_upgrade_count_by_status_and_names_are_no_labels() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (_ann, _) = Client::join(node.address, "/very-secret-room").await;
    let bad = tokio_tungstenite::connect_async(format!("ws://{}/api/secret", node.address)).await;
    assert!(bad.is_err());
    let (_, body) = get(node.metrics, "/metrics").await;
    assert!(body.contains("scrible_upgrades_refused_total{status=\"400\"} 1\n"));
    assert!(!body.contains("secret"), "{body}");
    assert!(!body.contains(&node.address.to_string()), "{body}");
}

#[tokio::test]
async fn t3_fan_out_is_measured_at_the_others_socket_and_commit_at_the_store() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    store.pause_commits();
    ann.update(&typed(10, 0)).await;
    bob.next_update().await;
    bob.heard_so_far().await;
    let counted = samples(node.metrics).await;
    assert_eq!(counted["scrible_fan_out_seconds_count"], 1.0);
    assert_eq!(counted["scrible_commit_seconds_count"], 0.0);
    assert_eq!(counted["scrible_uncommitted_updates"], 1.0);
    assert!(counted["scrible_uncommitted_bytes"] > 0.0);
    assert!(counted["scrible_journal_lag_seconds"] > 0.0);
    store.resume_commits();
    ann.next_update().await;
    let after = samples(node.metrics).await;
    assert_eq!(after["scrible_commit_seconds_count"], 1.0);
    let lag = counted["scrible_journal_lag_seconds"];
    assert!(after["scrible_commit_seconds_sum"] >= lag);
    assert_eq!(after["scrible_journal_lag_seconds"], 0.0);
    assert_eq!(after["scrible_uncommitted_bytes"], 0.0);
    assert_eq!(
        after["scrible_fan_out_seconds_count"], 1.0,
        "an echo is none"
    );
    // Who comes later reads it in the answer, which is no fan-out either.
    Client::join(node.address, "/demo").await;
    let after = samples(node.metrics).await;
    assert_eq!(after["scrible_fan_out_seconds_count"], 1.0);
}

/// The state and the reason of each part that has one.
fn reasons(health: &Value) -> Vec<(&str, &str)> {
    let parts = health["parts"].as_object().unwrap();
    let troubled = parts.iter().filter(|(_, part)| part["state"] != "ok");
    troubled
        .map(|(name, part)| (&**name, part["reason"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn t4_health_names_each_part_and_why_it_is_not_well() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (status, health) = node.json("/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let parts: Vec<&String> = health["parts"].as_object().unwrap().keys().collect();
    let all = [
        "bus",
        "compaction",
        "connections",
        "doc_workers",
        "journal",
        "objects",
        "rooms",
        "store",
    ];
    assert_eq!(
        BTreeSet::from_iter(parts),
        all.map(String::from).iter().collect()
    );
    assert_eq!(reasons(&health), []);
    assert!(health["resident_bytes"].as_u64().unwrap() > 1 << 20);

    let (mut ann, _) = Client::join(node.address, "/demo").await;
    store.fail_commits(
        usize::MAX,
        StoreError::Unavailable("the disk is full".into()),
    );
    ann.update(&typed(10, 0)).await;
    let (status, health) = loop {
        let (status, health) = node.json("/health").await;
        if health["status"] != "ok" {
            break (status, health);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((status, &health["status"]), (503, &json!("degraded")));
    let trouble = reasons(&health);
    assert!(
        trouble
            .iter()
            .any(|(part, why)| *part == "journal" && why.contains("the disk is full")),
        "{trouble:?}"
    );
    store.fail_commits(0, StoreError::Unavailable(String::new()));
    ann.next_update().await;
    let (status, health) = node.json("/health").await;
    assert_eq!((status, reasons(&health)), (200, vec![]));
}

#[tokio::test]
async fn t4_a_compaction_that_fails_is_trouble_of_its_part_alone() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| config.rooms.compaction.rows = 1).await;
    store.fail_snapshots(1, StoreError::Unavailable("busy".into()));
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    reaches(
        &node,
        "scrible_compactions_total{outcome=\"unavailable\"}",
        1.0,
    )
    .await;
    let (status, health) = node.json("/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let trouble = reasons(&health);
    assert!(
        matches!(&trouble[..], [("compaction", why)] if why.contains("busy")),
        "{trouble:?}"
    );
    let afar = node.health("board.example").await;
    assert_eq!(
        reasons(&afar),
        [("compaction", "the last attempt failed; the log says why")]
    );
}

#[tokio::test]
async fn t5_live_answers_while_the_database_is_gone_and_ready_does_not() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    assert_eq!(
        node.json("/health/ready").await,
        (200, json!({"status": "ready"}))
    );
    store.close().await;
    assert_eq!(
        node.json("/health/live").await,
        (200, json!({"status": "live"}))
    );
    let (status, ready) = node.json("/health/ready").await;
    assert_eq!((status, &ready["status"]), (503, &json!("not ready")));
    assert!(ready["reasons"]["store"].is_string(), "{ready}");
    let (status, health) = node.json("/health").await;
    assert_eq!((status, &health["status"]), (503, &json!("degraded")));
}

#[tokio::test]
async fn t6_not_ready_while_more_than_half_of_what_may_wait_waits() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.rooms.max_uncommitted_bytes = 4096;
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    store.pause_commits();
    let mut clocks = 0..=u8::MAX;
    while node.json("/health/ready").await.0 == 200 {
        ann.update(&typed(10, clocks.next().unwrap())).await;
        ann.heard_so_far().await;
    }
    let waits = samples(node.metrics).await["scrible_uncommitted_bytes"];
    assert!((2048.0..4096.0).contains(&waits), "{waits}");
    let (status, ready) = node.json("/health/ready").await;
    assert_eq!(status, 503);
    let reason = ready["reasons"]["journal"].as_str().unwrap();
    assert!(reason.contains("more than the 2048"), "{reason}");
    assert_eq!(node.json("/health/live").await.0, 200);
    store.resume_commits();
    while node.json("/health/ready").await.0 != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn t6_not_ready_while_it_drains_though_it_lives() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    store.pause_commits();
    ann.update(&typed(10, 0)).await;
    store.commits_waiting(1).await;
    node.stop();
    assert_eq!(ann.closed().await, 1012);
    let (status, ready) = node.json("/health/ready").await;
    assert_eq!(status, 503);
    assert!(ready["reasons"]["connections"].is_string(), "{ready}");
    assert_eq!(node.json("/health").await.1["status"], "stopping");
    assert_eq!(node.json("/health/live").await.0, 200);
    assert_eq!(
        samples(node.metrics).await["scrible_uncommitted_updates"],
        1.0
    );
    store.resume_commits();
    assert_eq!(node.stopped().await.unstored, 0);
}
