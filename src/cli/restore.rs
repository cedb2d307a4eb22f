//! `scrible restore FILE`: puts a backup in the place of the database, while no server runs.
//!
//! Knows arguments and sentences; checking and swapping are the store's. The rule: whatever is refused, the sentence
//! says what to do, and the database is as it was.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{DamagedRooms, restore};

use super::backup;
use crate::config::Config;

/// How a backup of a server is put back.
const INSTEAD: &str = "restore what pg_dump made with pg_restore into a new database, and name that one in DATABASE_URL";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// The backup.
    pub file: PathBuf,
    /// `--keep-damaged`.
    pub keep_damaged: bool,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        Command::new("restore")
            .about("Put the backup FILE in the place of the database; no server may be running")
            .after_help("The database that was there is kept beside it as NAME.before-TIME.")
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("A file that `scrible backup` made; it is checked first, and stays"),
            )
            .arg(
                Arg::new("keep-damaged")
                    .long("keep-damaged")
                    .action(ArgAction::SetTrue)
                    .help("Take a backup in which rooms are damaged; the server will refuse these rooms"),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let file = matches.get_one::<PathBuf>("file").cloned();
        Self {
            file: file.unwrap_or_default(),
            keep_damaged: matches.get_flag("keep-damaged"),
        }
    }
}

/// 0 once the backup is in place, else 1 with the reason.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    let damaged = if args.keep_damaged {
        DamagedRooms::Keep
    } else {
        DamagedRooms::Refuse
    };
    let database = &config.store.database;
    let restoring = async {
        let url = super::file_of(database, INSTEAD)?;
        anyhow::Ok(restore(&args.file, url, damaged).await?)
    };
    let restored = match super::unless_interrupted(restoring).await {
        Ok(restored) => restored,
        Err(error) => {
            eprintln!("scrible: not restored: {error}");
            return ExitCode::FAILURE;
        }
    };
    let contents = backup::contents(&restored.tally);
    println!("{database} is now {}: {contents}", args.file.display());
    if let Some(kept) = restored.kept {
        println!("what was there before is {}", kept.display());
    }
    if !restored.pending.is_empty() {
        let pending = restored.pending.join(", ");
        println!("the next start, or `scrible migrate`, will run {pending}");
    }
    backup::tell_damage(&restored.tally);
    ExitCode::SUCCESS
}
