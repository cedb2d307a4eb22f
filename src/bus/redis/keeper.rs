//! Keeps the connections: connects, subscribes the rooms that are wanted, notices the end, and does it all again.
//!
//! Knows nothing of what is carried. The one rule: whoever was connected before may have missed something, and is told so once what
//! can be heard is heard again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Fuse, FutureExt};
use futures_util::stream::FuturesUnordered;
use redis::RedisError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Shared;
use super::address::sentence;
use super::line::Line;
use super::link::{self, Link};
use super::rooms::{Missed, Step};

/// Why a connection is not there any more, where there is no better reason.
const ENDED: &str = "the connection ended";
/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether the connections still answer, and what went wrong is tried again.
const CHECK: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(500);
/// How long those who may have missed something wait for the last room to be heard.
const ENOUGH: Duration = Duration::from_secs(1);
/// Rooms that are asked for at once.
const UNDER_WAY: usize = 256;

/// Keeps the connections of one bus.
pub struct Keeper {
    shared: Arc<Shared>,
}

impl Keeper {
    /// Of this bus.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Never ends by itself.
    pub async fn keep(self) {
        let shared = &self.shared;
        loop {
            let began = Instant::now();
            let address = &shared.config.address;
            let connecting = async {
                let link = link::connect(address).await?;
                let line = Line::open(address, link.dialect, shared.inbox.clone()).await?;
                Ok::<_, RedisError>((link, line))
            };
            match connecting.await {
                Ok((link, line)) => {
                    let why = self.serve(link, line).await;
                    shared.link.send_replace(None);
                    shared.metrics.connected.set(0);
                    shared.rooms.lost();
                    self.away(&why);
                }
                Err(error) => self.away(&sentence(&error)),
            }
            // One that had worked for a while is tried again at once.
            tokio::time::sleep_until(began + PAUSE).await;
        }
    }

    /// Listens until the connection ends; why it did.
    async fn serve(&self, link: Link, line: Line) -> String {
        let rooms = &self.shared.rooms;
        let mut under_way = FuturesUnordered::new();
        let step = async |topic, channel: Arc<str>, step| {
            let done = match step {
                Step::Subscribe => line.subscribe(&channel).await,
                Step::Unsubscribe => line.unsubscribe(&channel).await,
            };
            (topic, channel, step, done)
        };
        let mut checks = interval(CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retries = interval(RETRY);
        retries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checking = std::pin::pin!(Fuse::terminated());
        self.connected(&link);
        // Since when something may have been missed.
        let mut missed = Some(Instant::now());
        loop {
            while under_way.len() < UNDER_WAY
                && let Some((topic, channel, what)) = rooms.next()
            {
                under_way.push(step(topic, channel, what));
            }
            // Those who look elsewhere shall find everything there that they do not hear; but some may not come for a long time.
            if missed.is_some_and(|since| under_way.is_empty() || since.elapsed() > ENOUGH) {
                missed = None;
                self.shared.inbox.missed.notify_one();
            }
            tokio::select! {
                () = link.ended.notified() => return ENDED.to_owned(),
                () = line.ended.notified() => {
                    let lost = line.sweep();
                    if line.is_away() {
                        return ENDED.to_owned();
                    }
                    for channel in lost {
                        rooms.ended(&channel);
                    }
                }
                Some((topic, channel, what, done)) = under_way.next() => match done {
                    // What was lost again already is not heard.
                    Ok(()) if what == Step::Subscribe && !line.hears(&channel) => rooms.failed(&topic, what),
                    Ok(()) => if rooms.done(&topic, what) == Missed::Something {
                        missed = missed.or(Some(Instant::now()));
                    },
                    Err(error) => {
                        tracing::debug!(%error, "subscribe to a channel");
                        rooms.failed(&topic, what);
                    }
                },
                () = rooms.changed.notified() => {}
                _ = retries.tick() => rooms.retry(),
                _ = checks.tick() => {
                    let checked = async { tokio::join!(link.check(), line.check()).0 };
                    checking.set(checked.fuse());
                }
                checked = &mut checking => if let Err(error) = checked {
                    return sentence(&error);
                },
            }
        }
    }

    fn connected(&self, link: &Link) {
        let shared = &self.shared;
        shared.metrics.connected.set(1);
        let before = {
            let mut trouble = shared.trouble.lock();
            trouble.since = Instant::now();
            trouble.why.take()
        };
        if before.is_some() {
            tracing::info!(address = %shared.config.address, dialect = ?link.dialect, "Redis is reached");
        }
        shared.link.send_replace(Some(link.clone()));
    }

    fn away(&self, why: &str) {
        let mut trouble = self.shared.trouble.lock();
        let is_news = trouble
            .why
            .as_deref()
            .is_none_or(|why| why == super::CONNECTING);
        if is_news {
            tracing::warn!(
                address = %self.shared.config.address, why,
                "Redis cannot be reached; people on other nodes are seen late, and their cursors not at all"
            );
        }
        if trouble.why.is_none() {
            trouble.since = Instant::now();
        }
        trouble.why = Some(why.to_owned());
    }
}
