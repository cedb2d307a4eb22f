//! The server under measurement: a process with a database of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::expect;

/// The setting of where metrics are shown.
const METRICS: &str = "SCRIBLE_METRICS_LISTEN";

/// A running server; dropping it kills it.
pub struct Server {
    binary: PathBuf,
    settings: Vec<(&'static str, String)>,
    data: TempDir,
    process: Child,
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
        let settings = settings.to_vec();
        let settings = with_free_port(settings).await?;
        let (process, url) = spawn(binary, data.path(), &settings).await?;
        let metrics = settings.iter().find(|(name, _)| *name == METRICS);
        Ok(Self {
            binary: binary.to_owned(),
            metrics: metrics.map(|(_, at)| at.clone()),
            settings,
            data,
            process,
            url,
        })
    }

    /// Where its metrics are.
    pub fn metrics(&self) -> Result<&str> {
        expect(self.metrics.as_deref(), "metrics")
    }

    /// Kills it and starts it again on the same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill().await?;
        (self.process, self.url) = spawn(&self.binary, self.data.path(), &self.settings).await?;
        Ok(())
    }

    /// Stops it in order and starts it again on the same data.
    pub async fn stop_and_start(&mut self) -> Result<()> {
        let pid = expect(self.process.id(), "the server has ended")?;
        let asked = Command::new("kill").arg(pid.to_string()).status().await?;
        anyhow::ensure!(asked.success(), "the server cannot be asked to stop");
        self.process.wait().await?;
        (self.process, self.url) = spawn(&self.binary, self.data.path(), &self.settings).await?;
        Ok(())
    }

    /// What a command of the program says about the server's database.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        let output = with_database(&mut command, self.data.path())
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
        let pid = expect(self.process.id(), "the server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in brackets, may hold anything.
        let (_, fields) = expect(stat.rsplit_once(')'), "its stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse().unwrap_or(0)).sum();
        // Linux counts in hundredths for all programs.
        Ok(ticks as f64 / 100.0)
    }

    /// The process.
    pub fn pid(&self) -> Result<Pid> {
        let pid = expect(self.process.id(), "the server has ended")?;
        expect(Pid::from_raw(pid as i32), "an id of a process")
    }

    /// Resident memory, in bytes.
    pub fn rss_bytes(&self) -> Result<usize> {
        self.status("VmRSS:")
    }

    /// The most resident memory that it has had, in bytes.
    pub fn peak_rss_bytes(&self) -> Result<usize> {
        self.status("VmHWM:")
    }

    /// Forgets the peak so far (Linux: 5 written to `clear_refs`).
    pub fn reset_peak(&self) -> Result<()> {
        let pid = expect(self.process.id(), "the server has ended")?;
        Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
    }

    fn status(&self, name: &'static str) -> Result<usize> {
        let pid = expect(self.process.id(), "the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: usize = expect(line, name)?
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()?;
        Ok(kib * 1024)
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

async fn spawn(binary: &Path, data: &Path, settings: &[(&str, String)]) -> Result<(Child, String)> {
    let mut command = Command::new(binary);
    let mut process = with_database(&mut command, data)
        .env("PORT", "0")
        .env("SCRIBLE_LOG", "warn")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "start {}; build it with `cargo build --release`",
                binary.display()
            )
        })?;
    let mut lines = BufReader::new(expect(process.stdout.take(), "its output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix("listening on ") {
            return Ok((process, url.to_owned()));
        }
    }
    bail!("the server ended before it listened")
}

fn with_database<'a>(command: &'a mut Command, data: &Path) -> &'a mut Command {
    command.env(
        "DATABASE_URL",
        format!("sqlite:{}/bench.db", data.display()),
    )
}
