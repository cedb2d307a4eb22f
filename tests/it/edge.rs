//! Who counts as whom, how many may come, and what becomes of connections that are too many, too slow or too silent.

use std::sync::Arc;
use std::time::Duration;

use scrible::server::ServerConfig;
use scrible::socket::{self, TrustedProxies};
use scrible_store::MemoryStore;
use scrible_wire::message;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::client::{Client, Heard, typed};
use crate::node::{Node, exchange};
use crate::rfc6455::raw::{BINARY, FIN, Raw, frame};
use crate::telemetry::{reaches, samples};
use crate::watching::open_node;

/// The body of `GET /health` for somebody who has these header lines.
async fn health(node: &Node, lines: &str) -> Value {
    let request =
        format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n");
    let (_, body) = exchange(node.address, &request).await;
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn l11_names_of_rooms_are_not_for_those_who_come_through_a_proxy_on_this_machine() {
    for proxies in ["", "127.0.0.0/8"] {
        let node = open_node(|config| {
            let proxies = proxies.split(',').filter(|net| !net.is_empty());
            config.trusted_proxies =
                TrustedProxies(proxies.map(|net| net.parse().unwrap()).collect());
        })
        .await;
        let (_ann, _) = Client::join(node.address, "/secret-plans").await;
        let events = |lines: &str| {
            format!(
                "GET /api/events?once=true HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n"
            )
        };
        let (_, local) = exchange(node.address, &events("")).await;
        assert_eq!(local.contains("secret-plans"), proxies.is_empty());
        for lines in [
            "X-Forwarded-For: 203.0.113.9\r\n",
            "X-Forwarded-For: 127.0.0.1\r\n",
            "Forwarded: for=127.0.0.1\r\n",
            "Via: 1.1 nginx\r\n",
            "X-Real-IP: 127.0.0.1\r\n",
        ] {
            let (head, body) = exchange(node.address, &events(lines)).await;
            assert!(head.starts_with("HTTP/1.1 403"), "{head}");
            assert!(!body.contains("secret-plans"), "{lines}");
            assert_eq!(health(&node, lines).await["status"], "ok");
        }
    }
}

/// A handshake of a client behind the proxy that [`behind_a_proxy`] trusts.
fn handshake(node: &Node, path: &str, from: &str) -> Request {
    let request = format!("ws://{}{path}", node.address).into_client_request();
    let mut request = request.unwrap();
    let from = HeaderValue::from_str(from).unwrap();
    request.headers_mut().insert("x-forwarded-for", from);
    request
}

fn behind_a_proxy(config: &mut ServerConfig) {
    config.trusted_proxies = TrustedProxies(vec!["127.0.0.0/8".parse().unwrap()]);
    config.places.per_address = Some(2);
    config.places.per_room = Some(3);
    config.places.connections = 4;
}

/// The status, the header Retry-After and the sentence with which a handshake is refused.
async fn refusal(request: Request) -> (u16, String, String) {
    match connect_async(request).await {
        Err(Error::Http(response)) => {
            let retry = response.headers()["retry-after"].to_str().unwrap();
            let sentence = String::from_utf8(response.body().clone().unwrap()).unwrap();
            (response.status().as_u16(), retry.to_owned(), sentence)
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn l12_who_is_one_too_many_is_told_why_before_the_upgrade_and_gets_in_later() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, behind_a_proxy).await;
    let enter =
        async |path: &str, from: &str| Client::connect_by(handshake(&node, path, from)).await;
    let first = enter("/demo", "192.0.2.1").await;
    let _second = enter("/demo", "192.0.2.1").await;
    let (status, retry, sentence) = refusal(handshake(&node, "/other", "192.0.2.1")).await;
    assert_eq!((status, &*retry), (429, "5"));
    assert!(sentence.contains("this address"), "{sentence}");
    let _third = enter("/demo", "192.0.2.2").await;
    let (status, _, sentence) = refusal(handshake(&node, "/demo", "192.0.2.3")).await;
    assert_eq!(status, 503);
    assert!(sentence.contains("PER_ROOM"), "{sentence}");
    let _fourth = enter("/other", "192.0.2.3").await;
    let (status, _, sentence) = refusal(handshake(&node, "/third", "192.0.2.4")).await;
    assert_eq!(status, 503);
    assert!(sentence.contains("the server"), "{sentence}");
    let counted = samples(node.metrics).await;
    for limit in [
        "connections",
        "connections_per_address",
        "connections_per_room",
    ] {
        let name = format!("scrible_limits_met_total{{limit=\"{limit}\"}}");
        assert_eq!(counted[&name], 1.0, "{limit}");
    }
    drop(first);
    reaches(&node, "scrible_connections", 3.0).await;
    enter("/demo", "192.0.2.1").await;
}

#[tokio::test]
async fn l12_a_handshake_that_breaks_off_leaves_no_place_taken() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| config.places.connections = 1).await;
    for bytes in [40, HANDSHAKE.len()] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(node.address).await.unwrap();
            stream
                .write_all(&HANDSHAKE.as_bytes()[..bytes])
                .await
                .unwrap();
        }
    }
    // The last of them may not have been noticed yet.
    let mut client = loop {
        match connect_async(format!("ws://{}/demo", node.address)).await {
            Ok((client, _)) => break client,
            Err(Error::Http(full)) => assert_eq!(full.status(), 503),
            Err(error) => panic!("{error}"),
        }
    };
    let taken = refusal(handshake(&node, "/demo", "192.0.2.1")).await;
    assert_eq!(taken.0, 503);
    client.close(None).await.unwrap();
    reaches(&node, "scrible_connections", 0.0).await;
    Client::join(node.address, "/demo").await;
}

const HANDSHAKE: &str = "GET /demo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// All that comes until the server closes or resets the connection.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.ok();
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn l13_those_who_wait_for_nothing_are_bounded_and_keep_nobody_out_for_long() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.places.plain = 8;
        config.patience.head = Duration::from_millis(300);
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    reaches(&node, "scrible_connections_plain", 0.0).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(node.address).await.unwrap());
    }
    reaches(&node, "scrible_connections_plain", 8.0).await;
    let refused = rest_of(TcpStream::connect(node.address).await.unwrap()).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nRetry-After: 5\r\n"), "{refused}");
    let counted = samples(node.metrics).await;
    assert_eq!(
        counted["scrible_limits_met_total{limit=\"plain_connections\"}"],
        1.0
    );
    // Who is in goes on, and the silent ones are gone soon.
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    for stream in silent {
        assert_eq!(rest_of(stream).await, "");
    }
    Client::join(node.address, "/demo").await;
}

#[tokio::test]
async fn l13_a_head_that_does_not_come_and_a_pause_between_two_end_the_connection() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.patience.head = Duration::from_millis(200);
    })
    .await;
    // Also what might become HTTP/2.
    for head in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /health/live HTTP/1.1\r\nHost: loc",
    ] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let heard = rest_of(stream).await;
        assert!(
            heard.is_empty() || heard.starts_with("HTTP/1.1 40"),
            "{heard}"
        );
    }
    let mut idle = TcpStream::connect(node.address).await.unwrap();
    let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    idle.write_all(request.as_bytes()).await.unwrap();
    let heard = rest_of(idle).await;
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    reaches(&node, "scrible_connections_plain", 0.0).await;
    // Each byte of a head that comes slowly gains no time.
    let mut slow = TcpStream::connect(node.address).await.unwrap();
    let (mut read, mut write) = slow.split();
    let drip = async {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for byte in HANDSHAKE.bytes().cycle() {
            pace.tick().await;
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    };
    let mut heard = Vec::new();
    tokio::select! {
        () = drip => {}
        _ = read.read_to_end(&mut heard) => {}
    }
    assert!(!heard.starts_with(b"HTTP/1.1 101"));
}

#[tokio::test]
async fn l14_who_does_not_read_the_answer_is_given_up() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.patience.stalled = Duration::from_millis(500);
    })
    .await;
    let mut deaf = TcpStream::connect(node.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    // Until the server reads no further, because its answers are not read.
    while deaf.write_all(request.as_bytes()).await.is_ok() {}
    reaches(&node, "scrible_connections_plain", 0.0).await;
}

#[tokio::test]
async fn l14_a_request_whose_body_never_ends_is_answered_and_closed() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    for length in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let request = format!("POST /health HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n1\r\nx");
        stream.write_all(request.as_bytes()).await.unwrap();
        let heard = rest_of(stream).await;
        assert!(heard.starts_with("HTTP/1.1 405 "), "{heard}");
    }
}

#[tokio::test]
async fn l15_a_head_above_16_kib_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = HANDSHAKE.replace("Host:", &format!("X: {}\r\nHost:", "x".repeat(20 << 10)));
    stream.write_all(head.as_bytes()).await.unwrap();
    let heard = rest_of(stream).await;
    assert!(heard.starts_with("HTTP/1.1 431 "), "{heard}");
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = HANDSHAKE.replace("Host:", &format!("X: {}\r\nHost:", "x".repeat(12 << 10)));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = [0; 12];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"HTTP/1.1 101");
}

#[tokio::test]
async fn l15_a_request_that_could_end_in_two_places_is_the_last_of_its_connection() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    let update = String::from_utf8(typed(11, 0)).unwrap();
    let second = format!(
        "POST /api/rooms/demo/update HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/octet-stream\r\n\r\n{update}",
        update.len()
    );
    let behind = format!("0\r\n\r\n{second}");
    let length = format!("Content-Length: {}\r\n", behind.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let answers = async |version: &str, lines: &str| -> Vec<String> {
        let request =
            format!("GET /health HTTP/{version}\r\nHost: localhost\r\n{lines}\r\n{behind}");
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let heard = rest_of(stream).await;
        let answers = heard.split("HTTP/1.").skip(1);
        let status = |answer: &str| answer.split(' ').nth(1).unwrap().to_owned();
        answers.map(status).collect()
    };
    for (version, lines, status) in [
        ("1.1", format!("{length}{chunked}"), "200"),
        ("1.1", format!("{chunked}{length}"), "200"),
        ("1.1", format!("{length}Content-Length: 5\r\n"), "400"),
        ("1.1", "Content-Length: 5, 6\r\n".to_owned(), "400"),
        ("1.1", "Content-Length: +5\r\n".to_owned(), "400"),
        (
            "1.1",
            format!("{length}Transfer-Encoding: xchunked\r\n"),
            "400",
        ),
        (
            "1.1",
            format!("{length}Transfer-Encoding: chunked, identity\r\n"),
            "400",
        ),
        (
            "1.1",
            format!("{length}Transfer-Encoding : chunked\r\n"),
            "400",
        ),
        ("1.0", format!("{length}{chunked}"), "400"),
    ] {
        assert_eq!(answers(version, &lines).await, [status], "{lines}");
        assert_eq!(store.rows("demo").len(), 1, "{lines}");
    }
    // Where it is clear where the first one ends, the second is one.
    assert_eq!(answers("1.1", chunked).await, ["200", "200"]);
    assert_eq!(ann.next_update().await, typed(11, 0));
}

/// Enters as y-websocket does: tries again when it is told to.
async fn insist(node: std::net::SocketAddr) -> (Client, u32) {
    let mut tries = 1;
    loop {
        let request = format!("ws://{node}/demo").into_client_request().unwrap();
        match connect_async(request).await {
            Ok((socket, _)) => return (Client::from_socket(socket), tries),
            Err(Error::Http(refused)) => {
                assert!([429, 503].contains(&refused.status().as_u16()));
                assert_eq!(refused.headers()["retry-after"], "5");
            }
            Err(error) => panic!("neither let in nor told to come back: {error}"),
        }
        tries += 1;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l16_a_storm_of_2000_gets_in_and_the_room_is_loaded_once() {
    const STORM: usize = 2_000;
    let files = socket::raise_open_files().unwrap_or(usize::MAX);
    assert!(
        files > 2 * STORM + 200,
        "{files} open files are too few for this test"
    );
    for places in [STORM, 64] {
        let store = Arc::new(MemoryStore::new());
        let node = Node::start_with(&store, |config| {
            config.places.plain = places;
            config.rooms.idle = Duration::from_secs(60);
        })
        .await;
        let mut clients = JoinSet::new();
        for _ in 0..STORM {
            let address = node.address;
            clients.spawn(async move {
                let (mut client, _) = insist(address).await;
                client.send(message::step1(&[0])).await;
                client
                    .until(|heard| matches!(heard, Heard::Step2(_)).then_some(()))
                    .await;
                client
            });
        }
        let mut clients = clients.join_all().await;
        let counted = samples(node.metrics).await;
        assert_eq!(counted["scrible_sessions"], STORM as f64);
        assert_eq!(
            counted["scrible_room_openings_total{outcome=\"opened\"}"],
            1.0
        );
        let (first, rest) = clients.split_first_mut().unwrap();
        first.update(&typed(10, 0)).await;
        for client in rest {
            assert_eq!(client.next_update().await, typed(10, 0));
        }
    }
}

/// An update of `client` that inserts many bytes of text, at clock 0.
fn large_text(client: u8, bytes: usize) -> Vec<u8> {
    let mut update = vec![1, 1, client, 0, 0x04, 1, 1, b't'];
    scrible_wire::varint::write_number(&mut update, bytes as u64);
    update.resize(update.len() + bytes, b'x');
    update.push(0);
    update
}

#[tokio::test]
async fn r8_who_never_reads_or_hardly_holds_nobody_up_and_misses_nothing() {
    const LARGE: usize = 900_000;
    // More than the kernel holds of what nobody reads.
    const MANY: u8 = 25;
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_with(&store, |config| {
        config.rooms.max_uncommitted_bytes = 8 << 20;
    })
    .await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    let (mut bob, _) = Client::join(node.address, "/demo").await;
    let (mut never, _) = Client::join(node.address, "/demo").await;
    let mut slow = Raw::connect(node.address).await;
    let step1 = frame(FIN | BINARY, &message::step1(&[0]));
    slow.send(&step1).await;
    for client in 1..=MANY {
        let update = large_text(client, LARGE);
        ann.update(&update).await;
        assert_eq!(bob.next_update().await, update);
        assert_eq!(ann.next_update().await, update);
        // About as much as a line of 1 kB/s takes meanwhile.
        let mut little = [0; 64];
        slow.stream.read_exact(&mut little).await.unwrap();
    }
    // It has missed nothing, or is told to sync anew.
    for client in 1..=MANY {
        let next = never.until(|heard| match heard {
            Heard::Update(update) => Some(Ok(update.clone())),
            Heard::Closed(code, _) => Some(Err(*code)),
            _ => None,
        });
        match next.await {
            Ok(update) => assert_eq!(update, large_text(client, LARGE)),
            Err(code) => {
                assert_eq!(code, 1013);
                break;
            }
        }
    }
    ann.update(&typed(100, 0)).await;
    assert_eq!(bob.next_update().await, typed(100, 0));
}
