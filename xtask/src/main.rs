//! Development commands: `cargo xtask test` sets up what the tests need and runs everything; see `--help`.
//!
//! Knows how to call the tools, nothing of what they test. The one rule: what it runs, a person can run by hand, so every
//! command line is printed before it runs.

mod autobahn;
mod bench;
mod command;
mod packages;
mod peers;
mod postgres;
mod s3;
mod stages;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::stages::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development commands of Scrible")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need and run all of them
    Test {
        /// Only these parts
        #[arg(long, value_delimiter = ',', value_enum)]
        only: Vec<Part>,
    },
    /// Measure the server beside others and leave tables and plots in docs/benchmarks; three quarters of an hour, with two processors to spare
    Bench(bench::BenchConfig),
    /// Run Autobahn's cases for WebSockets against an echo server with the server's sockets; needs Python 2.7
    Autobahn {
        /// Only these cases, for example 1.*,2.9
        #[arg(long, default_value = "*")]
        cases: String,
    },
    /// Run the differential test over many seeds
    Differential {
        /// How many seeds
        #[arg(long, default_value_t = 200)]
        seeds: u32,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        from: u32,
        /// How many seeds run at once
        #[arg(long, default_value_t = 2)]
        jobs: u32,
    },
    /// Feed mutants of genuine bytes to the scanner, the clocks and the merge, and what they take to Yjs
    Fuzz {
        /// How many mutants
        #[arg(long, default_value_t = 10_000_000)]
        mutants: u32,
        /// The seed that makes them
        #[arg(long, default_value_t = 20_261_121)]
        seed: u64,
    },
    /// Kill the server again and again while clients draw
    Kill9 {
        /// How often
        #[arg(long, default_value_t = 100)]
        rounds: u32,
    },
    /// Kill and halt nodes of several on one database while clients draw and move between them, over many seeds
    Nodes {
        /// How many seeds
        #[arg(long, default_value_t = 100)]
        seeds: u32,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        from: u32,
    },
    /// Restart nodes behind nginx one after another while clients draw
    Rolling {
        /// How many nodes
        #[arg(long, default_value_t = 3)]
        nodes: u32,
        /// How many clients
        #[arg(long, default_value_t = 200)]
        clients: u32,
        /// In how many rooms
        #[arg(long, default_value_t = 20)]
        rooms: u32,
    },
    /// Let the server stand still for a while
    Frozen {
        /// How long
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

/// What can be tested on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting, clippy, Rust tests
    Rust,
    /// Clients from npm and `PyPI` against the server
    Interop,
    /// What REST answers, against the OpenAPI document
    Api,
    /// The files for containers and clusters; several nodes behind nginx
    Deploy,
    /// The canvas at `/try` and what it is built from; it and the examples in Chromium
    Browser,
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    let result = match Arguments::parse().command {
        Command::Test { only } => {
            stages::test(&workspace, |part| only.is_empty() || only.contains(&part))
        }
        Command::Bench(config) => bench::bench(&workspace, &config),
        Command::Autobahn { cases } => autobahn::run(workspace.root(), &cases),
        Command::Differential { seeds, from, jobs } => {
            let wide = [("SEEDS", seeds), ("SEED", from), ("JOBS", jobs)];
            stages::clients(&workspace, "differential", &wide)
        }
        Command::Kill9 { rounds } => stages::clients(&workspace, "kill9", &[("ROUNDS", rounds)]),
        Command::Nodes { seeds, from } => {
            stages::clients(&workspace, "nodes", &[("SEEDS", seeds), ("SEED", from)])
        }
        Command::Rolling {
            nodes,
            clients,
            rooms,
        } => {
            let wide = [("NODES", nodes), ("CLIENTS", clients), ("ROOMS", rooms)];
            stages::clients(&workspace, "rolling", &wide)
        }
        Command::Frozen { seconds } => {
            stages::clients(&workspace, "frozen", &[("FROZEN_SECONDS", seconds)])
        }
        Command::Fuzz { mutants, seed } => stages::fuzz(&workspace, mutants, seed),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nfailed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
