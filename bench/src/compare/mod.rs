//! Our server and its peers in the same situations, in one run: which situations, in which order, and what of it counts.
//!
//! Does not know how anything is measured. The rules: peers take turns within each situation, so that a bad minute of the machine hits all of
//! them; a repeat of a situation that is to fill a processor counts only if the server or the load generator was busy for at least
//! [`BUSY`] of the time; and whoever fails or loses something has a row that says so.

mod cursors;
mod editor;
mod export;
mod fan_out;
mod flood;
mod goals;
mod idle;
mod journal;
mod machine;
mod measured;
mod number;
mod open;
mod plot;
pub mod report;
mod resident;
mod result;
mod sample;
mod stored;
mod storm;
mod sustained;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use tokio::time::timeout;

use crate::peers::{Peer, Places, Running, Setup};
use measured::{Conditions, Found, Gathered, Plan};
use result::Run;

/// How much of a processor one side must have used, where the situation is to fill it.
const BUSY: f64 = 0.8;
/// For starting a peer, and for what it does between the parts of a measurement on top of that one's time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is compared.
#[derive(Args, Clone)]
pub struct CompareConfig {
    /// Shorter and once only: shows that all works, and little else.
    #[arg(long)]
    quick: bool,
    /// Some situations, in place of all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Situation>,
    /// Some peers, in place of all.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// How often each measurement is made; 3, or 1 where it is quick.
    #[arg(long)]
    repeats: Option<usize>,
    /// Where results are left, after each situation.
    #[arg(long, default_value = "docs/benchmarks/results.json")]
    results: PathBuf,
    /// The processor on which the load generator runs.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    #[command(flatten)]
    places: Places,
}

/// What peers are put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Situation {
    /// One room of 50
    #[value(name = "fan-out-1x50")]
    FanOut1x50,
    /// 50 rooms of 4
    #[value(name = "fan-out-50x4")]
    FanOut50x4,
    /// As many updates as come in time
    Sustained,
    /// 100 cursors that move 20 times a second
    Cursors,
    /// Connections that do nothing
    Idle,
    /// A large board
    Open,
    /// 500 come back at once
    Storm,
    /// 1,000 rooms with a board each
    Resident,
    /// Updates that are stored
    Journal,
    /// Boards that become files, beside the editor in a browser
    Export,
}

impl Situation {
    /// `None` where nobody is a peer.
    fn plan(self, quick: bool) -> Option<Plan> {
        Some(match self {
            Self::FanOut1x50 => fan_out::ONE_ROOM.plan(),
            Self::FanOut50x4 => fan_out::MANY_ROOMS.plan(),
            Self::Sustained => sustained::plan(),
            Self::Cursors => cursors::plan(),
            Self::Idle => idle::plan(quick),
            Self::Open => open::plan(quick),
            Self::Storm => storm::plan(),
            Self::Resident => resident::plan(quick),
            Self::Journal => journal::plan(),
            Self::Export => return None,
        })
    }

    /// Whether there is anything to learn from a peer here.
    fn is_for(self, peer: Peer) -> bool {
        match self {
            // Nobody else says when something is stored.
            Self::Journal => matches!(peer, Peer::Scrible | Peer::ScriblePostgres),
            // Nobody else makes files.
            Self::Export => false,
            // The database has no part in the others.
            Self::FanOut1x50 | Self::FanOut50x4 | Self::Sustained | Self::Open => true,
            Self::Cursors | Self::Idle | Self::Storm | Self::Resident => {
                peer != Peer::ScriblePostgres
            }
        }
    }

    async fn measure(self, conditions: &Conditions, running: &mut Running) -> Result<Found> {
        match self {
            Self::FanOut1x50 => fan_out::ONE_ROOM.measure(conditions, running).await,
            Self::FanOut50x4 => fan_out::MANY_ROOMS.measure(conditions, running).await,
            Self::Sustained => sustained::measure(conditions, running).await,
            Self::Cursors => cursors::measure(conditions, running).await,
            Self::Idle => idle::measure(conditions, running).await,
            Self::Open => open::measure(conditions, running).await,
            Self::Storm => storm::measure(conditions, running).await,
            Self::Resident => resident::measure(conditions, running).await,
            Self::Journal => journal::measure(conditions, running).await,
            Self::Export => bail!("it is not for peers"),
        }
    }
}

/// Measures, and leaves the results after each situation.
pub async fn compare(server: &Path, config: &CompareConfig) -> Result<()> {
    machine::take_core(config.load_core)?;
    machine::raise_open_files()?;
    let setup = config.places.setup(server);
    let situations = match config.only.is_empty() {
        true => Situation::value_variants().to_vec(),
        false => config.only.clone(),
    };
    let peers = match config.peers.is_empty() {
        true => Peer::value_variants().to_vec(),
        false => config.peers.clone(),
    };
    let peers: Vec<Peer> = peers
        .into_iter()
        .filter(|peer| *peer != Peer::ScriblePostgres || setup.postgres.is_some())
        .collect();
    ensure!(!peers.is_empty(), "nobody to measure");
    let repeats = config.repeats.unwrap_or(if config.quick { 1 } else { 3 });
    let mut run = Run {
        date: machine::today(),
        machine: machine::describe()?,
        quick: config.quick,
        versions: peers
            .iter()
            .map(|peer| (peer.name().to_owned(), peer.version(&setup)))
            .collect(),
        repeats,
        scenarios: Vec::new(),
    };
    let steps = situations.iter().map(|situation| {
        let these = peers.iter().filter(|peer| situation.is_for(**peer));
        let plan = situation.plan(config.quick);
        these.count() * plan.map_or(0, |plan| plan.repeats(repeats))
    });
    let mut progress = Progress {
        began: Instant::now(),
        done: 0,
        steps: steps.sum(),
    };
    if let Some(folder) = config.results.parent() {
        std::fs::create_dir_all(folder).context("make the folder of the results")?;
    }
    for situation in situations {
        let Some(plan) = situation.plan(config.quick) else {
            let found = export::exports(&setup, config.quick, repeats).await?;
            run.scenarios.extend(found.scenarios);
            run.versions.extend(found.versions);
            run.write(&config.results)?;
            continue;
        };
        let mut rows: Vec<Gathered> = peers
            .iter()
            .filter(|peer| situation.is_for(**peer))
            .map(|peer| Gathered::new(*peer))
            .collect();
        // The first repeat of all, then the second of all: a bad minute hits everybody.
        for repeat in 0..plan.repeats(repeats) {
            for row in &mut rows {
                progress.tell(&plan, row, repeat);
                if !row.given_up() {
                    row.add(measure(situation, &plan, row.peer(), &setup, config.quick).await);
                }
                progress.done += 1;
            }
        }
        run.scenarios.push(plan.with_rows(rows));
        run.write(&config.results)?;
    }
    eprintln!(
        "{} measurements in {:.0} min, results in {}",
        progress.steps,
        progress.began.elapsed().as_secs_f64() / 60.0,
        config.results.display()
    );
    Ok(())
}

async fn measure(
    situation: Situation,
    plan: &Plan,
    peer: Peer,
    setup: &Setup,
    quick: bool,
) -> Result<Found> {
    let mut running = timeout(PATIENCE, peer.start(setup))
        .await
        .context("it did not start in time")??;
    let conditions = Conditions {
        peer,
        quick,
        until: Instant::now() + plan.limit,
    };
    let measuring = situation.measure(&conditions, &mut running);
    let found = timeout(plan.limit + PATIENCE, measuring)
        .await
        .context("it did not end in time")
        .flatten();
    if found.is_err() {
        // That it died is more to the point than what its clients saw of that.
        running.check()?;
    }
    running.end().await?;
    found
}

/// Where the run stands, for whoever waits for it.
struct Progress {
    began: Instant,
    done: usize,
    steps: usize,
}

impl Progress {
    fn tell(&self, plan: &Plan, row: &Gathered, repeat: usize) {
        let passed = self.began.elapsed().as_secs_f64() / 60.0;
        let left = match self.done {
            0 => String::new(),
            done => {
                let left = passed / done as f64 * (self.steps - done) as f64;
                format!(", about {left:.0} min left")
            }
        };
        eprintln!(
            "[{}/{}{left}] {}, {}, repeat {}",
            self.done + 1,
            self.steps,
            plan.id,
            row.peer().name(),
            repeat + 1
        );
    }
}
