//! Snapshots in SQLite: found, read, stored, named.
//!
//! Knows one table. The rule: bytes that were read are not handed on before they are believed.

use std::sync::Arc;

use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::{fault, load};
use crate::assembly::known_head;
use crate::snapshot::{self, Found, Held, Naming};
use crate::{Builder, PassedOver, RoomId, Snapshot, SnapshotInfo, Snapshots, StoreError};

/// Texts come as bytes: a damaged one need not be UTF-8, and is no reason to lose a doc.
macro_rules! select {
    ($($columns:literal)?) => {
        concat!(
            "SELECT seq, size, listed, CAST(builder AS BLOB) AS builder, CAST(note AS BLOB) AS note, \
             CAST(label AS BLOB) AS label, CAST(author AS BLOB) AS author, time_ms",
            $($columns,)?
            " FROM room_snapshots WHERE room = ?1 AND version = ?2"
        )
    };
}

/// The newest version below one, from the index alone.
pub async fn newest_below(
    conn: &mut SqliteConnection,
    room: RoomId,
    below: u64,
) -> Result<Option<u64>, sqlx::Error> {
    let newest: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM room_snapshots WHERE room = ?1 AND version < ?2 ORDER BY version DESC LIMIT 1",
    )
    .bind(room.0)
    .bind(number(below))
    .fetch_optional(conn)
    .await?;
    Ok(newest.map(i64::cast_unsigned))
}

/// One snapshot; `None` when it is not there.
pub async fn read(
    conn: &mut SqliteConnection,
    room: RoomId,
    version: u64,
) -> Result<Option<Found<Snapshot>>, StoreError> {
    let sql = select!(", checksum, state_vector, data");
    let found = sqlx::query(sql)
        .bind(room.0)
        .bind(number(version))
        .fetch_optional(conn)
        .await;
    believe(found, |row| {
        let held = Held {
            info: info(row, version)?,
            checksum: row.try_get("checksum").map_err(sentence)?,
            state_vector: bytes(row, "state_vector")?,
            data: bytes(row, "data")?,
        };
        held.believe(room)
    })
}

/// What is known of a snapshot without its bytes; `None` when it is not there.
pub async fn read_info(
    conn: &mut SqliteConnection,
    room: RoomId,
    version: u64,
) -> Result<Option<Found<SnapshotInfo>>, StoreError> {
    let found = sqlx::query(select!())
        .bind(room.0)
        .bind(number(version))
        .fetch_optional(conn)
        .await;
    believe(found, |row| info(row, version))
}

/// All that a room has, as of one moment.
pub async fn list(readers: &SqlitePool, name: &str) -> Result<Option<Snapshots>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(name, &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let Some((room, head)) = load::find(&mut tx, name).await? else {
        return Ok(None);
    };
    let corrupt = |what| StoreError::Corrupt {
        room: name.to_owned(),
        what,
    };
    let head = known_head(head).map_err(corrupt)?;
    let first_row: Option<i64> =
        sqlx::query_scalar("SELECT min(seq) FROM room_updates WHERE room = ?1")
            .bind(room.0)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed)?;
    let mut all = Snapshots {
        room,
        head,
        first_row: first_row.map_or(head + 1, i64::cast_unsigned),
        snapshots: Vec::new(),
        unreadable: Vec::new(),
    };
    for version in versions(&mut tx, room).await.map_err(failed)? {
        match read_info(&mut tx, room, version).await? {
            Some(Ok(info)) => all.snapshots.push(info),
            Some(Err(why)) => all.unreadable.push(PassedOver { version, why }),
            None => {
                let why = "it stands in the index alone".to_owned();
                all.unreadable.push(PassedOver { version, why });
            }
        }
    }
    tx.rollback().await.map_err(failed)?;
    Ok(Some(all))
}

/// One for people; `None` when it is not there.
pub async fn one(
    readers: &SqlitePool,
    name: &str,
    version: u64,
) -> Result<Option<Snapshot>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(name, &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let Some((room, _)) = load::find(&mut tx, name).await? else {
        return Ok(None);
    };
    let found = read(&mut tx, room, version).await?;
    tx.rollback().await.map_err(failed)?;
    found.transpose().map_err(|why| StoreError::Corrupt {
        room: name.to_owned(),
        what: format!("snapshot {version} cannot be used: {why}"),
    })
}

/// All versions of a room, newest first, from the index alone.
pub async fn versions(conn: &mut SqliteConnection, room: RoomId) -> Result<Vec<u64>, sqlx::Error> {
    let versions: Vec<i64> = sqlx::query_scalar(
        "SELECT version FROM room_snapshots WHERE room = ?1 ORDER BY version DESC",
    )
    .bind(room.0)
    .fetch_all(conn)
    .await?;
    Ok(versions.into_iter().map(i64::cast_unsigned).collect())
}

/// Stores one, if it fits in.
pub async fn add(tx: &mut SqliteConnection, room: RoomId, held: &Held) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable("store a snapshot", &e);
    let head: Option<i64> = sqlx::query_scalar("SELECT head FROM room_heads WHERE room = ?1")
        .bind(room.0)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    let head = head.ok_or_else(|| fault::no_room(room))?;
    let mut newest = Vec::new();
    for version in versions(tx, room).await.map_err(failed)? {
        // Of what cannot be read only the number counts.
        let found = read_info(tx, room, version).await?;
        let seq = found.and_then(Result::ok).map_or(u64::MAX, |info| info.seq);
        newest.push((version, seq));
        if seq <= head.cast_unsigned() {
            break;
        }
    }
    snapshot::fits(room, &held.info, head.cast_unsigned(), newest)?;
    insert(tx, room, held).await
}

/// Stores one wherever it stands.
pub async fn insert(
    tx: &mut SqliteConnection,
    room: RoomId,
    held: &Held,
) -> Result<(), StoreError> {
    let info = &held.info;
    sqlx::query(
        "INSERT INTO room_snapshots (room, version, seq, size, checksum, listed, builder, note, label, author, \
         time_ms, state_vector, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(room.0)
    .bind(number(info.version))
    .bind(number(info.seq))
    .bind(number(info.size))
    .bind(held.checksum)
    .bind(info.listed)
    .bind(info.builder.as_str())
    .bind(info.note.as_deref())
    .bind(info.label.as_deref())
    .bind(info.author.as_deref())
    .bind(info.time_ms)
    .bind(&held.state_vector[..])
    .bind(&held.data[..])
    .execute(tx)
    .await
    .map_err(|e| fault::unavailable("store a snapshot", &e))?;
    Ok(())
}

/// Makes one a version for people.
pub async fn name(tx: &mut SqliteConnection, naming: &Naming) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE room_snapshots SET listed = 1, label = ?3, author = ?4 WHERE room = ?1 AND version = ?2",
    )
    .bind(naming.room.0)
    .bind(number(naming.version))
    .bind(naming.label.as_deref())
    .bind(naming.author.as_deref())
    .execute(tx)
    .await
    .map_err(|e| fault::unavailable("list a snapshot", &e))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    Err(snapshot::no_snapshot(naming.room, naming.version))
}

/// Makes one no version any more.
pub async fn unlist(
    tx: &mut SqliteConnection,
    room: RoomId,
    version: u64,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE room_snapshots SET listed = 0, label = NULL, author = NULL WHERE room = ?1 AND version = ?2",
    )
    .bind(room.0)
    .bind(number(version))
    .execute(tx)
    .await
    .map_err(|e| fault::unavailable("unlist a snapshot", &e))?;
    match done.rows_affected() {
        0 => Err(snapshot::no_snapshot(room, version)),
        _ => Ok(()),
    }
}

fn info(row: &SqliteRow, version: u64) -> Found<SnapshotInfo> {
    let positive = |name: &str| {
        let value: i64 = row.try_get(name).map_err(sentence)?;
        u64::try_from(value).map_err(|_| format!("its {name} is negative: {value}"))
    };
    let text = |name: &str| {
        let bytes: Option<Vec<u8>> = row.try_get(name).map_err(sentence)?;
        Ok::<_, String>(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let builder = text("builder")?.unwrap_or_default();
    Ok(SnapshotInfo {
        version,
        seq: positive("seq")?,
        size: positive("size")?,
        listed: row.try_get("listed").map_err(sentence)?,
        builder: Builder::from_stored(&builder)
            .ok_or_else(|| format!("its builder is unknown: {builder:?}"))?,
        note: text("note")?,
        label: text("label")?.map(Arc::from),
        author: text("author")?.map(Arc::from),
        time_ms: row.try_get("time_ms").map_err(sentence)?,
    })
}

fn bytes(row: &SqliteRow, name: &str) -> Found<Bytes> {
    let bytes: Vec<u8> = row.try_get(name).map_err(sentence)?;
    Ok(Bytes::from(bytes))
}

fn believe<T>(
    found: Result<Option<SqliteRow>, sqlx::Error>,
    of: impl FnOnce(&SqliteRow) -> Found<T>,
) -> Result<Option<Found<T>>, StoreError> {
    match found {
        Ok(row) => Ok(row.as_ref().map(of)),
        Err(error) if fault::is_damage(&error) => Ok(Some(Err(fault::sentence(&error)))),
        Err(error) => Err(fault::unavailable("read a snapshot", &error)),
    }
}

fn sentence(error: sqlx::Error) -> String {
    fault::sentence(&error)
}

/// As SQLite counts; what is higher than it can count is not there.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
