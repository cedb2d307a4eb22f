//! A server as a process of ours: where it runs, what it says, how it stops.
//!
//! Knows nothing of which server it is. The one rule: what it says is kept, and shown when it has ended without being asked to.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::process::{Child, Command};

use crate::expect;
use crate::watched;

/// For a server to listen, or to end: longer than any needs with what the benches give it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what a server that starts has said.
const LOOK: Duration = Duration::from_millis(5);
/// How much of what it said is shown.
const SHOWN_LINES: usize = 40;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What is run.
    pub program: PathBuf,
    /// With what.
    pub arguments: Vec<OsString>,
    /// On top of our own environment.
    pub environment: Vec<(String, String)>,
    /// The only processor that it and its children may use, counted from 0; any where there is none.
    pub core: Option<usize>,
    /// Where its words are kept, those of one life after those of the last.
    pub log: PathBuf,
    /// What becomes of its standard error.
    pub errors: Errors,
    /// What stands before the address in the line that it prints when it listens.
    pub announces: &'static str,
    /// What asks it to end.
    pub stop: Signal,
}

/// What becomes of a server's standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// It is ours.
    Shown,
    /// It goes to the log.
    Kept,
}

/// A server that listens; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    launch: Launch,
    /// What it announced.
    pub address: String,
}

impl Process {
    /// Starts a server and waits until it listens.
    pub async fn start(launch: Launch) -> Result<Self> {
        raise_open_files()?;
        let log = File::options()
            .append(true)
            .create(true)
            .open(&launch.log)
            .with_context(|| format!("open {}", launch.log.display()))?;
        let said_before = log.metadata()?.len() as usize;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if launch.errors == Errors::Kept {
            command.stderr(log.try_clone()?);
        }
        let child = spawn_on(command.stdout(log), launch.core)
            .with_context(|| format!("start {}", launch.program.display()))?;
        let mut process = Self {
            child,
            launch,
            address: String::new(),
        };
        let began = Instant::now();
        loop {
            let said = std::fs::read(&process.launch.log)?;
            let said = String::from_utf8_lossy(said.get(said_before..).unwrap_or_default());
            if let Some(address) = announced(&said, process.launch.announces) {
                process.address = address;
                return Ok(process);
            }
            process.check()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} does not listen; it said:\n{}",
                process.launch.program.display(),
                process.last_words()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An error with its last words, if it has ended.
    pub fn check(&self) -> Result<()> {
        if self.child.id().is_some_and(watched::runs) {
            return Ok(());
        }
        bail!(
            "{} has ended; it said:\n{}",
            self.launch.program.display(),
            self.last_words()
        )
    }

    /// Its id.
    pub fn pid(&self) -> Result<Pid> {
        let pid = expect(self.child.id(), "the server has ended")?;
        expect(Pid::from_raw(pid as i32), "an id of a process")
    }

    /// Asks it to end, waits until it has, and starts it again in the same way; its address may be another then.
    pub async fn restart(&mut self) -> Result<()> {
        kill_process(self.pid()?, self.launch.stop).context("ask a server to end")?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.with_context(|| format!("{} does not end", self.launch.program.display()))??;
        *self = Self::start(self.launch.clone()).await?;
        Ok(())
    }

    /// Kills it.
    pub async fn end(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    fn last_words(&self) -> String {
        let said = std::fs::read(&self.launch.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

/// Starts a program that may use one processor only. It has its creator's from its first moment, so that it makes as many threads as it would
/// on such a machine.
fn spawn_on(command: &mut Command, core: Option<usize>) -> Result<Child> {
    let Some(core) = core else {
        return Ok(command.spawn()?);
    };
    let ours = sched_getaffinity(None)?;
    let mut its = CpuSet::new();
    ensure!(core < CpuSet::MAX_CPU, "there is no processor {core}");
    its.set(core);
    sched_setaffinity(None, &its).with_context(|| format!("use processor {core}"))?;
    let child = command.spawn();
    sched_setaffinity(None, &ours)?;
    Ok(child?)
}

/// Lets us, and so what we start, have as many files and connections open as the machine allows.
fn raise_open_files() -> Result<()> {
    let allowed = getrlimit(Resource::Nofile).maximum;
    let both = Rlimit {
        current: allowed,
        maximum: allowed,
    };
    setrlimit(Resource::Nofile, both).context("raise the limit of open files")
}

/// The address in the first whole line that announces one.
fn announced(said: &str, announces: &str) -> Option<String> {
    let mut whole = said
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let address = whole.find_map(|line| line.split_once(announces).map(|(_, rest)| rest))?;
    Some(address.split_whitespace().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(script: &str, folder: &std::path::Path) -> Launch {
        Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
            core: Some(0),
            log: folder.join("log"),
            errors: Errors::Kept,
            announces: "listening on ",
            stop: Signal::TERM,
        }
    }

    #[test]
    fn the_address_is_taken_from_a_whole_line() {
        let said = "first\nlistening on ws://127.0.0.1:1";
        assert_eq!(announced(said, "listening on "), None);
        let said = "first\nINFO listening on ws://127.0.0.1:12 for all\n";
        let address = announced(said, "listening on ");
        assert_eq!(address.as_deref(), Some("ws://127.0.0.1:12"));
    }

    #[tokio::test]
    async fn what_a_server_said_that_ends_at_once_is_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Process::start(launch("echo no port >&2; exit 1", folder.path())).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no port"), "{error}");
    }

    #[tokio::test]
    async fn a_server_uses_its_processor_and_starts_again_after_it_was_asked_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'echo bye; exit' TERM; grep Cpus_allowed_list /proc/self/status; \
            echo listening on $$; while :; do sleep 0.05; done";
        let mut server = Process::start(launch(script, folder.path())).await.unwrap();
        let first = server.address.clone();
        server.restart().await.unwrap();
        assert_ne!(server.address, first);
        server.check().unwrap();
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
        let lines: Vec<_> = said.lines().map(str::split_whitespace).collect();
        let lines: Vec<_> = lines
            .into_iter()
            .map(|mut words| words.next_back())
            .collect();
        let second = Some(server.address.as_str());
        assert_eq!(
            lines,
            [Some("0"), Some(&first), Some("bye"), Some("0"), second],
            "{said}"
        );
    }
}
