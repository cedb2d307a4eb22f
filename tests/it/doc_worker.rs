//! Doc workers of the real program: what they make of honest docs, and what is left standing after hostile ones.
//!
//! The rules: each pool has a limit of its own, by which its children are told apart in the table of processes; and no
//! process outlives its test.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use scrible::doc_worker::{Built, DocError, DocWorkers, DocWorkersConfig};
use scrible_wire::varint::{Reader, write_number};
use scrible_wire::{Clocks, Limits, Taking, scan};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_scrible");

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
fn processes(arguments: &[&str]) -> Vec<Pid> {
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
fn cpu_ticks(pid: Pid) -> u64 {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

fn rss_bytes() -> usize {
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

/// One client's list of so many structs.
fn list(structs: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Bytes {
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

/// What a room keeps of a session that Yjs clients had, what Yjs had in the end, and whether it holds XML hooks.
fn sessions() -> Vec<(u64, Vec<Bytes>, Bytes, bool)> {
    let bytes = include_bytes!("../../crates/wire/tests/data/sessions.bin");
    let reader = &mut Reader::new(bytes);
    let number = |reader: &mut Reader<'_>| reader.number().unwrap();
    let blob = |reader: &mut Reader<'_>| reader.var_bytes().unwrap().to_vec();
    let sessions = (0..number(reader)).map(|_| {
        let (seed, flags) = (number(reader), number(reader));
        let (mut clocks, mut log) = (Clocks::new(), Vec::new());
        for _ in 0..number(reader) {
            number(reader);
            let update = blob(reader);
            match clocks.take(&update, &Limits::default()).unwrap().entry {
                Taking::Nothing => {}
                Taking::Whole => log.push(update.into()),
                Taking::Part(part) => log.push(part.into()),
            }
            number(reader);
        }
        (0..number(reader)).for_each(|_| drop(blob(reader)));
        let state = blob(reader).into();
        blob(reader);
        (seed, log, state, flags & 4 != 0)
    });
    sessions.collect()
}

/// 1 and 1.0 are the same to Yjs.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), floats(v))).collect(),
        other => other.clone(),
    }
}

fn parsed(json: &[u8]) -> Value {
    floats(&serde_json::from_slice(json).unwrap())
}

#[tokio::test]
async fn d2_what_is_built_holds_all_that_its_updates_hold() {
    let pool = Pool::new(2);
    let (mut built_ones, mut refused) = (0, 0);
    for (seed, log, state, hooks) in sessions() {
        let built = match pool.workers.build(log.clone()).await {
            Ok(built) => built,
            Err(DocError::Broken(why)) if why.contains("sub-documents") => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        built_ones += 1;
        let Built {
            snapshot,
            state_vector,
        } = built;
        let limits = Limits::default();
        let facts = scan(&snapshot, &limits).unwrap();
        assert!(!facts.has_skip, "seed {seed}");
        let mut clocks = Clocks::new();
        assert!(clocks.take(&snapshot, &limits).unwrap().early.is_none());
        assert_eq!(clocks.state_vector().encode().len(), state_vector.len());
        for update in log.iter().chain([&state]) {
            let taken = clocks.take(update, &limits).unwrap();
            assert!(taken.is_known(), "seed {seed}: {taken:?}");
        }
        if !hooks {
            let shown = pool.workers.json(vec![snapshot]).await.unwrap();
            let wanted = pool.workers.json(vec![state]).await.unwrap();
            assert_eq!(parsed(&shown), parsed(&wanted), "seed {seed}");
        }
    }
    assert!(built_ones > 50 && refused > 5, "{built_ones} and {refused}");
    assert_eq!(pool.workers.health().started, 1);
    pool.workers.close().await;
}

#[tokio::test]
async fn d8_json_is_what_yjs_says() {
    let said: HashMap<u64, Value> = include_str!("../data/docs/sessions.jsonl")
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (line["seed"].as_u64().unwrap(), floats(&line["json"]))
        })
        .collect();
    let pool = Pool::new(2);
    for (seed, log, _, hooks) in sessions() {
        let json = pool.workers.json(log).await;
        if hooks {
            let error = json.unwrap_err();
            assert!(matches!(&error, DocError::Broken(why) if why.contains("XML hook")));
            continue;
        }
        assert_eq!(parsed(&json.unwrap()), said[&seed], "seed {seed}");
    }
    assert!(said.len() > 100);
}

#[tokio::test]
async fn d3_what_builds_on_nothing_or_is_malformed_is_refused_with_its_place() {
    let pool = Pool::new(1);
    // A list of another client that begins at clock 1: yrs alone takes it and keeps a gap.
    let gap = Bytes::from_static(&[1, 1, 42, 1, 0, 100, 0]);
    let orphan = pool.workers.build(vec![small(), gap]).await;
    let why = "update 2 builds on what is not there";
    assert_eq!(orphan, Err(DocError::Broken(why.into())));
    // Each of these makes yrs panic, or a state that it cannot encode or read again.
    for hex in [
        "010504ffffffff0f210106736861706573027332010002a7040001280004030178017c43a7000028000403016b01770472656374\
         0104010003",
        "01021c000101057469746c65ffffffff0f841c00022063011c010001",
        "0101bbbef1646572018898270101770469643431019827010101",
        "010201000201067368617065730001780a010104010a80808008017800",
        "0101030502010673686170657300017800",
        "01010398d04e02c4031f0300017800",
    ] {
        let bytes: Bytes = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        for result in [
            pool.workers.build(vec![bytes.clone()]).await.map(drop),
            pool.workers.json(vec![bytes.clone()]).await.map(drop),
        ] {
            let Err(DocError::Broken(why)) = result else {
                panic!("{hex}: {result:?}");
            };
            assert!(why.starts_with("update 1 is malformed: "), "{why}");
        }
    }
    pool.works().await;
    assert_eq!(pool.workers.health().started, 1);
}

#[tokio::test]
async fn d1_text_that_yrs_reads_for_ever_is_text_or_refused() {
    let pool = Pool::new(1);
    let text = ["\u{1F600}b".len() as u8]
        .into_iter()
        .chain("\u{1F600}b".bytes());
    // At a root, where nobody knows the type, and in an array.
    let root = list(1, |_, update| {
        update.extend([4, 1, 1, b'o']);
        update.extend(text.clone());
    });
    let json = pool.workers.json(vec![root.clone()]).await.unwrap();
    assert_eq!(parsed(&json), json!({"o": "\u{1F600}b"}));
    pool.workers.build(vec![root]).await.unwrap();
    let array = list(2, |at, update| match at {
        0 => update.extend([0x27, 1, 1, b'm', 1, b'k', 0]),
        _ => {
            update.extend([4, 0, 7, 0]);
            update.extend(text.clone());
        }
    });
    let json = pool.workers.json(vec![array.clone()]).await;
    let why = "a list that is no text holds text with characters beyond the basic plane";
    assert_eq!(json, Err(DocError::Broken(why.into())));
    pool.workers.build(vec![array]).await.unwrap();
}

#[tokio::test]
async fn d1_types_in_each_other_cost_no_more_than_their_request() {
    let pool = Pool::new(1);
    let deep = nested(20_000);
    let json = pool.workers.json(vec![deep.clone()]).await;
    let why = "it nests deeper than 1000 levels";
    assert_eq!(json, Err(DocError::Broken(why.into())));
    // There is nothing wrong with it as a doc, not even when all of it is deleted.
    pool.workers.build(vec![deep.clone()]).await.unwrap();
    let deleted = Bytes::from_static(&[0, 1, 7, 1, 0, 1]);
    let built = pool.workers.build(vec![deep, deleted]).await.unwrap();
    assert!(built.snapshot.len() < 100);
    pool.works().await;
}

#[tokio::test]
async fn d4_what_is_too_large_is_not_even_sent() {
    let pool = Pool::with(1, 1_000, Duration::from_secs(60));
    let bytes = pool.max_doc_bytes + 1;
    let updates = vec![Bytes::from(vec![0; bytes - 1]), Bytes::from_static(&[0])];
    let limit = pool.max_doc_bytes;
    let refused = pool.workers.build(updates.clone()).await;
    assert_eq!(refused, Err(DocError::TooLarge { bytes, limit }));
    let refused = pool.workers.restore(vec![small()], updates).await;
    assert_eq!(refused, Err(DocError::TooLarge { bytes, limit }));
    assert_eq!(pool.workers.health().started, 0);
}

#[tokio::test]
async fn d4_a_doc_that_needs_more_memory_than_there_is_costs_its_worker_only() {
    let pool = Pool::with(1, 4 << 20, Duration::from_secs(60));
    let bomb = sub_documents(400_000);
    assert!(bomb.len() < pool.max_doc_bytes);
    let before = rss_bytes();
    let broken = pool.workers.json(vec![bomb]).await.map(|json| json.len());
    let why = "the doc worker ran into its memory limit";
    assert_eq!(broken, Err(DocError::Broken(why.into())));
    assert!(rss_bytes() < before + (200 << 20));
    pool.works().await;
    assert_eq!(pool.workers.health().broken, 1);
}

#[tokio::test]
async fn d4_a_worker_has_limits_and_no_secrets() {
    let pool = Pool::new(1);
    pool.works().await;
    let [child] = pool.children()[..] else {
        panic!("one child idles");
    };
    let read = |name: &str| {
        let path = format!("/proc/{}/{name}", child.as_raw_nonzero());
        std::fs::read_to_string(path).unwrap()
    };
    let limits = read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().next().unwrap().to_owned()
    };
    let memory = pool.max_doc_bytes * 52 + (512 << 20);
    assert_eq!(limit("Max address space"), memory.to_string());
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(read("oom_score_adj").trim(), "1000");
    assert_eq!(
        read("environ").matches('=').count(),
        1,
        "{}",
        read("environ")
    );
}

#[tokio::test]
async fn d4_single_edits_that_nobody_has_joined_take_memory_in_proportion() {
    // 512 MiB, and 52 times the 16 MB that are allowed.
    let pool = Pool::with(1, 16_000_000, Duration::from_secs(60));
    let log = list(50_000, |at, update| {
        match at {
            0 => update.extend([8, 1, 1, b'a']),
            _ => {
                update.extend([0x88, 7]);
                write_number(update, at as u64 - 1);
            }
        }
        update.extend([1, 119, 100]);
        update.extend([b'x'; 100]);
    });
    let built = pool.workers.build(vec![log.clone()]).await.unwrap();
    assert!(built.snapshot.len() < log.len());
    let emptied = Bytes::from_static(&[0, 1, 7, 1, 0, 0xd0, 0x86, 3]);
    let restored = pool.workers.restore(vec![log.clone(), emptied], vec![log]);
    assert_eq!(restored.await.unwrap().left, [""; 0]);
}

#[tokio::test]
async fn d4_what_takes_too_long_is_killed() {
    let pool = Pool::with(1, 16 << 20, Duration::from_millis(300));
    let broken = pool.workers.build(vec![nested(DEEP)]).await;
    let why = "it did not end within 300ms";
    assert_eq!(broken, Err(DocError::Broken(why.into())));
    assert_eq!(pool.children(), []);
    pool.works().await;
    assert_eq!(pool.workers.health().timed_out, 1);
}

#[tokio::test]
async fn d5_a_worker_that_is_killed_at_work_is_not_the_docs_fault() {
    let pool = Pool::new(1);
    let working = pool.workers.build(vec![nested(DEEP)]);
    let killing = async {
        let child = pool.at_work().await;
        kill_process(child, Signal::KILL).unwrap();
    };
    let (answer, ()) = tokio::join!(working, killing);
    let why = "the doc worker was killed by signal 9";
    assert_eq!(answer, Err(DocError::Unavailable(why.into())));
    pool.works().await;
    let health = pool.workers.health();
    assert_eq!((health.killed, health.running), (1, 1));
}

#[tokio::test]
async fn d5_a_program_that_is_no_doc_worker_is_not_the_docs_fault() {
    for program in ["/nonexistent", "/bin/false", "/bin/cat"] {
        let workers = DocWorkers::new(DocWorkersConfig {
            program: program.into(),
            workers: 1,
            max_doc_bytes: 1_000,
            time_limit: Duration::from_secs(60),
            fonts: Default::default(),
        });
        let answer = workers.json(vec![small()]).await;
        assert!(
            matches!(answer, Err(DocError::Unavailable(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn d6_nobody_notices_that_an_idle_worker_was_killed() {
    let pool = Pool::new(1);
    for died in 1..4 {
        pool.works().await;
        let [child] = pool.children()[..] else {
            panic!("one child idles");
        };
        kill_process(child, Signal::KILL).unwrap();
        pool.works().await;
        assert_eq!(pool.workers.health().found_dead, died);
    }
}

#[tokio::test]
async fn d7_nobody_works_on_for_a_request_that_was_dropped() {
    let pool = Pool::new(1);
    tokio::select! {
        answer = pool.workers.build(vec![nested(DEEP)]) => panic!("{answer:?}"),
        _ = pool.at_work() => {}
    }
    until("the child is gone", || {
        pool.children().is_empty().then_some(())
    })
    .await;
    assert_eq!(pool.workers.health().abandoned, 1);
    pool.works().await;
}

#[tokio::test]
async fn d7_idle_workers_end_and_so_do_those_that_did_much() {
    let pool = Pool::new(2);
    pool.works().await;
    assert_eq!(pool.workers.health().running, 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    until("it ends", || {
        (pool.workers.health().idle == 1).then_some(())
    })
    .await;
    until("it is gone", || pool.children().is_empty().then_some(())).await;
    pool.works().await;
    let large = list(1, |_, update| {
        update.extend([0x28, 1, 1, b'm', 1, b'k', 1, 116]);
        write_number(update, 9 << 20);
        update.extend(vec![7; 9 << 20]);
    });
    let built = pool.workers.build(vec![large.clone()]).await.unwrap();
    assert_eq!(built.snapshot, large);
    assert_eq!(pool.children(), []);
    let health = pool.workers.health();
    assert_eq!((health.recycled, health.running), (1, 0));
}

#[tokio::test]
async fn d7_closing_ends_all_and_answers_whoever_waits() {
    let pool = Pool::new(1);
    let working = pool.workers.build(vec![nested(DEEP)]);
    let queued = pool.workers.json(vec![small()]);
    let closing = async {
        pool.at_work().await;
        pool.workers.close().await;
        assert_eq!(pool.children(), []);
    };
    let (working, queued, ()) = tokio::join!(working, queued, closing);
    let stopping = DocError::Unavailable("the server is stopping".into());
    assert_eq!(working.unwrap_err(), stopping);
    assert_eq!(queued.unwrap_err(), stopping);
    assert_eq!(
        pool.workers.json(vec![small()]).await.unwrap_err(),
        stopping
    );
    assert_eq!(pool.workers.health().running, 0);
}

#[tokio::test]
async fn d1_many_requests_share_few_workers() {
    let pool = Pool::new(2);
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..50_u8 {
        let workers = pool.workers.clone();
        asking.spawn(async move {
            let name = b'a' + n % 26;
            let update = list(1, |_, update| {
                update.extend([0x28, 1, 1, b'm', 1, name, 1, 125, n]);
            });
            let built = workers.build(vec![update.clone()]).await.unwrap();
            assert_eq!(built.snapshot, update);
            let json = workers.json(vec![update]).await.unwrap();
            assert_eq!(
                parsed(&json)["m"][String::from(name as char)],
                json!(f64::from(n))
            );
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    let health = pool.workers.health();
    assert_eq!((health.requests, health.started), (100, 2));
}

#[tokio::test]
async fn d9_restoring_brings_back_what_a_doc_showed() {
    let pool = Pool::new(1);
    let changed = list(2, |at, update| match at {
        0 => update.extend([0x28, 1, 1, b'm', 1, b'k', 1, 120]),
        _ => update.extend([0xa8, 7, 0, 1, 121]),
    });
    let restored = pool
        .workers
        .restore(vec![changed.clone()], vec![small()])
        .await
        .unwrap();
    assert_eq!((restored.changes, restored.left.len()), (1, 0));
    let update = restored.update.unwrap();
    let json = pool.workers.json(vec![changed.clone(), update]).await;
    assert_eq!(json.unwrap(), r#"{"m":{"k":true}}"#);
    let again = pool
        .workers
        .restore(vec![changed.clone()], vec![changed])
        .await;
    assert_eq!(again.unwrap().update, None);
}

/// A shell that starts a doc worker; nothing tells the worker that it is gone but its absence.
struct Parent {
    shell: Child,
    name: String,
}

impl Parent {
    /// The limit is raised a little, to be nobody else's.
    fn new(about_max_doc_bytes: usize) -> Self {
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

    fn say(&mut self, head: &Value, blob: &[u8]) {
        let head = head.to_string();
        let to = self.shell.stdin.as_mut().unwrap();
        to.write_all(&(head.len() as u32).to_le_bytes()).unwrap();
        to.write_all(head.as_bytes()).unwrap();
        to.write_all(blob).unwrap();
    }

    fn hear(&mut self) -> Value {
        let from = self.shell.stdout.as_mut().unwrap();
        let mut len = [0; 4];
        from.read_exact(&mut len).unwrap();
        let mut head = vec![0; u32::from_le_bytes(len) as usize];
        from.read_exact(&mut head).unwrap();
        serde_json::from_slice(&head).unwrap()
    }

    fn worker(&self) -> Option<Pid> {
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

#[tokio::test]
async fn d7_no_worker_outlives_its_parent() {
    let mut idle = Parent::new(20 << 20);
    let mut busy = Parent::new(30 << 20);
    let deep = nested(1_000_000);
    busy.say(&json!({"build": {"blobs": [deep.len()]}}), &deep);
    let pid = until("it works", || {
        busy.worker().filter(|pid| cpu_ticks(*pid) > 20)
    })
    .await;
    // Neither Ctrl-C nor the stop of a whole service ends it; only the death of its parent does.
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        kill_process(pid, signal).unwrap();
    }
    idle.say(&json!({"json": {"blobs": [small().len()]}}), &small());
    assert_eq!(idle.hear(), json!("started"));
    assert_eq!(busy.worker(), Some(pid));
    for parent in [&mut idle, &mut busy] {
        // What goes to its standard input is still open: there is no end of input that would tell the worker.
        parent.shell.kill().unwrap();
        let gone = until("it ends with its parent", || {
            parent.worker().is_none().then_some(())
        });
        timeout(Duration::from_secs(2), gone)
            .await
            .expect("it ends at once");
    }
}

#[tokio::test]
async fn d1_a_panic_is_an_answer() {
    let mut parent = Parent::new(usize::MAX / 2);
    // More than any allocation may ask for, which the standard library panics over.
    parent.say(&json!({"build": {"blobs": [usize::MAX - 1]}}), &[]);
    let answer = parent.hear();
    let why = answer["panicked"]["why"].as_str().unwrap();
    assert!(why.starts_with("capacity overflow"), "{answer}");
    until("it ends", || parent.worker().is_none().then_some(())).await;
}
