//! Connections: how one is made, what is set on it, and how its place is told to people.
//!
//! Knows URLs and settings of sessions, no tables. The rule: a password is never part of a sentence, and nothing waits for the
//! database without a limit.

use std::io::ErrorKind;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::fault;
use crate::{Durability, StoreError};

/// How long making a connection takes at most, and how long a call waits for one that is free.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for an answer, from a server that may be gone without a word. Longer than a statement may take, so
/// that the server's own reason is heard where there is one.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Statements that make a session ours. A transaction that nobody ends, because its node was cut off, must not hold a room for
/// longer than this.
const SETTINGS: &str = "\
    SET statement_timeout = '30s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'";
/// What is `off` for the whole server would take back what a receipt promises; what is stronger than `on` stays.
const FULL: &str = "\
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
const RELAXED: &str = "SET synchronous_commit = off";
/// For who cannot be sure of the server, or cannot read what would make him sure.
const LOOK_AT_TLS: &str = "look at sslmode, sslrootcert, sslcert and sslkey in DATABASE_URL, and at the server's certificate";

/// Where a database is.
#[derive(Clone)]
pub struct Link {
    options: PgConnectOptions,
    durability: Durability,
}

impl Link {
    /// Reads a URL; connects to nothing.
    pub fn of(url: &str, durability: Durability) -> Result<Self, StoreError> {
        // No table of ours has a number to which this matters, and PgBouncer refuses who asks for it.
        let options = options_of(url)?.extra_float_digits(None);
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("scrible"),
        };
        Ok(Self {
            options,
            durability,
        })
    }

    /// Host, port and database, for people.
    pub fn shown(&self) -> String {
        let options = &self.options;
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        match options.get_socket() {
            Some(socket) => format!("the database {database:?} at {}", socket.display()),
            None => {
                let (host, port) = (options.get_host(), options.get_port());
                format!("the database {database:?} at {host}:{port}")
            }
        }
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connecting = async {
            let mut conn = self.options.connect().await?;
            prepare(&mut conn, self.durability).await?;
            Ok(conn)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
                ErrorKind::TimedOut,
                format!("no connection within {} seconds", CONNECT_TIMEOUT.as_secs()),
            ))),
        }
    }

    /// What somebody has to change before there is a connection, where that is known; all else may pass.
    pub fn remedy(&self, error: &sqlx::Error) -> Option<&'static str> {
        match error {
            sqlx::Error::Database(_) => match fault::code(error)?.as_str() {
                "28P01" | "28000" => Some("look at user and password in DATABASE_URL"),
                "3D000" => Some("create it with `createdb`"),
                _ => None,
            },
            sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => Some(LOOK_AT_TLS),
            sqlx::Error::Io(e) => match e.kind() {
                ErrorKind::InvalidData => Some(LOOK_AT_TLS),
                // A socket comes with its server; where there is none, only certificates are files.
                ErrorKind::NotFound if self.options.get_socket().is_none() => Some(LOOK_AT_TLS),
                _ => None,
            },
            _ => None,
        }
    }

    /// A few connections, made when they are needed.
    pub fn pool(&self, connections: u32) -> PgPool {
        let durability = self.durability;
        PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(move |conn, _| Box::pin(prepare(conn, durability)))
            .connect_lazy_with(self.options.clone())
    }

    /// Why there is no connection: a pool that waited in vain does not say.
    pub async fn explain(&self, doing: &str, error: sqlx::Error) -> StoreError {
        if let sqlx::Error::PoolTimedOut = error
            && let Err(why) = self.connect().await
        {
            return fault::unavailable(doing, &why);
        }
        fault::unavailable(doing, &error)
    }
}

/// Waits for an answer, but not for ever.
pub async fn in_time<T>(
    doing: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(CALL_TIMEOUT, call)
        .await
        .unwrap_or_else(|_| {
            let waited = CALL_TIMEOUT.as_secs();
            Err(StoreError::Unavailable(format!(
                "{doing}: the database did not answer within {waited} seconds"
            )))
        })
}

/// Says goodbye, as long as somebody listens.
pub async fn hang_up(conn: PgConnection) {
    let _ = tokio::time::timeout(CONNECT_TIMEOUT, conn.close()).await;
}

async fn prepare(conn: &mut PgConnection, durability: Durability) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(SETTINGS).execute(&mut *conn).await?;
    let promise = match durability {
        Durability::Full => FULL,
        Durability::Relaxed => RELAXED,
    };
    sqlx::raw_sql(promise).execute(conn).await?;
    Ok(())
}

fn options_of(url: &str) -> Result<PgConnectOptions, StoreError> {
    let known = ["postgres://", "postgresql://"];
    if !known.iter().any(|scheme| url.starts_with(scheme)) {
        let what = "a Postgres database is named by postgres://USER:PASSWORD@HOST/DATABASE";
        return Err(StoreError::Invalid(what.to_owned()));
    }
    match PgConnectOptions::from_str(url) {
        Ok(options) => Ok(options),
        // Parsers quote what they cannot read.
        Err(_) => Err(StoreError::Invalid(
            "the URL of the Postgres database cannot be read: it is \
             postgres://USER:PASSWORD@HOST:PORT/DATABASE, and what is special in a password is percent-encoded"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn s5_what_a_certificate_or_its_file_is_wrong_about_does_not_pass() {
        let tcp = Link::of("postgres://ann@db.example/boards", Durability::Full).unwrap();
        let url = "postgres:///boards?host=/var/run/postgresql";
        let socket = Link::of(url, Durability::Full).unwrap();
        let io = |kind: ErrorKind| sqlx::Error::Io(kind.into());
        // As rustls reports what it does not believe.
        assert_eq!(tcp.remedy(&io(ErrorKind::InvalidData)), Some(LOOK_AT_TLS));
        let unwilling = sqlx::Error::Tls("server does not support TLS".into());
        assert_eq!(tcp.remedy(&unwilling), Some(LOOK_AT_TLS));
        assert_eq!(tcp.remedy(&io(ErrorKind::NotFound)), Some(LOOK_AT_TLS));
        assert_eq!(socket.remedy(&io(ErrorKind::NotFound)), None);
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::TimedOut] {
            assert_eq!(tcp.remedy(&io(kind)), None, "{kind}");
        }
    }

    /// What a connection asks for before it is one. A pooler between us refuses what it does not know.
    #[tokio::test]
    async fn a_connection_asks_for_nothing_that_pgbouncer_refuses() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("postgres://ann@127.0.0.1:{port}/boards?sslmode=disable");
        let link = Link::of(&url, Durability::Full).unwrap();
        let asking = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let bytes = socket.read_u32().await.unwrap() as usize;
            let mut asked = vec![0; bytes - size_of::<u32>()];
            socket.read_exact(&mut asked).await.unwrap();
            asked
        };
        let (connected, asked) = tokio::join!(link.connect(), asking);
        assert!(connected.is_err(), "nobody has answered");
        // After the version of the protocol, names and values by turns, each ended by a zero, and one more in the end.
        let words: Vec<_> = asked[size_of::<u32>()..].split(|byte| *byte == 0).collect();
        let names = words.chunks_exact(2).map(|pair| pair[0]);
        let names = names.map(|name| str::from_utf8(name).unwrap().to_ascii_lowercase());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        let taken = [
            "user",
            "database",
            "client_encoding",
            "datestyle",
            "timezone",
            "application_name",
        ];
        assert!(names.iter().any(|name| name == "database"), "{names:?}");
        for name in &names {
            assert!(taken.contains(&name.as_str()), "{names:?}");
        }
    }

    #[test]
    fn s4_a_url_is_read_and_told_without_its_password() {
        let shown = |url| Link::of(url, Durability::Full).map(|link| link.shown());
        let url = "postgres://ann:hunter2@db.example:6432/boards?sslmode=require";
        let told = shown(url).unwrap();
        assert_eq!(told, "the database \"boards\" at db.example:6432");
        for url in [
            "sqlite:x.db",
            "postgres:hunter2",
            "postgres://ann:hunter2@db:port/x",
            "postgres://ann:hunter2@db/x?sslmode=hunter2",
        ] {
            let error = shown(url).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
