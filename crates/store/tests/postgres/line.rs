//! A line to the database on which something happens at the worst moment: before a message, on its way, or when a COMMIT was sent and its
//! answer has not come.
//!
//! Knows of Postgres' protocol that a simple query is its text and a zero, and that a client waits for an answer to what it has sent.
//! The rule: what nothing is about to happen to passes unchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use scrible_store::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const COMMIT: &[u8] = b"COMMIT\0";

/// What something happens to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum At {
    /// The next COMMIT.
    Commit,
    /// What the client says after so much else, from now on.
    Nth(u32),
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum What {
    /// It is not sent, and the line is cut.
    CutBefore,
    /// The line is cut as soon as it was sent.
    CutUnder,
    /// The answer is thrown away, and the line is cut.
    CutAfter,
    /// All sessions of this database are ended by an administrator, then it is sent.
    EndSessions,
    /// As above, and nobody waits for their end.
    EndSessionsMeanwhile,
}

/// Listens for the store, and speaks to the server.
pub struct Line {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: PgConnectOptions,
    planned: Mutex<Option<(At, What)>>,
    happened: AtomicU32,
    delay_ms: AtomicU64,
    /// How many times sessions are being ended at this moment.
    ending: AtomicU32,
    /// Processes of sessions that were told to end.
    ended: Mutex<Vec<i32>>,
}

impl Line {
    pub async fn to(server: PgConnectOptions) -> Self {
        Self::listening(server, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// On a port that somebody knows already.
    pub fn listening(server: PgConnectOptions, listener: TcpListener) -> Self {
        let line = Self {
            port: listener.local_addr().unwrap().port(),
            shared: Arc::new(Shared {
                server,
                planned: Mutex::default(),
                happened: AtomicU32::new(0),
                delay_ms: AtomicU64::new(0),
                ending: AtomicU32::new(0),
                ended: Mutex::default(),
            }),
        };
        let shared = Arc::clone(&line.shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.connect(client).await });
            }
        });
        line
    }

    /// One that knows the database by this line.
    pub async fn store(&self) -> PostgresStore {
        let opened = PostgresStore::open(&self.url(), PostgresOptions::default()).await;
        opened.unwrap()
    }

    /// Of the database by this line.
    pub fn url(&self) -> String {
        let options = self.shared.server.clone();
        let options = options.host("127.0.0.1").port(self.port);
        options.to_url_lossy().to_string()
    }

    /// Once.
    pub fn plan(&self, at: At, what: What) {
        *self.shared.planned.lock() = Some((at, what));
    }

    /// Whether it has not happened yet; it does not happen any more.
    pub fn cancel(&self) -> bool {
        self.shared.planned.lock().take().is_some()
    }

    /// Waits until all sessions are gone that were ended: one that is told to end may do so much later.
    pub async fn until_ended(&self) {
        while self.shared.ending.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ended = std::mem::take(&mut *self.shared.ended.lock());
        if ended.is_empty() {
            return;
        }
        let mut conn = self.shared.server.connect().await.unwrap();
        let mut left = 1_i64;
        while left > 0 {
            left = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)")
                .bind(&ended)
                .fetch_one(&mut conn)
                .await
                .unwrap();
        }
        conn.close().await.unwrap();
    }

    /// How often something happened.
    pub fn happened(&self) -> u32 {
        self.shared.happened.load(Ordering::SeqCst)
    }

    /// Every answer takes so long from now on.
    pub fn slow(&self, delay: Duration) {
        let delay = delay.as_millis() as u64;
        self.shared.delay_ms.store(delay, Ordering::SeqCst);
    }
}

impl Shared {
    async fn connect(&self, client: TcpStream) {
        let to = (self.server.get_host(), self.server.get_port());
        // A server that is gone is one that hangs up.
        if let Ok(server) = TcpStream::connect(to).await {
            server.set_nodelay(true).unwrap();
            client.set_nodelay(true).unwrap();
            self.relay(client, server).await;
        }
    }

    /// Ends with either side.
    async fn relay(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 64 << 10]);
        let mut cut_at_answer = false;
        loop {
            tokio::select! {
                read = client.read(&mut from_client) => {
                    let Ok(n @ 1..) = read else { return };
                    let sent = &from_client[..n];
                    let what = self.happens_to(sent);
                    match what {
                        Some(What::CutBefore) => return,
                        Some(What::EndSessions) => self.end_sessions(20_000).await,
                        Some(What::EndSessionsMeanwhile) => self.end_sessions(0).await,
                        Some(What::CutAfter) => cut_at_answer = true,
                        Some(What::CutUnder) | None => {}
                    }
                    if server.write_all(sent).await.is_err() || what == Some(What::CutUnder) {
                        return;
                    }
                }
                read = server.read(&mut from_server) => {
                    let Ok(n @ 1..) = read else { return };
                    if cut_at_answer {
                        return;
                    }
                    let delay_ms = self.delay_ms.load(Ordering::SeqCst);
                    if delay_ms > 0 {
                        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                    }
                    if client.write_all(&from_server[..n]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn happens_to(&self, sent: &[u8]) -> Option<What> {
        let mut planned = self.planned.lock();
        match &mut *planned {
            None => return None,
            Some((At::Commit, _)) if !sent.windows(COMMIT.len()).any(|w| w == COMMIT) => {
                return None;
            }
            Some((At::Nth(left @ 1..), _)) => {
                *left -= 1;
                return None;
            }
            Some(_) => {}
        }
        self.happened.fetch_add(1, Ordering::SeqCst);
        let what = planned.take().map(|(_, what)| what);
        if matches!(what, Some(What::EndSessions | What::EndSessionsMeanwhile)) {
            self.ending.fetch_add(1, Ordering::SeqCst);
        }
        what
    }

    async fn end_sessions(&self, wait_ms: i64) {
        let mut conn = self.server.connect().await.unwrap();
        // Not as a condition: they come in any order, and this session itself would be ended.
        let ended: Vec<(i32, bool)> = sqlx::query_as(
            "SELECT pid, pg_terminate_backend(pid, $1) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .bind(wait_ms)
        .fetch_all(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        self.ended.lock().extend(ended.iter().map(|(pid, _)| *pid));
        self.ending.fetch_sub(1, Ordering::SeqCst);
    }
}
