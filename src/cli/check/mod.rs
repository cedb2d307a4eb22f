//! `scrible check`: reads every snapshot and every row, and says which are damaged; with `--repair` it puts right what it
//! can.
//!
//! Knows the store's inspection and repair, and how findings are told. The rules: one snapshot or a few rows are in memory
//! at a time; without `--repair` nothing is written, so it may run beside a server.

mod judge;
mod mend;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{InspectedRoom, Inspection, Repair, StoreError};

use self::judge::{Judge, Refusal, Verdict};
use self::mend::{Mender, Plan};
use self::report::{Line, Summary};
use crate::config::Config;

/// 1 is damage; this is that nobody knows.
const NOT_CHECKED: u8 = 2;
/// What there is on a server.
const INSTEAD: &str = "this reads SQLite files; pg_amcheck and data checksums find damage in Postgres, and a room that does not add up \
                       is refused when it is opened, and named by /health";
/// How often a room is mended in one run.
const ROUNDS: usize = 4;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// `--json`.
    pub json: bool,
    /// `--repair`.
    pub repair: bool,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        Command::new("check")
            .about("Read every room and say which are damaged, also while a server is running")
            .after_help(
                "Exit code 0: all is well. 1: damage was found and, with --repair, some is left. 2: it could not be \
                 checked.",
            )
            .arg(
                Arg::new("json")
                    .long("json")
                    .action(ArgAction::SetTrue)
                    .help("One JSON object a line, with a kind; the last is the summary"),
            )
            .arg(
                Arg::new("repair")
                    .long("repair")
                    .action(ArgAction::SetTrue)
                    .help("Mend damaged rooms; run `scrible backup` first, and stop the server"),
            )
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        Self {
            json: matches.get_flag("json"),
            repair: matches.get_flag("repair"),
        }
    }
}

/// 0 when all is well, 1 when damage was found or is left, 2 when the database could not be read.
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    let json = args.json;
    let tell = move |line: &Line| {
        let text = match json {
            true => serde_json::to_string(line).unwrap_or_default(),
            false => line.text(),
        };
        writeln!(io::stdout(), "{text}")
    };
    let (done, not) = match (super::file_of(&config.store.database, INSTEAD), args.repair) {
        (Ok(url), false) => (check(url, tell).await, "not checked"),
        (Ok(url), true) => (repair(url, tell).await, "not repaired"),
        (Err(why), _) => (Err(why), "not checked"),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scrible: {not}: {error:#}");
            NOT_CHECKED.into()
        }
    }
}

/// Tells every damage and the summary; whether there was none.
async fn check(url: &str, tell: impl Fn(&Line) -> io::Result<()>) -> anyhow::Result<bool> {
    let started = Instant::now();
    let mut inspection = Inspection::open(url).await?;
    let mut all = Summary::new();
    let mut findings = inspection.integrity().await?;
    findings.extend(inspection.strays().await?);
    all.clean = findings.is_empty();
    for reason in findings {
        tell(&Line::Database { reason })?;
    }
    while let Some(room) = next_room(&mut inspection, &mut all, &tell).await? {
        let verdict = judge(&mut inspection, &room).await?;
        all.add(&verdict);
        for line in report::findings(&room, &verdict) {
            tell(&line)?;
        }
    }
    inspection.close().await;
    all.seconds = started.elapsed().as_secs_f64();
    let clean = all.clean;
    tell(&Line::Summary(all))?;
    Ok(clean)
}

/// Mends every damaged room that can be mended; whether nothing damaged is left.
async fn repair(url: &str, tell: impl Fn(&Line) -> io::Result<()>) -> anyhow::Result<bool> {
    let started = Instant::now();
    let mut repair = Repair::open(url).await?;
    eprintln!("scrible: repairing; only a copy made with `scrible backup` before leads back");
    let findings = repair.inspection().integrity().await?;
    // Writing into a file whose pages contradict each other may cost what is sound in it.
    if let Some(first) = findings.first() {
        anyhow::bail!(
            "the file itself is damaged, SQLite finds: {first}; restore a backup with `scrible restore`"
        );
    }
    let mut all = Summary::new();
    for reason in repair.inspection().strays().await? {
        all.clean = false;
        tell(&Line::Database { reason })?;
    }
    while let Some(room) = next_room(repair.inspection(), &mut all, &tell).await? {
        let verdict = mend(&mut repair, room, &mut all, &tell).await?;
        all.add(&verdict);
    }
    repair.close().await;
    all.seconds = started.elapsed().as_secs_f64();
    let clean = all.clean;
    tell(&Line::Summary(all))?;
    Ok(clean)
}

/// Mends a room if it is damaged. What it is then.
async fn mend(
    repair: &mut Repair,
    mut room: InspectedRoom,
    all: &mut Summary,
    tell: &impl Fn(&Line) -> io::Result<()>,
) -> anyhow::Result<Verdict> {
    let mut verdict = judge(repair.inspection(), &room).await?;
    // One damage can hide another of the reserve.
    for round in 0..ROUNDS {
        if verdict.is_sound() {
            break;
        }
        for line in report::findings(&room, &verdict) {
            tell(&line)?;
        }
        let plan = match plan(repair.inspection(), &room).await? {
            Ok(plan) => plan,
            Err(reason) => {
                let room = room.name;
                tell(&Line::Left { room, reason })?;
                return Ok(verdict);
            }
        };
        repair.mend(&plan.mending).await?;
        all.repaired_rooms += u64::from(round == 0);
        tell(&report::repaired(&room, &plan))?;
        let again = repair.inspection().again().await?;
        room = again.context("look at the room that was mended")?;
        verdict = judge(repair.inspection(), &room).await?;
    }
    if !verdict.is_sound() {
        for line in report::findings(&room, &verdict) {
            tell(&line)?;
        }
    }
    Ok(verdict)
}

/// The next room; `None` also when the rest cannot be found, which is told.
async fn next_room(
    inspection: &mut Inspection,
    all: &mut Summary,
    tell: &impl Fn(&Line) -> io::Result<()>,
) -> anyhow::Result<Option<InspectedRoom>> {
    match inspection.next_room().await {
        Ok(room) => Ok(room),
        Err(StoreError::Invalid(reason)) => {
            all.clean = false;
            tell(&Line::Database { reason })?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads everything that is stored of the room.
pub(super) async fn judge(
    inspection: &mut Inspection,
    room: &InspectedRoom,
) -> Result<Verdict, StoreError> {
    let refused = |reason: String| Verdict {
        refused: Some(Refusal { seq: None, reason }),
        ..Verdict::default()
    };
    match (&room.head, &room.versions) {
        (Ok(head), Ok(_)) => judge_as(inspection, room, *head).await,
        (Err(why), _) => Ok(refused(why.clone())),
        (_, Err(why)) => Ok(refused(format!("its snapshots cannot be found: {why}"))),
    }
}

/// As if that were its head.
async fn judge_as(
    inspection: &mut Inspection,
    room: &InspectedRoom,
    head: u64,
) -> Result<Verdict, StoreError> {
    let mut judge = Judge::new(head, room.rows.map(|(first, _)| first));
    while let Some((version, found)) = inspection.next_snapshot().await? {
        judge.snapshot(version, found);
    }
    loop {
        let rows = inspection.next_rows().await?;
        if rows.is_empty() {
            return Ok(judge.finish());
        }
        rows.into_iter().for_each(|row| judge.row(row));
    }
}

/// What is to be done with a damaged room, or why nothing can be.
async fn plan(
    inspection: &mut Inspection,
    room: &InspectedRoom,
) -> anyhow::Result<Result<Plan, String>> {
    // The head may be what is wrong: none is too high for what else there is.
    inspection.again().await?;
    let verdict = judge_as(inspection, room, u64::MAX - 1).await?;
    inspection.again().await?;
    let base = match verdict.sound {
        Some(version) => inspection.snapshot(version).await?.ok(),
        None => None,
    };
    let mut mender = match Mender::new(room, &verdict, base) {
        Ok(mender) => mender,
        Err(why) => return Ok(Err(why)),
    };
    loop {
        let rows = inspection.next_rows().await?;
        if rows.is_empty() {
            return Ok(mender.finish());
        }
        for row in rows {
            if let Err(why) = mender.row(row) {
                return Ok(Err(why));
            }
        }
    }
}
