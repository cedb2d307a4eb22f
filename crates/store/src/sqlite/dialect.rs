//! What the sources that are compiled for both databases have to know of SQLite.
//!
//! Knows no tables. The rule: the same words stand in the other database's file, and mean the same.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;

/// A connection on which a transaction may have begun.
pub type Conn = SqliteConnection;
/// What is found.
pub type Row = SqliteRow;
/// The store.
pub type Db = super::SqliteStore;

/// Nobody else writes anyway.
pub async fn alone_with(_: &mut Conn, _: &'static str) -> Result<(), sqlx::Error> {
    Ok(())
}

/// There are no other nodes.
pub async fn announce(_: &mut Conn, _: &str) -> Result<(), StoreError> {
    Ok(())
}

/// Milliseconds since 1970, as SQL.
macro_rules! now_ms {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

/// The end of a SELECT that takes what it finds: whoever writes is alone.
macro_rules! for_change {
    () => {
        ""
    };
}

/// The end of a SELECT that takes what nobody else has.
macro_rules! skip_locked {
    () => {
        ""
    };
}

/// A SELECT of the texts in a JSON array, as `value`.
macro_rules! texts {
    ($list:literal) => {
        concat!("SELECT value FROM json_each(", $list, ")")
    };
}

/// Whether a column has a text in it, which is in small letters of ASCII.
macro_rules! contains {
    ($column:literal, $text:literal) => {
        concat!("instr(lower(", $column, "), ", $text, ") > 0")
    };
}

/// One statement that reads.
macro_rules! reading {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {{
        $store.check_database()?;
        let acquired = $store.readers.acquire().await;
        let mut acquired = acquired.map_err(|e| super::fault::unavailable($doing, &e))?;
        let $conn: &mut super::dialect::Conn = &mut acquired;
        $call.await
    }};
}

/// A transaction that writes.
macro_rules! writing {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {{
        let mut writing = $store.write($doing).await?;
        let $conn = writing.conn();
        let done = $call.await;
        writing.end(done).await
    }};
}

/// A transaction that need not survive a power cut.
macro_rules! writing_unsynced {
    ($store:expr, $doing:expr, $conn:ident => $call:expr) => {{
        let (_turn, mut writing) = $store.write_unsynced($doing).await?;
        let $conn = writing.conn();
        let done = $call.await;
        writing.end(done).await
    }};
}
