//! Makes a snapshot of what is stored of a room: reads it, builds it in a doc worker, verifies it, stores it, and only then lets go of the
//! rows that are in the two newest snapshots.
//!
//! Works on the store alone, so it does not matter whether the room is open, here or elsewhere. It may be killed at any point: until the
//! snapshot is stored nothing has changed, and afterwards rows are only left over. The one rule: rows go only when the snapshot
//! before the new one, which was just read and found sound, covers them as well.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scrible_store::{
    Builder, Incarnation, Lease, NewSnapshot, Snapshot, SnapshotInfo, Snapshots, Store, StoreError,
    StoredRoom, Trim,
};
use scrible_wire::{Clocks, Limits, merge};
use tokio_util::sync::CancellationToken;

use super::{Marks, Retention};
use crate::clock::now_ms;
use crate::doc_worker::{DocError, DocWorkers};
use crate::room::{Contents, Extent};

/// The name of the lease.
const TASK: &str = "compaction";
/// How long a room waits for one who died while making a snapshot of it. Whoever lives renews the lease, and if it comes too late for that, the store
/// takes only one of two snapshots with the same number.
const LEASE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// A base that is quick to load.
    Base,
    /// A version for people.
    Version {
        /// What somebody called it; such a version is never thinned.
        label: Option<Arc<str>>,
        /// Who wanted it.
        author: Option<Arc<str>>,
    },
    /// A version of what is there before something replaces it.
    Before {
        /// What will, as the label says it; one that somebody chose is left alone.
        label: Arc<str>,
        /// Who wanted it.
        author: Option<Arc<str>>,
    },
}

impl Keep {
    fn label(&self) -> Option<&Arc<str>> {
        match self {
            Self::Base => None,
            Self::Version { label, .. } => label.as_ref(),
            Self::Before { label, .. } => Some(label),
        }
    }

    fn author(&self) -> Option<&Arc<str>> {
        match self {
            Self::Base => None,
            Self::Version { author, .. } | Self::Before { author, .. } => author.as_ref(),
        }
    }
}

/// The newest snapshot of a room.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its number.
    pub version: u64,
    /// What it covers.
    pub snapshot: Extent,
    /// The whole doc as one update.
    pub data: Bytes,
    /// Whether it is a version.
    pub listed: bool,
    /// Whether it was there before.
    pub is_old: bool,
}

/// Why no snapshot was made. Nothing was lost and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// There is no such room in the store.
    #[error("there is no such room")]
    NotFound,
    /// Another process is doing this for the room.
    #[error("another process is compacting this room")]
    Busy,
    /// The store or the doc workers don't answer; trying again later may help.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored does not make sense; someone should look.
    #[error("{0}")]
    Corrupt(String),
}

/// Makes snapshots.
pub struct Keeper {
    /// What is stored.
    pub store: Arc<dyn Store>,
    /// Where documents are opened.
    pub documents: Arc<DocWorkers>,
    /// The bounds that stored updates must keep, too.
    pub limits: Limits,
    /// How long versions stay.
    pub retention: Retention,
    /// Whose leases they are.
    pub holder: Incarnation,
    /// Where rooms are marked that need looking after.
    pub marks: Arc<Marks>,
}

/// A room as it was read.
struct Read {
    stored: StoredRoom,
    contents: Contents,
    /// Base and rows, in order.
    updates: Vec<Bytes>,
}

/// A snapshot that may be stored.
struct Made {
    data: Bytes,
    builder: Builder,
    note: Option<String>,
}

impl Keeper {
    /// Makes a snapshot of all that is stored of a room, or finds that the newest one is that.
    pub async fn keep(&self, room: &str, keep: &Keep) -> Result<Kept, KeepError> {
        // What others do to it before the lease is there only costs this attempt: the next number is theirs then. Labels come to the
        // newest snapshot alone, and that stays.
        let known = self.store.snapshots(room).await.map_err(failed)?;
        let known = known.ok_or(KeepError::NotFound)?;
        let lease = Lease {
            room: known.room,
            task: TASK,
            holder: self.holder,
            ttl: LEASE,
        };
        if !self.store.lease(&lease).await.map_err(failed)? {
            return Err(KeepError::Busy);
        }
        let done = CancellationToken::new();
        let keeping = async {
            let kept = self.keep_leased(room, keep, known).await;
            done.cancel();
            kept
        };
        let (kept, ()) = tokio::join!(keeping, self.renew(room, &lease, &done));
        if let Err(error) = self.store.release(&lease).await {
            tracing::debug!(room, %error, "give a lease back; it ends by itself");
        }
        kept
    }

    /// A sound snapshot that covers more than `seq`, which somebody else has made meanwhile; only a version where one is wanted.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub async fn made_since(
        &self,
        room: &str,
        seq: u64,
        keep: &Keep,
    ) -> Result<Option<Kept>, KeepError> {
        let Some(known) = self.store.snapshots(room).await.map_err(failed)? else {
            return Ok(None);
        };
        let wanted = |info: &&SnapshotInfo| info.seq > seq && (info.listed || *keep == Keep::Base);
        let Some(newest) = known.snapshots.iter().find(wanted) else {
            return Ok(None);
        };
        match self.store.snapshot(room, newest.version).await {
            Ok(found) => Ok(found.map(|snapshot| kept(&snapshot, snapshot.info.listed))),
            // Whoever makes the next one will find that out as well, and say so.
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Keeps a lease until the work is done. Both must be polled all the time: work that stands still may have the store's only
    /// turn to write, for which renewing would wait for ever, and everyone else with it.
    async fn renew(&self, room: &str, lease: &Lease, done: &CancellationToken) {
        while tokio::time::timeout(RENEW, done.cancelled()).await.is_err() {
            if let Err(error) = self.store.lease(lease).await {
                tracing::debug!(room, %error, "renew a lease");
            }
        }
    }

    async fn keep_leased(
        &self,
        room: &str,
        keep: &Keep,
        known: Snapshots,
    ) -> Result<Kept, KeepError> {
        let read = self.read(room).await?;
        let newest = read.stored.base.as_ref();
        let made = match newest.filter(|_| read.stored.updates.is_empty()) {
            None => self.make(room, &read).await?,
            Some(base) => match self.relist(&read.stored, base, keep).await? {
                Some(kept) => return Ok(kept),
                // The same once more, under another name.
                None => Made {
                    data: base.data.clone(),
                    builder: base.info.builder,
                    note: base.info.note.clone(),
                },
            },
        };
        let new = new_snapshot(keep, &read, &known, made);
        match self.store.add_snapshot(&new).await {
            Ok(()) => {}
            // Somebody whose lease we outlived was faster.
            Err(StoreError::Conflict(_)) => return Err(KeepError::Busy),
            Err(error) => return Err(failed(error)),
        }
        let mut snapshots = known.snapshots;
        snapshots.insert(0, info(&new));
        self.let_go(room, &read.stored, &snapshots).await;
        Ok(Kept {
            version: new.version,
            snapshot: extent(new.seq, &new.data),
            data: new.data,
            listed: new.listed,
            is_old: false,
        })
    }

    /// Makes the newest snapshot, after which nothing came, into what is wanted. `None` where it has another name already.
    async fn relist(
        &self,
        stored: &StoredRoom,
        base: &Snapshot,
        keep: &Keep,
    ) -> Result<Option<Kept>, KeepError> {
        let info = &base.info;
        let renames = keep
            .label()
            .is_some_and(|label| info.label.as_ref() != Some(label));
        match (keep, renames && info.label.is_some()) {
            (Keep::Version { .. }, true) => return Ok(None),
            (Keep::Base, _) | (_, true) => {}
            _ if !info.listed || renames => {
                let (label, author) = (keep.label().cloned(), keep.author().cloned());
                let listing = self
                    .store
                    .list_snapshot(stored.id, info.version, label, author);
                listing.await.map_err(failed)?;
            }
            _ => {}
        }
        Ok(Some(kept(base, info.listed || *keep != Keep::Base)))
    }

    /// Reads what is stored. A snapshot whose bytes are whole but make no sense is passed over like a damaged one.
    async fn read(&self, room: &str) -> Result<Read, KeepError> {
        let mut below = u64::MAX;
        loop {
            let stored = self.store.load_below(room, below).await.map_err(failed)?;
            let stored = stored.ok_or(KeepError::NotFound)?;
            let base = stored.base.iter().map(|base| base.data.clone());
            let rows = stored.updates.iter().map(|row| row.bytes.clone());
            let updates: Vec<Bytes> = base.chain(rows).collect();
            let limits = self.limits.clone();
            let reading = tokio::task::spawn_blocking(move || {
                let contents = Contents::read(&updates, &limits);
                (contents, updates)
            });
            let (contents, updates) = reading
                .await
                .map_err(|_| KeepError::Corrupt("reading it ended the task that read it".into()))?;
            match (contents, &stored.base) {
                (Ok(contents), _) => {
                    return Ok(Read {
                        stored,
                        contents,
                        updates,
                    });
                }
                (Err(unreadable), Some(base)) if unreadable.at == 0 => {
                    tracing::error!(room, version = base.info.version, %unreadable, "a snapshot makes no sense; trying an older one");
                    below = base.info.version;
                }
                (Err(unreadable), _) => return Err(KeepError::Corrupt(unreadable.to_string())),
            }
        }
    }

    /// The snapshot's bytes: by a doc worker, or merged byte by byte where that would lose something or has failed.
    async fn make(&self, room: &str, read: &Read) -> Result<Made, KeepError> {
        let why = if read.contents.has_subdoc {
            // As it should be: nobody need look.
            "it holds sub-documents, which only a byte merge keeps as they are".to_owned()
        } else if let Some(why) = earlier_trouble(&read.stored) {
            why
        } else {
            match self.build(read).await {
                Ok(data) => {
                    self.marks.clear(room);
                    return Ok(Made {
                        data,
                        builder: Builder::Doc,
                        note: None,
                    });
                }
                Err(DocError::Unavailable(error)) => return Err(KeepError::Unavailable(error)),
                Err(DocError::TooLarge { bytes, limit }) => {
                    format!("it is too large to be opened as a document ({bytes} of {limit} bytes)")
                }
                Err(DocError::Broken(error)) => trouble(&error),
            }
        };
        if !read.contents.has_subdoc {
            self.marks.set(room, &why);
        }
        let (updates, limits) = (read.updates.clone(), self.limits.clone());
        let merging = tokio::task::spawn_blocking(move || {
            merge::merge(updates.iter().map(|update| &update[..]), &limits)
        });
        let data = match merging.await {
            Ok(Ok(data)) => Bytes::from(data),
            Ok(Err(error)) => return Err(KeepError::Corrupt(error.to_string())),
            Err(_) => {
                return Err(KeepError::Corrupt(
                    "merging it ended the task that merged it".into(),
                ));
            }
        };
        self.verify(read, &data).await.map_err(KeepError::Corrupt)?;
        Ok(Made {
            data,
            builder: Builder::Bytes,
            note: Some(why),
        })
    }

    async fn build(&self, read: &Read) -> Result<Bytes, DocError> {
        let built = self.documents.build(read.updates.clone()).await?;
        self.verify(read, &built.snapshot)
            .await
            .map_err(DocError::Broken)?;
        Ok(built.snapshot)
    }

    /// Holds a snapshot against the rows by the scanner alone, whoever made it: it must apply by itself, and have the same clocks and at
    /// least the same deletions (documents derive some that nobody sent).
    async fn verify(&self, read: &Read, data: &Bytes) -> Result<(), String> {
        let (data, limits) = (data.clone(), self.limits.clone());
        let reading = tokio::task::spawn_blocking(move || Contents::read(&[data], &limits));
        let made = reading.await.map_err(|error| error.to_string())?;
        let made = made.map_err(|error| format!("its snapshot makes no sense: {error}"))?;
        let (had, has) = (&read.contents.clocks, &made.clocks);
        if had.state_vector() != has.state_vector() {
            return Err("its snapshot has other clocks than its rows".into());
        }
        match lacking(had, has) {
            None => Ok(()),
            Some(client) => Err(format!("its snapshot lacks a deletion of client {client}")),
        }
    }

    /// Takes away what two snapshots hold, and versions that are old enough. Failing to only leaves it for the next time.
    async fn let_go(&self, room: &str, stored: &StoredRoom, snapshots: &[SnapshotInfo]) {
        let reserve = stored.base.as_ref().map(|base| &base.info);
        let mut versions = self.retention.thin(snapshots, now_ms());
        versions.extend(superseded(snapshots, reserve));
        // The newest two stay whatever they are, and what the newest was made from.
        let newest = snapshots.iter().take(2);
        let stays: Vec<u64> = newest.chain(reserve).map(|info| info.version).collect();
        versions.retain(|version| !stays.contains(version));
        let rows = reserve.map_or(0, |info| info.seq);
        if rows == 0 && versions.is_empty() {
            return;
        }
        let trim = Trim {
            room: stored.id,
            rows: 1..=rows,
            versions,
        };
        if let Err(error) = self.store.trim(&trim).await {
            tracing::warn!(room, %error, "rows that are in two snapshots were not taken away; the next compaction does it");
        }
    }
}

/// What was made, under the number that comes next.
/// A snapshot that was there before.
fn kept(snapshot: &Snapshot, listed: bool) -> Kept {
    Kept {
        version: snapshot.info.version,
        snapshot: extent(snapshot.info.seq, &snapshot.data),
        data: snapshot.data.clone(),
        listed,
        is_old: true,
    }
}

fn new_snapshot(keep: &Keep, read: &Read, known: &Snapshots, made: Made) -> NewSnapshot {
    // Of what cannot be read the number counts all the same.
    let readable = known.snapshots.iter().map(|info| info.version);
    let unreadable = known.unreadable.iter().map(|passed| passed.version);
    NewSnapshot {
        room: read.stored.id,
        version: readable.chain(unreadable).max().unwrap_or(0) + 1,
        seq: read.stored.head,
        data: made.data,
        state_vector: read.contents.clocks.state_vector().encode().into(),
        listed: *keep != Keep::Base,
        builder: made.builder,
        note: made.note,
        label: keep.label().cloned(),
        author: keep.author().cloned(),
        time_ms: now_ms(),
    }
}

fn info(new: &NewSnapshot) -> SnapshotInfo {
    SnapshotInfo {
        version: new.version,
        seq: new.seq,
        size: new.data.len() as u64,
        listed: new.listed,
        builder: new.builder,
        note: new.note.clone(),
        label: new.label.clone(),
        author: new.author.clone(),
        time_ms: new.time_ms,
    }
}

/// Snapshots that are no versions and older than the one that is kept in reserve.
fn superseded<'a>(
    snapshots: &'a [SnapshotInfo],
    reserve: Option<&'a SnapshotInfo>,
) -> impl Iterator<Item = u64> + 'a {
    let below = reserve.map_or(0, |info| info.version);
    let gone = move |info: &&SnapshotInfo| !info.listed && info.version < below;
    snapshots.iter().filter(gone).map(|info| info.version)
}

/// The first client of which `has` lacks a deletion that `had` has.
fn lacking(had: &Clocks, has: &Clocks) -> Option<u64> {
    let has: std::collections::HashMap<u64, Vec<(u32, u32)>> = has.deleted().collect();
    let covered = |client: u64, start: u32, end: u32| {
        has.get(&client).is_some_and(|ranges| {
            // Ranges of one client are in order and do not touch.
            let at = ranges.partition_point(|(_, range_end)| *range_end <= start);
            ranges
                .get(at)
                .is_some_and(|(range_start, range_end)| *range_start <= start && end <= *range_end)
        })
    };
    had.deleted()
        .find(|(client, ranges)| {
            !ranges
                .iter()
                .all(|(start, end)| covered(*client, *start, *end))
        })
        .map(|(client, _)| client)
}

/// How a note begins that says why this version of the program could not open a document.
const TROUBLE: &str = concat!(
    "scrible ",
    env!("CARGO_PKG_VERSION"),
    " cannot open it as a document: "
);

fn trouble(error: &str) -> String {
    format!("{TROUBLE}{error}")
}

/// Why the last attempt at this room failed, unless another version of the program made it: trying each time again would cost a doc worker each time.
fn earlier_trouble(stored: &StoredRoom) -> Option<String> {
    let note = stored.base.as_ref()?.info.note.as_ref()?;
    note.starts_with(TROUBLE).then(|| note.clone())
}

fn extent(seq: u64, data: &Bytes) -> Extent {
    Extent {
        seq,
        bytes: data.len(),
    }
}

fn failed(error: StoreError) -> KeepError {
    match error {
        StoreError::Unavailable(_) => KeepError::Unavailable(error.to_string()),
        StoreError::Conflict(_) => KeepError::Busy,
        StoreError::Corrupt { .. } | StoreError::Invalid(_) => {
            KeepError::Corrupt(error.to_string())
        }
    }
}
