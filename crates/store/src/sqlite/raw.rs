//! Plain SQL on a database file, for tests that damage what a disk, an operator or another program can damage.
//!
//! The rule: tests only; nothing here keeps any promise of the store.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _};

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
