//! Who was in which room: each session's stay is noted at its beginning, once its client id is known, and at its end.
//!
//! Sessions hand over and go on; one task writes, many notes at a time. It does not know who may be where. The rules: noting never waits, and of one stay
//! only the latest note counts, which says everything that those before it said.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use scrible_store::{Directory, Incarnation, Stay, StoreError};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::access::Admission;
use crate::clock::now_ms;
use crate::room::RoomName;

/// Stays of which something waits to be written, a few hundred bytes each. Beyond, what is new is dropped, and counted.
const MAX_WAITING: usize = 10_000;
/// The most in one call of the store.
const BATCH: usize = 500;
/// How long the first note waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long all wait where the store does not answer.
const RETRY: Duration = Duration::from_secs(5);
/// The longest identity and the longest name that are noted, in bytes.
const MAX_TEXT_BYTES: usize = 500;

/// Takes notes of stays, and has them written.
#[derive(Debug)]
pub struct Stays {
    /// In the higher half of every number that this process gives a stay.
    process: u128,
    waiting: Mutex<HashMap<u128, Stay>>,
    more: Notify,
    closed: CancellationToken,
    dropped: Counter,
}

/// One stay, which ends when this is dropped.
#[derive(Debug)]
pub struct Staying {
    stays: Arc<Stays>,
    stay: Stay,
    /// Nothing is kept of a room that is not stored.
    is_kept: bool,
}

impl Stays {
    /// Nobody was anywhere yet; counts what is dropped with the handle that it gets.
    pub fn new(dropped: Counter) -> Arc<Self> {
        Arc::new(Self {
            process: Incarnation::random().0 << 64,
            waiting: Mutex::default(),
            more: Notify::new(),
            closed: CancellationToken::new(),
            dropped,
        })
    }

    /// Notes that a session has come into a room. `session` is its number, which this process gives once.
    pub fn begin(
        self: &Arc<Self>,
        room: &RoomName,
        session: u64,
        admission: &Admission,
    ) -> Staying {
        let stay = Stay {
            room: room.shared(),
            session: self.process | u128::from(session),
            identity: admission.identity.0.as_deref().map(noted),
            name: admission.name.as_deref().map(noted),
            role: admission.role,
            client: None,
            joined_ms: now_ms(),
            left_ms: None,
        };
        self.note(&stay);
        Staying {
            stays: self.clone(),
            stay,
            is_kept: false,
        }
    }

    /// Writes what comes, until [`close`](Self::close).
    pub async fn write(&self, directory: &dyn Directory) {
        while !self.closed.is_cancelled() {
            self.more.notified().await;
            // What comes meanwhile goes along, and nothing is late when everybody leaves.
            let _ = timeout(GATHER, self.closed.cancelled()).await;
            if self.keep(directory).await.is_err() {
                let _ = timeout(RETRY, self.closed.cancelled()).await;
                self.more.notify_one();
            }
        }
        if self.keep(directory).await.is_err() {
            let left = std::mem::take(&mut *self.waiting.lock()).len();
            self.drop_some(left);
        }
    }

    /// Lets [`write`](Self::write) end once all is written, or cannot be.
    pub fn close(&self) {
        self.closed.cancel();
        self.more.notify_one();
    }

    fn note(&self, stay: &Stay) {
        let mut waiting = self.waiting.lock();
        let fits = waiting.len() < MAX_WAITING || waiting.contains_key(&stay.session);
        if !fits {
            drop(waiting);
            return self.drop_some(1);
        }
        waiting.insert(stay.session, stay.clone());
        drop(waiting);
        self.more.notify_one();
    }

    fn drop_some(&self, some: usize) {
        self.dropped.inc_by(some as u64);
    }

    /// Writes all that waits. What the store could not take now waits on; what it never takes is dropped.
    async fn keep(&self, directory: &dyn Directory) -> Result<(), StoreError> {
        let taken = std::mem::take(&mut *self.waiting.lock());
        let taken: Vec<Stay> = taken.into_values().collect();
        for (at, batch) in taken.chunks(BATCH).enumerate() {
            match directory.note_stays(batch).await {
                Ok(()) => {}
                Err(error @ (StoreError::Unavailable(_) | StoreError::Conflict(_))) => {
                    tracing::debug!(%error, "who was in which room cannot be noted yet");
                    self.put_back(&taken[at * BATCH..]);
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(%error, stays = batch.len(), "who was in which room could not be noted");
                    self.drop_some(batch.len());
                }
            }
        }
        Ok(())
    }

    fn put_back(&self, stays: &[Stay]) {
        let mut waiting = self.waiting.lock();
        let mut dropped = 0;
        for stay in stays {
            if waiting.contains_key(&stay.session) {
                // Something newer was noted meanwhile.
            } else if waiting.len() < MAX_WAITING {
                waiting.insert(stay.session, stay.clone());
            } else {
                dropped += 1;
            }
        }
        drop(waiting);
        self.drop_some(dropped);
    }
}

impl Staying {
    /// Notes it once more, the first time that its room is stored.
    pub fn keep_if(&mut self, is_stored: impl FnOnce() -> bool) {
        if !self.is_kept && is_stored() {
            self.is_kept = true;
            self.stays.note(&self.stay);
        }
    }

    /// Notes under which client id the person was seen, the first time.
    pub fn seen_as(&mut self, client: u64) {
        if self.stay.client.is_none() {
            self.stay.client = Some(client);
            self.stays.note(&self.stay);
        }
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        self.stay.left_ms = Some(now_ms());
        self.stays.note(&self.stay);
    }
}

/// A text as stores take it.
fn noted(text: &str) -> Arc<str> {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    text[..end].replace('\0', "\u{fffd}").into()
}

#[cfg(test)]
mod tests {
    use scrible_store::{MemoryStore, NewRoom, Page, Participant, Role, Store};

    use super::*;
    use crate::access::{Basis, Identity};

    const ALL: Page = Page {
        before: None,
        limit: 200,
    };

    fn room() -> RoomName {
        RoomName::new("demo").unwrap()
    }

    fn admission(identity: &str) -> Admission {
        Admission {
            role: Role::Editor,
            identity: Identity(Some(identity.into())),
            name: Some("Ann".into()),
            until_ms: None,
            basis: Basis::default(),
            seen: Default::default(),
        }
    }

    fn stays() -> (Arc<Stays>, Counter) {
        let dropped = Counter::default();
        (Stays::new(dropped.clone()), dropped)
    }

    async fn store() -> MemoryStore {
        let store = MemoryStore::new();
        let new = NewRoom {
            name: "demo".into(),
            title: None,
            owner: None,
            visibility: None,
            link_role: Role::Viewer,
            password: None,
            frontend: None,
            viewers_export: false,
            time_ms: 1,
            idempotency: None,
        };
        store.create_room(&new).await.unwrap();
        store
    }

    async fn noted_in(store: &MemoryStore) -> Vec<Participant> {
        store.participants("demo", ALL).await.unwrap()
    }

    async fn written(stays: &Stays, store: &MemoryStore) -> Vec<Participant> {
        stays.close();
        stays.write(store).await;
        noted_in(store).await
    }

    #[tokio::test(start_paused = true)]
    async fn x8_a_stay_is_noted_within_a_second_and_once_more_at_its_end() {
        let ((stays, dropped), store) = (stays(), Arc::new(store().await));
        let writing = tokio::spawn({
            let (stays, store) = (stays.clone(), store.clone());
            async move { stays.write(&*store).await }
        });
        let mut ann = stays.begin(&room(), 7, &admission("sub:ann"));
        ann.seen_as(10);
        ann.seen_as(11);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let noted = &noted_in(&store).await[0];
        assert_eq!(noted.identity.as_deref(), Some("sub:ann"));
        assert_eq!(noted.name.as_deref(), Some("Ann"));
        assert_eq!((noted.role, noted.client), (Role::Editor, Some(10)));
        assert_eq!(noted.left_ms, None);
        drop(ann);
        stays.close();
        writing.await.unwrap();
        let all = noted_in(&store).await;
        assert!(all.len() == 1 && all[0].left_ms >= Some(all[0].joined_ms));
        assert_eq!(dropped.get(), 0);
    }

    #[tokio::test]
    async fn x8_one_who_comes_and_goes_at_once_is_one_note_and_two_processes_do_not_mix() {
        let ((one, _), (other, _), store) = (stays(), stays(), store().await);
        for stays in [&one, &other] {
            drop(stays.begin(&room(), 1, &admission("sub:ann")));
            assert_eq!(stays.waiting.lock().len(), 1);
            written(stays, &store).await;
        }
        assert_eq!(noted_in(&store).await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn x8_what_a_store_does_not_take_now_waits_and_the_latest_counts() {
        let ((stays, dropped), store) = (stays(), store().await);
        let closed = MemoryStore::new();
        closed.close().await;
        let mut ann = stays.begin(&room(), 1, &admission("sub:ann"));
        let taken = std::mem::take(&mut *stays.waiting.lock());
        let taken: Vec<_> = taken.into_values().collect();
        ann.seen_as(10);
        stays.put_back(&taken);
        assert!(stays.keep(&closed).await.is_err());
        let noted = written(&stays, &store).await;
        assert_eq!(noted[0].client, Some(10));
        assert_eq!(dropped.get(), 0);
    }

    #[tokio::test]
    async fn x8_what_waits_is_bounded_and_what_is_dropped_is_counted() {
        let ((stays, dropped), closed) = (stays(), MemoryStore::new());
        closed.close().await;
        let here: Vec<_> = (0..MAX_WAITING as u64 + 5)
            .map(|session| stays.begin(&room(), session, &admission("sub:ann")))
            .collect();
        assert_eq!(
            (stays.waiting.lock().len(), dropped.get()),
            (MAX_WAITING, 5)
        );
        stays.close();
        stays.write(&closed).await;
        assert_eq!(dropped.get(), MAX_WAITING as u64 + 5);
        drop(here);
    }

    #[tokio::test]
    async fn x8_texts_that_no_store_takes_cost_nobody_elses_note() {
        let ((stays, dropped), store) = (stays(), store().await);
        let _odd = stays.begin(&room(), 1, &admission("sub:\0"));
        let _long = stays.begin(&room(), 2, &admission(&"ä".repeat(2_000)));
        let noted = written(&stays, &store).await;
        let identities: Vec<_> = noted
            .iter()
            .filter_map(|stay| stay.identity.clone())
            .collect();
        assert!(identities.contains(&"sub:\u{fffd}".into()));
        assert!(identities.contains(&"ä".repeat(250).into()));
        assert_eq!(dropped.get(), 0);
    }
}
