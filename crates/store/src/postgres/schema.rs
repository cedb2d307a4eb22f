//! Brings the tables to the shape this program knows, and refuses databases that it must not touch.
//!
//! The rules: all pending migrations run in one transaction under a lock, so several nodes may start at once; and a migration that
//! this program does not know yet only adds, so that the program before it goes on beside the one after it, unless its name
//! says that it breaks that.

use std::sync::LazyLock;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, FromRow, PgConnection, Row as _};

use super::fault;
use crate::{StoreError, migrations};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = migrations::of_postgres();
    // What is not known here has been looked at before anything runs.
    migrations.set_ignore_missing(true);
    migrations
});
const APPLIED: &str =
    "SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version";

/// The lock that whoever migrates holds. Any number, as long as it stays the same.
const LOCK: i64 = 0x5363_7269_626c_6501;
/// What the name of a migration begins with after which the program before it cannot go on: `0009_breaking_....sql`.
const BREAKING: &str = "breaking ";
/// Others may be at it, and large tables take a while.
const PATIENCE: &str = "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = 0";
/// Whoever waits for a table keeps all others from it who come later: nodes that write. Better to try again.
const HURRY: &str = "SET LOCAL lock_timeout = '3s'";
/// The oldest version of Postgres.
const OLDEST: i32 = 150_000;

/// Refuses servers and databases on which nothing here would work. `shown` is what it is called towards people.
pub async fn expect_usable(conn: &mut PgConnection, shown: &str) -> Result<(), StoreError> {
    let (version, encoding): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')",
    )
    .fetch_one(conn)
    .await
    .map_err(|e| fault::unavailable("look at the database", &e))?;
    if version < OLDEST {
        return Err(StoreError::Invalid(format!(
            "{shown} runs on Postgres {}, and {} or later is needed",
            version / 10_000,
            OLDEST / 10_000
        )));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Invalid(format!(
            "{shown} has the encoding {encoding}, which cannot hold every name: create one with ENCODING 'UTF8'"
        )));
    }
    Ok(())
}

/// Runs what is pending. Returns the names of the migrations that ran, for example "0001 rooms".
pub async fn migrate(conn: &mut PgConnection, shown: &str) -> Result<Vec<String>, StoreError> {
    // Whoever only starts needs neither the lock nor the right to create tables.
    if pending(conn, shown).await?.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |e: &sqlx::Error| fault::while_opening("migrate the database", e);
    let mut tx = conn.begin().await.map_err(|e| failed(&e))?;
    sqlx::raw_sql(PATIENCE)
        .execute(&mut *tx)
        .await
        .map_err(|e| failed(&e))?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await
        .map_err(|e| failed(&e))?;
    // Somebody else may have done it meanwhile.
    let pending = pending(&mut tx, shown).await?;
    if pending.is_empty() {
        return Ok(pending);
    }
    sqlx::raw_sql(HURRY)
        .execute(&mut *tx)
        .await
        .map_err(|e| failed(&e))?;
    MIGRATIONS
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(|e| explain(shown, e))?;
    tx.commit().await.map_err(|e| failed(&e))?;
    Ok(pending)
}

/// Refuses a database that is behind this program.
pub async fn expect_current(conn: &mut PgConnection, shown: &str) -> Result<(), StoreError> {
    let pending = pending(conn, shown).await?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{shown} lacks the migrations {}: run `scrible migrate`",
        pending.join(", ")
    )))
}

/// The names of the migrations that the database lacks. Only reads; a database that is not ours, or that a newer program has
/// changed so that we cannot use it, is an error.
async fn pending(conn: &mut PgConnection, shown: &str) -> Result<Vec<String>, StoreError> {
    refuse_foreign_tables(conn, shown).await?;
    let failed = |e| explain(shown, e);
    let table = &MIGRATIONS.table_name;
    let recorded: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&**table)
        .fetch_one(&mut *conn)
        .await
        .map_err(|e| fault::while_opening("read the schema", &e))?;
    let applied: Vec<Applied> = match recorded {
        false => Vec::new(),
        true => sqlx::query_as(APPLIED)
            .fetch_all(conn)
            .await
            .map_err(|e| fault::while_opening("read the schema", &e))?,
    };
    let mut pending = Vec::new();
    for migration in MIGRATIONS.iter() {
        match applied.iter().find(|a| a.version == migration.version) {
            None => pending.push(format!(
                "{:04} {}",
                migration.version, migration.description
            )),
            Some(applied) if applied.checksum == *migration.checksum => {}
            Some(_) => return Err(failed(MigrateError::VersionMismatch(migration.version))),
        }
    }
    let is_known = |applied: &&Applied| MIGRATIONS.version_exists(applied.version);
    let mut unknown = applied.iter().filter(|applied| !is_known(applied));
    match unknown.find(|applied| applied.is_in_the_way()) {
        Some(newer) => Err(newer_schema(shown, newer)),
        None => Ok(pending),
    }
}

/// A migration that somebody ran.
struct Applied {
    version: i64,
    description: String,
    checksum: Vec<u8>,
}

impl FromRow<'_, PgRow> for Applied {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            version: row.try_get("version")?,
            description: row.try_get("description")?,
            checksum: row.try_get("checksum")?,
        })
    }
}

impl Applied {
    /// Whether a program that does not know it can do nothing. What comes before our own last one is no newer one's.
    fn is_in_the_way(&self) -> bool {
        self.description.starts_with(BREAKING) || self.version < newest()
    }
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

/// A schema that has tables but none of our migrations belongs to another program. Tables of extensions are nobody's.
async fn refuse_foreign_tables(conn: &mut PgConnection, shown: &str) -> Result<(), StoreError> {
    let foreign: Option<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         AND c.relkind IN ('r', 'p') AND to_regclass($1) IS NULL AND NOT EXISTS (SELECT 1 FROM pg_depend AS d \
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname LIMIT 1",
    )
    .bind(&*MIGRATIONS.table_name)
    .fetch_optional(conn)
    .await
    .map_err(|e| fault::while_opening("read the schema", &e))?;
    match foreign {
        Some(table) => Err(StoreError::Invalid(format!(
            "{shown} is the database of another program: it has a table {table:?} and no migrations of ours"
        ))),
        None => Ok(()),
    }
}

fn newer_schema(shown: &str, newer: &Applied) -> StoreError {
    let Applied {
        version,
        description,
        ..
    } = newer;
    StoreError::Invalid(format!(
        "{shown} was changed by a newer version of this program, so that this one cannot use it: its migration {version:04} \
         {description} is not known here, where the last is {:04}",
        newest()
    ))
}

fn explain(shown: &str, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMismatch(version) => StoreError::Invalid(format!(
            "{shown} was migrated by another build of this program: its migration {version} is not the one known here"
        )),
        MigrateError::Execute(e) => fault::while_opening("migrate the database", &e),
        MigrateError::ExecuteMigration(e, version) => {
            fault::while_opening(&format!("run migration {version}"), &e)
        }
        other => StoreError::Unavailable(format!("migrate the database: {other}")),
    }
}
