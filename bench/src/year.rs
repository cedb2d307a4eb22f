//! A year of edits on one board: how it opens afterwards, and what it takes on disk, beside a fresh board that shows the same.
//!
//! Edits are like those of an editor that keeps each record under a key and drags it for a while: each update sets a key and deletes what
//! was there before. Every thousand edits somebody loads the page anew and goes on under another client id.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scrible_wire::message;
use scrible_wire::varint::write_number;

use crate::client::Client;
use crate::percentiles;
use crate::server::Server;

const RECORD_BYTES: usize = 250;
/// Edits of one page load.
const STAY: u32 = 1000;
/// Updates of one record in a row.
const DRAG: u32 = 30;
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
    // By key: who set it last, and when.
    let mut last: Vec<Option<(u64, u32)>> = vec![None; records as usize];
    let mut done = 0;
    while done < edits {
        let id = 1000 + u64::from(done / STAY);
        let mut client = Client::join(&server.url, room).await?;
        let mut update = Vec::new();
        for clock in 0..STAY.min(edits - done) {
            let edit = done + clock;
            // First each record once, then drags all over the board.
            let key = match edit < records {
                true => edit,
                false => (edit / DRAG).wrapping_mul(2_654_435_761) % records,
            };
            let before = last[key as usize].replace((id, clock));
            update = message::update(&set(id, clock, key, before));
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

/// An update of `client` that sets a key of the root map `m`, in the place of what was set before.
fn set(client: u64, clock: u32, key: u32, before: Option<(u64, u32)>) -> Vec<u8> {
    let mut update = vec![1, 1];
    write_number(&mut update, client);
    write_number(&mut update, u64::from(clock));
    match before {
        // Binary with a left neighbour and a key, which is not written then.
        Some((other, at)) => {
            update.push(0xa3);
            write_number(&mut update, other);
            write_number(&mut update, u64::from(at));
        }
        None => {
            update.extend([0x23, 1, 1, b'm']);
            let key = format!("shape:{key}");
            write_number(&mut update, key.len() as u64);
            update.extend(key.as_bytes());
        }
    }
    write_number(&mut update, RECORD_BYTES as u64);
    update.extend((0..RECORD_BYTES).map(|at| (at as u32 ^ clock ^ key) as u8));
    match before {
        Some((other, at)) => {
            update.push(1);
            write_number(&mut update, other);
            update.push(1);
            write_number(&mut update, u64::from(at));
            update.push(1);
        }
        None => update.push(0),
    }
    update
}
