//! One connection to a running server, for the commands that work on rooms in use: joins a room, hands over parts, and knows which of
//! them are stored.
//!
//! Knows messages and close codes, not what an update holds. The rule: the bytes under way are bounded, and the socket is
//! read whenever it is written, because a server that cannot get rid of its echoes stops reading. A token is shown to the server that was
//! named, and stands in no error.

mod told;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context as Waking, Poll};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use scrible_wire::varint::Reader;
use scrible_wire::{Limits, Message, Messages, StateVector, message};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use self::told::{harmless, remedy, unreachable};
use crate::access::Secret;
use crate::room::RoomName;
use crate::tls;

/// Bytes that may be under way, and one part on top.
const WINDOW_BYTES: usize = 4 << 20;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come of what was sent. A room may have to be loaded, and one part may be a photo on a slow line.
const PATIENCE: Duration = Duration::from_secs(120);
/// The server says why it refuses, holds the connection for some seconds and only then closes it.
const FAREWELL: Duration = Duration::from_secs(7);
/// The answer to a step 1 may be one large struct; the server is the one that we were told to trust.
const MAX_MESSAGE_BYTES: usize = 1 << 30;
/// An update of nothing. The server echoes it to us alone, once everything that was there when it arrived is stored.
///
/// The echo of a part itself would not do: it may come back cut to what was new, and somebody else may send the same bytes.
const NOTHING: &[u8] = &[0, 0];

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are stored.
    pub stored: usize,
    /// Bytes in all.
    pub total: usize,
}

/// Why not everything was stored.
#[derive(Debug)]
pub struct Stopped {
    /// The reason.
    pub error: Error,
    /// What was stored until then.
    pub progress: Progress,
}

/// A connection to a room.
pub struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Waiting to be written: what fits into the window.
    queue: VecDeque<Frame>,
    /// Why nothing can be written any more. The server's reason may still be there to be read.
    unwritable: Option<tungstenite::Error>,
    /// What the server said against us.
    denied: Option<String>,
    /// Whether a token was shown.
    with_token: bool,
    /// When to give up.
    deadline: Instant,
}

impl Line {
    /// Connects to a room by its [`address`], showing a token where there is one.
    ///
    /// # Errors
    /// Nobody there, or not a server that has rooms, or one that refuses the room.
    pub async fn open(url: &str, token: Option<&Secret>) -> Result<Self> {
        tls::ready();
        let mut request = url
            .into_client_request()
            .with_context(|| format!("connect to {url}"))?;
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
            // What was wrong with it would show it.
            let mut value = value
                .ok()
                .context("the token holds characters that no token has")?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let connecting = timeout(
            CONNECT,
            connect_async_with_config(request, Some(config), true),
        );
        let (socket, _) = connecting
            .await
            .with_context(|| format!("no answer from {url}"))?
            .map_err(|error| unreachable(url, error))?;
        Ok(Self {
            socket,
            queue: VecDeque::new(),
            unwritable: None,
            denied: None,
            with_token: token.is_some(),
            deadline: Instant::now() + PATIENCE,
        })
    }

    /// Waits until the room is open, and returns what it has.
    ///
    /// # Errors
    /// The server closes, or says something else than servers of rooms do.
    pub async fn greeting(&mut self) -> Result<StateVector> {
        loop {
            let frame = self.hear().await?;
            if let Message::SyncStep1(theirs) = first(&frame)? {
                return StateVector::decode(theirs, &Limits::default().without_counts())
                    .context("read what the room has");
            }
        }
    }

    /// Hands all content of the room to `each`, update by update.
    ///
    /// # Errors
    /// As with [`Line::greeting`].
    pub async fn content(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        self.say(message::step1(&StateVector::new().encode()));
        loop {
            let frame = self.hear().await?;
            match first(&frame)? {
                Message::Update(update) => {
                    self.deadline = Instant::now() + PATIENCE;
                    each(update);
                }
                Message::SyncStep2(update) => {
                    each(update);
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// Joins as one who has `theirs`, and waits for the answer.
    ///
    /// # Errors
    /// As with [`Line::greeting`].
    pub async fn join(&mut self, theirs: &StateVector) -> Result<()> {
        self.say(message::step1(&theirs.encode()));
        while !matches!(first(&self.hear().await?)?, Message::SyncStep2(_)) {}
        Ok(())
    }

    /// Returns once all that was in the room when this was asked is stored.
    ///
    /// # Errors
    /// As with [`Line::greeting`].
    pub async fn settled(&mut self) -> Result<()> {
        self.say(message::update(NOTHING));
        while first(&self.hear().await?)? != Message::Update(NOTHING) {}
        Ok(())
    }

    /// Sends parts and returns once all are stored.
    ///
    /// # Errors
    /// The server refuses, closes, or does not answer; with how much is stored.
    pub async fn store(
        &mut self,
        parts: Vec<Vec<u8>>,
        mut told: impl FnMut(Progress),
    ) -> Result<(), Stopped> {
        let mut progress = Progress {
            stored: 0,
            total: parts.iter().map(Vec::len).sum(),
        };
        match self.hand_over(parts, &mut progress, &mut told).await {
            Ok(()) => Ok(()),
            Err(error) => Err(Stopped { error, progress }),
        }
    }

    async fn hand_over(
        &mut self,
        parts: Vec<Vec<u8>>,
        progress: &mut Progress,
        told: &mut impl FnMut(Progress),
    ) -> Result<()> {
        let mut parts = parts.into_iter().peekable();
        let mut under_way: VecDeque<usize> = VecDeque::new();
        let mut bytes = 0;
        loop {
            while bytes < WINDOW_BYTES
                && let Some(part) = parts.next()
            {
                under_way.push_back(part.len());
                bytes += part.len();
                self.say(message::update(&part));
                self.say(message::update(NOTHING));
            }
            let Some(next) = under_way.front().copied() else {
                return Ok(());
            };
            let frame = self
                .hear()
                .await
                .with_context(|| format!("a part of {next} bytes was on its way"))?;
            match first(&frame)? {
                Message::Update(NOTHING) => {
                    under_way.pop_front();
                    bytes -= next;
                    progress.stored += next;
                    self.deadline = Instant::now() + PATIENCE;
                    told(*progress);
                }
                // The server asks anew only when it was sent something that builds on what it does not have.
                Message::SyncStep1(_) => {
                    bail!(
                        "the room lost something while its content came in, and did not take all of it"
                    )
                }
                _ => {}
            }
        }
    }

    /// Ends the connection in order.
    pub async fn close(mut self) {
        // Everything is stored already; a server that is gone by now takes nothing away.
        timeout(Duration::from_secs(2), self.socket.close(None))
            .await
            .ok();
    }

    /// Asks, or hands over; from now on an answer is waited for.
    fn say(&mut self, message: Vec<u8>) {
        if self.denied.is_none() {
            self.deadline = Instant::now() + PATIENCE;
        }
        self.queue.push_back(Frame::Binary(message.into()));
    }

    /// Writes what waits until a message comes.
    async fn hear(&mut self) -> Result<Bytes> {
        loop {
            let deadline = self.deadline;
            let heard = timeout_at(deadline, std::future::poll_fn(|cx| self.poll(cx))).await;
            let frame = match (heard, &self.denied) {
                (Ok(Some(Ok(frame))), _) => frame,
                (Err(_), None) => bail!(
                    "the server neither stored nor refused anything for {} seconds; ask it how it is with `scrible \
                     healthcheck`",
                    PATIENCE.as_secs()
                ),
                // It may have gone without saying more.
                (_, Some(denied)) => bail!("the server refuses: {denied}"),
                (Ok(Some(Err(error))), None) => {
                    return Err(match self.unwritable.take() {
                        Some(first) => Error::new(first),
                        None => Error::new(error),
                    }
                    .context("the connection broke"));
                }
                (Ok(None), None) => bail!("the server closed the connection without a word"),
            };
            match frame {
                Frame::Binary(frame) => {
                    if let Some(Ok(Message::Auth(body))) = Messages::new(&frame).next() {
                        self.denied = Some(reason(body));
                        self.queue.clear();
                        self.deadline = self.deadline.min(Instant::now() + FAREWELL);
                        continue;
                    }
                    return Ok(frame);
                }
                Frame::Close(Some(close)) => {
                    let code = close.code.into();
                    let reason = harmless(&close.reason);
                    let remedy = remedy(code, self.with_token);
                    bail!("the server closed with code {code}: {reason}{remedy}");
                }
                _ => {}
            }
        }
    }

    fn poll(&mut self, cx: &mut Waking<'_>) -> Poll<Option<Result<Frame, tungstenite::Error>>> {
        if self.unwritable.is_none()
            && let Err(error) = self.poll_write(cx)
        {
            self.queue.clear();
            self.unwritable = Some(error);
        }
        Pin::new(&mut self.socket).poll_next(cx)
    }

    fn poll_write(&mut self, cx: &mut Waking<'_>) -> Result<(), tungstenite::Error> {
        let mut socket = Pin::new(&mut self.socket);
        while !self.queue.is_empty() {
            match socket.as_mut().poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            if let Some(frame) = self.queue.pop_front() {
                socket.as_mut().start_send(frame)?;
            }
        }
        match socket.poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }
}

/// Where a room of the server at `http://host:port` or `https://host` is, or at `ws://` and `wss://`, which are the same; there may be a
/// path under which rooms are mounted.
///
/// The server decodes the name once, so everything that means something in a URL is encoded.
///
/// # Errors
/// What is no address of a server that this speaks with.
pub fn address(server: &str, room: &RoomName) -> Result<String> {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: AsciiSet = NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    // Whoever writes a password there shall not find it on the screen.
    ensure!(
        !server.contains('@'),
        "the address of a server holds no user and no password: show a token (SCRIBLE_TOKEN)"
    );
    let place = match server.trim_end_matches('/').split_once("://") {
        Some(("http" | "ws", place)) => Some(("ws", place)),
        Some(("https" | "wss", place)) => Some(("wss", place)),
        _ => None,
    };
    let place = place.filter(|(_, place)| !place.is_empty() && !place.contains(['?', '#']));
    let (scheme, place) = place.with_context(|| {
        format!(
            "{server:?} is no address of a server; it looks like https://host or http://host:port"
        )
    })?;
    let room = utf8_percent_encode(room.as_str(), &KEPT);
    Ok(format!("{scheme}://{place}/{room}"))
}

/// Servers send one message a frame.
fn first(frame: &[u8]) -> Result<Message<'_>> {
    match Messages::new(frame).next() {
        Some(Ok(message)) => Ok(message),
        Some(Err(malformed)) => Err(anyhow!(
            "this is no y-websocket server: it sends a message with an error ({malformed})"
        )),
        None => Err(anyhow!(
            "this is no y-websocket server: it sends nothing in a frame"
        )),
    }
}

fn reason(body: &[u8]) -> String {
    let mut reader = Reader::new(body);
    let reason = reader.number().and_then(|_| reader.var_str());
    harmless(reason.unwrap_or("it does not say why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i3_every_room_name_survives_the_address() {
        for room in ["demo", "a/b c", "ünï/?#%20", "+&=", "a//b/"] {
            let address = address("ws://[::1]:1/", &RoomName::new(room).unwrap()).unwrap();
            let path = address.strip_prefix("ws://[::1]:1").unwrap();
            assert!(path.is_ascii() && !path.contains(['?', '#', ' ']), "{path}");
            assert_eq!(
                crate::room::Address::from_path(path).unwrap().room.as_str(),
                room
            );
        }
        for (server, wanted) in [
            ("http://h:1", "ws://h:1/demo"),
            ("https://h/ws/", "wss://h/ws/demo"),
            ("wss://h", "wss://h/demo"),
        ] {
            let room = RoomName::new("demo").unwrap();
            assert_eq!(address(server, &room).unwrap(), wanted);
        }
        for server in ["h:1", "ftp://h", "ws://", "ws://h/?a", "ws://me:planted@h"] {
            let error = address(server, &RoomName::new("demo").unwrap()).unwrap_err();
            assert!(!error.to_string().contains("planted"), "{error}");
        }
    }

    #[test]
    fn what_the_server_says_against_us_is_read() {
        let frame = message::permission_denied("no");
        let Some(Ok(Message::Auth(body))) = Messages::new(&frame).next() else {
            panic!("a refusal");
        };
        assert_eq!(reason(body), "no");
        assert_eq!(reason(&[]), "it does not say why");
    }
}
