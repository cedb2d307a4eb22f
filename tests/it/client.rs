//! A raw client: sends frames, records frames. Updates are forged byte by byte, as Yjs would write them.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use scrible_wire::{Message, Messages, message};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Nothing under test takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Step1(Vec<u8>),
    Step2(Vec<u8>),
    Update(Vec<u8>),
    Awareness(Vec<u8>),
    Denied,
    Closed(u16, String),
}

impl Client {
    pub async fn connect(address: SocketAddr, path: &str) -> Self {
        let request = format!("ws://{address}{path}").into_client_request();
        Self::connect_by(request.unwrap()).await
    }

    /// Connects by a request that may have any headers.
    pub async fn connect_by(request: Request) -> Self {
        let (socket, _) = connect_async(request).await.unwrap();
        Self { socket }
    }

    /// A client of a connection that stands already.
    pub fn from_socket(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket }
    }

    /// Connects and syncs with an empty doc; returns what the room holds.
    pub async fn join(address: SocketAddr, path: &str) -> (Self, Vec<u8>) {
        let mut client = Self::connect(address, path).await;
        client.send(message::step1(&[0])).await;
        let content = client.until(|heard| match heard {
            Heard::Step2(update) => Some(update.clone()),
            _ => None,
        });
        let content = content.await;
        (client, content)
    }

    pub async fn send(&mut self, message: Vec<u8>) {
        self.socket
            .send(Frame::Binary(message.into()))
            .await
            .unwrap();
    }

    /// Sends an update, if the connection is still there.
    pub async fn try_update(&mut self, update: &[u8]) -> bool {
        let frame = Frame::Binary(message::update(update).into());
        self.socket.send(frame).await.is_ok()
    }

    /// Says goodbye, without waiting for the answer.
    pub async fn leave(&mut self) {
        self.socket.send(Frame::Close(None)).await.unwrap();
    }

    pub async fn text(&mut self, text: &str) {
        self.socket.send(Frame::Text(text.into())).await.unwrap();
    }

    pub async fn update(&mut self, update: &[u8]) {
        self.send(message::update(update)).await;
    }

    /// The next message; a closed connection is one too.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let frame = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message in time");
            match frame {
                Some(Ok(Frame::Binary(frame))) => return heard(&frame),
                Some(Ok(Frame::Close(Some(close)))) => {
                    return Heard::Closed(close.code.into(), close.reason.to_string());
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                other => panic!("a message or a close, not {other:?}"),
            }
        }
    }

    /// The next message; `None` once the connection has ended, however it did.
    pub async fn hear_or_end(&mut self) -> Option<Heard> {
        loop {
            let frame = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message in time");
            match frame {
                Some(Ok(Frame::Binary(frame))) => return Some(heard(&frame)),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// Waits until the server has handled all that was sent; a close that came instead of the answer.
    pub async fn until_settled(&mut self) -> Option<Heard> {
        self.send(message::step1(&[0])).await;
        loop {
            match self.hear().await {
                Heard::Step2(_) => return None,
                closed @ Heard::Closed(..) => return Some(closed),
                _ => {}
            }
        }
    }

    /// Hears until something is found.
    pub async fn until<T>(&mut self, mut find: impl FnMut(&Heard) -> Option<T>) -> T {
        loop {
            let heard = self.hear().await;
            if let Some(found) = find(&heard) {
                return found;
            }
            assert!(
                !matches!(heard, Heard::Closed(..)),
                "closed before: {heard:?}"
            );
        }
    }

    /// The next update, whatever else comes.
    pub async fn next_update(&mut self) -> Vec<u8> {
        self.until(|heard| match heard {
            Heard::Update(update) => Some(update.clone()),
            _ => None,
        })
        .await
    }

    /// Everything heard until the server has answered a question asked now.
    pub async fn heard_so_far(&mut self) -> Vec<Heard> {
        self.send(message::step1(&[0])).await;
        let mut all = Vec::new();
        loop {
            match self.hear().await {
                Heard::Step2(_) => return all,
                heard => all.push(heard),
            }
        }
    }

    /// The reason with which the server closes.
    pub async fn reason(&mut self) -> String {
        self.until(|heard| match heard {
            Heard::Closed(_, reason) => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    /// The code with which the server closes.
    pub async fn closed(&mut self) -> u16 {
        self.until(|heard| match heard {
            Heard::Closed(code, _) => Some(*code),
            _ => None,
        })
        .await
    }
}

fn heard(frame: &[u8]) -> Heard {
    let mut messages = Messages::new(frame);
    let heard = match messages
        .next()
        .expect("no empty frame")
        .expect("a well-formed message")
    {
        Message::SyncStep1(vector) => Heard::Step1(vector.to_vec()),
        Message::SyncStep2(update) => Heard::Step2(update.to_vec()),
        Message::Update(update) => Heard::Update(update.to_vec()),
        Message::Awareness(body) => Heard::Awareness(body.to_vec()),
        Message::Auth(_) => Heard::Denied,
        other => panic!("a server never sends {other:?}"),
    };
    assert!(messages.next().is_none(), "one message a frame");
    heard
}

/// An update of `client` that appends one character at `clock` to the root text `t`.
pub fn typed(client: u8, clock: u8) -> Vec<u8> {
    let mut update = vec![1, 1, client, clock];
    match clock.checked_sub(1) {
        Some(left) => update.extend([0x84, client, left]),
        None => update.extend([0x04, 1, 1, b't']),
    }
    update.extend([1, b'a' + clock % 26, 0]);
    update
}
