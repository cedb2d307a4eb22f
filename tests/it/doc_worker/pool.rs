//! Doc workers of the real program, the processes that they are, and docs that are hard on them.
//!
//! The rules: each pool has a limit of its own, by which its children are told apart in the table of processes; and no
//! process outlives its test.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use scrible::doc_worker::{DocWorkers, DocWorkersConfig};
use scrible_wire::varint::write_number;
use scrible_wire::{Limits, scan};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_scrible");

/// So many maps in each other keep a worker busy for seconds.
pub const DEEP: usize = 400_000;

pub struct Pool {
    pub workers: Arc<DocWorkers>,
    pub max_doc_bytes: usize,
}

impl Pool {
    pub fn new(workers: usize) -> Self {
        Self::with(workers, 16 << 20, Duration::from_secs(60))
    }

    pub fn with(workers: usize, about_max_doc_bytes: usize, time_limit: Duration) -> Self {
        static POOLS: AtomicUsize = AtomicUsize::new(1);
        let max_doc_bytes = about_max_doc_bytes + POOLS.fetch_add(1, Ordering::Relaxed);
        let workers = DocWorkers::new(DocWorkersConfig {
            program: PROGRAM.into(),
            workers,
            max_doc_bytes,
            time_limit,
            fonts: Default::default(),
        });
        Self {
            workers,
            max_doc_bytes,
        }
    }

    pub fn children(&self) -> Vec<Pid> {
        let limit = format!("--doc-limit={}", self.max_doc_bytes);
        // The same tests may run elsewhere on this machine.
        processes(&[&limit, &format!("--parent={}", std::process::id())])
    }

    /// Its only child, once there is one and it works.
    pub async fn at_work(&self) -> Pid {
        until("a child works", || {
            let [child] = self.children()[..] else {
                return None;
            };
            (cpu_ticks(child) > 20).then_some(child)
        })
        .await
    }

    pub async fn works(&self) {
        let json = self.workers.json(vec![small()]).await;
        assert_eq!(json.unwrap(), r#"{"m":{"k":true}}"#);
    }
}

/// Processes with all these arguments, dead ones that nobody has waited for included.
pub fn processes(arguments: &[&str]) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        if arguments
            .iter()
            .all(|argument| words.contains(&argument.as_bytes()))
        {
            found.extend(pid.and_then(Pid::from_raw));
        }
    }
    found
}

/// Processor time that a process has used, in hundredths of a second.
pub fn cpu_ticks(pid: Pid) -> u64 {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

pub fn rss_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        << 10
}

/// Looks again and again until there is something.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        let mut tick = interval(Duration::from_millis(5));
        // A look may take longer than that, and whoever is looked at must get on.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Some(found) = look() {
                return found;
            }
        }
    };
    let found = timeout(Duration::from_secs(20), looking).await;
    found.unwrap_or_else(|_| panic!("{what}"))
}

/// `{"m": {"k": true}}`.
pub fn small() -> Bytes {
    Bytes::from_static(&[1, 1, 7, 0, 0x28, 1, 1, b'm', 1, b'k', 1, 120, 0])
}

/// 1 and 1.0 are the same to Yjs.
pub fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), floats(v))).collect(),
        other => other.clone(),
    }
}

/// JSON in which equal numbers are equal.
pub fn parsed(json: &[u8]) -> Value {
    floats(&serde_json::from_slice(json).unwrap())
}

/// One client's list of so many structs.
pub fn list(structs: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Bytes {
    let mut update = vec![1];
    write_number(&mut update, structs as u64);
    update.extend([7, 0]);
    (0..structs).for_each(|at| write(at, &mut update));
    update.push(0);
    assert_eq!(
        scan(&update, &Limits::default()).map(|scan| scan.structs),
        Ok(structs)
    );
    update.into()
}

/// Maps in each other.
pub fn nested(depth: usize) -> Bytes {
    list(depth, |at, update| {
        update.push(0x27);
        match at {
            0 => update.extend([1, 1, b'm']),
            _ => {
                update.extend([0, 7]);
                write_number(update, at as u64 - 1);
            }
        }
        update.extend([1, b'k', 1]);
    })
}

/// Sub-documents side by side: yrs takes more than 2 KB for the 10 bytes of each.
pub fn sub_documents(count: usize) -> Bytes {
    list(count, |at, update| {
        match at {
            0 => update.extend([9, 1, 1, b'a']),
            _ => {
                update.extend([0x89, 7]);
                write_number(update, at as u64 - 1);
            }
        }
        update.extend([1, b'g', 118, 0]);
    })
}

/// A shell that starts a doc worker; nothing tells the worker that it is gone but its absence.
pub struct Parent {
    pub shell: Child,
    pub name: String,
}

impl Parent {
    /// The limit is raised a little, to be nobody else's.
    pub fn new(about_max_doc_bytes: usize) -> Self {
        let limit = about_max_doc_bytes + std::process::id() as usize;
        let name = format!("--doc-limit={limit}");
        let shell = Command::new("/bin/sh")
            .args([
                "-c",
                r#"exec 3<&0; "$0" doc-worker --parent=$$ "$@" <&3 & wait"#,
                PROGRAM,
            ])
            .args([&name, "--memory-bytes=2000000000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { shell, name }
    }

    pub fn say(&mut self, head: &Value, blob: &[u8]) {
        let head = head.to_string();
        let to = self.shell.stdin.as_mut().unwrap();
        to.write_all(&(head.len() as u32).to_le_bytes()).unwrap();
        to.write_all(head.as_bytes()).unwrap();
        to.write_all(blob).unwrap();
    }

    pub fn hear(&mut self) -> Value {
        let from = self.shell.stdout.as_mut().unwrap();
        let mut len = [0; 4];
        from.read_exact(&mut len).unwrap();
        let mut head = vec![0; u32::from_le_bytes(len) as usize];
        from.read_exact(&mut head).unwrap();
        serde_json::from_slice(&head).unwrap()
    }

    pub fn worker(&self) -> Option<Pid> {
        let shell = Pid::from_child(&self.shell);
        processes(&[&self.name])
            .into_iter()
            .find(|pid| *pid != shell)
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        if let Some(worker) = self.worker() {
            let _ = kill_process(worker, Signal::KILL);
        }
    }
}
