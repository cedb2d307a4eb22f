//! Brings into open rooms what other nodes have stored and the bus did not carry: the store is asked for the highest numbers of all
//! open rooms every now and then, and rooms that lack something get it, from the bus while it still has it, else from the store. With the numbers comes
//! whether it was changed who may be in a room.
//!
//! It does not know how rows come into a room's log. The one rule: one room that cannot be helped keeps no other waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scrible_store::{Since, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::room::{Registry, Room, Rows};

/// How often the store is asked for the heads of all open rooms while the bus works: what it may have lost is the last message of
/// all, whose gap nobody can see.
const POLL: Duration = Duration::from_secs(2);
/// How often while it doesn't, or where there is none.
const POLL_ALONE: Duration = Duration::from_secs(1);
/// Names in one question.
const NAMES: usize = 1_000;
/// What comes too early is mostly followed by what it waits for.
const SETTLE: Duration = Duration::from_millis(20);
/// Rooms for which something is asked at a time. How many wait is bounded by the number of rooms.
const AT_ONCE: usize = 16;
/// Bytes that are read from the store at a time.
const READ_BYTES: usize = 4 << 20;
/// Between attempts while the store does not answer or has nothing yet.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Who writes to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// One node alone. A room that was loaded anew may still lack what it had stored under its old life.
    One,
    /// Any number of nodes.
    Many,
}

/// Keeps the rooms of a node up with all others.
pub struct Follower {
    /// The rooms.
    pub rooms: Arc<Registry>,
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Whether anybody else writes to it.
    pub writers: Writers,
}

impl Follower {
    /// Runs for ever.
    pub async fn run(self) {
        let this = Arc::new(self);
        tokio::join!(this.poll(), this.catch_up());
    }

    /// Asks for heads, where others may have raised them.
    async fn poll(&self) {
        if self.writers == Writers::One {
            return;
        }
        let bus = &self.rooms.shared().bus;
        let mut answers = true;
        loop {
            let works = bus.has_others() && bus.trouble().is_none();
            tokio::time::sleep(if works { POLL } else { POLL_ALONE }).await;
            let asked = self.ask_heads().await;
            match (&asked, answers) {
                (Err(error), true) => {
                    tracing::warn!(%error, "what other nodes store cannot be seen for now");
                }
                (Ok(()), false) => tracing::info!("what other nodes store can be seen again"),
                _ => {}
            }
            answers = asked.is_ok();
        }
    }

    async fn ask_heads(&self) -> Result<(), StoreError> {
        let rooms = self.rooms.open();
        for rooms in rooms.chunks(NAMES) {
            let names: Vec<_> = rooms.iter().map(|room| room.name().shared()).collect();
            // Before the question, so that the answer cannot be older.
            let mut asked: HashMap<_, _> = names
                .iter()
                .cloned()
                .zip(rooms.iter().map(|room| (room, room.applied())))
                .collect();
            for head in self.store.heads(&names).await? {
                if let Some((room, applied)) = asked.remove(&head.room) {
                    room.heard_of(head.id.0, head.seq, applied);
                    room.access_stored(head.access_version);
                }
            }
            // Of what is not there.
            asked.values().for_each(|(room, _)| room.access_stored(0));
        }
        Ok(())
    }

    /// Looks after the rooms that lack something.
    async fn catch_up(self: &Arc<Self>) {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        loop {
            let room = self.rooms.shared().behind.next().await;
            while tasks.try_join_next().is_some() {}
            let (this, slots) = (self.clone(), slots.clone());
            tasks.spawn(async move { this.help(&room, &slots).await });
        }
    }

    /// Looks after one room until it lacks nothing. It has a slot while something is asked for it, and none while it waits.
    async fn help(&self, room: &Arc<Room>, slots: &Semaphore) {
        let bus = &self.rooms.shared().bus;
        tokio::time::sleep(SETTLE).await;
        let mut slot = slots.acquire().await.expect("never closed");
        let after = room.applied();
        if let Some(stored_as) = room.stored_as() {
            match bus.recent(room.name(), stored_as, after).await {
                Ok(updates) => room.take_recent(after, &updates),
                Err(away) => tracing::debug!(room = ?room.name(), %away, "the bus has no answer"),
            }
        }
        let mut pauses = PAUSES.iter();
        while !room.caught_up() {
            let after = room.applied();
            if let Err(error) = self.read(room, after).await {
                match error {
                    StoreError::Unavailable(_) => {
                        tracing::debug!(room = ?room.name(), %error, "cannot catch up yet");
                    }
                    error => {
                        tracing::error!(room = ?room.name(), %error, "what other nodes stored cannot be read");
                        room.fail();
                    }
                }
            }
            if room.applied() > after {
                pauses = PAUSES.iter();
                continue;
            }
            let pause = pauses.next().unwrap_or(&PAUSES[PAUSES.len() - 1]);
            drop(slot);
            tokio::time::sleep(*pause).await;
            slot = slots.acquire().await.expect("never closed");
        }
    }

    async fn read(&self, room: &Arc<Room>, after: u64) -> Result<(), StoreError> {
        let name = room.name().as_str();
        let since = self.store.since(name, after, READ_BYTES).await?;
        // A snapshot may be large.
        let room = room.clone();
        let taking = tokio::task::spawn_blocking(move || room.take_stored(after, since.map(rows)));
        taking.await.map_err(|error| StoreError::Corrupt {
            room: name.to_owned(),
            what: format!("taking in what was read: {error}"),
        })
    }
}

fn rows(since: Since) -> Rows {
    Rows {
        stored_as: since.id.0,
        head: since.head,
        snapshot: since.base.map(|base| (base.info.seq, base.data)),
        updates: since
            .updates
            .into_iter()
            .map(|row| (row.seq, row.bytes))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use scrible_store::MemoryStore;

    use super::*;
    use crate::bus::{Bus, BusAway, Commit, Hearer, NodeId, Told};
    use crate::room::{OpenError, Opened, RoomName, RoomsConfig, RoomsShared, Source};

    /// One character of one client.
    const TYPED: &[u8] = &[1, 1, 10, 0, 4, 1, 1, b't', 1, b'a', 0];

    struct Nowhere;

    #[async_trait]
    impl Source for Nowhere {
        async fn load(&self, _: &RoomName) -> Result<Opened, OpenError> {
            Err(OpenError::Unavailable("nothing is here".into()))
        }
    }

    /// Still has what one room lacks.
    struct HasSome;

    #[async_trait]
    impl Bus for HasSome {
        async fn listen(&self, _: &dyn Hearer) {
            std::future::pending().await
        }

        async fn join(&self, _: &RoomName) -> Result<(), BusAway> {
            Ok(())
        }

        fn leave(&self, _: &RoomName) {}

        fn publish(&self, _: &RoomName, _: &Commit) {}

        async fn recent(&self, room: &RoomName, _: i64, _: u64) -> Result<Vec<Bytes>, BusAway> {
            let has = room.as_str() == "helped";
            Ok(has
                .then_some(Bytes::from_static(TYPED))
                .into_iter()
                .collect())
        }

        fn show(&self, _: &RoomName, _: &[u8]) {}

        async fn people(&self, _: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
            Ok(Vec::new())
        }

        fn access_changed(&self, _: &RoomName) {}

        fn kick(&self, _: &RoomName, _: u64) {}

        fn trouble(&self) -> Option<String> {
            None
        }

        fn has_others(&self) -> bool {
            true
        }

        async fn close(&self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn n9_rooms_that_cannot_be_helped_keep_no_other_waiting() {
        let config = RoomsConfig::for_tests();
        let shared = Arc::new(RoomsShared::new(config, Arc::new(HasSome)));
        let store = MemoryStore::new();
        store.close().await;
        let follower = Follower {
            rooms: Registry::new(Arc::new(Nowhere), shared.clone()),
            store: Arc::new(store),
            writers: Writers::One,
        };
        let following = tokio::spawn(follower.run());
        let behind = |name: &str| {
            let name = RoomName::new(name).unwrap();
            let room = Arc::new(Room::new(name, Opened::default(), shared.clone()));
            room.stored_elsewhere(&Commit {
                stored_as: 1,
                first_seq: 1,
                updates: Told::Count(1),
            });
            room
        };
        let stuck: Vec<_> = (0..AT_ONCE)
            .map(|nth| behind(&format!("stuck {nth}")))
            .collect();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let helped = behind("helped");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(helped.applied(), 1);
        assert!(stuck.iter().all(|room| room.applied() == 0));
        following.abort();
    }
}
