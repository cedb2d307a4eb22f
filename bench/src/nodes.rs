//! Several nodes on one database: what a person on one waits for a person on another, what they store together, and what everything takes
//! while a thousand people draw.
//!
//! Does not start databases or proxies: it is told where they are. The one rule: what is compared runs one after the other on
//! the same machine, and everything that was sent must have come back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scrible_wire::message;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::client::Client;
use crate::load::forged::append;
use crate::percentiles;
use crate::server::{Server, get_metrics};
use crate::watched::{Program, Taken, metric};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is measured on.
#[derive(Debug, Clone, clap::Args)]
pub struct NodesConfig {
    /// A Postgres database that is empty; SQLite, and so one node, where there is none.
    #[arg(long)]
    database: Option<String>,
    /// Redis for the nodes.
    #[arg(long)]
    redis: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// The first port of the nodes, for a proxy that has to know it; any free ports otherwise.
    #[arg(long)]
    port: Option<u16>,
    /// A proxy (`ws://host:port`) by which the crowd connects, instead of evenly to the nodes.
    #[arg(long)]
    proxy: Option<String>,
    /// People in the crowd.
    #[arg(long, default_value_t = 1000)]
    people: usize,
    /// Rooms that they are spread over.
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Edits of each of them in a second.
    #[arg(long, default_value_t = 0.5)]
    rate: f64,
    /// How long they draw.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Other programs whose processor time and memory are of interest: `postgres=1234`.
    #[arg(long)]
    watch: Vec<Program>,
}

/// Measures.
pub async fn nodes(binary: &Path, config: &NodesConfig) -> Result<()> {
    let count = if config.database.is_some() {
        config.nodes
    } else {
        1
    };
    let mut nodes = Vec::new();
    for at in 0..count {
        let mut settings = vec![
            ("SCRIBLE_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            // What is measured is the journal, not the bound on one client.
            ("SCRIBLE_MAX_MESSAGES_PER_SECOND", "0".to_owned()),
            ("SCRIBLE_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ];
        settings.extend(
            config
                .database
                .iter()
                .map(|url| ("DATABASE_URL", url.clone())),
        );
        settings.extend(config.redis.iter().map(|url| ("REDIS_URL", url.clone())));
        settings.extend(
            config
                .port
                .map(|port| ("PORT", (port + at as u16).to_string())),
        );
        nodes.push(Server::start_with(binary, &settings).await?);
    }
    let bus = if config.redis.is_some() { "" } else { "out" };
    let store = match &config.database {
        Some(_) => "Postgres",
        None => "SQLite",
    };
    println!("{count} nodes on {store}, with{bus} Redis");
    let one = &nodes[0].url;
    latency(one, one, "on one node").await?;
    if let Some(other) = nodes.get(1) {
        latency(one, &other.url, "from one node to another").await?;
    }
    journal(&nodes, 1, "one room").await?;
    journal(&nodes, 16, "16 rooms").await?;
    crowd(&nodes, config).await
}

/// Send to receive, and send to echo, at 50 updates a second.
async fn latency(here: &str, there: &str, what: &str) -> Result<()> {
    let room = format!("latency/{}", what.replace(' ', "-"));
    let mut writer = Client::join(here, &room).await?;
    let mut reader = Client::join(there, &room).await?;
    let (mut to_reader, mut to_echo) = (Vec::new(), Vec::new());
    let mut due = interval(Duration::from_millis(20));
    for clock in 0..500 {
        due.tick().await;
        let update = message::update(&append(1, clock, 100));
        let sent = Instant::now();
        writer.send(update.clone()).await?;
        let both = async { tokio::try_join!(reader.wait_for(&update), writer.wait_for(&update)) };
        let (read, echoed) = timeout(PATIENCE, both).await??;
        to_reader.push(read - sent);
        to_echo.push(echoed - sent);
    }
    println!(
        "  {what}: send to receive {}, to echo {}",
        percentiles(to_reader),
        percentiles(to_echo)
    );
    Ok(())
}

/// As much as is stored in ten seconds: one writer a node in each room, each with a window of updates that are not echoed.
async fn journal(nodes: &[Server], rooms: usize, what: &str) -> Result<()> {
    const WINDOW: u32 = 128;
    const FOR: Duration = Duration::from_secs(10);
    let before = batches(nodes).await?;
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for room in 0..rooms {
        for (at, node) in nodes.iter().enumerate() {
            let (url, room) = (node.url.clone(), format!("journal-{rooms}/{room}"));
            let client = 1 + at as u64;
            let mut writer = Client::join(&url, &room).await?;
            writers.spawn(async move {
                let (mut sent, mut echoed) = (0, 0);
                while began.elapsed() < FOR || echoed < sent {
                    while sent < echoed + WINDOW && began.elapsed() < FOR {
                        writer
                            .send(message::update(&append(client, sent, 100)))
                            .await?;
                        sent += 1;
                    }
                    let wanted = message::update(&append(client, echoed, 100));
                    timeout(PATIENCE, writer.wait_for(&wanted)).await??;
                    echoed += 1;
                }
                anyhow::Ok(u64::from(echoed))
            });
        }
    }
    let mut stored = 0;
    while let Some(echoed) = writers.join_next().await {
        stored += echoed??;
    }
    let took = began.elapsed().as_secs_f64();
    let after = batches(nodes).await?;
    let (count, updates) = (after.0 - before.0, after.1 - before.1);
    println!(
        "  journal, {what}, {} writers: {:.0} updates/s stored and echoed, {:.0} batches/s of {:.1} updates",
        rooms * nodes.len(),
        stored as f64 / took,
        count / took,
        updates / count.max(1.0)
    );
    Ok(())
}

/// Batches that all nodes have stored, and updates in them.
async fn batches(nodes: &[Server]) -> Result<(f64, f64)> {
    let (mut count, mut sum) = (0.0, 0.0);
    for node in nodes {
        let page = get_metrics(node.metrics()?).await?;
        count += metric(&page, "scrible_journal_batch_updates_count")?;
        sum += metric(&page, "scrible_journal_batch_updates_sum")?;
    }
    Ok((count, sum))
}

/// Many people who draw slowly; everybody in a room hears everybody.
async fn crowd(nodes: &[Server], config: &NodesConfig) -> Result<()> {
    let mut joined = Vec::new();
    for at in 0..config.people {
        let url = match &config.proxy {
            Some(proxy) => proxy,
            None => &nodes[at % nodes.len()].url,
        };
        // So that people of one room are on all nodes.
        let room = format!("crowd/{}", (at / nodes.len()) % config.rooms);
        joined.push((at, room.clone(), Client::join(url, &room).await?));
    }
    let parts: Vec<Program> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            Ok(Program {
                name: format!("node {at}"),
                pid: node.pid()?.as_raw_nonzero().get() as u32,
            })
        })
        .chain(config.watch.iter().cloned().map(Ok))
        .collect::<Result<_>>()?;
    let taken = || -> Result<Vec<Taken>> { parts.iter().map(Program::taken).collect() };
    let before = taken()?;
    let began = Instant::now();
    let until = Duration::from_secs(config.seconds);
    let pause = Duration::from_secs_f64(1.0 / config.rate);
    let mut people = JoinSet::new();
    for (at, _, mut client) in joined {
        people.spawn(async move {
            let own = 1_000 + at as u64;
            // Not all at the same moment.
            tokio::time::sleep(pause.mul_f64(at as f64 * 0.618 % 1.0)).await;
            let mut due = interval(pause);
            let (mut clock, mut heard, mut echoes) = (0, 0_u64, Vec::new());
            let mut waiting: Option<(Vec<u8>, Instant)> = None;
            while began.elapsed() < until || waiting.is_some() {
                tokio::select! {
                    _ = due.tick(), if waiting.is_none() && began.elapsed() < until => {
                        let update = message::update(&append(own, clock, 100));
                        client.send(update.clone()).await?;
                        waiting = Some((update, Instant::now()));
                        clock += 1;
                    }
                    frame = timeout(PATIENCE, client.next()) => {
                        let frame = frame??;
                        heard += 1;
                        if let Some((_, sent)) = waiting.take_if(|(update, _)| *update == frame) {
                            echoes.push(sent.elapsed());
                        }
                    }
                }
            }
            anyhow::Ok((clock, heard, echoes))
        });
    }
    let (mut sent, mut heard, mut echoes) = (0, 0, Vec::new());
    while let Some(person) = people.join_next().await {
        let (clock, frames, times) = person??;
        ensure!(times.len() == clock as usize, "an edit never came back");
        sent += u64::from(clock);
        heard += frames;
        echoes.extend(times);
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "  crowd: {} people in {} rooms for {took:.0} s: {:.0} edits/s, {:.0} frames/s heard, send to echo {}",
        config.people,
        config.rooms,
        sent as f64 / took,
        heard as f64 / took,
        percentiles(echoes)
    );
    for ((part, before), after) in parts.iter().zip(before).zip(taken()?) {
        println!(
            "    {:10} {:5.1} % of a processor, {:6.0} MiB",
            part.name,
            (after.seconds - before.seconds) / took * 100.0,
            after.mib
        );
    }
    Ok(())
}
