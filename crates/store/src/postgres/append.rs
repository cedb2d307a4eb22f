//! What happens inside the transaction that commits a batch.
//!
//! Knows nothing of connections or retries: the caller has begun a transaction, and commits it if this says so. The
//! rules: the node's own row comes first, so that a retry waits for the COMMIT that is still under way; heads are locked in
//! the order of ids, without waiting while others are held, before anything is written under them.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::fault;
use super::writing::Done;
use crate::{Batch, NewUpdate, Receipt, RoomId, RoomReceipt, StoreError, checksum, receipt};

/// What it is called in errors.
pub const DOING: &str = "append a batch";

/// The driver copies what is bound: no statement carries more than this, unless one update alone is larger.
const MAX_STATEMENT_BYTES: usize = 4 << 20;
const MAX_STATEMENT_ROWS: usize = 8_192;

/// A room that another transaction holds is not in the answer.
const LOCK_ROOMS: &str = "\
    SELECT rooms.id, rooms.name, room_heads.head FROM rooms JOIN room_heads ON room_heads.room = rooms.id \
    WHERE rooms.name = ANY($1) ORDER BY rooms.id FOR NO KEY UPDATE OF room_heads SKIP LOCKED";
const FIND_ROOMS: &str = "\
    SELECT rooms.id, rooms.name, room_heads.room IS NOT NULL FROM rooms \
    LEFT JOIN room_heads ON room_heads.room = rooms.id WHERE rooms.name = ANY($1)";
/// Two nodes that create the same rooms come to them in the same order.
const CREATE_ROOMS: &str = concat!(
    "INSERT INTO rooms (name, created_ms, active_ms) SELECT name, ",
    now_ms!(),
    ", ",
    now_ms!(),
    " FROM unnest($1::text[]) AS name ORDER BY name COLLATE \"C\" ON CONFLICT (name) DO NOTHING RETURNING id, name"
);
/// `rooms.active_ms` is only moved when it is older than a minute, or every batch would rewrite the rows of all its rooms; and not
/// while somebody decides about the room, for whom no batch is to wait.
const RAISE_HEADS: &str = concat!(
    "WITH raised AS (UPDATE room_heads SET head = head + grown.n FROM unnest($1::bigint[], $2::bigint[]) \
     AS grown (room, n) WHERE room_heads.room = grown.room RETURNING 1), \
     touched AS (UPDATE rooms SET active_ms = ",
    now_ms!(),
    " WHERE id IN (SELECT id FROM rooms WHERE id = ANY($1) AND active_ms < ",
    now_ms!(),
    " - 60000 FOR NO KEY UPDATE SKIP LOCKED)), \
     noted AS (UPDATE journal_nodes SET last_batch = $3, receipt = $4, updated_ms = ",
    now_ms!(),
    " WHERE node = $5) \
     SELECT count(*) FROM raised"
);
const INSERT_UPDATES: &str = "\
    INSERT INTO room_updates (room, seq, time_ms, author, bytes, checksum) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[])";

/// Writes the batch, or finds that it was written before. On an error the transaction must be rolled back.
pub async fn append(tx: &mut PgConnection, batch: &Batch) -> Result<Done<Receipt>, StoreError> {
    if let Some(receipt) = earlier_receipt(tx, batch).await? {
        return Ok(Done::Undo(receipt));
    }
    let held = take_rooms(tx, batch).await?;
    let got = |part: &crate::RoomAppend| {
        let (id, head) = *held.get(&*part.room)?;
        let first_seq = head.cast_unsigned() + 1;
        Some(RoomReceipt { id, first_seq })
    };
    let receipt = Receipt {
        rooms: batch.rooms.iter().map(got).collect(),
    };
    if held.is_empty() && !batch.rooms.is_empty() {
        return Ok(Done::Undo(receipt));
    }
    raise_heads(tx, batch, &receipt).await?;
    insert_updates(tx, batch, &receipt).await?;
    Ok(Done::Commit(receipt))
}

/// Takes the node's row, and waits for whoever has it.
async fn earlier_receipt(
    tx: &mut PgConnection,
    batch: &Batch,
) -> Result<Option<Receipt>, StoreError> {
    let node = &batch.node.key()[..];
    let mut last = node_row(tx, node).await?;
    if last.is_none() {
        // Below every number. Nobody ever sees it: this transaction replaces it, or is undone.
        sqlx::query(
            "INSERT INTO journal_nodes (node, last_batch, receipt, updated_ms) VALUES ($1, -1, '', 0) \
             ON CONFLICT (node) DO NOTHING",
        )
        .bind(node)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
        last = node_row(tx, node).await?;
    }
    let Some((last, receipt)) = last else {
        let sentence = format!("{DOING}: the row of node {} is gone", batch.node);
        return Err(StoreError::Unavailable(sentence));
    };
    match batch.number.cast_signed().cmp(&last) {
        std::cmp::Ordering::Greater => Ok(None),
        std::cmp::Ordering::Equal => receipt::decode_for(batch, &receipt).map(Some),
        std::cmp::Ordering::Less => Err(StoreError::Conflict(format!(
            "batch {} of node {} comes after its batch {last}",
            batch.number, batch.node
        ))),
    }
}

async fn node_row(
    tx: &mut PgConnection,
    node: &[u8],
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    sqlx::query_as("SELECT last_batch, receipt FROM journal_nodes WHERE node = $1 FOR UPDATE")
        .bind(node)
        .fetch_optional(tx)
        .await
        .map_err(failed)
}

/// Rooms that are ours until the end of the transaction: id and head by name.
type Held = HashMap<String, (RoomId, i64)>;

/// Locks what can be had, and creates what is not there yet.
async fn take_rooms(tx: &mut PgConnection, batch: &Batch) -> Result<Held, StoreError> {
    let names: Vec<&str> = batch.rooms.iter().map(|part| &*part.room).collect();
    let mut held = lock_rooms(tx, &names).await?;
    let left: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !held.contains_key(*name))
        .collect();
    let mut others = HashMap::new();
    if !left.is_empty() {
        others = find_rooms(tx, &left).await?;
    }
    let mut missing = Vec::new();
    for part in &batch.rooms {
        let found = held.get(&*part.room).map(|&(id, _)| id);
        let found = found.or_else(|| others.get(&*part.room).copied());
        match (part.id, found) {
            (Some(RoomId(given)), Some(RoomId(id))) if given != id => {
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
        held.extend(create_rooms(tx, &missing).await?);
    }
    // Nothing is held but our own row, so waiting for one of them can't close a circle.
    if held.is_empty() && !others.is_empty() && wait_for_one(tx, &others).await? {
        held = lock_rooms(tx, &names).await?;
    }
    Ok(held)
}

async fn lock_rooms(tx: &mut PgConnection, names: &[&str]) -> Result<Held, StoreError> {
    let locked: Vec<(i64, String, i64)> = sqlx::query_as(LOCK_ROOMS)
        .bind(names)
        .fetch_all(tx)
        .await
        .map_err(failed)?;
    let entry = |(id, name, head)| (name, (RoomId(id), head));
    Ok(locked.into_iter().map(entry).collect())
}

/// The ids of rooms that are there, held by whomever.
async fn find_rooms(
    tx: &mut PgConnection,
    names: &[&str],
) -> Result<HashMap<String, RoomId>, StoreError> {
    let found: Vec<(i64, String, bool)> = sqlx::query_as(FIND_ROOMS)
        .bind(names)
        .fetch_all(tx)
        .await
        .map_err(failed)?;
    let mut ids = HashMap::new();
    for (id, room, has_head) in found {
        if !has_head {
            let what = "its head is missing".to_owned();
            return Err(StoreError::Corrupt { room, what });
        }
        ids.insert(room, RoomId(id));
    }
    Ok(ids)
}

/// Those that another node creates at the same moment are not in the answer.
async fn create_rooms(tx: &mut PgConnection, names: &[&str]) -> Result<Held, StoreError> {
    let created: Vec<(i64, String)> = sqlx::query_as(CREATE_ROOMS)
        .bind(names)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let ids: Vec<i64> = created.iter().map(|&(id, _)| id).collect();
    sqlx::query("INSERT INTO room_heads (room, head) SELECT unnest($1::bigint[]), 0")
        .bind(&ids)
        .execute(tx)
        .await
        .map_err(failed)?;
    let entry = |(id, name)| (name, (RoomId(id), 0));
    Ok(created.into_iter().map(entry).collect())
}

/// Waits for the lowest room for a moment, so that whoever has nothing but held rooms does not ask in a circle. `false`
/// when it was not given up; the transaction is of no use then.
async fn wait_for_one(
    tx: &mut PgConnection,
    rooms: &HashMap<String, RoomId>,
) -> Result<bool, StoreError> {
    let ids: Vec<i64> = rooms.values().map(|id| id.0).collect();
    sqlx::query("SET LOCAL lock_timeout = '50ms'")
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    let waited = sqlx::query(
        "SELECT 1 FROM room_heads WHERE room = (SELECT min(id) FROM unnest($1::bigint[]) AS id) FOR NO KEY UPDATE",
    )
    .bind(&ids)
    .execute(&mut *tx)
    .await;
    match waited {
        Ok(_) => {}
        Err(error) if fault::is_locked(&error) => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    sqlx::query("SET LOCAL lock_timeout = '5s'")
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(true)
}

async fn raise_heads(
    tx: &mut PgConnection,
    batch: &Batch,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let (mut ids, mut grown) = (Vec::new(), Vec::new());
    for (part, got) in batch.rooms.iter().zip(&receipt.rooms) {
        if let Some(got) = got {
            ids.push(got.id.0);
            grown.push(part.updates.len() as i64);
        }
    }
    let raised: i64 = sqlx::query_scalar(RAISE_HEADS)
        .bind(&ids)
        .bind(&grown)
        .bind(batch.number.cast_signed())
        .bind(receipt::encode(batch, receipt))
        .bind(&batch.node.key()[..])
        .fetch_one(tx)
        .await
        .map_err(failed)?;
    if raised == ids.len() as i64 {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "{DOING}: {raised} heads were raised instead of {}",
        ids.len()
    )))
}

/// A row before it is written.
type Row<'a> = (RoomId, u64, &'a NewUpdate);

async fn insert_updates(
    tx: &mut PgConnection,
    batch: &Batch,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (part, got) in batch.rooms.iter().zip(&receipt.rooms) {
        if let Some(got) = got {
            let numbered = (got.first_seq..).zip(&part.updates);
            rows.extend(numbered.map(|(seq, update)| (got.id, seq, update)));
        }
    }
    let mut rest = &rows[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        if let Err(error) = insert(tx, now).await {
            return Err(match fault::is_unique_violation(&error) {
                true => blame(tx, receipt).await,
                false => failed(error),
            });
        }
        rest = later;
    }
    Ok(())
}

async fn insert(tx: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let rooms: Vec<i64> = rows.iter().map(|(id, ..)| id.0).collect();
    let seqs: Vec<i64> = rows.iter().map(|(_, seq, _)| seq.cast_signed()).collect();
    let times: Vec<i64> = rows.iter().map(|(.., update)| update.time_ms).collect();
    let authors: Vec<Option<&str>> = rows
        .iter()
        .map(|(.., update)| update.author.as_deref())
        .collect();
    let bytes: Vec<&[u8]> = rows.iter().map(|(.., update)| &update.bytes[..]).collect();
    let sums: Vec<i64> = rows
        .iter()
        .map(|(id, seq, update)| checksum::of_row(*id, *seq, &update.bytes))
        .collect();
    sqlx::query(INSERT_UPDATES)
        .bind(rooms)
        .bind(seqs)
        .bind(times)
        .bind(authors)
        .bind(bytes)
        .bind(sums)
        .execute(tx)
        .await?;
    Ok(())
}

/// How many rows go into one statement: at least one.
fn fitting(rows: &[Row<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |(.., update): &&Row<'_>| {
        bytes += update.bytes.len();
        bytes <= MAX_STATEMENT_BYTES
    };
    let fitting = rows.iter().take(MAX_STATEMENT_ROWS).take_while(fits);
    fitting.count().max(1)
}

/// Which room has a row beyond its head, so that the caller can set that room aside and go on with the others. Undoes
/// the transaction, in which nothing can be asked any more.
async fn blame(tx: &mut PgConnection, receipt: &Receipt) -> StoreError {
    let ids: Vec<i64> = receipt.rooms.iter().flatten().map(|got| got.id.0).collect();
    if let Err(error) = sqlx::query("ROLLBACK").execute(&mut *tx).await {
        return failed(error);
    }
    let found: Result<Option<(String, i64)>, _> = sqlx::query_as(
        "SELECT rooms.name, beyond.seq FROM rooms JOIN room_heads ON room_heads.room = rooms.id CROSS JOIN LATERAL \
         (SELECT min(seq) AS seq FROM room_updates WHERE room = rooms.id AND seq > room_heads.head) AS beyond \
         WHERE rooms.id = ANY($1) AND beyond.seq IS NOT NULL ORDER BY rooms.id LIMIT 1",
    )
    .bind(&ids)
    .fetch_optional(tx)
    .await;
    match found {
        Ok(Some((room, seq))) => StoreError::Corrupt {
            room,
            what: format!("row {seq} stands beyond the head"),
        },
        Ok(None) => {
            let sentence = format!("{DOING}: a row was refused as a duplicate of none");
            StoreError::Unavailable(sentence)
        }
        Err(error) => failed(error),
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::while_writing(DOING, &error)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn statements_stay_within_rows_and_bytes() {
        let rows_per_statement = |sizes: &[usize]| {
            let update = |&bytes: &usize| NewUpdate {
                bytes: Bytes::from(vec![0; bytes]),
                author: None,
                time_ms: 0,
            };
            let updates: Vec<NewUpdate> = sizes.iter().map(update).collect();
            let rows: Vec<Row<'_>> = updates.iter().map(|u| (RoomId(1), 1, u)).collect();
            fitting(&rows)
        };
        assert_eq!(rows_per_statement(&[1; 300]), 300);
        assert_eq!(
            rows_per_statement(&[0; MAX_STATEMENT_ROWS + 1]),
            MAX_STATEMENT_ROWS
        );
        assert_eq!(rows_per_statement(&[1 << 20; 5]), 4);
        assert_eq!(rows_per_statement(&[MAX_STATEMENT_BYTES; 5]), 1);
        assert_eq!(rows_per_statement(&[MAX_STATEMENT_BYTES * 2, 1]), 1);
    }
}
