//! What is deleted again: exports that have expired, and objects that nothing refers to any more.
//!
//! Every node does this now and then, each at times of its own; that two do it at once costs a few calls and nothing else, since deleting
//! twice is deleting once. The one rule: an object goes before the note that it is to go.

use std::time::Duration;

use scrible_objects::{Key, MAX_PAGE, ObjectError, Prefix};
use scrible_store::{ExportId, ExportTally, StoreError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Workshop, order};
use crate::clock::now_ms;

/// How often the queue is measured.
const MEASURE: Duration = Duration::from_secs(15);
/// How many measurements there are between two sweeps.
const SWEEP_AT: u32 = 4;

/// How long somebody who deletes something waits for its objects.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Why a sweep ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
}

/// Measures and sweeps until `stop` is cancelled. May be dropped at any point.
pub(super) async fn run(workshop: &Workshop, stop: &CancellationToken) {
    let sweeping = async {
        // At first once, then at a time that differs from node to node.
        let mut round = 0;
        loop {
            workshop.measure().await;
            if round % SWEEP_AT == 0
                && let Err(error) = workshop.sweep().await
            {
                tracing::warn!(%error, "what has expired cannot be deleted; trying again");
            }
            round += 1;
            sleep(MEASURE + spread()).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = sweeping => {}
    }
}

impl Workshop {
    /// Shows how long the queue is.
    async fn measure(&self) {
        match self.store.export_tally().await {
            Ok(ExportTally {
                pending,
                processing,
                oldest_ms,
            }) => {
                self.metrics.measured(pending, processing, oldest_ms);
            }
            Err(error) => tracing::debug!(%error, "measure the queue of exports"),
        }
    }

    /// Deletes what has expired, then the objects of all that was deleted.
    async fn sweep(&self) -> Result<(), Stuck> {
        let mut before: Vec<ExportId> = Vec::new();
        loop {
            let expired = self.store.expired_exports(now_ms()).await?;
            let ids: Vec<_> = expired.iter().map(|export| export.id).collect();
            if ids.is_empty() || ids == before {
                break;
            }
            for export in &expired {
                let prefix = order::prefix(export);
                self.store
                    .delete_export(&export.room, export.id, &prefix)
                    .await?;
            }
            tracing::debug!(exports = ids.len(), "expired");
            before = ids;
        }
        let mut after = i64::MIN;
        let mut stuck = Ok(());
        loop {
            let orphans = self.store.orphans(after).await?;
            let Some(newest) = orphans.last() else {
                return stuck;
            };
            after = newest.id;
            for orphan in &orphans {
                // One that is not let go keeps nobody else's.
                match self.delete_all(&orphan.prefix).await {
                    Ok(()) => self.store.forget_orphans(orphan.id).await?,
                    Err(error) => stuck = Err(error.into()),
                }
            }
        }
    }

    /// Deletes what was just left behind, if the place for files answers in time. It is left to the next sweep as well: a worker may be about to put
    /// the object.
    pub async fn delete_now(&self, prefix: &str) {
        let deleting = timeout(AT_ONCE, self.delete_all(prefix)).await;
        match deleting.map_err(|_| "it takes long".to_owned()) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(prefix, %error, "left to the next sweep"),
            Err(error) => tracing::debug!(prefix, %error, "left to the next sweep"),
        }
    }

    /// Deletes all objects whose keys begin so.
    async fn delete_all(&self, prefix: &str) -> Result<(), ObjectError> {
        let prefix: Prefix = prefix.parse()?;
        let mut after: Option<Key> = None;
        loop {
            let page = self.objects.list(&prefix, after.as_ref(), MAX_PAGE).await?;
            for entry in &page.entries {
                self.objects.delete(&entry.key).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Up to a second and a half.
fn spread() -> Duration {
    let mut random = [0];
    match getrandom::fill(&mut random) {
        Ok(()) => Duration::from_millis(6 * u64::from(random[0])),
        Err(_) => Duration::ZERO,
    }
}
