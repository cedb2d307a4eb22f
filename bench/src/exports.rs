//! Exports of a board with 50 shapes: how many a second one worker makes, and how long it is from an order to a link.
//!
//! Every board has an edit of its own before each order, so that nothing is had from a cache. What is ordered is waited for over the API, as
//! programs do. The rule: an export counts only if it has a link.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hyper::Method;
use scrible_wire::message;
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::Client;
use crate::load::forged::append;
use crate::percentiles;
use crate::server::Server;

/// A board as an editor made it.
const BOARD: &[u8] = include_bytes!("../boards/board-50.bin");
/// So that no room's queue is full.
const ROOMS: usize = 8;
/// For one export.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is measured, and against what.
#[derive(Args, Clone)]
pub struct ExportsConfig {
    /// Exports that are ordered at once, to be counted a second.
    #[arg(long, default_value_t = 200)]
    jobs: usize,
    /// Exports that are ordered one after the other, from request to link.
    #[arg(long, default_value_t = 100)]
    orders: usize,
    /// What they become: png, svg or pdf.
    #[arg(long, default_value = "png")]
    format: String,
    /// Another database than a SQLite file. SCRIBLE_S3_… of the environment reach the server.
    #[arg(long)]
    database: Option<String>,
}

/// Measures and prints.
pub async fn exports(binary: &std::path::Path, config: &ExportsConfig) -> Result<()> {
    let database = config.database.iter();
    let settings: Vec<_> = database.map(|url| ("DATABASE_URL", url.clone())).collect();
    let server = Server::start_with(binary, &settings).await?;
    let mut api = Api::open(&server.url).await?;
    let mut people = Vec::new();
    for at in 0..ROOMS {
        let room = format!("exports-{}-{at}", std::process::id());
        let mut person = Client::join(&server.url, &room).await?;
        let board = message::update(BOARD);
        person.send(board.clone()).await?;
        person.wait_for(&board).await?;
        people.push((room, person));
    }
    let order = json!({"format": config.format});

    let mut times = Vec::new();
    for at in 0..config.orders {
        let (room, person) = &mut people[at % ROOMS];
        let edit = message::update(&append(1, (at / ROOMS) as u32, 20));
        person.send(edit.clone()).await?;
        person.wait_for(&edit).await?;
        let began = Instant::now();
        let made = ordered(&mut api, room, &order, PATIENCE).await?;
        times.push(began.elapsed());
        ensure!(made["state"] == "completed", "{made}");
        ensure!(made["url"].is_string(), "{made}");
    }

    let began = Instant::now();
    let spent = server.cpu_seconds()?;
    let mut paths = Vec::new();
    for at in 0..config.jobs {
        let room = &people[at % ROOMS].0;
        let made = ordered(&mut api, room, &order, Duration::ZERO).await?;
        let id = made["id"].as_str().context("its id")?;
        paths.push(format!("/api/exports/{id}"));
    }
    for path in &paths {
        let made = api.ask(Method::GET, path, PATIENCE, None).await?;
        ensure!(made["state"] == "completed", "{made}");
    }
    let took = began.elapsed();
    println!(
        "exports, a board of 50 shapes as {}, one worker:",
        config.format
    );
    println!("  order to link  {}", percentiles(times));
    println!(
        "  ordered at once: {:.1} a second ({} in {:.2} s), {:.1} ms of the server's processor time each, without its doc workers'",
        config.jobs as f64 / took.as_secs_f64(),
        config.jobs,
        took.as_secs_f64(),
        (server.cpu_seconds()? - spent) * 1e3 / config.jobs as f64
    );
    Ok(())
}

/// An export as it is once it has ended, or after `wait`.
pub async fn ordered(api: &mut Api, room: &str, order: &Value, wait: Duration) -> Result<Value> {
    let path = format!("/api/exports/{room}");
    api.ask(Method::POST, &path, wait, Some(order)).await
}
