//! What stands between us and the server: passes bytes on, unless a connection is fated otherwise.
//!
//! The rule: a fate is that of a connection, in the order in which these are made; how many requests go over one is the client's choice.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How much of what was sent is remembered, in bytes.
const REMEMBERED: usize = 1024 * 1024;

/// What becomes of a connection.
#[derive(Clone)]
pub enum Fate {
    /// Nothing special.
    Pass,
    /// Its one request is answered so, and the server never hears of it.
    Answer {
        status: &'static str,
        body: &'static str,
    },
    /// After so many bytes up, what is sent is lost and nothing is answered.
    Silence(usize),
    /// It ends after so many bytes up.
    CutUp(usize),
    /// It ends after so many bytes down.
    CutDown(usize),
}

/// Somewhere to connect to instead of the server.
pub struct Proxy {
    pub address: SocketAddr,
    line: Arc<Line>,
}

struct Line {
    server: SocketAddr,
    fates: Mutex<(VecDeque<Fate>, Fate)>,
    sent: Mutex<Vec<u8>>,
    connections: Mutex<usize>,
    /// Somebody is being ignored.
    silent: Notify,
}

impl Proxy {
    /// In front of a server, with the fates of the first connections and of all later ones.
    pub async fn start(server: SocketAddr, first: Vec<Fate>, later: Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = Arc::new(Line {
            server,
            fates: Mutex::new((first.into(), later)),
            sent: Mutex::default(),
            connections: Mutex::default(),
            silent: Notify::new(),
        });
        let address = listener.local_addr().unwrap();
        let this = line.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                *this.connections.lock().unwrap() += 1;
                let (first, later) = &mut *this.fates.lock().unwrap();
                let fate = first.pop_front().unwrap_or_else(|| later.clone());
                let line = this.clone();
                tokio::spawn(async move { line.carry(client, fate).await });
            }
        });
        Self { address, line }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        *self.line.connections.lock().unwrap()
    }

    /// What clients sent, as text.
    pub fn sent(&self) -> String {
        String::from_utf8_lossy(&self.line.sent.lock().unwrap()).into_owned()
    }

    /// Waits until somebody is being ignored.
    pub async fn is_silent(&self) {
        self.line.silent.notified().await;
    }
}

impl Line {
    /// Ends with the connection, whoever closed it.
    async fn carry(&self, mut client: TcpStream, fate: Fate) {
        if let Fate::Answer { status, body } = fate {
            let kind = if body.contains("<html>") {
                "text/html"
            } else {
                "application/xml"
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            if self.request(&mut client).await.is_some() {
                // Whoever does not want to hear it has gone.
                client.write_all(answer.as_bytes()).await.ok();
            }
            return;
        }
        let Ok(mut server) = TcpStream::connect(self.server).await else {
            return;
        };
        let (mut up, mut down) = (0, 0);
        let (mut from_client, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut from_client) => {
                    let Ok(read @ 1..) = read else { return };
                    self.remember(&from_client[..read]);
                    up += read;
                    match fate {
                        Fate::CutUp(after) if up > after => return,
                        Fate::Silence(after) if up > after => {
                            self.silent.notify_one();
                            continue;
                        }
                        _ => {}
                    }
                    if server.write_all(&from_client[..read]).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut from_server) => {
                    let Ok(read @ 1..) = read else { return };
                    down += read;
                    if client.write_all(&from_server[..read]).await.is_err() {
                        return;
                    }
                    if matches!(fate, Fate::CutDown(after) if down > after) {
                        return;
                    }
                }
            }
        }
    }

    /// Reads one request to its end.
    async fn request(&self, client: &mut TcpStream) -> Option<()> {
        let mut request = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = client.read(&mut piece).await.ok()?;
            if read == 0 {
                return None;
            }
            self.remember(&piece[..read]);
            request.extend_from_slice(&piece[..read]);
            let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                return Some(());
            }
        }
    }

    fn remember(&self, bytes: &[u8]) {
        let mut sent = self.sent.lock().unwrap();
        let room = REMEMBERED.saturating_sub(sent.len()).min(bytes.len());
        sent.extend_from_slice(&bytes[..room]);
    }
}
