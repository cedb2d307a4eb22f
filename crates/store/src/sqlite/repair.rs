//! Puts right what is damaged in a room, in a database that nobody else has open.
//!
//! Knows tables; what is to be put right is decided by whoever understands updates. The rules: nothing is destroyed, what
//! goes is set aside in the same transaction; and a room is mended whole, so that it loads, or not touched.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::inspect::{self, Inspection};
use super::{fault, load, now_ms, place, restore, schema, snapshots};
use crate::snapshot::{self, Held};
use crate::{NewSnapshot, RoomId, StoreError, checksum};

/// How long the database may still be busy; a server that ends takes its lock with it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// A snapshot that goes out of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Its version.
    pub version: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// A row that goes out of a room, if it stands there, and what comes into its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MendedRow {
    /// Its number.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The update that stands there from now on; `None` leaves a gap, for rows that go anyway or stand beyond the head.
    pub bytes: Option<Bytes>,
}

/// What is done to one room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mending {
    /// The room.
    pub room: RoomId,
    /// The head that it gets, where it has a wrong one or none.
    pub head: Option<u64>,
    /// Snapshots that are set aside.
    pub snapshots: Vec<SetAside>,
    /// Rows that are set aside or come new.
    pub rows: Vec<MendedRow>,
    /// Rows up to this one are deleted: two sound snapshots cover them.
    pub covered: u64,
    /// The snapshot that the room stands on from now on. Needed where the newest is set aside.
    pub base: Option<NewSnapshot>,
}

/// A database that is being repaired. Nobody else can open it meanwhile.
pub struct Repair {
    inspection: Inspection,
}

impl Repair {
    /// Takes the database for itself. One that anybody has open, be it at rest, is [`StoreError::Invalid`], as is what
    /// [`Inspection::open`] refuses.
    pub async fn open(url_or_path: &str) -> Result<Self, StoreError> {
        let path = place::path_of(url_or_path)?;
        let conn = hold(&path).await?;
        let inspection = Inspection::over(conn, path).await?;
        Ok(Self { inspection })
    }

    /// Looks through it.
    pub fn inspection(&mut self) -> &mut Inspection {
        &mut self.inspection
    }

    /// Mends one room in one transaction. Unless the room loads afterwards, nothing is changed.
    pub async fn mend(&mut self, mending: &Mending) -> Result<(), StoreError> {
        if let Some(base) = &mending.base {
            snapshot::validate(base)?;
        }
        let conn = self.inspection.connection().await?;
        let failed = |e: sqlx::Error| fault::unavailable("mend a room", &e);
        let mut tx = conn.begin().await.map_err(failed)?;
        mend(&mut tx, mending).await?;
        tx.commit().await.map_err(failed)
    }

    /// Lets go of the database.
    pub async fn close(mut self) {
        if let Ok(conn) = self.inspection.connection().await {
            let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
            let _ = folded.execute(conn).await;
        }
        self.inspection.close().await;
    }
}

async fn hold(path: &Path) -> Result<SqliteConnection, StoreError> {
    // Opened for reading first: what is no database of ours is explained there, and stays as it is.
    let mut reader = inspect::connect(path).await?;
    let pending = schema::pending_where_rooms_are(&mut reader, path).await;
    let _ = reader.close().await;
    schema::refuse_pending(&pending?, path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .locking_mode(SqliteLockingMode::Exclusive)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(inspect::ROW_BUFFER);
    let refused = |e: sqlx::Error| match fault::is_busy(&e) {
        true => restore::in_use(path),
        false => StoreError::Unavailable(format!("cannot lock {path:?}: {}", fault::sentence(&e))),
    };
    let mut conn = options.connect().await.map_err(refused)?;
    restore::lock(&mut conn).await.map_err(refused)?;
    // The lock outlives the transaction in this mode. With a log, reading can go on after a crash without writing.
    for sql in ["COMMIT", "PRAGMA journal_mode = WAL"] {
        let done = sqlx::query(sql).execute(&mut conn).await;
        done.map_err(refused)?;
    }
    Ok(conn)
}

async fn mend(tx: &mut SqliteConnection, mending: &Mending) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable("mend a room", &e);
    let room = mending.room;
    let name: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT CAST(name AS BLOB) FROM rooms WHERE id = ?1")
            .bind(room.0)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed)?;
    let name = name.ok_or_else(|| fault::no_room(room))?;
    let newest = snapshots::newest_below(tx, room, u64::MAX).await;
    let newest = newest.map_err(failed)?.unwrap_or(0);
    let keeps_newest = !mending
        .snapshots
        .iter()
        .any(|aside| aside.version == newest);
    let base = mending.base.as_ref();
    if !base.map_or(keeps_newest, |base| {
        base.version == newest + 1 && base.room == room
    }) {
        return Err(StoreError::Conflict(format!(
            "the newest snapshot of room number {} is {newest}: it must stay, or be followed by the next",
            room.0
        )));
    }
    for aside in &mending.snapshots {
        set_snapshot_aside(tx, room, aside).await.map_err(failed)?;
    }
    for row in &mending.rows {
        replace_row(tx, room, row).await.map_err(failed)?;
    }
    sqlx::query("DELETE FROM room_updates WHERE room = ?1 AND seq <= ?2")
        .bind(room.0)
        .bind(mending.covered.cast_signed())
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    if let Some(head) = mending.head {
        sqlx::query(
            "INSERT INTO room_heads (room, head) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET head = ?2",
        )
        .bind(room.0)
        .bind(head.cast_signed())
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    }
    if let Some(base) = base {
        snapshots::insert(tx, room, &Held::new(base)).await?;
    }
    let name = String::from_utf8_lossy(&name);
    load::within(tx, &name, room).await?;
    Ok(())
}

async fn set_snapshot_aside(
    tx: &mut SqliteConnection,
    room: RoomId,
    aside: &SetAside,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO room_damaged (room, kind, number, reason, time_ms, about, bytes) \
         SELECT room, 'snapshot', version, ?3, ?4, json_object('seq', seq, 'size', size, 'checksum', checksum, \
         'listed', listed, 'builder', builder, 'note', note, 'label', label, 'author', author, 'time_ms', time_ms, \
         'state_vector', hex(state_vector)), data FROM room_snapshots WHERE room = ?1 AND version = ?2",
    )
    .bind(room.0)
    .bind(aside.version.cast_signed())
    .bind(&aside.reason)
    .bind(now_ms())
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM room_snapshots WHERE room = ?1 AND version = ?2")
        .bind(room.0)
        .bind(aside.version.cast_signed())
        .execute(tx)
        .await?;
    Ok(())
}

async fn replace_row(
    tx: &mut SqliteConnection,
    room: RoomId,
    row: &MendedRow,
) -> Result<(), sqlx::Error> {
    let seq = row.seq.cast_signed();
    sqlx::query(
        "INSERT INTO room_damaged (room, kind, number, reason, time_ms, about, bytes) \
         SELECT room, 'row', seq, ?3, ?4, json_object('author', author, 'time_ms', time_ms, 'checksum', checksum), \
         bytes FROM room_updates WHERE room = ?1 AND seq = ?2",
    )
    .bind(room.0)
    .bind(seq)
    .bind(&row.reason)
    .bind(now_ms())
    .execute(&mut *tx)
    .await?;
    let Some(bytes) = &row.bytes else {
        sqlx::query("DELETE FROM room_updates WHERE room = ?1 AND seq = ?2")
            .bind(room.0)
            .bind(seq)
            .execute(tx)
            .await?;
        return Ok(());
    };
    // Author and time stay where there was a row.
    sqlx::query(
        "INSERT INTO room_updates (room, seq, time_ms, bytes, checksum) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (room, seq) DO UPDATE SET bytes = ?4, checksum = ?5",
    )
    .bind(room.0)
    .bind(seq)
    .bind(now_ms())
    .bind(&bytes[..])
    .bind(checksum::of_row(room, row.seq, bytes))
    .execute(tx)
    .await?;
    Ok(())
}
