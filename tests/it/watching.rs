//! `GET /api/events` over real sockets: who may watch, and what comes.

use std::sync::Arc;
use std::time::Duration;

use scrible::access::{Doorkeeper, DoorkeeperConfig, Hosts, Mode, Origins, Others, Transport};
use scrible::bus::Alone;
use scrible::server::ServerConfig;
use scrible_store::MemoryStore;
use scrible_wire::{awareness, message};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, typed};
use crate::node::{Node, exchange};
use crate::rest::{Guarded, token};

/// How long an event is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who reads a stream.
struct Watcher {
    socket: TcpStream,
    read: String,
}

impl Watcher {
    /// Asks for events, with more lines in the head of the request.
    async fn at(node: &Node, lines: &str) -> Self {
        let mut socket = TcpStream::connect(node.address).await.unwrap();
        let head = format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let read = String::new();
        Self { socket, read }
    }

    /// Takes what comes; false at the end.
    async fn take(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        let reading = timeout(PATIENCE, self.socket.read(&mut bytes));
        let taken = reading.await.expect("something comes in time").unwrap();
        self.read += std::str::from_utf8(&bytes[..taken]).unwrap();
        taken > 0
    }

    async fn status(&mut self) -> u16 {
        while !self.read.contains("\r\n\r\n") {
            assert!(self.take().await, "{}", self.read);
        }
        self.read.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The next event that is as wanted.
    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            while let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.split_once("data: ").map(|(_, data)| data);
                let event = data.map(|data| serde_json::from_str(data).unwrap());
                self.read = rest.to_owned();
                if let Some(event) = event.filter(&wanted) {
                    return event;
                }
            }
            assert!(self.take().await, "the stream ended");
        }
    }
}

fn room<'a>(event: &'a Value, name: &str) -> Option<&'a Value> {
    let mut rooms = event["rooms"].as_array().unwrap().iter();
    rooms.find(|room| room["name"] == name)
}

/// A node of an open server that others can reach.
pub async fn open_node(change: impl FnOnce(&mut ServerConfig)) -> Node {
    let store = Arc::new(MemoryStore::new());
    let config = DoorkeeperConfig {
        mode: Mode::Open(Hosts::Any),
        origins: Origins {
            listed: Vec::new(),
            others: Others::OfThisMachine,
        },
        transport: Transport::Http,
    };
    let gate = Doorkeeper::new(store.clone(), config).unwrap();
    Node::start_guarded(&store, Arc::new(Alone), Arc::new(gate), |config| {
        config.rooms.idle = Duration::from_secs(60);
        change(config);
    })
    .await
}

#[tokio::test]
async fn z1_admins_may_watch_and_on_an_open_server_whoever_sits_at_its_machine() {
    let all = Guarded::start().await;
    for (who, status) in [
        ("nobody", 401),
        ("ann", 403),
        ("expired", 401),
        ("admin", 200),
    ] {
        let bearer = token(who).map(|token| format!("Authorization: Bearer {token}\r\n"));
        let mut watcher = Watcher::at(&all.node, &bearer.unwrap_or_default()).await;
        assert_eq!(watcher.status().await, status, "{who}");
        if status == 200 {
            assert!(watcher.read.contains("content-type: text/event-stream\r\n"));
            watcher.until(|event| event["open"] == 0).await;
        } else {
            assert!(!watcher.read.contains("rooms\""), "{}", watcher.read);
        }
    }

    let node = open_node(|_| {}).await;
    for (lines, status) in [
        ("", 200),
        ("Origin: http://localhost:5173\r\n", 200),
        ("X-Forwarded-For: 192.0.2.1\r\n", 403),
        ("Origin: https://evil.example\r\n", 403),
    ] {
        let mut watcher = Watcher::at(&node, lines).await;
        assert_eq!(watcher.status().await, status, "{lines}");
    }
    // A page elsewhere can point its own name here.
    let elsewhere =
        "GET /api/events HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_owned();
    let (head, body) = exchange(node.address, &elsewhere).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(body.contains("\"code\":\"forbidden\""), "{body}");
}

#[tokio::test]
async fn z2_who_watches_sees_people_come_draw_and_go() {
    let node = open_node(|_| {}).await;
    let mut watcher = Watcher::at(&node, "").await;
    watcher.until(|event| event["open"] == 0).await;
    let (mut ann, _) = Client::join(node.address, "/plans").await;
    let entry = awareness::Entry {
        client: 10,
        clock: 1,
        state: Some(b"{}"),
    };
    let shown = message::awareness(&awareness::encode([entry].into_iter()));
    ann.send(shown).await;
    ann.update(&typed(10, 0)).await;
    let event = watcher
        .until(|event| room(event, "plans").is_some_and(|room| room["stored"] == 1))
        .await;
    let plans = room(&event, "plans").unwrap();
    assert_eq!(
        (&plans["connections"], &plans["people"]),
        (&1.into(), &1.into())
    );
    assert_eq!(plans["nodes"], Value::Array(Vec::new()));
    assert!(plans["bytes"].as_u64().unwrap() > 0);
    let changed = plans["changed"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(changed).is_ok(), "{changed}");
    drop(ann);
    let event = watcher
        .until(|event| room(event, "plans").is_none_or(|room| room["connections"] == 0))
        .await;
    assert_eq!(
        (&event["connections"], &event["people"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test]
async fn z4_the_65th_is_told_to_come_again_and_one_who_leaves_makes_place() {
    let node = open_node(|_| {}).await;
    let mut watchers = Vec::new();
    for _ in 0..64 {
        let mut watcher = Watcher::at(&node, "").await;
        assert_eq!(watcher.status().await, 200);
        watchers.push(watcher);
    }
    let mut late = Watcher::at(&node, "").await;
    assert_eq!(late.status().await, 503);
    assert!(late.read.contains("retry-after: "), "{}", late.read);
    watchers.pop();
    let coming = async {
        loop {
            let mut next = Watcher::at(&node, "").await;
            if next.status().await == 200 {
                break;
            }
        }
    };
    timeout(PATIENCE, coming).await.unwrap();
}

#[tokio::test]
async fn z5_a_server_that_stops_ends_the_stream() {
    let node = open_node(|_| {}).await;
    let mut watcher = Watcher::at(&node, "").await;
    watcher.until(|event| event["open"] == 0).await;
    let stopping = tokio::spawn(node.stopped());
    while watcher.take().await {}
    assert!(watcher.read.ends_with("0\r\n\r\n"), "it ends in good order");
    stopping.await.unwrap();
}
