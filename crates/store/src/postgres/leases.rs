//! Leases: who may do a task to a room.
//!
//! Knows one table. The rule: only the database's clock counts, so that nodes need not agree on the time.

use sqlx::PgExecutor;

use super::fault;
use crate::snapshot::MAX_LEASE;
use crate::{Lease, StoreError};

/// What it is called in errors.
pub const TAKING: &str = "take a lease";
pub const GIVING_BACK: &str = "give a lease back";

const TAKE: &str = concat!(
    "INSERT INTO room_leases (room, task, holder, until_ms) VALUES ($1, $2, $3, ",
    now_ms!(),
    " + $4) \
     ON CONFLICT (room, task) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
     WHERE room_leases.holder = excluded.holder OR room_leases.until_ms <= ",
    now_ms!(),
    " OR room_leases.until_ms > ",
    now_ms!(),
    " + $5"
);

/// Takes or renews; `false` while another holder's has not run out.
pub async fn take(to: impl PgExecutor<'_>, lease: &Lease) -> Result<bool, StoreError> {
    let taken = sqlx::query(TAKE)
        .bind(lease.room.0)
        .bind(lease.task)
        .bind(&lease.holder.key()[..])
        .bind(i64::try_from(lease.ttl.as_millis()).unwrap_or(i64::MAX))
        .bind(MAX_LEASE.as_millis() as i64)
        .execute(to)
        .await;
    match taken {
        Ok(done) => Ok(done.rows_affected() > 0),
        Err(error) if fault::is_foreign_key_violation(&error) => Err(fault::no_room(lease.room)),
        Err(error) => Err(fault::unavailable(TAKING, &error)),
    }
}

/// Gives it back, if it is that holder's.
pub async fn release(to: impl PgExecutor<'_>, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM room_leases WHERE room = $1 AND task = $2 AND holder = $3")
        .bind(lease.room.0)
        .bind(lease.task)
        .bind(&lease.holder.key()[..])
        .execute(to)
        .await
        .map_err(|e| fault::unavailable(GIVING_BACK, &e))?;
    Ok(())
}
