//! Whether every peer runs and is understood: two join a room, one edits, the other sees it, also after a restart where rooms are kept.
//!
//! Measures nothing. The one rule: a peer passes only if its bytes came from a process that was just started.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use futures_util::{SinkExt, StreamExt};
use scrible_wire::message;
use scrible_wire::{Message, Messages};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Dialect, Door, Peer, Places, Running, Setup};
use crate::load::forged::append;

/// For each thing that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The room of the check.
const ROOM: &str = "checked-room_1";
/// Bytes of the edits.
const BYTES: usize = 100;

/// Who is checked.
#[derive(Args, Clone)]
pub struct CheckConfig {
    /// Only these; all where none is named, the one on Postgres if there is one.
    #[arg(long, value_delimiter = ',', value_enum)]
    peers: Vec<Peer>,
    #[command(flatten)]
    places: Places,
}

/// A client that holds everything it heard.
struct Guest {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    dialect: Dialect,
}

/// Checks one after the other, and prints who passed; an error if somebody did not.
pub async fn check(server: &std::path::Path, config: &CheckConfig) -> Result<()> {
    let setup = config.places.setup(server);
    let mut peers = config.peers.clone();
    if peers.is_empty() {
        peers = Peer::value_variants().to_vec();
        peers.retain(|peer| *peer != Peer::ScriblePostgres || setup.postgres.is_some());
    }
    let mut failed = Vec::new();
    for peer in peers {
        let (name, version) = (peer.name(), peer.version(&setup));
        match one(peer, &setup).await {
            Ok(()) => println!("{name:20} {version:24} ok"),
            Err(error) => {
                println!("{name:20} {version:24} {error:#}");
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

async fn one(peer: Peer, setup: &Setup) -> Result<()> {
    let mut running = peer.start(setup).await?;
    let (first, second) = (append(1, 0, BYTES), append(1, 1, BYTES));
    edit(&running, &first).await?;
    if running.keeps_rooms() {
        running.restart().await?;
        let mut late = Guest::join(&running.door(ROOM).await?, Some(&first)).await?;
        late.leave().await?;
        edit(&running, &second).await?;
    }
    ensure!(running.rss_bytes()? > 0, "it has no memory");
    ensure!(running.taken()?.mib > 0.0, "it has no memory of its own");
    running.end().await
}

/// Two join, one edits, the other sees it.
async fn edit(running: &Running, update: &[u8]) -> Result<()> {
    let door = running.door(ROOM).await?;
    let mut author = Guest::join(&door, None).await?;
    let mut reader = Guest::join(&door, None).await?;
    author.send(&message::update(update)).await?;
    reader.hear(update).await.context("see an edit")?;
    author.leave().await?;
    reader.leave().await
}

impl Guest {
    /// Connects and waits for the content of the room, which must have something.
    async fn join(door: &Door, wanted: Option<&[u8]>) -> Result<Self> {
        let joining = async {
            let (socket, _) = connect_async(&door.url).await?;
            let dialect = door.dialect.clone();
            let mut guest = Self { socket, dialect };
            for frame in guest.dialect.hello() {
                guest.socket.send(Frame::Binary(frame.into())).await?;
            }
            guest.send(&message::step1(&[0])).await?;
            // All at once or in parts.
            let mut content = Vec::new();
            loop {
                let frame = guest.next().await?;
                let message = guest.dialect.unwrap(&frame).unwrap_or_default();
                match Messages::new(message).next() {
                    Some(Ok(Message::Update(update))) => content.extend_from_slice(update),
                    Some(Ok(Message::SyncStep2(update))) => {
                        content.extend_from_slice(update);
                        break;
                    }
                    _ => {}
                }
            }
            if let Some(wanted) = wanted {
                ensure!(holds(&content, wanted), "what was there before is not");
            }
            Ok(guest)
        };
        timeout(PATIENCE, joining)
            .await
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("join at {}", door.url))
    }

    async fn send(&mut self, message: &[u8]) -> Result<()> {
        let frame = self.dialect.wrap(message);
        Ok(self.socket.send(Frame::Binary(frame.into())).await?)
    }

    /// Waits for an update that brings what another does.
    async fn hear(&mut self, wanted: &[u8]) -> Result<()> {
        let hearing = async {
            loop {
                let frame = self.next().await?;
                let message = self.dialect.unwrap(&frame).unwrap_or_default();
                if let Some(Ok(Message::Update(update))) = Messages::new(message).next()
                    && holds(update, wanted)
                {
                    return Ok(());
                }
            }
        };
        timeout(PATIENCE, hearing).await?
    }

    async fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Binary(frame))) => return Ok(frame.into()),
                Some(Ok(Frame::Close(close))) => bail!("the peer closed: {close:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the peer closed the connection"),
            }
        }
    }

    async fn leave(&mut self) -> Result<()> {
        Ok(self.socket.close(None).await?)
    }
}

/// Whether an update has the payload of a forged one, which servers encode anew but do not change.
fn holds(update: &[u8], forged: &[u8]) -> bool {
    let payload = &forged[forged.len() - 1 - BYTES..forged.len() - 1];
    update.windows(BYTES).any(|window| window == payload)
}
