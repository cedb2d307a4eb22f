//! A Postgres server of a case's own, which it may stop and start.
//!
//! Takes the programs of the server that the tests were given, which must be on this machine. The rule: no process outlives its test,
//! and what it wrote goes with its folder.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::database::{connect, server};
use crate::program::signal;

/// Whose Postgres is where we are root, as which it does not run.
const USER: &str = "postgres";

pub struct Server {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

/// How a server is stopped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Stop {
    /// Sessions are ended, and what is in memory is written.
    Fast,
    /// As by a crash.
    Immediate,
}

impl Server {
    /// Made, and not running.
    pub async fn new() -> Self {
        let mut conn = connect(&server()).await;
        let sql = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
        let programs: String = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let made = Self {
            programs: programs.into(),
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            process: None,
        };
        if Self::is_root() {
            let mut give = Command::new("chown");
            give.arg(USER).arg(made.folder.path());
            assert!(give.status().unwrap().success());
        }
        let mut initdb = made.program("initdb");
        initdb
            .args(["--username=scrible", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(made.data())
            .stdout(Stdio::null());
        assert!(initdb.status().unwrap().success());
        made
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&mut self) {
        let mut postgres = self.program("postgres");
        let socket = format!("unix_socket_directories={}", self.folder.path().display());
        postgres
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", &format!("port={}", self.port), "-c", &socket])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(postgres.spawn().unwrap());
        connect(&self.options()).await.close().await.unwrap();
    }

    /// Stops it, and waits until it has ended.
    pub fn stop(&mut self, how: Stop) {
        let mut process = self.process.take().expect("it runs");
        signal(
            &process,
            match how {
                Stop::Fast => "INT",
                Stop::Immediate => "QUIT",
            },
        );
        process.wait().unwrap();
    }

    /// Of its first database.
    pub fn options(&self) -> PgConnectOptions {
        let url = format!("postgres://scrible@127.0.0.1:{}/postgres", self.port);
        url.parse().unwrap()
    }

    /// As [`options`](Self::options).
    pub fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    /// Whether we are.
    fn is_root() -> bool {
        std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of Postgres', which ends with us.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if Self::is_root() {
            command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
        }
        // Not in a folder that the user may not enter.
        command
            .arg("--")
            .arg(self.programs.join(name))
            .current_dir("/");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop(Stop::Immediate);
        }
    }
}

/// One that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
