//! `scrible room …`: what there is to do with rooms, and what was typed.
//!
//! [`served`] asks a running server by its API; `versions`, `inspect` and `aside` work on the database, beside a server or without one.
//! The rule: which of the two a command does is told by its help, and settled here.

mod aside;
mod inspect;
mod report;
mod roots;
pub mod served;
mod versions;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{Incarnation, Migrations, OpenOptions};
use scrible_wire::Limits;

use self::versions::Through;
pub(super) use self::versions::stored;
use super::target::Target;
use crate::compact::{Keeper, Marks};
use crate::config::Config;
use crate::doc_worker::DocWorkers;
use crate::room::RoomName;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// Something with what is stored of a room.
    Stored {
        /// The room.
        room: String,
        /// What to do.
        action: Action,
    },
    /// Something with rooms of a running server.
    Served(served::Args),
}

/// What to do with what is stored of a room.
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
        /// Through which server.
        target: Target,
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
            .about("Make, list, open to others and delete rooms; list, keep, read and restore versions; inspect, set aside")
            .after_help(
                "create, list, password, invite, delete and restore ask the running server and need what it takes: on a server with \
                 keys for tokens SCRIBLE_TOKEN or --token. The others work on the database of these settings.",
            )
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(served::commands(&room))
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
                    .about("Bring a deleted room back; or, with a number, make a room show what that version shows")
                    .after_help(
                        "A version is put back as a new change by the running server: everybody in the room sees it at once, and what was \
                         there before is kept as a version. `scrible room versions ROOM` lists them.",
                    )
                    .arg(room.clone())
                    .arg(number("number").help("Which version; without one the room itself comes back").conflicts_with("json"))
                    .args(Target::arguments())
                    .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("The room as the server says it, as JSON")),
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
        let number = |name: &str| matches.get_one::<u64>(name).copied();
        let action = match name {
            "versions" => Action::Versions {
                json: matches.get_flag("json"),
            },
            "keep" => Action::Keep {
                label: text("label"),
            },
            "show" => Action::Show {
                version: number("version"),
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
            "restore" if let Some(version) = number("number") => Action::Restore {
                version,
                target: Target::of(matches),
            },
            _ => return Self::Served(served::Args::of(name, matches)),
        };
        Self::Stored {
            room: text("room").unwrap_or_default(),
            action,
        }
    }
}

/// 0 when it was done, else 1 with the reason on standard error.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    let done = match args {
        Args::Stored { room, action } => act(room, action, config).await,
        Args::Served(args) => served::run(args, &config.listen).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scrible: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(room: &str, action: &Action, config: &Config) -> Result<()> {
    let room = RoomName::new(room)?;
    let keeper = keeper(config).await?;
    let done = match action {
        Action::Versions { json } => versions::versions(&keeper, &room, *json).await,
        Action::Keep { label } => versions::keep(&keeper, &room, label.as_deref()).await,
        Action::Show {
            version,
            format,
            output,
        } => {
            let written = versions::show(&keeper, &room, *version, *format).await?;
            versions::write(&written, *format, output.as_ref())
        }
        Action::Restore { version, target } => {
            let through = Through {
                server: &target.url(&config.listen),
                token: target.token.as_ref(),
            };
            versions::restore(&keeper, &room, *version, through).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let matches = Args::command().try_get_matches_from(line.split(' '))?;
        Ok(Args::of(&matches))
    }

    fn stored(line: &str) -> (String, Action) {
        match parse(line).unwrap() {
            Args::Stored { room, action } => (room, action),
            Args::Served(args) => panic!("{line}: {args:?}"),
        }
    }

    #[test]
    fn commands_are_understood() {
        Args::command().debug_assert();
        let (room, restore) = stored("room restore a/b 12 --server ws://h:1");
        assert_eq!(room, "a/b");
        let target = Target {
            server: Some("ws://h:1".to_owned()),
            token: None,
        };
        let version = 12;
        assert_eq!(restore, Action::Restore { version, target });
        let (_, show) = stored("room show demo --version 3 --format update --output -");
        let (version, format, output) = (Some(3), Format::Update, Some("-".into()));
        assert_eq!(
            show,
            Action::Show {
                version,
                format,
                output
            }
        );
        let (_, inspect) = stored("room inspect a/b --json --dead-letters d");
        let options = inspect::Options {
            json: true,
            dead_letters: Some("d".into()),
        };
        assert_eq!(inspect, Action::Inspect(options));
        assert_eq!(stored("room release a").1, Action::Release);
        assert_eq!(stored("room set-aside a").1, Action::SetAside);
        for wrong in [
            "room",
            "room inspect",
            "room restore",
            "room restore demo 0",
            "room restore demo 1 --json",
            "room show demo --format png",
        ] {
            parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn h15_commands_for_a_running_server_are_understood() {
        use served::Action as Do;
        for (line, wanted) in [
            ("room list --deleted --json", true),
            (
                "room create a/b --public --title T --link-role viewer",
                false,
            ),
            (
                "room invite a --role viewer --expires never --uses 3",
                false,
            ),
            ("room delete a --yes --json", true),
        ] {
            let Ok(Args::Served(args)) = parse(line) else {
                panic!("{line}");
            };
            assert_eq!(args.json, wanted, "{line}");
        }
        for (line, wanted) in [
            (
                "room restore demo",
                Do::Restore {
                    room: "demo".to_owned(),
                },
            ),
            (
                "room invite demo --list",
                Do::Invites {
                    room: "demo".to_owned(),
                },
            ),
            (
                "room invite demo --revoke 4",
                Do::Revoke {
                    room: "demo".to_owned(),
                    id: 4,
                },
            ),
            (
                "room password demo --remove",
                Do::Password {
                    room: "demo".to_owned(),
                    link_role: None,
                    source: None,
                },
            ),
        ] {
            let Ok(Args::Served(args)) = parse(line) else {
                panic!("{line}");
            };
            assert_eq!(args.action, wanted, "{line}");
        }
        for wrong in [
            "room create a --public --private",
            "room create a --password-stdin --no-password",
            "room create a --link-role owner",
            "room create a --password planted",
            "room password",
            "room password a planted",
            "room password a --remove --stdin",
            "room password a --remove --link-role viewer",
            "room invite a --list --revoke 1",
            "room invite a --list --label x",
            "room invite a --role admin",
            "room invite a --uses 0",
            "room invite a --expires 0s",
            "room invite a --expires soon",
            "room invite a --revoke x",
            "room delete",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
