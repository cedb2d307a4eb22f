//! A pooler that keeps no sessions, as PgBouncer does with `pool_mode = transaction`: all who come share one session of the server.
//!
//! Knows how messages of Postgres' protocol are framed, and which ones end a turn. The rule: whoever has begun to speak is heard and
//! answered before the next.

use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What a client says who would like to encrypt.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
/// The kinds of messages that matter here; those of clients and servers overlap.
const QUERY: u8 = b'Q';
const SYNC: u8 = b'S';
const TERMINATE: u8 = b'X';
const AUTHENTICATION: u8 = b'R';
const READY: u8 = b'Z';
/// The one kind of authentication after which nobody waits for the client, beside "ok".
const SASL_FINAL: u32 = 12;

/// Listens for clients.
pub struct Pooler {
    server: PgConnectOptions,
    port: u16,
}

/// The only session that there is.
struct Session {
    server: TcpStream,
    /// What the server said when it was made: settings, and that it is ready.
    greeting: Vec<u8>,
}

impl Pooler {
    pub async fn to(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(None));
        let to = (server.get_host().to_owned(), server.get_port());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (shared, to) = (Arc::clone(&shared), to.clone());
                // Whoever hangs up is not missed.
                tokio::spawn(async move { serve(client, &shared, to).await });
            }
        });
        Self { server, port }
    }

    /// Of the database by way of it.
    pub fn url(&self) -> String {
        let options = self.server.clone().host("127.0.0.1").port(self.port);
        options.to_url_lossy().to_string()
    }
}

async fn serve(
    mut client: TcpStream,
    shared: &Mutex<Option<Session>>,
    to: (String, u16),
) -> Result<()> {
    let mut startup = unnamed(&mut client).await?;
    if startup[4..] == SSL_REQUEST {
        client.write_all(b"N").await?;
        startup = unnamed(&mut client).await?;
    }
    {
        let mut shared = shared.lock().await;
        match &*shared {
            Some(session) => {
                let ok = [AUTHENTICATION, 0, 0, 0, 8, 0, 0, 0, 0];
                client.write_all(&ok).await?;
                client.write_all(&session.greeting).await?;
            }
            None => {
                let mut server = TcpStream::connect(to).await?;
                server.write_all(&startup).await?;
                let greeting = greet(&mut client, &mut server).await?;
                *shared = Some(Session { server, greeting });
            }
        }
    }
    loop {
        let mut said = message(&mut client).await?;
        if said[0] == TERMINATE {
            return Ok(());
        }
        let mut shared = shared.lock().await;
        let server = &mut shared.as_mut().unwrap().server;
        server.write_all(&said).await?;
        while ![QUERY, SYNC].contains(&said[0]) {
            said = message(&mut client).await?;
            server.write_all(&said).await?;
        }
        loop {
            let answer = message(server).await?;
            client.write_all(&answer).await?;
            if answer[0] == READY {
                break;
            }
        }
    }
}

/// Lets the first client show the server who it is; gives what the server says afterwards.
async fn greet(client: &mut TcpStream, server: &mut TcpStream) -> Result<Vec<u8>> {
    let mut greeting = Vec::new();
    loop {
        let said = message(server).await?;
        client.write_all(&said).await?;
        match said[0] {
            AUTHENTICATION => {
                let kind = u32::from_be_bytes(said[5..9].try_into().unwrap());
                if ![0, SASL_FINAL].contains(&kind) {
                    let answer = message(client).await?;
                    server.write_all(&answer).await?;
                }
            }
            _ => greeting.extend_from_slice(&said),
        }
        if said[0] == READY {
            return Ok(greeting);
        }
    }
}

/// A message with its kind and length.
async fn message(from: &mut TcpStream) -> Result<Vec<u8>> {
    let kind = from.read_u8().await?;
    let rest = unnamed(from).await?;
    Ok([&[kind], rest.as_slice()].concat())
}

/// One without a kind, as the first are.
async fn unnamed(from: &mut TcpStream) -> Result<Vec<u8>> {
    let bytes = from.read_u32().await?;
    let mut message = bytes.to_be_bytes().to_vec();
    message.resize(bytes as usize, 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}
