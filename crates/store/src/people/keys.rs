//! Keys that make repeated requests harmless.
//!
//! The rule: a key is written before what it is for, so that of two requests with one key one does nothing.

use sqlx::Row as _;

use super::{CLAIMING, Conn, failed};
use crate::admission::{KEY_ABANDONED_MS, KEY_LIFE_MS};
use crate::{IdempotencyKey, KeyClaim, RoomId, SecretHash, StoreError};

/// Expired keys that go with each new one.
const FORGET_KEYS: &str = concat!(
    "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys WHERE time_ms <= $1 LIMIT 100",
    skip_locked!(),
    ")"
);

/// Makes room for a new one: some of those go that are no newer than the oldest that still count.
pub async fn forget_expired(
    conn: &mut Conn,
    oldest: i64,
    doing: &'static str,
) -> Result<(), StoreError> {
    let forgotten = sqlx::query(FORGET_KEYS).bind(oldest).execute(conn).await;
    forgotten.map_err(failed(doing))?;
    Ok(())
}

/// Takes one, or says what stands in the way.
pub async fn claim(
    conn: &mut Conn,
    room: RoomId,
    given: &IdempotencyKey,
    time_ms: i64,
) -> Result<KeyClaim, StoreError> {
    let oldest = time_ms.saturating_sub(KEY_LIFE_MS);
    forget_expired(conn, oldest, CLAIMING).await?;
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys (key, request, room, time_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE \
         SET request = excluded.request, room = excluded.room, made = NULL, time_ms = excluded.time_ms \
         WHERE idempotency_keys.time_ms <= $5 OR idempotency_keys.request = excluded.request \
         AND idempotency_keys.made IS NULL AND idempotency_keys.time_ms <= $6",
    )
    .bind(&given.key[..])
    .bind(&given.request[..])
    .bind(room.0)
    .bind(time_ms)
    .bind(oldest)
    .bind(time_ms.saturating_sub(KEY_ABANDONED_MS))
    .execute(&mut *conn)
    .await
    .map_err(failed(CLAIMING))?;
    if taken.rows_affected() > 0 {
        return Ok(KeyClaim::Yes);
    }
    let found = sqlx::query("SELECT request, made FROM idempotency_keys WHERE key = $1")
        .bind(&given.key[..])
        .fetch_optional(conn)
        .await;
    let read = found.and_then(|row| match row {
        // It was free again just now.
        None => Ok(KeyClaim::Underway),
        Some(row) => {
            let request: Vec<u8> = row.try_get("request")?;
            let made: Option<i64> = row.try_get("made")?;
            Ok(match (request == given.request, made) {
                (false, _) => KeyClaim::KeyReused,
                (true, Some(made)) => KeyClaim::Before(made),
                (true, None) => KeyClaim::Underway,
            })
        }
    });
    read.map_err(failed(CLAIMING))
}

/// It stands for what was made, or is free again.
pub async fn fulfil(
    conn: &mut Conn,
    key: &SecretHash,
    made: Option<i64>,
) -> Result<(), StoreError> {
    let kept = match made {
        Some(made) => sqlx::query("UPDATE idempotency_keys SET made = $2 WHERE key = $1")
            .bind(&key[..])
            .bind(made),
        None => sqlx::query("DELETE FROM idempotency_keys WHERE key = $1").bind(&key[..]),
    };
    kept.execute(conn).await.map_err(failed(CLAIMING))?;
    Ok(())
}
