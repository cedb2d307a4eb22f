//! Measures the release binary over real sockets: `cargo run --release -p scrible-bench`.
//!
//! The server is started for each measurement with default settings (SQLite, full sync) on a database of its own. Clients forge their updates, so
//! that no CRDT stands in the measured path. Figures are printed, never asserted: machines differ.

mod api;
mod client;
mod exports;
mod nodes;
mod overload;
mod peers;
mod process;
mod server;
mod soak;
mod watched;
mod year;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use scrible_wire::message;

use client::{Client, forge};
use exports::ExportsConfig;
use nodes::NodesConfig;
use overload::{Case, OverloadConfig, overload};
use peers::check::{self, CheckConfig};
use peers::reference::{self, ReferenceConfig};
use server::Server;

#[derive(Parser)]
struct Args {
    /// The server to measure.
    #[arg(long, default_value = "target/release/scrible")]
    server: PathBuf,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand, Clone)]
enum What {
    /// Send to receive, and send to durable echo, at a light load.
    Latency {
        /// Updates to send.
        #[arg(long, default_value_t = 1000)]
        updates: u32,
        /// Updates a second.
        #[arg(long, default_value_t = 50)]
        rate: u32,
    },
    /// One client's edits to many others.
    FanOut {
        /// Who listen.
        #[arg(long, default_value_t = 100)]
        readers: usize,
        /// Updates to send.
        #[arg(long, default_value_t = 2000)]
        updates: u32,
        /// Updates a second: what comes at once goes out at once, and costs less.
        #[arg(long, default_value_t = 500)]
        rate: u32,
    },
    /// Memory of connections that have joined and do nothing.
    Idle {
        /// Connections.
        #[arg(long, default_value_t = 5000)]
        connections: usize,
        /// Rooms that they are spread over.
        #[arg(long, default_value_t = 500)]
        rooms: usize,
    },
    /// Memory while many open a large board at once.
    Joiners {
        /// Clients.
        #[arg(long, default_value_t = 20)]
        clients: usize,
        /// Size of the board in MiB.
        #[arg(long, default_value_t = 40)]
        mib: usize,
    },
    /// A board that was edited for a year, against a fresh one that shows the same.
    Year {
        /// Edits in all.
        #[arg(long, default_value_t = 1_000_000)]
        edits: u32,
        /// Records on the board, about 250 bytes each.
        #[arg(long, default_value_t = 2000)]
        records: u32,
    },
    /// What neighbours feel while somebody overloads the server
    Overload {
        /// One case; all where none is named.
        #[arg(long, value_enum)]
        case: Option<Case>,
        /// Runs of each case, of which the median counts.
        #[arg(long, default_value_t = 5)]
        repeats: usize,
        /// Seconds of calm, and of attack.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// A case fails where the server's resident memory was ever above this, in MiB.
        #[arg(long)]
        max_rss_mib: Option<usize>,
    },
    /// Rooms that open and close, people who draw, and a little of everything that goes wrong: does anything grow or get lost?
    Soak {
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
    /// Several nodes on one database: latency, what they store, and what all parts take while a crowd draws
    Nodes(NodesConfig),
    /// Exports of a board with 50 shapes: how many a second, and how long it is from an order to a link
    Exports(ExportsConfig),
    /// Start each peer of the comparison once, and let two clients see each other there
    Peers(CheckConfig),
    /// The reference of comparisons: hands each frame to all others in the room
    #[command(hide = true)]
    Reference(ReferenceConfig),
    /// From connecting to holding a board.
    Open {
        /// Records on the board, about 400 bytes each.
        #[arg(long, default_value_t = 5000)]
        records: u32,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(What::Reference(config)) = &args.what {
        // It makes a runtime of its own, with one thread.
        return reference::run(config);
    }
    measure(args)
}

#[tokio::main]
async fn measure(args: Args) -> Result<()> {
    let all = [
        What::Latency {
            updates: 1000,
            rate: 50,
        },
        What::FanOut {
            readers: 100,
            updates: 2000,
            rate: 500,
        },
        What::Idle {
            connections: 5000,
            rooms: 500,
        },
        What::Open { records: 5000 },
        What::Joiners {
            clients: 20,
            mib: 40,
        },
    ];
    for what in args.what.map_or(all.to_vec(), |one| vec![one]) {
        if let What::Overload {
            case,
            repeats,
            seconds,
            max_rss_mib,
        } = what
        {
            // Each run has a server of its own.
            let config = OverloadConfig {
                case,
                repeats,
                seconds,
                max_rss_mib,
            };
            overload(&args.server, config).await?;
            continue;
        }
        if let What::Nodes(config) = &what {
            nodes::nodes(&args.server, config).await?;
            continue;
        }
        if let What::Exports(config) = &what {
            exports::exports(&args.server, config).await?;
            continue;
        }
        if let What::Peers(config) = &what {
            check::check(&args.server, config).await?;
            continue;
        }
        if let What::Soak { minutes } = what {
            soak::soak(&args.server, minutes).await?;
            continue;
        }
        if let What::Year { edits, records } = what {
            // A year in a minute is more than one client may send.
            let settings = [("SCRIBLE_MAX_MESSAGES_PER_SECOND", "0".to_owned())];
            let server = Server::start_with(&args.server, &settings).await?;
            year::year(server, edits, records).await?;
            continue;
        }
        let server = Server::start(&args.server).await?;
        match what {
            What::Latency { updates, rate } => latency(&server, updates, rate).await?,
            What::FanOut {
                readers,
                updates,
                rate,
            } => fan_out(&server, readers, updates, rate).await?,
            What::Idle { connections, rooms } => idle(&server, connections, rooms).await?,
            What::Joiners { clients, mib } => joiners(server, clients, mib).await?,
            What::Open { records } => open(server, records).await?,
            What::Year { .. }
            | What::Overload { .. }
            | What::Soak { .. }
            | What::Nodes(_)
            | What::Exports(_)
            | What::Peers(_)
            | What::Reference(_) => {
                unreachable!("done above")
            }
        }
    }
    Ok(())
}

async fn latency(server: &Server, updates: u32, rate: u32) -> Result<()> {
    let mut writer = Client::join(&server.url, "latency").await?;
    let mut reader = Client::join(&server.url, "latency").await?;
    let (mut to_reader, mut to_echo) = (Vec::new(), Vec::new());
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    for clock in 0..updates {
        due.tick().await;
        let update = message::update(&forge(1, clock, 100));
        let sent = Instant::now();
        writer.send(update.clone()).await?;
        let (read, echoed) = tokio::try_join!(reader.wait_for(&update), writer.wait_for(&update))?;
        to_reader.push(read - sent);
        to_echo.push(echoed - sent);
    }
    println!("latency, {updates} updates of 100 bytes at {rate}/s:");
    println!("  send to receive  {}", percentiles(to_reader));
    println!("  send to echo     {}", percentiles(to_echo));
    Ok(())
}

async fn fan_out(server: &Server, readers: usize, updates: u32, rate: u32) -> Result<()> {
    let mut writer = Client::join(&server.url, "fan-out").await?;
    let last = message::update(&forge(1, updates - 1, 100));
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..readers {
        let (mut reader, last) = (Client::join(&server.url, "fan-out").await?, last.clone());
        reading.spawn(async move { reader.wait_for(&last).await });
    }
    let spent = server.cpu_seconds()?;
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    for clock in 0..updates {
        due.tick().await;
        writer.send(message::update(&forge(1, clock, 100))).await?;
    }
    while let Some(read) = reading.join_next().await {
        read??;
    }
    // The clock says little where clients and server share a machine.
    let spent = (server.cpu_seconds()? - spent) * 1e6 / (readers * updates as usize) as f64;
    println!(
        "fan-out: {updates} updates of 100 bytes at {rate}/s to {readers} readers take {spent:.2} µs of the server's processor time for each of them"
    );
    Ok(())
}

async fn idle(server: &Server, connections: usize, rooms: usize) -> Result<()> {
    let before = server.rss_bytes()?;
    let mut clients = Vec::new();
    for at in 0..connections {
        clients.push(Client::join(&server.url, &format!("idle/{}", at % rooms)).await?);
    }
    let grown = server.rss_bytes()?.saturating_sub(before);
    let each = grown as f64 / connections as f64 / 1024.0;
    println!(
        "idle: {connections} connections in {rooms} rooms take {each:.1} KiB each (rooms included)"
    );
    Ok(())
}

async fn open(mut server: Server, records: u32) -> Result<()> {
    let mut writer = Client::join(&server.url, "board").await?;
    let mut last = Vec::new();
    for clock in 0..records {
        last = message::update(&forge(1, clock, 400));
        writer.send(last.clone()).await?;
    }
    writer.wait_for(&last).await?;
    let times = |url: String| async move {
        let mut times = Vec::new();
        for _ in 0..20 {
            let begin = Instant::now();
            let client = Client::join(&url, "board").await?;
            times.push(begin.elapsed());
            anyhow::ensure!(
                client.joined_bytes > 400 * records as usize,
                "the board is not whole"
            );
        }
        Ok(times)
    };
    println!("open, a board of {records} records of 400 bytes, one update each:");
    println!(
        "  connect to step 2                 {}",
        percentiles(times(server.url.clone()).await?)
    );
    server.restart().await?;
    let after: Vec<Duration> = times(server.url.clone()).await?;
    println!(
        "  first after a restart             {:.2} ms",
        after[0].as_secs_f64() * 1e3
    );
    println!(
        "  later                             {}",
        percentiles(after[1..].to_vec())
    );
    Ok(())
}

async fn joiners(mut server: Server, clients: usize, mib: usize) -> Result<()> {
    let mut writer = Client::join(&server.url, "board").await?;
    let mut last = Vec::new();
    for clock in 0..mib as u32 * 16 {
        last = message::update(&forge(1, clock, 64 << 10));
        writer.send(last.clone()).await?;
    }
    writer.wait_for(&last).await?;
    // What storing it took is gone with the old process.
    server.restart().await?;
    let first = Client::join(&server.url, "board").await?;
    server.reset_peak()?;
    let before = server.rss_bytes()?;
    let begin = Instant::now();
    let joins = (0..clients).map(|_| Client::join(&server.url, "board"));
    let joined = futures_util::future::try_join_all(joins).await?;
    let took = begin.elapsed();
    anyhow::ensure!(
        joined
            .iter()
            .all(|client| client.joined_bytes == first.joined_bytes),
        "not all got the same"
    );
    println!(
        "joiners: {clients} at once of a board of {mib} MiB, {:.2} s:",
        took.as_secs_f64()
    );
    println!(
        "  memory with the room open  {:.0} MiB",
        before as f64 / 1048576.0
    );
    let mib = |bytes: usize| bytes.saturating_sub(before) as f64 / 1048576.0;
    let (peak, after) = (mib(server.peak_rss_bytes()?), mib(server.rss_bytes()?));
    println!("  growth                     {peak:.0} MiB at the peak, {after:.0} MiB after");
    Ok(())
}

/// As p50 and p99.
fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms (n = {})",
        at(0.5),
        at(0.99),
        times.len()
    )
}

/// Shared by the modules: a step that names itself when it fails.
fn expect<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.context(what)
}
