//! Nodes, openings and the records of rooms in Postgres.
//!
//! Knows three tables. The rules: who buries a node takes its openings away in the same transaction that counts them, so no
//! death counts twice; and whoever changes records excludes others who do.

use std::sync::Arc;

use sqlx::{PgConnection, PgExecutor};

use super::fault;
use crate::room_record::{NODE_GONE, StoredRecord};
use crate::{Incarnation, Opening, OpeningEnd, RoomRecord, SetAsideBy, StoreError};

/// What is done here, for errors.
pub const NOTING: &str = "note what is being opened";
pub const SETTING_ASIDE: &str = "set a room aside";
pub const CLEARING: &str = "clear the record of a room";

/// Readers are not kept out by it.
const ALONE: &str = "LOCK TABLE room_records IN SHARE ROW EXCLUSIVE MODE";
/// What is noted has to survive the process, not the power of the database's machine.
const NOT_SYNCED: &str = "SET LOCAL synchronous_commit = off";

const SEEN: &str = concat!(
    "INSERT INTO nodes (node, seen_ms) VALUES ($1, ",
    now_ms!(),
    ") \
     ON CONFLICT (node) DO UPDATE SET seen_ms = excluded.seen_ms"
);
const NOTED: &str = concat!(
    "INSERT INTO nodes (node, seen_ms) VALUES ($1, ",
    now_ms!(),
    ") ON CONFLICT (node) DO NOTHING"
);
/// A node from the future was seen by a clock that was wrong. `held` says whether a free lock would mean that its holder is
/// gone: a lock does not outlive the server that it was taken of.
const OTHERS: &str = concat!(
    "SELECT node, abs(",
    now_ms!(),
    " - seen_ms) > $2 AS silent, \
     seen_ms > extract(epoch FROM pg_postmaster_start_time()) * 1000 AS held FROM nodes WHERE node <> $1 FOR UPDATE SKIP LOCKED"
);
const NOW: &str = concat!("SELECT ", now_ms!());

fn failed(error: sqlx::Error) -> StoreError {
    fault::unavailable(NOTING, &error)
}

/// Takes a node's lock for as long as this connection lives: others see by it that the node does.
pub async fn live(conn: &mut PgConnection, node: Incarnation) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(lock_of(&node.key()))
        .execute(conn)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Gives it back.
pub async fn leave(conn: &mut PgConnection, node: Incarnation) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(lock_of(&node.key()))
        .execute(conn)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Commits without waiting for the disk.
pub async fn unsynced(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(NOT_SYNCED).execute(tx).await.map_err(failed)?;
    Ok(())
}

/// Notes that a node lives, and counts what those leave that are gone.
pub async fn beat(tx: &mut PgConnection, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
    sqlx::query(SEEN)
        .bind(&node.key()[..])
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    let mut records = Vec::new();
    let dead = dead(tx, node).await?;
    if dead.is_empty() {
        return Ok(records);
    }
    sqlx::query(ALONE).execute(&mut *tx).await.map_err(failed)?;
    let now_ms: i64 = sqlx::query_scalar(NOW)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    for dead in dead {
        let left: Vec<(String, bool)> =
            sqlx::query_as("DELETE FROM room_openings WHERE node = $1 RETURNING room, alone")
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

/// Nodes that do not live any more, each told to one that asks only.
async fn dead(tx: &mut PgConnection, node: Incarnation) -> Result<Vec<Vec<u8>>, StoreError> {
    let others: Vec<(Vec<u8>, bool, bool)> = sqlx::query_as(OTHERS)
        .bind(&node.key()[..])
        .bind(NODE_GONE.as_millis() as i64)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let mut dead = Vec::new();
    for (other, silent, held) in others {
        let gone = silent || held && lock_is_free(tx, &other).await?;
        if gone {
            dead.push(other);
        }
    }
    Ok(dead)
}

async fn lock_is_free(tx: &mut PgConnection, node: &[u8]) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(lock_of(node))
        .fetch_one(tx)
        .await
        .map_err(failed)
}

/// Notes an opening.
pub async fn note(tx: &mut PgConnection, opening: &Opening) -> Result<(), StoreError> {
    sqlx::query(NOTED)
        .bind(&opening.node.key()[..])
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    sqlx::query(
        "INSERT INTO room_openings (node, room, number, alone) VALUES ($1, $2, $3, $4) \
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
pub async fn end(tx: &mut PgConnection, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
    let lived: Vec<&str> = ended
        .iter()
        .filter(|(_, end)| *end == OpeningEnd::Lived)
        .map(|(opening, _)| &*opening.room)
        .collect();
    if has_deaths(tx, &lived).await? {
        sqlx::query(ALONE).execute(&mut *tx).await.map_err(failed)?;
        sqlx::query("DELETE FROM room_records WHERE room = ANY($1) AND set_aside IS NULL")
            .bind(&lived)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    for (opening, _) in ended {
        sqlx::query("DELETE FROM room_openings WHERE node = $1 AND room = $2 AND number = $3")
            .bind(&opening.node.key()[..])
            .bind(&*opening.room)
            .bind(opening.stored_number())
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Nearly no room has any, and then nobody needs to be excluded.
async fn has_deaths(tx: &mut PgConnection, rooms: &[&str]) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM room_records WHERE room = ANY($1) AND set_aside IS NULL)",
    )
    .bind(rooms)
    .fetch_one(tx)
    .await
    .map_err(failed)
}

/// Takes a node away, and its notes.
pub async fn end_node(tx: &mut PgConnection, node: Incarnation) -> Result<(), StoreError> {
    forget(tx, &node.key()).await
}

/// The record of one room.
pub async fn of_room(
    from: impl PgExecutor<'_>,
    room: &str,
) -> Result<Option<RoomRecord>, StoreError> {
    let found: Option<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records WHERE room = $1")
            .bind(room)
            .fetch_optional(from)
            .await
            .map_err(|e| fault::unavailable("read the record of a room", &e))?;
    Ok(found.map(RoomRecord::from_stored))
}

/// All records.
pub async fn all(from: impl PgExecutor<'_>) -> Result<Vec<RoomRecord>, StoreError> {
    let found: Vec<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records ORDER BY room")
            .fetch_all(from)
            .await
            .map_err(|e| fault::unavailable("read the records of rooms", &e))?;
    Ok(found.into_iter().map(RoomRecord::from_stored).collect())
}

/// Sets a room aside.
pub async fn set_aside(tx: &mut PgConnection, room: &str) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(SETTING_ASIDE, &e);
    sqlx::query(ALONE).execute(&mut *tx).await.map_err(failed)?;
    sqlx::query(concat!(
        "INSERT INTO room_records (room, deaths, set_aside, time_ms) VALUES ($1, 0, 'operator', ",
        now_ms!(),
        ") ON CONFLICT (room) DO UPDATE SET set_aside = excluded.set_aside, time_ms = excluded.time_ms"
    ))
    .bind(room)
    .execute(tx)
    .await
    .map_err(failed)?;
    Ok(())
}

/// Clears a record.
pub async fn clear(tx: &mut PgConnection, room: &str) -> Result<Option<RoomRecord>, StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(CLEARING, &e);
    sqlx::query(ALONE).execute(&mut *tx).await.map_err(failed)?;
    let found: Option<StoredRecord> = sqlx::query_as(
        "DELETE FROM room_records WHERE room = $1 RETURNING room, deaths, set_aside, time_ms",
    )
    .bind(room)
    .fetch_optional(tx)
    .await
    .map_err(failed)?;
    Ok(found.map(RoomRecord::from_stored))
}

/// Keeps everybody else from changing records until the end of the transaction.
pub async fn exclude_others(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(ALONE).execute(tx).await.map_err(failed)?;
    Ok(())
}

async fn write(tx: &mut PgConnection, record: &RoomRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO room_records (room, deaths, set_aside, time_ms) VALUES ($1, $2, $3, $4) \
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

async fn forget(tx: &mut PgConnection, node: &[u8]) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM room_openings WHERE node = $1",
        "DELETE FROM nodes WHERE node = $1",
    ] {
        let done = sqlx::query(sql).bind(node).execute(&mut *tx).await;
        done.map_err(failed)?;
    }
    Ok(())
}

/// The number of a node's lock: both halves of its own, folded.
fn lock_of(node: &[u8]) -> i64 {
    let halves = node.chunks_exact(8).filter_map(|half| half.try_into().ok());
    halves
        .map(i64::from_be_bytes)
        .fold(0, |lock, half| lock ^ half)
}
