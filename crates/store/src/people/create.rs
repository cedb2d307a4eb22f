//! Makes a room, once for each key.
//!
//! The rule: the key is written before the room, so that of two requests with one key the second waits for what becomes of the first.

use super::keys::forget_expired;
use super::{CREATING, Conn, fault, rows};
use crate::admission::{FIRST_ACCESS_VERSION, KEY_LIFE_MS};
use crate::{Created, IdempotencyKey, NewRoom, RoomEntry, StoreError};

/// Makes it, or finds what an earlier request with the same key made.
pub async fn create(conn: &mut Conn, new: &NewRoom) -> Result<Created, StoreError> {
    if let Some(given) = &new.idempotency
        && !take_key(conn, given, new.time_ms).await?
    {
        return made_before(conn, given).await;
    }
    let made = insert(conn, new).await?;
    if let Some(given) = &new.idempotency {
        keep_key(conn, given, made.as_ref()).await?;
    }
    Ok(made.map_or(Created::Taken, Created::New))
}

/// `false` when the key was used before.
async fn take_key(
    conn: &mut Conn,
    given: &IdempotencyKey,
    time_ms: i64,
) -> Result<bool, StoreError> {
    let oldest = time_ms.saturating_sub(KEY_LIFE_MS);
    forget_expired(conn, oldest, CREATING).await?;
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys (key, request, time_ms) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE \
         SET request = excluded.request, room = NULL, made = NULL, time_ms = excluded.time_ms \
         WHERE idempotency_keys.time_ms <= $4",
    )
    .bind(&given.key[..])
    .bind(&given.request[..])
    .bind(time_ms)
    .bind(oldest)
    .execute(conn)
    .await
    .map_err(failed)?;
    Ok(taken.rows_affected() > 0)
}

async fn made_before(conn: &mut Conn, given: &IdempotencyKey) -> Result<Created, StoreError> {
    let sql = concat!(
        "SELECT idempotency_keys.request, ",
        room_columns!(),
        " FROM idempotency_keys JOIN rooms ON rooms.id = idempotency_keys.room WHERE idempotency_keys.key = $1"
    );
    let found = sqlx::query(sql)
        .bind(&given.key[..])
        .fetch_optional(conn)
        .await
        .map_err(failed)?;
    let Some(row) = found else {
        let sentence = format!("{CREATING}: the room of an earlier request is being purged");
        return Err(StoreError::Unavailable(sentence));
    };
    let request: Vec<u8> = sqlx::Row::try_get(&row, "request").map_err(failed)?;
    if request != given.request {
        return Ok(Created::KeyReused);
    }
    rows::room(&row).map(Created::Before).map_err(failed)
}

/// The key stands for the room, or is free again where there is none.
async fn keep_key(
    conn: &mut Conn,
    given: &IdempotencyKey,
    made: Option<&RoomEntry>,
) -> Result<(), StoreError> {
    let kept = match made {
        Some(room) => sqlx::query("UPDATE idempotency_keys SET room = $2 WHERE key = $1")
            .bind(&given.key[..])
            .bind(room.id.0),
        None => sqlx::query("DELETE FROM idempotency_keys WHERE key = $1").bind(&given.key[..]),
    };
    kept.execute(conn).await.map_err(failed)?;
    Ok(())
}

async fn insert(conn: &mut Conn, new: &NewRoom) -> Result<Option<RoomEntry>, StoreError> {
    let sql = concat!(
        "INSERT INTO rooms (name, title, owner, visibility, link_role, password, frontend, viewers_export, \
         created_ms, active_ms, access_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10) \
         ON CONFLICT (name) DO NOTHING RETURNING ",
        room_columns!()
    );
    let made = sqlx::query(sql)
        .bind(&*new.name)
        .bind(new.title.as_deref())
        .bind(new.owner.as_deref())
        .bind(rows::stored_visibility(new.visibility))
        .bind(new.link_role.as_str())
        .bind(new.password.as_deref())
        .bind(new.frontend.as_deref())
        .bind(new.viewers_export)
        .bind(new.time_ms)
        .bind(rows::stored(FIRST_ACCESS_VERSION))
        .fetch_optional(&mut *conn)
        .await
        .map_err(|e| fault::while_writing(CREATING, &e))?;
    let Some(row) = made else {
        return Ok(None);
    };
    let room = rows::room(&row).map_err(failed)?;
    sqlx::query("INSERT INTO room_heads (room, head) VALUES ($1, 0)")
        .bind(room.id.0)
        .execute(conn)
        .await
        .map_err(failed)?;
    Ok(Some(room))
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::unavailable(CREATING, &error)
}
