//! A line to the database that can be cut at the worst moment: when a COMMIT was sent and its answer has not come.
//!
//! Knows of Postgres' protocol that a simple query is its text and a zero. The rule: what is not about to be cut passes unchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const COMMIT: &[u8] = b"COMMIT\0";

/// When a line is cut.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cut {
    /// The database has committed, and its answer is thrown away.
    AfterAnswer,
    /// The database has been asked to.
    BeforeAnswer,
}

/// Listens for the store, and speaks to the server.
pub struct Line {
    pub port: u16,
    /// The next COMMIT is the last that is heard.
    pub armed: Arc<AtomicBool>,
    pub cuts: Arc<AtomicU32>,
}

impl Line {
    pub async fn to(host: String, port: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = Self {
            port: listener.local_addr().unwrap().port(),
            armed: Arc::default(),
            cuts: Arc::default(),
        };
        let (armed, cuts) = (Arc::clone(&line.armed), Arc::clone(&line.cuts));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (armed, cuts) = (Arc::clone(&armed), Arc::clone(&cuts));
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(async move {
                    if relay(client, server, (&armed, cut)).await {
                        cuts.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        line
    }
}

/// Ends with either side; `true` when it was cut.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    (armed, cut): (&AtomicBool, Cut),
) -> bool {
    let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut is_cutting = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(n @ 1..) = read else { return false };
                let sent = &from_client[..n];
                let commits = sent.windows(COMMIT.len()).any(|w| w == COMMIT);
                if server.write_all(sent).await.is_err() {
                    return false;
                }
                if commits && armed.swap(false, Ordering::SeqCst) {
                    if cut == Cut::BeforeAnswer {
                        return true;
                    }
                    is_cutting = true;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(n @ 1..) = read else { return false };
                if is_cutting {
                    return true;
                }
                if client.write_all(&from_server[..n]).await.is_err() {
                    return false;
                }
            }
        }
    }
}
