//! The program itself: servers and workers on one file and one folder, some of which end as by kill -9.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use scrible_store::execute_raw;
use serde_json::{Value, json};

use crate::boards::MIXED;
use crate::node::exchange;
use crate::program::{Place, signal};

const SIGKILL: i32 = 9;

/// `scrible worker`; killed when it is dropped.
struct Worker {
    /// Where its health is.
    address: SocketAddr,
    child: Child,
}

impl Worker {
    fn start(place: &Place, settings: &[(&str, &str)]) -> Self {
        let mut command = place.command(&["worker", "--port", "0", "--log", "error"]);
        command.envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let address = line.trim().split_once("http://").unwrap().1;
        let address = address.strip_suffix("/health").unwrap();
        Self {
            address: address.parse().unwrap(),
            child,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks a server that stands open to this machine.
async fn ask(address: SocketAddr, line: &str, kind: &str, body: &str) -> Value {
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let (head, body) = exchange(address, &request).await;
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {head}"))
}

/// A board in `demo`, and an order of a picture of it: the order's path.
async fn ordered(address: SocketAddr) -> String {
    ask(
        address,
        "POST /api/rooms",
        "application/json",
        r#"{"name":"demo"}"#,
    )
    .await;
    let into = "POST /api/rooms/demo/import";
    ask(address, into, "application/octet-stream", MIXED).await;
    let export = ask(
        address,
        "POST /api/exports/demo",
        "application/json",
        r#"{"format":"svg"}"#,
    )
    .await;
    format!("/api/exports/{}", export["id"].as_str().unwrap())
}

/// The export, once it has ended.
async fn ended(address: SocketAddr, path: &str) -> Value {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nPrefer: wait=60\r\n\r\n"
    );
    let (head, body) = exchange(address, &request).await;
    assert!(
        head.contains("preference-applied: wait=60"),
        "{head}\n{body}"
    );
    serde_json::from_str(&body).unwrap()
}

/// Files below the folder of exports, with what is in them.
fn files(place: &Place) -> Vec<String> {
    let found = walkdir::WalkDir::new(place.file("exports")).into_iter();
    let files = found.filter_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.path().display().to_string();
        (entry.file_type().is_file() && name.ends_with(".svg")).then_some(name)
    });
    files.collect()
}

#[tokio::test]
async fn f6_a_worker_that_is_killed_half_way_is_replaced_and_there_is_one_file() {
    for point in ["export: claimed", "export: drawn", "export: put"] {
        let place = Place::new();
        let server = place.serve_with(&[("SCRIBLE_EXPORT_WORKERS", "0")]);
        let path = ordered(server.address).await;
        let points = format!("{point}=return");
        let mut dead = Worker::start(&place, &[("FAILPOINTS", &points)]);
        let status = dead.child.wait().unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "{point}");
        let held = ask(
            server.address,
            &format!("GET {path}"),
            "application/json",
            "",
        )
        .await;
        assert_eq!(held["state"], "processing", "{point}");
        // Half a minute later.
        let late = "UPDATE exports SET due_ms = 1 WHERE state = 'processing'";
        execute_raw(&place.database(), late).await;
        let worker = Worker::start(&place, &[]);
        let done = ended(server.address, &path).await;
        assert_eq!(
            (&done["state"], &done["attempts"]),
            (&json!("completed"), &json!(2)),
            "{done}"
        );
        let found = files(&place);
        assert_eq!(found.len(), 1, "{point}: {found:?}");
        let size = std::fs::metadata(&found[0]).unwrap().len();
        assert_eq!(done["size"], size, "{point}");
        drop(worker);
    }
}

#[tokio::test]
async fn f6_an_export_that_kills_its_workers_ends_after_five_of_them() {
    let place = Place::new();
    let server = place.serve_with(&[("SCRIBLE_EXPORT_WORKERS", "0")]);
    let path = ordered(server.address).await;
    for _ in 0..5 {
        let mut dead = Worker::start(&place, &[("FAILPOINTS", "export: claimed=return")]);
        assert_eq!(dead.child.wait().unwrap().signal(), Some(SIGKILL));
        let late = "UPDATE exports SET due_ms = 1 WHERE state = 'processing'";
        execute_raw(&place.database(), late).await;
    }
    let _worker = Worker::start(&place, &[]);
    let done = ended(server.address, &path).await;
    assert_eq!(done["error"]["code"], "worker-died", "{done}");
    // Others go on.
    let next = ordered(server.address).await;
    assert_eq!(ended(server.address, &next).await["state"], "completed");
    assert_eq!(files(&place).len(), 1);
}

#[tokio::test]
async fn f11_a_worker_says_how_it_is_and_stops_in_order() {
    let place = Place::new();
    let server = place.serve_with(&[("SCRIBLE_EXPORT_WORKERS", "0")]);
    let mut worker = Worker::start(&place, &[("SCRIBLE_EXPORT_WORKERS", "3")]);
    let health = ask(worker.address, "GET /health", "application/json", "").await;
    assert_eq!(health["status"], "ok", "{health}");
    assert_eq!(health["parts"]["objects"]["state"], "ok", "{health}");
    let (head, _) = exchange(
        worker.address,
        "GET /demo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let path = ordered(server.address).await;
    assert_eq!(ended(server.address, &path).await["state"], "completed");
    signal(&worker.child, "TERM");
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
    // Rooms are none of its business.
    assert!(server.stop().success());
}
