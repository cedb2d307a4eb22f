//! The child's side: reads a request, does the work, answers, until nobody asks any more.
//!
//! Knows the process that it is: its memory limit, its stack, its parent. Takes nothing from settings or environment. The
//! rule: it may die of any doc, and must never outlive its parent, not even in an endless loop.

use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::message::{self, Answer, Request};
use super::{answer_limit, build, json, request_limit};

/// yrs recurses once for each level when types in each other are deleted, and for each level of a value. On this much,
/// 400,000 levels (3.6 MB of nothing but nesting) go well, and the child dies of 2,000,000. Only what is used takes memory.
pub const STACK_BYTES: usize = 256 << 20;

/// As many sentences about what was not restored as anybody reads.
const MAX_LEFT: usize = 100;

/// How often it looks whether its parent is still there.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// What a child is told on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildConfig {
    /// The process that asks. With it this one ends.
    pub parent: u32,
    /// Of the updates of one doc.
    pub max_doc_bytes: usize,
    /// Of address space: whatever is beyond it cannot be allocated.
    pub memory_bytes: u64,
}

/// Serves the process that started this one, over standard input and output, until there is no more input.
pub fn run(config: ChildConfig) -> ExitCode {
    match prepare(&config).and_then(|()| work(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "scrible doc-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(config: &ChildConfig) -> Result<()> {
    let parent = config.parent;
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            while parent_id() == parent {
                thread::sleep(WATCH_INTERVAL);
            }
            std::process::exit(1)
        })
        .context("start the watchdog")?;
    // Both come to a whole terminal or service, when the server has yet to finish what these children do for it.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .context("ignore signals")?;
    }
    let limit = |resource, bytes| {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        setrlimit(resource, limit)
    };
    // A core would hold what people wrote.
    limit(Resource::Core, 0).context("switch core dumps off")?;
    limit(Resource::As, config.memory_bytes).context("limit the memory")?;
    // So that the kernel, short of memory, takes this one before the server. It may be forbidden; then it is left.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

fn work(config: ChildConfig) -> Result<()> {
    std::panic::set_hook(Box::new(answer_panic));
    thread::Builder::new()
        .name("doc".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || serve(&config))
        .context("start the thread that works")?
        .join()
        .expect("a panic ends the process")
}

fn serve(config: &ChildConfig) -> Result<()> {
    let limit = request_limit(config.max_doc_bytes);
    while let Some((request, blobs)) =
        message::read::<Request>(io::stdin().lock(), limit).context("read a request")?
    {
        say(&Answer::Started, &[])?;
        let (answer, blobs) = answer(&request, &blobs, config).unwrap_or_else(|why| {
            let why = cut(why);
            (Answer::Broken { why }, Vec::new())
        });
        say(&answer, &blobs)?;
    }
    Ok(())
}

fn answer(
    request: &Request,
    blobs: &[Bytes],
    config: &ChildConfig,
) -> Result<(Answer, Vec<Bytes>), String> {
    match request {
        Request::Build { .. } => {
            let built = build::build(blobs)?;
            let answer = Answer::Built {
                snapshot: built.snapshot.len(),
                state_vector: built.state_vector.len(),
            };
            Ok((answer, vec![built.snapshot, built.state_vector]))
        }
        Request::Json { .. } => {
            let text = json::json(blobs, answer_limit(config.max_doc_bytes))?;
            Ok((Answer::Json { text: text.len() }, vec![text]))
        }
        Request::Restore { current, .. } => {
            let (current, target) = blobs.split_at(current.len());
            let mut restored = super::restore::restore(current, target)?;
            let left = &mut restored.left;
            if let more @ 1.. = left.len().saturating_sub(MAX_LEFT) {
                left.truncate(MAX_LEFT);
                left.push(format!("and {more} more could not be restored"));
            }
            let answer = Answer::Restored {
                update: restored.update.as_ref().map(Bytes::len),
                changes: restored.changes,
                left: restored.left,
            };
            Ok((answer, restored.update.into_iter().collect()))
        }
    }
}

fn say(answer: &Answer, blobs: &[Bytes]) -> Result<()> {
    message::write(answer, blobs, io::stdout().lock()).context("answer")
}

/// Says why, and ends the process at once: unwinding runs destructors over a doc in disorder, and a second panic aborts.
fn answer_panic(panic: &PanicHookInfo<'_>) {
    let said = panic
        .payload_as_str()
        .unwrap_or("a panic without a message");
    let at = panic.location().map_or(String::new(), |at| {
        let file = at.file().rsplit('/').next().unwrap_or_default();
        format!(" ({file}:{})", at.line())
    });
    let why = cut(format!("{said}{at}"));
    let _ = message::write(&Answer::Panicked { why }, &[], io::stdout().lock());
    std::process::exit(101)
}

/// A sentence of a length that can be logged; some quote what was read.
fn cut(mut sentence: String) -> String {
    sentence.truncate(sentence.floor_char_boundary(500));
    sentence
}
