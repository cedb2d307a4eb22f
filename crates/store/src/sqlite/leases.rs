//! Leases: who may do a task to a room.
//!
//! Knows one table and the wall clock it is given. The rule: at any moment of that clock a lease has one holder.

use sqlx::SqliteConnection;

use super::fault;
use crate::snapshot::MAX_LEASE;
use crate::{Lease, StoreError};

/// Takes or renews; `false` while another holder's has not run out.
pub async fn take(
    tx: &mut SqliteConnection,
    lease: &Lease,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO room_leases (room, task, holder, until_ms) VALUES (?1, ?2, ?3, ?4 + ?5) \
         ON CONFLICT (room, task) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
         WHERE holder = excluded.holder OR until_ms <= ?4 OR until_ms > ?4 + ?6",
    )
    .bind(lease.room.0)
    .bind(lease.task)
    .bind(&lease.holder.key()[..])
    .bind(now_ms)
    .bind(i64::try_from(lease.ttl.as_millis()).unwrap_or(i64::MAX))
    .bind(MAX_LEASE.as_millis() as i64)
    .execute(tx)
    .await;
    match taken {
        Ok(done) => Ok(done.rows_affected() > 0),
        Err(error) if fault::is_foreign_key_violation(&error) => Err(fault::no_room(lease.room)),
        Err(error) => Err(fault::unavailable("take a lease", &error)),
    }
}

/// Gives it back, if it is that holder's.
pub async fn release(tx: &mut SqliteConnection, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM room_leases WHERE room = ?1 AND task = ?2 AND holder = ?3")
        .bind(lease.room.0)
        .bind(lease.task)
        .bind(&lease.holder.key()[..])
        .execute(tx)
        .await
        .map_err(|e| fault::unavailable("give a lease back", &e))?;
    Ok(())
}
