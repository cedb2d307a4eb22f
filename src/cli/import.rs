//! `scrible import FILE ROOM`: puts a board or document from a file into a room of the running server.
//!
//! Knows arguments, files and the terminal. The rule: the last line says truthfully what is stored.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytesize::ByteSize;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::target::Target;
use crate::config::ListenConfig;
use crate::import::{self, Import, Imported};
use crate::remote::Progress;
use crate::room::RoomName;

/// How often a terminal is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// What to put in.
    pub file: PathBuf,
    /// Where.
    pub room: String,
    /// Which server, and who asks.
    pub target: Target,
    /// `--root`.
    pub root: Option<String>,
    /// `--merge`.
    pub merge: bool,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        let option =
            |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        Command::new("import")
            .about("Put a Yjs update, a .tldr file or a tldraw snapshot into a room of the running server")
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("What to put in; its format is told from its content"),
            )
            .arg(
                Arg::new("room")
                    .value_name("ROOM")
                    .required(true)
                    .help("The room, by its plain name (not percent-encoded)"),
            )
            .args(Target::arguments())
            .arg(option("root", "NAME").help("The array for a board's records [default: tl_ROOM]"))
            .arg(
                Arg::new("merge")
                    .long("merge")
                    .action(ArgAction::SetTrue)
                    .help("Add a board to a room that has content; records with the same id are replaced"),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        Self {
            file: matches
                .get_one::<PathBuf>("file")
                .cloned()
                .unwrap_or_default(),
            room: text("room").unwrap_or_default(),
            target: Target::of(matches),
            root: text("root"),
            merge: matches.get_flag("merge"),
        }
    }
}

/// 0 once everything is stored, else 1 with the reason on standard error.
pub async fn run(args: &Args, listen: &ListenConfig) -> ExitCode {
    let mut last = Progress {
        stored: 0,
        total: 0,
    };
    let done = tokio::select! {
        done = put(args, listen, &mut last) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    let done = done.unwrap_or_else(|| {
        Err(anyhow!(
            "interrupted; {} of {} were stored and stay",
            size(last.stored),
            size(last.total)
        ))
    });
    match done {
        Ok(imported) => {
            println!("{}", sentence(args, &imported));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scrible: {}: {error:#}", args.file.display());
            ExitCode::FAILURE
        }
    }
}

async fn put(args: &Args, listen: &ListenConfig, last: &mut Progress) -> Result<Imported> {
    let import = Import {
        server: args.target.url(listen),
        token: args.target.token.clone(),
        room: RoomName::new(&args.room)?,
        root: args.root.clone(),
        merge: args.merge,
    };
    let file = std::fs::read(&args.file).context("read the file")?;
    let terminal = std::io::stderr().is_terminal();
    let mut told = Instant::now();
    let tell = |progress: Progress| {
        *last = progress;
        if terminal && told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            eprintln!(
                "{} of {} stored",
                size(progress.stored),
                size(progress.total)
            );
        }
    };
    import::run(&import, file, tell).await
}

fn sentence(args: &Args, imported: &Imported) -> String {
    let (file, room) = (args.file.display(), &args.room);
    if imported.changes == 0 {
        return format!("room {room} has {file} already: nothing but deletions, if any, was sent");
    }
    let parts = match imported.parts {
        1 => "one part".to_owned(),
        parts => format!("{parts} parts"),
    };
    let sent = format!("{} in {parts}", size(imported.bytes));
    match imported.records {
        Some((records, personal)) => {
            let rest = match personal {
                0 => String::new(),
                personal => format!(" ({personal} personal ones left out)"),
            };
            format!("room {room} has {records} records of {file}{rest}: {sent}, all stored")
        }
        None => format!("room {room} has {file}: {sent}, all stored"),
    }
}

fn size(bytes: usize) -> String {
    ByteSize(bytes as u64).display().si().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i7_what_stops_it_before_anything_is_sent_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = ListenConfig {
            host: "0.0.0.0".to_owned(),
            port: listener.local_addr().unwrap().port(),
        };
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let board = folder.path().join("board");
        std::fs::write(&board, [1, 1, 10, 0, 4, 1, 1, b't', 1, b'a', 0]).unwrap();
        let mut args = Args {
            file: folder.path().join("missing"),
            room: "demo".to_owned(),
            target: Target::default(),
            root: None,
            merge: false,
        };
        let mut told = Progress {
            stored: 0,
            total: 0,
        };
        let error = put(&args, &listen, &mut told).await.unwrap_err();
        assert!(format!("{error:#}").contains("No such file"), "{error:#}");
        args.file = board;
        let error = put(&args, &listen, &mut told).await.unwrap_err();
        let wanted = format!("nobody answers at ws://127.0.0.1:{}/demo", listen.port);
        assert!(format!("{error:#}").contains(&wanted), "{error:#}");
        args.room = "api/x".to_owned();
        let error = put(&args, &listen, &mut told).await.unwrap_err();
        assert!(format!("{error:#}").contains("api"), "{error:#}");
        assert_eq!(told.stored, 0);
    }

    #[test]
    fn the_last_line_says_what_is_stored() {
        let args = Args {
            file: "b.tldr".into(),
            room: "demo".to_owned(),
            target: Target::default(),
            root: None,
            merge: false,
        };
        let mut imported = Imported {
            bytes: 12_300,
            parts: 1,
            changes: 5,
            records: Some((4, 2)),
        };
        assert_eq!(
            sentence(&args, &imported),
            "room demo has 4 records of b.tldr (2 personal ones left out): 12.3 kB in one part, all stored"
        );
        imported.records = None;
        imported.parts = 3;
        assert_eq!(
            sentence(&args, &imported),
            "room demo has b.tldr: 12.3 kB in 3 parts, all stored"
        );
        imported.changes = 0;
        assert!(sentence(&args, &imported).contains("already"));
    }
}
