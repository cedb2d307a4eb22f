//! Who is measured: our server, others that people use for the same, and a reference that does nothing but hand frames on.
//!
//! Does not know what is measured. The one rule: everybody starts with what its own users start it with, alone on its processor.

pub mod check;
mod dialect;
mod launch;
mod postgres;
pub mod reference;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use hyper::Method;
use serde_json::json;
use tempfile::TempDir;

pub use dialect::{Dialect, Door};
use postgres::Database;

use crate::api::Api;
use crate::process::Process;
use crate::watched::{self, Program, Taken};

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// Ours on SQLite, as it is without any setting but those that hold back a single fast client.
    Scrible,
    /// The same on Postgres, which is counted with it.
    ScriblePostgres,
    /// Hands frames on, and that is all.
    Reference,
    /// With its SQLite extension.
    Hocuspocus,
    /// y-websocket's own server, which stores nothing.
    YWebsocket,
    /// With files as its store.
    YSweet,
    /// Behind a small main, and stores nothing.
    YrsWarp,
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
    /// Goes when the process has gone, as does the folder.
    database: Option<Database>,
    _data: TempDir,
}

impl Peer {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scrible => "Scrible",
            Self::ScriblePostgres => "Scrible (Postgres)",
            Self::Reference => "reference",
            Self::Hocuspocus => "hocuspocus",
            Self::YWebsocket => "y-websocket",
            Self::YSweet => "y-sweet",
            Self::YrsWarp => "yrs-warp",
        }
    }

    /// What is installed, as its makers count.
    pub fn version(self, setup: &Setup) -> String {
        let version = launch::version(self, setup);
        version.unwrap_or_else(|| "not installed".to_owned())
    }

    /// Whether its rooms outlive it.
    pub fn keeps_rooms(self) -> bool {
        match self {
            Self::Scrible | Self::ScriblePostgres | Self::Hocuspocus | Self::YSweet => true,
            Self::Reference | Self::YWebsocket | Self::YrsWarp => false,
        }
    }

    /// Starts it with nothing stored.
    pub async fn start(self, setup: &Setup) -> Result<Running> {
        let starting = async {
            let data = TempDir::new()?;
            let database = match (self, &setup.postgres) {
                (Self::ScriblePostgres, None) => bail!("it needs the URL of a Postgres server"),
                (Self::ScriblePostgres, Some(url)) => {
                    Some(Database::create(url, setup.server_core).await?)
                }
                _ => None,
            };
            let url = database.as_ref().map(Database::url);
            let launch = launch::launch(self, setup, data.path(), url).await?;
            Ok(Running {
                peer: self,
                process: Process::start(launch).await?,
                database,
                _data: data,
            })
        };
        let started: Result<_> = starting.await;
        started.with_context(|| format!("start {}", self.name()))
    }
}

impl Running {
    /// Where clients of a room connect, until the next restart. Makes the room where the peer wants that. A name has letters, digits, `-` and
    /// `_`: what all peers take.
    pub async fn door(&self, room: &str) -> Result<Door> {
        let may = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(room.chars().all(may), "not every peer takes {room:?}");
        let address = &self.process.address;
        let url = match self.peer {
            // It tells its port only.
            Peer::YWebsocket => format!("ws://127.0.0.1:{address}/{room}"),
            // Where the room is stands in the first message.
            Peer::Hocuspocus => address.clone(),
            Peer::YSweet => y_sweet_door(address, room).await?,
            _ => format!("{address}/{room}"),
        };
        let dialect = match self.peer {
            Peer::Hocuspocus => Dialect::Named(room.to_owned()),
            _ => Dialect::Plain,
        };
        Ok(Door { url, dialect })
    }

    /// An error with its last words if it has ended.
    pub fn check(&self) -> Result<()> {
        let name = self.peer.name();
        self.process.check().with_context(|| name.to_owned())
    }

    /// Processor time and memory that it and its children have taken, and where it is on Postgres that server too.
    pub fn taken(&self) -> Result<Taken> {
        self.check()?;
        let mut taken = self.program()?.taken()?;
        if let Some(database) = &self.database {
            let its = database.program.taken()?;
            taken.seconds += its.seconds;
            taken.mib += its.mib;
        }
        Ok(taken)
    }

    /// Resident memory of it and its children, in bytes, without Postgres. What they share counts for each, so look at
    /// the growth.
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
        let mut processes = self.program()?.processes()?;
        // A child may have ended just now.
        processes.retain(|pid| watched::reset_peak(*pid).is_err() && watched::runs(*pid));
        ensure!(processes.is_empty(), "the peak of {processes:?} stays");
        Ok(())
    }

    /// Whether its rooms outlive it.
    pub fn keeps_rooms(&self) -> bool {
        self.peer.keeps_rooms()
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

/// Makes a room of y-sweet's, and asks for its address as its clients' backends do.
async fn y_sweet_door(address: &str, room: &str) -> Result<String> {
    let mut api = Api::open(address).await?;
    let wanted = json!({"docId": room});
    let now = Duration::ZERO;
    api.ask(Method::POST, "/doc/new", now, Some(&wanted))
        .await?;
    let path = format!("/doc/{room}/auth");
    let made = api.ask(Method::POST, &path, now, Some(&json!({}))).await?;
    let url = made["url"].as_str().context("the address of a room")?;
    Ok(format!("{url}/{room}"))
}
