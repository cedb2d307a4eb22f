//! Where the rooms of this node are loaded from: the store, read whole and checked, or not at all.

use std::sync::Arc;

use async_trait::async_trait;
use scrible_store::{Store, StoreError, StoredRoom};
use scrible_wire::Limits;

use crate::compact::Marks;
use crate::guard::Guard;
use crate::point;
use crate::room::{OpenError, Opened, RoomName, Source, StoredDoc};

/// Loads rooms from a store.
pub struct StoreSource {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The bounds that stored updates must keep, too.
    pub limits: Limits,
    /// Where rooms are marked whose newest snapshot is damaged.
    pub marks: Arc<Marks>,
    /// Asked before a room is read.
    pub guard: Arc<Guard>,
}

#[async_trait]
impl Source for StoreSource {
    async fn load(&self, name: &RoomName) -> Result<Opened, OpenError> {
        let watch = self.guard.begin(name).await?;
        let opened = self.read(name).await?;
        point::reach("read a room", name.as_str());
        watch.lives();
        Ok(opened)
    }
}

impl StoreSource {
    async fn read(&self, name: &RoomName) -> Result<Opened, OpenError> {
        let mut below = u64::MAX;
        loop {
            let stored = match self.store.load_below(name.as_str(), below).await {
                Ok(None) => return Ok(Opened::default()),
                Ok(Some(stored)) => stored,
                Err(error @ StoreError::Unavailable(_)) => {
                    return Err(OpenError::Unavailable(error.to_string()));
                }
                Err(error) => return Err(OpenError::Corrupt(error.to_string())),
            };
            for passed in &stored.passed_over {
                let (version, why) = (passed.version, &passed.why);
                self.mark(name, &format!("its snapshot {version} is damaged: {why}"));
            }
            let version = stored.base.as_ref().map(|base| base.info.version);
            let limits = self.limits.clone();
            let opening =
                tokio::task::spawn_blocking(move || Opened::read(StoredDoc::from(stored), &limits));
            let opened = opening
                .await
                .map_err(|_| OpenError::Corrupt("reading it ended the task that read it".into()))?;
            match (opened, version) {
                (Err(OpenError::Snapshot(why)), Some(version)) => {
                    self.mark(
                        name,
                        &format!("its snapshot {version} makes no sense: {why}"),
                    );
                    below = version;
                }
                (opened, _) => return opened,
            }
        }
    }

    fn mark(&self, name: &RoomName, why: &str) {
        self.marks.set(
            name.as_str(),
            &format!("{why}; an older one and the rows after it are used"),
        );
    }
}

impl From<StoredRoom> for StoredDoc {
    fn from(stored: StoredRoom) -> Self {
        let snapshot = stored.base.map(|base| (base.info.seq, base.data));
        Self {
            id: stored.id.0,
            snapshot,
            updates: stored.updates.into_iter().map(|row| row.bytes).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use scrible_store::{MemoryStore, Quarantine};

    use super::*;

    #[tokio::test]
    async fn q3_an_opening_is_noted_before_the_room_is_read() {
        let place = MemoryStore::new();
        let store = Arc::new(place.reopen());
        let guard = Guard::new(store.clone(), Arc::default());
        guard.start().await;
        let source = StoreSource {
            store: store.clone(),
            limits: Limits::default(),
            marks: Arc::default(),
            guard,
        };
        store.pause_loads();
        let loading = tokio::spawn(async move {
            let name = RoomName::new("demo").unwrap();
            source.load(&name).await
        });
        store.loads_waiting(1).await;
        // The process ends, whatever of it was about to be read.
        loading.abort();
        drop((loading.await, store));
        let next = Guard::new(Arc::new(place.reopen()), Arc::default());
        next.start().await;
        let record = place.room_record("demo").await.unwrap();
        assert_eq!(record.unwrap().deaths, 1);
    }
}
