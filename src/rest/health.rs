//! `GET /health`, `/health/live` and `/health/ready`: how this node is, part by part and with a reason for each part that is not well.
//!
//! The one rule: *live* asks nobody anything, so it answers while the database is away; whoever restarts a process by it must not do so
//! for a disk's sake. Names of rooms are for visitors over loopback only.

use std::collections::BTreeMap;
use std::time::Duration;

use scrible_store::Store;
use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, HeaderValue};
use warp::reply::{Reply, Response};

use super::View;
use crate::telemetry::Process;

/// Above this part of SCRIBLE_MAX_UNCOMMITTED_BYTES a node is not ready: while others can still take newcomers, and before its own
/// writers are refused.
const BACKLOG_SHARE: usize = 2;

/// Whoever asks is answered within so long, whatever the store does.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Health {
    /// `ok`, `degraded` (edits are shared, but storing them or telling other nodes at once is in trouble) or `stopping`.
    status: &'static str,
    version: &'static str,
    parts: Parts,
    rooms: usize,
    connections: usize,
    /// Clients that show themselves in the rooms that are open on this node, wherever they are connected.
    people: usize,
    /// Those of them that are connected to other nodes.
    people_elsewhere: usize,
    /// Bytes of updates that wait to be stored.
    uncommitted_bytes: usize,
    /// Memory of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_bytes: Option<u64>,
    /// Rooms that wait to be compacted, or are.
    compactions_pending: usize,
    /// Rooms that somebody should look at, set aside or serving.
    marked_rooms: usize,
    /// Which, and why. Names are for visitors over loopback only.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<BTreeMap<String, String>>,
    /// Doc workers that died at work since the start, of a doc or of something else.
    doc_worker_deaths: u64,
}

/// The first three decide whether the node can serve; trouble in the others is for its operator.
#[derive(Serialize)]
struct Parts {
    connections: Part,
    store: Part,
    journal: Part,
    rooms: Part,
    compaction: Part,
    doc_workers: Part,
    /// The way to other nodes, which do without it, only later.
    bus: Part,
    /// Where exports and pasted files are; boards are drawn on without it.
    objects: Part,
}

#[derive(Serialize, Clone)]
pub(super) struct Part {
    /// `ok` or `trouble`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Part {
    pub(super) fn new(reason: Option<String>) -> Self {
        let state = if reason.is_some() { "trouble" } else { "ok" };
        Self { state, reason }
    }
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    /// By part.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasons: BTreeMap<&'static str, String>,
}

/// What decides whether a node can serve.
struct Serving {
    connections: Part,
    store: Part,
    journal: Part,
}

impl Serving {
    async fn of(view: &View) -> Self {
        let stopping = if view.connections.refuse.is_cancelled() {
            Some("the server is stopping and takes no one new")
        } else if view.connections.drain.is_cancelled() {
            Some("the server is about to stop: newcomers had better go elsewhere")
        } else {
            None
        };
        Self {
            connections: Part::new(stopping.map(str::to_owned)),
            store: Part::new(store_trouble(&*view.store).await),
            journal: Part::new(view.journal.trouble().or_else(|| backlog(view))),
        }
    }

    fn status(&self) -> &'static str {
        match (
            &self.connections.reason,
            &self.store.reason,
            &self.journal.reason,
        ) {
            (Some(_), _, _) => "stopping",
            (None, None, None) => "ok",
            (None, _, _) => "degraded",
        }
    }

    fn code(&self) -> StatusCode {
        match self.status() {
            "ok" => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn reasons(self) -> BTreeMap<&'static str, String> {
        [
            ("connections", self.connections),
            ("store", self.store),
            ("journal", self.journal),
        ]
        .into_iter()
        .filter_map(|(name, part)| Some((name, part.reason?)))
        .collect()
    }
}

/// All parts. 200 while the node can serve and store, else 503. A marked room is no reason to take it out of service.
pub async fn health(view: &View, is_local: bool) -> Response {
    let serving = Serving::of(view).await;
    let code = serving.code();
    let bus = Part::new(view.rooms.shared().bus.trouble());
    let status = match (serving.status(), &bus.reason) {
        ("ok", Some(_)) => "degraded",
        (status, _) => status,
    };
    let totals = view.rooms.totals();
    let marks = view.marked();
    let documents = view.documents.health();
    let marked = (!marks.is_empty()).then(|| format!("{} rooms need looking after", marks.len()));
    let short = (totals.bytes() > view.rooms.shared().config.memory).then(|| {
        "the rooms in use take all the memory that they may; no more are opened".to_owned()
    });
    let compaction = view.marks.trouble().map(|why| match is_local {
        true => why,
        false => "the last attempt failed; the log says why".to_owned(),
    });
    let objects = match view.objects.trouble().await {
        Some(_) if !is_local => Some("files cannot be reached; the log says why".to_owned()),
        trouble => trouble,
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        parts: Parts {
            connections: serving.connections,
            store: serving.store,
            journal: serving.journal,
            rooms: Part::new(short.or(marked)),
            compaction: Part::new(compaction),
            doc_workers: Part::new(view.documents.trouble()),
            bus,
            objects: Part::new(objects),
        },
        rooms: totals.rooms,
        connections: totals.sessions,
        people: totals.people,
        people_elsewhere: totals.people_elsewhere,
        uncommitted_bytes: view.uncommitted_bytes(),
        resident_bytes: Process::resident_bytes(),
        compactions_pending: view.rooms.shared().compaction.pending(),
        marked_rooms: marks.len(),
        marks: (is_local && !marks.is_empty()).then(|| marks.into_iter().collect()),
        doc_worker_deaths: documents.broken + documents.timed_out + documents.killed,
    };
    answer(&health, code)
}

/// Whether newcomers should be sent here: 200, or 503 with the reasons.
pub async fn ready(view: &View) -> Response {
    let serving = Serving::of(view).await;
    let code = serving.code();
    let status = match code {
        StatusCode::OK => "ready",
        _ => "not ready",
    };
    let reasons = serving.reasons();
    answer(&Readiness { status, reasons }, code)
}

/// That the process lives, whatever else is the matter.
pub fn live() -> Response {
    let reasons = BTreeMap::new();
    let status = "live";
    answer(&Readiness { status, reasons }, StatusCode::OK)
}

/// Why nothing can be stored, as far as that can be found out in time.
pub(super) async fn store_trouble(store: &dyn Store) -> Option<String> {
    match tokio::time::timeout(STORE_TIMEOUT, store.check()).await {
        Ok(checked) => checked.err().map(|error| error.to_string()),
        Err(_) => {
            let seconds = STORE_TIMEOUT.as_secs();
            Some(format!("the store did not answer within {seconds} seconds"))
        }
    }
}

fn backlog(view: &View) -> Option<String> {
    let waiting = view.uncommitted_bytes();
    let limit = view.rooms.shared().config.max_uncommitted_bytes / BACKLOG_SHARE;
    (waiting > limit).then(|| {
        format!("{waiting} bytes of edits wait to be stored, more than the {limit} up to which newcomers are welcome")
    })
}

pub(super) fn answer(what: &impl Serialize, code: StatusCode) -> Response {
    let mut response = warp::reply::with_status(warp::reply::json(what), code).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
