//! The server under measurement: a process with a database of its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::expect;
use crate::process::{Errors, Launch, Process};
use crate::watched;

/// The setting of where metrics are shown.
const METRICS: &str = "SCRIBLE_METRICS_LISTEN";

/// A running server; dropping it kills it.
pub struct Server {
    binary: PathBuf,
    data: TempDir,
    process: Process,
    /// `ws://host:port`.
    pub url: String,
    /// Where its metrics are, if it was told to show them.
    metrics: Option<String>,
}

impl Server {
    /// Starts the binary on a free port.
    pub async fn start(binary: &Path) -> Result<Self> {
        Self::start_with(binary, &[]).await
    }

    /// The same with further settings, in this life only.
    pub async fn start_with(binary: &Path, settings: &[(&'static str, String)]) -> Result<Self> {
        let data = TempDir::new()?;
        let settings = with_free_port(settings.to_vec()).await?;
        let mut launch = launch(binary, data.path(), &settings);
        launch.errors = Errors::Shown;
        launch.environment.insert(0, log("warn"));
        let process = Process::start(launch).await?;
        let metrics = settings.iter().find(|(name, _)| *name == METRICS);
        Ok(Self {
            binary: binary.to_owned(),
            metrics: metrics.map(|(_, at)| at.clone()),
            data,
            url: process.address.clone(),
            process,
        })
    }

    /// Where its metrics are.
    pub fn metrics(&self) -> Result<&str> {
        expect(self.metrics.as_deref(), "metrics")
    }

    /// Stops it in order and starts it again on the same data.
    pub async fn stop_and_start(&mut self) -> Result<()> {
        self.process.restart().await?;
        self.url = self.process.address.clone();
        Ok(())
    }

    /// What a command of the program says about the server's database.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.binary)
            .env("DATABASE_URL", database(self.data.path()))
            .args(arguments)
            .output()
            .await?;
        anyhow::ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Size of the database file and its log, in bytes.
    pub fn database_bytes(&self) -> u64 {
        let size =
            |name| std::fs::metadata(self.data.path().join(name)).map_or(0, |file| file.len());
        size("bench.db") + size("bench.db-wal")
    }

    /// Processor time that it has taken, in seconds, to a hundredth.
    pub fn cpu_seconds(&self) -> Result<f64> {
        expect(watched::seconds(self.id()?), "its stat")
    }

    /// The process.
    pub fn pid(&self) -> Result<Pid> {
        self.process.pid()
    }

    /// Resident memory, in bytes.
    pub fn rss_bytes(&self) -> Result<usize> {
        watched::size(self.id()?, "VmRSS")
    }

    /// The most resident memory that it has had, in bytes.
    pub fn peak_rss_bytes(&self) -> Result<usize> {
        watched::size(self.id()?, "VmHWM")
    }

    /// Forgets the peak so far.
    pub fn reset_peak(&self) -> Result<()> {
        watched::reset_peak(self.id()?)
    }

    fn id(&self) -> Result<u32> {
        Ok(self.pid()?.as_raw_nonzero().get() as u32)
    }
}

/// How the server is started with its database in a folder, where no setting names another.
pub fn launch(binary: &Path, data: &Path, settings: &[(&'static str, String)]) -> Launch {
    let mut environment = vec![
        ("PORT".to_owned(), "0".to_owned()),
        ("DATABASE_URL".to_owned(), database(data)),
    ];
    // The last of a name counts.
    let settings = settings.iter();
    environment.extend(settings.map(|(name, value)| ((*name).to_owned(), value.clone())));
    Launch {
        program: binary.to_owned(),
        arguments: Vec::new(),
        environment,
        core: None,
        log: data.join("server.log"),
        errors: Errors::Kept,
        announces: "listening on ",
        stop: Signal::TERM,
    }
}

/// Gives metrics a port that is free at this moment, which is as good as it gets for one that must be known.
async fn with_free_port(
    mut settings: Vec<(&'static str, String)>,
) -> Result<Vec<(&'static str, String)>> {
    for (name, at) in &mut settings {
        if *name == METRICS && at.ends_with(":0") {
            *at = TcpListener::bind(&*at).await?.local_addr()?.to_string();
        }
    }
    Ok(settings)
}

/// The page of metrics of a server.
pub async fn get_metrics(address: &str) -> Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn database(data: &Path) -> String {
    format!("sqlite:{}/bench.db", data.display())
}

/// The setting of how much the server says.
fn log(level: &str) -> (String, String) {
    ("SCRIBLE_LOG".to_owned(), level.to_owned())
}
