//! `scrible check`: reads every room as opening would, and says which are damaged.
//!
//! Knows the store's inspection and how a room is made from its rows. The rules: one room is in memory at a time, and
//! nothing is written, so it may run beside a server.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{Inspection, RoomDamage, StoreError, StoredRoom};
use scrible_wire::{Clocks, Limits};
use serde::Serialize;

use super::backup;
use crate::config::Config;
use crate::room::{OpenError, Opened};

/// 1 is damage; this is that nobody knows.
const NOT_CHECKED: u8 = 2;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// `--json`.
    pub json: bool,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        Command::new("check")
            .about("Read every room and say which are damaged, also while a server is running")
            .after_help(
                "Exit code 0: all is well. 1: damage was found. 2: it could not be checked.",
            )
            .arg(
                Arg::new("json")
                    .long("json")
                    .action(ArgAction::SetTrue)
                    .help("One JSON object a line: kind is database, room or summary"),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        Self {
            json: matches.get_flag("json"),
        }
    }
}

/// A line of the report, and one object of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    /// Something is wrong with the file as a whole.
    Database {
        reason: String,
    },
    /// Something is wrong with a room.
    Room {
        room: String,
        seq: Option<u64>,
        reason: String,
    },
    Summary(Summary),
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    clean: bool,
    rooms: u64,
    damaged_rooms: u64,
    /// Of sound rooms, as bytes.
    rows: u64,
    bytes: u64,
    seconds: f64,
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Database { reason } => format!("the database is damaged: {reason}"),
            // Escaped: a name is what somebody typed.
            Self::Room { room, seq, reason } => match seq {
                Some(seq) => format!("room {room:?} is damaged at row {seq}: {reason}"),
                None => format!("room {room:?} is damaged: {reason}"),
            },
            Self::Summary(all) => {
                let verdict = match (all.clean, all.damaged_rooms) {
                    (true, _) => "no damage".to_owned(),
                    (false, 0) => "DAMAGED".to_owned(),
                    (false, rooms) => format!("{rooms} DAMAGED"),
                };
                let (rooms, rows) = (all.rooms, all.rows);
                let (bytes, seconds) = (backup::size(all.bytes), all.seconds);
                format!("{rooms} rooms, {verdict}; {rows} sound rows, {bytes}, in {seconds:.1} s")
            }
        }
    }
}

/// 0 when all is well, 1 when damage was found, 2 when the database could not be read.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    let json = args.json;
    let tell = move |line: &Line| {
        let text = match json {
            true => serde_json::to_string(line).unwrap_or_default(),
            false => line.text(),
        };
        writeln!(io::stdout(), "{text}")
    };
    match check(&config.store.database_url, tell).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scrible: not checked: {error:#}");
            NOT_CHECKED.into()
        }
    }
}

/// Tells every damage and the summary; whether there was none.
async fn check(url: &str, tell: impl Fn(&Line) -> io::Result<()>) -> anyhow::Result<bool> {
    let started = Instant::now();
    let mut inspection = Inspection::open(url).await?;
    let mut all = Summary::default();
    let findings = inspection.integrity().await?;
    all.clean = findings.is_empty();
    for reason in findings {
        tell(&Line::Database { reason })?;
    }
    loop {
        let read = match inspection.next_room().await {
            Ok(None) => break,
            Ok(Some(read)) => read,
            Err(StoreError::Invalid(reason)) => {
                all.clean = false;
                tell(&Line::Database { reason })?;
                break;
            }
            Err(error) => return Err(error.into()),
        };
        all.rooms += 1;
        let judged = match read {
            Ok((name, stored)) => judge(name, stored).await,
            Err(damage) => Err(damage),
        };
        match judged {
            Ok((rows, bytes)) => {
                all.rows += rows;
                all.bytes += bytes;
            }
            Err(damage) => {
                all.clean = false;
                all.damaged_rooms += 1;
                tell(&Line::Room {
                    room: damage.room,
                    seq: damage.seq,
                    reason: damage.what,
                })?;
            }
        }
    }
    inspection.close().await;
    all.seconds = started.elapsed().as_secs_f64();
    let clean = all.clean;
    tell(&Line::Summary(all))?;
    Ok(clean)
}

/// Opens the room as a server would: rows and bytes, or what is wrong.
async fn judge(name: String, stored: StoredRoom) -> Result<(u64, u64), RoomDamage> {
    let updates: Vec<Bytes> = stored.updates.into_iter().map(|u| u.bytes).collect();
    let bytes = updates.iter().map(|update| update.len() as u64).sum();
    let opened = tokio::task::spawn_blocking(move || {
        let limits = Limits::default();
        let opened = Opened::from_updates(updates.clone(), None, &limits);
        opened.map_err(|error| (offender(&updates, &limits), error))
    });
    match opened.await {
        Ok(Ok(_)) => Ok((stored.head, bytes)),
        Ok(Err((seq, OpenError::Corrupt(what) | OpenError::Unavailable(what)))) => {
            Err(RoomDamage {
                room: name,
                seq,
                what,
            })
        }
        Err(_) => Err(RoomDamage {
            room: name,
            seq: None,
            what: "reading it ended the task that read it".to_owned(),
        }),
    }
}

/// The first update that is not one, or that does not build on those before it; they are numbered from 1.
fn offender(updates: &[Bytes], limits: &Limits) -> Option<u64> {
    let limits = &limits.without_counts();
    let mut clocks = Clocks::new();
    let is_wrong = |update: &Bytes| match clocks.take(update, limits) {
        Ok(taken) => taken.early.is_some(),
        Err(_) => true,
    };
    let at = updates.iter().position(is_wrong)?;
    Some(at as u64 + 1)
}
