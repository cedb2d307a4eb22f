//! How a stream becomes a WebSocket: its buffers, its limits, and the memory that all of them share.
//!
//! Knows the library's settings, not rooms. The one rule: whoever serves clients makes sockets here, so that they all hold to the same limits.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::counted::{Counted, Counting};
use super::incoming::Incoming;
use crate::telemetry::Metrics;

/// A WebSocket connection.
pub type Socket = WebSocketStream<Counted<TcpStream>>;

/// How much sockets take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketsConfig {
    /// The largest message that a client may send, in bytes.
    pub max_message_bytes: usize,
    /// Memory for messages of all clients that have begun to come, in bytes. One message may go beyond it.
    pub max_incoming_bytes: usize,
}

/// Makes sockets of streams.
#[derive(Debug)]
pub struct Sockets {
    config: SocketsConfig,
    incoming: Arc<Incoming>,
}

impl Sockets {
    /// None yet.
    pub fn new(config: SocketsConfig, metrics: &Metrics) -> Self {
        Self {
            config,
            // A buffer that grows takes up to twice what is in it.
            incoming: Incoming::new(config.max_incoming_bytes / 2, metrics.limits.clone()),
        }
    }

    /// A socket of a stream on which the handshake is done; `read` came with it.
    pub async fn open(&self, stream: TcpStream, read: Vec<u8>, metrics: &Metrics) -> Socket {
        let counting = Counting {
            all: &metrics.connections,
            max_message: self.config.max_message_bytes,
            share: self.incoming.share(),
            read,
        };
        let stream = Counted::new(stream, counting);
        WebSocketStream::from_raw_socket(stream, Role::Server, Some(self.library())).await
    }

    /// Memory that is taken by messages that are not whole, in bytes.
    pub fn incoming_bytes(&self) -> usize {
        self.incoming.drawn()
    }

    /// Connections that are not read because there is no more of it.
    pub fn incoming_waiting(&self) -> usize {
        self.incoming.waiting()
    }

    /// Frame and buffer limits. The read buffer is allocated up front for every connection, cleared before every read, and small: `counted` reads more at
    /// once. The library writes pongs and closes alone, and hands them on at once; messages go past it, see `outgoing`. A frame above the limit is refused by its head; others come in
    /// slices, see `frames`.
    fn library(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(512)
            .write_buffer_size(0)
            .max_message_size(Some(self.config.max_message_bytes))
            .max_frame_size(Some(self.config.max_message_bytes))
    }
}
