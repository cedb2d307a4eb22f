//! Redis servers for tests: each on ports and in a folder of its own, alone or as a cluster, ended with the test.
//!
//! The one rule: nothing that runs on this machine already is touched.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Whether there is a server to start.
pub fn is_installed() -> bool {
    let mut command = Command::new("redis-server");
    let asked = command.arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// One server. What it keeps in memory is lost when it ends.
pub struct Redis {
    pub port: u16,
    folder: TempDir,
    options: Vec<String>,
    process: Child,
}

impl Redis {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further options.
    pub async fn start_with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        loop {
            let mut folder = tempfile::Builder::new();
            let folder = folder.prefix("scrible-redis-").tempdir().unwrap();
            let port = free_port();
            let process = spawn(port, &folder, &options);
            let mut server = Self {
                port,
                folder,
                options: options.clone(),
                process,
            };
            // Somebody else may have taken the port meanwhile.
            match server.is_ready().await {
                Ok(()) => return server,
                Err(log) => assert!(log.contains("Address already in use"), "{log}"),
            }
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Of its socket in the file system, which it has if it was started with `--unixsocket redis.sock`.
    pub fn socket_url(&self) -> String {
        format!("unix://{}", self.folder.path().join("redis.sock").display())
    }

    /// Asks it something, over a connection of its own.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let mut connection = self.connect().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }

    /// Asks it something that is written as on a command line.
    pub async fn run<T: FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            command.arg(word);
        });
        self.ask(&command).await
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = Client::open(self.url())?;
        client.get_multiplexed_async_connection().await
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        std::fs::remove_file(self.log()).unwrap();
        self.process = spawn(self.port, &self.folder, &self.options);
        self.is_ready().await.unwrap();
    }

    /// Lets it stand still.
    pub fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Waits until this very server takes connections: another one might answer on its port.
    async fn is_ready(&mut self) -> Result<(), String> {
        for _ in 0..1_000 {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            if log.contains("Ready to accept connections") {
                return Ok(());
            }
            if self.process.try_wait().unwrap().is_some() {
                return Err(log);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not come up");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Child {
    // One that ends with us, however we end.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "redis-server"])
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .args(["--logfile", "log", "--dir"])
        .arg(folder.path())
        .args(options)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .process_group(0);
    command.spawn().unwrap()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A cluster of three masters without replicas.
pub struct Cluster {
    pub masters: Vec<Redis>,
}

impl Cluster {
    /// Starts one and waits until all of it agrees.
    pub async fn start() -> Self {
        let mut masters = Vec::new();
        for _ in 0..3 {
            let talking = free_port().to_string();
            let options = [
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &talking],
                ["--cluster-node-timeout", "1000"],
                // The parts that live go on serving.
                ["--cluster-require-full-coverage", "no"],
                ["--cluster-allow-pubsubshard-when-down", "yes"],
            ];
            masters.push((Redis::start_with(&options.concat()).await, talking));
        }
        let first = format!("127.0.0.1 {} {}", masters[0].0.port, masters[0].1);
        for (nth, (master, _)) in masters.iter().enumerate() {
            let (from, to) = Self::slots(nth);
            let () = master
                .run(&format!("CLUSTER ADDSLOTSRANGE {from} {to}"))
                .await;
            if nth > 0 {
                let () = master.run(&format!("CLUSTER MEET {first}")).await;
            }
        }
        let masters = masters.into_iter().map(|(master, _)| master).collect();
        let cluster = Self { masters };
        for master in &cluster.masters {
            cluster.is_whole(master).await;
        }
        cluster
    }

    /// The slots that a master has at the start.
    pub fn slots(nth: usize) -> (u16, u16) {
        [(0, 5_460), (5_461, 10_922), (10_923, 16_383)][nth]
    }

    pub fn url(&self) -> String {
        let places = self.masters.iter();
        let places = places.map(|master| format!("127.0.0.1:{}", master.port));
        format!("redis+cluster://{}", places.collect::<Vec<_>>().join(","))
    }

    /// Waits until a master knows all of it to be well.
    pub async fn is_whole(&self, master: &Redis) {
        for _ in 0..1_000 {
            let info: String = master.run("CLUSTER INFO").await;
            if [
                "cluster_state:ok",
                "cluster_slots_ok:16384",
                "cluster_known_nodes:3",
            ]
            .iter()
            .all(|line| info.contains(line))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the cluster does not come together");
    }
}
