//! `scrible backup FILE`: copies the whole database into one file, while a server writes to it.
//!
//! Knows arguments and sentences; copying and verifying are the store's. The rule: exit code 0 says that there is a
//! backup that `restore` takes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use bytesize::ByteSize;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{Existing, Tally, back_up};

use crate::config::Config;

/// How a server is backed up.
const INSTEAD: &str =
    "back it up with pg_dump, which copies a database as of one moment while servers go on";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// Where the copy goes.
    pub file: PathBuf,
    /// `--force`.
    pub force: bool,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        Command::new("backup")
            .about("Copy the whole database into FILE, also while a server is running")
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("Where the copy goes; it appears once it is complete and verified"),
            )
            .arg(
                Arg::new("force")
                    .long("force")
                    .action(ArgAction::SetTrue)
                    .help("Replace FILE if it is there"),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let file = matches.get_one::<PathBuf>("file").cloned();
        Self {
            file: file.unwrap_or_default(),
            force: matches.get_flag("force"),
        }
    }
}

/// 0 when there is a sound backup; 1 when there is none, or one with damaged rooms, which are named.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let started = Instant::now();
    let copying = async {
        let url = super::file_of(&config.store.database, INSTEAD)?;
        anyhow::Ok(back_up(url, &args.file, existing).await?)
    };
    let tally = match super::unless_interrupted(copying).await {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("scrible: no backup: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{}: {}, verified, in {:.1} s",
        args.file.display(),
        contents(&tally),
        started.elapsed().as_secs_f64()
    );
    if tally.is_sound() {
        return ExitCode::SUCCESS;
    }
    tell_damage(&tally);
    eprintln!(
        "scrible: the damage is in the database, too: see `scrible check`; do not delete older backups"
    );
    ExitCode::FAILURE
}

/// What is in a database, in a phrase.
pub(super) fn contents(tally: &Tally) -> String {
    format!(
        "{} rooms, {} rows, {} of updates, {} snapshots of {} in a file of {}",
        tally.rooms,
        tally.rows,
        size(tally.update_bytes),
        tally.snapshots,
        size(tally.snapshot_bytes),
        size(tally.file_bytes)
    )
}

/// A line on standard error for each damaged room that is told.
pub(super) fn tell_damage(tally: &Tally) {
    for damage in &tally.damage {
        eprintln!(
            "scrible: room {:?} is damaged: {}",
            damage.room, damage.what
        );
    }
    let untold = tally.damaged_rooms - tally.damage.len() as u64;
    if untold > 0 {
        eprintln!("scrible: {untold} more rooms are damaged");
    }
    for stray in &tally.strays {
        eprintln!("scrible: {stray}");
    }
}

pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}
