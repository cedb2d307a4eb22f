//! Objects to which nothing refers any more.
//!
//! The rule: what is to be deleted is written down in the transaction that takes away the last row that referred to it.

use sqlx::Row as _;

use super::{Conn, FORGETTING, failed};
use crate::{Orphans, StoreError};

/// Some behind this one, oldest first.
pub async fn some(conn: &mut Conn, after: i64) -> Result<Vec<Orphans>, StoreError> {
    let found = sqlx::query("SELECT id, prefix FROM orphans WHERE id > $1 ORDER BY id LIMIT 100")
        .bind(after)
        .fetch_all(conn)
        .await
        .map_err(failed(FORGETTING))?;
    let read = |row: &super::Row| {
        let prefix: String = row.try_get("prefix")?;
        Ok(Orphans {
            id: row.try_get("id")?,
            prefix: prefix.into(),
        })
    };
    let read: Result<_, sqlx::Error> = found.iter().map(read).collect();
    read.map_err(failed(FORGETTING))
}

/// They are deleted.
pub async fn forget(conn: &mut Conn, id: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM orphans WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map_err(failed(FORGETTING))?;
    Ok(())
}

/// Writes down that what begins so is to be deleted.
pub async fn add(conn: &mut Conn, prefix: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO orphans (prefix) VALUES ($1)")
        .bind(prefix)
        .execute(conn)
        .await
        .map_err(failed(FORGETTING))?;
    Ok(())
}
