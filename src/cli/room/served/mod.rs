//! `scrible room create`, `list`, `password`, `invite`, `delete` and `restore` (of a deleted room): rooms of a running server, by its API.
//!
//! Knows arguments and what is told; requests are in [`client`](crate::cli::client). The rule: a password is never an argument, and
//! stands in no output.

mod asking;
mod invites;
mod rooms;

use std::io::{ErrorKind, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use serde_json::Value;

use self::asking::Source;
use crate::access::Role;
use crate::cli::client::Client;
use crate::cli::target::Target;
use crate::config::ListenConfig;

/// How long an invite is good without `--expires`.
const INVITE_LIFE: &str = "7d";
/// What says that an invite is good for ever.
const NEVER: &str = "never";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// What to do.
    pub action: Action,
    /// Where, and by whom.
    pub target: Target,
    /// `--json`: as the server says it.
    pub json: bool,
}

/// What to do with rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make one.
    Create(rooms::New),
    /// List them.
    List(rooms::Which),
    /// Set its password, or take it away.
    Password {
        /// `--link-role`.
        link_role: Option<Role>,
        /// The room.
        room: String,
        /// `None`: away.
        source: Option<Source>,
    },
    /// Make an invite.
    Invite(invites::New),
    /// List its invites.
    Invites {
        /// The room.
        room: String,
    },
    /// End an invite.
    Revoke {
        /// The room.
        room: String,
        /// Which.
        id: u64,
    },
    /// Delete one.
    Delete(rooms::Deletion),
    /// Bring a deleted one back.
    Restore {
        /// The room.
        room: String,
    },
}

/// The commands as the parser knows them; `restore` stands with the one of versions.
pub fn commands(room: &Arg) -> [Command; 5] {
    let text =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let json = flag("json").help("What the server answers, as JSON, an object a line");
    let served = |command: Command| command.args(Target::arguments()).arg(json.clone());
    [
        served(
            Command::new("create")
                .about("Make a room on the running server, and print the link to it")
                .after_help("On a terminal it asks for a password for those who have the link, without showing it.")
                .arg(room.clone().required(false).help("What it is called [default: a random name]"))
                .arg(text("title", "TEXT").help("What people call it"))
                .arg(flag("public").help("Whoever has the link may come in").conflicts_with("private"))
                .arg(flag("private").help("Only who has a token, an invite or the password may come in"))
                .arg(
                    text("link-role", "ROLE")
                        .value_parser(["viewer", "editor"])
                        .help("What those may do who come by link or password [default: editor]"),
                )
                .arg(flag("password-stdin").help("Read a password from standard input").conflicts_with("no-password"))
                .arg(flag("no-password").help("Do not ask for one")),
        ),
        served(
            Command::new("list")
                .about("List the rooms of the running server that you may know of")
                .arg(text("search", "TEXT").help("Only those with this in name or title"))
                .arg(flag("deleted").help("Deleted ones, to admins and their owners")),
        ),
        served(
            Command::new("password")
                .about("Set the password of a room; whoever came in by the one before is out")
                .after_help("It asks for the password twice, without showing it.")
                .arg(room.clone())
                .arg(flag("stdin").help("Read it from standard input"))
                .arg(
                    text("link-role", "ROLE")
                        .value_parser(["viewer", "editor"])
                        .help("What those may do who come by it [default: as it was; in a room that nobody has made, viewer]"),
                )
                .arg(flag("remove").help("Let nobody in by password any more").conflicts_with_all(["stdin", "link-role"])),
        ),
        served(
            Command::new("invite")
                .about("Make an invite to a room and print its link, which is told this once")
                .arg(room.clone())
                .arg(
                    text("role", "ROLE")
                        .value_parser(["viewer", "editor", "owner"])
                        .default_value("editor")
                        .help("What those may do who come by it"),
                )
                .arg(text("label", "TEXT").help("What to call it in the list"))
                .arg(
                    text("expires", "TIME")
                        .default_value(INVITE_LIFE)
                        .value_parser(life)
                        .help("How long it is good, for example 2h or 30days, or never"),
                )
                .arg(
                    text("uses", "N")
                        .value_parser(clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))
                        .help("How many people may use it [default: any number]"),
                )
                .arg(flag("list").help("List the invites of the room instead"))
                .arg(
                    text("revoke", "ID")
                        .value_parser(clap::value_parser!(u64))
                        .help("End an invite instead; whoever came by it is out"),
                )
                .group(ArgGroup::new("instead").args(["list", "revoke"]))
                .group(
                    ArgGroup::new("new")
                        .args(["role", "label", "expires", "uses"])
                        .multiple(true)
                        .conflicts_with("instead"),
                ),
        ),
        served(
            Command::new("delete")
                .about("Delete a room on the running server; `scrible room restore` brings it back")
                .arg(room.clone())
                .arg(flag("purge").help("End it for ever, with all that is in it; for admins"))
                .arg(flag("yes").help("Do not ask whether that is meant")),
        ),
    ]
}

impl Args {
    /// Out of what was parsed by [`commands`], or of `restore` without a number.
    pub fn of(name: &str, matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let room = || text("room").unwrap_or_default();
        let role = |name: &str| text(name).and_then(|role| Role::of(&role));
        let action = match name {
            "create" => Action::Create(rooms::New {
                name: text("room"),
                title: text("title"),
                visibility: match (matches.get_flag("public"), matches.get_flag("private")) {
                    (true, _) => Some("public"),
                    (_, true) => Some("private"),
                    _ => None,
                },
                link_role: role("link-role"),
                password: match (
                    matches.get_flag("password-stdin"),
                    matches.get_flag("no-password"),
                ) {
                    (true, _) => Some(Source::Input),
                    (_, true) => None,
                    _ => Some(Source::TerminalIfAny),
                },
            }),
            "list" => Action::List(rooms::Which {
                search: text("search"),
                deleted: matches.get_flag("deleted"),
            }),
            "password" => Action::Password {
                room: room(),
                link_role: role("link-role"),
                source: match (matches.get_flag("stdin"), matches.get_flag("remove")) {
                    (_, true) => None,
                    (true, _) => Some(Source::Input),
                    _ => Some(Source::Terminal),
                },
            },
            "invite" => match (matches.get_flag("list"), matches.get_one::<u64>("revoke")) {
                (true, _) => Action::Invites { room: room() },
                (_, Some(id)) => Action::Revoke {
                    room: room(),
                    id: *id,
                },
                _ => Action::Invite(invites::New {
                    room: room(),
                    role: role("role").unwrap_or(Role::Editor),
                    label: text("label"),
                    life: matches
                        .get_one::<Option<Duration>>("expires")
                        .copied()
                        .flatten(),
                    uses: matches.get_one::<u32>("uses").copied(),
                }),
            },
            "delete" => Action::Delete(rooms::Deletion {
                room: room(),
                purge: matches.get_flag("purge"),
                yes: matches.get_flag("yes"),
            }),
            _ => Action::Restore { room: room() },
        };
        Self {
            action,
            target: Target::of(matches),
            json: matches.get_flag("json"),
        }
    }
}

/// Does it, and tells what was done.
///
/// # Errors
/// A sentence for the person who typed the command.
pub async fn run(args: &Args, listen: &ListenConfig) -> Result<()> {
    let client = Client::new(&args.target.url(listen), args.target.token.clone())?;
    let told = match &args.action {
        Action::Create(new) => rooms::create(&client, new).await?,
        Action::List(which) => rooms::list(&client, which).await?,
        Action::Password {
            room,
            source,
            link_role,
        } => rooms::password(&client, room, *source, *link_role).await?,
        Action::Invite(new) => invites::create(&client, new).await?,
        Action::Invites { room } => invites::list(&client, room).await?,
        Action::Revoke { room, id } => invites::revoke(&client, room, *id).await?,
        Action::Delete(deletion) => rooms::delete(&client, deletion).await?,
        Action::Restore { room } => rooms::restore(&client, room).await?,
    };
    told.print(args.json)
}

/// What there is to say of what was done.
pub struct Told {
    /// For programs, on standard output.
    pub answers: Vec<Value>,
    /// For people, on standard output.
    pub text: String,
    /// For people, beside what stands on standard output alone.
    pub aside: Option<String>,
}

impl Told {
    fn print(&self, json: bool) -> Result<()> {
        let lines = self.answers.iter().map(|answer| format!("{answer}\n"));
        let text = match json {
            true => lines.collect(),
            false => self.text.clone(),
        };
        if let (Some(aside), false) = (&self.aside, json) {
            eprintln!("scrible: {aside}");
        }
        match std::io::stdout().write_all(text.as_bytes()) {
            // Whoever reads only the first lines closes the pipe.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.context("print what was done"),
        }
    }
}

/// The address of a room in the API.
fn path_of(room: &str, rest: &str) -> Result<String> {
    // The server would say the same, but dots would never get there.
    let room = crate::room::RoomName::new(room)?;
    let room = crate::rest::api::encoded(room.as_str());
    Ok(format!("/api/rooms/{room}{rest}"))
}

/// A time without what is less than a second of it.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

fn life(text: &str) -> Result<Option<Duration>, String> {
    if text == NEVER {
        return Ok(None);
    }
    let life = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match life.as_secs() {
        0 => Err("less than a second is no time".to_owned()),
        _ => Ok(Some(life)),
    }
}
