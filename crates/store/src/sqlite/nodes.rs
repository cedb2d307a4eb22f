//! Which nodes do not live any more, as far as SQLite can tell.
//!
//! Knows one table. The rule: where only one node can use the file, all others are gone; else silence tells.

use sqlx::SqliteConnection;

use super::fault;
use super::records::NOTING;
use crate::room_record::NODE_GONE;
use crate::{Incarnation, StoreError};

/// A node from the future was seen by a clock that was wrong.
const DEAD: &str = concat!(
    "SELECT node FROM nodes WHERE node <> $1 AND abs(",
    now_ms!(),
    " - seen_ms) > $2"
);

/// Which nodes do not live any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// All but the one that asks.
    Others,
    /// Those that were not heard for long.
    Silent,
}

/// Those that are gone, as one sees it that lives.
pub async fn dead(
    tx: &mut SqliteConnection,
    node: Incarnation,
    gone: Gone,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let silence = match gone {
        Gone::Others => -1,
        Gone::Silent => NODE_GONE.as_millis() as i64,
    };
    sqlx::query_scalar(DEAD)
        .bind(&node.key()[..])
        .bind(silence)
        .fetch_all(tx)
        .await
        .map_err(|e| fault::unavailable(NOTING, &e))
}
