//! Dead letters: what clients send and the server does not take is kept for whoever has to find out why.
//!
//! Sessions hand over and go on; one task writes. It does not know why something is refused. The rules: recording never waits,
//! and what a client sends never comes into the log, only how much it was and its hash.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use scrible_store::{DeadLetter, Specimen, Store};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::room::RoomName;
use crate::telemetry::{DeadLetterKind, DeadLetterMetrics, Label};

/// What waits to be written. Beyond either the newcomer is dropped, and counted.
const MAX_WAITING: usize = 100;
const MAX_WAITING_BYTES: usize = 1 << 20;
/// How many of one room, and of all together, are kept in a minute: whoever floods must not wear out the disk, nor push out all that
/// others left by inventing rooms.
const A_ROOM: u32 = 10;
const ALTOGETHER: u32 = 100;
const MINUTE: Duration = Duration::from_secs(60);
/// The longest detail, in bytes; the store takes a little more.
const MAX_DETAIL_BYTES: usize = 1_000;

/// Takes what was refused, and has it written.
#[derive(Debug)]
pub struct DeadLetters {
    state: Mutex<State>,
    more: Notify,
    metrics: DeadLetterMetrics,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<DeadLetter>,
    bytes: usize,
    minute: Option<Minute>,
    closed: bool,
}

/// Who has had how many since when. Never more than [`ALTOGETHER`] rooms.
#[derive(Debug)]
struct Minute {
    began: Instant,
    altogether: u32,
    rooms: HashMap<RoomName, u32>,
}

impl DeadLetters {
    /// Without any; counts with the handles that it gets.
    pub fn new(metrics: DeadLetterMetrics) -> Self {
        Self {
            state: Mutex::default(),
            more: Notify::new(),
            metrics,
        }
    }

    /// Hands over what was refused. Takes no longer than hashing it, and nothing at all of what comes too often.
    ///
    /// `detail` is a sentence about the bytes that holds nothing of them.
    pub fn record(&self, room: &RoomName, kind: DeadLetterKind, detail: &str, bytes: &[u8]) {
        self.metrics.refused.count(kind);
        let kept = bytes.len().min(Specimen::KEPT_BYTES);
        if !self.state.lock().admits(room, kept) {
            self.metrics.dropped.inc();
            return;
        }
        let specimen = Specimen::of(bytes);
        let (kind, sha256) = (kind.value(), specimen.sha256_hex());
        tracing::info!(?room, kind, bytes = bytes.len(), %sha256, "kept what was refused");
        let letter = DeadLetter {
            room: room.shared(),
            time_ms: now_ms(),
            reason: kind.into(),
            detail: cut(detail),
            specimen,
        };
        self.state.lock().waiting.push(letter);
        self.more.notify_one();
    }

    /// Writes what comes, until [`close`](Self::close).
    pub async fn write(&self, store: &dyn Store) {
        loop {
            let (letters, closed) = {
                let mut state = self.state.lock();
                state.bytes = 0;
                (std::mem::take(&mut state.waiting), state.closed)
            };
            match letters.is_empty() {
                true if closed => return,
                true => self.more.notified().await,
                false => self.keep(store, &letters).await,
            }
        }
    }

    /// Lets [`write`](Self::write) end once all is written.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.more.notify_one();
    }

    async fn keep(&self, store: &dyn Store, letters: &[DeadLetter]) {
        if let Err(error) = store.add_dead_letters(letters).await {
            self.metrics.dropped.inc_by(letters.len() as u64);
            tracing::warn!(%error, letters = letters.len(), "what was refused could not be kept");
        }
    }
}

impl State {
    /// Whether one more may come, with so many bytes. It has its place then.
    fn admits(&mut self, room: &RoomName, bytes: usize) -> bool {
        let fits = self.waiting.len() < MAX_WAITING && self.bytes + bytes <= MAX_WAITING_BYTES;
        let now = Instant::now();
        let minute = self
            .minute
            .take()
            .filter(|minute| now.duration_since(minute.began) < MINUTE);
        let minute = self.minute.insert(minute.unwrap_or_else(|| Minute {
            began: now,
            altogether: 0,
            rooms: HashMap::new(),
        }));
        let of_room = minute.rooms.get(room).copied().unwrap_or(0);
        if !fits || self.closed || minute.altogether >= ALTOGETHER || of_room >= A_ROOM {
            return false;
        }
        self.bytes += bytes;
        minute.altogether += 1;
        minute.rooms.insert(room.clone(), of_room + 1);
        true
    }
}

fn cut(detail: &str) -> String {
    let mut end = detail.len().min(MAX_DETAIL_BYTES);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    detail[..end].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scrible_store::{MemoryStore, Quarantine};

    use super::*;

    fn letters() -> (Arc<DeadLetters>, DeadLetterMetrics) {
        let metrics = DeadLetterMetrics::default();
        (Arc::new(DeadLetters::new(metrics.clone())), metrics)
    }

    fn room(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    async fn kept(letters: &DeadLetters, room: &str) -> usize {
        let store = MemoryStore::new();
        letters.close();
        letters.write(&store).await;
        store.dead_letters(room).await.unwrap().len()
    }

    #[tokio::test(start_paused = true)]
    async fn q2_a_room_has_ten_a_minute_and_all_together_a_hundred() {
        let (letters, metrics) = letters();
        let kind = DeadLetterKind::MalformedUpdate;
        for _ in 0..15 {
            letters.record(&room("loud"), kind, "it is wrong", b"x");
        }
        assert_eq!((metrics.refused.of(kind), metrics.dropped.get()), (15, 5));
        let store = MemoryStore::new();
        // Makes room in the queue, so that what follows meets the limit of the minute alone.
        let taken = std::mem::take(&mut letters.state.lock().waiting);
        store.add_dead_letters(&taken).await.unwrap();
        assert_eq!(store.dead_letters("loud").await.unwrap().len(), 10);
        for number in 0..200 {
            let invented = room(&format!("room {number}"));
            letters.record(&invented, kind, "it is wrong", b"x");
        }
        assert_eq!(letters.state.lock().waiting.len(), 90);
        tokio::time::advance(MINUTE).await;
        letters.record(&room("loud"), kind, "it is wrong", b"x");
        assert_eq!(kept(&letters, "loud").await, 1);
    }

    #[tokio::test]
    async fn q2_what_waits_is_bounded_in_bytes() {
        let (letters, metrics) = letters();
        let large = vec![7; 1 << 20];
        for number in 0..40 {
            let name = room(&format!("room {}", number / 10));
            letters.record(&name, DeadLetterKind::RoomFull, "too large", &large);
        }
        assert_eq!(letters.state.lock().bytes, MAX_WAITING_BYTES);
        assert_eq!(metrics.dropped.get(), 24);
        assert_eq!(kept(&letters, "room 0").await, 10);
    }

    #[tokio::test]
    async fn a_store_that_fails_costs_the_letters_and_nothing_else() {
        let (letters, metrics) = letters();
        let store = MemoryStore::new();
        store.close().await;
        let detail = "ä".repeat(900) + "\0";
        letters.record(&room("a"), DeadLetterKind::Panic, &detail, b"x");
        assert_eq!(letters.state.lock().waiting[0].detail, "ä".repeat(500));
        letters.close();
        letters.write(&store).await;
        assert_eq!(metrics.dropped.get(), 1);
    }
}
