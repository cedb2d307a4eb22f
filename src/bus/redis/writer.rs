//! The way of stored updates out of this node.
//!
//! Knows what is too large for the bus, and how much may be under way. The one rule: whoever publishes never waits, and what cannot be
//! carried is dropped and counted: the others read it in the store.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
/// Commits that may wait to be sorted by rooms.
const MAX_WAITING: usize = 8_192;
/// Bytes of all that wait or are under way.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// What one takes beside its bytes, about.
const OVERHEAD: usize = 256;
/// Rooms of which something is under way at once.
const UNDER_WAY: usize = 256;
/// Commits of one room that go together, so that a Redis that is far away keeps up.
const BATCH: usize = 256;

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
        let saying = Saying {
            keys,
            commit,
            message,
        };
        let size = saying.size();
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let taken = before + size <= MAX_WAITING_BYTES && self.sender.try_send(saying).is_ok();
        if !taken {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.metrics.dropped.inc();
        }
    }

    /// Waits until nothing waits any more.
    pub async fn empty(&self) {
        while self.bytes.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Waiting {
    /// Writes until there is nobody left who publishes. Of one room nothing overtakes anything: what comes while something of it is under way
    /// waits, and goes together then.
    pub async fn write(mut self, link: watch::Receiver<Option<Link>>) {
        let mut under_way = FuturesUnordered::new();
        let mut lines: HashMap<String, VecDeque<Saying>> = HashMap::new();
        loop {
            tokio::select! {
                saying = self.receiver.recv(), if under_way.len() < UNDER_WAY => {
                    let Some(saying) = saying else { return };
                    match lines.entry(saying.keys.hot.clone()) {
                        Entry::Occupied(mut line) => line.get_mut().push_back(saying),
                        Entry::Vacant(line) => {
                            line.insert(VecDeque::new());
                            under_way.push(tell(link.borrow().clone(), vec![saying]));
                        }
                    }
                }
                Some((batch, told)) = under_way.next() => {
                    let size = batch.iter().map(Saying::size).sum();
                    self.bytes.fetch_sub(size, Ordering::Relaxed);
                    self.metrics.published.inc_by(told as u64);
                    self.metrics.dropped.inc_by((batch.len() - told) as u64);
                    let Entry::Occupied(mut line) = lines.entry(batch[0].keys.hot.clone()) else {
                        continue;
                    };
                    let next: Vec<Saying> = {
                        let line = line.get_mut();
                        line.drain(..line.len().min(BATCH)).collect()
                    };
                    if next.is_empty() {
                        line.remove();
                    } else {
                        under_way.push(tell(link.borrow().clone(), next));
                    }
                }
            }
        }
    }
}

impl Saying {
    /// In memory and on its way, about.
    fn size(&self) -> usize {
        2 * self.message.len() + OVERHEAD
    }
}

/// Tells of some commits of one room, in their order; of how many.
async fn tell(link: Option<Link>, batch: Vec<Saying>) -> (Vec<Saying>, usize) {
    let Some(link) = link else { return (batch, 0) };
    let numbers: Vec<[String; 6]> = batch.iter().map(numbers).collect();
    let names: Vec<[&str; 2]> = batch
        .iter()
        .map(|saying| [saying.keys.hot.as_str(), saying.keys.channel.as_str()])
        .collect();
    let calls = batch.iter().zip(&numbers).zip(&names);
    let calls = calls.map(|((saying, numbers), names)| {
        let mut values = vec![link.dialect.publish(), &saying.message];
        values.extend(numbers.iter().map(String::as_bytes));
        if let Told::Whole(updates) = &saying.commit.updates {
            values.extend(updates.iter().map(|update| &update[..]));
        }
        Arguments {
            keys: names,
            values,
        }
    });
    let calls: Vec<Arguments<'_>> = calls.collect();
    let told = match link.run_all(&SAY, &calls).await {
        Ok(told) => told,
        Err(error) => {
            tracing::debug!(%error, "tell other nodes of commits");
            0
        }
    };
    drop(calls);
    (batch, told)
}

fn numbers(saying: &Saying) -> [String; 6] {
    let commit = &saying.commit;
    [
        commit.stored_as.to_string(),
        commit.first_seq.to_string(),
        commit.last_seq().to_string(),
        HOT_NUMBERS.to_string(),
        HOT_BYTES.to_string(),
        HOT_MS.to_string(),
    ]
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
        let (_, link) = watch::channel(None);
        let writing = tokio::spawn(waiting.write(link));
        writer.empty().await;
        assert_eq!(metrics.dropped.get(), 1_000);
        assert_eq!(metrics.published.get(), 0);
        drop(writer);
        writing.await.unwrap();
    }
}
