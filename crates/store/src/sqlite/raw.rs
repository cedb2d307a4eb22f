//! Plain SQL on a database file, for tests that damage what a disk, an operator or another program can damage.
//!
//! The rule: tests only; nothing here keeps any promise of the store.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, SqliteConnection};

/// Runs the statements as another program would, which knows the file only. References are not enforced.
///
/// # Panics
/// When the file cannot be opened or a statement fails.
pub async fn execute_raw(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut conn = options.foreign_keys(false).connect().await.unwrap();
    let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    statements.execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// A lock that keeps everybody else from writing to a database file, until it is released or dropped.
pub struct Hold(SqliteConnection);

impl Hold {
    /// Takes it with `BEGIN IMMEDIATE`, or another way to begin.
    ///
    /// # Panics
    /// When it cannot be had within a few seconds.
    pub async fn take(path: &Path, begin: &'static str) -> Self {
        let mut conn = SqliteConnectOptions::new()
            .filename(path)
            .connect()
            .await
            .unwrap();
        sqlx::query(begin).execute(&mut conn).await.unwrap();
        Self(conn)
    }

    /// Lets go.
    ///
    /// # Panics
    /// When the file is gone.
    pub async fn release(mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.0).await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// Statements that bring a file back to what the first version of this program left: the undoing of all later migrations.
pub const AS_OF_THE_FIRST_MIGRATION: &str = "\
    DROP TABLE orphans; DROP TABLE assets; DROP TABLE exports; \
    DROP TABLE idempotency_keys; DROP TABLE room_participants; DROP TABLE room_blocks; DROP TABLE room_grants; \
    DROP TABLE room_invites; DROP INDEX rooms_by_owner; DROP INDEX rooms_purged; \
    ALTER TABLE rooms DROP COLUMN title; ALTER TABLE rooms DROP COLUMN owner; ALTER TABLE rooms DROP COLUMN visibility; \
    ALTER TABLE rooms DROP COLUMN link_role; ALTER TABLE rooms DROP COLUMN password; \
    ALTER TABLE rooms DROP COLUMN password_version; ALTER TABLE rooms DROP COLUMN frontend; \
    ALTER TABLE rooms DROP COLUMN viewers_export; ALTER TABLE rooms DROP COLUMN deleted_ms; \
    ALTER TABLE rooms DROP COLUMN purged_ms; ALTER TABLE rooms DROP COLUMN access_version; \
    DROP TABLE room_records; DROP TABLE room_openings; DROP TABLE nodes; DROP TABLE dead_letters; \
    DROP TABLE room_damaged; DROP TABLE room_leases; DROP TABLE room_snapshots; \
    ALTER TABLE room_updates DROP COLUMN checksum; \
    DELETE FROM _sqlx_migrations WHERE version > 1";
