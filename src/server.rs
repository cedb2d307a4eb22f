//! Builds the parts of a node, runs them, and stops them in order.
//!
//! Stopping is one function read from top to bottom: refuse, close, flush, let go. What could not be stored is counted
//! and returned, so that the process can end with an error instead of a silence.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use scrible_store::Store;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Gate;
use crate::journal::{Journal, JournalHealth, JournalQueue};
use crate::rest::{self, View};
use crate::room::{Registry, RoomsConfig, RoomsShared};
use crate::session::SessionConfig;
use crate::socket::{self, Connections};
use crate::source::StoreSource;

/// Settings of a node.
#[derive(Debug)]
pub struct ServerConfig {
    /// Rooms.
    pub rooms: RoomsConfig,
    /// Sessions.
    pub session: SessionConfig,
    /// The largest message that a client may send, in bytes.
    pub max_message_bytes: usize,
    /// How long stopping may take altogether.
    pub shutdown: Duration,
}

/// How a node stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Updates that were received and could not be stored in time.
    pub unstored: u64,
}

/// Serves on `listener` until `shutdown` is cancelled; then stops in order and closes the store.
pub async fn run(
    listener: TcpListener,
    store: Arc<dyn Store>,
    gate: Arc<dyn Gate>,
    config: ServerConfig,
    shutdown: CancellationToken,
) -> Stopped {
    let tasks = TaskTracker::new();
    let source = StoreSource {
        store: store.clone(),
        limits: config.rooms.limits.clone(),
    };
    let shared = Arc::new(RoomsShared {
        config: config.rooms,
        journal: JournalQueue::default(),
        uncommitted_bytes: AtomicUsize::new(0),
        tasks: tasks.clone(),
    });
    let rooms = Registry::new(Arc::new(source), shared.clone());
    let health = Arc::new(JournalHealth::default());
    let mut journal = tokio::spawn(Journal::new(store.clone(), shared, health.clone()).run());
    let keeper = tokio::spawn({
        let rooms = rooms.clone();
        async move { rooms.look_after_rooms().await }
    });
    let stop_sessions = CancellationToken::new();
    let connections = Arc::new(Connections::new(
        rooms.clone(),
        gate,
        config.session,
        config.max_message_bytes,
        stop_sessions.clone(),
    ));
    let view = View {
        rooms: rooms.clone(),
        journal: health,
        store: store.clone(),
        stopping: connections.refuse.clone(),
    };
    let stop_accepting = CancellationToken::new();
    let routes = warp::service(rest::routes(Arc::new(view)));
    let accepting = tokio::spawn(socket::accept(
        listener,
        connections.clone(),
        routes,
        stop_accepting.clone(),
    ));

    tokio::select! {
        () = shutdown.cancelled() => {}
        // It never ends by itself. Going on would mean to share what is never stored.
        ended = &mut journal => tracing::error!(?ended, "the journal ended; stopping"),
    }
    let deadline = Instant::now() + config.shutdown;

    // Refuse: new sockets get 503, health says so; the listener stays for those who ask.
    connections.refuse.cancel();
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
    keeper.abort();
    tasks.close();
    if timeout_at(deadline, tasks.wait()).await.is_err() {
        tracing::warn!("the rooms' own tasks had not ended in time");
    }
    store.close().await;
    stop_accepting.cancel();
    if let Err(error) = accepting.await {
        tracing::error!(%error, "the accept loop failed");
    }
    Stopped { unstored }
}

/// How a newcomer connects, for the terminal.
pub fn greeting(address: std::net::SocketAddr) -> String {
    let mut reach = address;
    if address.ip().is_unspecified() {
        reach.set_ip(if address.is_ipv4() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
        });
    }
    format!(
        "listening on ws://{reach}\n\n  \
         new WebsocketProvider('ws://{reach}', 'my-room', doc)   // any Yjs editor, y-websocket 1.x to 4.x\n  \
         http://{reach}/   what is going on\n"
    )
}
