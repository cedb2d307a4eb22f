//! Reads one room as of one moment.
//!
//! Knows tables, and leaves what adds up to `assembly`. The rule: head, snapshots and rows are read in one repeatable
//! transaction, because a batch that is committed between them would look like rows beyond the head.

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::{Pool, fault, snapshots};
use crate::assembly::Assembly;
use crate::{RoomId, StoreError, StoredRoom};

/// The room on its newest sound snapshot below a version, with all rows above that.
pub async fn load(pool: &Pool, room: &str, below: u64) -> Result<Option<StoredRoom>, StoreError> {
    let mut tx = pool.read("load a room").await?;
    let Some((id, head)) = find(&mut tx, room).await? else {
        return Ok(None);
    };
    let mut assembly = Assembly::new(room, id, head)?;
    find_base(&mut tx, &mut assembly, below).await?;
    add_rows(&mut tx, assembly).await.map(Some)
}

/// The room's id, and its head if that is there.
pub async fn find(
    conn: &mut PgConnection,
    room: &str,
) -> Result<Option<(RoomId, Option<i64>)>, StoreError> {
    let found: Option<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT rooms.id, room_heads.head FROM rooms LEFT JOIN room_heads ON room_heads.room = rooms.id \
         WHERE rooms.name = $1",
    )
    .bind(room)
    .fetch_optional(conn)
    .await
    .map_err(|e| fault::while_reading(room, &e))?;
    Ok(found.map(|(id, head)| (RoomId(id), head)))
}

/// Stands the room on its newest sound snapshot, if it has one. One is in memory at a time.
async fn find_base(
    conn: &mut PgConnection,
    assembly: &mut Assembly<'_>,
    mut below: u64,
) -> Result<(), StoreError> {
    let id = assembly.id();
    loop {
        let next = snapshots::newest_below(conn, id, below).await;
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
    conn: &mut PgConnection,
    mut assembly: Assembly<'_>,
) -> Result<StoredRoom, StoreError> {
    let mut rows = sqlx::query_as::<_, (i64, Option<i64>, Vec<u8>)>(
        "SELECT seq, checksum, bytes FROM room_updates WHERE room = $1 AND seq >= $2 ORDER BY seq",
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
