//! The way of stored updates out of this node.
//!
//! Knows what is too large for the bus, and how much may be under way. The one rule: whoever publishes never waits, and what cannot be
//! carried is dropped and counted: the others read it in the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use super::keys::RoomKeys;
use super::link::{Arguments, Link, SAY};
use crate::bus::message::Message;
use crate::bus::{Commit, Told};
use crate::telemetry::BusMetrics;

/// An update above this goes through the store alone: a pasted picture would hold up everybody's lines.
const MAX_UPDATE_BYTES: usize = 16 << 10;
/// The same for all updates of a commit together.
const MAX_COMMIT_BYTES: usize = 64 << 10;
/// Commits that may wait or be under way.
const MAX_WAITING: usize = 8_192;
/// Their bytes.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Commits under way at once; the answers come in the order of the questions.
const UNDER_WAY: usize = 128;

/// Numbers that a room's hot buffer spans.
pub const HOT_NUMBERS: u64 = 100;
/// Their bytes.
const HOT_BYTES: usize = 1 << 20;
/// How long they stay after the latest.
const HOT_MS: u64 = 60_000;

/// Where commits line up.
#[derive(Debug)]
pub struct Writer {
    sender: mpsc::Sender<Saying>,
    bytes: Arc<AtomicUsize>,
    metrics: BusMetrics,
}

#[derive(Debug)]
struct Saying {
    keys: Arc<RoomKeys>,
    commit: Commit,
    message: Vec<u8>,
}

/// Commits that have lined up.
#[derive(Debug)]
pub struct Waiting {
    receiver: mpsc::Receiver<Saying>,
    bytes: Arc<AtomicUsize>,
    metrics: BusMetrics,
}

impl Writer {
    /// Both ends.
    pub fn new(metrics: BusMetrics) -> (Self, Waiting) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let waiting = Waiting {
            receiver,
            bytes: bytes.clone(),
            metrics: metrics.clone(),
        };
        let writer = Self {
            sender,
            bytes,
            metrics,
        };
        (writer, waiting)
    }

    /// Lines a commit up, or drops it.
    pub fn say(&self, keys: Arc<RoomKeys>, commit: &Commit) {
        let commit = fitting(commit);
        let message = Message::Stored(commit.clone()).encode();
        let size = 2 * message.len();
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let saying = Saying {
            keys,
            commit,
            message,
        };
        let taken = before + size <= MAX_WAITING_BYTES && self.sender.try_send(saying).is_ok();
        if !taken {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.metrics.dropped.inc();
        }
    }
}

impl Waiting {
    /// Writes until there is nobody left who publishes.
    pub async fn write(mut self, link: watch::Receiver<Option<Link>>) {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                saying = self.receiver.recv(), if under_way.len() < UNDER_WAY => {
                    let Some(saying) = saying else { return };
                    let link = link.borrow().clone();
                    under_way.push(async move { (2 * saying.message.len(), told(link, saying).await) });
                }
                Some((size, told)) = under_way.next() => {
                    self.bytes.fetch_sub(size, Ordering::Relaxed);
                    let counter = if told { &self.metrics.published } else { &self.metrics.dropped };
                    counter.inc();
                }
            }
        }
    }
}

async fn told(link: Option<Link>, saying: Saying) -> bool {
    let Some(link) = link else { return false };
    let Saying {
        keys,
        commit,
        message,
    } = saying;
    let numbers = [
        commit.stored_as.to_string(),
        commit.first_seq.to_string(),
        commit.last_seq().to_string(),
        HOT_NUMBERS.to_string(),
        HOT_BYTES.to_string(),
        HOT_MS.to_string(),
    ];
    let mut values = vec![link.dialect.publish(), &message];
    values.extend(numbers.iter().map(String::as_bytes));
    if let Told::Whole(updates) = &commit.updates {
        values.extend(updates.iter().map(|update| &update[..]));
    }
    let keys = &[keys.hot.as_str(), keys.channel.as_str()];
    let arguments = Arguments { keys, values };
    match link.run::<()>(&SAY, &arguments).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, "tell other nodes of a commit");
            false
        }
    }
}

/// Updates that are too large go as their number alone.
fn fitting(commit: &Commit) -> Commit {
    let updates = match &commit.updates {
        Told::Whole(updates) => {
            let all: usize = updates.iter().map(|update| update.len()).sum();
            let large = updates.iter().any(|update| update.len() > MAX_UPDATE_BYTES);
            if large || all > MAX_COMMIT_BYTES {
                Told::Count(updates.len() as u64)
            } else {
                commit.updates.clone()
            }
        }
        Told::Count(count) => Told::Count(*count),
    };
    Commit { updates, ..*commit }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::bus::redis::keys::Keys;
    use crate::room::RoomName;

    fn commit(sizes: &[usize]) -> Commit {
        Commit {
            stored_as: 1,
            first_seq: 10,
            updates: Told::Whole(sizes.iter().map(|size| vec![0; *size].into()).collect()),
        }
    }

    #[test]
    fn n24_what_is_too_large_goes_as_its_number_alone() {
        for (sizes, whole) in [
            (&[16_384][..], true),
            (&[16_385], false),
            (&[5, 16_385, 5], false),
            (&[16_384; 4], true),
            (&[16_384, 16_384, 16_384, 16_384, 1], false),
        ] {
            let fitting = fitting(&commit(sizes));
            assert_eq!(fitting.last_seq(), commit(sizes).last_seq());
            assert_eq!(fitting == commit(sizes), whole, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn n24_who_publishes_never_waits_and_what_does_not_fit_is_counted() {
        let metrics = BusMetrics::default();
        let (writer, waiting) = Writer::new(metrics.clone());
        let keys = Keys::new("test".to_owned()).room(&RoomName::new("a").unwrap());
        let update = Bytes::from(vec![0; 16_000]);
        for _ in 0..1_000 {
            let commit = Commit {
                updates: Told::Whole(vec![update.clone(); 4]),
                ..commit(&[])
            };
            writer.say(keys.clone(), &commit);
        }
        let dropped = metrics.dropped.get();
        assert!((900..1_000).contains(&dropped), "{dropped}");
        assert!(writer.bytes.load(Ordering::Relaxed) <= MAX_WAITING_BYTES);
        // Without Redis the rest goes the same way, and takes no memory any more.
        let bytes = writer.bytes.clone();
        let (_, link) = watch::channel(None);
        let writing = tokio::spawn(waiting.write(link));
        while bytes.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(metrics.dropped.get(), 1_000);
        assert_eq!(metrics.published.get(), 0);
        drop(writer);
        writing.await.unwrap();
    }
}
