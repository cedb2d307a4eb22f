//! Hours in minutes: rooms that open and close, people who draw and come back, and a little of everything that goes wrong.
//!
//! Each room is used for a few visits and then left for good, so that what is open stays the same and only the database grows. The rules: what
//! was echoed is there at every later visit; memory, open files and threads at the end are what they were after warming up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use scrible_wire::{Clocks, Limits, awareness, message};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::load::forged::append;
use crate::server::{Server, get_metrics};
use crate::watched::metric;

/// Rooms that are in use at once.
const ROOMS: u64 = 50;
/// Visits to a room before it is left for good.
const VISITS: u64 = 4;
const SAMPLE: Duration = Duration::from_secs(10);
/// How long a person may wait for anything: longer than the server is ever halted.
const PATIENCE: Duration = Duration::from_secs(20);
/// The share of a run that warms up.
const WARM_UP: f64 = 0.25;

/// What happened, for the summary.
#[derive(Default)]
struct Counts {
    visits: AtomicU64,
    echoed: AtomicU64,
    cuts: AtomicU64,
    half_open: AtomicU64,
    bad: AtomicU64,
    slow: AtomicU64,
    workers_killed: AtomicU64,
    halts: AtomicU64,
    closed: AtomicU64,
}

/// What every part of the run needs.
struct Run {
    url: String,
    stop: CancellationToken,
    counts: Counts,
}

/// What the process takes at one moment.
struct Sample {
    seconds: f64,
    rss_mib: f64,
    files: f64,
    threads: f64,
    sessions: f64,
    rooms: f64,
}

/// What must not grow by more than a tenth, or by the allowance where that is more.
struct Figure {
    name: &'static str,
    allowance: f64,
    of: fn(&Sample) -> f64,
}

/// Runs for so many minutes; an error when something echoed is lost or something grows.
pub async fn soak(binary: &std::path::Path, minutes: u64) -> Result<()> {
    let settings = [
        ("SCRIBLE_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("SCRIBLE_ROOM_IDLE_SECONDS", "1".to_owned()),
        ("SCRIBLE_VERSION_INTERVAL_SECONDS", "30".to_owned()),
        ("SCRIBLE_LOG", "error".to_owned()),
    ];
    let server = Server::start_with(binary, &settings).await?;
    let pid = server.pid()?;
    let run = Arc::new(Run {
        url: server.url.clone(),
        stop: CancellationToken::new(),
        counts: Counts::default(),
    });
    let mut parts = JoinSet::new();
    for slot in 0..ROOMS {
        parts.spawn(use_room(run.clone(), slot));
    }
    parts.spawn(misbehave(run.clone()));
    parts.spawn(hit(run.clone(), pid));
    let begin = Instant::now();
    let end = begin + Duration::from_secs(60 * minutes);
    let mut samples = Vec::new();
    println!("seconds  RSS MiB  files  threads  sessions  rooms");
    let mut due = interval(SAMPLE);
    due.tick().await;
    while Instant::now() < end {
        tokio::select! {
            _ = due.tick() => {}
            // A part only ends early when something is wrong.
            Some(ended) = parts.join_next() => ended??,
        }
        let at = begin.elapsed().as_secs_f64();
        let now = sample(&server, at).await?;
        println!(
            "{:7.0}  {:7.1}  {:5}  {:7}  {:8}  {:5}",
            now.seconds, now.rss_mib, now.files, now.threads, now.sessions, now.rooms
        );
        samples.push(now);
    }
    run.stop.cancel();
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    summary(&run.counts);
    verdict(&samples)
}

/// One room after the other, each visited a few times. The error is a loss.
async fn use_room(run: Arc<Run>, slot: u64) -> Result<()> {
    let mut random = slot.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut echoed: HashMap<u64, u32> = HashMap::new();
    for visit in 0.. {
        if run.stop.is_cancelled() {
            return Ok(());
        }
        if visit % VISITS == 0 {
            echoed.clear();
        }
        let room = format!("soak/{slot}/{}", visit / VISITS);
        let people = 2 + next(&mut random) % 3;
        let stay = Duration::from_millis(4000 + next(&mut random) % 8000);
        let visiting = (0..people).map(|_| draw(&run, &room, &echoed, stay, next(&mut random)));
        for drawn in futures_util::future::join_all(visiting).await {
            let (client, clock) = drawn?;
            echoed.insert(client, clock);
        }
        run.counts.visits.fetch_add(1, Ordering::Relaxed);
        // Mostly long enough for the room to be unloaded.
        let away = Duration::from_millis(next(&mut random) % 4000);
        run.stop.run_until_cancelled(sleep(away)).await;
    }
    Ok(())
}

/// One person's stay: gives the id and how many edits came back. The error is a loss of what had come back before.
async fn draw(
    run: &Run,
    room: &str,
    echoed: &HashMap<u64, u32>,
    stay: Duration,
    mut random: u64,
) -> Result<(u64, u32)> {
    let id = (1 << 40) + (next(&mut random) >> 16 & 0xff_ffff_ffff);
    let mut there = Clocks::new();
    let joining = Client::join_hearing(&run.url, room, |update| {
        there
            .take(update, &Limits::default().without_counts())
            .expect("the server sends what passes the gate");
    });
    let Ok(Ok(mut client)) = timeout(PATIENCE, joining).await else {
        run.counts.closed.fetch_add(1, Ordering::Relaxed);
        return Ok((id, 0));
    };
    for (other, clock) in echoed {
        ensure!(
            there.clock(*other) >= *clock,
            "{room}: {clock} edits of {other} had come back, {} are there",
            there.clock(*other)
        );
    }
    let mut due = interval(Duration::from_millis(100 + next(&mut random) % 300));
    let (mut clock, mut back) = (0, 0);
    let end = sleep(stay);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            () = run.stop.cancelled() => break,
            _ = due.tick() => {
                let x = next(&mut random) % 1000;
                let state = format!(r#"{{"cursor":{{"x":{x}}}}}"#);
                let entry = awareness::Entry { client: id, clock: clock + 1, state: Some(state.as_bytes()) };
                let body = awareness::encode([entry].into_iter());
                let update = message::update(&append(id, clock, 100));
                clock += 1;
                if client.send(message::awareness(&body)).await.is_err() || client.send(update).await.is_err() {
                    break;
                }
            }
            heard = client.next() => match heard {
                Ok(message) if message == message::update(&append(id, back, 100)) => {
                    back += 1;
                    run.counts.echoed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {}
                Err(_) => {
                    run.counts.closed.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            },
        }
    }
    match next(&mut random) % 20 {
        // A line that is cut, in the middle of edits on their way.
        0..=4 => drop(run.counts.cuts.fetch_add(1, Ordering::Relaxed)),
        // A line that is dead without anybody knowing.
        5 => {
            run.counts.half_open.fetch_add(1, Ordering::Relaxed);
            let stop = run.stop.clone();
            tokio::spawn(async move {
                stop.run_until_cancelled(sleep(Duration::from_secs(60)))
                    .await;
                drop(client);
            });
        }
        _ => client.leave().await,
    }
    Ok((id, back))
}

/// Somebody who sends nonsense, and somebody who reads a kilobyte a second.
async fn misbehave(run: Arc<Run>) -> Result<()> {
    let mut due = interval(Duration::from_secs(3));
    for round in 0_u64.. {
        if run.stop.run_until_cancelled(due.tick()).await.is_none() {
            break;
        }
        let room = format!("soak/{}/0", round % ROOMS);
        let Ok(Ok(mut client)) = timeout(PATIENCE, Client::join(&run.url, &room)).await else {
            continue;
        };
        if round.is_multiple_of(2) {
            run.counts.bad.fetch_add(1, Ordering::Relaxed);
            let nonsense = [0, 2, 3, 255, 1, 2]
                .iter()
                .copied()
                .take(2 + round as usize % 5);
            // Sent away at once or not: what counts is that nobody else is.
            client.send(nonsense.collect()).await.ok();
            let stop = run.stop.clone();
            tokio::spawn(async move {
                let heard = async { while client.next().await.is_ok() {} };
                stop.run_until_cancelled(heard).await;
            });
        } else {
            run.counts.slow.fetch_add(1, Ordering::Relaxed);
            let stop = run.stop.clone();
            tokio::spawn(async move {
                let reading = async {
                    let mut due = interval(Duration::from_millis(100));
                    for _ in 0..200 {
                        due.tick().await;
                        if client.read_raw(100).await.is_err() {
                            break;
                        }
                    }
                };
                stop.run_until_cancelled(reading).await;
            });
        }
    }
    Ok(())
}

/// Kills a doc worker now and then, and halts the server for two seconds once a minute.
async fn hit(run: Arc<Run>, pid: Pid) -> Result<()> {
    let mut due = interval(Duration::from_secs(15));
    due.tick().await;
    for round in 1_u64.. {
        if run.stop.run_until_cancelled(due.tick()).await.is_none() {
            break;
        }
        if round.is_multiple_of(4) {
            run.counts.halts.fetch_add(1, Ordering::Relaxed);
            kill_process(pid, Signal::STOP)?;
            sleep(Duration::from_secs(2)).await;
            kill_process(pid, Signal::CONT)?;
        } else if let Some(worker) = workers(pid)?.first() {
            // It may have ended by itself a moment ago.
            if kill_process(*worker, Signal::KILL).is_ok() {
                run.counts.workers_killed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// The children of a process: a server has no others than doc workers.
fn workers(pid: Pid) -> Result<Vec<Pid>> {
    let mut workers = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))? {
        // A thread may end in between.
        let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
        workers.extend(ids.filter_map(Pid::from_raw));
    }
    Ok(workers)
}

async fn sample(server: &Server, seconds: f64) -> Result<Sample> {
    let page = timeout(PATIENCE, get_metrics(server.metrics()?))
        .await
        .context("metrics")??;
    let pid = server.pid()?.as_raw_nonzero();
    Ok(Sample {
        seconds,
        rss_mib: server.rss_bytes()? as f64 / 1_048_576.0,
        files: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as f64,
        threads: std::fs::read_dir(format!("/proc/{pid}/task"))?.count() as f64,
        sessions: metric(&page, "scrible_sessions")?,
        rooms: metric(&page, "scrible_rooms")?,
    })
}

fn summary(counts: &Counts) {
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{} visits, {} edits came back and were there later; {} lines cut, {} half open, {} senders of nonsense, {} slow readers, {} doc workers \
         killed, {} halts of 2 s; {} people lost their connection",
        of(&counts.visits),
        of(&counts.echoed),
        of(&counts.cuts),
        of(&counts.half_open),
        of(&counts.bad),
        of(&counts.slow),
        of(&counts.workers_killed),
        of(&counts.halts),
        of(&counts.closed),
    );
}

/// Compares the beginning, after the warm-up, with the end: the medians of a quarter each.
fn verdict(samples: &[Sample]) -> Result<()> {
    let warm = &samples[(samples.len() as f64 * WARM_UP) as usize..];
    let quarter = warm.len().div_ceil(4);
    ensure!(
        quarter >= 3,
        "too short to say anything: a few minutes are needed"
    );
    let figures = [
        Figure {
            name: "RSS MiB",
            allowance: 4.0,
            of: |sample| sample.rss_mib,
        },
        Figure {
            name: "files beside sockets",
            allowance: 8.0,
            // Each session has one.
            of: |sample| sample.files - sample.sessions,
        },
        Figure {
            name: "threads",
            allowance: 4.0,
            of: |sample| sample.threads,
        },
        Figure {
            name: "sessions",
            allowance: 25.0,
            of: |sample| sample.sessions,
        },
    ];
    let mut grown = Vec::new();
    for Figure {
        name,
        allowance,
        of,
    } in figures
    {
        let first = median(warm[..quarter].iter().map(of));
        let last = median(warm[warm.len() - quarter..].iter().map(of));
        let flat = last <= first + (first.abs() * 0.1).max(allowance);
        println!(
            "{name:20} {first:8.1} after warming up, {last:8.1} at the end, {:+.2} a minute: {}",
            slope(warm, of) * 60.0,
            if flat { "flat" } else { "GROWS" }
        );
        if !flat {
            grown.push(name);
        }
    }
    if !grown.is_empty() {
        bail!("what grows: {}", grown.join(", "));
    }
    Ok(())
}

/// By least squares, in units a second.
fn slope(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (time, value) = (mean(&|sample| sample.seconds), mean(&of));
    let both = mean(&|sample| (sample.seconds - time) * (of(sample) - value));
    both / mean(&|sample| (sample.seconds - time).powi(2))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The next of a row of seeded numbers (xorshift).
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
}
