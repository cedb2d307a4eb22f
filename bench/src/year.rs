//! A year of edits on one board: how it opens afterwards, and what it takes on disk, beside a fresh board that shows the same.
//!
//! Edits are like those of an editor that keeps each record under a key and drags it for a while: each update sets a key and deletes what
//! was there before. Every thousand edits somebody loads the page anew and goes on under another client id.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scrible_wire::message;

use crate::client::Client;
use crate::load::forged::Board;
use crate::percentiles;
use crate::server::Server;

const RECORD_BYTES: usize = 250;
/// Edits of one page load.
const STAY: u32 = 1000;
const OPENINGS: usize = 20;

/// Edits and measures.
pub async fn year(mut server: Server, edits: u32, records: u32) -> Result<()> {
    let began = Instant::now();
    replay(&server, "old", edits, records).await?;
    let replayed = began.elapsed();
    let began = Instant::now();
    // Unloading makes the last snapshot.
    while server
        .command(&["room", "versions", "old", "--json"])
        .await?
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let unloaded = began.elapsed();
    let peak = server.peak_rss_bytes()?;
    println!(
        "year, {edits} edits on {records} records of {RECORD_BYTES} bytes, {} page loads:",
        edits.div_ceil(STAY)
    );
    println!(
        "  replayed and stored in       {:.0} s ({:.0} edits/s), unloaded within {:.1} s",
        replayed.as_secs_f64(),
        f64::from(edits) / replayed.as_secs_f64(),
        unloaded.as_secs_f64()
    );
    println!(
        "  the server's memory at most  {:.0} MiB",
        peak as f64 / 1048576.0
    );
    server.stop_and_start().await?;
    println!(
        "  database                     {:.1} MB",
        server.database_bytes() as f64 / 1e6
    );
    let old = openings(&server, "old", records).await?;
    replay(&server, "fresh", records, records).await?;
    while server
        .command(&["room", "versions", "fresh", "--json"])
        .await?
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.stop_and_start().await?;
    let fresh = openings(&server, "fresh", records).await?;
    for (name, (bytes, times)) in [("a year old", old), ("fresh", fresh)] {
        println!(
            "  {name:<10}  {:.2} MB, first after a restart {:.2} ms, later {}",
            bytes as f64 / 1e6,
            times[0].as_secs_f64() * 1e3,
            percentiles(times[1..].to_vec())
        );
    }
    Ok(())
}

async fn replay(server: &Server, room: &str, edits: u32, records: u32) -> Result<()> {
    let mut board = Board::new(records, RECORD_BYTES);
    let mut done = 0;
    while done < edits {
        let id = 1000 + u64::from(done / STAY);
        let mut client = Client::join(&server.url, room).await?;
        let mut update = Vec::new();
        for clock in 0..STAY.min(edits - done) {
            update = message::update(&board.edit(id, clock, done + clock));
            client.send(update.clone()).await?;
        }
        client.wait_for(&update).await?;
        done += STAY.min(edits - done);
    }
    Ok(())
}

/// The first is the first after the start.
async fn openings(server: &Server, room: &str, records: u32) -> Result<(usize, Vec<Duration>)> {
    let (mut bytes, mut times) = (0, Vec::new());
    for _ in 0..=OPENINGS {
        let began = Instant::now();
        let client = Client::join(&server.url, room).await?;
        times.push(began.elapsed());
        bytes = client.joined_bytes;
        ensure!(
            bytes > RECORD_BYTES * records as usize,
            "the board is not whole"
        );
    }
    Ok((bytes, times))
}
