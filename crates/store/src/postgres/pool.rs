//! The connections for everything but the journal: taken for one call, in a transaction where it has several steps.
//!
//! Knows no tables. The rule: what is dropped half-way is undone.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres, Transaction};

use super::fault;
use super::link::Link;
use crate::StoreError;

/// A few connections to one database.
pub struct Pool {
    pub link: Link,
    connections: PgPool,
}

impl Pool {
    pub fn new(link: Link, connections: u32) -> Self {
        let connections = link.pool(connections);
        Self { link, connections }
    }

    /// A connection for one statement. `doing` is for errors.
    pub async fn acquire(&self, doing: &str) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.connections.acquire().await {
            Ok(conn) => Ok(conn),
            Err(error) => Err(self.link.explain(doing, error).await),
        }
    }

    /// A transaction in which everything is of one moment.
    pub async fn read(&self, doing: &'static str) -> Result<Tx, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.begin(begin, doing).await
    }

    /// A transaction that is undone unless it is committed.
    pub async fn write(&self, doing: &'static str) -> Result<Tx, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        self.begin(begin, doing).await
    }

    async fn begin(&self, begin: &'static str, doing: &'static str) -> Result<Tx, StoreError> {
        match self.connections.begin_with(begin).await {
            Ok(tx) => Ok(Tx { tx, doing }),
            Err(error) => Err(self.link.explain(doing, error).await),
        }
    }

    /// That it was not closed yet.
    pub fn refuse_closed(&self) -> Result<(), StoreError> {
        match self.connections.is_closed() {
            true => Err(StoreError::Unavailable("the store is closed".to_owned())),
            false => Ok(()),
        }
    }

    /// Waits for calls under way, and lets go of all connections.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

/// A transaction on a connection of the pool.
pub struct Tx {
    tx: Transaction<'static, Postgres>,
    doing: &'static str,
}

impl Tx {
    pub async fn commit(self) -> Result<(), StoreError> {
        let doing = self.doing;
        let committed = self.tx.commit().await;
        committed.map_err(|e| fault::unavailable(doing, &e))
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
