//! Snapshots in Postgres: found, read, stored, named.
//!
//! Knows one table. The rule: bytes that were read are not handed on before they are believed.

use std::sync::Arc;

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::{Pool, fault, load};
use crate::assembly::known_head;
use crate::snapshot::{self, Found, Held, Naming};
use crate::{Builder, PassedOver, RoomId, Snapshot, SnapshotInfo, Snapshots, StoreError};

/// What it is called in errors.
pub const STORING: &str = "store a snapshot";
pub const LISTING: &str = "list a snapshot";
pub const UNLISTING: &str = "unlist a snapshot";

/// The newest version below one.
pub async fn newest_below(
    conn: &mut PgConnection,
    room: RoomId,
    below: u64,
) -> Result<Option<u64>, sqlx::Error> {
    let newest: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM room_snapshots WHERE room = $1 AND version < $2 ORDER BY version DESC LIMIT 1",
    )
    .bind(room.0)
    .bind(number(below))
    .fetch_optional(conn)
    .await?;
    Ok(newest.map(i64::cast_unsigned))
}

/// One snapshot inside of a transaction; `None` when it is not there. The transaction goes on where it is damaged.
pub async fn read(
    tx: &mut PgConnection,
    room: RoomId,
    version: u64,
) -> Result<Option<Found<Snapshot>>, StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable("read a snapshot", &e);
    sqlx::query("SAVEPOINT snapshot")
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    let found = sqlx::query(
        "SELECT version, seq, size, listed, builder, note, label, author, time_ms, checksum, state_vector, data \
         FROM room_snapshots WHERE room = $1 AND version = $2",
    )
    .bind(room.0)
    .bind(number(version))
    .fetch_optional(&mut *tx)
    .await;
    match found {
        Ok(row) => Ok(row.map(|row| held(&row)?.believe(room))),
        Err(error) if fault::is_damage(&error) => {
            let why = fault::sentence(&error);
            sqlx::query("ROLLBACK TO SAVEPOINT snapshot")
                .execute(tx)
                .await
                .map_err(failed)?;
            Ok(Some(Err(why)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// All that a room has, as of one moment.
pub async fn list(pool: &Pool, name: &str) -> Result<Option<Snapshots>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(name, &e);
    let mut tx = pool.read("list snapshots").await?;
    let Some((room, head)) = load::find(&mut tx, name).await? else {
        return Ok(None);
    };
    let corrupt = |what| StoreError::Corrupt {
        room: name.to_owned(),
        what,
    };
    let head = known_head(head).map_err(corrupt)?;
    let first_row: Option<i64> =
        sqlx::query_scalar("SELECT min(seq) FROM room_updates WHERE room = $1")
            .bind(room.0)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed)?;
    let rows = sqlx::query(
        "SELECT version, seq, size, listed, builder, note, label, author, time_ms FROM room_snapshots \
         WHERE room = $1 ORDER BY version DESC",
    )
    .bind(room.0)
    .fetch_all(&mut *tx)
    .await
    .map_err(failed)?;
    let mut all = Snapshots {
        room,
        head,
        first_row: first_row.map_or(head + 1, i64::cast_unsigned),
        snapshots: Vec::new(),
        unreadable: Vec::new(),
    };
    for row in &rows {
        let version = row.try_get("version").map_err(failed)?;
        let version = i64::cast_unsigned(version);
        match info(row) {
            Ok(info) => all.snapshots.push(info),
            Err(why) => all.unreadable.push(PassedOver { version, why }),
        }
    }
    Ok(Some(all))
}

/// One for people; `None` when it is not there.
pub async fn one(pool: &Pool, name: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
    let mut tx = pool.read("read a snapshot").await?;
    let Some((room, _)) = load::find(&mut tx, name).await? else {
        return Ok(None);
    };
    let found = read(&mut tx, room, version).await?;
    found.transpose().map_err(|why| StoreError::Corrupt {
        room: name.to_owned(),
        what: format!("snapshot {version} cannot be used: {why}"),
    })
}

/// All versions of a room with what they say to cover, newest first.
pub async fn versions(
    conn: &mut PgConnection,
    room: RoomId,
) -> Result<Vec<(u64, u64)>, sqlx::Error> {
    let versions: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT version, seq FROM room_snapshots WHERE room = $1 ORDER BY version DESC",
    )
    .bind(room.0)
    .fetch_all(conn)
    .await?;
    let unsigned = |(version, seq): (i64, i64)| (version.cast_unsigned(), seq.cast_unsigned());
    Ok(versions.into_iter().map(unsigned).collect())
}

/// Stores one, if it fits in. Of two that are stored at once under one number, the second is a conflict.
pub async fn add(tx: &mut PgConnection, room: RoomId, held: &Held) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(STORING, &e);
    let head: Option<i64> = sqlx::query_scalar("SELECT head FROM room_heads WHERE room = $1")
        .bind(room.0)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    let head = head.ok_or_else(|| fault::no_room(room))?;
    let newest = versions(tx, room).await.map_err(failed)?;
    snapshot::fits(room, &held.info, head.cast_unsigned(), newest)?;
    let info = &held.info;
    let stored = sqlx::query(
        "INSERT INTO room_snapshots (room, version, seq, size, checksum, listed, builder, note, label, author, \
         time_ms, state_vector, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
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
    .await;
    match stored {
        Ok(_) => Ok(()),
        Err(error) => Err(fault::while_writing(STORING, &error)),
    }
}

/// Makes one a version for people.
pub async fn name(conn: &mut PgConnection, naming: &Naming) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE room_snapshots SET listed = true, label = $3, author = $4 WHERE room = $1 AND version = $2",
    )
    .bind(naming.room.0)
    .bind(number(naming.version))
    .bind(naming.label.as_deref())
    .bind(naming.author.as_deref())
    .execute(conn)
    .await
    .map_err(|e| fault::unavailable(LISTING, &e))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    Err(snapshot::no_snapshot(naming.room, naming.version))
}

/// Makes one no version any more.
pub async fn unlist(conn: &mut PgConnection, room: RoomId, version: u64) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE room_snapshots SET listed = false, label = NULL, author = NULL WHERE room = $1 AND version = $2",
    )
    .bind(room.0)
    .bind(number(version))
    .execute(conn)
    .await
    .map_err(|e| fault::unavailable(UNLISTING, &e))?;
    match done.rows_affected() {
        0 => Err(snapshot::no_snapshot(room, version)),
        _ => Ok(()),
    }
}

fn held(row: &PgRow) -> Found<Held> {
    let bytes = |name: &str| {
        let bytes: Vec<u8> = row.try_get(name).map_err(sentence)?;
        Ok::<_, String>(Bytes::from(bytes))
    };
    Ok(Held {
        info: info(row)?,
        checksum: row.try_get("checksum").map_err(sentence)?,
        state_vector: bytes("state_vector")?,
        data: bytes("data")?,
    })
}

fn info(row: &PgRow) -> Found<SnapshotInfo> {
    let positive = |name: &str| {
        let value: i64 = row.try_get(name).map_err(sentence)?;
        u64::try_from(value).map_err(|_| format!("its {name} is negative: {value}"))
    };
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map_err(sentence);
    let builder = text("builder")?.unwrap_or_default();
    Ok(SnapshotInfo {
        version: positive("version")?,
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

fn sentence(error: sqlx::Error) -> String {
    fault::sentence(&error)
}

/// As Postgres counts; what is higher than it can count is not there.
pub fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
