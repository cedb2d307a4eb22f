//! How a room is told: lines for people, an object a line for machines.
//!
//! Reads nothing. The rules: what somebody typed is escaped, and a number tells the same in both forms.

use std::time::{Duration, UNIX_EPOCH};

use scrible_store::{DeadLetter, RoomRecord, SetAsideBy, SnapshotInfo};
use serde::Serialize;

use super::roots::Root;
use crate::cli::backup::size;

/// A line of the report, and one object of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// What is stored, at a glance.
    Room {
        room: String,
        id: i64,
        /// `None`: it cannot be told.
        head: Option<u64>,
        snapshots: u64,
        rows: u64,
        row_bytes: u64,
        rows_after_snapshot: u64,
        bytes_after_snapshot: u64,
    },
    /// Nothing of it is stored.
    Unstored { room: String },
    /// A snapshot, newest first.
    Snapshot {
        version: u64,
        seq: u64,
        bytes: u64,
        time_ms: i64,
        builder: &'static str,
        listed: bool,
        label: Option<String>,
        note: Option<String>,
    },
    /// One of the largest rows.
    LargeRow { seq: u64, bytes: u64 },
    /// What is known against it.
    Record {
        deaths: u32,
        set_aside: Option<&'static str>,
        time_ms: i64,
    },
    /// Something that clients sent and nobody took, newest first.
    DeadLetter(Untaken),
    /// A snapshot that is not what was stored.
    DamagedSnapshot { version: u64, reason: String },
    /// A row that is not what was stored, or makes no sense.
    DamagedRow { seq: u64, reason: String },
    /// What the updates hold that it opens on.
    Content {
        bytes: u64,
        clients: u64,
        structs: u64,
        /// Clocks that are deleted, and in how many ranges.
        deleted: u64,
        delete_ranges: u64,
        has_bigints: bool,
        has_subdocuments: bool,
    },
    /// One of those who wrote most.
    Client(Client),
    /// The updates make no sense to the scanner.
    Unscanned { reason: String },
    /// Whether it opens as a document.
    Document {
        opens: bool,
        seconds: f64,
        reason: Option<String>,
    },
    /// What stands in the document.
    Root(Root),
    /// Something is wrong or odd, and what to do.
    Trouble { reason: String, remedy: String },
}

/// Who wrote how much.
#[derive(Debug, Serialize)]
pub struct Client {
    /// The Yjs client id.
    pub client: u64,
    /// In how many pieces.
    pub structs: u64,
    /// The clock behind the last of it.
    pub clock: u32,
}

/// A dead letter without its bytes.
#[derive(Debug, Serialize)]
pub struct Untaken {
    time_ms: i64,
    reason: String,
    detail: String,
    sha256: String,
    bytes: u64,
    /// How many of them are kept.
    kept: u64,
    /// How `--dead-letters` calls it.
    file: String,
}

impl Untaken {
    /// The name of the file that gets its bytes.
    pub fn file(letter: &DeadLetter) -> String {
        let specimen = &letter.specimen;
        let cut = if specimen.is_whole() { "" } else { ".cut" };
        let sha256 = specimen.sha256_hex();
        format!("{}-{}{cut}.bin", letter.time_ms, &sha256[..16])
    }
}

impl Line {
    /// Of a snapshot.
    pub fn of_snapshot(info: &SnapshotInfo) -> Self {
        Self::Snapshot {
            version: info.version,
            seq: info.seq,
            bytes: info.size,
            time_ms: info.time_ms,
            builder: info.builder.as_str(),
            listed: info.listed,
            label: info.label.as_deref().map(Into::into),
            note: info.note.clone(),
        }
    }

    /// Of what is known against a room.
    pub fn of_record(record: &RoomRecord) -> Self {
        Self::Record {
            deaths: record.deaths,
            set_aside: record.set_aside.map(SetAsideBy::as_str),
            time_ms: record.time_ms,
        }
    }

    /// Of a dead letter.
    pub fn of_letter(letter: &DeadLetter) -> Self {
        let specimen = &letter.specimen;
        Self::DeadLetter(Untaken {
            time_ms: letter.time_ms,
            reason: letter.reason.to_string(),
            detail: letter.detail.clone(),
            sha256: specimen.sha256_hex(),
            bytes: specimen.len,
            kept: specimen.bytes.len() as u64,
            file: Untaken::file(letter),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Room {
                room,
                id,
                head,
                snapshots,
                rows,
                row_bytes,
                rows_after_snapshot,
                bytes_after_snapshot,
            } => {
                let head = head.map_or("unknown".to_owned(), |head| head.to_string());
                let (all, after) = (size(*row_bytes), size(*bytes_after_snapshot));
                format!(
                    "room {room:?}, number {id}\n\
                     head         {head}\n\
                     snapshots    {snapshots}\n\
                     rows         {rows} of {all}; after the newest snapshot {rows_after_snapshot} of {after}"
                )
            }
            Self::Unstored { room } => format!("room {room:?}: nothing of it is stored"),
            Self::Snapshot {
                version,
                seq,
                bytes,
                time_ms,
                builder,
                listed,
                label,
                ..
            } => {
                let (bytes, time) = (size(*bytes), time(*time_ms));
                let kind = if *listed { "version" } else { "base" };
                let made = match *builder {
                    "doc" => "as a document",
                    _ => "byte by byte",
                };
                let label = label
                    .as_ref()
                    .map_or(String::new(), |label| format!("  {label:?}"));
                format!(
                    "  snapshot {version:>6}  to row {seq:<8} {time}  {bytes:>10}  {kind}, made {made}{label}"
                )
            }
            Self::LargeRow { seq, bytes } => {
                format!("  row      {seq:>6}  {:>10}", size(*bytes))
            }
            Self::Record {
                deaths,
                set_aside,
                time_ms,
            } => {
                let aside = match set_aside {
                    Some("deaths") => ", set aside for that",
                    Some(_) => ", set aside by its operator",
                    None => "",
                };
                format!("record       deaths: {deaths}{aside}, {}", time(*time_ms))
            }
            Self::DeadLetter(letter) => {
                let Untaken {
                    time_ms,
                    reason,
                    detail,
                    sha256,
                    bytes,
                    ..
                } = letter;
                let (time, bytes) = (time(*time_ms), size(*bytes));
                format!(
                    "dead letter  {time}  {reason}: {}, {bytes}\n             sha256 {sha256}",
                    detail.escape_debug()
                )
            }
            Self::DamagedSnapshot { version, reason } => {
                format!("DAMAGED      snapshot {version}: {reason}")
            }
            Self::DamagedRow { seq, reason } => format!("DAMAGED      row {seq}: {reason}"),
            Self::Content {
                bytes,
                clients,
                structs,
                deleted,
                delete_ranges,
                has_bigints,
                has_subdocuments,
            } => {
                let mut text = format!(
                    "content      {}, clients: {clients}, structs: {structs}, deleted: {deleted} in ranges: {delete_ranges}",
                    size(*bytes)
                );
                if *has_bigints {
                    text += ", BigInts";
                }
                if *has_subdocuments {
                    text += ", sub-documents";
                }
                text
            }
            Self::Client(Client {
                client,
                structs,
                clock,
            }) => format!("  client {client:<16}  {structs:>8} structs, clock {clock}"),
            Self::Unscanned { reason } => format!("DAMAGED      content: {reason}"),
            Self::Document {
                opens: true,
                seconds,
                ..
            } => format!("document     opens, in {seconds:.2} s"),
            Self::Document {
                reason, seconds, ..
            } => {
                let reason = reason.as_deref().unwrap_or_default();
                format!("document     DOES NOT OPEN, in {seconds:.2} s: {reason}")
            }
            Self::Root(Root { root, shows, len }) => {
                format!("  root {root:?}: {shows} of {len}")
            }
            Self::Trouble { reason, remedy } => format!("! {reason}\n  -> {remedy}"),
        }
    }
}

fn time(time_ms: i64) -> impl std::fmt::Display {
    let since = Duration::from_millis(time_ms.max(0).unsigned_abs());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since)
}
