//! Reads a database as it is, damage included, for those who look after it.
//!
//! Knows tables and SQLite's own checks, not what an update says. The rules: it holds one snapshot or a few rows at a
//! time; what it reads of a room is of one moment; and on a connection of its own it opens the file for reading only, so
//! it may look at a database that a server is writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::{fault, place, schema, snapshots};
use crate::assembly::{check_row, known_head};
use crate::{RoomId, Snapshot, SnapshotInfo, StoreError};

/// Readers do not wait for writers; only for another process that recovers the log after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows that SQLite's thread reads ahead. Any of them may be large.
pub const ROW_BUFFER: usize = 4;
/// What [`Inspection::next_rows`] returns at a time: rows, and bytes, unless one alone has more.
const ROWS: usize = 1_000;
const ROW_BYTES: usize = 1 << 20;

/// One room, before its snapshots and rows are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InspectedRoom {
    /// Its number.
    pub id: RoomId,
    /// The canonical name.
    pub name: String,
    /// The highest sequence number, or why it cannot be told.
    pub head: Result<u64, String>,
    /// The lowest and the highest row that stand.
    pub rows: Option<(u64, u64)>,
    /// The versions of its snapshots, newest first, or why they cannot be told.
    pub versions: Result<Vec<u64>, String>,
    /// How many rows and snapshots repair has set aside.
    pub set_aside: u64,
}

/// One row, or why its bytes are not what was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InspectedRow {
    /// Its number.
    pub seq: u64,
    /// What was found.
    pub found: Result<Bytes, String>,
}

/// A database that is being looked at, room by room.
pub struct Inspection {
    conn: SqliteConnection,
    path: PathBuf,
    /// The room that was looked at last.
    after: i64,
    room: Cursor,
}

/// How far the room was read.
#[derive(Default)]
struct Cursor {
    id: i64,
    /// Snapshots to be read, the next one last.
    versions: Vec<u64>,
    /// The row that was read last; `None` when there are no more.
    seq: Option<i64>,
    /// A transaction is open.
    open: bool,
}

impl Inspection {
    /// Opens the database for reading. What is not there, of another program, newer or not migrated is
    /// [`StoreError::Invalid`].
    pub async fn open(url_or_path: &str) -> Result<Self, StoreError> {
        let path = place::path_of(url_or_path)?;
        let conn = connect(&path).await?;
        Self::over(conn, path).await
    }

    /// Looks through a connection that is there.
    pub(super) async fn over(
        mut conn: SqliteConnection,
        path: PathBuf,
    ) -> Result<Self, StoreError> {
        let pending = schema::pending(&mut conn, &path).await?;
        schema::refuse_pending(&pending, &path)?;
        Ok(Self {
            conn,
            path,
            after: i64::MIN,
            room: Cursor::default(),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What SQLite finds wrong with the structure of the file; empty when all is well.
    ///
    /// Reads everything as of one moment. Until it is done a server's log of committed pages can't be reused and grows.
    pub async fn integrity(&mut self) -> Result<Vec<String>, StoreError> {
        integrity(&mut self.conn).await
    }

    /// What belongs to no room, in a sentence for each table; empty when all is well.
    pub async fn strays(&mut self) -> Result<Vec<String>, StoreError> {
        match strays(&mut self.conn).await {
            Ok(strays) => Ok(strays),
            Err(error) if fault::is_damage(&error) => Ok(vec![fault::sentence(&error)]),
            Err(error) => Err(fault::unavailable("check the references", &error)),
        }
    }

    /// The next room, in the order in which they were made; `None` after the last.
    ///
    /// From here to the next call everything is read as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the list of rooms itself is damaged: nothing more can be found then.
    pub async fn next_room(&mut self) -> Result<Option<InspectedRoom>, StoreError> {
        self.look_at(Place::After(self.after)).await
    }

    /// The same room from its beginning, as it is now.
    pub async fn again(&mut self) -> Result<Option<InspectedRoom>, StoreError> {
        self.look_at(Place::At(self.after)).await
    }

    /// The room of that name, from its beginning; `None` when there is none.
    pub async fn room(&mut self, name: &str) -> Result<Option<InspectedRoom>, StoreError> {
        self.look_at(Place::Named(name)).await
    }

    /// What is known of the snapshots that were not read yet, newest first, without their bytes.
    pub async fn snapshot_infos(
        &mut self,
    ) -> Result<Vec<(u64, Result<SnapshotInfo, String>)>, StoreError> {
        let mut infos = Vec::new();
        for &version in self.room.versions.iter().rev() {
            let room = RoomId(self.room.id);
            let found = snapshots::read_info(&mut self.conn, room, version).await?;
            let found = found.unwrap_or_else(|| Err("it stands in the index alone".to_owned()));
            infos.push((version, found));
        }
        Ok(infos)
    }

    /// The next snapshot of the room, newest first, with its version; `None` after the last.
    pub async fn next_snapshot(
        &mut self,
    ) -> Result<Option<(u64, Result<Snapshot, String>)>, StoreError> {
        let Some(version) = self.room.versions.pop() else {
            return Ok(None);
        };
        let found = self.snapshot(version).await?;
        Ok(Some((version, found)))
    }

    /// One snapshot of the room.
    pub async fn snapshot(&mut self, version: u64) -> Result<Result<Snapshot, String>, StoreError> {
        let found = snapshots::read(&mut self.conn, RoomId(self.room.id), version).await?;
        Ok(found.unwrap_or_else(|| Err("it stands in the index alone".to_owned())))
    }

    /// The next rows of the room, ascending; none after the last. What cannot be read at all ends the list: nobody
    /// knows what comes behind it.
    pub async fn next_rows(&mut self) -> Result<Vec<InspectedRow>, StoreError> {
        let Some(after) = self.room.seq.take() else {
            return Ok(Vec::new());
        };
        let id = self.room.id;
        let mut found = sqlx::query_as::<_, (i64, Option<i64>, Vec<u8>)>(
            "SELECT seq, checksum, bytes FROM room_updates WHERE room = ?1 AND seq > ?2 ORDER BY seq",
        )
        .bind(id)
        .bind(after)
        .fetch(&mut self.conn);
        let (mut rows, mut bytes, mut last) = (Vec::new(), 0, after);
        while rows.len() < ROWS && bytes < ROW_BYTES {
            match found.try_next().await {
                Ok(None) => return Ok(rows),
                Ok(Some((seq, sum, data))) => {
                    (bytes, last) = (bytes + data.len(), seq);
                    let seq = seq.cast_unsigned();
                    let sound = check_row(RoomId(id), seq, sum, &data);
                    let found = sound.map(|()| Bytes::from(data));
                    rows.push(InspectedRow { seq, found });
                }
                Err(error) if fault::is_damage(&error) => {
                    let found = Err(fault::sentence(&error));
                    let seq = last.max(0).cast_unsigned() + 1;
                    rows.push(InspectedRow { seq, found });
                    return Ok(rows);
                }
                Err(error) => return Err(fault::unavailable("read the rows", &error)),
            }
        }
        self.room.seq = Some(last);
        Ok(rows)
    }

    /// Lets go of the file.
    pub async fn close(mut self) {
        let _ = self.end_room().await;
        let _ = self.conn.close().await;
    }

    /// The connection, outside of any transaction.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.end_room().await?;
        Ok(&mut self.conn)
    }

    async fn end_room(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.room).open {
            // Not committed: SQLite refuses that where a damaged page was met, and nothing was changed.
            self.execute("ROLLBACK").await?;
        }
        Ok(())
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let done = sqlx::query(sql).execute(&mut self.conn).await;
        done.map_err(|e| fault::unavailable("read the rooms", &e))?;
        Ok(())
    }

    async fn look_at(&mut self, place: Place<'_>) -> Result<Option<InspectedRoom>, StoreError> {
        self.end_room().await?;
        self.execute("BEGIN").await?;
        self.room.open = true;
        let after = self.after;
        let failed = |e: sqlx::Error| match fault::is_damage(&e) {
            true => StoreError::Invalid(format!(
                "the list of rooms cannot be read behind room number {after}: {}",
                fault::sentence(&e)
            )),
            false => fault::unavailable("read the rooms", &e),
        };
        // As bytes: a damaged name need not be UTF-8.
        let query = sqlx::query_as(match place {
            Place::After(_) => {
                "SELECT id, CAST(name AS BLOB) FROM rooms WHERE id > ?1 ORDER BY id LIMIT 1"
            }
            Place::At(_) => "SELECT id, CAST(name AS BLOB) FROM rooms WHERE id = ?1",
            Place::Named(_) => "SELECT id, CAST(name AS BLOB) FROM rooms WHERE name = ?1",
        });
        let query = match place {
            Place::After(id) | Place::At(id) => query.bind(id),
            Place::Named(name) => query.bind(name),
        };
        let found: Option<(i64, Vec<u8>)> =
            query.fetch_optional(&mut self.conn).await.map_err(failed)?;
        let Some((id, name)) = found else {
            return Ok(None);
        };
        self.after = id;
        let room = RoomId(id);
        let head = told(
            self.scalar("SELECT head FROM room_heads WHERE room = ?1", id)
                .await,
        )?;
        let first = self.scalar("SELECT min(seq) FROM room_updates WHERE room = ?1", id);
        let first = told(first.await)?.ok().flatten();
        let last = self.scalar("SELECT max(seq) FROM room_updates WHERE room = ?1", id);
        let last = told(last.await)?.ok().flatten();
        let aside = "SELECT count(*) FROM room_damaged WHERE room = ?1";
        let set_aside = told(self.scalar(aside, id).await)?;
        let versions = told(snapshots::versions(&mut self.conn, room).await)?;
        self.room.id = id;
        self.room.seq = Some(i64::MIN);
        self.room.versions = versions.clone().unwrap_or_default();
        self.room.versions.reverse();
        Ok(Some(InspectedRoom {
            id: room,
            name: String::from_utf8_lossy(&name).into_owned(),
            head: head.and_then(known_head),
            rows: first
                .zip(last)
                .map(|(first, last)| (first.cast_unsigned(), last.cast_unsigned())),
            versions,
            set_aside: set_aside.ok().flatten().map_or(0, i64::cast_unsigned),
        }))
    }

    async fn scalar(&mut self, sql: &'static str, id: i64) -> Result<Option<i64>, sqlx::Error> {
        let found: Option<Option<i64>> = sqlx::query_scalar(sql)
            .bind(id)
            .fetch_optional(&mut self.conn)
            .await?;
        Ok(found.flatten())
    }
}

enum Place<'a> {
    After(i64),
    At(i64),
    Named(&'a str),
}

/// Damage is something to be told, the rest is an error.
fn told<T>(found: Result<T, sqlx::Error>) -> Result<Result<T, String>, StoreError> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) if fault::is_damage(&error) => Ok(Err(fault::sentence(&error))),
        Err(error) => Err(fault::unavailable("read the rooms", &error)),
    }
}

/// A connection that can only read; nothing is created or migrated.
pub async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(ROW_BUFFER);
    place::refuse_log_alone(path)?;
    if !place::stands(path) {
        let sentence = format!("there is no database at {path:?}");
        return Err(StoreError::Invalid(sentence));
    }
    let mut conn = match options.connect().await {
        Ok(conn) => conn,
        Err(error) => return Err(unreadable(path, &error)),
    };
    // SQLite looks at the file only when it is asked for something.
    let asked: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut conn)
        .await;
    match asked {
        Ok(_) => Ok(conn),
        Err(error) => {
            let _ = conn.close().await;
            Err(unreadable(path, &error))
        }
    }
}

/// Why a file could not be read as a database.
pub fn unreadable(path: &Path, error: &sqlx::Error) -> StoreError {
    if path.is_dir() {
        return StoreError::Invalid(format!("{path:?} is a folder"));
    }
    if fault::is_not_a_database(error) {
        return StoreError::Invalid(format!("{path:?} is not a SQLite database"));
    }
    if fault::is_damage(error) {
        let sentence = fault::sentence(error);
        return StoreError::Invalid(format!("{path:?} is damaged: {sentence}"));
    }
    StoreError::Unavailable(format!("cannot read {path:?}: {}", fault::sentence(error)))
}

/// What SQLite finds wrong with the structure of the file; empty when all is well.
pub async fn integrity(conn: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let findings: Result<Vec<String>, _> = sqlx::query_scalar("PRAGMA integrity_check(20)")
        .fetch_all(conn)
        .await;
    match findings {
        Ok(findings) if findings == ["ok"] => Ok(Vec::new()),
        Ok(findings) => Ok(findings),
        Err(error) if fault::is_damage(&error) => Ok(vec![fault::sentence(&error)]),
        Err(error) => Err(fault::unavailable("check the database", &error)),
    }
}

/// Rows whose room is gone: opening can't meet them, but something has taken their room away.
pub async fn strays(conn: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let strays: Vec<(String, i64)> = sqlx::query_as(
        "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(conn)
    .await?;
    let sentence = |(table, rows)| format!("{rows} rows of {table} belong to no room");
    Ok(strays.into_iter().map(sentence).collect())
}
