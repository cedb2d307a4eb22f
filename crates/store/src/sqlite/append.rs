//! What happens inside the transaction that commits a batch.
//!
//! Knows nothing of connections, retries or locks: the caller has begun a transaction that excludes every other
//! writer, and commits it if this succeeds. The rule: heads are raised before rows are written, and the row in
//! `journal_nodes` belongs to the same transaction, or a retry would write everything twice.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr, SqliteConnection};

use super::fault;
use crate::{Batch, NewUpdate, Receipt, RoomId, RoomReceipt, StoreError, checksum, receipt};

/// `rooms.active_ms` is only moved when it is older than this, or every batch would rewrite the rows of all its rooms.
const ACTIVE_GRAIN_MS: i64 = 60_000;

/// Rows per INSERT. A short ladder instead of any number, so that a handful of prepared statements serve all batches.
const LADDER: [usize; 5] = [256, 64, 16, 4, 1];
/// The driver copies what is bound: no statement carries more than this, unless one update alone is larger.
const MAX_STATEMENT_BYTES: usize = 4 << 20;

static INSERT_UPDATES: LazyLock<[SqlStr; LADDER.len()]> = LazyLock::new(|| {
    LADDER.map(|rows| {
        let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
        AssertSqlSafe(format!(
            "INSERT INTO room_updates (room, seq, time_ms, author, bytes, checksum) VALUES {values}"
        ))
        .into_sql_str()
    })
});

// SQLite's planner has to look every room up by its key; the test below holds it to that.
const RAISE_HEADS: &str = "\
    WITH grown (room, n) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) \
    UPDATE room_heads SET head = head + grown.n FROM grown WHERE room_heads.room = grown.room \
    RETURNING room_heads.room, room_heads.head";

const FIND_ROOMS: &str =
    "SELECT id, name FROM rooms WHERE name IN (SELECT value FROM json_each(?1))";

/// Writes the batch, or finds that it was written before. On an error the transaction must be rolled back.
pub async fn append(
    tx: &mut SqliteConnection,
    batch: &Batch,
    now_ms: i64,
) -> Result<Receipt, StoreError> {
    if let Some(receipt) = earlier_receipt(tx, batch).await? {
        return Ok(receipt);
    }
    let ids = resolve_rooms(tx, batch, now_ms).await?;
    let receipt = raise_heads(tx, batch, &ids).await?;
    insert_updates(tx, batch, &receipt).await?;
    touch_rooms(tx, &ids, now_ms).await?;
    remember(tx, batch, &receipt, now_ms).await?;
    Ok(receipt)
}

async fn earlier_receipt(
    tx: &mut SqliteConnection,
    batch: &Batch,
) -> Result<Option<Receipt>, StoreError> {
    let last: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT last_batch, receipt FROM journal_nodes WHERE node = ?1")
            .bind(&batch.node.key()[..])
            .fetch_optional(tx)
            .await
            .map_err(failed)?;
    let Some((last, receipt)) = last else {
        return Ok(None);
    };
    let last = last.cast_unsigned();
    match batch.number.cmp(&last) {
        std::cmp::Ordering::Greater => Ok(None),
        std::cmp::Ordering::Equal => receipt::decode_for(batch, &receipt).map(Some),
        std::cmp::Ordering::Less => Err(StoreError::Conflict(format!(
            "batch {} of node {} comes after its batch {last}",
            batch.number, batch.node
        ))),
    }
}

/// The ids in the order of the batch; creates what is not there yet.
async fn resolve_rooms(
    tx: &mut SqliteConnection,
    batch: &Batch,
    now_ms: i64,
) -> Result<Vec<RoomId>, StoreError> {
    let names: Vec<&str> = batch.rooms.iter().map(|part| &*part.room).collect();
    let found: Vec<(i64, String)> = sqlx::query_as(FIND_ROOMS)
        .bind(json(&names))
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let mut by_name: HashMap<String, i64> =
        found.into_iter().map(|(id, name)| (name, id)).collect();

    let mut missing = Vec::new();
    for part in &batch.rooms {
        match (part.id, by_name.get(&*part.room)) {
            (Some(RoomId(given)), Some(&id)) if given != id => {
                return Err(StoreError::Conflict(format!(
                    "room {:?} has the id {id}, not {given}",
                    part.room
                )));
            }
            (Some(RoomId(given)), None) => {
                return Err(StoreError::Conflict(format!(
                    "room {:?} was known by the id {given} and is not there",
                    part.room
                )));
            }
            (None, None) => missing.push(&*part.room),
            (_, Some(_)) => {}
        }
    }
    if !missing.is_empty() {
        let created: Vec<(i64, String)> = sqlx::query_as(
            "INSERT INTO rooms (name, created_ms, active_ms) SELECT value, ?2, ?2 FROM json_each(?1) \
             RETURNING id, name",
        )
        .bind(json(&missing))
        .bind(now_ms)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
        let new_ids: Vec<i64> = created.iter().map(|&(id, _)| id).collect();
        sqlx::query("INSERT INTO room_heads (room, head) SELECT value, 0 FROM json_each(?1)")
            .bind(json(&new_ids))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        by_name.extend(created.into_iter().map(|(id, name)| (name, id)));
    }
    let id_of = |name: &str| {
        let id = by_name.get(name).copied().map(RoomId);
        id.ok_or_else(|| StoreError::Unavailable(format!("room {name:?} was not created")))
    };
    names.into_iter().map(id_of).collect()
}

async fn raise_heads(
    tx: &mut SqliteConnection,
    batch: &Batch,
    ids: &[RoomId],
) -> Result<Receipt, StoreError> {
    let counts = batch.rooms.iter().map(|part| part.updates.len());
    let mut grown: Vec<(i64, usize)> = ids.iter().map(|id| id.0).zip(counts).collect();
    // The order in which every store takes its locks; here one lock covers all, and it only keeps the pages in order.
    grown.sort_unstable();
    let raised: Vec<(i64, i64)> = sqlx::query_as(RAISE_HEADS)
        .bind(json(&grown))
        .fetch_all(tx)
        .await
        .map_err(failed)?;
    let heads: HashMap<i64, i64> = raised.into_iter().collect();
    let mut rooms = Vec::with_capacity(ids.len());
    for (part, &id) in batch.rooms.iter().zip(ids) {
        let corrupt = |what: &str| StoreError::Corrupt {
            room: part.room.to_string(),
            what: what.to_owned(),
        };
        let head = heads
            .get(&id.0)
            .ok_or_else(|| corrupt("its head is missing"))?;
        let first_seq = u64::try_from(*head)
            .ok()
            .and_then(|head| head.checked_sub(part.updates.len() as u64))
            .ok_or_else(|| corrupt("its head is negative"))?
            + 1;
        rooms.push(Some(RoomReceipt { id, first_seq }));
    }
    Ok(Receipt { rooms })
}

async fn insert_updates(
    tx: &mut SqliteConnection,
    batch: &Batch,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(batch.rooms.iter().map(|part| part.updates.len()).sum());
    for (part, got) in batch.rooms.iter().zip(receipt.rooms.iter().flatten()) {
        rows.extend(
            (got.first_seq..)
                .zip(&part.updates)
                .map(|(seq, update)| (got.id, seq.cast_signed(), update)),
        );
    }
    let mut rest = &rows[..];
    while !rest.is_empty() {
        let rung = rung_for(rest);
        let (now, later) = rest.split_at(LADDER[rung]);
        let mut insert = sqlx::query(INSERT_UPDATES[rung].clone());
        for (id, seq, update) in now {
            insert = insert
                .bind(id.0)
                .bind(seq)
                .bind(update.time_ms)
                .bind(update.author.as_deref())
                .bind(&update.bytes[..])
                .bind(checksum::of_row(*id, seq.cast_unsigned(), &update.bytes));
        }
        if let Err(error) = insert.execute(&mut *tx).await {
            return Err(if fault::is_unique_violation(&error) {
                blame(tx, now).await
            } else {
                failed(error)
            });
        }
        rest = later;
    }
    Ok(())
}

/// The longest statement that the rows fill and whose bytes stay within bounds.
fn rung_for(rows: &[(RoomId, i64, &NewUpdate)]) -> usize {
    let fits = |&rung: &usize| {
        let bytes = |rows: &[(RoomId, i64, &NewUpdate)]| -> usize {
            rows.iter().map(|(_, _, update)| update.bytes.len()).sum()
        };
        let n = LADDER[rung];
        n <= rows.len() && (n == 1 || bytes(&rows[..n]) <= MAX_STATEMENT_BYTES)
    };
    (0..LADDER.len())
        .find(fits)
        .expect("the last rung takes one row of any size")
}

/// Which room has a row beyond its head, so that the caller can set that room aside and go on with the others.
///
/// The failed statement is undone and earlier ones wrote other rows, so whatever stands in the place of one of these
/// rows was there before.
async fn blame(tx: &mut SqliteConnection, refused: &[(RoomId, i64, &NewUpdate)]) -> StoreError {
    for &(id, seq, _) in refused {
        let found = sqlx::query("SELECT 1 FROM room_updates WHERE room = ?1 AND seq = ?2")
            .bind(id.0)
            .bind(seq)
            .fetch_optional(&mut *tx)
            .await;
        match found {
            Ok(None) => {}
            Ok(Some(_)) => return beyond_head(tx, id, seq).await,
            Err(error) => return failed(error),
        }
    }
    StoreError::Unavailable("append a batch: a row was refused as a duplicate of none".to_owned())
}

async fn beyond_head(tx: &mut SqliteConnection, id: RoomId, seq: i64) -> StoreError {
    let name = sqlx::query_scalar("SELECT name FROM rooms WHERE id = ?1")
        .bind(id.0)
        .fetch_optional(tx)
        .await;
    match name {
        Ok(name) => StoreError::Corrupt {
            room: name.unwrap_or_default(),
            what: format!("row {seq} stands beyond the head"),
        },
        Err(error) => failed(error),
    }
}

async fn touch_rooms(
    tx: &mut SqliteConnection,
    ids: &[RoomId],
    now_ms: i64,
) -> Result<(), StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    sqlx::query(
        "UPDATE rooms SET active_ms = ?2 WHERE id IN (SELECT value FROM json_each(?1)) AND active_ms < ?2 - ?3",
    )
    .bind(json(&ids))
    .bind(now_ms)
    .bind(ACTIVE_GRAIN_MS)
    .execute(tx)
    .await
    .map_err(failed)?;
    Ok(())
}

async fn remember(
    tx: &mut SqliteConnection,
    batch: &Batch,
    receipt: &Receipt,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO journal_nodes (node, last_batch, receipt, updated_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (node) DO UPDATE SET last_batch = ?2, receipt = ?3, updated_ms = ?4",
    )
    .bind(&batch.node.key()[..])
    .bind(batch.number.cast_signed())
    .bind(receipt::encode(batch, receipt))
    .bind(now_ms)
    .execute(tx)
    .await
    .map_err(failed)?;
    Ok(())
}

/// A list as one bound value; `json_each` reads it, so one statement serves lists of any length.
fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("numbers and strings are JSON")
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::while_writing("append a batch", &error)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sqlx::Connection;

    use super::*;
    use crate::sqlite::load;

    #[tokio::test]
    async fn rooms_are_found_and_heads_raised_by_key_and_not_by_scan() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let path = std::path::Path::new(":memory:");
        super::super::schema::migrate(&mut conn, path)
            .await
            .unwrap();
        for (sql, search) in [
            (RAISE_HEADS, "SEARCH room_heads USING INTEGER PRIMARY KEY"),
            (FIND_ROOMS, "SEARCH rooms USING"),
            (load::HEADS, "SEARCH rooms USING"),
            (load::HEADS, "SEARCH room_heads USING INTEGER PRIMARY KEY"),
        ] {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
                .bind("[]")
                .fetch_all(&mut conn)
                .await
                .unwrap();
            let plan: Vec<String> = plan.into_iter().map(|step| step.3).collect();
            assert!(plan.iter().any(|step| step.starts_with(search)), "{plan:?}");
        }
    }

    #[test]
    fn statements_stay_within_rows_and_bytes() {
        let update = |bytes: usize| NewUpdate {
            bytes: Bytes::from(vec![0; bytes]),
            author: None,
            time_ms: 0,
        };
        let rows_per_statement = |sizes: &[usize]| {
            let updates: Vec<NewUpdate> = sizes.iter().map(|&n| update(n)).collect();
            let rows: Vec<_> = updates.iter().map(|u| (RoomId(1), 1, u)).collect();
            LADDER[rung_for(&rows)]
        };
        assert_eq!(rows_per_statement(&[1; 300]), 256);
        assert_eq!(rows_per_statement(&[1; 255]), 64);
        assert_eq!(rows_per_statement(&[1; 3]), 1);
        assert_eq!(rows_per_statement(&[1 << 20; 5]), 4);
        assert_eq!(rows_per_statement(&[MAX_STATEMENT_BYTES; 5]), 1);
        assert_eq!(rows_per_statement(&[MAX_STATEMENT_BYTES * 2]), 1);
    }
}
