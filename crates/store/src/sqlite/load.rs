//! Reads one room as of one moment.

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::{SqliteConnection, SqlitePool};

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
    let room = assemble(&mut tx, room, id, head)
        .await
        .map_err(|torn| torn.error)?;
    tx.commit().await.map_err(failed)?;
    Ok(Some(room))
}

/// Why a room could not be put together, and the row at which that showed, if it was one.
pub struct Torn {
    /// The number of the row.
    pub at: Option<u64>,
    /// Why.
    pub error: StoreError,
}

/// The room's rows, inside a transaction that the head was read in.
pub async fn assemble(
    conn: &mut SqliteConnection,
    name: &str,
    id: i64,
    head: Option<i64>,
) -> Result<StoredRoom, Torn> {
    let torn = |at, error| Torn { at, error };
    let mut assembly = Assembly::new(name, RoomId(id), head).map_err(|e| torn(None, e))?;
    let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT seq, bytes FROM room_updates WHERE room = ?1 ORDER BY seq",
    )
    .bind(id)
    .fetch(conn);
    loop {
        let at = Some(assembly.next_seq());
        let next = rows.try_next().await;
        match next.map_err(|e| torn(at, fault::while_reading(name, &e)))? {
            Some((seq, bytes)) => assembly
                .push(seq, Bytes::from(bytes))
                .map_err(|e| torn(at, e))?,
            None => return assembly.finish().map_err(|e| torn(at, e)),
        }
    }
}
