//! A node under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scrible::access::{
    Admission, Basis, Caller, Denied, From, Gate, Knock, OpenGate, Role, Secret,
};
use scrible::bus::{Alone, Bus};
use scrible::doc_worker::DocWorkersConfig;
use scrible::follow::Writers;
use scrible::room::{Registry, RoomName, RoomsConfig};
use scrible::server::{self, Listeners, NodeParts, ServerConfig, Stopped};
use scrible::service::Versions;
use scrible::session::SessionConfig;
use scrible::socket::{self, SocketsConfig};
use scrible_objects::MemoryObjects;
use scrible_store::Store;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Admits everyone; with the token `viewer` only to read.
struct QueryGate;

#[async_trait]
impl Gate for QueryGate {
    async fn admit(&self, room: &RoomName, knock: &Knock) -> Result<Admission, Denied> {
        let token = knock.credentials.token.as_ref();
        let basis = Basis {
            link: token.map(Secret::hash),
            is_local: knock.is_local,
            ..Basis::default()
        };
        self.readmit(room, &basis).await
    }

    async fn readmit(&self, room: &RoomName, basis: &Basis) -> Result<Admission, Denied> {
        let role = match basis.link == Some(Secret::new("viewer").hash()) {
            true => Role::Viewer,
            false => Role::Editor,
        };
        let admission = OpenGate.readmit(room, basis).await?;
        Ok(Admission { role, ..admission })
    }

    async fn caller(&self, knock: &Knock) -> Result<Caller, Denied> {
        OpenGate.caller(knock).await
    }

    fn page(&self, origin: Option<&str>, host: Option<&str>) -> From {
        OpenGate.page(origin, host)
    }

    fn serves_host(&self, host: Option<&str>) -> bool {
        OpenGate.serves_host(host)
    }
}

pub struct Node {
    pub address: SocketAddr,
    /// Where `/metrics` is.
    pub metrics: SocketAddr,
    pub versions: Versions,
    pub rooms: Arc<Registry>,
    pub objects: Arc<MemoryObjects>,
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
        Self::start_on(store, Arc::new(Alone), change).await
    }

    pub async fn start_on(
        store: &Arc<impl Store>,
        bus: Arc<dyn Bus>,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        Self::start_guarded(store, bus, Arc::new(QueryGate), change).await
    }

    pub async fn start_guarded(
        store: &Arc<impl Store>,
        bus: Arc<dyn Bus>,
        gate: Arc<dyn Gate>,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let clients = socket::listen("127.0.0.1", 0).await.unwrap();
        let address = clients.local_addr().unwrap();
        let for_metrics = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = for_metrics.local_addr().unwrap();
        let mut config = ServerConfig {
            rooms: RoomsConfig {
                limits: Default::default(),
                awareness_interval: Duration::from_millis(20),
                idle: Duration::ZERO,
                max_uncommitted_bytes: 1 << 20,
                capacity: Default::default(),
                memory: 1 << 30,
                presence: Default::default(),
                compaction: Default::default(),
                version_interval: Duration::from_secs(300),
            },
            session: SessionConfig {
                ping_interval: Duration::from_secs(20),
                keepalive: Duration::from_secs(12),
                stagger: Duration::from_millis(100),
                pace: Default::default(),
            },
            trusted_proxies: Default::default(),
            sockets: SocketsConfig {
                max_message_bytes: 1 << 20,
                max_incoming_bytes: 4 << 20,
            },
            places: Default::default(),
            patience: Default::default(),
            drain_delay: Duration::ZERO,
            shutdown: Duration::from_secs(10),
            documents: DocWorkersConfig {
                program: env!("CARGO_BIN_EXE_scrible").into(),
                workers: 2,
                max_doc_bytes: 64 << 20,
                time_limit: Duration::from_secs(60),
                fonts: Default::default(),
            },
            retention: Default::default(),
            writers: Writers::One,
            site: Default::default(),
            exports: Default::default(),
            export_workers: 1,
            assets: Default::default(),
        };
        change(&mut config);
        let shutdown = CancellationToken::new();
        let store: Arc<dyn Store> = store.clone();
        let objects = Arc::new(MemoryObjects::new());
        let parts = NodeParts {
            store,
            objects: objects.clone(),
            outside: None,
            bus,
            gate,
        };
        let node = server::Node::new(parts, config);
        let (versions, rooms) = (node.versions(), node.rooms().clone());
        let listeners = Listeners {
            clients,
            metrics: Some(for_metrics),
        };
        let running = tokio::spawn(node.run(listeners, shutdown.clone()));
        Self {
            address,
            metrics,
            versions,
            rooms,
            objects,
            shutdown,
            running,
        }
    }

    /// What `GET /health` says under a host name.
    pub async fn health(&self, host: &str) -> Value {
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let (_, body) = exchange(self.address, &request).await;
        serde_json::from_str(&body).unwrap()
    }

    /// The status and the JSON with which a path is answered.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let (head, body) = get(self.address, path).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(&body).unwrap())
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

/// The head and the body with which a path is answered.
pub async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    exchange(address, &request).await
}

/// The head and the body with which a request is answered that asks for the connection to be closed.
pub async fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
