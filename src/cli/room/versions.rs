//! Versions of a room: listed, kept, written out, and put back into the live room.
//!
//! Reading works on the database, beside a server or without one; putting back goes through the running server like any client. The
//! rule: what a line reports as stored is.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use scrible_store::SnapshotInfo;
use scrible_wire::{Limits, merge};
use serde::Serialize;

use super::Format;
use crate::access::Secret;
use crate::cli::backup;
use crate::compact::{Keep, Keeper};
use crate::remote::{Line, address};
use crate::room::RoomName;
use crate::service::{before_restoring, keep_patiently};

#[derive(Serialize)]
struct Row<'a> {
    version: u64,
    time_ms: i64,
    bytes: u64,
    seq: u64,
    label: Option<&'a str>,
    author: Option<&'a str>,
}

pub async fn versions(keeper: &Keeper, room: &RoomName, json: bool) -> Result<()> {
    let known = keeper.store.snapshots(room.as_str()).await?;
    let Some(known) = known else {
        bail!("there is no room {room:?} in the database");
    };
    let mut out = std::io::stdout().lock();
    let mut any = false;
    for info in known.snapshots.iter().filter(|info| info.listed) {
        any = true;
        match json {
            true => writeln!(out, "{}", serde_json::to_string(&row(info))?)?,
            false => writeln!(out, "{}", line(info))?,
        }
    }
    if !any && !json {
        writeln!(
            out,
            "no version of {room:?} yet; `scrible room keep` makes one"
        )?;
    }
    Ok(())
}

fn row(info: &SnapshotInfo) -> Row<'_> {
    Row {
        version: info.version,
        time_ms: info.time_ms,
        bytes: info.size,
        seq: info.seq,
        label: info.label.as_deref(),
        author: info.author.as_deref(),
    }
}

fn line(info: &SnapshotInfo) -> String {
    let (version, size) = (info.version, backup::size(info.size));
    let time = humantime::format_rfc3339_seconds(
        std::time::UNIX_EPOCH
            + std::time::Duration::from_millis(info.time_ms.max(0).unsigned_abs()),
    );
    let label = info
        .label
        .as_deref()
        .map_or(String::new(), |label| format!("  {label:?}"));
    format!("{version:>6}  {time}  {size:>10}{label}")
}

pub async fn keep(keeper: &Keeper, room: &RoomName, label: Option<&str>) -> Result<()> {
    let label = label.map(Arc::from);
    let kept = keep_patiently(
        keeper,
        room,
        &Keep::Version {
            label,
            author: None,
        },
    )
    .await?;
    let size = backup::size(kept.snapshot.bytes as u64);
    println!("version {} of {room:?}: {size}", kept.version);
    Ok(())
}

pub async fn show(
    keeper: &Keeper,
    room: &RoomName,
    version: Option<u64>,
    format: Format,
) -> Result<Bytes> {
    let updates = match version {
        Some(version) => vec![keeper.version(room.as_str(), version).await?.data],
        None => stored(keeper, room).await?,
    };
    match format {
        Format::Json => Ok(keeper.documents.json(updates).await?),
        Format::Update => {
            let parts = updates.iter().map(|update| &update[..]);
            Ok(merge::merge(parts, &Limits::default())
                .context("merge what is stored")?
                .into())
        }
    }
}

/// What is stored of a room now, in order.
pub async fn stored(keeper: &Keeper, room: &RoomName) -> Result<Vec<Bytes>> {
    let stored = keeper.store.load(room.as_str()).await?;
    let Some(stored) = stored else {
        bail!("there is no room {room:?} in the database");
    };
    let base = stored.base.into_iter().map(|base| base.data);
    let rows = stored.updates.into_iter().map(|row| row.bytes);
    Ok(base.chain(rows).collect())
}

pub fn write(bytes: &Bytes, format: Format, output: Option<&PathBuf>) -> Result<()> {
    match output {
        Some(path) if path.as_os_str() != "-" => {
            std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
        }
        _ => {
            let mut out = std::io::stdout().lock();
            if format == Format::Update && out.is_terminal() {
                bail!("an update is no text for a terminal: name a file with --output");
            }
            out.write_all(bytes)?;
            if format == Format::Json {
                writeln!(out)?;
            }
            Ok(())
        }
    }
}

/// Where a version is put back, and by whom.
pub struct Through<'a> {
    /// The server.
    pub server: &'a str,
    /// What is shown to it.
    pub token: Option<&'a Secret>,
}

pub async fn restore(
    keeper: &Keeper,
    room: &RoomName,
    version: u64,
    Through { server, token }: Through<'_>,
) -> Result<()> {
    let target = keeper.version(room.as_str(), version).await?;
    let mut line = Line::open(&address(server, room)?, token).await?;
    let theirs = line.greeting().await?;
    let mut current = Vec::new();
    line.content(|update| current.push(Bytes::copy_from_slice(update)))
        .await?;
    // All that the server has just sent must be in the version that is kept, so it has to be stored.
    line.settled().await?;
    let before = keep_patiently(keeper, room, &before_restoring(version, None)).await?;
    if !keeper_sees(&before.data, &theirs) {
        bail!(
            "the server at {server} does not store in this database: name the right one with --server or --database-url"
        );
    }
    let restoration = keeper.documents.restore(current, vec![target.data]).await?;
    for sentence in &restoration.left {
        eprintln!("scrible: left as it is: {sentence}");
    }
    let Some(update) = restoration.update else {
        println!("room {room:?} shows version {version} already");
        return Ok(());
    };
    line.store(vec![update.to_vec()], |_| {})
        .await
        .map_err(|stopped| stopped.error)?;
    line.close().await;
    let (changes, before) = (restoration.changes, before.version);
    println!(
        "room {room:?} shows version {version} again: {changes} changes, stored; what was there before is version {before}"
    );
    Ok(())
}

/// Whether a snapshot has all that a server said its room had.
fn keeper_sees(snapshot: &Bytes, theirs: &scrible_wire::StateVector) -> bool {
    let contents = crate::room::Contents::read(std::slice::from_ref(snapshot), &Limits::default());
    contents.is_ok_and(|contents| contents.clocks.state_vector().covers(theirs))
}
