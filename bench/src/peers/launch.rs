//! How each peer is started, and which version of it that is.
//!
//! Does not start anything. The one rule: a peer gets what its own documentation tells every user to set, a free port, and nothing else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;
use tokio::net::TcpListener;

use super::{Peer, Setup, postgres};
use crate::process::{Errors, Launch};
use crate::server;

/// What our own programs were built with.
const LOCK: &str = include_str!("../../../Cargo.lock");
/// The same of yrs-warp's main.
const YRS_WARP_LOCK: &str = include_str!("../../peers/yrs-warp/Cargo.lock");
/// Where the packages of npm are, and what runs them.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// What our server's clients on the open internet are held to, and its peers' are not.
const UNLIMITED: [(&str, &str); 2] = [
    ("SCRIBLE_MAX_MESSAGES_PER_SECOND", "0"),
    ("SCRIBLE_MAX_BYTES_PER_SECOND", "0"),
];

/// How a peer is started that keeps what it stores in a folder, or in the database of a URL.
pub async fn launch(
    peer: Peer,
    setup: &Setup,
    data: &Path,
    database: Option<String>,
) -> Result<Launch> {
    let mut launch = match peer {
        Peer::Scrible | Peer::ScriblePostgres => {
            let unlimited = UNLIMITED.map(|(name, value)| (name, value.to_owned()));
            let database = database.map(|url| ("DATABASE_URL", url));
            let settings: Vec<_> = unlimited.into_iter().chain(database).collect();
            server::launch(&setup.server, data, &settings)
        }
        Peer::Reference => program(std::env::current_exe()?, ["reference".into()], data),
        Peer::Hocuspocus => {
            let main = Path::new(PEERS).join("hocuspocus.mjs");
            let database = data.join("hocuspocus.sqlite");
            program("node".into(), [main.into(), database.into()], data)
        }
        Peer::YWebsocket => {
            let main = package("y-websocket", "@y/websocket-server").join("src/server.js");
            let mut launch = program("node".into(), [main.into()], data);
            // It does not tell which free port it took, so one is found that is free at this moment.
            let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
            launch.environment = vec![
                ("HOST".to_owned(), "127.0.0.1".to_owned()),
                ("PORT".to_owned(), port.to_string()),
            ];
            launch.announces = "on port ";
            launch
        }
        Peer::YSweet => {
            let arguments = ["serve", "--host", "127.0.0.1", "--port", "0"];
            let arguments = arguments.map(OsString::from).into_iter();
            let store = data.join("y-sweet").into();
            let arguments = arguments.chain([store]);
            let mut launch = program(setup.tools.join("bin/y-sweet"), arguments, data);
            launch.announces = "Listening on ";
            // It does not know of the other.
            launch.stop = Signal::INT;
            launch
        }
        Peer::YrsWarp => program(yrs_warp(setup), [], data),
    };
    launch.core = Some(setup.server_core);
    Ok(launch)
}

/// What is installed, as its makers count.
pub fn version(peer: Peer, setup: &Setup) -> Option<String> {
    match peer {
        Peer::Scrible => told(&setup.server, "--version"),
        Peer::ScriblePostgres => {
            let ours = told(&setup.server, "--version")?;
            let postgres = postgres::version(setup.postgres.as_ref()?)?;
            Some(format!("{ours}, Postgres {postgres}"))
        }
        Peer::Reference => locked(LOCK, "tokio-tungstenite"),
        Peer::Hocuspocus => on_node(&package("", "@hocuspocus/server")),
        Peer::YWebsocket => on_node(&package("y-websocket", "@y/websocket-server")),
        Peer::YSweet => told(&setup.tools.join("bin/y-sweet"), "version"),
        Peer::YrsWarp => {
            let installed = yrs_warp(setup).is_file();
            locked(YRS_WARP_LOCK, "yrs-warp").filter(|_| installed)
        }
    }
}

fn program(program: PathBuf, arguments: impl IntoIterator<Item = OsString>, data: &Path) -> Launch {
    Launch {
        program,
        arguments: arguments.into_iter().collect(),
        environment: Vec::new(),
        core: None,
        log: data.join("server.log"),
        errors: Errors::Kept,
        announces: "listening on ",
        stop: Signal::TERM,
    }
}

fn yrs_warp(setup: &Setup) -> PathBuf {
    setup.tools.join("yrs-warp/release/scrible-peer-yrs-warp")
}

/// Where a package of npm is installed.
fn package(folder: &str, name: &str) -> PathBuf {
    let folder = Path::new(PEERS).join(folder);
    folder.join("node_modules").join(name)
}

/// The version of an installed package of npm, and of what runs it.
fn on_node(package: &Path) -> Option<String> {
    let text = std::fs::read(package.join("package.json")).ok()?;
    let described: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let version = described["version"].as_str()?;
    let node = told(Path::new("node"), "--version")?;
    Some(format!("{version}, Node {}", node.trim_start_matches('v')))
}

/// The last word of what a program says about its version.
fn told(program: &Path, question: &str) -> Option<String> {
    let output = Command::new(program).arg(question).output();
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
        assert_eq!(locked(YRS_WARP_LOCK, "yrs-warp").as_deref(), Some("0.9.0"));
    }
}
