//! `scrible room inspect`: everything that is stored of one room and known about it, for whoever is woken because of it.
//!
//! Gathers; how it is told is `report`'s. Works on the database, beside a server or without one, and changes nothing. The rule: what
//! could end this process comes last, after everything before it was told.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use scrible_store::{Database, DeadLetter, Inspection, RoomRecord};
use scrible_wire::{Clocks, Limits, Malformed, scan};

use super::report::{Client, Line, Untaken};
use super::roots::roots;
use super::stored;
use crate::cli::check;
use crate::compact::Keeper;
use crate::doc_worker::DocError;
use crate::room::RoomName;

/// How many of the largest rows, and of the clients with most structs, are told.
const TOP: usize = 5;
/// Why it cannot be done on a server.
const NEEDS_A_FILE: &str =
    "this looks into SQLite files; `scrible room versions`, `show`, `set-aside` and `release` work";

/// How it is told, and what else is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `--json`.
    pub json: bool,
    /// `--dead-letters`.
    pub dead_letters: Option<PathBuf>,
}

/// Tells everything about a room.
pub async fn inspect(
    keeper: &Keeper,
    database: &Database,
    name: &RoomName,
    options: &Options,
) -> Result<()> {
    let mut telling = Telling {
        json: options.json,
        remedies: Vec::new(),
    };
    let record = keeper.store.room_record(name.as_str()).await?;
    let letters = keeper.store.dead_letters(name.as_str()).await?;
    let mut inspection = Inspection::open(super::super::file_of(database, NEEDS_A_FILE)?).await?;
    let is_stored = tell_stored(&mut inspection, name, &mut telling).await?;
    if !is_stored && record.is_none() && letters.is_empty() {
        bail!("there is no room {name:?} in the database, and nothing is known of it");
    }
    if !is_stored {
        telling.tell(&Line::Unstored {
            room: name.to_string(),
        })?;
    }
    tell_record(record.as_ref(), name, &mut telling)?;
    for letter in &letters {
        telling.tell(&Line::of_letter(letter))?;
    }
    if let Some(folder) = &options.dead_letters {
        write_out(&letters, folder)?;
    } else if !letters.is_empty() {
        telling.remedy(
            format!("dead letters of it are kept: {}", letters.len()),
            "`--dead-letters DIR` writes their bytes into files",
        );
    }
    if is_stored {
        tell_soundness(&mut inspection, &mut telling).await?;
        tell_content(keeper, name, &mut telling).await?;
    }
    inspection.close().await;
    for line in std::mem::take(&mut telling.remedies) {
        telling.tell(&line)?;
    }
    Ok(())
}

/// Where lines go, and what is to be said at the end.
struct Telling {
    json: bool,
    remedies: Vec<Line>,
}

impl Telling {
    fn tell(&self, line: &Line) -> Result<()> {
        let text = match self.json {
            true => serde_json::to_string(line)?,
            false => line.text(),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        // What comes next may be what the room is feared for.
        Ok(out.flush()?)
    }

    fn remedy(&mut self, reason: impl Into<String>, remedy: impl Into<String>) {
        self.remedies.push(Line::Trouble {
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }
}

/// The room, its snapshots and the size of its rows, none of which is looked into. `false` when it is not stored.
async fn tell_stored(
    inspection: &mut Inspection,
    name: &RoomName,
    telling: &mut Telling,
) -> Result<bool> {
    let Some(room) = inspection.room(name.as_str()).await? else {
        return Ok(false);
    };
    // What is damaged of them is told later.
    let infos = inspection.snapshot_infos().await?;
    let all_snapshots = infos.len() as u64;
    let snapshots: Vec<_> = infos
        .into_iter()
        .filter_map(|(_, found)| found.ok())
        .collect();
    let newest = snapshots.first().map_or(0, |info| info.seq);
    let (mut rows, mut row_bytes, mut after, mut after_bytes) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut largest: Vec<(u64, u64)> = Vec::new();
    loop {
        let some = inspection.next_rows().await?;
        if some.is_empty() {
            break;
        }
        for row in some {
            let bytes = row.found.map_or(0, |bytes| bytes.len() as u64);
            (rows, row_bytes) = (rows + 1, row_bytes + bytes);
            if row.seq > newest {
                (after, after_bytes) = (after + 1, after_bytes + bytes);
            }
            largest.push((bytes, row.seq));
            if largest.len() > 2 * TOP {
                keep_largest(&mut largest);
            }
        }
    }
    keep_largest(&mut largest);
    telling.tell(&Line::Room {
        room: room.name,
        id: room.id.0,
        head: room.head.ok(),
        snapshots: all_snapshots,
        rows,
        row_bytes,
        rows_after_snapshot: after,
        bytes_after_snapshot: after_bytes,
    })?;
    for info in &snapshots {
        telling.tell(&Line::of_snapshot(info))?;
    }
    for (bytes, seq) in largest {
        telling.tell(&Line::LargeRow { seq, bytes })?;
    }
    if let Some(note) = snapshots.first().and_then(|info| info.note.as_deref()) {
        telling.remedy(
            format!("its newest snapshot was merged byte by byte: {note}"),
            "nothing; it goes on serving, and keeps its garbage until it can be opened as a document",
        );
    }
    if room.set_aside > 0 {
        let reason = format!(
            "repair took {} rows and snapshots out of it",
            room.set_aside
        );
        telling.remedy(reason, "nothing; they are kept in the table room_damaged");
    }
    Ok(true)
}

fn tell_record(record: Option<&RoomRecord>, name: &RoomName, telling: &mut Telling) -> Result<()> {
    let Some(record) = record else {
        return Ok(());
    };
    telling.tell(&Line::of_record(record))?;
    let times = match record.deaths {
        0 => String::new(),
        1 => "; a server process ended once while opening it".to_owned(),
        deaths => format!("; {deaths} times a server process ended while opening it"),
    };
    match record.set_aside {
        None => telling.remedy(
            format!("it is suspect{times}"),
            "nothing; it is opened with care, and clean once it was read",
        ),
        Some(_) => telling.remedy(
            format!("it is set aside and is not opened{times}"),
            format!(
                "`scrible room show {name:?} --format update --output FILE` copies it; where it opens as a document, \
                 `scrible room release {name:?}` lets it open again"
            ),
        ),
    }
    Ok(())
}

/// What `scrible check` finds in it.
async fn tell_soundness(inspection: &mut Inspection, telling: &mut Telling) -> Result<()> {
    let Some(room) = inspection.again().await? else {
        return Ok(());
    };
    let verdict = check::judge(inspection, &room).await?;
    for damaged in &verdict.damaged_snapshots {
        telling.tell(&Line::DamagedSnapshot {
            version: damaged.version,
            reason: damaged.why.clone(),
        })?;
    }
    for damaged in verdict.damaged_rows.iter().take(TOP) {
        telling.tell(&Line::DamagedRow {
            seq: damaged.seq,
            reason: damaged.reason.clone(),
        })?;
    }
    let mend = "stop the server, `scrible backup`, then `scrible check --repair`";
    match &verdict.refused {
        Some(refused) => telling.remedy(
            format!("it is damaged and is refused: {}", refused.reason),
            mend,
        ),
        None if !verdict.is_sound() => {
            telling.remedy("it is damaged, and opens all the same", mend)
        }
        None => {}
    }
    Ok(())
}

/// What is in it: by the scanner, then as a document.
async fn tell_content(keeper: &Keeper, name: &RoomName, telling: &mut Telling) -> Result<()> {
    let updates = match stored(keeper, name).await {
        Ok(updates) => updates,
        // Why was told before.
        Err(_) => return Ok(()),
    };
    match facts(&updates, &keeper.limits) {
        Ok(lines) => {
            for line in lines {
                telling.tell(&line)?;
            }
        }
        Err(error) => telling.tell(&Line::Unscanned {
            reason: error.to_string(),
        })?,
    }
    let began = Instant::now();
    let opened = keeper.documents.json(updates).await;
    let seconds = began.elapsed().as_secs_f64();
    let reason = opened.as_ref().err().map(ToString::to_string);
    let opens = opened.is_ok();
    telling.tell(&Line::Document {
        opens,
        seconds,
        reason,
    })?;
    match opened {
        Ok(json) => {
            for root in roots(&json).context("read the document's JSON")? {
                telling.tell(&Line::Root(root))?;
            }
        }
        Err(error) => telling.remedy(
            format!("it is not opened as a document: {error}"),
            match error {
                DocError::TooLarge { .. } => {
                    "it goes on serving; a larger SCRIBLE_MAX_DOC_BYTES lets it be opened, and may take 26 times as much memory"
                }
                DocError::Broken(_) => {
                    "it goes on serving, without exports and restoring; please report it with the output of `scrible \
                     room show --format update`"
                }
                DocError::Unavailable(_) => "try again",
            },
        ),
    }
    Ok(())
}

/// What the scanner says of a room, and of those who wrote most of it.
fn facts(updates: &[Bytes], limits: &Limits) -> Result<Vec<Line>, Malformed> {
    let limits = limits.without_counts();
    let mut clocks = Clocks::new();
    let mut structs = std::collections::HashMap::<u64, u64>::new();
    let (mut bigint, mut subdocuments) = (false, false);
    for update in updates {
        let scanned = scan(update, &limits)?;
        clocks.take(update, &limits)?;
        bigint |= scanned.has_bigint;
        subdocuments |= scanned.has_subdoc;
        for list in &scanned.lists {
            *structs.entry(list.client).or_default() += list.structs as u64;
        }
    }
    let ranges = clocks.deleted().flat_map(|(_, ranges)| ranges);
    let deleted = ranges.map(|(start, end)| u64::from(end - start)).sum();
    let mut lines = vec![Line::Content {
        bytes: updates.iter().map(|update| update.len() as u64).sum(),
        clients: clocks.clients() as u64,
        structs: structs.values().sum(),
        deleted,
        delete_ranges: clocks.delete_ranges() as u64,
        has_bigints: bigint,
        has_subdocuments: subdocuments,
    }];
    let mut clients: Vec<(u64, u64)> = structs
        .into_iter()
        .map(|(client, structs)| (structs, client))
        .collect();
    keep_largest(&mut clients);
    let client = |(structs, client)| {
        Line::Client(Client {
            client,
            structs,
            clock: clocks.clock(client),
        })
    };
    lines.extend(clients.into_iter().map(client));
    Ok(lines)
}

/// By the first number, largest first.
fn keep_largest(pairs: &mut Vec<(u64, u64)>) {
    pairs.sort_unstable_by(|a, b| b.cmp(a));
    pairs.truncate(TOP);
}

fn write_out(letters: &[DeadLetter], folder: &Path) -> Result<()> {
    let context = || format!("write dead letters into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(context)?;
    for letter in letters {
        let file = folder.join(Untaken::file(letter));
        std::fs::write(file, &letter.specimen.bytes).with_context(context)?;
    }
    Ok(())
}
