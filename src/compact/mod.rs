//! Compaction and versions: when a room's stored rows become a snapshot, and what happens to its base then.
//!
//! Rooms line up by name; what is stored is read, built in a doc worker, verified and stored again ([`keep`]); a room that is open is
//! then stood on the result. The one rule: a snapshot is built from stored rows alone, never from what a room has in memory, so that
//! exactly what it replaces is in it.

mod attempts;
mod keep;
mod marks;
mod queue;
mod thin;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use self::keep::{Keep, KeepError, Keeper, Kept};
pub use self::marks::Marks;
pub use self::queue::{CompactionQueue, Why};
pub use self::thin::Retention;

use crate::room::{Compacted, Content, Registry, RoomName};

/// Between attempts at a room that another process is compacting, or whose store does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How often a room is tried again that is not open any more; its rows are safe, and its next opening asks again.
const ATTEMPTS: usize = 5;

/// Compacts the rooms that line up.
pub struct Compactor {
    /// Makes snapshots of what is stored.
    pub keeper: Arc<Keeper>,
    /// The rooms of this node.
    pub rooms: Arc<Registry>,
    /// How many rooms at once.
    pub parallel: usize,
}

impl Compactor {
    /// Runs for ever. What is under way when it is dropped can be dropped at any point.
    pub async fn run(self) {
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(this.parallel));
        let mut tasks = JoinSet::new();
        let queue = &this.rooms.shared().compaction;
        loop {
            let slot = slots.clone().acquire_owned().await.expect("never closed");
            let (name, why) = queue.next().await;
            while tasks.try_join_next().is_some() {}
            let this = this.clone();
            tasks.spawn(async move {
                this.serve(&name, why).await;
                this.rooms.shared().compaction.done(&name);
                drop(slot);
            });
        }
    }

    /// Makes a snapshot, unless another node has made one that this room does not know of. All nodes on which a room is open come to this at
    /// about the same time.
    async fn keep(&self, name: &RoomName, why: Why) -> Result<Kept, KeepError> {
        let keep = why.keep();
        if why != Why::Unload
            && let Some(room) = self.rooms.find(name)
            && let known = room.snapshot_seq()
            && let Some(kept) = self.keeper.made_since(name.as_str(), known, &keep).await?
        {
            return Ok(kept);
        }
        self.keeper.keep(name.as_str(), &keep).await
    }

    async fn serve(&self, name: &RoomName, why: Why) {
        let started = Instant::now();
        let mut attempt = 0;
        let kept = loop {
            attempt += 1;
            match self.keep(name, why).await {
                Err(KeepError::Busy) if attempt < ATTEMPTS => tokio::time::sleep(RETRY).await,
                Err(KeepError::Unavailable(error)) if attempt < ATTEMPTS && why == Why::Unload => {
                    tracing::debug!(room = ?name, error, "trying again to keep a version");
                    tokio::time::sleep(RETRY).await;
                }
                kept => break kept,
            }
        };
        let took = started.elapsed();
        self.attempted(&kept, took);
        match &kept {
            Ok(kept) => {
                tracing::debug!(room = ?name, ?why, version = kept.version, bytes = kept.snapshot.bytes, ?took, "compacted")
            }
            Err(KeepError::Busy) => {
                tracing::debug!(room = ?name, ?why, "another process is compacting")
            }
            Err(error @ KeepError::Unavailable(_)) => {
                tracing::warn!(room = ?name, ?why, %error, "not compacted; its rows stay")
            }
            Err(error) => {
                tracing::error!(room = ?name, ?why, %error, "cannot be compacted; its rows stay")
            }
        }
        let Some(room) = self.rooms.find(name) else {
            return;
        };
        let limits = room.shared().config.limits.clone();
        // Large rooms take a while; so does folding in memory.
        let done = tokio::task::spawn_blocking(move || match kept {
            Ok(kept) => match Content::new(&kept.data, &limits) {
                Ok(base) => room.compacted(Compacted {
                    snapshot: kept.snapshot,
                    base,
                    listed: kept.listed,
                    took,
                }),
                Err(error) => {
                    tracing::error!(room = ?room.name(), %error, "split a snapshot");
                    room.not_compacted(took);
                }
            },
            Err(_) => room.not_compacted(took),
        });
        if let Err(error) = done.await {
            tracing::error!(room = ?name, %error, "stand a room on its snapshot");
        }
    }
}

impl Why {
    fn keep(self) -> Keep {
        match self {
            Self::Size => Keep::Base,
            Self::Interval | Self::Unload => Keep::Version {
                label: None,
                author: None,
            },
        }
    }
}
