//! The program itself, in a folder of its own.
//!
//! The rule: no process outlives its test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// A folder with a database, and the commands that know where it is.
pub struct Place {
    folder: TempDir,
    url: String,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self::on("sqlite:rooms.db")
    }

    /// A folder, and a database that is somewhere else.
    pub fn on(url: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.file("rooms.db")
    }

    /// The first file whose name begins so.
    pub fn find(&self, start: &str) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(start))
        })
    }

    /// The program with these arguments, run in the folder and told nothing by the environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrible"));
        command
            .current_dir(self.folder())
            .env_clear()
            .args(arguments)
            .args(["--database-url", &self.url])
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A server, once it listens.
    pub fn serve(&self) -> Process {
        self.try_serve().expect("the server starts")
    }

    /// A server once it listens; `None` when it refuses to start.
    pub fn try_serve(&self) -> Option<Process> {
        self.start(&mut self.command(&["serve", "--port", "0", "--log", "error"]))
    }

    /// A server with settings of its own, once it listens.
    pub fn serve_with(&self, settings: &[(&str, &str)]) -> Process {
        let mut command = self.command(&["serve", "--port", "0", "--log", "error"]);
        command.envs(settings.iter().copied());
        self.start(&mut command).expect("the server starts")
    }

    /// A server that logs everything into the file `log` and serves metrics.
    pub fn serve_talkative(&self, format: &str) -> Process {
        let mut command = self.command(&["serve", "--port", "0", "--log", "trace"]);
        command.args(["--log-format", format, "--metrics-listen", "127.0.0.1:0"]);
        self.serve_logged(&mut command)
    }

    /// A server of any command line that logs into the file `log`.
    pub fn serve_logged(&self, command: &mut Command) -> Process {
        command.stderr(File::create(self.file("log")).unwrap());
        self.start(command).expect("the server starts")
    }

    fn start(&self, command: &mut Command) -> Option<Process> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        if line.is_empty() {
            assert_eq!(child.wait().unwrap().code(), Some(1));
            return None;
        }
        let address = line.trim().strip_prefix("listening on ws://");
        let address = address.unwrap_or_else(|| panic!("{line:?} names an address"));
        Some(Process {
            address: address.parse().unwrap(),
            child,
        })
    }
}

/// A server that is running; killed when it is dropped.
pub struct Process {
    pub address: SocketAddr,
    child: Child,
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in order.
    pub fn stop(mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; after an orderly stop there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one child.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}
