//! Dead letters in a database: added, thinned, read.
//!
//! Knows one table; one source for both databases, compiled into each. The rule: whoever adds excludes others who do, and lets the
//! oldest go in the same transaction.

use super::dialect::{Conn, alone_with};
use super::fault;
use crate::dead_letter::{MAX_LETTER_BYTES, MAX_LETTERS, MAX_LETTERS_A_ROOM, StoredLetter};
use crate::{DeadLetter, StoreError};

/// What they are called in errors.
pub const ADDING: &str = "keep a dead letter";
pub const READING: &str = "read dead letters";

/// Adds them in order, and lets the oldest go.
pub async fn add(tx: &mut Conn, letters: &[DeadLetter]) -> Result<(), StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(ADDING, &e);
    let alone = alone_with(tx, "dead_letters").await;
    alone.map_err(failed)?;
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
    // The length of bytes is known without reading them.
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
pub async fn of_room(conn: &mut Conn, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
    let found: Vec<StoredLetter> = sqlx::query_as(
        "SELECT room, time_ms, reason, detail, sha256, length, bytes FROM dead_letters \
         WHERE room = $1 ORDER BY id DESC",
    )
    .bind(room)
    .fetch_all(conn)
    .await
    .map_err(|e| fault::while_reading(room, &e))?;
    found.into_iter().map(DeadLetter::from_stored).collect()
}
