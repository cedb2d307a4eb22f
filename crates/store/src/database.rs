//! A database by its URL: which store it needs, and how it is told to people.
//!
//! Knows both stores and nothing of what they do. The rule: a URL is shown without its password, also by `Debug`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{
    Durability, Migrations, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
    StoreError,
};

/// Between two attempts to reach a server.
const AGAIN: Duration = Duration::from_millis(500);

/// A place for rooms that a URL names. Nobody has looked yet whether there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    url: String,
    kind: DatabaseKind,
}

/// Which store a database needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DatabaseKind {
    /// A file of one node.
    Sqlite,
    /// A server.
    Postgres,
}

/// How a database is opened, whichever it is.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// What a receipt promises.
    pub durability: Durability,
    /// Whether opening may change the tables, and create a file.
    pub migrations: Migrations,
    /// How long a call waits while another process holds a file.
    pub busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        let sqlite = SqliteOptions::default();
        Self {
            durability: sqlite.durability,
            migrations: sqlite.migrations,
            busy_timeout: sqlite.busy_timeout,
        }
    }
}

/// How long somebody waits for a server that does not answer yet, as where all parts of a deployment are started at once.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    /// From the first attempt on. An attempt that is under way then may take some seconds more.
    pub longest: Duration,
    /// Told once why there is something to wait for.
    pub tell: &'a (dyn Fn(&StoreError) + Sync),
}

impl Database {
    /// Reads `postgres://…`, `sqlite:` and a path, or a path. Touches nothing.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        let is_postgres = ["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        let kind = match is_postgres {
            true => PostgresStore::shown(url).map(|_| DatabaseKind::Postgres)?,
            false => SqliteStore::path_of(url).map(|_| DatabaseKind::Sqlite)?,
        };
        Ok(Self {
            url: url.to_owned(),
            kind,
        })
    }

    /// Which it is.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// The URL, with a password if it has one: for those who open files by themselves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens it. With [`Migrations::Expect`] a file must be there.
    pub async fn open(&self, options: OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
        let OpenOptions {
            durability,
            migrations,
            busy_timeout,
        } = options;
        if self.kind == DatabaseKind::Postgres {
            let options = PostgresOptions {
                durability,
                migrations,
                ..PostgresOptions::default()
            };
            return Ok(Arc::new(PostgresStore::open(&self.url, options).await?));
        }
        let path = SqliteStore::path_of(&self.url)?;
        if migrations == Migrations::Expect && !path.exists() {
            let sentence = format!("there is no database at {path:?}");
            return Err(StoreError::Invalid(sentence));
        }
        let options = SqliteOptions {
            durability,
            migrations,
            busy_timeout,
            ..SqliteOptions::default()
        };
        Ok(Arc::new(SqliteStore::open(&self.url, options).await?))
    }

    /// As [`open`](Self::open), as soon as the server answers. Nobody waits for a file, nor for what somebody must change first, as a
    /// password.
    pub async fn open_when_there(
        &self,
        options: OpenOptions,
        waiting: Waiting<'_>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        self.when_there(waiting, async || self.open(options).await)
            .await
    }

    /// As [`migrate`](Self::migrate), as soon as the server answers.
    pub async fn migrate_when_there(
        &self,
        waiting: Waiting<'_>,
    ) -> Result<Vec<String>, StoreError> {
        self.when_there(waiting, async || self.migrate().await)
            .await
    }

    async fn when_there<T>(
        &self,
        waiting: Waiting<'_>,
        attempt: impl AsyncFn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let mut is_told = false;
        loop {
            let why = match attempt().await {
                Err(StoreError::Unavailable(why)) if self.kind == DatabaseKind::Postgres => why,
                done => return done,
            };
            let waited = began.elapsed();
            if waited >= waiting.longest {
                let sentence = format!("{why}; waited for {} seconds", waited.as_secs());
                return Err(StoreError::Unavailable(sentence));
            }
            if !is_told {
                (waiting.tell)(&StoreError::Unavailable(why));
                is_told = true;
            }
            tokio::time::sleep(AGAIN.min(waiting.longest - waited)).await;
        }
    }

    /// Runs pending migrations. Returns their names, for example "0001 rooms".
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match self.kind {
            DatabaseKind::Sqlite => SqliteStore::migrate(&self.url).await,
            DatabaseKind::Postgres => PostgresStore::migrate(&self.url).await,
        }
    }
}

/// What people are told.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PostgresStore::shown(&self.url) {
            Ok(shown) if self.kind == DatabaseKind::Postgres => f.write_str(&shown),
            _ => f.write_str(&self.url),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_a_url_says_which_store_and_keeps_its_password() {
        for (url, kind, shown) in [
            ("sqlite:./x.db", DatabaseKind::Sqlite, "sqlite:./x.db"),
            ("data/x.db", DatabaseKind::Sqlite, "data/x.db"),
            (
                "postgres://ann:hunter2@db/boards",
                DatabaseKind::Postgres,
                "the database \"boards\" at db:5432",
            ),
            (
                "postgresql://db:1/boards?user=ann&password=hunter2",
                DatabaseKind::Postgres,
                "the database \"boards\" at db:1",
            ),
        ] {
            let database = Database::of(url).unwrap();
            assert_eq!((database.kind(), database.url()), (kind, url));
            assert_eq!(database.to_string(), shown);
            assert!(!format!("{database:?}").contains("hunter2"));
        }
        for url in ["postgres:x", "mysql://ann:hunter2@db/x", "sqlite:"] {
            let error = Database::of(url).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn s5_a_server_is_waited_for_and_a_file_is_not() {
        let told = parking_lot::Mutex::new(Vec::new());
        let waiting = Waiting {
            longest: Duration::from_millis(1200),
            tell: &|why| told.lock().push(why.to_string()),
        };
        // Nobody listens there.
        let server = Database::of("postgres://ann:hunter2@127.0.0.1:1/boards").unwrap();
        let began = Instant::now();
        let error = server.migrate_when_there(waiting).await.unwrap_err();
        assert!(error.to_string().ends_with("; waited for 1 seconds"));
        assert!(began.elapsed() >= waiting.longest);
        let heard = std::mem::take(&mut *told.lock());
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert!(heard[0].contains("127.0.0.1:1") && !heard[0].contains("hunter2"));
        let file = Database::of("/proc/nowhere/x.db").unwrap();
        let opened = file.open_when_there(OpenOptions::default(), waiting).await;
        assert!(opened.is_err());
        assert_eq!(*told.lock(), [""; 0]);
    }

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names = |folder: &str| {
            let folder = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let entries = std::fs::read_dir(folder).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names("sqlite"), names("postgres"));
        assert!(names("sqlite").len() >= 4);
    }
}
