//! A server that speaks S3, for one test: on a port and in a folder of its own, ended with the test.
//!
//! The one rule: nothing that runs on this machine already is touched.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

/// Names the program.
pub const PROGRAM: &str = "SCRIBLE_TEST_S3S_FS";
/// What it takes.
pub const ACCESS_KEY: &str = "the-key";
pub const SECRET_KEY: &str = "the-secret";
/// The one bucket that it has.
pub const BUCKET: &str = "boards";

/// The program to start.
pub fn program() -> Option<OsString> {
    std::env::var_os(PROGRAM)
}

/// One server. What it keeps outlives its process, not the test.
pub struct Server {
    pub address: SocketAddr,
    folder: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Starts one with an empty bucket.
    pub async fn start() -> Self {
        loop {
            let folder = tempfile::Builder::new().prefix("scrible-s3-").tempdir();
            let folder = folder.unwrap();
            fs::create_dir(folder.path().join(BUCKET)).unwrap();
            let mut server = Self {
                address: free_address(),
                folder,
                process: None,
            };
            // Somebody else may have taken the port meanwhile.
            if server.go_on().await {
                return server;
            }
        }
    }

    /// Ends its process.
    pub fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again where it was. Says whether it could.
    pub async fn go_on(&mut self) -> bool {
        self.end();
        let port = self.address.port().to_string();
        let mut command = Command::new(program().expect("ignored otherwise"));
        let command = command
            .args(["--host", "127.0.0.1", "--port", &port])
            .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = self.process.insert(command.spawn().unwrap());
        loop {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.address).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it keeps of uploads that have not ended.
    pub fn unended(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".upload")).collect()
    }

    /// Where the bucket lies.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where nobody listens.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
