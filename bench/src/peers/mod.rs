//! Who is measured: our server, others that people use for the same, and a reference that does nothing but hand frames on.
//!
//! Does not know what is measured. The one rule: everybody starts with what its own users start it with, alone on its processor.

pub mod check;
mod dialect;
pub mod reference;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rustix::process::Signal;
use tempfile::TempDir;

pub use dialect::{Dialect, Door};

use crate::process::{Errors, Launch, Process};
use crate::server;
use crate::watched::{self, Program, Taken};

/// What our own programs were built with.
const LOCK: &str = include_str!("../../../Cargo.lock");
/// What our server's clients on the open internet are held to, and its peers' are not.
const UNLIMITED: [(&str, &str); 2] = [
    ("SCRIBLE_MAX_MESSAGES_PER_SECOND", "0"),
    ("SCRIBLE_MAX_BYTES_PER_SECOND", "0"),
];

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// Ours on SQLite, as it is without any setting but those that hold back a single fast client.
    Scrible,
    /// Hands frames on, and that is all.
    Reference,
}

/// Where everything is that is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Our server.
    pub server: PathBuf,
    /// The folder below which peers are installed that are no npm packages: `target/tools`.
    pub tools: PathBuf,
    /// A database of a Postgres server on this machine, as somebody who may create others.
    pub postgres: Option<String>,
    /// The processor on which servers run, counted from 0.
    pub server_core: usize,
}

/// The same as arguments, without our server, which all measurements have in common.
#[derive(Args, Debug, Clone)]
pub struct Places {
    /// Where peers are installed.
    #[arg(long, default_value = "target/tools")]
    tools: PathBuf,
    /// A Postgres server on this machine: the URL of a database of somebody who may create others.
    #[arg(long)]
    postgres: Option<String>,
    /// The processor on which servers run.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
}

impl Places {
    /// With our server.
    pub fn setup(&self, server: &Path) -> Setup {
        Setup {
            server: server.to_owned(),
            tools: self.tools.clone(),
            postgres: self.postgres.clone(),
            server_core: self.server_core,
        }
    }
}

/// A peer that runs; dropping it kills it and removes what it stored.
pub struct Running {
    peer: Peer,
    process: Process,
    /// Goes when the process has gone.
    _data: TempDir,
}

impl Peer {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scrible => "Scrible",
            Self::Reference => "reference",
        }
    }

    /// What is installed, as its makers count.
    pub fn version(self, setup: &Setup) -> String {
        let version = match self {
            Self::Scrible => told(&setup.server),
            Self::Reference => locked(LOCK, "tokio-tungstenite"),
        };
        version.unwrap_or_else(|| "not installed".to_owned())
    }

    /// Starts it with nothing stored.
    pub async fn start(self, setup: &Setup) -> Result<Running> {
        let data = TempDir::new()?;
        let mut launch = match self {
            Self::Scrible => {
                let settings = UNLIMITED.map(|(name, value)| (name, value.to_owned()));
                server::launch(&setup.server, data.path(), &settings)
            }
            Self::Reference => Launch {
                program: std::env::current_exe()?,
                arguments: vec!["reference".into()],
                environment: Vec::new(),
                core: None,
                log: data.path().join("server.log"),
                errors: Errors::Kept,
                announces: "listening on ",
                stop: Signal::TERM,
            },
        };
        launch.core = Some(setup.server_core);
        let process = Process::start(launch)
            .await
            .with_context(|| format!("start {}", self.name()))?;
        Ok(Running {
            peer: self,
            process,
            _data: data,
        })
    }
}

impl Running {
    /// Where clients of a room connect, until the next restart. Makes the room where the peer wants that. A name has letters, digits, `-` and
    /// `_`: what all peers take.
    pub async fn door(&self, room: &str) -> Result<Door> {
        let may = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(room.chars().all(may), "not every peer takes {room:?}");
        let url = &self.process.address;
        Ok(Door {
            url: format!("{url}/{room}"),
            dialect: Dialect::Plain,
        })
    }

    /// An error with its last words if it has ended.
    pub fn check(&self) -> Result<()> {
        let name = self.peer.name();
        self.process.check().with_context(|| name.to_owned())
    }

    /// Processor time and memory that it and its children have taken.
    pub fn taken(&self) -> Result<Taken> {
        self.check()?;
        self.program()?.taken()
    }

    /// Resident memory of it and its children, in bytes. What they share counts for each, so look at the growth.
    pub fn rss_bytes(&self) -> Result<usize> {
        self.sizes("VmRSS")
    }

    /// The most resident memory that each of them has had since the start or [`Self::reset_peak`], together, in bytes: not less than the most
    /// that they had at one time.
    pub fn peak_rss_bytes(&self) -> Result<usize> {
        self.sizes("VmHWM")
    }

    /// Forgets the peak so far.
    pub fn reset_peak(&self) -> Result<()> {
        let processes = self.program()?.processes()?;
        processes.into_iter().try_for_each(watched::reset_peak)
    }

    /// Whether its rooms outlive it.
    pub fn keeps_rooms(&self) -> bool {
        self.peer == Peer::Scrible
    }

    /// Asks it to stop, and starts it again on the same data; an error for one that keeps nothing.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.keeps_rooms(), "{} keeps nothing", self.peer.name());
        self.process.restart().await
    }

    /// Ends it and removes what it stored. Returns when nothing of it runs any more.
    pub async fn end(mut self) -> Result<()> {
        self.process.end().await
    }

    fn program(&self) -> Result<Program> {
        Ok(Program {
            name: self.peer.name().to_owned(),
            pid: self.process.pid()?.as_raw_nonzero().get() as u32,
        })
    }

    fn sizes(&self, name: &str) -> Result<usize> {
        self.check()?;
        let processes = self.program()?.processes()?;
        // A child may have ended just now.
        let sizes = processes
            .into_iter()
            .filter_map(|pid| watched::size(pid, name).ok());
        Ok(sizes.sum())
    }
}

/// The last word of what a program says about its version.
fn told(program: &Path) -> Option<String> {
    let output = std::process::Command::new(program)
        .arg("--version")
        .output();
    let said = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(said.split_whitespace().next_back()?.to_owned())
}

/// The version of a package in a lock file of cargo's.
fn locked(lock: &str, package: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_a_lock_file() {
        let lock = "[[package]]\nname = \"ab\"\nversion = \"1\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0\"\n";
        assert_eq!(locked(lock, "a").as_deref(), Some("2.0"));
        assert_eq!(locked(lock, "c"), None);
        assert!(locked(LOCK, "tokio-tungstenite").is_some());
    }
}
