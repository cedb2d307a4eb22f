//! A Postgres server for us alone: its own folder, port and user, stopped and removed when it is dropped.
//!
//! Knows Debian's places for the programs. The one rule: no server, database or file that was there before is touched.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::command::Run;

/// By which the tests find it; one that is set already is used instead.
pub const URL: &str = "SCRIBLE_TEST_POSTGRES_URL";
/// Where Debian puts each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The oldest version that the store takes.
const OLDEST: u32 = 15;
/// The server refuses to run as root; this user comes with Debian's package.
const USER: &str = "postgres";
const START: Duration = Duration::from_secs(60);

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It does not sync, because nobody needs what is in it after the machine went down.
    Tests,
    /// It syncs, and runs on this processor alone.
    Measuring {
        /// Counted from 0.
        core: usize,
    },
}

/// A server that runs.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    process: Child,
}

/// Whether somebody else's server is to be used.
pub fn is_given() -> bool {
    std::env::var_os(URL).is_some()
}

/// The folder of the newest server that is installed, if it is new enough.
pub fn programs(root: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|version| *version >= OLDEST)
        .collect();
    versions.sort_unstable();
    let debian = versions
        .iter()
        .rev()
        .map(|version| Path::new(DEBIAN).join(version.to_string()).join("bin"))
        .find(|folder| folder.join("postgres").is_file());
    debian.or_else(|| {
        let config = Run::new("pg_config", root)
            .args(["--bindir"])
            .try_output()?;
        let folder = PathBuf::from(config);
        let told = Run::new(folder.join("postgres"), root).args(["--version"]);
        let version = major(&told.try_output()?)?;
        (version >= OLDEST).then_some(folder)
    })
}

/// The major part of what `postgres --version` prints.
fn major(told: &str) -> Option<u32> {
    let version = told.split_whitespace().nth(2)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn start(root: &Path, purpose: Purpose) -> Result<Self> {
        let programs = programs(root).context("Postgres is not installed")?;
        let folder = tempfile::Builder::new()
            .prefix("scrible-postgres-")
            .tempdir()
            .context("make a folder for Postgres")?;
        if is_root(root) {
            let owner = |flag: &str| {
                let id = Run::new("id", root).args([flag, USER]).try_output();
                let id = id.with_context(|| format!("there is no user {USER}"))?;
                id.parse::<u32>().context("read the number of a user")
            };
            std::os::unix::fs::chown(folder.path(), Some(owner("-u")?), Some(owner("-g")?))
                .context("give the folder to Postgres' user")?;
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(root, &programs.join("initdb"), Purpose::Tests);
        initdb
            .args(["--username=scrible", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(&data)
            .stdout(Stdio::null());
        println!("$ initdb in {}", data.display());
        let made = initdb.status().context("run initdb")?;
        if !made.success() {
            bail!("initdb ended with {made}");
        }
        let port = free_port()?;
        let log = std::fs::File::create(folder.path().join("log")).context("make a log")?;
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.path().display()),
            "max_connections=300".to_owned(),
        ];
        let careless = ["fsync=off", "full_page_writes=off"].map(str::to_owned);
        let careless = careless.into_iter().filter(|_| purpose == Purpose::Tests);
        let mut postgres = as_user(root, &programs.join("postgres"), purpose);
        postgres.arg("-D").arg(&data).stdout(Stdio::null());
        for setting in settings.into_iter().chain(careless) {
            postgres.args(["-c", &setting]);
        }
        println!("$ postgres on 127.0.0.1:{port}");
        let process = postgres.stderr(log).spawn().context("start Postgres")?;
        let mut server = Self {
            programs,
            folder,
            port,
            process,
        };
        server.wait(root)?;
        Ok(server)
    }

    /// Of its first database, as somebody who may do everything.
    pub fn url(&self) -> String {
        format!("postgres://scrible@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self, root: &Path) -> Result<()> {
        let began = Instant::now();
        let port = self.port.to_string();
        loop {
            let asking = Run::new(self.programs.join("pg_isready"), root);
            let asking = asking.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            if asking.try_output().is_some() {
                return Ok(());
            }
            let ended = self.process.try_wait().context("look at Postgres")?;
            if ended.is_some() || began.elapsed() > START {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                bail!("Postgres did not start:\n{}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, but in order: it has shared memory that goes with it. It may have ended by itself, and what it wrote goes with its
        // folder.
        let pid = self.process.id().to_string();
        let told = Command::new("kill").args(["-QUIT", &pid]).status();
        if !told.is_ok_and(|status| status.success()) {
            self.process.kill().ok();
        }
        self.process.wait().ok();
    }
}

/// A program under Postgres' user where we are root, and one that ends with us.
fn as_user(root: &Path, program: &Path, purpose: Purpose) -> Command {
    let mut command = match purpose {
        Purpose::Tests => Command::new("setpriv"),
        Purpose::Measuring { core } => {
            let mut command = Command::new("taskset");
            command.args(["-c", &core.to_string(), "setpriv"]);
            command
        }
    };
    command.args(["--pdeathsig", "INT"]);
    if is_root(root) {
        command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
    }
    // Not in a folder that the user may not enter.
    command.arg("--").arg(program).current_dir("/");
    command
}

fn is_root(root: &Path) -> bool {
    let id = Run::new("id", root).args(["-u"]).try_output();
    id.is_some_and(|id| id == "0")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_postgres_prints() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(major(debian), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major("postgres"), None);
    }
}
