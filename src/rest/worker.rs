//! What a process that only makes exports shows: how it is, and what it counts.
//!
//! Knows no rooms and no sessions: there are none. The rule is that of [`health`](super::health): *live* asks nobody anything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use scrible_store::Store;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::health::{self, Part};
use super::metrics;
use crate::doc_worker::DocWorkers;
use crate::objects::ObjectsHealth;
use crate::telemetry::{Metrics, Process};

/// What is shown of such a process.
pub struct WorkerView {
    /// The queue.
    pub store: Arc<dyn Store>,
    /// Where files are kept.
    pub objects: ObjectsHealth,
    /// Where documents are opened.
    pub documents: Arc<DocWorkers>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Cancelled once it is to stop.
    pub stop: CancellationToken,
}

#[derive(Serialize)]
struct Health {
    /// `ok`, `degraded` or `stopping`.
    status: &'static str,
    version: &'static str,
    parts: BTreeMap<&'static str, Part>,
}

/// How it is. Never rejects.
pub fn worker_routes(
    view: Arc<WorkerView>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let view = warp::any().map(move || view.clone());
    let health = warp::path!("health")
        .and(warp::get())
        .and(view.clone())
        .then(|view: Arc<WorkerView>| async move { view.health().await });
    let live = warp::path!("health" / "live")
        .and(warp::get())
        .map(health::live);
    let ready = warp::path!("health" / "ready")
        .and(warp::get())
        .and(view)
        .then(|view: Arc<WorkerView>| async move { view.health().await });
    health
        .or(live)
        .unify()
        .or(ready)
        .unify()
        .recover(nothing_else)
}

/// What it counts, at `/metrics`. Never rejects.
pub fn worker_metrics_routes(
    view: Arc<WorkerView>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let metrics = warp::path!("metrics")
        .and(warp::get())
        .map(move || metrics::exposed(|out| view.write(out)));
    metrics.recover(super::no_metrics_here)
}

impl WorkerView {
    /// 200 while it can draw and say so; files that cannot be kept for the moment are drawn again.
    async fn health(&self) -> Response {
        let store = health::store_trouble(&*self.store).await;
        let objects = self.objects.trouble().await;
        let (status, code) = match (self.stop.is_cancelled(), &store, &objects) {
            (true, _, _) => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
            (false, Some(_), _) => ("degraded", StatusCode::SERVICE_UNAVAILABLE),
            (false, None, Some(_)) => ("degraded", StatusCode::OK),
            (false, None, None) => ("ok", StatusCode::OK),
        };
        let parts = [
            ("store", store),
            ("objects", objects),
            ("doc_workers", self.documents.trouble()),
        ];
        let parts = parts.map(|(name, trouble)| (name, Part::new(trouble)));
        let health = Health {
            status,
            version: env!("CARGO_PKG_VERSION"),
            parts: parts.into(),
        };
        health::answer(&health, code)
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let mut now = Registry::default();
        now.register_collector(Box::new(Process));
        self.metrics.encode(out)?;
        text::encode_registry(out, &now)?;
        text::encode_eof(out)
    }
}

async fn nothing_else(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(super::refuse(
        &rejection,
        "this process makes exports and serves nobody; how it is stands at /health\n",
    ))
}
