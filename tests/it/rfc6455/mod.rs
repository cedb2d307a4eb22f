//! What breaks the WebSocket protocol (RFC 6455) or strains it, by raw bytes: the code with which each is closed, and that the neighbours in the
//! room edit on.

pub mod raw;

use std::sync::Arc;

use futures_util::future::join_all;
use scrible_store::MemoryStore;
use scrible_wire::{awareness, message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::raw::{
    BINARY, CLOSE, FIN, PING, PONG, Raw, TEXT, announces, close, frame, handshake, unmasked,
};
use crate::client::{Client, typed};
use crate::node::Node;
use crate::telemetry::{reaches, samples};

/// What becomes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It is held, and closed with this code.
    Closed(u16),
    /// Its close frame is answered by one with this code, or with none.
    Answered(Option<u16>),
    /// It stays.
    Stays,
}
use Then::{Answered, Closed, Stays};

/// Two people who draw. The clocks of their texts go up to 250.
struct Neighbours {
    ann: Client,
    bob: Client,
    clock: u8,
    author: u8,
}

impl Neighbours {
    async fn of(node: &Node) -> Self {
        let (ann, _) = Client::join(node.address, "/demo").await;
        let (bob, _) = Client::join(node.address, "/demo").await;
        Self {
            ann,
            bob,
            clock: 0,
            author: 10,
        }
    }

    /// One edits, the other hears it, and the first has it back as stored.
    async fn draw(&mut self) {
        if self.clock == 120 {
            (self.clock, self.author) = (0, self.author + 1);
        }
        let update = typed(self.author, self.clock);
        self.clock += 1;
        self.ann.update(&update).await;
        assert_eq!(self.bob.next_update().await, update);
        assert_eq!(self.ann.next_update().await, update);
    }
}

/// Sends each row on a connection of its own; after each the neighbours draw.
async fn hold_to(node: &Node, rows: Vec<(String, Vec<u8>, Then)>) {
    let mut neighbours = Neighbours::of(node).await;
    let mut held = Vec::new();
    for (name, bytes, then) in rows {
        let mut raw = Raw::connect(node.address).await;
        raw.send(&bytes).await;
        match then {
            Stays => raw.answers().await,
            Closed(code) => {
                raw.denied().await;
                held.push(async move {
                    assert_eq!(raw.closed().await, Some(Some(code)), "{name}");
                });
            }
            Answered(code) => assert_eq!(raw.closed().await, Some(code), "{name}"),
        }
        neighbours.draw().await;
    }
    join_all(held).await;
    neighbours.draw().await;
}

fn row(name: impl Into<String>, bytes: Vec<u8>, then: Then) -> (String, Vec<u8>, Then) {
    (name.into(), bytes, then)
}

/// A message of a type that means nothing, so many bytes long.
fn nothing(bytes: usize) -> Vec<u8> {
    let mut payload = vec![1; bytes];
    payload[0] = 102;
    payload
}

#[tokio::test]
async fn c3_what_breaks_the_websocket_protocol_is_closed_with_its_code_and_nobody_else_notices() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let limit = 1 << 20;
    let mut rows = vec![
        row("2^63 bytes", announces(FIN | BINARY, 1 << 63), Closed(4413)),
        row(
            "2^64 - 1 bytes",
            announces(FIN | BINARY, u64::MAX),
            Closed(4413),
        ),
        row(
            "one byte too many",
            announces(FIN | BINARY, limit + 1),
            Closed(4413),
        ),
        row(
            "fragments that are too much together",
            [
                frame(BINARY, &nothing(600_000)),
                frame(FIN, &nothing(600_000)),
            ]
            .concat(),
            Closed(4413),
        ),
        row(
            "a ping of 2^40 bytes",
            announces(FIN | PING, 1 << 40),
            Closed(4413),
        ),
        row("text", frame(FIN | TEXT, b"hello"), Closed(4400)),
        row(
            "long text",
            frame(FIN | TEXT, &[b'x'; 50_000]),
            Closed(4400),
        ),
        row(
            "text that is no UTF-8",
            frame(FIN | TEXT, b"\xff\xfe"),
            Closed(1002),
        ),
        row(
            "a ping of 126 bytes",
            frame(FIN | PING, &[0; 126]),
            Closed(1002),
        ),
        row(
            "a ping of 50,000 bytes",
            frame(FIN | PING, &[0; 50_000]),
            Closed(1002),
        ),
        row(
            "a pong of 126 bytes",
            frame(FIN | PONG, &[0; 126]),
            Closed(1002),
        ),
        row("a fragmented ping", frame(PING, b"pi"), Closed(1002)),
        row("a fragmented close", frame(CLOSE, &[3, 232]), Closed(1002)),
        row(
            "no mask",
            unmasked(FIN | BINARY, &nothing(10)),
            Closed(1002),
        ),
        row(
            "no mask, large",
            unmasked(FIN | BINARY, &nothing(50_000)),
            Closed(1002),
        ),
        row("a continuation of nothing", frame(0, b"x"), Closed(1002)),
        row(
            "a last continuation of nothing",
            frame(FIN, b"x"),
            Closed(1002),
        ),
        row(
            "a message within a message",
            [frame(BINARY, b"x"), frame(FIN | BINARY, b"y")].concat(),
            Closed(1002),
        ),
        row(
            "a close of one byte",
            frame(FIN | CLOSE, &[3]),
            Closed(1002),
        ),
        row(
            "a close of 126 bytes",
            frame(FIN | CLOSE, &[3; 126]),
            Closed(1002),
        ),
        row(
            "a close whose reason is no UTF-8",
            close(1000, b"\xff\xfe"),
            Closed(1002),
        ),
        row("a close", close(1000, b"bye"), Answered(Some(1000))),
        row(
            "a close without a code",
            frame(FIN | CLOSE, b""),
            Answered(None),
        ),
    ];
    for bit in [0x40, 0x20, 0x10] {
        let name = format!("reserved bit {bit:#x}");
        rows.push(row(
            name,
            frame(FIN | BINARY | bit, &nothing(10)),
            Closed(1002),
        ));
        let name = format!("reserved bit {bit:#x}, large");
        rows.push(row(
            name,
            frame(FIN | BINARY | bit, &nothing(50_000)),
            Closed(1002),
        ));
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let name = format!("opcode {opcode}");
        rows.push(row(name, frame(FIN | opcode, b"x"), Closed(1002)));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let name = format!("a close with {code}");
        rows.push(row(name, close(code, b"why"), Answered(Some(1002))));
    }
    for code in [1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999] {
        let name = format!("a close with {code}");
        rows.push(row(name, close(code, b"why"), Answered(Some(code))));
    }
    hold_to(&node, rows).await;
}

#[tokio::test]
async fn c3_what_only_strains_the_websocket_protocol_stays() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let million = nothing(1_000_000);
    let (first, rest) = million.split_first().unwrap();
    let mut byte_by_byte = frame(BINARY, &[*first]);
    for byte in &rest[1..] {
        byte_by_byte.extend(frame(0, &[*byte]));
    }
    byte_by_byte.extend(frame(FIN, &[1]));
    let mut empty = frame(BINARY, b"");
    empty.extend(frame(0, b"").repeat(100_000));
    empty.extend(frame(FIN, &nothing(10)));
    hold_to(
        &node,
        vec![
            row("a million fragments", byte_by_byte, Stays),
            row("fragments without content", empty, Stays),
            row(
                "exactly the limit",
                frame(FIN | BINARY, &nothing(1 << 20)),
                Stays,
            ),
            row("never finished", frame(BINARY, &nothing(500_000)), Stays),
            row(
                "a ping within a message",
                [frame(BINARY, &nothing(10)), frame(FIN | PING, b"")].concat(),
                Stays,
            ),
            row(
                "pongs that nobody asked for",
                frame(FIN | PONG, b"x").repeat(10_000),
                Stays,
            ),
            row("pings", frame(FIN | PING, b"x").repeat(10_000), Stays),
            row("an unknown type", frame(FIN | BINARY, &nothing(5)), Stays),
            row(
                "several messages in one frame",
                frame(
                    FIN | BINARY,
                    &[message::step1(&[0]), vec![3], message::step1(&[0])].concat(),
                ),
                Stays,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn c3_malformed_messages_close_their_sender_alone() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let endless = [0xff; 11];
    let entry = awareness::Entry {
        client: 77,
        clock: 1,
        state: Some(b"{\"name\":\"Eve\"}"),
    };
    let state = awareness::encode([entry].into_iter());
    let mut rows = vec![
        row("an empty frame", frame(FIN | BINARY, b""), Closed(4400)),
        row(
            "a type without an end",
            frame(FIN | BINARY, &endless),
            Closed(4400),
        ),
        row(
            "a length without an end",
            frame(FIN | BINARY, &[&[0, 0][..], &endless].concat()),
            Closed(4400),
        ),
        row(
            "a state vector without an end",
            frame(FIN | BINARY, &message::step1(&endless)),
            Closed(4400),
        ),
        row(
            "an update without an end",
            frame(FIN | BINARY, &message::update(&endless)),
            Closed(4422),
        ),
    ];
    // Whole messages, each cut off at every byte, in frames that are whole.
    for (kind, whole) in [
        ("step 1", message::step1(&[1, 10, 5])),
        ("step 2", message::step2(&typed(60, 0))),
        ("update", message::update(&typed(61, 0))),
        ("awareness", message::awareness(&state)),
    ] {
        for cut in 1..whole.len() {
            let name = format!("{kind} cut at {cut}");
            rows.push(row(name, frame(FIN | BINARY, &whole[..cut]), Closed(4400)));
        }
    }
    // What is cut off within the body, but whole by its length.
    let update = typed(62, 0);
    for cut in 1..update.len() {
        let name = format!("update's body cut at {cut}");
        let cut = message::update(&update[..cut]);
        rows.push(row(name, frame(FIN | BINARY, &cut), Closed(4422)));
    }
    hold_to(&node, rows).await;
}

#[tokio::test]
async fn c3_a_session_that_is_cut_off_at_any_byte_leaves_nothing_behind() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::of(&node).await;
    let messages = [
        message::step1(&[0]),
        message::step2(&[0, 0]),
        vec![3],
        frame(FIN | PING, b"x"),
    ];
    let session = [
        handshake("/demo", "").into_bytes(),
        messages[..3]
            .iter()
            .flat_map(|message| frame(FIN | BINARY, message))
            .collect(),
        messages[3].clone(),
        frame(BINARY, &nothing(300)),
        frame(FIN, &nothing(20)),
        close(1000, b"bye"),
    ]
    .concat();
    for cut in 0..session.len() {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(&session[..cut]).await.unwrap();
        drop(stream);
        if cut % 20 == 0 {
            neighbours.draw().await;
        }
    }
    reaches(&node, "scrible_connections", 2.0).await;
    reaches(&node, "scrible_connections_plain", 0.0).await;
    neighbours.draw().await;
}

#[tokio::test]
async fn l17_a_client_that_pings_and_never_reads_is_not_read_either() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::of(&node).await;
    let raw = Raw::connect(node.address).await;
    // More than all buffers of the kernel on the way.
    let pings = frame(FIN | PING, &[b'x'; 125]).repeat((64 << 20) / 131);
    let (mut read, mut write) = raw.stream.into_split();
    let writing = tokio::spawn(async move {
        write.write_all(&pings).await.unwrap();
        write.write_all(&frame(FIN | PING, b"last")).await.unwrap();
        write
    });
    let received = async || samples(node.metrics).await["scrible_received_bytes_total"];
    let (mut last, mut still) = (received().await, 0);
    while still < 50 {
        let now = received().await;
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    assert!(!writing.is_finished(), "it has read everything");
    neighbours.draw().await;
    // Once it reads again, all goes on.
    let mut heard = Vec::new();
    let mut space = vec![0; 1 << 16];
    while !heard.ends_with(b"last") {
        let many = read.read(&mut space).await.unwrap();
        assert!(many > 0, "the server gave up on it");
        heard = [&heard[heard.len().saturating_sub(4)..], &space[..many]].concat();
    }
    writing.await.unwrap();
}

/// The answer to a handshake, up to the end of its head.
async fn answer(node: &Node, request: &str) -> String {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.unwrap() > 0, "no answer");
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

#[tokio::test]
async fn w2_handshakes_that_are_none_are_refused() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let good = handshake("/demo", "");
    for (name, request, status) in [
        ("good", good.clone(), "101"),
        (
            "version 12",
            good.replace("Version: 13", "Version: 12"),
            "426",
        ),
        (
            "no version",
            good.replace("Sec-WebSocket-Version: 13\r\n", ""),
            "426",
        ),
        ("no key", good.replace("Sec-WebSocket-Key", "X-Key"), "400"),
        (
            "an empty key",
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", ""),
            "400",
        ),
        (
            "a short key",
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", "AQID"),
            "400",
        ),
        ("PUT", good.replace("GET", "PUT"), "400"),
        ("HTTP/1.0", good.replace("HTTP/1.1", "HTTP/1.0"), "400"),
        (
            "no connection",
            good.replace("Connection: Upgrade\r\n", ""),
            "400",
        ),
    ] {
        let head = answer(&node, &request).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{name}: {head}");
        if status == "426" {
            assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
        }
    }
    let offers = handshake(
        "/demo",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    );
    let head = answer(&node, &offers).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(
        !head.contains("extensions"),
        "compression is not taken: {head}"
    );
}
