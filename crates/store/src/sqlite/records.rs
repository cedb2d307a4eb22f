//! Nodes, openings and the records of rooms in SQLite.
//!
//! Knows three tables and the wall clock it is given. The rule: who buries a node takes its openings away in the same
//! transaction that counts them, so no death counts twice.

use std::sync::Arc;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::fault;
use crate::room_record::{NODE_GONE, StoredRecord};
use crate::{Incarnation, Opening, OpeningEnd, RoomRecord, SetAsideBy, StoreError};

/// What is done here, for errors.
pub const NOTING: &str = "note what is being opened";

/// Which nodes do not live any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// All but the one that asks.
    Others,
    /// Those that were not heard for long.
    Silent,
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::unavailable(NOTING, &error)
}

/// Notes that a node lives, and counts what those leave that are gone.
pub async fn beat(
    tx: &mut SqliteConnection,
    node: Incarnation,
    gone: Gone,
    now_ms: i64,
) -> Result<Vec<RoomRecord>, StoreError> {
    sqlx::query(
        "INSERT INTO nodes (node, seen_ms) VALUES (?1, ?2) \
         ON CONFLICT (node) DO UPDATE SET seen_ms = excluded.seen_ms",
    )
    .bind(&node.key()[..])
    .bind(now_ms)
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    // A node from the future was seen by a clock that was wrong.
    let silence = match gone {
        Gone::Others => -1,
        Gone::Silent => NODE_GONE.as_millis() as i64,
    };
    let dead: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT node FROM nodes WHERE node <> ?1 AND abs(?2 - seen_ms) > ?3")
            .bind(&node.key()[..])
            .bind(now_ms)
            .bind(silence)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
    let mut records = Vec::new();
    for dead in dead {
        let left: Vec<(String, bool)> =
            sqlx::query_as("SELECT room, alone FROM room_openings WHERE node = ?1")
                .bind(&dead)
                .fetch_all(&mut *tx)
                .await
                .map_err(failed)?;
        for (room, alone) in left {
            let room = Arc::from(room);
            let record = of_room(&mut *tx, &room).await?;
            let mut record = record.unwrap_or_else(|| RoomRecord::clean(room));
            record.add_death(alone, now_ms);
            write(tx, &record).await?;
            records.push(record);
        }
        forget(tx, &dead).await?;
    }
    Ok(records)
}

/// Notes an opening.
pub async fn note(
    tx: &mut SqliteConnection,
    opening: &Opening,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR IGNORE INTO nodes (node, seen_ms) VALUES (?1, ?2)")
        .bind(&opening.node.key()[..])
        .bind(now_ms)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    sqlx::query(
        "INSERT INTO room_openings (node, room, number, alone) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (node, room) DO UPDATE SET number = excluded.number, alone = excluded.alone",
    )
    .bind(&opening.node.key()[..])
    .bind(&*opening.room)
    .bind(opening.stored_number())
    .bind(opening.alone)
    .execute(tx)
    .await
    .map_err(failed)?;
    Ok(())
}

/// Takes notes away.
pub async fn end(
    tx: &mut SqliteConnection,
    ended: &[(Opening, OpeningEnd)],
) -> Result<(), StoreError> {
    for (opening, end) in ended {
        sqlx::query("DELETE FROM room_openings WHERE node = ?1 AND room = ?2 AND number = ?3")
            .bind(&opening.node.key()[..])
            .bind(&*opening.room)
            .bind(opening.stored_number())
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        if *end == OpeningEnd::Lived {
            sqlx::query("DELETE FROM room_records WHERE room = ?1 AND set_aside IS NULL")
                .bind(&*opening.room)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// Takes a node away, and its notes.
pub async fn end_node(tx: &mut SqliteConnection, node: Incarnation) -> Result<(), StoreError> {
    forget(tx, &node.key()).await
}

/// The record of one room.
pub async fn of_room(
    from: impl SqliteExecutor<'_>,
    room: &str,
) -> Result<Option<RoomRecord>, StoreError> {
    let found: Option<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records WHERE room = ?1")
            .bind(room)
            .fetch_optional(from)
            .await
            .map_err(|e| fault::unavailable("read the record of a room", &e))?;
    Ok(found.map(RoomRecord::from_stored))
}

/// All records.
pub async fn all(from: impl SqliteExecutor<'_>) -> Result<Vec<RoomRecord>, StoreError> {
    let found: Vec<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records ORDER BY room")
            .fetch_all(from)
            .await
            .map_err(|e| fault::unavailable("read the records of rooms", &e))?;
    Ok(found.into_iter().map(RoomRecord::from_stored).collect())
}

/// Sets a room aside.
pub async fn set_aside(
    tx: &mut SqliteConnection,
    room: Arc<str>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let record = of_room(&mut *tx, &room).await?;
    let mut record = record.unwrap_or_else(|| RoomRecord::clean(room));
    record.set_aside = Some(SetAsideBy::Operator);
    record.time_ms = now_ms;
    write(tx, &record).await
}

/// Clears a record.
pub async fn clear(
    tx: &mut SqliteConnection,
    room: &str,
) -> Result<Option<RoomRecord>, StoreError> {
    let record = of_room(&mut *tx, room).await?;
    sqlx::query("DELETE FROM room_records WHERE room = ?1")
        .bind(room)
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(record)
}

/// Nobody else writes anyway.
pub async fn exclude_others(_: &mut SqliteConnection) -> Result<(), StoreError> {
    Ok(())
}

async fn write(tx: &mut SqliteConnection, record: &RoomRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO room_records (room, deaths, set_aside, time_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (room) DO UPDATE SET deaths = excluded.deaths, set_aside = excluded.set_aside, \
         time_ms = excluded.time_ms",
    )
    .bind(&*record.room)
    .bind(i64::from(record.deaths))
    .bind(record.set_aside.map(SetAsideBy::as_str))
    .bind(record.time_ms)
    .execute(tx)
    .await
    .map_err(failed)?;
    Ok(())
}

async fn forget(tx: &mut SqliteConnection, node: &[u8]) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM room_openings WHERE node = ?1",
        "DELETE FROM nodes WHERE node = ?1",
    ] {
        let done = sqlx::query(sql).bind(node).execute(&mut *tx).await;
        done.map_err(failed)?;
    }
    Ok(())
}
