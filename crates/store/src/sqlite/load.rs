//! Reads one room as of one moment.

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::SqlitePool;

use super::fault;
use crate::assembly::Assembly;
use crate::{RoomId, StoreError, StoredRoom};

/// Everything that is stored of the room. Head and rows are read in one transaction, because a batch that is
/// committed between the two would look like rows beyond the head.
pub async fn load(readers: &SqlitePool, room: &str) -> Result<Option<StoredRoom>, StoreError> {
    let failed = |e: sqlx::Error| fault::while_reading(room, &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let found: Option<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT rooms.id, room_heads.head FROM rooms LEFT JOIN room_heads ON room_heads.room = rooms.id \
         WHERE rooms.name = ?1",
    )
    .bind(room)
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed)?;
    let Some((id, head)) = found else {
        return Ok(None);
    };
    let mut assembly = Assembly::new(room, RoomId(id), head)?;
    let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT seq, bytes FROM room_updates WHERE room = ?1 ORDER BY seq",
    )
    .bind(id)
    .fetch(&mut *tx);
    while let Some((seq, bytes)) = rows.try_next().await.map_err(failed)? {
        assembly.push(seq, Bytes::from(bytes))?;
    }
    drop(rows);
    tx.commit().await.map_err(failed)?;
    assembly.finish().map(Some)
}
