//! A database of a measurement's own, on a Postgres server that somebody else has started on this machine.
//!
//! Does not know what is in it. The rules: whatever becomes of the measurement, the database is dropped; and what the server takes is counted,
//! because whoever runs ours on Postgres runs both.

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::watched::{self, Program};

/// What its processes are called.
const NAME: &str = "postgres";

/// An empty database.
pub struct Database {
    server: PgConnectOptions,
    name: String,
    /// The server, with all its processes.
    pub program: Program,
}

impl Database {
    /// Makes one on the server of a URL, all of whose processes are held to one processor from then on.
    pub async fn create(url: &str, core: usize) -> Result<Self> {
        let server: PgConnectOptions = url.parse().context("read the URL of Postgres")?;
        let mut conn = server.connect().await.context("connect to Postgres")?;
        let fsync: String = value(&mut conn, "SHOW fsync").await?;
        ensure!(
            fsync == "on",
            "Postgres has to sync for what it stores to be stored: fsync is {fsync}"
        );
        let program = Program {
            name: NAME.to_owned(),
            pid: first_process(&mut conn).await?,
        };
        hold(&program, core)?;
        let began = std::time::UNIX_EPOCH.elapsed()?.as_micros();
        let name = format!("scrible_bench_{}_{began}", std::process::id());
        let sql = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
        execute(&mut conn, sql).await?;
        conn.close().await?;
        Ok(Self {
            server,
            name,
            program,
        })
    }

    /// For our server.
    pub fn url(&self) -> String {
        let own = self.server.clone().database(&self.name);
        own.to_url_lossy().to_string()
    }
}

/// Outside of any runtime that may be going down.
impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = apart(async move || {
            let mut conn = server.connect().await?;
            execute(&mut conn, format!("DROP DATABASE {name} WITH (FORCE)")).await
        });
        if let Err(error) = dropped {
            eprintln!("{} stays: {error:#}", self.name);
        }
    }
}

/// The version of the server of a URL.
pub fn version(url: &str) -> Option<String> {
    let url = url.to_owned();
    let told = apart(async move || {
        let server: PgConnectOptions = url.parse()?;
        let mut conn = server.connect().await?;
        value::<String>(&mut conn, "SHOW server_version").await
    });
    // Behind it stands whose package it is.
    Some(told.ok()?.split_whitespace().next()?.to_owned())
}

/// The process that all others of the server are children of.
async fn first_process(conn: &mut PgConnection) -> Result<u32> {
    let ours: i32 = value(conn, "SELECT pg_backend_pid()").await?;
    let first = watched::parent(ours as u32).filter(|first| {
        let names = [ours as u32, *first].map(watched::name);
        names.iter().all(|name| name.as_deref() == Some(NAME))
    });
    first.context("Postgres has to run on this machine, where its processor time is seen")
}

/// Holds a program to one processor. What it starts later has that from its creator.
fn hold(program: &Program, core: usize) -> Result<()> {
    let mut its = CpuSet::new();
    ensure!(core < CpuSet::MAX_CPU, "there is no processor {core}");
    its.set(core);
    for pid in program.processes()? {
        let held = sched_setaffinity(Pid::from_raw(pid as i32), &its);
        // One that has ended meanwhile is held.
        if held != Err(rustix::io::Errno::SRCH) {
            held.with_context(|| format!("hold Postgres to processor {core}"))?;
        }
    }
    Ok(())
}

async fn value<T>(conn: &mut PgConnection, sql: &'static str) -> Result<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let told = sqlx::query_scalar(sql).fetch_one(conn).await;
    told.with_context(|| format!("ask Postgres: {sql}"))
}

async fn execute(conn: &mut PgConnection, sql: String) -> Result<()> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(conn)
        .await;
    done.with_context(|| format!("tell Postgres: {sql}"))?;
    Ok(())
}

/// Does something in a thread and a runtime of its own, and waits for it.
fn apart<T: Send + 'static>(what: impl AsyncFnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let doing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(what())
    });
    doing.join().map_err(|_| anyhow::anyhow!("it panicked"))?
}
