//! A database of a case's own, as a place for stores.
//!
//! The rule: whatever becomes of the case, the database is dropped.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use scrible_store::contract::{Damage, Place};
use scrible_store::{Incarnation, PostgresOptions, PostgresStore, SnapshotDamage, Store};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::URL;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Database {
    name: String,
    stores: Mutex<Vec<Weak<PostgresStore>>>,
}

impl Database {
    pub async fn new() -> Self {
        Self::with("ENCODING 'UTF8' TEMPLATE template0").await
    }

    /// Created as the words say.
    pub async fn with(how: &str) -> Self {
        let name = format!("scrible_test_{}", Incarnation::random());
        let sql = format!("CREATE DATABASE {name} {how}");
        execute(&mut connect(&server()).await, &sql).await;
        Self {
            name,
            stores: Mutex::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// For stores.
    pub fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    pub fn options(&self) -> PgConnectOptions {
        server().database(&self.name)
    }

    pub async fn store(&self) -> Arc<PostgresStore> {
        self.until_dead_stores_are_gone().await;
        let store = PostgresStore::open(&self.url(), PostgresOptions::default()).await;
        let store = Arc::new(store.unwrap());
        self.stores.lock().unwrap().push(Arc::downgrade(&store));
        store
    }

    /// A connection of another program.
    pub async fn sql(&self) -> PgConnection {
        connect(&self.options()).await
    }

    pub async fn execute(&self, sql: &str) {
        let mut conn = self.sql().await;
        execute(&mut conn, sql).await;
        conn.close().await.unwrap();
    }

    /// Ends the sessions of all others here, and waits until they are gone.
    pub async fn end_sessions(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// The server notices a moment later that a connection was closed, as it does when a process dies.
    async fn until_dead_stores_are_gone(&self) {
        let stores = self.stores.lock().unwrap().clone();
        let alive = stores.iter().filter(|store| store.strong_count() > 0);
        let alive = alive.count() as i64;
        let mut conn = self.sql().await;
        let began = Instant::now();
        loop {
            let locks: i64 = sqlx::query_scalar(
                "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
            .fetch_one(&mut conn)
            .await
            .unwrap();
            if locks <= alive {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{locks} locks, {alive} stores");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Outside of any runtime that may be going down.
impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut conn = connect(&server()).await;
                let dropping = sqlx::raw_sql(AssertSqlSafe(sql));
                dropping.execute(&mut conn).await?;
                conn.close().await
            })
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{} stays: {error}", self.name),
            Err(_) => eprintln!("{} stays", self.name),
        }
    }
}

#[async_trait::async_trait]
impl Place for Database {
    async fn open(&self) -> Arc<dyn Store> {
        self.store().await
    }

    async fn rows(&self) -> BTreeMap<String, u64> {
        let mut conn = self.sql().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        let mut rows = BTreeMap::new();
        for table in tables {
            let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
            rows.insert(table, count as u64);
        }
        conn.close().await.unwrap();
        rows
    }

    async fn damage(&self, damage: Damage) {
        let id = |room: &str| format!("(SELECT id FROM rooms WHERE name = '{room}')");
        let zeros = |column: &str| format!("decode(repeat('00', length({column})), 'hex')");
        let sql = match damage {
            Damage::Snapshot {
                room,
                version,
                kind,
            } => {
                let set = match kind {
                    SnapshotDamage::Data => format!("data = {}", zeros("data")),
                    SnapshotDamage::Size => "data = substr(data, 1, length(data) - 1)".to_owned(),
                    SnapshotDamage::StateVector => {
                        format!("state_vector = {}", zeros("state_vector"))
                    }
                    SnapshotDamage::Seq => "seq = seq + 1".to_owned(),
                };
                let id = id(&room);
                format!("UPDATE room_snapshots SET {set} WHERE room = {id} AND version = {version}")
            }
            Damage::Row { room, seq } => format!(
                "UPDATE room_updates SET bytes = {} WHERE room = {} AND seq = {seq}",
                zeros("bytes"),
                id(&room)
            ),
            Damage::RowGone { room, seq } => format!(
                "DELETE FROM room_updates WHERE room = {} AND seq = {seq}",
                id(&room)
            ),
        };
        self.execute(&sql).await;
    }
}

pub async fn execute(conn: &mut PgConnection, sql: &str) {
    let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    statements.execute(conn).await.unwrap();
}

/// A connection, as soon as the server takes any: it may have crashed for the sake of a case.
pub async fn connect(options: &PgConnectOptions) -> PgConnection {
    let began = Instant::now();
    loop {
        match options.connect().await {
            Ok(conn) => return conn,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The server that tests may use.
pub fn server() -> PgConnectOptions {
    let url = std::env::var(URL).expect("cases run only where it is set");
    PgConnectOptions::from_str(&url).expect("it is the URL of a Postgres server")
}
