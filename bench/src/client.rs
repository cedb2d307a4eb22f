//! A client that sends what it is told and counts bytes.

use std::time::Instant;

use anyhow::{Result, bail};
use futures_util::{SinkExt, StreamExt};
use scrible_wire::{Message, Messages, message};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::expect;

/// A joined client.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Bytes of content up to the first step 2.
    pub joined_bytes: usize,
}

impl Client {
    /// Connects and waits for the content of the room.
    pub async fn join(url: &str, room: &str) -> Result<Self> {
        Self::join_hearing(url, room, |_| {}).await
    }

    /// The same, and hands on the updates that make the content.
    pub async fn join_hearing(
        url: &str,
        room: &str,
        mut content: impl FnMut(&[u8]),
    ) -> Result<Self> {
        // Small buffers: thousands of clients share this process. A board may come in one frame.
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .max_frame_size(None)
            .max_message_size(None);
        let (socket, _) =
            connect_async_with_config(format!("{url}/{room}"), Some(config), true).await?;
        let mut client = Self {
            socket,
            joined_bytes: 0,
        };
        client.send(message::step1(&[0])).await?;
        loop {
            let frame = client.next().await?;
            match Messages::new(&frame).next() {
                // A large board comes in parts.
                Some(Ok(Message::Update(update))) => {
                    client.joined_bytes += update.len();
                    content(update);
                }
                Some(Ok(Message::SyncStep2(update))) => {
                    client.joined_bytes += update.len();
                    content(update);
                    return Ok(client);
                }
                _ => {}
            }
        }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Frame::Binary(message.into())).await?)
    }

    /// Waits for a message and says when it came.
    pub async fn wait_for(&mut self, wanted: &[u8]) -> Result<Instant> {
        while self.next().await? != wanted {}
        Ok(Instant::now())
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        // Whoever is gone already hears it no more.
        self.socket.close(None).await.ok();
    }

    /// Takes at most so many bytes off the line, whatever they are.
    pub async fn read_raw(&mut self, bytes: usize) -> Result<()> {
        let mut taken = vec![0; bytes];
        let read = self.socket.get_mut().read(&mut taken).await?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        Ok(())
    }

    /// The next message.
    pub async fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            match expect(self.socket.next().await, "the server closed the connection")?? {
                Frame::Binary(frame) => return Ok(frame.into()),
                Frame::Close(close) => bail!("the server closed: {close:?}"),
                _ => {}
            }
        }
    }
}
