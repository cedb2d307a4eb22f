//! Measures the release binary over real sockets: `cargo run --release -p scrible-bench`.
//!
//! The server is started for each measurement with default settings (SQLite, full sync) on a database of its own. Clients forge their updates, so
//! that no CRDT stands in the measured path. Figures are printed, never asserted: machines differ.

mod api;
mod client;
mod compare;
mod exports;
mod load;
mod nodes;
mod overload;
mod peers;
mod process;
mod server;
mod soak;
mod watched;
mod year;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use compare::CompareConfig;
use compare::report::ReportConfig;
use exports::ExportsConfig;
use nodes::NodesConfig;
use overload::{Case, OverloadConfig, overload};
use peers::check::{self, CheckConfig};
use peers::reference::{self, ReferenceConfig};
use server::Server;

#[derive(Parser)]
struct Args {
    /// The server to measure.
    #[arg(long, default_value = "target/release/scrible")]
    server: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Our server and its peers in the same situations; results are left for the report
    Compare(CompareConfig),
    /// The page and the plots of what a comparison found
    Report(ReportConfig),
    /// A board that was edited for a year, against a fresh one that shows the same.
    Year {
        /// Edits in all.
        #[arg(long, default_value_t = 1_000_000)]
        edits: u32,
        /// Records on the board, about 250 bytes each.
        #[arg(long, default_value_t = 2000)]
        records: u32,
    },
    /// What neighbours feel while somebody overloads the server
    Overload {
        /// One case; all where none is named.
        #[arg(long, value_enum)]
        case: Option<Case>,
        /// Runs of each case, of which the median counts.
        #[arg(long, default_value_t = 5)]
        repeats: usize,
        /// Seconds of calm, and of attack.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// A case fails where the server's resident memory was ever above this, in MiB.
        #[arg(long)]
        max_rss_mib: Option<usize>,
    },
    /// Rooms that open and close, people who draw, and a little of everything that goes wrong: does anything grow or get lost?
    Soak {
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
    /// Several nodes on one database: latency, what they store, and what all parts take while a crowd draws
    Nodes(NodesConfig),
    /// Exports of a board with 50 shapes: how many a second, and how long it is from an order to a link
    Exports(ExportsConfig),
    /// Start each peer of the comparison once, and let two clients see each other there
    Peers(CheckConfig),
    /// The reference of comparisons: hands each frame to all others in the room
    #[command(hide = true)]
    Reference(ReferenceConfig),
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let What::Reference(config) = &args.what {
        // It makes a runtime of its own, with one thread.
        return reference::run(config);
    }
    measure(args)
}

#[tokio::main]
async fn measure(args: Args) -> Result<()> {
    let server = &args.server;
    match args.what {
        What::Compare(config) => compare::compare(server, &config).await,
        What::Report(config) => compare::report::report(&config),
        What::Overload {
            case,
            repeats,
            seconds,
            max_rss_mib,
        } => {
            let config = OverloadConfig {
                case,
                repeats,
                seconds,
                max_rss_mib,
            };
            overload(server, config).await
        }
        What::Nodes(config) => nodes::nodes(server, &config).await,
        What::Exports(config) => exports::exports(server, &config).await,
        What::Peers(config) => check::check(server, &config).await,
        What::Soak { minutes } => soak::soak(server, minutes).await,
        What::Year { edits, records } => {
            // A year in a minute is more than one client may send.
            let settings = [("SCRIBLE_MAX_MESSAGES_PER_SECOND", "0".to_owned())];
            let server = Server::start_with(server, &settings).await?;
            year::year(server, edits, records).await
        }
        What::Reference(config) => reference::run(&config),
    }
}

/// As p50 and p99.
fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms (n = {})",
        at(0.5),
        at(0.99),
        times.len()
    )
}

/// Shared by the modules: a step that names itself when it fails.
fn expect<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.context(what)
}
