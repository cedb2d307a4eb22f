//! The program while its storage fails, and after it was killed: what goes on, what is said, and that all of it is stored in the end.
//!
//! None of it needs rights to mount anything. The rule: an edit counts as echoed when its author has the frame, and as stored when a
//! server that never saw it sends it.

mod full;
mod locked;
mod lost;
mod painter;
mod panics;
mod points;
mod torn;

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;

use crate::node::get;
use crate::program::Process;

/// How long until a server has noticed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The status and the JSON with which a path is answered.
async fn json(server: &Process, path: &str) -> (u16, Value) {
    let (head, body) = get(server.address, path).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

/// Waits until the server says that it cannot store; gives the reason of the journal.
async fn degraded(server: &Process) -> String {
    let asking = async {
        loop {
            let (status, health) = json(server, "/health").await;
            if let Some(reason) = health["parts"]["journal"]["reason"].as_str() {
                assert_eq!((status, &health["status"]), (503, &"degraded".into()));
                return reason.to_owned();
            }
        }
    };
    let reason = tokio::time::timeout(PATIENCE, asking).await;
    let reason = reason.expect("the journal is in trouble");
    assert_eq!(json(server, "/health/ready").await.0, 503);
    assert_eq!(json(server, "/health/live").await.0, 200);
    reason
}

/// Waits until the server says that all is well.
async fn well(server: &Process) {
    let asking = async { while json(server, "/health").await.1["status"] != "ok" {} };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.expect("it is well again");
    assert_eq!(json(server, "/health/ready").await.0, 200);
}

/// From here on a running server can write so many bytes to any one file; `None` for as many as it likes. A write beyond fails.
fn limit_files(server: &Process, bytes: Option<u64>) {
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}
