//! Who gets in, what they may do, and how they are sent away.

use std::sync::Arc;
use std::time::Duration;

use scrible::server::ServerConfig;
use scrible_store::MemoryStore;
use scrible_wire::{awareness, message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yrs::Update;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;

use crate::client::{Client, Heard, typed};
use crate::node::Node;
use crate::rfc6455::raw::{BINARY, FIN, close, frame, handshake};

#[tokio::test]
async fn s2_a_viewer_reads_and_changes_nothing() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut viewer, _) = Client::join(node.address, "/demo?token=viewer").await;
    viewer.update(&typed(66, 0)).await;
    viewer.send(message::step2(&typed(66, 0))).await;
    let both = [message::step1(&[0]), message::update(&typed(66, 0))].concat();
    viewer.send(both).await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(viewer.next_update().await, typed(10, 0));
    assert_eq!(
        ann.next_update().await,
        typed(10, 0),
        "and nothing of the viewer's"
    );
    let rows: Vec<_> = store
        .rows("demo")
        .into_iter()
        .map(|(_, row)| row.bytes.to_vec())
        .collect();
    assert_eq!(rows, [typed(10, 0)]);
    let heard = viewer.heard_so_far().await;
    assert!(
        !heard.contains(&Heard::Denied),
        "it was told once, before: {heard:?}"
    );
}

/// Awareness that shows one client at a clock; `None`: as somebody who has left.
fn showing(client: u64, clock: u32, state: Option<&[u8]>) -> Vec<u8> {
    let entry = awareness::Entry {
        client,
        clock,
        state,
    };
    awareness::encode([entry].into_iter())
}

#[tokio::test]
async fn s2_a_viewers_update_is_nothing_however_it_is_wrapped_and_whenever_it_comes() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    let (hidden, path) = (typed(66, 0), "/demo?token=viewer");
    let v2 = Update::decode_v1(&hidden).unwrap().encode_v2();
    let shows = showing(66, 1, Some(b"{}"));
    let mut refused = Vec::new();
    for (frame, code) in [
        (message::update(&v2), 4422),
        (message::step2(&v2), 4422),
        (message::awareness(&hidden), 4400),
        (message::awareness(&message::update(&hidden)), 4400),
        (
            message::awareness(&[shows.clone(), message::update(&hidden)].concat()),
            4400,
        ),
    ] {
        let (mut viewer, _) = Client::join(node.address, path).await;
        viewer.send(frame.clone()).await;
        refused.push((viewer, frame, code));
    }
    for (mut viewer, frame, code) in refused {
        assert_eq!(viewer.closed().await, code, "{frame:?}");
    }
    // Before its step 1, and in one go with the request for the upgrade.
    let mut early = Client::connect(node.address, path).await;
    early.send(message::update(&hidden)).await;
    early.send(message::step2(&hidden)).await;
    assert_eq!(early.until_settled().await, None);
    let mut at_once = handshake(path, "").into_bytes();
    at_once.extend(frame(FIN | BINARY, &message::update(&hidden)));
    at_once.extend(close(1000, b""));
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(&at_once).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 101 "));
    // In a frame with awareness, of which others hear.
    let (mut viewer, _) = Client::join(node.address, path).await;
    let both = [message::awareness(&shows), message::update(&hidden)].concat();
    viewer.send(both).await;
    assert_eq!(viewer.until_settled().await, None);
    ann.until(|heard| match heard {
        Heard::Update(update) => panic!("{update:?}"),
        Heard::Awareness(body) => {
            let shown = awareness::parse(body, &Default::default()).unwrap();
            shown.iter().any(|entry| entry.client == 66).then_some(())
        }
        _ => None,
    })
    .await;
    let heard = ann.heard_so_far().await;
    let is_update = |heard: &Heard| matches!(heard, Heard::Update(_));
    assert!(!heard.iter().any(is_update), "{heard:?}");
    let (_, content) = Client::join(node.address, "/demo").await;
    assert_eq!(content, typed(10, 0));
    assert_eq!(store.rows("demo").len(), 1);
    // It is an update: of an editor it is taken.
    ann.update(&hidden).await;
    assert_eq!(ann.next_update().await, hidden);
    assert_eq!(store.rows("demo").len(), 2);
}

#[tokio::test]
async fn a5_who_is_known_to_nobody_moves_others_like_him_and_takes_none_away() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut eve, _) = Client::join(node.address, "/demo").await;
    for (client, id) in [(&mut ann, 10), (&mut eve, 20)] {
        client.send(message::step2(&[0, 0])).await;
        let shows = showing(id, 1, Some(br#"{"x":1}"#));
        client.send(message::awareness(&shows)).await;
        assert_eq!(client.until_settled().await, None);
    }
    // What one says of the other moves him; that he has left is for himself to say.
    for (client, clock, state) in [
        (10, 3, Some(&br#"{"x":3}"#[..])),
        (10, 3, None),
        (10, 4, None),
        (20, 2, Some(br#"{"x":2}"#)),
    ] {
        let says = showing(client, clock, state);
        eve.send(message::awareness(&says)).await;
    }
    let mut last = Vec::new();
    for wanted in [(20, 2, true), (20, 2, false)] {
        while !last.contains(&wanted) {
            let body = bob
                .until(|heard| match heard {
                    Heard::Awareness(body) => Some(body.clone()),
                    _ => None,
                })
                .await;
            let shown = awareness::parse(&body, &Default::default()).unwrap();
            for entry in shown {
                last.retain(|(client, ..)| *client != entry.client);
                last.push((entry.client, entry.clock, entry.state.is_some()));
                assert!(entry.client != 10 || entry.state.is_some(), "taken away");
            }
        }
        assert!(last.contains(&(10, 3, true)), "{last:?}");
        if wanted.2 {
            eve.leave().await;
        }
    }
    // He is still his own.
    let says = showing(10, 4, None);
    ann.send(message::awareness(&says)).await;
    bob.until(|heard| match heard {
        Heard::Awareness(body) => {
            let shown = awareness::parse(body, &Default::default()).unwrap();
            let mut left = shown.iter().filter(|entry| entry.state.is_none());
            left.any(|entry| entry.client == 10).then_some(())
        }
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn g4_a_malformed_message_closes_its_sender_alone() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let bad: [(&[u8], u16); 6] = [
        (&[0, 2, 3, 1, 1, 10], 4422),
        (&[0, 2, 0], 4400),
        (&[0, 0, 0], 4400),
        (&[0, 9, 0], 4400),
        (&[1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 4400),
        (&[0, 1, 200, 1], 4400),
    ];
    let mut sent = Vec::new();
    for (frame, code) in bad {
        let (mut eve, _) = Client::join(node.address, "/demo").await;
        eve.send(frame.to_vec()).await;
        sent.push((eve, frame, code));
    }
    for (mut eve, frame, code) in sent {
        assert_eq!(eve.closed().await, code, "{frame:?}");
    }
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
}

#[tokio::test]
async fn w6_unknown_types_are_ignored_and_an_oversized_message_is_named() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.send(vec![102, 1, 2, 3]).await;
    ann.send(vec![2, 1]).await;
    assert_eq!(ann.heard_so_far().await, []);
    ann.update(&vec![0; (1 << 20) + 1]).await;
    assert_eq!(ann.closed().await, 4413);
}

async fn status(node: &Node, request: &str) -> String {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream
        .write_all(request.replace('\n', "\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .to_owned()
}

fn quick_pings(config: &mut ServerConfig) {
    config.session.ping_interval = Duration::from_millis(100);
}

/// A connection that reads what comes and never answers a ping; resolves to what it heard once the server has given up on it.
async fn mute(node: &Node) -> impl Future<Output = Vec<u8>> + use<> {
    let mut stream = raw(node).await;
    async move {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        heard
    }
}

async fn raw(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let request = upgrade("/demo").replace('\n', "\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn w8_a_connection_that_never_answers_a_ping_is_dead() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, quick_pings).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let mute = mute(&node).await;
    let answering = async { while !matches!(ann.hear().await, Heard::Closed(..)) {} };
    let heard = tokio::select! {
        heard = mute => heard,
        () = answering => panic!("a client that answers pings was closed"),
    };
    let ping = [0x89, 0];
    assert!(heard.windows(2).any(|bytes| bytes == ping), "it was asked");
}

#[tokio::test]
async fn w8_a_slow_upload_is_alive() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, quick_pings).await;
    let mut slow = raw(&node).await;
    // The beginning of one masked binary frame of 1 MB.
    slow.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 0xf, 0xff, 0xff, 0, 0, 0, 0])
        .await
        .unwrap();
    let mut dead = std::pin::pin!(mute(&node).await);
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            // As long as this one was silent, the other had not sent a whole message either.
            _ = &mut dead => break,
            _ = pace.tick() => slow.write_all(&[0; 500]).await.unwrap(),
        }
    }
    slow.write_all(&[0; 500]).await.unwrap();
    let mut heard = vec![0; 1 << 16];
    loop {
        match slow.try_read(&mut heard) {
            Ok(read) => assert!(read > 0, "the server gave up on it"),
            Err(error) => break assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}

#[tokio::test]
async fn j3_a_client_whose_echoes_wait_for_the_store_is_not_dead() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, quick_pings).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let mut large = vec![1, 1, 10, 0, 0x04, 1, 1, b't'];
    scrible_wire::varint::write_number(&mut large, 100_000);
    large.resize(large.len() + 100_000, b'x');
    large.push(0);
    store.pause_commits();
    // The second is known, and larger than what may wait for its echo: the socket is not read any more.
    ann.update(&large).await;
    ann.update(&large).await;
    let dead = mute(&node).await;
    let echoes = async {
        for _ in 0..2 {
            assert_eq!(ann.next_update().await, large);
        }
    };
    let resume = async {
        dead.await;
        store.resume_commits();
    };
    tokio::join!(echoes, resume);
}

#[tokio::test]
async fn w6_queries_in_one_frame_are_answered_once() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let entry = awareness::Entry {
        client: 10,
        clock: 1,
        state: Some(b"{}"),
    };
    ann.send(message::awareness(&awareness::encode([entry].into_iter())))
        .await;
    ann.send(vec![3; 1000]).await;
    let heard = ann.heard_so_far().await;
    let presence = heard
        .iter()
        .filter(|heard| matches!(heard, Heard::Awareness(_)))
        .count();
    assert!(
        (1..=4).contains(&presence),
        "{presence} messages for a thousand bytes"
    );
}

fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\nHost: localhost\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
    )
}

#[tokio::test]
async fn w2_bad_requests_are_refused_before_the_upgrade() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    for (request, expected) in [
        (upgrade("/demo"), "101"),
        (upgrade("/a%FF"), "400"),
        (upgrade("/a%00b"), "400"),
        (upgrade("/%2e%2e/b"), "400"),
        (upgrade("/api/x"), "400"),
        (upgrade(&format!("/{}", "a".repeat(256))), "400"),
        (upgrade("/demo").replace("Version: 13", "Version: 8"), "426"),
        (upgrade("/demo").replace("GET", "POST"), "400"),
        (
            upgrade("/demo").replace("keep-alive, Upgrade", "keep-alive"),
            "400",
        ),
        ("GET /demo HTTP/1.1\nHost: localhost\n\n".to_owned(), "404"),
        (
            "POST /health HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n".to_owned(),
            "405",
        ),
        (
            "GET /health HTTP/1.1\nHost: localhost\n\n".to_owned(),
            "200",
        ),
        ("GET / HTTP/1.1\nHost: localhost\n\n".to_owned(), "200"),
    ] {
        assert_eq!(status(&node, &request).await, expected, "{request}");
    }
}
