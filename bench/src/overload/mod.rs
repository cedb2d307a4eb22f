//! What neighbours feel while somebody overloads the server: time from send to receive in calm and under attack, in the attacked room and in
//! another one, beside the server's memory and what became of the attackers.
//!
//! Neighbours live on a thread of their own, attackers on threads with a lower priority and behind other loopback addresses, so that what is
//! measured is the server. The rule: a run is good where the 99th percentile of each pair, median of the repeats, is at most
//! max(2 × calm, 50 ms), and no neighbour was closed.

mod attacks;
mod neighbours;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::server::Server;
use attacks::Fates;
use neighbours::{Neighbours, Pair};

const BOUND: Duration = Duration::from_millis(50);
/// How much less the attackers' threads may take of a busy processor than the neighbours'.
const NICE: i32 = 10;

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// 50 clients of a room with 1 MiB/s of edits that never read
    NeverReading,
    /// 50 clients of such a room that read 1 kB/s each
    SlowReaders,
    /// 4 clients that move their cursors as fast as they can
    Awareness,
    /// A client that makes 5,000 updates a second
    Writer,
    /// 2,000 clients that join at once, and again whenever they are through
    Reconnects,
    /// 2,000 connections that send their request byte by byte
    Slowloris,
    /// 8 clients that send messages of 60 MiB, and announce ones of a terabyte
    Oversized,
    /// 8 clients that send fragments of messages that never end
    Fragments,
    /// A client that brings a million client ids to the room
    ClientIds,
    /// 200 people at as many addresses who try passwords of the room as fast as they are answered
    Passwords,
}

/// How it is measured.
pub struct OverloadConfig {
    /// One case, or all.
    pub case: Option<Case>,
    /// Runs of each case, of which the median counts.
    pub repeats: usize,
    /// Seconds of calm, and of attack.
    pub seconds: u64,
    /// Above this resident memory of the server a case fails.
    pub max_rss_mib: Option<usize>,
}

/// Where the attack goes, and until when.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub room: String,
    pub stop: CancellationToken,
    pub fates: Fates,
}

/// The 99th percentiles of a pair.
struct Percentiles {
    calm: Duration,
    attacked: Duration,
}

/// What one run showed.
struct Run {
    /// Of the pair in the attacked room, and of the pair in another.
    rooms: [Percentiles; 2],
    peak_rss: usize,
    fates: BTreeMap<String, usize>,
    closed: Option<String>,
}

/// Runs the cases and prints a table; an error when one is not good.
pub async fn overload(binary: &Path, config: OverloadConfig) -> Result<()> {
    let cases = match config.case {
        Some(one) => vec![one],
        None => Case::value_variants().to_vec(),
    };
    println!(
        "| case | room | calm p99 ms | attacked p99 ms | bound ms | ok | peak RSS MiB | attackers |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut bad = Vec::new();
    for case in cases {
        let mut runs = Vec::new();
        for _ in 0..config.repeats.max(1) {
            runs.push(run(binary, case, &config).await?);
        }
        if !report(case, &runs, config.max_rss_mib) {
            bad.push(name(case));
        }
    }
    if !bad.is_empty() {
        bail!("neighbours or memory suffer from: {}", bad.join(", "));
    }
    Ok(())
}

fn name(case: Case) -> String {
    let value = case.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

async fn run(binary: &Path, case: Case, config: &OverloadConfig) -> Result<Run> {
    let server = Server::start(binary).await?;
    let neighbours = Neighbours::start(&server.url, ["attacked", "quiet"])?;
    let phase = Duration::from_secs(config.seconds);
    // The first updates open files and rooms.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calm = Instant::now();
    tokio::time::sleep(phase).await;
    server.reset_peak()?;
    let attacked = Instant::now();
    let target = Target {
        address: server
            .url
            .trim_start_matches("ws://")
            .parse()
            .context("the server's address")?,
        room: "attacked".into(),
        stop: CancellationToken::new(),
        fates: Fates::default(),
    };
    let attackers = attackers()?;
    let attack: BoxFuture<'static, ()> = Box::pin(attacks::attack(case, target.clone()));
    let attack = attackers.spawn(attack);
    tokio::time::sleep(phase).await;
    let end = Instant::now();
    let peak_rss = server
        .peak_rss_bytes()
        .context("the server did not survive")?;
    let [same, other] = neighbours.stop()?;
    target.stop.cancel();
    attack.await?;
    // Dropping a runtime would block this one.
    attackers.shutdown_background();
    let percentiles = |pair: &Pair| Percentiles {
        calm: pair.p99(calm..attacked),
        attacked: pair.p99(attacked..end),
    };
    let closed = [&same, &other]
        .into_iter()
        .find_map(|pair| pair.closed.clone());
    Ok(Run {
        rooms: [percentiles(&same), percentiles(&other)],
        peak_rss,
        fates: target.fates.take(),
        closed,
    })
}

/// Threads for the attackers, which give way to all others.
fn attackers() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(|| {
            // Without it the measurement is only less exact.
            let _ = rustix::process::nice(NICE);
        })
        .enable_all()
        .build()?;
    Ok(runtime)
}

/// Prints the lines of a case; whether it is good.
fn report(case: Case, runs: &[Run], max_rss_mib: Option<usize>) -> bool {
    let peak = runs.iter().map(|run| run.peak_rss).max().unwrap_or(0) >> 20;
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    for (fate, count) in runs.iter().flat_map(|run| &run.fates) {
        *fates.entry(fate).or_default() += count;
    }
    let fates: Vec<_> = fates
        .iter()
        .map(|(fate, n)| format!("{n} {fate}"))
        .collect();
    let fates = fates.join(", ");
    let closed = runs.iter().find_map(|run| run.closed.clone());
    let mut good = closed.is_none() && max_rss_mib.is_none_or(|most| peak <= most);
    for (at, room) in ["same", "other"].into_iter().enumerate() {
        let calm = median(runs.iter().map(|run| run.rooms[at].calm));
        let attacked = median(runs.iter().map(|run| run.rooms[at].attacked));
        let bound = BOUND.max(2 * calm);
        let ok = attacked <= bound;
        good &= ok;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "| {} | {room} | {:.2} | {:.2} | {:.0} | {} | {peak} | {fates} |",
            name(case),
            ms(calm),
            ms(attacked),
            ms(bound),
            if ok { "yes" } else { "**no**" },
        );
    }
    if let Some(closed) = closed {
        println!("  a neighbour was closed: {closed}");
    }
    good
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}
