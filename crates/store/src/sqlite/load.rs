//! Reads one room as of one moment.
//!
//! Knows tables, and leaves what adds up to `assembly`. The rule: head, snapshots and rows are read in one transaction,
//! because a batch that is committed between them would look like rows beyond the head.

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::{SqliteConnection, SqlitePool};

use super::{fault, snapshots};
use crate::assembly::Assembly;
use crate::{RoomId, StoreError, StoredRoom};

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
    add_rows(conn, assembly).await
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

/// The rows above the base.
async fn add_rows(
    conn: &mut SqliteConnection,
    mut assembly: Assembly<'_>,
) -> Result<StoredRoom, StoreError> {
    let mut rows = sqlx::query_as::<_, (i64, Option<i64>, Vec<u8>)>(
        "SELECT seq, checksum, bytes FROM room_updates WHERE room = ?1 AND seq >= ?2 ORDER BY seq",
    )
    .bind(assembly.id().0)
    .bind(assembly.first_seq().cast_signed())
    .fetch(conn);
    loop {
        match rows.try_next().await {
            Ok(Some((seq, sum, bytes))) => assembly.push(seq, sum, Bytes::from(bytes))?,
            Ok(None) => return assembly.finish(),
            Err(error) if fault::is_damage(&error) => {
                return Err(assembly.corrupt(fault::sentence(&error)));
            }
            Err(error) => return Err(fault::unavailable("load a room", &error)),
        }
    }
}
