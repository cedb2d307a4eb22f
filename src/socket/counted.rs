//! The stream below a WebSocket: counts its own bytes, so that a slow other end can be told from a dead one, and those of all streams
//! together, for metrics; does not read what there is no memory for; and takes messages to be sent, which the library above it would copy once for every client.
//!
//! The one rule for reading: what waits here for its turn is at most one read and lies in the kernel otherwise, which slows the other end down. The one for writing: whatever is
//! written is taken whole, so that what the library says in between (pongs, closes) never stands in the middle of a message.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::incoming::Share;
use super::outgoing::Outgoing;
use crate::telemetry::ConnectionMetrics;

/// The most that is read at once, however little of it the library's own buffer holds.
const READ: usize = 4 << 10;
/// Bytes of pings that are read while the other end takes nothing. The library keeps a pong for each of them until it does.
const UNANSWERED_PINGS: usize = 4 << 10;

/// Wraps a stream and counts bytes.
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    read: u64,
    written: u64,
    all_read: Counter,
    all_written: Counter,
    frames: Frames,
    share: Share,
    outgoing: Outgoing,
    /// What was read and not yet handed on: what the library's buffer did not hold, a part of a head, or what there was no memory for.
    ahead: Vec<u8>,
    /// Pings handed on since the other end last took something.
    pings: usize,
    /// Who waits for the other end to take something.
    reader: Option<Waker>,
    /// Nobody looks at what comes any more.
    is_drained: bool,
}

/// What a stream needs to know of its connection.
pub struct Counting<'a> {
    /// Where bytes are counted.
    pub all: &'a ConnectionMetrics,
    /// The largest message, in bytes.
    pub max_message: usize,
    /// Memory for messages that are not whole.
    pub share: Share,
    /// What came with the handshake.
    pub read: Vec<u8>,
}

impl<S> Counted<S> {
    /// Starts at zero.
    pub fn new(stream: S, counting: Counting<'_>) -> Self {
        Self {
            stream,
            read: 0,
            written: 0,
            all_read: counting.all.received_bytes.clone(),
            all_written: counting.all.sent_bytes.clone(),
            frames: Frames::new(counting.max_message),
            share: counting.share,
            outgoing: Outgoing::default(),
            ahead: counting.read,
            pings: 0,
            reader: None,
            is_drained: false,
        }
    }

    /// Bytes that came.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Bytes that the stream has accepted.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that have come of a message that is not whole.
    pub fn unfinished(&self) -> usize {
        self.frames.message()
    }

    /// Whether it is not read because there is no memory for what comes.
    pub fn waits(&self) -> bool {
        self.share.waits()
    }

    /// A message that goes out with the next flush.
    pub fn put_message(&mut self, message: &Bytes) {
        self.outgoing.put_message(message);
    }

    /// A ping that goes out with the next flush.
    pub fn put_ping(&mut self) {
        self.outgoing.put_ping();
    }

    /// Bytes that are to be sent and that the stream has not accepted.
    pub fn unsent(&self) -> usize {
        self.outgoing.left()
    }

    /// From now on bytes are only read, to be thrown away.
    pub fn drain(&mut self) {
        self.is_drained = true;
        self.ahead = Vec::new();
    }

    /// Hands on what can be of bytes that were read; says how many. Pending where all of them wait for memory.
    fn hand_on(&mut self, bytes: &[u8], buf: &mut ReadBuf<'_>, cx: &mut Context<'_>) -> usize {
        let mut used = 0;
        loop {
            let allowed = self.share.allowed() - self.frames.message();
            let poured = self.frames.pour(&bytes[used..], buf, allowed);
            used += poured.used;
            self.pings += self.frames.take_pings();
            if self.frames.message() == 0 {
                self.share.release();
            }
            if !poured.wants || self.share.poll_draw(self.frames.message(), cx).is_pending() {
                return used;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Counted<S> {
    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        self.read += read;
        self.all_read.inc_by(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_drained {
            return this.poll_stream(cx, buf);
        }
        let watched = this.share.poll_watch(this.frames.message(), cx);
        watched.map_err(io::Error::other)?;
        if this.pings > UNANSWERED_PINGS {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        loop {
            let mut ahead = std::mem::take(&mut this.ahead);
            let used = this.hand_on(&ahead, buf, cx);
            if used < ahead.len() {
                ahead.drain(..used);
                this.ahead = ahead;
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if this.share.waits() {
                return Poll::Pending;
            }
            let mut space = [MaybeUninit::uninit(); READ];
            let mut read = ReadBuf::uninit(&mut space);
            ready!(this.poll_stream(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            if this.ahead.is_empty() {
                let used = this.hand_on(read.filled(), buf, cx);
                this.ahead = read.filled()[used..].to_vec();
                if buf.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.ahead.extend_from_slice(read.filled());
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Counted<S> {
    /// Writes what is to be sent. Ready once the stream has accepted all of it.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        let sent = self
            .outgoing
            .poll_write(&mut self.stream, cx, |taken| written += taken as u64);
        if written > 0 {
            self.written += written;
            self.all_written.inc_by(written);
            self.pings = 0;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        sent
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    /// Takes all of it, and writes what the stream accepts at once.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outgoing.put(buf);
        match self.poll_outgoing(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_outgoing(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_outgoing(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::{FutureExt, SinkExt, StreamExt};
    use tokio::io::{AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;
    use tokio_tungstenite::tungstenite::{Error, Message};

    use super::*;
    use crate::socket::TooSlow;
    use crate::socket::incoming::{FREE, Incoming, STEP};
    use crate::telemetry::Counts;

    /// A client's end and the WebSocket that the server reads.
    async fn connection(
        incoming: &Arc<Incoming>,
    ) -> (DuplexStream, WebSocketStream<Counted<DuplexStream>>) {
        connection_over(4 << 20, incoming).await
    }

    /// The same over a line that takes so many bytes before anybody reads them.
    async fn connection_over(
        bytes: usize,
        incoming: &Arc<Incoming>,
    ) -> (DuplexStream, WebSocketStream<Counted<DuplexStream>>) {
        let (client, server) = tokio::io::duplex(bytes);
        let counting = Counting {
            all: &ConnectionMetrics::default(),
            max_message: 2 << 20,
            share: incoming.share(),
            read: Vec::new(),
        };
        let stream = Counted::new(server, counting);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        (client, socket)
    }

    /// The head of a frame that announces so many bytes, and as many of them as are to come at once.
    async fn announce(client: &mut DuplexStream, announced: usize, come: usize) {
        let mut bytes = vec![0x82, 0xff];
        bytes.extend((announced as u64).to_be_bytes());
        bytes.resize(bytes.len() + 4 + come, 0);
        client.write_all(&bytes).await.unwrap();
    }

    #[tokio::test]
    async fn l18_what_there_is_no_memory_for_is_not_read_until_there_is() {
        let incoming = Incoming::new(STEP, Counts::default());
        let (mut first, mut first_socket) = connection(&incoming).await;
        let (mut second, mut second_socket) = connection(&incoming).await;
        let (mut small, mut small_socket) = connection(&incoming).await;
        let large = 10 * STEP;
        announce(&mut first, large, large - 1).await;
        assert!(first_socket.next().now_or_never().is_none());
        announce(&mut second, large, large).await;
        assert!(second_socket.next().now_or_never().is_none());
        assert!(second_socket.get_ref().waits() && !first_socket.get_ref().waits());
        assert!(second_socket.get_ref().read() <= (FREE + READ) as u64);
        // What is small needs nothing.
        announce(&mut small, FREE, FREE).await;
        let came = small_socket.next().await.unwrap().unwrap();
        assert_eq!(came.len(), FREE);
        let waiting = tokio::spawn(async move { second_socket.next().await });
        first.write_all(&[0]).await.unwrap();
        let came = first_socket.next().await.unwrap().unwrap();
        assert_eq!(came, Message::binary(vec![0; large]));
        let came = waiting.await.unwrap().unwrap().unwrap();
        assert_eq!(came, Message::binary(vec![0; large]));
        assert_eq!((incoming.drawn(), incoming.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn what_the_library_says_never_stands_in_the_middle_of_a_message() {
        let incoming = Incoming::new(STEP, Counts::default());
        let (client, mut server) = connection_over(64, &incoming).await;
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let message = Bytes::from(vec![5; 1_000]);
        server.get_mut().put_message(&message);
        assert!(
            server.flush().now_or_never().is_none(),
            "the client reads nothing"
        );
        client.send(Message::Ping("a".into())).await.unwrap();
        assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
        server.get_mut().put_message(&message);
        let mut came = Vec::new();
        while came.len() < 3 {
            let _ = server.flush().now_or_never();
            while let Some(next) = client.next().now_or_never() {
                came.push(next.unwrap().unwrap());
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(came[0], Message::Binary(message.clone()));
        assert!(came.contains(&Message::Pong("a".into())));
        assert_eq!(server.get_ref().unsent(), 0);
        let sent = 2 * (1_000 + 4) + 3;
        assert_eq!(server.get_ref().written(), sent);
    }

    #[tokio::test(start_paused = true)]
    async fn l18_a_hoarder_is_closed_after_a_minute_and_one_that_is_gone_holds_nothing() {
        let incoming = Incoming::new(STEP, Counts::default());
        let (mut gone, gone_socket) = connection(&incoming).await;
        announce(&mut gone, 1 << 20, 1 << 19).await;
        let (mut hoarder, mut socket) = connection(&incoming).await;
        {
            let mut gone_socket = gone_socket;
            assert!(gone_socket.next().now_or_never().is_none());
            assert!(incoming.drawn() >= 1 << 19);
        }
        assert_eq!(incoming.drawn(), 0);
        announce(&mut hoarder, 1 << 20, 1 << 19).await;
        let start = Instant::now();
        let drip = tokio::spawn(async move {
            // Until nobody reads any more.
            while hoarder.write_all(&[0; 1024]).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        match socket.next().await {
            Some(Err(Error::Io(error))) => assert!(TooSlow::is(&error), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(start.elapsed().as_secs(), 60);
        drop(socket);
        drip.await.unwrap();
    }
}
