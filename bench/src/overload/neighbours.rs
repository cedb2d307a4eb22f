//! Two people in each of two rooms: one writes at a steady rate, the other notes when each update arrives.
//!
//! They know nothing of the attack. The rule: they live on a thread and a runtime of their own, so that whatever they wait for is the server.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use scrible_wire::message;
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::load::forged::append;

/// Updates a second of each pair.
const RATE: u32 = 50;
/// The client ids of the writers: far from those of any attacker.
const WRITER: u64 = 1 << 50;

/// Pairs that go on until they are stopped.
pub struct Neighbours {
    stop: CancellationToken,
    thread: JoinHandle<Result<[Pair; 2]>>,
}

/// What a pair measured.
pub struct Pair {
    /// When each update was sent, and how long it took to arrive; of what has not arrived, how long it has been under way.
    times: Vec<(Instant, Duration)>,
    /// Why the server has closed one of them, if it has.
    pub closed: Option<String>,
}

impl Pair {
    /// The 99th percentile of what was sent in a range of time.
    pub fn p99(&self, sent: Range<Instant>) -> Duration {
        let times = self.times.iter().filter(|(at, _)| sent.contains(at));
        let mut times: Vec<Duration> = times.map(|(_, took)| *took).collect();
        times.sort_unstable();
        let at = (times.len().saturating_sub(1)) as f64 * 0.99;
        times.get(at as usize).copied().unwrap_or(Duration::MAX / 4)
    }
}

impl Neighbours {
    /// Joins both rooms; returns once all are there.
    pub fn start(url: &str, rooms: [&'static str; 2]) -> Result<Self> {
        let (stop, url) = (CancellationToken::new(), url.to_owned());
        let (there, wait) = mpsc::channel();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let [first, second] = rooms;
                let join = async |room| {
                    let writer = Client::join(&url, room).await?;
                    anyhow::Ok((writer, Client::join(&url, room).await?))
                };
                let (first, second) = (join(first).await?, join(second).await?);
                there.send(()).ok();
                let (first, second) = tokio::join!(
                    talk(first.0, first.1, stopped.clone()),
                    talk(second.0, second.1, stopped.clone())
                );
                Ok([first, second])
            })
        });
        wait.recv().context("the neighbours cannot join")?;
        Ok(Self { stop, thread })
    }

    /// Ends them; gives what they measured, in the order of the rooms.
    pub fn stop(self) -> Result<[Pair; 2]> {
        self.stop.cancel();
        self.thread.join().expect("neighbours do not panic")
    }
}

async fn talk(mut writer: Client, mut reader: Client, stop: CancellationToken) -> Pair {
    let mut due = interval(Duration::from_secs(1) / RATE);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way: HashMap<Vec<u8>, Instant> = HashMap::new();
    let mut times = Vec::new();
    let mut clock = 0;
    let closed = loop {
        tokio::select! {
            () = stop.cancelled() => break None,
            _ = due.tick() => {
                let update = message::update(&append(WRITER, clock, 100));
                clock += 1;
                under_way.insert(update.clone(), Instant::now());
                if let Err(error) = writer.send(update).await {
                    break Some(format!("writer: {error}"));
                }
            }
            heard = reader.next() => match heard {
                Ok(message) => {
                    if let Some(sent) = under_way.remove(&message) {
                        times.push((sent, sent.elapsed()));
                    }
                }
                Err(error) => break Some(format!("reader: {error}")),
            },
            heard = writer.next() => if let Err(error) = heard {
                break Some(format!("writer: {error}"));
            },
        }
    };
    times.extend(under_way.values().map(|sent| (*sent, sent.elapsed())));
    Pair { times, closed }
}
