//! `GET /metrics`, on a listener of its own: what was counted, and what there is at this moment, as OpenMetrics text.
//!
//! The format is the library's. The one rule: no name, address or token is in it, so whoever watches the node learns nothing of who
//! draws what.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::{Reply, Response};

use super::View;
use crate::telemetry::Process;

/// What Prometheus tells the format by.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is shown of a node beside what it counts itself.
pub struct Exposition {
    view: Arc<View>,
    now: Registry,
}

impl Exposition {
    /// Of one node.
    pub fn new(view: Arc<View>) -> Self {
        let mut now = Registry::default();
        now.register_collector(Box::new(Moment(view.clone())));
        now.register_collector(Box::new(Process));
        Self { view, now }
    }

    /// Everything, at this moment.
    pub fn response(&self) -> Response {
        exposed(|out| self.write(out))
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.view.rooms.shared().metrics.encode(out)?;
        text::encode_registry(out, &self.now)?;
        text::encode_eof(out)
    }
}

/// Metrics as they are sent.
pub(super) fn exposed(write: impl FnOnce(&mut String) -> fmt::Result) -> Response {
    let mut body = String::new();
    match write(&mut body) {
        Ok(()) => {
            let mut response = body.into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
            response
        }
        Err(error) => {
            tracing::error!(%error, "write the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What can be asked of the parts at any time.
struct Moment(Arc<View>);

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moment")
    }
}

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // A gauge and not the type for this, which older readers of the format stop at.
        let (help, kind) = ("The program; always 1", MetricType::Gauge);
        let mut build = encoder.encode_descriptor("scrible_build_info", help, None, kind)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1).encode(build.encode_family(&version)?)?;
        let view = &*self.0;
        let totals = view.rooms.totals();
        let waited = totals.oldest_uncommitted;
        let waited = waited.map_or(Duration::ZERO, |since| since.elapsed());
        let documents = view.documents.health();
        for (name, help, value) in [
            (
                "scrible_connections",
                "WebSocket connections",
                view.connections.sessions.len(),
            ),
            (
                "scrible_connections_held",
                "WebSocket connections that are held mute for a few seconds before they are closed",
                view.connections.held(),
            ),
            (
                "scrible_connections_plain",
                "Connections that are no WebSocket, or not yet",
                view.connections.plain(),
            ),
            (
                "scrible_incoming_bytes",
                "Memory taken by messages above 16 KiB that have begun to come",
                view.connections.sockets.incoming_bytes(),
            ),
            (
                "scrible_incoming_waiting",
                "Connections that are not read because there is no memory for what they send",
                view.connections.sockets.incoming_waiting(),
            ),
            (
                "scrible_sessions",
                "Connections that are in a room",
                totals.sessions,
            ),
            ("scrible_rooms", "Rooms in memory", totals.rooms),
            (
                "scrible_people",
                "Clients of this node that show themselves to others",
                totals.people - totals.people_elsewhere,
            ),
            (
                "scrible_people_elsewhere",
                "Clients of other nodes that show themselves in rooms that are open here",
                totals.people_elsewhere,
            ),
            (
                "scrible_base_bytes",
                "Memory of the rooms' bases",
                totals.base_bytes,
            ),
            (
                "scrible_log_bytes",
                "Memory of the updates after the rooms' bases",
                totals.log_bytes,
            ),
            (
                "scrible_rooms_limit_bytes",
                "How much memory the rooms may take; beyond it idle ones go early and no more are opened",
                view.rooms.shared().config.memory,
            ),
            (
                "scrible_uncommitted_bytes",
                "Memory of the updates that wait to be stored",
                view.uncommitted_bytes(),
            ),
            (
                "scrible_uncommitted_limit_bytes",
                "At how many uncommitted bytes writers are refused; above half of it the node is not ready",
                view.rooms.shared().config.max_uncommitted_bytes,
            ),
            (
                "scrible_uncommitted_updates",
                "Updates that wait to be stored",
                usize::try_from(totals.uncommitted_updates).unwrap_or(usize::MAX),
            ),
            (
                "scrible_compactions_pending",
                "Rooms that wait to be compacted, or are",
                view.rooms.shared().compaction.pending(),
            ),
            (
                "scrible_marked_rooms",
                "Rooms that somebody should look at, set aside or serving",
                view.marked().len(),
            ),
            (
                "scrible_doc_workers",
                "Processes in which documents are opened",
                usize::try_from(documents.running).unwrap_or(usize::MAX),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let lag = ConstGauge::new(waited.as_secs_f64());
        lag.encode(encoder.encode_descriptor(
            "scrible_journal_lag_seconds",
            "How long the oldest update that is not stored has waited; 0 when all are stored",
            None,
            lag.metric_type(),
        )?)?;
        for (name, help, value) in [
            (
                "scrible_doc_worker_starts",
                "Doc workers started",
                documents.started,
            ),
            (
                "scrible_doc_worker_requests",
                "Documents that doc workers answered for, broken ones included",
                documents.requests,
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let mut ends = encoder.encode_descriptor(
            "scrible_doc_worker_ends",
            "Doc workers that ended, by cause",
            None,
            MetricType::Counter,
        )?;
        for (cause, count) in [
            ("recycled", documents.recycled),
            ("idle", documents.idle),
            ("abandoned", documents.abandoned),
            ("found_dead", documents.found_dead),
            ("broken", documents.broken),
            ("timed_out", documents.timed_out),
            ("killed", documents.killed),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(ends.encode_family(&[("cause", cause)])?)?;
        }
        Ok(())
    }
}

impl View {
    /// Rooms that somebody should look at, with the reasons: those that are marked, and those of which little place is left.
    pub(super) fn marked(&self) -> BTreeMap<String, String> {
        let mut marked: BTreeMap<_, _> = self.marks.all().into_iter().collect();
        for (room, why) in self.rooms.scarce() {
            let why = format!("the room is nearly full: {why}");
            marked
                .entry(room.as_str().to_owned())
                .and_modify(|known| *known = format!("{known}; {why}"))
                .or_insert(why);
        }
        marked
    }

    /// Bytes of updates that wait to be stored, in all rooms.
    pub(super) fn uncommitted_bytes(&self) -> usize {
        let shared = self.rooms.shared();
        shared.uncommitted_bytes.load(Ordering::Relaxed)
    }
}
