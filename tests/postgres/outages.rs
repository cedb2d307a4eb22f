//! A database that is stopped and started, slow, read only, or whose line is cut at the worst moment, under people who draw: they go on,
//! and what they were told is stored is there, once, on a server that never saw it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scrible_wire::{Limits, merge, message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Cases;
use crate::client::{Client, Heard};
use crate::database::{Database, PATIENCE, execute};
use crate::line::{At, Line, What};
use crate::painter::{Painter, drawn, stored};
use crate::program::Place;
use crate::server::{Server, Stop};

pub const CASES: Cases = &[
    case!(j3_j4_a_database_that_is_stopped_and_started_costs_nothing),
    case!(j2_j4_a_line_that_is_cut_under_commits_doubles_and_loses_nothing),
    case!(j3_j4_a_slow_database_delays_echoes_and_nothing_else),
    case!(j3_j4_a_database_that_can_only_be_read_is_waited_for),
    case!(j3_memory_stays_bounded_while_a_database_is_down),
    case!(j5_a_room_whose_rows_were_tampered_with_opens_for_nobody_and_others_live),
];

/// The status and the body of `GET /health`, and how long that took.
async fn health(address: SocketAddr) -> (String, Duration) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    (answer, began.elapsed())
}

/// Health says why, and soon.
async fn expect_trouble(address: SocketAddr, what: &str) {
    let (answer, took) = health(address).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\"degraded\""), "{answer}");
    assert!(answer.contains(what), "{answer}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// Waits until newcomers are welcome again.
async fn until_well(address: SocketAddr) {
    let well = async { while !health(address).await.0.starts_with("HTTP/1.1 200 ") {} };
    let waited = tokio::time::timeout(PATIENCE, well).await;
    waited.expect("it does well in time");
}

/// Editing goes on: somebody else in the room sees what is drawn, and who draws is not told that it is stored.
async fn draw_unstored(ann: &mut Painter, items: std::ops::Range<usize>, bob: &mut Client) {
    let count = items.len();
    ann.draw(items, 100).await;
    for _ in 0..count {
        bob.next_update().await;
    }
    ann.nothing_echoed().await;
}

async fn j3_j4_a_database_that_is_stopped_and_started_costs_nothing() {
    let mut postgres = Server::new().await;
    postgres.start().await;
    let place = Place::on(&postgres.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    let (mut bob, _) = Client::join(server.address, "/a").await;
    for (round, how) in (0..).zip([Stop::Fast, Stop::Immediate, Stop::Fast]) {
        let first = round * 40;
        ann.draw(first..first + 20, 100).await;
        ann.all_echoed().await;
        for _ in 0..20 {
            bob.next_update().await;
        }
        postgres.stop(how);
        draw_unstored(&mut ann, first + 20..first + 40, &mut bob).await;
        expect_trouble(server.address, "Connection refused").await;
        postgres.start().await;
        ann.all_echoed().await;
    }
    let (answer, _) = health(server.address).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/a", [10]).await, [120]);
    server.stop();
}

/// In the middle of what it does, again and again.
async fn j2_j4_a_line_that_is_cut_under_commits_doubles_and_loses_nothing() {
    let at = Database::new().await;
    let line = Line::to(at.options()).await;
    let place = Place::on(&line.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    for round in 0..12 {
        let what = [What::CutUnder, What::CutAfter, What::CutBefore][round % 3];
        line.plan(At::Commit, what);
        ann.draw(round * 10..round * 10 + 10, 100).await;
        ann.all_echoed().await;
    }
    assert!(line.happened() >= 12, "{}", line.happened());
    server.kill();
    let server = place.serve();
    let (_, content) = Client::join(server.address, "/a").await;
    assert_eq!(drawn(&content, [10]), [120]);
    server.stop();
    let (rows, updates): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT bytes) FROM room_updates")
            .fetch_one(&mut at.sql().await)
            .await
            .unwrap();
    assert_eq!(rows, updates, "an update is stored twice");
}

async fn j3_j4_a_slow_database_delays_echoes_and_nothing_else() {
    let at = Database::new().await;
    let line = Line::to(at.options()).await;
    let place = Place::on(&line.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    let (mut bob, _) = Client::join(server.address, "/a").await;
    ann.draw(0..5, 100).await;
    ann.all_echoed().await;
    for _ in 0..5 {
        bob.next_update().await;
    }
    line.slow(Duration::from_secs(2));
    let began = Instant::now();
    draw_unstored(&mut ann, 5..200, &mut bob).await;
    assert!(began.elapsed() < Duration::from_secs(10), "editing is slow");
    expect_trouble(server.address, "did not answer").await;
    ann.all_echoed().await;
    line.slow(Duration::ZERO);
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/a", [10]).await, [200]);
    server.stop();
}

async fn j3_j4_a_database_that_can_only_be_read_is_waited_for() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    let (mut bob, _) = Client::join(server.address, "/a").await;
    ann.draw(0..5, 100).await;
    ann.all_echoed().await;
    for _ in 0..5 {
        bob.next_update().await;
    }
    let set = |to| {
        let name = at.name();
        format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}")
    };
    at.execute(&set("on")).await;
    at.end_sessions().await;
    draw_unstored(&mut ann, 5..50, &mut bob).await;
    expect_trouble(server.address, "read-only").await;
    // What is stored can be read.
    let (_, content) = Client::join(server.address, "/elsewhere").await;
    assert_eq!(drawn(&content, [10]), [0]);
    let mut conn = at.sql().await;
    execute(&mut conn, "SET default_transaction_read_only = off").await;
    execute(&mut conn, &set("off")).await;
    at.end_sessions().await;
    ann.all_echoed().await;
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/a", [10]).await, [50]);
    server.stop();
}

/// What a cold joiner gets of a room that is too large for one message.
async fn in_parts(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut client = Client::connect(address, path).await;
    client.send(message::step1(&[0])).await;
    let mut parts = Vec::new();
    loop {
        match client.hear().await {
            Heard::Update(update) => parts.push(update),
            Heard::Step2(update) => {
                parts.push(update);
                let parts = parts.iter().map(|part| &part[..]);
                return merge::merge(parts, &Limits::default()).unwrap();
            }
            _ => {}
        }
    }
}

/// Writers are turned away before memory is, and bring back what they have drawn.
async fn j3_memory_stays_bounded_while_a_database_is_down() {
    let mut postgres = Server::new().await;
    postgres.start().await;
    let place = Place::on(&postgres.url());
    let limits = [
        ("SCRIBLE_MAX_UNCOMMITTED_BYTES", "4MiB"),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "4MiB"),
    ];
    let server = place.serve_with(&limits);
    let mut ann = Painter::join(server.address, "/a", 10).await;
    ann.draw(0..5, 100).await;
    ann.all_echoed().await;
    postgres.stop(Stop::Immediate);
    let mut is_open = true;
    for nth in 5..70 {
        let update = ann.edit(nth, 100_000);
        is_open = is_open && ann.client.try_update(&update).await;
    }
    assert_eq!(ann.client.closed().await, 1013);
    let (answer, _) = health(server.address).await;
    let waiting = answer.split("\"uncommitted_bytes\":").nth(1).unwrap();
    let waiting: usize = waiting.split(',').next().unwrap().parse().unwrap();
    assert!((2 << 20..5 << 20).contains(&waiting), "{waiting}");
    postgres.start().await;
    // As soon as there is room again.
    until_well(server.address).await;
    ann.come_back(server.address, "/a").await;
    server.kill();
    let server = place.serve();
    let content = in_parts(server.address, "/a").await;
    assert_eq!(drawn(&content, [10]), [70]);
    server.stop();
}

/// By SQL, past every server.
async fn j5_a_room_whose_rows_were_tampered_with_opens_for_nobody_and_others_live() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    for (room, id) in [("/bad", 10), ("/good", 11)] {
        let mut painter = Painter::join(server.address, room, id).await;
        painter.draw(0..9, 10).await;
        painter.all_echoed().await;
    }
    server.stop();
    let id = "(SELECT id FROM rooms WHERE name = 'bad')";
    for (person, sql, undo) in [
        (
            20,
            "UPDATE room_updates SET seq = 100 WHERE room = ID AND seq = 3",
            "UPDATE room_updates SET seq = 3 WHERE room = ID AND seq = 100",
        ),
        (
            21,
            "UPDATE room_heads SET head = head - 1 WHERE room = ID",
            "UPDATE room_heads SET head = head + 1 WHERE room = ID",
        ),
        (
            22,
            "UPDATE room_updates SET room = -room WHERE room = ID",
            "UPDATE room_updates SET room = -room WHERE room < 0",
        ),
    ] {
        at.execute(&sql.replace("ID", id)).await;
        let server = place.serve();
        let mut client = Client::connect(server.address, "/bad").await;
        let reason = client.reason().await;
        assert!(reason.contains("damaged"), "{sql}: {reason}");
        let mut bob = Painter::join(server.address, "/good", person).await;
        bob.draw(0..3, 10).await;
        bob.all_echoed().await;
        server.kill();
        at.execute(&undo.replace("ID", id)).await;
        at.execute("DELETE FROM room_records; DELETE FROM room_openings")
            .await;
    }
}
