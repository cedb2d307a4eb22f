//! `GET /health`: whether this node can serve and store, with a reason for each part that cannot.

use std::collections::BTreeMap;

use serde::Serialize;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use super::View;

#[derive(Serialize)]
struct Health {
    /// `ok`, `degraded` (edits are shared but not stored at the moment) or `stopping`.
    status: &'static str,
    version: &'static str,
    /// Why nothing can be stored, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    rooms: usize,
    connections: usize,
    /// Bytes of updates that wait to be stored.
    uncommitted_bytes: usize,
    /// Rooms that wait to be compacted, or are.
    compactions_pending: usize,
    /// Rooms that serve and that somebody should look at all the same.
    marked_rooms: usize,
    /// Which, and why. Names are for visitors over loopback only.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<BTreeMap<String, String>>,
    /// Doc workers that died at work since the start, of a doc or of something else.
    doc_worker_deaths: u64,
}

/// 200 while all is well, else 503. A marked room is no reason to take the node out of service.
pub async fn health(view: &View, is_local: bool) -> Response {
    let trouble = match view.journal.trouble() {
        Some(trouble) => Some(trouble),
        None => view
            .store
            .check()
            .await
            .err()
            .map(|error| error.to_string()),
    };
    let live = view.rooms.live();
    let marks = view.marks.all();
    let documents = view.documents.health();
    let (status, code) = match &trouble {
        _ if view.stopping.is_cancelled() => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
        Some(_) => ("degraded", StatusCode::SERVICE_UNAVAILABLE),
        None => ("ok", StatusCode::OK),
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        store: trouble,
        rooms: live.len(),
        connections: live.iter().map(|room| room.sessions).sum(),
        uncommitted_bytes: live.iter().map(|room| room.uncommitted_bytes).sum(),
        compactions_pending: view.rooms.shared().compaction.pending(),
        marked_rooms: marks.len(),
        marks: (is_local && !marks.is_empty()).then(|| marks.into_iter().collect()),
        doc_worker_deaths: documents.broken + documents.timed_out + documents.killed,
    };
    warp::reply::with_status(warp::reply::json(&health), code).into_response()
}
