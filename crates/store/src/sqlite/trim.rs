//! Deletes rows and snapshots of a room in steps that other writers hardly feel.
//!
//! Knows tables, and leaves what may go to `trimming`. The rules: every step decides anew, in its own transaction,
//! whether the plan still holds; and rows go in ascending order, so that what is left is contiguous at every moment.

use sqlx::{SqliteConnection, SqlitePool};

use super::{fault, snapshots};
use crate::trimming::{self, COVER, Standing};
use crate::{RoomId, StoreError, Trim, Trimmed};

/// What one step deletes at most: rows, and bytes of updates in them, unless one alone has more. Some 40 ms.
const STEP_ROWS: i64 = 2_000;
const STEP_BYTES: u64 = 1 << 20;

/// Version and sequence number of the newest snapshots that were found to be sound, newest first.
///
/// Reads their bytes, so it is done before any transaction that writes. A snapshot never changes; whether it is still
/// there is asked again by each step.
pub async fn sound(readers: &SqlitePool, room: RoomId) -> Result<Vec<(u64, u64)>, StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable("trim a room", &e);
    let mut tx = readers.begin().await.map_err(failed)?;
    let mut sound = Vec::new();
    for version in snapshots::versions(&mut tx, room).await.map_err(failed)? {
        if let Some(Ok(snapshot)) = snapshots::read(&mut tx, room, version).await? {
            sound.push((version, snapshot.info.seq));
        }
        if sound.len() == COVER {
            break;
        }
    }
    tx.rollback().await.map_err(failed)?;
    Ok(sound)
}

/// What is left of a plan.
pub struct Steps {
    left: Trim,
}

impl Steps {
    pub fn new(trim: &Trim) -> Self {
        Self { left: trim.clone() }
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.left.rows.is_empty() && self.left.versions.is_empty()
    }

    /// Deletes some rows, or one snapshot.
    pub async fn next(
        &mut self,
        tx: &mut SqliteConnection,
        sound: &[(u64, u64)],
    ) -> Result<Trimmed, StoreError> {
        let failed = |e: sqlx::Error| fault::unavailable("trim a room", &e);
        self.allow(tx, sound).await?;
        let room = self.left.room.0;
        let mut trimmed = Trimmed::default();
        if !self.left.rows.is_empty() {
            let last = self.step_end(tx).await.map_err(failed)?;
            let gone =
                sqlx::query("DELETE FROM room_updates WHERE room = ?1 AND seq BETWEEN ?2 AND ?3")
                    .bind(room)
                    .bind(self.left.rows.start().cast_signed())
                    .bind(last.cast_signed())
                    .execute(tx)
                    .await
                    .map_err(failed)?;
            trimmed.rows = gone.rows_affected();
            self.left.rows = last + 1..=*self.left.rows.end();
        } else if let Some(version) = self.left.versions.pop() {
            let gone = sqlx::query("DELETE FROM room_snapshots WHERE room = ?1 AND version = ?2")
                .bind(room)
                .bind(i64::try_from(version).unwrap_or(i64::MAX))
                .execute(tx)
                .await
                .map_err(failed)?;
            trimmed.snapshots = gone.rows_affected();
        }
        Ok(trimmed)
    }

    async fn allow(
        &self,
        tx: &mut SqliteConnection,
        sound: &[(u64, u64)],
    ) -> Result<(), StoreError> {
        let failed = |e: sqlx::Error| fault::unavailable("trim a room", &e);
        let versions = snapshots::versions(tx, self.left.room).await;
        let versions = versions.map_err(failed)?;
        let first_row: Option<i64> =
            sqlx::query_scalar("SELECT min(seq) FROM room_updates WHERE room = ?1")
                .bind(self.left.room.0)
                .fetch_one(tx)
                .await
                .map_err(failed)?;
        let still = |(version, _): &&(u64, u64)| versions.contains(version);
        let standing = Standing {
            sound: sound.iter().filter(still).copied().collect(),
            versions,
            first_row: first_row.map(i64::cast_unsigned),
        };
        trimming::allow(&self.left, &standing)
    }

    /// The last row of this step. Lengths stand before the bytes, whose pages are not read for them.
    async fn step_end(&self, tx: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
        let (first, last) = (*self.left.rows.start(), *self.left.rows.end());
        let sizes: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT seq, length(bytes) FROM room_updates WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 \
             ORDER BY seq LIMIT ?4",
        )
        .bind(self.left.room.0)
        .bind(first.cast_signed())
        .bind(last.cast_signed())
        .bind(STEP_ROWS)
        .fetch_all(tx)
        .await?;
        let mut bytes = 0;
        for (nth, (seq, len)) in sizes.iter().enumerate() {
            bytes += len.unsigned_abs();
            if nth > 0 && bytes > STEP_BYTES {
                return Ok(seq.cast_unsigned() - 1);
            }
        }
        match sizes.last() {
            Some((seq, _)) if sizes.len() as i64 == STEP_ROWS => Ok(seq.cast_unsigned()),
            // There are no more.
            _ => Ok(last),
        }
    }
}
