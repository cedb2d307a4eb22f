//! What the sources that are compiled for both databases have to know of Postgres.
//!
//! Knows no tables. The rule: the same words stand in the other database's file, and mean the same.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault;
use crate::StoreError;

/// A connection on which a transaction may have begun.
pub type Conn = PgConnection;
/// What is found.
pub type Row = PgRow;
/// The store.
pub type Db = super::PostgresStore;

/// Keeps others from writing a table until the end of the transaction. Readers are not kept out.
pub async fn alone_with(conn: &mut Conn, table: &'static str) -> Result<(), sqlx::Error> {
    let lock = format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(conn).await?;
    Ok(())
}

/// What is written so has to survive the process, not the power of the database's machine.
pub async fn unsynced(conn: &mut Conn, doing: &str) -> Result<(), StoreError> {
    let set = sqlx::query("SET LOCAL synchronous_commit = off");
    let set = set.execute(conn).await;
    set.map_err(|e| fault::unavailable(doing, &e))?;
    Ok(())
}

/// Tells all nodes that something has become of an export, once the transaction is committed.
pub async fn announce(conn: &mut Conn, doing: &str) -> Result<(), StoreError> {
    let told = sqlx::query("SELECT pg_notify($1, '')").bind(super::bell::CHANNEL);
    let told = told.execute(conn).await;
    told.map_err(|e| fault::unavailable(doing, &e))?;
    Ok(())
}

/// The end of a SELECT that takes what it finds. Rows that refer to it can be written meanwhile.
macro_rules! for_change {
    () => {
        " FOR NO KEY UPDATE"
    };
}

/// The end of a SELECT that takes what nobody else has.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}

/// A SELECT of the texts in a JSON array, as `value`.
macro_rules! texts {
    ($list:literal) => {
        concat!(
            "SELECT value FROM jsonb_array_elements_text(",
            $list,
            "::jsonb) AS value"
        )
    };
}

/// Whether a column has a text in it, which is in small letters of ASCII.
macro_rules! contains {
    ($column:literal, $text:literal) => {
        concat!("strpos(lower(", $column, "), ", $text, ") > 0")
    };
}

/// One statement that reads.
macro_rules! reading {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {
        super::link::in_time($doing, async {
            let mut acquired = $store.pool.acquire($doing).await?;
            let $conn: &mut super::dialect::Conn = &mut acquired;
            $call.await
        })
        .await
    };
}

/// A transaction that writes.
macro_rules! writing {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {
        super::link::in_time($doing, async {
            let mut tx = $store.pool.write($doing).await?;
            let $conn: &mut super::dialect::Conn = &mut tx;
            let done = $call.await?;
            tx.commit().await?;
            Ok(done)
        })
        .await
    };
}

/// A transaction that need not survive a power cut.
macro_rules! writing_unsynced {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {
        super::link::in_time($doing, async {
            let mut tx = $store.pool.write($doing).await?;
            super::dialect::unsynced(&mut tx, $doing).await?;
            let $conn: &mut super::dialect::Conn = &mut tx;
            let done = $call.await?;
            tx.commit().await?;
            Ok(done)
        })
        .await
    };
}
