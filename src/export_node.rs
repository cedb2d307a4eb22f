//! A process that makes exports and does nothing else: `scrible worker`.
//!
//! Any number of them share one queue, with servers or without. Stopping is one function read from top to bottom, as for a server. The
//! rule: it holds nothing that is not also in the store, so it may be killed at any moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::exporting::{ExportWorker, Workshop};
use crate::objects::ObjectsHealth;
use crate::rest::{WorkerView, worker_metrics_routes, worker_routes};
use crate::server::Listeners;
use crate::socket;
use crate::telemetry::Metrics;

/// A process that is built and can work.
pub struct ExportNode {
    /// What it works with. Its counters are those of `metrics`.
    pub workshop: Workshop,
    /// What is shown of what it counts.
    pub metrics: Arc<Metrics>,
    /// How many exports it makes at once.
    pub places: usize,
    /// How long stopping may take.
    pub shutdown: Duration,
}

impl ExportNode {
    /// Works until `stop` is cancelled; then gives back what it cannot finish, and closes the store.
    pub async fn run(self, listeners: impl Into<Listeners>, stop: CancellationToken) {
        let Listeners { clients, metrics } = listeners.into();
        let Workshop {
            store,
            objects,
            documents,
            ..
        } = self.workshop.clone();
        let view = Arc::new(WorkerView {
            store: store.clone(),
            objects: ObjectsHealth::new(objects),
            documents: documents.clone(),
            metrics: self.metrics,
            stop: stop.clone(),
        });
        let stop_accepting = CancellationToken::new();
        let mut accepting = JoinSet::new();
        if let Some(metrics) = metrics {
            let routes = warp::service(worker_metrics_routes(view.clone()));
            let stop = stop_accepting.clone();
            accepting.spawn(socket::accept_plain(metrics, routes, stop));
        }
        let routes = warp::service(worker_routes(view));
        accepting.spawn(socket::accept_plain(
            clients,
            routes,
            stop_accepting.clone(),
        ));
        let worker = ExportWorker {
            workshop: self.workshop,
            places: self.places,
        };
        let mut working = tokio::spawn(worker.run(stop.clone()));
        tokio::select! {
            () = stop.cancelled() => {}
            // It never ends by itself.
            ended = &mut working => tracing::error!(?ended, "the export worker ended; stopping"),
        }
        tracing::info!("stopping");
        if !working.is_finished() && timeout(self.shutdown, working).await.is_err() {
            tracing::warn!(
                "exports could not be given back in time; they wait until their leases end"
            );
        }
        documents.close().await;
        store.close().await;
        stop_accepting.cancel();
        while let Some(ended) = accepting.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "an accept loop failed");
            }
        }
    }
}
