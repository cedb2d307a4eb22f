//! Reads a database as it is, damage included, for those who look after it.
//!
//! Knows tables and SQLite's own checks, not what an update says. The rule: it opens the file for reading only and
//! holds no more than one room, so it may look at a database that a server is writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::{fault, load, place, schema};
use crate::{StoreError, StoredRoom};

/// Readers do not wait for writers; only for another process that recovers the log after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many damages are told one by one; the rest is counted.
const TOLD: usize = 20;

/// What is wrong with one room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomDamage {
    /// The canonical name.
    pub room: String,
    /// The first row that is missing, cannot be read or must not be there; `None` when it is not a row's fault.
    pub seq: Option<u64>,
    /// What was expected and what was found.
    pub what: String,
}

/// One room as it is stored, and its name; or why it cannot be had.
pub type InspectedRoom = Result<(String, StoredRoom), RoomDamage>;

/// What a database holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Rooms.
    pub rooms: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of the updates in these.
    pub update_bytes: u64,
    /// Size of the file.
    pub file_bytes: u64,
    /// Rooms whose rows do not add up to their head.
    pub damaged_rooms: u64,
    /// The first of these.
    pub damage: Vec<RoomDamage>,
    /// Rows that belong to no room, in a sentence for each table.
    pub strays: Vec<String>,
}

impl Tally {
    /// Whether every room adds up and nothing is left over.
    pub fn is_sound(&self) -> bool {
        self.damaged_rooms == 0 && self.strays.is_empty()
    }
}

/// A database that is being looked at, room by room.
pub struct Inspection {
    conn: SqliteConnection,
    path: PathBuf,
    after: i64,
}

impl Inspection {
    /// Opens the database for reading. What is not there, of another program, newer or not migrated is
    /// [`StoreError::Invalid`].
    pub async fn open(url_or_path: &str) -> Result<Self, StoreError> {
        let path = place::path_of(url_or_path)?;
        let mut conn = connect(&path).await?;
        let pending = schema::pending(&mut conn, &path).await?;
        schema::refuse_pending(&pending, &path)?;
        let after = i64::MIN;
        Ok(Self { conn, path, after })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What SQLite finds wrong with the file, and rows that belong to no room; empty when all is well.
    ///
    /// Reads everything as of one moment. Until it is done a server's log of committed pages can't be reused and grows.
    pub async fn integrity(&mut self) -> Result<Vec<String>, StoreError> {
        let mut findings = integrity(&mut self.conn).await?;
        match strays(&mut self.conn).await {
            Ok(strays) => findings.extend(strays),
            Err(error) if fault::is_damage(&error) => findings.push(fault::sentence(&error)),
            Err(error) => return Err(fault::unavailable("check the references", &error)),
        }
        Ok(findings)
    }

    /// The next room as of one moment, in the order in which they were made; `None` after the last.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the list of rooms itself is damaged: nothing more can be found then.
    pub async fn next_room(&mut self) -> Result<Option<InspectedRoom>, StoreError> {
        let after = self.after;
        let failed = |e: sqlx::Error| match fault::is_damage(&e) {
            true => StoreError::Invalid(format!(
                "the list of rooms cannot be read behind room number {after}: {}",
                fault::sentence(&e)
            )),
            false => fault::unavailable("read the rooms", &e),
        };
        let mut tx = self.conn.begin().await.map_err(failed)?;
        // As bytes: a damaged name need not be UTF-8.
        let found: Option<(i64, Vec<u8>, Option<i64>)> = sqlx::query_as(
            "SELECT rooms.id, CAST(rooms.name AS BLOB), room_heads.head FROM rooms \
             LEFT JOIN room_heads ON room_heads.room = rooms.id WHERE rooms.id > ?1 ORDER BY rooms.id LIMIT 1",
        )
        .bind(after)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
        let Some((id, name, head)) = found else {
            return Ok(None);
        };
        self.after = id;
        let name = String::from_utf8_lossy(&name).into_owned();
        match load::assemble(&mut tx, &name, id, head).await {
            Ok(room) => Ok(Some(Ok((name, room)))),
            Err(torn) => match torn.error {
                StoreError::Corrupt { room, what } => Ok(Some(Err(RoomDamage {
                    room,
                    seq: torn.at,
                    what,
                }))),
                other => Err(other),
            },
        }
    }

    /// Lets go of the file.
    pub async fn close(self) {
        let _ = self.conn.close().await;
    }
}

/// A connection that can only read; nothing is created or migrated.
pub async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT);
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
async fn strays(conn: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let strays: Vec<(String, i64)> = sqlx::query_as(
        "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(conn)
    .await?;
    let sentence = |(table, rows)| format!("{rows} rows of {table} belong to no room");
    Ok(strays.into_iter().map(sentence).collect())
}

/// Counts what is there and compares heads with rows. `shown` is what the file is called towards people.
pub async fn tally(conn: &mut SqliteConnection, shown: &Path) -> Result<Tally, StoreError> {
    let failed = |e: sqlx::Error| match fault::is_damage(&e) {
        true => StoreError::Invalid(format!("{shown:?} is damaged: {}", fault::sentence(&e))),
        false => fault::unavailable("count the rooms", &e),
    };
    let mut tally = Tally {
        strays: strays(conn).await.map_err(failed)?,
        ..Tally::default()
    };
    let mut rooms = sqlx::query_as::<_, (Vec<u8>, Option<i64>, i64, i64, i64)>(
        "SELECT CAST(rooms.name AS BLOB), room_heads.head, count(room_updates.seq), \
         coalesce(max(room_updates.seq), 0), coalesce(sum(length(room_updates.bytes)), 0) \
         FROM rooms LEFT JOIN room_heads ON room_heads.room = rooms.id \
         LEFT JOIN room_updates ON room_updates.room = rooms.id GROUP BY rooms.id ORDER BY rooms.id",
    )
    .fetch(conn);
    while let Some((name, head, rows, last, bytes)) = rooms.try_next().await.map_err(failed)? {
        tally.rooms += 1;
        tally.rows += rows.unsigned_abs();
        tally.update_bytes += bytes.unsigned_abs();
        let what = match head {
            // Numbers are unique and above 0: as many as the last one says are all of them.
            Some(head) if head == rows && head == last => continue,
            Some(head) => format!("its head is {head}, but it has {rows} rows up to {last}"),
            None => "its head is missing".to_owned(),
        };
        tally.damaged_rooms += 1;
        if tally.damage.len() < TOLD {
            let room = String::from_utf8_lossy(&name).into_owned();
            let seq = None;
            tally.damage.push(RoomDamage { room, seq, what });
        }
    }
    Ok(tally)
}
