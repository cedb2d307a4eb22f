//! The only writing connection, and the transactions on it.
//!
//! Knows nothing of what is written. The rule: a connection on which anything went wrong, or whose user was dropped
//! half-way, is never used again, because nobody knows what state its transaction is in.

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::MutexGuard;

use super::fault;
use crate::{StoreError, point};

/// Takes the lock of the only writer at once: a transaction that reads first and wants to write later can fail
/// half-way instead of waiting.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

/// Where the connection is.
pub enum Writer {
    Ready(SqliteConnection),
    /// Taken by a call that is under way, or that was dropped or failed: the next one opens another.
    Gone,
    Closed,
}

/// A transaction that excludes every other writer. Dropped before its end, it is undone, and the connection is closed.
pub struct Writing<'a> {
    slot: MutexGuard<'a, Writer>,
    conn: SqliteConnection,
    doing: &'static str,
}

impl<'a> Writing<'a> {
    /// Begins on a connection that was taken out of its slot. `doing` is for errors, for example "append a batch".
    pub async fn begin(
        mut slot: MutexGuard<'a, Writer>,
        mut conn: SqliteConnection,
        doing: &'static str,
    ) -> Result<Self, StoreError> {
        match sqlx::query(BEGIN).execute(&mut conn).await {
            Ok(_) => {
                point::reach(doing, "begun");
                Ok(Self { slot, conn, doing })
            }
            // Another process holds the file, and nothing was begun.
            Err(error) if fault::is_busy(&error) => {
                *slot = Writer::Ready(conn);
                Err(fault::unavailable(doing, &error))
            }
            // Nobody knows what is wrong with it.
            Err(error) => {
                let failed = fault::unavailable(doing, &error);
                let _ = conn.close().await;
                Err(failed)
            }
        }
    }

    /// For statements.
    pub fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }

    /// Changes nothing after all.
    pub async fn undo(mut self) -> Result<(), StoreError> {
        let undone = sqlx::query("ROLLBACK").execute(&mut self.conn).await;
        undone.map_err(|e| fault::unavailable(self.doing, &e))?;
        *self.slot = Writer::Ready(self.conn);
        Ok(())
    }

    /// Commits if what was done is a success, else undoes it.
    pub async fn end<T>(mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let (sql, answer) = match done {
            Ok(value) => {
                point::reach(self.doing, "written");
                ("COMMIT", Ok(value))
            }
            // Nobody knows what is wrong with a connection that did not answer.
            Err(error) if error.is_retryable() => {
                let _ = self.conn.close().await;
                return Err(error);
            }
            Err(error) => ("ROLLBACK", Err(error)),
        };
        match sqlx::query(sql).execute(&mut self.conn).await {
            Ok(_) => {
                point::reach(self.doing, "committed");
                *self.slot = Writer::Ready(self.conn);
                answer
            }
            Err(error) => {
                let failed = fault::unavailable(self.doing, &error);
                let _ = self.conn.close().await;
                answer.and(Err(failed))
            }
        }
    }
}
