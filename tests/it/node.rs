//! A node under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scrible::access::{Admission, Gate, Identity, Knock, Role};
use scrible::doc_worker::DocWorkersConfig;
use scrible::room::RoomsConfig;
use scrible::server::{self, ServerConfig, Stopped};
use scrible::service::Versions;
use scrible::session::SessionConfig;
use scrible_store::Store;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
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
    pub versions: Versions,
    shutdown: CancellationToken,
    running: JoinHandle<Stopped>,
}

impl Node {
    pub async fn start(store: &Arc<impl Store>) -> Self {
        Self::start_with(store, |_| {}).await
    }

    pub async fn start_with(
        store: &Arc<impl Store>,
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
                compaction: Default::default(),
                version_interval: Duration::from_secs(300),
            },
            session: SessionConfig {
                ping_interval: Duration::from_secs(20),
                keepalive: Duration::from_secs(12),
                stagger: Duration::from_millis(100),
            },
            max_message_bytes: 1 << 20,
            shutdown: Duration::from_secs(10),
            documents: DocWorkersConfig {
                program: env!("CARGO_BIN_EXE_scrible").into(),
                workers: 2,
                max_doc_bytes: 64 << 20,
                time_limit: Duration::from_secs(60),
                fonts: Default::default(),
            },
            retention: Default::default(),
        };
        change(&mut config);
        let shutdown = CancellationToken::new();
        let store: Arc<dyn Store> = store.clone();
        let node = server::Node::new(store, Arc::new(QueryGate), config);
        let versions = node.versions();
        let running = tokio::spawn(node.run(listener, shutdown.clone()));
        Self {
            address,
            versions,
            shutdown,
            running,
        }
    }

    /// What `GET /health` says under a host name.
    pub async fn health(&self, host: &str) -> Value {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
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
