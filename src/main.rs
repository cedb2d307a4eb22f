//! The program `scrible`: reads what was typed, and either serves or does one small task.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use scrible::access::{Doorkeeper, Hosts, Mode};
use scrible::bus::{Alone, Bus, RedisBus, RedisBusConfig};
use scrible::cli::{self, Invocation, Service};
use scrible::config::{Config, EdgeConfig, ObjectsPlace, RedisConfig};
use scrible::doc_worker::{DocWorkers, DocWorkersConfig};
use scrible::export_node::ExportNode;
use scrible::exporting::Workshop;
use scrible::follow::Writers;
use scrible::pictures::{Outside, PictureParts, Pictures};
use scrible::room::RoomsConfig;
use scrible::server::{self, Listeners, Node, NodeParts, ServerConfig};
use scrible::service::{ExportsConfig, Site};
use scrible::session::SessionConfig;
use scrible::socket::{self, Patience, PlacesConfig, SocketsConfig, TrustedProxies};
use scrible::telemetry::{self, Metrics};
use scrible_objects::Objects;
use scrible_store::{DatabaseKind, Incarnation, OpenOptions, Store, Waiting};
use scrible_wire::Limits;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Many small buffers of many threads: the system allocator keeps far more of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time over which sessions end when the server stops: y-websocket clients come back within 2.5 s anyway.
const STAGGER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    scrible_store::point::arm();
    let invocation = Invocation::from_process();
    // Before any thread or runtime.
    cli::run_alone(&invocation).unwrap_or_else(|| run(invocation))
}

#[tokio::main]
async fn run(invocation: Invocation) -> ExitCode {
    if let Err(error) = survive_file_size_limit() {
        eprintln!("scrible: {error:#}");
        return ExitCode::FAILURE;
    }
    cli::run(invocation, async |service, config| {
        let done = match service {
            Service::Server => serve(config).await,
            Service::Worker => work(config).await,
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("scrible: {error:#}");
                ExitCode::FAILURE
            }
        }
    })
    .await
}

/// The database and the place for files, once they are there.
async fn open(config: &Config) -> Result<(Arc<dyn Store>, Arc<dyn Objects>)> {
    let options = OpenOptions {
        durability: config.store.durability,
        ..OpenOptions::default()
    };
    let seconds = config.store.wait.as_secs();
    let waiting = Waiting {
        longest: config.store.wait,
        tell: &|error| tracing::warn!(%error, "waiting up to {seconds} seconds for the database"),
    };
    let opened = config.store.database.open_when_there(options, waiting);
    let store = opened.await.context("open the database")?;
    let objects = config.objects.objects().open_sooner_or_later().await;
    let objects = objects.context("open the place for files")?;
    if config.redis.is_some()
        && let ObjectsPlace::Folder(folder) = &config.objects.place
    {
        tracing::warn!(
            ?folder,
            "there may be other nodes, but files are kept in a folder of this one: let all of them have it, or set SCRIBLE_S3_BUCKET"
        );
    }
    Ok((store, objects))
}

/// Where clients, or those who ask for its health, and whoever collects metrics reach this process.
async fn listen(config: &Config) -> Result<Listeners> {
    let at = (config.listen.host.as_str(), config.listen.port);
    let clients = socket::listen(at.0, at.1).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => " (if a server is there already, --port takes another port)",
            _ => "",
        };
        anyhow::Error::new(error).context(format!("listen on {}:{}{hint}", at.0, at.1))
    })?;
    let metrics = match config.metrics_listen {
        None => None,
        Some(at) => {
            let bound = TcpListener::bind(at).await;
            let listener = bound.with_context(|| format!("listen for metrics on {at}"))?;
            let address = listener
                .local_addr()
                .context("read the address that is listened on for metrics")?;
            tracing::info!("metrics are at http://{address}/metrics");
            Some(listener)
        }
    };
    Ok(Listeners { clients, metrics })
}

/// Who fetches pictures for exports, if anybody does.
fn outside(config: &Config) -> Result<Option<Outside>> {
    Outside::of(config.objects.image_hosts.clone()).context("get ready to fetch pictures")
}

/// `scrible worker`.
async fn work(config: Config) -> Result<ExitCode> {
    telemetry::start(&config.log)?;
    let (store, objects) = open(&config).await?;
    let listeners = listen(&config).await?;
    let address = listeners.clients.local_addr();
    let address = address.context("read the address that is listened on")?;
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let places = config.exports.workers.unwrap_or_else(cores);
    let pictures = Pictures::new(PictureParts {
        assets: store.clone(),
        objects: objects.clone(),
        outside: outside(&config)?,
        max_bytes: config.documents.max_bytes,
    });
    let metrics = Arc::new(Metrics::default());
    let node = ExportNode {
        workshop: Workshop {
            store,
            objects,
            documents: DocWorkers::new(DocWorkersConfig {
                workers: places.max(1),
                ..config.documents.workers()
            }),
            pictures: Arc::new(pictures),
            metrics: metrics.exports.clone(),
        },
        metrics,
        places,
        shutdown: config.timing.shutdown,
    };
    let greeting = format!("making {places} exports at once; health is at http://{address}/health");
    if let Err(error) = writeln!(std::io::stdout(), "{greeting}") {
        tracing::debug!(%error, "greet");
    }
    node.run(listeners, shutdown).await;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> Result<ExitCode> {
    config.refuse_to_stand_open()?;
    telemetry::start(&config.log)?;
    let (store, objects) = open(&config).await?;
    let listeners = listen(&config).await?;
    let address = listeners.clients.local_addr();
    let address = address.context("read the address that is listened on")?;
    // A name may have led elsewhere than it says.
    let doorkeeper = config.access.doorkeeper(address.ip())?;
    if doorkeeper.mode == Mode::Open(Hosts::Any) {
        tracing::warn!(%address, "whoever reaches this address may edit every room that nobody has closed (SCRIBLE_OPEN)");
    }
    let greeting = server::greeting(address, &doorkeeper.mode);
    let gate = Doorkeeper::new(store.clone(), doorkeeper).context("read the keys of tokens")?;
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;
    // A terminal that has gone is no reason to stop.
    if let Err(error) = writeln!(std::io::stdout(), "{greeting}") {
        tracing::debug!(%error, "greet");
    }

    let outside = outside(&config)?;
    let server_config = ServerConfig {
        rooms: RoomsConfig {
            limits: config.limits.wire(),
            awareness_interval: config.timing.awareness_interval,
            idle: config.timing.room_idle,
            max_uncommitted_bytes: config.limits.max_uncommitted_bytes,
            capacity: config.limits.capacity,
            memory: config.limits.room_memory,
            presence: config.limits.presence(),
            compaction: config.history.compaction(),
            version_interval: config.history.version_interval,
        },
        session: SessionConfig {
            ping_interval: config.timing.ping_interval,
            keepalive: config.timing.keepalive,
            stagger: STAGGER.min(config.timing.shutdown / 2),
            pace: config.limits.pace(),
        },
        sockets: SocketsConfig {
            max_message_bytes: config.limits.max_message_bytes,
            max_incoming_bytes: config.edge.max_incoming_bytes,
        },
        places: places(&config.edge),
        patience: Patience::default(),
        trusted_proxies: TrustedProxies(config.edge.trusted_proxies),
        drain_delay: config.timing.drain_delay,
        shutdown: config.timing.shutdown,
        documents: config.documents.workers(),
        retention: config.history.retention(),
        writers: match config.store.database.kind() {
            DatabaseKind::Sqlite => Writers::One,
            DatabaseKind::Postgres => Writers::Many,
        },
        site: Site {
            public_url: config.access.public_url,
            frontend_url: config.access.frontend_url,
        },
        exports: ExportsConfig {
            life: config.exports.life,
            link_life: config.objects.link_life,
            room_bytes: config.exports.room_bytes,
        },
        export_workers: config.exports.workers.unwrap_or(1),
        assets: config.objects.assets,
    };
    let bus = bus(config.redis, server_config.rooms.limits.clone());
    let parts = NodeParts {
        store,
        objects,
        outside,
        bus,
        gate: Arc::new(gate),
    };
    let node = Node::new(parts, server_config);
    let stopped = node.run(listeners, shutdown).await;
    if stopped.unstored > 0 {
        eprintln!(
            "scrible: {} updates were received and could not be stored",
            stopped.unstored
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The way to the other nodes, if there are any.
fn bus(redis: Option<RedisConfig>, limits: Limits) -> Arc<dyn Bus> {
    let Some(redis) = redis else {
        return Arc::new(Alone);
    };
    Arc::new(RedisBus::start(RedisBusConfig {
        address: redis.address,
        prefix: redis.prefix,
        node: Incarnation::random().0,
        limits,
    }))
}

/// A write beyond the limit on file sizes (`ulimit -f`) would end the process; it shall fail like one to a full disk.
fn survive_file_size_limit() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler stays when the stream is dropped.
    let kind = SignalKind::from_raw(signal_hook::consts::SIGXFSZ);
    signal(kind).map(drop).context("listen for SIGXFSZ")
}

/// How many connections there may be, by the settings and by the files that this process may have open.
fn places(edge: &EdgeConfig) -> PlacesConfig {
    let fitting = PlacesConfig::fitting(socket::raise_open_files());
    let connections = edge.max_connections.unwrap_or(fitting.connections);
    if connections > fitting.connections {
        tracing::warn!(
            "SCRIBLE_MAX_CONNECTIONS is {connections}, but there are open files for {} only: raise the limit of open files (ulimit -n)",
            fitting.connections
        );
    }
    PlacesConfig {
        connections,
        per_address: edge.max_per_address,
        per_room: edge.max_per_room,
        plain: fitting.plain,
    }
}

/// SIGTERM or SIGINT stop the server in order; a second one at once.
fn stop_on_signal(shutdown: CancellationToken) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::spawn(async move {
        let mut next = async || tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} };
        next().await;
        shutdown.cancel();
        next().await;
        tracing::warn!(
            "stopped by a second signal; what was not stored is lost unless clients bring it back"
        );
        std::process::exit(130);
    });
    Ok(())
}
