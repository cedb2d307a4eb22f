//! The server under measurement: a process with a database of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::expect;

/// A running server; dropping it kills it.
pub struct Server {
    binary: PathBuf,
    data: TempDir,
    process: Child,
    /// `ws://host:port`.
    pub url: String,
}

impl Server {
    /// Starts the binary on a free port.
    pub async fn start(binary: &Path) -> Result<Self> {
        let data = TempDir::new()?;
        let (process, url) = spawn(binary, data.path()).await?;
        Ok(Self {
            binary: binary.to_owned(),
            data,
            process,
            url,
        })
    }

    /// Kills it and starts it again on the same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill().await?;
        (self.process, self.url) = spawn(&self.binary, self.data.path()).await?;
        Ok(())
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

async fn spawn(binary: &Path, data: &Path) -> Result<(Child, String)> {
    let mut process = Command::new(binary)
        .env("PORT", "0")
        .env(
            "DATABASE_URL",
            format!("sqlite:{}/bench.db", data.display()),
        )
        .env("SCRIBLE_LOG", "warn")
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
