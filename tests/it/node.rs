//! A node under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scrible::access::{Admission, Gate, Identity, Knock, Role};
use scrible::room::RoomsConfig;
use scrible::server::{self, ServerConfig, Stopped};
use scrible::session::SessionConfig;
use scrible_store::{MemoryStore, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Admits everyone; `?role=viewer` may only read.
struct QueryGate;

impl Gate for QueryGate {
    fn admit(&self, knock: &Knock<'_>) -> Admission {
        let role = if knock.query == Some("role=viewer") {
            Role::Viewer
        } else {
            Role::Editor
        };
        Admission {
            role,
            identity: Identity::default(),
        }
    }
}

pub struct Node {
    pub address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<Stopped>,
}

impl Node {
    pub async fn start(store: &Arc<MemoryStore>) -> Self {
        Self::start_with(store, |_| {}).await
    }

    pub async fn start_with(
        store: &Arc<MemoryStore>,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = ServerConfig {
            rooms: RoomsConfig {
                limits: Default::default(),
                awareness_interval: Duration::from_millis(20),
                idle: Duration::ZERO,
                max_uncommitted_bytes: 1 << 20,
            },
            session: SessionConfig {
                ping_interval: Duration::from_secs(20),
                keepalive: Duration::from_secs(12),
                stagger: Duration::from_millis(100),
            },
            max_message_bytes: 1 << 20,
            shutdown: Duration::from_secs(10),
        };
        change(&mut config);
        let shutdown = CancellationToken::new();
        let store: Arc<dyn Store> = store.clone();
        let running = tokio::spawn(server::run(
            listener,
            store,
            Arc::new(QueryGate),
            config,
            shutdown.clone(),
        ));
        Self {
            address,
            shutdown,
            running,
        }
    }

    /// Tells the node to stop; [`Node::stopped`] waits for it.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    pub async fn stopped(self) -> Stopped {
        self.shutdown.cancel();
        self.running.await.unwrap()
    }
}
