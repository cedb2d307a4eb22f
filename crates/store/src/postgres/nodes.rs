//! Which nodes live: each holds a lock as long as its connection does.
//!
//! Knows one table. The rule: a node is dead when its lock is free, or when it was silent for long by the database's clock.

use sqlx::PgConnection;

use super::fault;
use super::records::NOTING;
use crate::room_record::NODE_GONE;
use crate::{Incarnation, StoreError};

/// A node from the future was seen by a clock that was wrong. `held` says whether a free lock would mean that its holder is
/// gone: a lock does not outlive the server that it was taken of.
const OTHERS: &str = concat!(
    "SELECT node, abs(",
    now_ms!(),
    " - seen_ms) > $2 AS silent, \
     seen_ms > extract(epoch FROM pg_postmaster_start_time()) * 1000 AS held FROM nodes WHERE node <> $1 FOR UPDATE SKIP LOCKED"
);

/// Takes a node's lock for as long as this connection lives: others see by it that the node does.
pub async fn live(conn: &mut PgConnection, node: Incarnation) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(lock_of(&node.key()))
        .execute(conn)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Gives it back.
pub async fn leave(conn: &mut PgConnection, node: Incarnation) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(lock_of(&node.key()))
        .execute(conn)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Nodes that do not live any more, each told to one that asks only.
pub async fn dead(tx: &mut PgConnection, node: Incarnation) -> Result<Vec<Vec<u8>>, StoreError> {
    let others: Vec<(Vec<u8>, bool, bool)> = sqlx::query_as(OTHERS)
        .bind(&node.key()[..])
        .bind(NODE_GONE.as_millis() as i64)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let mut dead = Vec::new();
    for (other, silent, held) in others {
        let gone = silent || held && lock_is_free(tx, &other).await?;
        if gone {
            dead.push(other);
        }
    }
    Ok(dead)
}

async fn lock_is_free(tx: &mut PgConnection, node: &[u8]) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(lock_of(node))
        .fetch_one(tx)
        .await
        .map_err(failed)
}

/// The number of a node's lock: both halves of its own, folded.
fn lock_of(node: &[u8]) -> i64 {
    let halves = node.chunks_exact(8).filter_map(|half| half.try_into().ok());
    halves
        .map(i64::from_be_bytes)
        .fold(0, |lock, half| lock ^ half)
}

fn failed(error: sqlx::Error) -> StoreError {
    fault::unavailable(NOTING, &error)
}
