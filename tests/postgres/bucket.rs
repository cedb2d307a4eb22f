//! A server that makes no exports, a worker that makes nothing else, and a bucket between them: what is ordered and pasted at the one is found by
//! whoever has the link.
//!
//! Needs a server that speaks S3 besides, named in SCRIBLE_TEST_S3S_FS. The rule: files are fetched as strangers fetch them, by plain HTTP.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::Cases;
use crate::asking::{Ask, Reply};
use crate::database::Database;
use crate::program::{Place, Process};
use crate::s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};

pub const CASES: Cases = &[case!(
    m1_what_is_exported_and_pasted_goes_through_a_bucket_that_may_be_away
)];

const BOARD: &[u8] = include_bytes!("../data/boards/mixed.tldr");
const PICTURE: &[u8] = br#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="8" height="6"/></svg>"#;

/// `scrible worker`; killed when it is dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn ask(server: &Process, line: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Reply {
    let (method, path) = line.split_once(' ').unwrap();
    let headers = headers.iter();
    let ask = Ask {
        method,
        path,
        token: None,
        headers: headers
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        body: body.to_vec(),
    };
    let host = server.address.to_string();
    let reply = ask.send(server.address, &host).await;
    assert!(reply.status < 300, "{line}: {reply:?}");
    reply
}

/// A picture of `demo`, once it has ended or after so long.
async fn exported(server: &Process, wait: &str) -> Value {
    let headers = [("Content-Type", "application/json"), ("Prefer", wait)];
    let order = json!({"format": "png"}).to_string();
    let line = "POST /api/exports/demo";
    ask(server, line, &headers, order.as_bytes()).await.json()
}

async fn m1_what_is_exported_and_pasted_goes_through_a_bucket_that_may_be_away() {
    let database = Database::new().await;
    let mut s3 = Server::start().await;
    let endpoint = format!("http://{}", s3.address);
    let mut settings = vec![
        ("SCRIBLE_S3_BUCKET", BUCKET),
        ("SCRIBLE_S3_ENDPOINT", &endpoint),
        ("SCRIBLE_S3_ACCESS_KEY_ID", ACCESS_KEY),
        ("SCRIBLE_S3_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    let places = [Place::on(&database.url()), Place::on(&database.url())];
    let mut working = places[1].command(&["worker", "--port", "0", "--log", "error"]);
    let working = working.envs(settings.iter().copied()).stdout(Stdio::null());
    let worker = Worker(working.spawn().unwrap());
    settings.push(("SCRIBLE_EXPORT_WORKERS", "0"));
    let server = places[0].serve_with(&settings);

    let json = [("Content-Type", "application/json")];
    ask(&server, "POST /api/rooms", &json, br#"{"name":"demo"}"#).await;
    let bytes = [("Content-Type", "application/octet-stream")];
    let into = "POST /api/rooms/demo/import";
    ask(&server, into, &bytes, BOARD).await;
    let at = "/api/rooms/demo/assets/a.svg";
    ask(&server, &format!("PUT {at}"), &bytes, PICTURE).await;
    let pasted = ask(&server, &format!("GET {at}"), &[], b"").await;
    assert_eq!(pasted.body, PICTURE);

    let export = exported(&server, "wait=50").await;
    assert_eq!(export["state"], "completed", "{export}");
    let url = export["url"].as_str().unwrap();
    let path = url.strip_prefix(&endpoint).unwrap();
    assert!(path.starts_with(&format!("/{BUCKET}/exports/")), "{path}");
    let fetch = Ask {
        method: "GET",
        path,
        ..Ask::default()
    };
    let file = fetch.send(s3.address, &s3.address.to_string()).await;
    assert_eq!(
        (file.status, file.header("content-type")),
        (200, Some("image/png"))
    );
    assert!(file.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(json!(file.body.len()), export["size"]);
    // Neither has a folder of its own.
    for place in &places {
        assert!(!place.file("exports").exists() && !place.file("data").exists());
    }

    s3.end();
    let export = exported(&server, "wait=2").await;
    assert_ne!(export["state"], "completed", "{export}");
    assert!(s3.go_on().await);
    let again = format!("GET /api/exports/{}", export["id"].as_str().unwrap());
    let export = ask(&server, &again, &[("Prefer", "wait=50")], b"")
        .await
        .json();
    assert_eq!(export["state"], "completed", "{export}");
    drop(worker);
    server.stop();
}
