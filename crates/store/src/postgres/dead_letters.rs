//! Dead letters in Postgres: added, thinned, read.
//!
//! Knows one table. The rule: whoever adds excludes others who do, and lets the oldest go in the same transaction.

use std::sync::Arc;

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};

use super::fault;
use crate::dead_letter::{MAX_LETTER_BYTES, MAX_LETTERS, MAX_LETTERS_A_ROOM};
use crate::{DeadLetter, Specimen, StoreError};

/// What they are called in errors.
pub const ADDING: &str = "keep a dead letter";

/// Readers are not kept out by it.
const ALONE: &str = "LOCK TABLE dead_letters IN SHARE ROW EXCLUSIVE MODE";

/// Adds them in order, and lets the oldest go.
pub async fn add(tx: &mut PgConnection, letters: &[DeadLetter]) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(ADDING, &e);
    sqlx::query(ALONE).execute(&mut *tx).await.map_err(failed)?;
    for letter in letters {
        let specimen = &letter.specimen;
        sqlx::query(
            "INSERT INTO dead_letters (room, time_ms, reason, detail, sha256, length, bytes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&*letter.room)
        .bind(letter.time_ms)
        .bind(&*letter.reason)
        .bind(&*letter.detail)
        .bind(&specimen.sha256[..])
        .bind(specimen.len.cast_signed())
        .bind(&specimen.bytes[..])
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
        sqlx::query(
            "DELETE FROM dead_letters WHERE room = $1 AND id <= \
             (SELECT id FROM dead_letters WHERE room = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        )
        .bind(&*letter.room)
        .bind(MAX_LETTERS_A_ROOM as i64)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    }
    sqlx::query(
        "DELETE FROM dead_letters WHERE id <= \
         (SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET $1)",
    )
    .bind(MAX_LETTERS as i64)
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    // The length of bytes that are stored uncompressed is known without reading them.
    sqlx::query(
        "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM (SELECT id, \
         sum(length(bytes)) OVER (ORDER BY id DESC) AS newer FROM dead_letters) AS kept WHERE newer > $1)",
    )
    .bind(MAX_LETTER_BYTES as i64)
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    Ok(())
}

/// Those of a room, newest first.
pub async fn of_room(from: impl PgExecutor<'_>, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = sqlx::query(
        "SELECT room, time_ms, reason, detail, sha256, length, bytes FROM dead_letters \
         WHERE room = $1 ORDER BY id DESC",
    )
    .bind(room)
    .fetch_all(from)
    .await;
    let read = rows.and_then(|rows| rows.iter().map(letter).collect());
    read.map_err(|e| fault::while_reading(room, &e))
}

fn letter(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let text = |name| row.try_get::<String, _>(name);
    let decode = |index: &str, source| sqlx::Error::ColumnDecode {
        index: index.to_owned(),
        source,
    };
    let sha256: Vec<u8> = row.try_get("sha256")?;
    let sha256 = sha256.try_into();
    let sha256 = sha256.map_err(|_| decode("sha256", "a hash has 32 bytes".into()))?;
    let len: i64 = row.try_get("length")?;
    let len = u64::try_from(len).map_err(|e| decode("length", e.into()))?;
    let bytes: Vec<u8> = row.try_get("bytes")?;
    Ok(DeadLetter {
        room: text("room")?.into(),
        time_ms: row.try_get("time_ms")?,
        reason: Arc::from(text("reason")?),
        detail: text("detail")?,
        specimen: Specimen {
            sha256,
            len,
            bytes: Bytes::from(bytes),
        },
    })
}
