//! Openings and the records of rooms in a database.
//!
//! Knows three tables; one source for both databases, compiled into each. The rules: who buries a node takes its openings away in the
//! same transaction that counts them, so no death counts twice; and whoever changes records excludes others who do.

use std::sync::Arc;

use super::dialect::{Conn, alone_with};
use super::fault;
use crate::room_record::StoredRecord;
use crate::{Incarnation, Opening, OpeningEnd, RoomRecord, SetAsideBy, StoreError};

/// What is done here, for errors.
pub const NOTING: &str = "note what is being opened";
pub const SETTING_ASIDE: &str = "set a room aside";
pub const CLEARING: &str = "clear the record of a room";
pub const READING: &str = "read the records of rooms";

const SEEN: &str = concat!(
    "INSERT INTO nodes (node, seen_ms) VALUES ($1, ",
    now_ms!(),
    ") ON CONFLICT (node) DO UPDATE SET seen_ms = excluded.seen_ms"
);
const KNOWN: &str = concat!(
    "INSERT INTO nodes (node, seen_ms) VALUES ($1, ",
    now_ms!(),
    ") ON CONFLICT (node) DO NOTHING"
);
const NOW: &str = concat!("SELECT ", now_ms!());
const SET_ASIDE: &str = concat!(
    "INSERT INTO room_records (room, deaths, set_aside, time_ms) VALUES ($1, 0, 'operator', ",
    now_ms!(),
    ") ON CONFLICT (room) DO UPDATE SET set_aside = excluded.set_aside, time_ms = excluded.time_ms"
);

const HAS_DEATHS: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM room_records WHERE set_aside IS NULL AND room IN (",
    texts!("$1"),
    "))"
);
const FORGIVE: &str = concat!(
    "DELETE FROM room_records WHERE set_aside IS NULL AND room IN (",
    texts!("$1"),
    ")"
);

/// Notes that a node lives.
pub async fn see(tx: &mut Conn, node: Incarnation) -> Result<(), StoreError> {
    let key = node.key();
    let seen = sqlx::query(SEEN).bind(&key[..]).execute(tx).await;
    seen.map_err(failed)?;
    Ok(())
}

/// Takes dead nodes away, and counts what they leave.
pub async fn bury(tx: &mut Conn, dead: Vec<Vec<u8>>) -> Result<Vec<RoomRecord>, StoreError> {
    let mut records = Vec::new();
    if dead.is_empty() {
        return Ok(records);
    }
    exclude_others(tx).await?;
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

/// Notes an opening.
pub async fn note(tx: &mut Conn, opening: &Opening) -> Result<(), StoreError> {
    sqlx::query(KNOWN)
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
pub async fn end(tx: &mut Conn, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
    let lived = ended.iter().filter(|(_, end)| *end == OpeningEnd::Lived);
    let lived: Vec<&str> = lived.map(|(opening, _)| &*opening.room).collect();
    let lived = serde_json::to_string(&lived).expect("texts are JSON");
    // Nearly no room has any deaths, and then nobody needs to be excluded.
    let has_deaths: bool = sqlx::query_scalar(HAS_DEATHS)
        .bind(&lived)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    if has_deaths {
        exclude_others(tx).await?;
        let done = sqlx::query(FORGIVE).bind(&lived).execute(&mut *tx).await;
        done.map_err(failed)?;
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

/// Takes a node away, and its notes.
pub async fn end_node(tx: &mut Conn, node: Incarnation) -> Result<(), StoreError> {
    forget(tx, &node.key()).await
}

/// The record of one room.
pub async fn of_room(conn: &mut Conn, room: &str) -> Result<Option<RoomRecord>, StoreError> {
    let found: Option<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records WHERE room = $1")
            .bind(room)
            .fetch_optional(conn)
            .await
            .map_err(|e| fault::unavailable(READING, &e))?;
    Ok(found.map(RoomRecord::from_stored))
}

/// All records, by name.
pub async fn all(conn: &mut Conn) -> Result<Vec<RoomRecord>, StoreError> {
    let found: Vec<StoredRecord> =
        sqlx::query_as("SELECT room, deaths, set_aside, time_ms FROM room_records ORDER BY room")
            .fetch_all(conn)
            .await
            .map_err(|e| fault::unavailable(READING, &e))?;
    Ok(found.into_iter().map(RoomRecord::from_stored).collect())
}

/// Sets a room aside.
pub async fn set_aside(tx: &mut Conn, room: &str) -> Result<(), StoreError> {
    exclude_others(tx).await?;
    let set = sqlx::query(SET_ASIDE).bind(room).execute(tx).await;
    set.map_err(|e| fault::unavailable(SETTING_ASIDE, &e))?;
    Ok(())
}

/// Clears a record.
pub async fn clear(tx: &mut Conn, room: &str) -> Result<Option<RoomRecord>, StoreError> {
    exclude_others(tx).await?;
    let found: Option<StoredRecord> = sqlx::query_as(
        "DELETE FROM room_records WHERE room = $1 RETURNING room, deaths, set_aside, time_ms",
    )
    .bind(room)
    .fetch_optional(tx)
    .await
    .map_err(|e| fault::unavailable(CLEARING, &e))?;
    Ok(found.map(RoomRecord::from_stored))
}

/// Keeps everybody else from changing records until the end of the transaction. Readers are not kept out.
pub async fn exclude_others(tx: &mut Conn) -> Result<(), StoreError> {
    alone_with(tx, "room_records").await.map_err(failed)
}

async fn write(tx: &mut Conn, record: &RoomRecord) -> Result<(), StoreError> {
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

async fn forget(tx: &mut Conn, node: &[u8]) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM room_openings WHERE node = $1",
        "DELETE FROM nodes WHERE node = $1",
    ] {
        let done = sqlx::query(sql).bind(node).execute(&mut *tx).await;
        done.map_err(failed)?;
    }
    Ok(())
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::unavailable(NOTING, &error)
}
