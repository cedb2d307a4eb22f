//! The store of a single node: one SQLite file, one writing connection, a few reading ones.
//!
//! Does not know what a batch means (`append`), how a room is put together (`load`) or what stands in a snapshot
//! (`snapshots`, `trim`); it owns the connections. The rule: whoever writes does so in a transaction of `writing`.

mod alone;
mod append;
mod backup;
#[macro_use]
mod dialect;
#[path = "../quarantined/dead_letters.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod dead_letters;
mod fault;
#[path = "../files/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod files;
mod inspect;
mod leases;
mod load;
mod nodes;
mod partial;
#[path = "../people/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod people;
mod place;
mod quarantine;
#[cfg(any(test, feature = "testing"))]
mod raw;
#[path = "../quarantined/records.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod records;
mod repair;
mod restore;
mod schema;
mod snapshots;
mod tally;
mod trim;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, watch};

use self::alone::Alone;
pub use self::backup::{Existing, back_up};
pub use self::inspect::{InspectedRoom, InspectedRow, Inspection};
use self::place::{FileIdentity, Files};
#[cfg(any(test, feature = "testing"))]
pub use self::raw::{AS_OF_THE_FIRST_MIGRATION, Hold, execute_raw};
pub use self::repair::{MendedRow, Mending, Repair, SetAside};
pub use self::restore::{DamagedRooms, Restored, restore};
pub use self::tally::{RoomDamage, Tally};
use self::writing::{Writer, Writing};
use crate::snapshot::{self, Held, Naming};
use crate::{
    Batch, Head, Lease, NewSnapshot, Receipt, RoomId, Since, Snapshot, Snapshots, Store,
    StoreError, StoredRoom, Trim, Trimmed, batch,
};

/// What a burst may leave behind as file size of that log; a larger one is truncated at the next checkpoint.
const WAL_SIZE_LIMIT_BYTES: &str = "67108864";
/// Rows that travel from SQLite's thread before it waits for the reader. The default of 50 costs a switch each time.
const ROW_BUFFER: usize = 1024;
/// How long a load waits for a reading connection, and `check` for the writing one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A node that was not seen for this long will not retry a batch any more.
const NODE_MEMORY_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What a receipt promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// The batch survives a power cut: it is synced before the receipt is given.
    #[default]
    Full,
    /// The batch survives the end of the process, but **not** a power cut or a crash of the machine, which may take
    /// the last seconds. The file itself stays sound.
    Relaxed,
}

/// Whether opening may change the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Migrations {
    /// Pending ones are run.
    #[default]
    Run,
    /// Pending ones are an error.
    Expect,
}

/// How a SQLite file is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// What a receipt promises.
    pub durability: Durability,
    /// How long a call waits while another process holds the file, before it is [`StoreError::Unavailable`].
    pub busy_timeout: Duration,
    /// How many rooms can be loaded at once.
    pub readers: u32,
    /// Whether opening may change the tables.
    pub migrations: Migrations,
    /// At how many pages of 4 KiB the log of committed ones is folded back into the file.
    pub checkpoint_pages: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_millis(400),
            readers: 4,
            migrations: Migrations::Run,
            checkpoint_pages: 1000,
        }
    }
}

/// Rooms in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    /// As the writing connection has them.
    files: parking_lot::Mutex<Files>,
    write_options: SqliteConnectOptions,
    writer: Mutex<Writer>,
    /// For what must outlive the process only; opened when it is first needed.
    unsynced: Mutex<Writer>,
    /// Held by a store that a node uses.
    alone: Alone,
    readers: SqlitePool,
    /// Of exports.
    bell: watch::Sender<u64>,
    migrations_run: Vec<String>,
}

impl SqliteStore {
    /// Opens the file, creating it and its folder, and runs pending migrations unless told otherwise.
    ///
    /// The place is `sqlite:data/x.db`, `sqlite:///var/x.db` or a plain path. Not a database, the database of another
    /// program or of a newer version of this one is [`StoreError::Invalid`].
    pub async fn open(url_or_path: &str, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = place::path_of(url_or_path)?;
        let write_options = write_options(&path, &options);
        let before = FileIdentity::of(&path).ok();
        let mut conn = connect_first(&path, &write_options).await?;
        let migrations_run = match options.migrations {
            Migrations::Run => schema::migrate(&mut conn, &path).await?,
            Migrations::Expect => {
                schema::expect_current(&mut conn, &path).await?;
                Vec::new()
            }
        };
        forget_old_nodes(&mut conn).await?;
        let files = Files::of(&path)?;
        // From the first transaction on our lock keeps others from replacing the file, but not before it.
        if before.is_some_and(|before| !files.is_database(before)) {
            return Err(StoreError::Unavailable(format!(
                "{path:?} was replaced while it was being opened"
            )));
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(read_options(&path, &options));
        Ok(Self {
            path,
            files: parking_lot::Mutex::new(files),
            write_options,
            writer: Mutex::new(Writer::Ready(conn)),
            unsynced: Mutex::new(Writer::Gone),
            alone: Alone::default(),
            readers,
            bell: watch::Sender::default(),
            migrations_run,
        })
    }

    /// Runs pending migrations without opening a store. Returns their names, for example "0001 rooms".
    pub async fn migrate(url_or_path: &str) -> Result<Vec<String>, StoreError> {
        let path = place::path_of(url_or_path)?;
        let options = write_options(&path, &SqliteOptions::default());
        let mut conn = connect_first(&path, &options).await?;
        let ran = schema::migrate(&mut conn, &path).await?;
        close_cleanly(conn).await;
        Ok(ran)
    }

    /// The file that a URL or path names, or why it names none. Touches nothing.
    pub fn path_of(url_or_path: &str) -> Result<PathBuf, StoreError> {
        place::path_of(url_or_path)
    }

    /// The migrations that opening ran.
    pub fn migrations_run(&self) -> &[String] {
        &self.migrations_run
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that something has become of an export.
    fn ring(&self) {
        self.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// That what is read here is what the next start will find. The log comes and goes with connections that write.
    fn check_database(&self) -> Result<(), StoreError> {
        let files = self.files.lock().clone();
        files.check_database(&self.path)
    }

    /// A transaction that excludes every other writer. Callers take turns in the order in which they came.
    async fn write(&self, doing: &'static str) -> Result<Writing<'_>, StoreError> {
        let mut slot = self.writer.lock().await;
        let conn = self.take_writer(&mut slot).await?;
        Writing::begin(slot, conn, doing).await
    }

    /// The writing connection, out of its slot: whoever is dropped before putting it back leaves `Gone`.
    async fn take_writer(&self, slot: &mut Writer) -> Result<SqliteConnection, StoreError> {
        let other = self.unsynced.lock().await;
        let options = self.write_options.clone();
        self.take_conn(slot, &other, options).await
    }

    /// A connection out of its slot, opened if need be. `other` is the other slot; whoever calls holds the turn to write.
    async fn take_conn(
        &self,
        slot: &mut Writer,
        other: &Writer,
        options: SqliteConnectOptions,
    ) -> Result<SqliteConnection, StoreError> {
        // As long as either is open, SQLite leaves the log where it stands.
        let is_open = |slot: &Writer| matches!(slot, Writer::Ready(_));
        let open = is_open(slot) || is_open(other);
        if open {
            let files = self.files.lock().clone();
            files.check(&self.path)?;
        }
        match std::mem::replace(slot, Writer::Gone) {
            Writer::Ready(conn) => Ok(conn),
            Writer::Gone => {
                // Not created again when missing: an empty file under the old name is not this store.
                place::refuse_log_alone(&self.path)?;
                let opened = options.create_if_missing(false).connect().await;
                let conn = opened.map_err(|e| fault::unavailable("open the database again", &e))?;
                if !open {
                    // Nothing of ours kept the database from being replaced, or the log from being taken away by the last one.
                    self.files.lock().follow_log(&self.path)?;
                }
                Ok(conn)
            }
            Writer::Closed => {
                *slot = Writer::Closed;
                Err(StoreError::Unavailable("the store is closed".to_owned()))
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError> {
        self.check_database()?;
        load::load(&self.readers, room, version).await
    }

    async fn heads(&self, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError> {
        self.check_database()?;
        load::heads(&self.readers, rooms).await
    }

    async fn since(
        &self,
        room: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError> {
        self.check_database()?;
        load::since(&self.readers, room, after, max_bytes).await
    }

    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        batch::validate(batch)?;
        let mut writing = self.write("append a batch").await?;
        let done = append::append(writing.conn(), batch, now_ms()).await;
        writing.end(done).await
    }

    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError> {
        self.check_database()?;
        snapshots::list(&self.readers, room).await
    }

    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        self.check_database()?;
        snapshots::one(&self.readers, room, version).await
    }

    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError> {
        snapshot::validate(new)?;
        // Before the turn comes: others wait for it.
        let held = Held::new(new);
        let mut writing = self.write("store a snapshot").await?;
        let done = snapshots::add(writing.conn(), new.room, &held).await;
        writing.end(done).await
    }

    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        snapshot::validate_texts(&[label.as_deref(), author.as_deref()])?;
        let mut writing = self.write("list a snapshot").await?;
        let naming = Naming {
            room,
            version,
            label,
            author,
        };
        let done = snapshots::name(writing.conn(), &naming).await;
        writing.end(done).await
    }

    async fn unlist_snapshot(&self, room: RoomId, version: u64) -> Result<(), StoreError> {
        let mut writing = self.write("unlist a snapshot").await?;
        let done = snapshots::unlist(writing.conn(), room, version).await;
        writing.end(done).await
    }

    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError> {
        self.check_database()?;
        let sound = trim::sound(&self.readers, trim.room).await?;
        let mut trimmed = Trimmed::default();
        let mut steps = trim::Steps::new(trim);
        while !steps.is_done() {
            let mut writing = self.write("trim a room").await?;
            let done = steps.next(writing.conn(), &sound).await;
            let gone = writing.end(done).await?;
            trimmed.rows += gone.rows;
            trimmed.snapshots += gone.snapshots;
        }
        Ok(trimmed)
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        snapshot::validate_lease(lease)?;
        let mut writing = self.write("take a lease").await?;
        let done = leases::take(writing.conn(), lease, now_ms()).await;
        writing.end(done).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut writing = self.write("give a lease back").await?;
        let done = leases::release(writing.conn(), lease).await;
        writing.end(done).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let attempt = async {
            let mut writing = self.write("check the database").await?;
            // Beginning succeeds where the file can only be read.
            let written = sqlx::query("DELETE FROM room_leases WHERE false")
                .execute(writing.conn())
                .await;
            match written {
                Ok(_) => writing.undo().await,
                Err(error) => {
                    let failed = fault::unavailable("check the database", &error);
                    writing.end(Err(failed)).await
                }
            }
        };
        tokio::time::timeout(ACQUIRE_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::Unavailable(format!(
                    "a write has been under way for {} seconds",
                    ACQUIRE_TIMEOUT.as_secs()
                )))
            })
    }

    async fn close(&self) {
        // Readers first: only the last connection to go can fold the log into the file.
        self.readers.close().await;
        let mut slot = self.writer.lock().await;
        let unsynced = std::mem::replace(&mut *self.unsynced.lock().await, Writer::Closed);
        if let Writer::Ready(conn) = unsynced {
            let _ = conn.close().await;
        }
        if let Writer::Ready(conn) = std::mem::replace(&mut *slot, Writer::Closed) {
            close_cleanly(conn).await;
        }
    }
}

fn write_options(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    let synchronous = match options.durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Relaxed => SqliteSynchronous::Normal,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .pragma("wal_autocheckpoint", options.checkpoint_pages.to_string())
        .pragma("journal_size_limit", WAL_SIZE_LIMIT_BYTES)
}

/// Like the writer's, but a commit waits for no disk. Not by switching syncs off altogether: SQLite must sync when it begins
/// its log anew and when it folds it into the file, or a power cut takes more than the last commits.
fn unsynced(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().synchronous(SqliteSynchronous::Normal)
}

fn read_options(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(options.busy_timeout)
        .row_buffer_size(ROW_BUFFER)
}

/// The first connection, with sentences for what people get wrong.
async fn connect_first(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, StoreError> {
    place::create_parent(path)?;
    place::refuse_log_alone(path)?;
    let refused = |error: &sqlx::Error| {
        if fault::is_not_a_database(error) {
            return StoreError::Invalid(format!("{path:?} is not a SQLite database"));
        }
        if fault::is_damage(error) {
            return StoreError::Invalid(format!(
                "{path:?} is damaged: {}. See `scrible check`; `scrible restore BACKUP` puts a backup in its place and keeps \
                 this file",
                fault::sentence(error)
            ));
        }
        let sentence = place::explain(path).unwrap_or_else(|| {
            let why = fault::sentence(error);
            match fault::is_read_only(error) {
                true => format!("cannot write {path:?} or to its folder: {why}"),
                false => format!("cannot open {path:?}: {why}"),
            }
        });
        StoreError::Unavailable(sentence)
    };
    let mut conn = options.connect().await.map_err(|e| refused(&e))?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut conn)
        .await
        .map_err(|e| refused(&e))?;
    // The file is looked at only when it is asked for something, and SQLite opens for reading what it cannot write.
    if let Err(error) = probe(&mut conn).await {
        let _ = conn.close().await;
        return Err(refused(&error));
    }
    if mode.eq_ignore_ascii_case("wal") {
        Ok(conn)
    } else {
        Err(StoreError::Invalid(format!(
            "{path:?} stands on a file system that can't share memory between processes (journal mode {mode}): use a \
             local disk"
        )))
    }
}

/// Reads the schema, and writes without leaving a trace.
async fn probe(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT count(*) FROM sqlite_schema")
        .execute(&mut *conn)
        .await?;
    let mut tx = conn.begin_with(writing::BEGIN).await?;
    sqlx::query("PRAGMA user_version = 0")
        .execute(&mut *tx)
        .await?;
    tx.rollback().await
}

async fn forget_old_nodes(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM journal_nodes WHERE updated_ms < ?1")
        .bind(now_ms() - NODE_MEMORY_MS)
        .execute(conn)
        .await
        .map_err(|e| fault::unavailable("forget old nodes", &e))?;
    Ok(())
}

/// The last connection to a file folds the log into it. Nobody else asks for that: a checkpoint that waits for readers keeps
/// everybody from writing meanwhile, so a command that ends would hold up the server beside it.
async fn close_cleanly(conn: SqliteConnection) {
    // Failing to is harmless: the next start does it.
    let _ = conn.close().await;
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_promises_of_durability_reach_every_connection_that_writes() {
        for (durability, synchronous) in [(Durability::Full, 2), (Durability::Relaxed, 1)] {
            let folder = tempfile::TempDir::new().unwrap();
            let file = folder.path().join("rooms.db");
            let options = SqliteOptions {
                durability,
                ..SqliteOptions::default()
            };
            let store = SqliteStore::open(file.to_str().unwrap(), options)
                .await
                .unwrap();
            // The first connection, and the one that is opened after it was lost.
            for _ in 0..2 {
                let mut slot = store.writer.lock().await;
                let mut conn = store.take_writer(&mut slot).await.unwrap();
                for (pragma, expected) in [
                    ("PRAGMA synchronous", synchronous),
                    ("PRAGMA foreign_keys", 1),
                    ("PRAGMA wal_autocheckpoint", 1000),
                    ("PRAGMA journal_size_limit", 64 << 20),
                ] {
                    let value: i64 = sqlx::query_scalar(pragma)
                        .fetch_one(&mut conn)
                        .await
                        .unwrap();
                    assert_eq!(value, expected, "{pragma}");
                }
            }
            store.check().await.unwrap();
        }
    }

    #[tokio::test]
    async fn j3_a_file_that_could_only_be_read_for_a_while_is_written_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("rooms.db");
        let store = SqliteStore::open(file.to_str().unwrap(), SqliteOptions::default());
        let store = store.await.unwrap();
        // What SQLite gives without a word where a file system has become read-only.
        let only_reads = store.write_options.clone().read_only(true);
        *store.writer.lock().await = Writer::Ready(only_reads.connect().await.unwrap());
        let error = store.check().await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(error.to_string().contains("readonly"), "{error}");
        store.check().await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_loses_nothing_and_passes() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("rooms.db");
        let store = SqliteStore::open(file.to_str().unwrap(), SqliteOptions::default());
        let store = store.await.unwrap();
        let node = crate::Incarnation::random();
        let batch = |number, len| {
            let update = crate::NewUpdate {
                bytes: vec![7; len].into(),
                author: None,
                time_ms: 0,
            };
            let part = |room: &str, n| crate::RoomAppend {
                room: room.into(),
                id: None,
                updates: vec![update.clone(); n],
            };
            Batch {
                node,
                number,
                rooms: vec![part("a", 1), part("b", 30)],
            }
        };
        store.append(&batch(1, 10)).await.unwrap();
        // The limit belongs to the connection: the one that comes after it finds the disk freed.
        let mut slot = store.writer.lock().await;
        let mut conn = store.take_writer(&mut slot).await.unwrap();
        sqlx::query("PRAGMA max_page_count = 20")
            .execute(&mut conn)
            .await
            .unwrap();
        *slot = Writer::Ready(conn);
        drop(slot);
        let large = batch(2, 10_000);
        let error = store.append(&large).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(store.load("a").await.unwrap().unwrap().head, 1);
        assert_eq!(store.load("b").await.unwrap().unwrap().head, 30);
        let receipt = store.append(&large).await.unwrap();
        let first_seqs: Vec<u64> = receipt
            .rooms
            .iter()
            .flatten()
            .map(|r| r.first_seq)
            .collect();
        assert_eq!(first_seqs, [2, 31]);
        assert_eq!(store.load("b").await.unwrap().unwrap().head, 60);
    }
}
