//! Brings the tables to the shape this program knows, and refuses files that it must not touch.
//!
//! The rule: all pending migrations run in one transaction that excludes other processes, so a file is always at one
//! version that somebody has tested.

use std::path::Path;
use std::sync::LazyLock;

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{Connection as _, SqliteConnection};

use super::fault;
use crate::{StoreError, migrations};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(migrations::of_sqlite);

/// Runs what is pending. Returns the names of the migrations that ran, for example "0001 rooms".
pub async fn migrate(conn: &mut SqliteConnection, path: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |e: &sqlx::Error| fault::unavailable("migrate the database", e);
    let mut tx = conn
        .begin_with(super::writing::BEGIN)
        .await
        .map_err(|e| failed(&e))?;
    refuse_foreign_tables(&mut tx, path).await?;
    let before = applied(&mut tx, path).await?;
    MIGRATIONS
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(|e| explain(path, e))?;
    tx.commit().await.map_err(|e| failed(&e))?;
    let ran = MIGRATIONS.iter().filter(|m| !before.contains(&m.version));
    Ok(ran.map(name).collect())
}

/// Refuses a file that is not exactly at the version of this program.
pub async fn expect_current(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let pending = pending(conn, path).await?;
    refuse_pending(&pending, path)
}

/// The names of the migrations that the database lacks. Only reads; a database that is not ours, newer than we are, or
/// in between two versions is an error.
pub async fn pending(conn: &mut SqliteConnection, path: &Path) -> Result<Vec<String>, StoreError> {
    refuse_foreign_tables(conn, path).await?;
    let failed = |e| explain(path, e);
    let table = &MIGRATIONS.table_name;
    let recorded: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")
            .bind(&**table)
            .fetch_optional(&mut *conn)
            .await
            .map_err(|e| fault::unavailable("read the schema", &e))?;
    let mut pending = Vec::new();
    let applied = match recorded {
        None => Vec::new(),
        Some(_) => {
            if let Some(version) = conn.dirty_version(table).await.map_err(failed)? {
                return Err(explain(path, MigrateError::Dirty(version)));
            }
            let applied = conn.list_applied_migrations(table).await;
            applied.map_err(failed)?
        }
    };
    for migration in MIGRATIONS.iter() {
        match applied.iter().find(|a| a.version == migration.version) {
            None => pending.push(name(migration)),
            Some(applied) if applied.checksum == migration.checksum => {}
            Some(_) => return Err(failed(MigrateError::VersionMismatch(migration.version))),
        }
    }
    let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
    match applied.iter().find(|a| a.version > known) {
        Some(newer) => Err(newer_schema(path, newer.version)),
        None => Ok(pending),
    }
}

/// As [`pending`], for a database that must not be empty: SQLite takes a file without any bytes for one.
pub async fn pending_where_rooms_are(
    conn: &mut SqliteConnection,
    path: &Path,
) -> Result<Vec<String>, StoreError> {
    let pending = pending(conn, path).await?;
    if pending.len() < MIGRATIONS.iter().count() {
        return Ok(pending);
    }
    Err(StoreError::Invalid(format!(
        "{path:?} is an empty database: it never held rooms"
    )))
}

/// That migrations are to be run first, if there are any.
pub fn refuse_pending(pending: &[String], path: &Path) -> Result<(), StoreError> {
    if pending.is_empty() {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{path:?} lacks the migrations {}: run `scrible migrate`",
        pending.join(", ")
    )))
}

/// A database that has tables but none of our migrations belongs to another program.
async fn refuse_foreign_tables(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(conn)
    .await
    .map_err(|e| fault::unavailable("read the schema", &e))?;
    let ours = tables.iter().any(|t| *t == MIGRATIONS.table_name);
    match tables.first() {
        Some(table) if !ours => Err(StoreError::Invalid(format!(
            "{path:?} is the database of another program: it has a table {table:?} and no migrations of ours"
        ))),
        _ => Ok(()),
    }
}

async fn applied(conn: &mut SqliteConnection, path: &Path) -> Result<Vec<i64>, StoreError> {
    let table = &MIGRATIONS.table_name;
    conn.ensure_migrations_table(table)
        .await
        .map_err(|e| explain(path, e))?;
    let rows = conn
        .list_applied_migrations(table)
        .await
        .map_err(|e| explain(path, e))?;
    Ok(rows.into_iter().map(|m| m.version).collect())
}

fn name(migration: &sqlx::migrate::Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}

fn newer_schema(path: &Path, version: i64) -> StoreError {
    let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
    StoreError::Invalid(format!(
        "{path:?} was written by a newer version of this program: it is at migration {version}, and only those up to \
         {known} are known here"
    ))
}

fn explain(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => newer_schema(path, version),
        MigrateError::VersionMismatch(version) => StoreError::Invalid(format!(
            "{path:?} was migrated by another build of this program: its migration {version} is not the one known here"
        )),
        MigrateError::Execute(e) => fault::unavailable("migrate the database", &e),
        MigrateError::ExecuteMigration(e, version) => {
            fault::unavailable(&format!("run migration {version}"), &e)
        }
        other => StoreError::Unavailable(format!("migrate the database: {other}")),
    }
}
