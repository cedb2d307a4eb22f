//! Builds the parts of a node, runs them, and stops them in order.
//!
//! Stopping is one function read from top to bottom: drain, refuse, close, flush, let go. What could not be stored is counted
//! and returned, so that the process can end with an error instead of a silence.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use scrible_objects::Objects;
use scrible_store::{Incarnation, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Gate, Mode};
use crate::bus::Bus;
use crate::compact::{Compactor, Keeper, Marks, Retention};
use crate::doc_worker::{DocWorkers, DocWorkersConfig};
use crate::exporting::{ExportWorker, Workshop};
use crate::follow::{Follower, Writers};
use crate::guard::Guard;
use crate::journal::{Journal, JournalHealth};
use crate::objects::ObjectsHealth;
use crate::pictures::{Outside, PictureParts, Pictures};
use crate::rest::api::Api;
use crate::rest::{self, View};
use crate::room::{Registry, RoomsConfig, RoomsShared};
use crate::service::{AssetLimits, ExportsConfig, Files, ServiceParts, Services, Site, Versions};
use crate::session::SessionConfig;
use crate::socket::{
    self, Connections, ConnectionsConfig, Patience, PlacesConfig, SocketsConfig, TrustedProxies,
};
use crate::source::StoreSource;

/// Settings of a node.
#[derive(Debug)]
pub struct ServerConfig {
    /// Rooms.
    pub rooms: RoomsConfig,
    /// Sessions.
    pub session: SessionConfig,
    /// How much a socket takes.
    pub sockets: SocketsConfig,
    /// The proxies that are believed where they name a client's address.
    pub trusted_proxies: TrustedProxies,
    /// How many connections there may be.
    pub places: PlacesConfig,
    /// How long a connection that is no WebSocket may take.
    pub patience: Patience,
    /// How long a node that is told to stop goes on, not ready, before it does: what sends it newcomers needs time to notice.
    pub drain_delay: Duration,
    /// How long stopping may take after that.
    pub shutdown: Duration,
    /// Where documents are opened.
    pub documents: DocWorkersConfig,
    /// How long versions stay.
    pub retention: Retention,
    /// Who else writes to the store.
    pub writers: Writers,
    /// Where this server and its front end are reached.
    pub site: Site,
    /// How exports are kept.
    pub exports: ExportsConfig,
    /// How many exports this node makes at once; 0: it leaves them to others.
    pub export_workers: usize,
    /// How much people may paste.
    pub assets: AssetLimits,
}

/// What a node works with and others provide.
pub struct NodeParts {
    /// Where rooms are kept.
    pub store: Arc<dyn Store>,
    /// Where files are kept.
    pub objects: Arc<dyn Objects>,
    /// Who fetches pictures from elsewhere, if anybody does.
    pub outside: Option<Outside>,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// Who lets people in.
    pub gate: Arc<dyn Gate>,
}

/// Where a node is reached.
#[derive(Debug)]
pub struct Listeners {
    /// By clients and by visitors.
    pub clients: TcpListener,
    /// By whoever collects metrics; by nobody where this is `None`.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(clients: TcpListener) -> Self {
        Self {
            clients,
            metrics: None,
        }
    }
}

/// How a node stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Updates that were received and could not be stored in time.
    pub unstored: u64,
}

/// A node that is built and can serve.
pub struct Node {
    store: Arc<dyn Store>,
    objects: Arc<dyn Objects>,
    gate: Arc<dyn Gate>,
    connections: ConnectionsConfig,
    drain_delay: Duration,
    shutdown: Duration,
    writers: Writers,
    tasks: TaskTracker,
    rooms: Arc<Registry>,
    keeper: Arc<Keeper>,
    guard: Arc<Guard>,
    parallel: usize,
    site: Site,
    exports: ExportsConfig,
    export_workers: usize,
    assets: AssetLimits,
    pictures: Pictures,
}

impl Node {
    /// Puts the parts together; nothing runs yet.
    pub fn new(parts: NodeParts, config: ServerConfig) -> Self {
        let NodeParts {
            store,
            objects,
            outside,
            bus,
            gate,
        } = parts;
        let pictures = Pictures::new(PictureParts {
            assets: store.clone(),
            objects: objects.clone(),
            outside,
            max_bytes: config.documents.max_doc_bytes,
        });
        let marks = Arc::new(Marks::default());
        let guard = Guard::new(store.clone(), marks.clone());
        let source = StoreSource {
            guard: guard.clone(),
            store: store.clone(),
            limits: config.rooms.limits.clone(),
            marks: marks.clone(),
        };
        let parallel = config.documents.workers;
        let keeper = Keeper {
            store: store.clone(),
            documents: DocWorkers::new(config.documents),
            limits: config.rooms.limits.clone(),
            retention: config.retention,
            holder: Incarnation::random(),
            marks,
        };
        let shared = Arc::new(RoomsShared::new(config.rooms, bus));
        let tasks = shared.tasks.clone();
        Self {
            rooms: Registry::new(Arc::new(source), shared),
            keeper: Arc::new(keeper),
            guard,
            store,
            objects,
            gate,
            connections: ConnectionsConfig {
                session: config.session,
                sockets: config.sockets,
                trusted_proxies: config.trusted_proxies,
                places: config.places,
                patience: config.patience,
            },
            drain_delay: config.drain_delay,
            shutdown: config.shutdown,
            writers: config.writers,
            tasks,
            parallel,
            site: config.site,
            exports: config.exports,
            export_workers: config.export_workers,
            assets: config.assets,
            pictures,
        }
    }

    /// The rooms that are open on this node.
    pub fn rooms(&self) -> &Arc<Registry> {
        &self.rooms
    }

    /// What can be done with the versions of this node's rooms.
    pub fn versions(&self) -> Versions {
        Versions::new(self.rooms.clone(), self.keeper.clone())
    }

    /// Serves until `shutdown` is cancelled; then stops in order and closes the store. Health and metrics are the last to go.
    pub async fn run(
        self,
        listeners: impl Into<Listeners>,
        shutdown: CancellationToken,
    ) -> Stopped {
        let Listeners { clients, metrics } = listeners.into();
        let Self {
            store,
            objects,
            gate,
            tasks,
            rooms,
            keeper,
            guard,
            ..
        } = self;
        // How earlier processes ended decides how rooms are opened.
        guard.start().await;
        let watch = tokio::spawn({
            let guard = guard.clone();
            async move { guard.run().await }
        });
        let health = Arc::new(JournalHealth::default());
        let shared = rooms.shared().clone();
        let mut journal = tokio::spawn(Journal::new(store.clone(), shared, health.clone()).run());
        let dead_letters = tokio::spawn({
            let (rooms, store) = (rooms.shared().clone(), store.clone());
            async move { rooms.dead_letters.write(&*store).await }
        });
        let stays = tokio::spawn({
            let (rooms, store) = (rooms.shared().clone(), store.clone());
            async move { rooms.stays.write(&*store).await }
        });
        let caretaker = tokio::spawn({
            let rooms = rooms.clone();
            async move { rooms.look_after_rooms().await }
        });
        let bus = rooms.shared().bus.clone();
        let hearing = tokio::spawn({
            let (bus, rooms) = (bus.clone(), rooms.clone());
            async move { bus.listen(&*rooms).await }
        });
        let follower = Follower {
            rooms: rooms.clone(),
            store: store.clone(),
            writers: self.writers,
        };
        let follower = tokio::spawn(follower.run());
        let compactor = Compactor {
            keeper: keeper.clone(),
            rooms: rooms.clone(),
            parallel: self.parallel,
        };
        let compactor = tokio::spawn(compactor.run());
        let stop_sessions = CancellationToken::new();
        let max_upload_bytes = self.connections.sockets.max_message_bytes;
        let workshop = Workshop {
            store: store.clone(),
            objects: objects.clone(),
            documents: keeper.documents.clone(),
            pictures: Arc::new(self.pictures),
            metrics: rooms.shared().metrics.exports.clone(),
        };
        let exporter = ExportWorker {
            workshop: workshop.clone(),
            places: self.export_workers,
        };
        let stop_exporting = CancellationToken::new();
        let exporter = tokio::spawn(exporter.run(stop_exporting.clone()));
        let files = Files {
            objects: objects.clone(),
            limits: self.assets,
        };
        let services = Services::new(ServiceParts {
            rooms: rooms.clone(),
            gate: gate.clone(),
            keeper: keeper.clone(),
            workshop,
            site: self.site,
            exports: self.exports,
            files,
        });
        let connections = Arc::new(Connections::new(
            rooms.clone(),
            gate,
            self.connections,
            stop_sessions.clone(),
        ));
        let view = View {
            rooms: rooms.clone(),
            journal: health,
            store: store.clone(),
            objects: ObjectsHealth::new(objects),
            marks: keeper.marks.clone(),
            documents: keeper.documents.clone(),
            connections: connections.clone(),
            api: Api::new(Arc::new(services), max_upload_bytes, stop_sessions.clone()),
        };
        let view = Arc::new(view);
        let stop_accepting = CancellationToken::new();
        let mut accepting = JoinSet::new();
        if let Some(metrics) = metrics {
            let routes = warp::service(rest::metrics_routes(view.clone()));
            accepting.spawn(socket::accept_plain(
                metrics,
                routes,
                stop_accepting.clone(),
            ));
        }
        let routes = warp::service(rest::routes(view));
        accepting.spawn(socket::accept(
            clients,
            connections.clone(),
            routes,
            stop_accepting.clone(),
        ));

        tokio::select! {
            () = async {
                shutdown.cancelled().await;
                // Drain: not ready from now on, but otherwise as before.
                connections.drain.cancel();
                tracing::info!(delay = ?self.drain_delay, "draining");
                tokio::time::sleep(self.drain_delay).await;
            } => {}
            // It never ends by itself. Going on would mean to share what is never stored.
            ended = &mut journal => tracing::error!(?ended, "the journal ended; stopping"),
        }
        let deadline = Instant::now() + self.shutdown;

        // Refuse: new sockets get 503, health says so; the listener stays for those who ask.
        connections.drain.cancel();
        connections.refuse.cancel();
        // What is being drawn goes on while sessions end.
        stop_exporting.cancel();
        // Close: sessions end one after another, so that their clients do not all come back at once.
        tracing::info!(sessions = connections.sessions.len(), "stopping");
        stop_sessions.cancel();
        connections.sessions.close();
        if timeout_at(deadline, connections.sessions.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                sessions = connections.sessions.len(),
                "sessions had not ended in time"
            );
        }
        // Flush: everything that was received is stored.
        while rooms.unstored() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let unstored = rooms.unstored();
        // Let go.
        journal.abort();
        follower.abort();
        if timeout_at(deadline, bus.close()).await.is_err() {
            tracing::warn!("the other nodes could not be told in time that this one stops");
        }
        hearing.abort();
        caretaker.abort();
        watch.abort();
        if timeout_at(deadline, exporter).await.is_err() {
            tracing::warn!(
                "exports could not be given back in time; they wait until their leases end"
            );
        }
        // A snapshot that is being made can be dropped at any point: the rows are there.
        compactor.abort();
        keeper.documents.close().await;
        rooms.shared().dead_letters.close();
        if timeout_at(deadline, dead_letters).await.is_err() {
            tracing::warn!("what was refused last could not be kept in time");
        }
        rooms.shared().stays.close();
        if timeout_at(deadline, stays).await.is_err() {
            tracing::warn!("who left last could not be noted in time");
        }
        tasks.close();
        if timeout_at(deadline, tasks.wait()).await.is_err() {
            tracing::warn!("the rooms' own tasks had not ended in time");
        }
        guard.end().await;
        store.close().await;
        stop_accepting.cancel();
        while let Some(ended) = accepting.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "an accept loop failed");
            }
        }
        Stopped { unstored }
    }
}

/// What a newcomer does next, for the terminal.
pub fn greeting(address: std::net::SocketAddr, mode: &Mode) -> String {
    let mut reach = address;
    if address.ip().is_unspecified() {
        reach.set_ip(if address.is_ipv4() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
        });
    }
    let next = match mode {
        Mode::Open(_) => format!(
            "draw:          http://{reach}/try/hello   (in two windows, or two browsers)\n  \
             see all rooms: http://{reach}/\n  \
             connect:       new WebsocketProvider('ws://{reach}', 'my-room', doc)"
        ),
        Mode::Guarded(_) => format!(
            "see all rooms: http://{reach}/   (asks for a token: scrible token --sub me --admin)\n  \
             connect:       new WebsocketProvider('ws://{reach}', 'my-room', doc, {{ params: {{ token }} }})"
        ),
    };
    format!("listening on ws://{reach}\n\n  {next}\n")
}
