//! What a client brings along that is nobody's business (tokens, passwords, cookies) is planted in every place where it may stand, and then
//! looked for in all that the program says.

use std::net::SocketAddr;
use std::path::Path;

use scrible_wire::message;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::asking::KEY;
use crate::client::{Client, typed};
use crate::node::{exchange, get};
use crate::planted::{Planted, SHOWN};
use crate::program::{Place, Process};

/// Stands in each planted secret, so one search finds any of them.
const SECRET: &str = "hunter2-";

/// An update of client 10 that puts a text into the root text `t`.
fn written(text: &str) -> Vec<u8> {
    let mut update = vec![1, 1, 10, 0, 0x04, 1, 1, b't', text.len() as u8];
    update.extend(text.bytes());
    update.push(0);
    update
}

/// Sends secrets by every way there is; gives what was answered.
async fn plant(address: SocketAddr) -> String {
    let mut said = String::new();
    let headers = format!(
        "Host: localhost\r\nConnection: close\r\nAuthorization: Basic {SECRET}basic\r\nCookie: session={SECRET}cookie\r\n\
         Referer: http://x/?token={SECRET}referer\r\nX-Api-Key: {SECRET}key"
    );
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13";
    for head in [
        format!("GET /health?token={SECRET}query HTTP/1.1"),
        format!("GET /health/live?token={SECRET}query HTTP/1.1"),
        format!("GET /health/ready?token={SECRET}query HTTP/1.1"),
        format!("GET /?token={SECRET}query HTTP/1.1"),
        format!("GET /docs/{SECRET}path?token={SECRET}query HTTP/1.1"),
        format!("POST /health?password={SECRET}query HTTP/1.1"),
        // Refused handshakes: no key, no connection header, no name.
        format!("GET /demo?token={SECRET}query HTTP/1.1\r\n{upgrade}"),
        format!("GET /api/x?token={SECRET}query HTTP/1.1\r\n{upgrade}"),
    ] {
        let (head, body) = exchange(address, &format!("{head}\r\n{headers}\r\n\r\n")).await;
        said += &format!("{head}\n{body}\n");
    }

    let request = |path: &str| {
        let url = format!("ws://{address}{path}?token={SECRET}query");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in [
            ("authorization", format!("Bearer {SECRET}bearer")),
            ("cookie", format!("session={SECRET}cookie")),
            // The first is chosen and sent back, as it must be.
            ("sec-websocket-protocol", format!("y, {SECRET}protocol")),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    let mut ann = Client::connect_by(request("/demo")).await;
    ann.send(message::step1(&[0])).await;
    ann.update(&written(&format!("{SECRET}written"))).await;
    ann.next_update().await;
    let mut truncated = written(&format!("{SECRET}malformed"));
    truncated.pop();
    let state = format!("{{\"token\":\"{SECRET}state\"");
    let mut awareness = vec![1, 7, 1, state.len() as u8];
    awareness.extend(state.bytes());
    let mut sent_away = Vec::new();
    for frame in [
        message::update(&truncated),
        message::awareness(&awareness),
        [&[9], format!("{SECRET}unknown").as_bytes(), &[0]].concat(),
    ] {
        let mut eve = Client::connect_by(request("/eve")).await;
        eve.send(frame).await;
        eve.send(vec![0, 9, 0]).await;
        sent_away.push(eve);
    }
    let mut eve = Client::connect_by(request("/eve")).await;
    eve.text(&format!("{SECRET}text")).await;
    sent_away.push(eve);
    // Each is held for a while.
    for mut eve in sent_away {
        said += &format!("{}\n", eve.reason().await);
    }
    said
}

/// The log, and where it says that metrics are.
fn log(place: &Place) -> (String, SocketAddr) {
    let log = std::fs::read_to_string(place.file("log")).unwrap();
    let (_, rest) = log.split_once("metrics are at http://").unwrap();
    let (address, _) = rest.split_once("/metrics").unwrap();
    let address = address.parse().unwrap();
    (log, address)
}

async fn all_that_is_said(place: &Place, server: Process) -> (String, String) {
    let mut said = plant(server.address).await;
    let (_, metrics) = log(place);
    let (head, body) = get(metrics, &format!("/metrics?token={SECRET}query")).await;
    said += &format!("{head}\n{body}\n");
    let (head, body) = get(metrics, &format!("/x?token={SECRET}query")).await;
    said += &format!("{head}\n{body}\n");
    assert!(server.stop().success());
    (said, log(place).0)
}

fn hides_secrets(what: &str) {
    for line in what.lines() {
        assert!(!line.contains(SECRET), "{line}");
        let bytes = format!("{:?}", SECRET.as_bytes());
        assert!(!line.contains(bytes.trim_matches(['[', ']'])), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t7_no_secret_is_logged_for_people_at_any_level_or_told_to_anybody() {
    let place = Place::new();
    let server = place.serve_talkative("pretty");
    let address = server.address;
    // Allowed in a name, and able to turn a line around on a terminal.
    Client::join(address, "/ab%E2%80%AEcd").await;
    let (said, log) = all_that_is_said(&place, server).await;
    assert!(said.lines().count() > 50, "{said}");
    assert!(log.lines().count() > 20, "{log}");
    hides_secrets(&said);
    hides_secrets(&log);
    assert!(log.contains("ab\\u{202e}cd"), "{log}");
    let bare = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!log.contains(bare), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t7_no_secret_is_logged_for_programs_and_each_line_names_its_session_and_room() {
    let place = Place::new();
    let server = place.serve_talkative("json");
    Client::join(server.address, "/demo")
        .await
        .0
        .update(&typed(11, 0))
        .await;
    let (said, log) = all_that_is_said(&place, server).await;
    hides_secrets(&said);
    hides_secrets(&log);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let ended: Vec<&Value> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "session ended")
        .collect();
    assert_eq!(ended.len(), 6, "{log}");
    for line in ended {
        assert_eq!(line["span"]["name"], "session", "{line}");
        assert!(line["span"]["session"].is_u64(), "{line}");
        let room = line["span"]["room"].as_str().unwrap();
        assert!(["\"demo\"", "\"eve\""].contains(&room), "{line}");
    }
}

/// Every value of every table, with its place.
async fn every_value(database: &Path) -> Vec<(String, Vec<u8>)> {
    let url = format!("sqlite:{}?mode=ro", database.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let sql = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'";
    let columns: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap();
    let mut values = Vec::new();
    for (table, column) in columns {
        let sql =
            format!("SELECT CAST({column:?} AS BLOB) FROM {table:?} WHERE {column:?} IS NOT NULL");
        let found = sqlx::query_scalar(AssertSqlSafe(sql));
        let found: Vec<Vec<u8>> = found.fetch_all(&mut conn).await.unwrap();
        let place = format!("{table}.{column}");
        values.extend(found.into_iter().map(|value| (place.clone(), value)));
    }
    conn.close().await.unwrap();
    values
}

/// Every file of a place, as it is.
fn every_file(place: &Place) -> Vec<(String, Vec<u8>)> {
    let files = walkdir::WalkDir::new(place.folder()).into_iter();
    let files = files.map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.is_file());
    let read =
        |path: std::path::PathBuf| (path.display().to_string(), std::fs::read(path).unwrap());
    files.map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y10_what_lets_people_in_is_in_no_log_metric_table_or_file() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--port", "0", "--log", "trace"]);
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    let server = place.serve_logged(command.env("SCRIBLE_JWT_SECRET", KEY));
    let planted = Planted::plant(server.address, server.address).await;
    planted.are_not_in("the answers", planted.said.as_bytes());
    let (head, body) = get(log(&place).1, "/metrics").await;
    assert!(body.contains("verdict=\"giveaway\"} 9"), "{body}");
    planted.are_not_in("/metrics", format!("{head}\n{body}").as_bytes());
    // With the log of the database, which goes when the server ends.
    let files = every_file(&place);
    let name = |(name, _): &(String, Vec<u8>)| name.ends_with("rooms.db-wal");
    assert!(files.iter().any(name), "{:?}", place.folder());
    assert!(server.stop().success());
    for (name, bytes) in files.iter().chain(&every_file(&place)) {
        planted.are_not_in(name, bytes);
    }
    let values = every_value(&place.database()).await;
    for (column, value) in &values {
        planted.are_not_in(column, value);
    }
    let has = |column: &str, what: &[u8]| {
        let mut values = values.iter().filter(|(place, _)| place == column);
        values.any(|(_, value)| memchr::memmem::find(value, what).is_some())
    };
    assert!(has("rooms.title", SHOWN.as_bytes()));
    assert!(has("room_snapshots.label", SHOWN.as_bytes()));
    assert!(has("room_grants.link", &planted.link_hash));
    let log = log(&place).0;
    assert!(log.contains("secret_in_update"), "{log}");
}
