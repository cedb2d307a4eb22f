//! The store of several nodes: one Postgres database (15 and later), one connection for the journal, a few for the rest.
//!
//! Does not know what a batch means (`append`), how a room is put together (`load`) or what stands in a snapshot
//! (`snapshots`, `trim`); it owns the connections. The rule: all times that are compared come from the database's clock.

/// Milliseconds since 1970 by the database's clock, as SQL.
macro_rules! now_ms {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

mod append;
mod bell;
#[macro_use]
mod dialect;
#[path = "../quarantined/dead_letters.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod dead_letters;
mod fault;
#[path = "../files/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod files;
mod leases;
mod link;
mod load;
mod nodes;
#[path = "../people/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod people;
mod pool;
mod quarantine;
#[path = "../quarantined/records.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one source, compiled for each database"
)]
mod records;
mod schema;
mod snapshots;
mod trim;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{PgConnection, Row as _};
use tokio::sync::{Mutex, watch};

use self::bell::Bell;
use self::link::{Link, in_time};
use self::pool::Pool;
use self::quarantine::Living;
use self::writing::{Writer, Writing};
use crate::snapshot::{self, Held, Naming};
use crate::{
    Batch, Durability, Head, Lease, Migrations, NewSnapshot, Receipt, RoomId, Since, Snapshot,
    Snapshots, Store, StoreError, StoredRoom, Trim, Trimmed, batch,
};

/// How long `check` takes at most: whoever asks for the health of a node does not wait for long.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1900);
/// How long it waits for a connection of the pool, before it makes one of its own, or learns why there is none.
const CHECK_POOL_TIMEOUT: Duration = Duration::from_millis(700);
/// What it is called in errors.
const CHECKING: &str = "check the database";
/// A node that was not seen for 30 days will not retry a batch any more.
const FORGET_OLD_NODES: &str = concat!(
    "DELETE FROM journal_nodes WHERE updated_ms < ",
    now_ms!(),
    " - 30 * 86400000::bigint"
);

/// How a Postgres database is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// What a receipt promises.
    pub durability: Durability,
    /// Whether opening may change the tables.
    pub migrations: Migrations,
    /// The most connections beside the two of the journal and of the node's lock.
    pub connections: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            migrations: Migrations::Run,
            connections: 4,
        }
    }
}

/// Rooms in one Postgres database.
pub struct PostgresStore {
    pool: Pool,
    writer: Mutex<Writer>,
    living: Mutex<Living>,
    bell: Bell,
    migrations_run: Vec<String>,
}

impl PostgresStore {
    /// Connects, and runs pending migrations unless told otherwise.
    ///
    /// The place is a URL as libpq knows it: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`. The database of
    /// another program, one that is not UTF-8, one that a newer version of this program has changed so that this one cannot use it,
    /// a wrong password, a right that is lacking and a pooler that keeps no sessions are [`StoreError::Invalid`]; a server that does not answer is [`StoreError::Unavailable`].
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let link = Link::of(url, options.durability)?;
        let shown = link.shown();
        let mut conn = connect_first(&link).await?;
        let migrations_run = match options.migrations {
            Migrations::Run => {
                let ran = schema::migrate(&mut conn, &shown).await?;
                forget_old_nodes(&mut conn).await?;
                ran
            }
            Migrations::Expect => {
                schema::expect_current(&mut conn, &shown).await?;
                Vec::new()
            }
        };
        Ok(Self {
            pool: Pool::new(link, options.connections),
            writer: Mutex::new(Writer::ready(Box::new(conn))),
            living: Mutex::default(),
            bell: Bell::default(),
            migrations_run,
        })
    }

    /// Runs pending migrations without opening a store. Returns their names, for example "0001 rooms".
    pub async fn migrate(url: &str) -> Result<Vec<String>, StoreError> {
        let link = Link::of(url, Durability::Full)?;
        let mut conn = connect_first(&link).await?;
        let ran = schema::migrate(&mut conn, &link.shown()).await?;
        link::hang_up(conn).await;
        Ok(ran)
    }

    /// What a URL names, in words without its password; or why it names nothing. Connects to nothing.
    pub fn shown(url: &str) -> Result<String, StoreError> {
        Ok(Link::of(url, Durability::Full)?.shown())
    }

    /// The migrations that opening ran.
    pub fn migrations_run(&self) -> &[String] {
        &self.migrations_run
    }

    /// Says here that something has become of an export.
    fn ring(&self) {
        self.bell.ring();
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.bell.hear(&self.pool.link)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError> {
        in_time("load a room", load::load(&self.pool, room, version)).await
    }

    async fn heads(&self, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError> {
        in_time(load::HEADING, load::heads(&self.pool, rooms)).await
    }

    async fn since(
        &self,
        room: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError> {
        let reading = load::since(&self.pool, room, after, max_bytes);
        in_time(load::SINCE, reading).await
    }

    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        batch::validate(batch)?;
        let slot = self.writer.lock().await;
        in_time(append::DOING, async {
            let mut writing = Writing::begin(slot, &self.pool.link, append::DOING).await?;
            let done = append::append(writing.conn(), batch).await;
            writing.end(done).await
        })
        .await
    }

    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError> {
        in_time("list snapshots", snapshots::list(&self.pool, room)).await
    }

    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        let reading = snapshots::one(&self.pool, room, version);
        in_time("read a snapshot", reading).await
    }

    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError> {
        snapshot::validate(new)?;
        let held = Held::new(new);
        in_time(snapshots::STORING, async {
            let mut tx = self.pool.write(snapshots::STORING).await?;
            snapshots::add(&mut tx, new.room, &held).await?;
            tx.commit().await
        })
        .await
    }

    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        snapshot::validate_texts(&[label.as_deref(), author.as_deref()])?;
        let naming = Naming {
            room,
            version,
            label,
            author,
        };
        in_time(snapshots::LISTING, async {
            let mut conn = self.pool.acquire(snapshots::LISTING).await?;
            snapshots::name(&mut conn, &naming).await
        })
        .await
    }

    async fn unlist_snapshot(&self, room: RoomId, version: u64) -> Result<(), StoreError> {
        in_time(snapshots::UNLISTING, async {
            let mut conn = self.pool.acquire(snapshots::UNLISTING).await?;
            snapshots::unlist(&mut conn, room, version).await
        })
        .await
    }

    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError> {
        let sound = in_time(trim::DOING, trim::sound(&self.pool, trim.room)).await?;
        let mut trimmed = Trimmed::default();
        let mut steps = trim::Steps::new(trim);
        while !steps.is_done() {
            let gone = in_time(trim::DOING, async {
                let mut tx = self.pool.write(trim::DOING).await?;
                let gone = steps.next(&mut tx, &sound).await?;
                tx.commit().await?;
                Ok(gone)
            })
            .await?;
            trimmed.rows += gone.rows;
            trimmed.snapshots += gone.snapshots;
        }
        Ok(trimmed)
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        snapshot::validate_lease(lease)?;
        in_time(leases::TAKING, async {
            let mut conn = self.pool.acquire(leases::TAKING).await?;
            leases::take(&mut *conn, lease).await
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        in_time(leases::GIVING_BACK, async {
            let mut conn = self.pool.acquire(leases::GIVING_BACK).await?;
            leases::release(&mut *conn, lease).await
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let attempt = async {
            let pooled = self.pool.write(CHECKING);
            match tokio::time::timeout(CHECK_POOL_TIMEOUT, pooled).await {
                Ok(Ok(mut tx)) => try_writing(&mut tx).await,
                Ok(Err(error)) => Err(error),
                // All are in use, or none can be had.
                Err(_) => {
                    let conn = self.pool.link.connect().await;
                    let mut conn = conn.map_err(|e| fault::unavailable(CHECKING, &e))?;
                    try_writing(&mut conn).await?;
                    link::hang_up(conn).await;
                    Ok(())
                }
            }
        };
        tokio::time::timeout(CHECK_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::Unavailable(format!(
                    "{CHECKING}: it did not answer within {} ms",
                    CHECK_TIMEOUT.as_millis()
                )))
            })
    }

    async fn close(&self) {
        self.bell.close().await;
        self.pool.close().await;
        self.living.lock().await.close().await;
        self.writer.lock().await.close().await;
    }
}

/// A standby refuses this, although there is nothing to delete.
async fn try_writing(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM room_leases WHERE false")
        .execute(conn)
        .await
        .map_err(|e| fault::unavailable(CHECKING, &e))?;
    Ok(())
}

/// The first connection, with sentences for what people get wrong.
async fn connect_first(link: &Link) -> Result<PgConnection, StoreError> {
    let shown = link.shown();
    let mut conn = link.connect().await.map_err(|error| {
        let told = format!("cannot connect to {shown}: {}", fault::sentence(&error));
        // What somebody must change does not pass by itself.
        match link.remedy(&error) {
            Some(remedy) => StoreError::Invalid(format!("{told}: {remedy}")),
            None => StoreError::Unavailable(told),
        }
    })?;
    expect_sessions(link, &mut conn).await?;
    schema::expect_usable(&mut conn, &shown).await?;
    Ok(conn)
}

/// Refuses a pooler that lets connections share a session of the server: a lock that one holds would be everybody's.
async fn expect_sessions(link: &Link, conn: &mut PgConnection) -> Result<(), StoreError> {
    const DOING: &str = "make a second connection";
    let failed = |e: &sqlx::Error| fault::unavailable(DOING, e);
    let mut second = link.connect().await.map_err(|e| failed(&e))?;
    let mut processes = [0_i32; 2];
    for (process, conn) in processes.iter_mut().zip([conn, &mut second]) {
        // Not prepared: in a session that is shared, others may have prepared something of the same name.
        let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(conn);
        let row = row.await.map_err(|e| failed(&e))?;
        *process = row.try_get(0).map_err(|e| failed(&e))?;
    }
    link::hang_up(second).await;
    if processes[0] == processes[1] {
        return Err(StoreError::Invalid(format!(
            "a pooler before {} lets connections share sessions, which have to be kept: let it have pool_mode = session",
            link.shown()
        )));
    }
    Ok(())
}

async fn forget_old_nodes(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(FORGET_OLD_NODES)
        .execute(conn)
        .await
        .map_err(|e| fault::while_opening("forget old nodes", &e))?;
    Ok(())
}
