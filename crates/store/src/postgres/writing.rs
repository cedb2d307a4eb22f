//! The connection of the journal, and the transactions on it.
//!
//! Knows nothing of what is written. The rule: a connection on which anything went wrong, or whose user was dropped
//! half-way, is never used again, because nobody knows what state its transaction is in.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::sync::MutexGuard;

use super::fault;
use super::link::{self, Link};
use crate::{StoreError, point};

/// After so long a rest, a connection may have been forgotten by something in between, which would swallow a whole batch in
/// silence.
const IDLE: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the connection is.
pub enum Writer {
    /// And since when nobody has used it.
    Ready(Box<PgConnection>, Instant),
    /// Taken by a call that is under way, or that was dropped or failed: the next one makes another.
    Gone,
    Closed,
}

impl Writer {
    /// A connection with which all is well.
    pub fn ready(conn: Box<PgConnection>) -> Self {
        Self::Ready(conn, Instant::now())
    }

    /// The connection, out of its slot, made if need be. Whoever is dropped before putting it back leaves `Gone`.
    pub async fn take(
        &mut self,
        link: &Link,
        doing: &str,
    ) -> Result<Box<PgConnection>, StoreError> {
        match std::mem::replace(self, Self::Gone) {
            Self::Ready(mut conn, since) => {
                if since.elapsed() < IDLE || answers(&mut conn).await {
                    return Ok(conn);
                }
                connect(link, doing).await
            }
            Self::Gone => connect(link, doing).await,
            Self::Closed => {
                *self = Self::Closed;
                Err(StoreError::Unavailable("the store is closed".to_owned()))
            }
        }
    }

    /// Lets go of the connection for good.
    pub async fn close(&mut self) {
        if let Self::Ready(conn, _) = std::mem::replace(self, Self::Closed) {
            link::hang_up(*conn).await;
        }
    }
}

async fn connect(link: &Link, doing: &str) -> Result<Box<PgConnection>, StoreError> {
    let made = link.connect().await;
    made.map(Box::new)
        .map_err(|e| fault::unavailable(doing, &e))
}

async fn answers(conn: &mut PgConnection) -> bool {
    let ping = tokio::time::timeout(PING_TIMEOUT, conn.ping()).await;
    matches!(ping, Ok(Ok(())))
}

/// What is to become of what was done.
pub enum Done<T> {
    Commit(T),
    /// There was nothing to do.
    Undo(T),
}

/// A transaction on a connection that was taken out of its slot. Dropped before its end, it is undone with the connection.
pub struct Writing<'a> {
    slot: MutexGuard<'a, Writer>,
    conn: Box<PgConnection>,
    doing: &'static str,
}

impl<'a> Writing<'a> {
    /// Begins. `doing` is for errors, for example "append a batch".
    pub async fn begin(
        mut slot: MutexGuard<'a, Writer>,
        link: &Link,
        doing: &'static str,
    ) -> Result<Self, StoreError> {
        let mut conn = slot.take(link, doing).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED")
            .execute(&mut *conn)
            .await
            .map_err(|e| fault::unavailable(doing, &e))?;
        point::reach(doing, "begun");
        Ok(Self { slot, conn, doing })
    }

    /// For statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Commits, or undoes what is no success.
    pub async fn end<T>(mut self, done: Result<Done<T>, StoreError>) -> Result<T, StoreError> {
        let (sql, answer) = match done {
            Ok(Done::Commit(value)) => {
                point::reach(self.doing, "written");
                ("COMMIT", Ok(value))
            }
            Ok(Done::Undo(value)) => ("ROLLBACK", Ok(value)),
            // Nobody knows what is wrong with a connection that did not answer.
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => ("ROLLBACK", Err(error)),
        };
        match sqlx::raw_sql(sql).execute(&mut *self.conn).await {
            Ok(_) => {
                point::reach(self.doing, "committed");
                *self.slot = Writer::ready(self.conn);
                answer
            }
            Err(error) => answer.and(Err(fault::unavailable(self.doing, &error))),
        }
    }
}
