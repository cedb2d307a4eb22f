//! Reads one room as of one moment.
//!
//! Knows tables, and leaves what adds up to `assembly`. The rule: head, snapshots and rows are read in one transaction,
//! because a batch that is committed between them would look like rows beyond the head.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::{SqliteConnection, SqlitePool};

use super::{fault, snapshots};
use crate::assembly::{self, Assembly, ROW_WEIGHT};
use crate::{Head, RoomId, Since, StoreError, StoredRoom};

const ALL_ROWS: &str =
    "SELECT seq, checksum, bytes FROM room_updates WHERE room = ?1 AND seq >= ?2 ORDER BY seq";
/// Up to the last row before which there is still room for its beginning. No more are weighed than would fit if they were empty.
const SOME_ROWS: &str = "\
    SELECT seq, checksum, bytes FROM room_updates WHERE room = ?1 AND seq BETWEEN ?2 AND (SELECT max(seq) FROM \
    (SELECT seq, sum(weight) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - weight AS before FROM \
    (SELECT seq, length(bytes) + ?3 AS weight FROM room_updates WHERE room = ?1 AND seq >= ?2 ORDER BY seq \
    LIMIT ?4 / ?3 + 1) AS next) AS weighed WHERE before < ?4) ORDER BY seq";
/// Name, id, head and access version, for a JSON list of names.
pub const HEADS: &str = "\
    SELECT rooms.name, rooms.id, room_heads.head, rooms.access_version FROM rooms \
    JOIN room_heads ON room_heads.room = rooms.id WHERE rooms.name IN (SELECT value FROM json_each(?1))";

/// The room on its newest sound snapshot below a version, with all rows above that.
pub async fn load(
    readers: &SqlitePool,
    room: &str,
    below: u64,
) -> Result<Option<StoredRoom>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(room, &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let Some((id, head)) = find(&mut tx, room).await? else {
        return Ok(None);
    };
    let loaded = assemble(&mut tx, Assembly::new(room, id, head)?, below).await?;
    // Not committed: SQLite refuses that where a damaged page was met, and nothing was changed.
    tx.rollback().await.map_err(failed)?;
    Ok(Some(loaded))
}

/// What a room has behind a row that is known.
pub async fn since(
    readers: &SqlitePool,
    room: &str,
    after: u64,
    max_bytes: usize,
) -> Result<Option<Since>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(room, &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let Some((id, head)) = find(&mut tx, room).await? else {
        return Ok(None);
    };
    let assembly = Assembly::new(room, id, head)?.behind(after, max_bytes);
    let found = match add_rows(&mut tx, assembly, Some(max_bytes)).await {
        Err(missing @ StoreError::Corrupt { .. }) => {
            let mut assembly = Assembly::new(room, id, head)?.within(max_bytes);
            find_base(&mut tx, &mut assembly, u64::MAX).await?;
            if !assembly.covers_more_than(after) {
                return Err(missing);
            }
            add_rows(&mut tx, assembly, Some(max_bytes)).await?
        }
        found => found?,
    };
    tx.rollback().await.map_err(failed)?;
    Ok(Some(assembly::since(found)))
}

/// How far rooms have come.
pub async fn heads(readers: &SqlitePool, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError> {
    let names: Vec<&str> = rooms.iter().map(|name| &**name).collect();
    let names = serde_json::to_string(&names).expect("texts are JSON");
    let found: Vec<(String, i64, i64, i64)> = sqlx::query_as(HEADS)
        .bind(names)
        .fetch_all(readers)
        .await
        .map_err(|e| fault::unavailable("look how far rooms have come", &e))?;
    Ok(assembly::heads(found))
}

/// The room's id, and its head if that is there.
pub async fn find(
    conn: &mut SqliteConnection,
    room: &str,
) -> Result<Option<(RoomId, Option<i64>)>, StoreError> {
    let found: Option<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT rooms.id, room_heads.head FROM rooms LEFT JOIN room_heads ON room_heads.room = rooms.id \
         WHERE rooms.name = ?1",
    )
    .bind(room)
    .fetch_optional(conn)
    .await
    .map_err(|e| fault::while_reading(room, &e))?;
    Ok(found.map(|(id, head)| (RoomId(id), head)))
}

/// The room inside of a transaction.
pub async fn within(
    tx: &mut SqliteConnection,
    name: &str,
    id: RoomId,
) -> Result<StoredRoom, StoreError> {
    let head: Option<i64> = sqlx::query_scalar("SELECT head FROM room_heads WHERE room = ?1")
        .bind(id.0)
        .fetch_optional(&mut *tx)
        .await
        .map_err(|e| fault::while_reading(name, &e))?;
    assemble(tx, Assembly::new(name, id, head)?, u64::MAX).await
}

async fn assemble(
    conn: &mut SqliteConnection,
    mut assembly: Assembly<'_>,
    below: u64,
) -> Result<StoredRoom, StoreError> {
    find_base(conn, &mut assembly, below).await?;
    add_rows(conn, assembly, None).await
}

/// Stands the room on its newest sound snapshot, if it has one. One is in memory at a time.
async fn find_base(
    conn: &mut SqliteConnection,
    assembly: &mut Assembly<'_>,
    mut below: u64,
) -> Result<(), StoreError> {
    let id = assembly.id();
    loop {
        let next = snapshots::newest_below(conn, id, below).await;
        // Without the list nobody knows whether what is found is the newest, but a room that has all its rows needs none.
        let version = match next {
            Ok(None) => return Ok(()),
            Ok(Some(version)) => version,
            Err(error) if fault::is_damage(&error) => {
                return Err(assembly.corrupt(format!(
                    "its snapshots cannot be found: {}",
                    fault::sentence(&error)
                )));
            }
            Err(error) => return Err(fault::unavailable("load a room", &error)),
        };
        match snapshots::read(conn, id, version).await? {
            Some(Ok(snapshot)) => return assembly.stand_on(snapshot),
            Some(Err(why)) => assembly.pass_over(version, why),
            None => assembly.pass_over(version, "it is in the index alone".to_owned()),
        }
        below = version;
    }
}

/// The rows above the base, or behind what is known: all of them, or about so many bytes.
async fn add_rows(
    conn: &mut SqliteConnection,
    mut assembly: Assembly<'_>,
    max_bytes: Option<usize>,
) -> Result<StoredRoom, StoreError> {
    let (id, first) = (assembly.id().0, assembly.first_seq().cast_signed());
    let rows = match max_bytes {
        None => sqlx::query_as(ALL_ROWS).bind(id).bind(first),
        Some(max) => sqlx::query_as(SOME_ROWS)
            .bind(id)
            .bind(first)
            .bind(ROW_WEIGHT as i64)
            .bind(i64::try_from(max).unwrap_or(i64::MAX).max(1)),
    };
    let mut rows = rows.fetch(conn);
    loop {
        match rows.try_next().await {
            Ok(Some(row)) => {
                let (seq, sum, bytes): (i64, Option<i64>, Vec<u8>) = row;
                assembly.push(seq, sum, Bytes::from(bytes))?;
            }
            Ok(None) => return assembly.finish(),
            Err(error) if fault::is_damage(&error) => {
                return Err(assembly.corrupt(fault::sentence(&error)));
            }
            Err(error) => return Err(fault::unavailable("load a room", &error)),
        }
    }
}
