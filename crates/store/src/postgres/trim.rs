//! Deletes rows and snapshots of a room in steps, none of which keeps others waiting for long.
//!
//! Knows tables, and leaves what may go to `trimming`. The rules: every step decides anew, in its own transaction, whether
//! the plan still holds; and rows go in ascending order, so that what is left is contiguous at every moment. No step takes
//! the room's head. Two that trim a room at once can only find that more is covered than they thought.

use sqlx::PgConnection;

use super::{Pool, fault, snapshots};
use crate::trimming::{self, COVER, Standing};
use crate::{RoomId, StoreError, Trim, Trimmed};

/// What it is called in errors.
pub const DOING: &str = "trim a room";

/// What one step deletes at most: some tens of milliseconds.
const STEP_ROWS: i64 = 5_000;

/// Version and sequence number of the newest snapshots that were found to be sound, newest first. Reads their bytes.
pub async fn sound(pool: &Pool, room: RoomId) -> Result<Vec<(u64, u64)>, StoreError> {
    let failed = |e: sqlx::Error| fault::unavailable(DOING, &e);
    let mut tx = pool.read(DOING).await?;
    let mut sound = Vec::new();
    for (version, _) in snapshots::versions(&mut tx, room).await.map_err(failed)? {
        if let Some(Ok(snapshot)) = snapshots::read(&mut tx, room, version).await? {
            sound.push((version, snapshot.info.seq));
        }
        if sound.len() == COVER {
            break;
        }
    }
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
        tx: &mut PgConnection,
        sound: &[(u64, u64)],
    ) -> Result<Trimmed, StoreError> {
        let failed = |e: sqlx::Error| fault::unavailable(DOING, &e);
        self.allow(tx, sound).await?;
        let room = self.left.room.0;
        let mut trimmed = Trimmed::default();
        if !self.left.rows.is_empty() {
            let last = self.step_end(tx).await.map_err(failed)?;
            let gone =
                sqlx::query("DELETE FROM room_updates WHERE room = $1 AND seq BETWEEN $2 AND $3")
                    .bind(room)
                    .bind(self.left.rows.start().cast_signed())
                    .bind(last.cast_signed())
                    .execute(tx)
                    .await
                    .map_err(failed)?;
            trimmed.rows = gone.rows_affected();
            self.left.rows = last + 1..=*self.left.rows.end();
        } else if let Some(version) = self.left.versions.pop() {
            let gone = sqlx::query("DELETE FROM room_snapshots WHERE room = $1 AND version = $2")
                .bind(room)
                .bind(snapshots::number(version))
                .execute(tx)
                .await
                .map_err(failed)?;
            trimmed.snapshots = gone.rows_affected();
        }
        Ok(trimmed)
    }

    async fn allow(&self, tx: &mut PgConnection, sound: &[(u64, u64)]) -> Result<(), StoreError> {
        let failed = |e: sqlx::Error| fault::unavailable(DOING, &e);
        let versions = snapshots::versions(tx, self.left.room).await;
        let versions = versions.map_err(failed)?;
        let versions: Vec<u64> = versions.into_iter().map(|(version, _)| version).collect();
        let first_row: Option<i64> =
            sqlx::query_scalar("SELECT min(seq) FROM room_updates WHERE room = $1")
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

    /// The last row of this step.
    async fn step_end(&self, tx: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let (first, last) = (*self.left.rows.start(), *self.left.rows.end());
        let nth: Option<i64> = sqlx::query_scalar(
            "SELECT seq FROM room_updates WHERE room = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq OFFSET $4 LIMIT 1",
        )
        .bind(self.left.room.0)
        .bind(first.cast_signed())
        .bind(last.cast_signed())
        .bind(STEP_ROWS - 1)
        .fetch_optional(tx)
        .await?;
        // There are no more than one step takes.
        Ok(nth.map_or(last, i64::cast_unsigned))
    }
}
