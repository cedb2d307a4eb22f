//! `scrible room …`: versions of a room — list them, keep one, read one, put one back; and what to do about one that makes trouble.
//!
//! Versions stand here; what is told of a room is in `inspect`.
//!
//! Reading works on the database, beside a server or without one. Putting back goes through the running server like any client, so that
//! everybody in the room sees it. The rule: what a line reports as stored is.

mod aside;
mod inspect;
mod report;
mod roots;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{Incarnation, Migrations, OpenOptions, SnapshotInfo};
use scrible_wire::{Limits, merge};
use serde::Serialize;

use super::{backup, healthcheck};
use crate::compact::{Keep, Keeper, Marks};
use crate::config::Config;
use crate::doc_worker::DocWorkers;
use crate::remote::{Line, address};
use crate::room::RoomName;
use crate::service::{before_restoring, keep_patiently};

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// The room.
    pub room: String,
    /// What to do.
    pub action: Action,
}

/// What to do with a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// List its versions.
    Versions {
        /// `--json`.
        json: bool,
    },
    /// Keep a version.
    Keep {
        /// `--label`.
        label: Option<String>,
    },
    /// Write a version, or what is there now, to a file or the terminal.
    Show {
        /// `--version`.
        version: Option<u64>,
        /// `--format`.
        format: Format,
        /// `--output`.
        output: Option<PathBuf>,
    },
    /// Put a version back.
    Restore {
        /// Which.
        version: u64,
        /// `--server`.
        server: Option<String>,
    },
    /// Tell everything about it.
    Inspect(inspect::Options),
    /// Keep servers from opening it.
    SetAside,
    /// Let it be opened again.
    Release,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object with a value for each root.
    Json,
    /// A Yjs update (v1).
    Update,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        let room = Arg::new("room")
            .value_name("ROOM")
            .required(true)
            .help("The room, by its plain name (not percent-encoded)");
        let number = |name: &'static str| {
            Arg::new(name)
                .value_name("NUMBER")
                .value_parser(clap::value_parser!(u64).range(1..))
        };
        let option =
            |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        Command::new("room")
            .about("Inspect a room; list, keep, read and restore its versions; set it aside")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(
                Command::new("versions")
                    .about("List the versions of a room, newest first")
                    .arg(room.clone())
                    .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a line")),
            )
            .subcommand(
                Command::new("keep")
                    .about("Keep what is stored of a room now as a version; a named one is never thinned out")
                    .arg(room.clone())
                    .arg(option("label", "TEXT").help("What to call it")),
            )
            .subcommand(
                Command::new("show")
                    .about("Write a version of a room, or what is stored of it now")
                    .arg(room.clone())
                    .arg(number("version").long("version").help("Which [default: what is stored now]"))
                    .arg(
                        option("format", "FORMAT")
                            .value_parser(["json", "update"])
                            .default_value("json")
                            .help("json: a value for each root; update: a Yjs update, which `scrible import` takes"),
                    )
                    .arg(option("output", "FILE").value_parser(clap::value_parser!(PathBuf)).help("Where to [default: standard output]")),
            )
            .subcommand(
                Command::new("restore")
                    .about("Make a room show what a version shows, as a new change by the running server")
                    .after_help("Everybody in the room sees it at once. What was there before is kept as a version.")
                    .arg(room.clone())
                    .arg(number("number").required(true).help("Which version"))
                    .arg(option("server", "URL").help("ws://host:port [default: where these settings listen]")),
            )
            .subcommand(
                Command::new("inspect")
                    .about("Tell everything that is stored of a room and known about it, and what to do where something is wrong")
                    .arg(room.clone())
                    .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a line, with a kind"))
                    .arg(
                        option("dead-letters", "DIR")
                            .value_parser(clap::value_parser!(PathBuf))
                            .help("Write the bytes of its dead letters (refused updates) into files in there"),
                    ),
            )
            .subcommand(
                Command::new("set-aside")
                    .about("Keep servers from opening a room until it is released")
                    .after_help("A server that has the room open notices when it opens it the next time.")
                    .arg(room.clone()),
            )
            .subcommand(
                Command::new("release")
                    .about("Let a room be opened again that was set aside, and forget what it did")
                    .arg(room),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let (name, matches) = matches.subcommand().expect("a subcommand is required");
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let action = match name {
            "versions" => Action::Versions {
                json: matches.get_flag("json"),
            },
            "keep" => Action::Keep {
                label: text("label"),
            },
            "show" => Action::Show {
                version: matches.get_one::<u64>("version").copied(),
                format: match text("format").as_deref() {
                    Some("update") => Format::Update,
                    _ => Format::Json,
                },
                output: matches.get_one::<PathBuf>("output").cloned(),
            },
            "inspect" => Action::Inspect(inspect::Options {
                json: matches.get_flag("json"),
                dead_letters: matches.get_one::<PathBuf>("dead-letters").cloned(),
            }),
            "set-aside" => Action::SetAside,
            "release" => Action::Release,
            _ => Action::Restore {
                version: matches
                    .get_one::<u64>("number")
                    .copied()
                    .unwrap_or_default(),
                server: text("server"),
            },
        };
        Self {
            room: text("room").unwrap_or_default(),
            action,
        }
    }
}

/// 0 when it was done, else 1 with the reason on standard error.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    match act(args, config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scrible: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(args: &Args, config: &Config) -> Result<()> {
    let room = RoomName::new(&args.room)?;
    let keeper = keeper(config).await?;
    let done = match &args.action {
        Action::Versions { json } => versions(&keeper, &room, *json).await,
        Action::Keep { label } => keep(&keeper, &room, label.as_deref()).await,
        Action::Show {
            version,
            format,
            output,
        } => {
            let written = show(&keeper, &room, *version, *format).await?;
            write(&written, *format, output.as_ref())
        }
        Action::Restore { version, server } => {
            let listening = || format!("ws://{}", healthcheck::address(&config.listen));
            let server = server.clone().unwrap_or_else(listening);
            restore(&keeper, &room, *version, &server).await
        }
        Action::Inspect(options) => {
            let database = &config.store.database;
            inspect::inspect(&keeper, database, &room, options).await
        }
        Action::SetAside => aside::set_aside(&keeper, &room).await,
        Action::Release => aside::release(&keeper, &room).await,
    };
    keeper.documents.close().await;
    keeper.store.close().await;
    done
}

/// A keeper of its own on the database, beside that of a server.
pub(super) async fn keeper(config: &Config) -> Result<Keeper> {
    let options = OpenOptions {
        durability: config.store.durability,
        migrations: Migrations::Expect,
        busy_timeout: std::time::Duration::from_secs(5),
    };
    Ok(Keeper {
        store: config.store.database.open(options).await?,
        documents: DocWorkers::new(config.documents.workers()),
        limits: Limits::default(),
        retention: config.history.retention(),
        holder: Incarnation::random(),
        marks: Arc::new(Marks::default()),
    })
}

#[derive(Serialize)]
struct Row<'a> {
    version: u64,
    time_ms: i64,
    bytes: u64,
    seq: u64,
    label: Option<&'a str>,
    author: Option<&'a str>,
}

async fn versions(keeper: &Keeper, room: &RoomName, json: bool) -> Result<()> {
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

async fn keep(keeper: &Keeper, room: &RoomName, label: Option<&str>) -> Result<()> {
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

async fn show(
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
pub(super) async fn stored(keeper: &Keeper, room: &RoomName) -> Result<Vec<Bytes>> {
    let stored = keeper.store.load(room.as_str()).await?;
    let Some(stored) = stored else {
        bail!("there is no room {room:?} in the database");
    };
    let base = stored.base.into_iter().map(|base| base.data);
    let rows = stored.updates.into_iter().map(|row| row.bytes);
    Ok(base.chain(rows).collect())
}

fn write(bytes: &Bytes, format: Format, output: Option<&PathBuf>) -> Result<()> {
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

async fn restore(keeper: &Keeper, room: &RoomName, version: u64, server: &str) -> Result<()> {
    let target = keeper.version(room.as_str(), version).await?;
    let mut line = Line::open(&address(server, room)?).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let matches = Args::command().try_get_matches_from(line.split(' '))?;
        Ok(Args::of(&matches))
    }

    #[test]
    fn commands_are_understood() {
        Args::command().debug_assert();
        let restore = parse("room restore a/b 12 --server ws://h:1").unwrap();
        assert_eq!(restore.room, "a/b");
        let server = Some("ws://h:1".to_owned());
        assert_eq!(
            restore.action,
            Action::Restore {
                version: 12,
                server
            }
        );
        let show = parse("room show demo --version 3 --format update --output -").unwrap();
        let (version, format, output) = (Some(3), Format::Update, Some("-".into()));
        assert_eq!(
            show.action,
            Action::Show {
                version,
                format,
                output
            }
        );
        let inspect = parse("room inspect a/b --json --dead-letters d").unwrap();
        let options = inspect::Options {
            json: true,
            dead_letters: Some("d".into()),
        };
        assert_eq!(inspect.action, Action::Inspect(options));
        assert_eq!(parse("room release a").unwrap().action, Action::Release);
        assert_eq!(parse("room set-aside a").unwrap().action, Action::SetAside);
        for wrong in [
            "room",
            "room inspect",
            "room restore demo",
            "room restore demo 0",
            "room show demo --format png",
        ] {
            parse(wrong).unwrap_err();
        }
    }
}
