//! Where the rooms of this node are loaded from: the store, read whole and checked, or not at all.

use std::sync::Arc;

use async_trait::async_trait;
use scrible_store::{Store, StoreError};
use scrible_wire::Limits;

use crate::room::{OpenError, Opened, RoomName, Source};

/// Loads rooms from a store.
pub struct StoreSource {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The bounds that stored updates must keep, too.
    pub limits: Limits,
}

#[async_trait]
impl Source for StoreSource {
    async fn load(&self, name: &RoomName) -> Result<Opened, OpenError> {
        let stored = match self.store.load(name.as_str()).await {
            Ok(None) => return Ok(Opened::default()),
            Ok(Some(stored)) => stored,
            Err(error @ StoreError::Unavailable(_)) => {
                return Err(OpenError::Unavailable(error.to_string()));
            }
            Err(error) => return Err(OpenError::Corrupt(error.to_string())),
        };
        let limits = self.limits.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let rows = stored.updates.into_iter().map(|update| update.bytes);
            let updates = stored.base.map(|base| base.data).into_iter().chain(rows);
            let updates: Vec<_> = updates.collect();
            Opened::from_updates(updates, Some(stored.id.0), &limits)
        });
        opened
            .await
            .map_err(|_| OpenError::Corrupt("reading it ended the task that read it".into()))?
    }
}
