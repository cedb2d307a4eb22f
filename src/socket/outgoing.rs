//! What goes out of a WebSocket and has not gone yet: small messages copied one behind another, large ones shared with whoever else is sent them.
//!
//! A server's frames are the same bytes for every client, so there is nothing in them to keep for each connection but how much of them the kernel has taken. Knows the head
//! of a frame and nothing of what is in it. The one rule: what was put first goes out first, whole, before anything else.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A message from this many bytes on is shared and not copied.
const SHARED: usize = 16 << 10;
/// A buffer of more bytes is not kept for the next who needs one.
const SPARE: usize = 256 << 10;

thread_local! {
    /// The buffer of whoever was last done. Most write all they have at once, so a thread's sessions take turns with one, which stays in the processor's cache; and
    /// a connection that has nothing to send has no buffer.
    static LAST: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes on their way to a stream.
#[derive(Debug, Default)]
pub struct Outgoing {
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that the stream has taken.
    taken: usize,
    /// Bytes that it has not.
    left: usize,
}

#[derive(Debug)]
enum Piece {
    Copied(Vec<u8>),
    Shared(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Outgoing {
    /// Bytes that the stream has not taken.
    pub fn left(&self) -> usize {
        self.left
    }

    /// A binary message, in one frame.
    pub fn put_message(&mut self, message: &Bytes) {
        self.put_head(OpCode::Data(Data::Binary), message.len());
        if message.len() < SHARED {
            self.put(message);
        } else {
            self.left += message.len();
            self.pieces.push_back(Piece::Shared(message.clone()));
        }
    }

    /// A ping without content.
    pub fn put_ping(&mut self) {
        self.put_head(OpCode::Control(Control::Ping), 0);
    }

    /// Whole frames, as they are.
    pub fn put(&mut self, frames: &[u8]) {
        self.left += frames.len();
        self.copied().put_slice(frames);
    }

    fn put_head(&mut self, opcode: OpCode, length: usize) {
        let head = FrameHeader {
            opcode,
            ..FrameHeader::default()
        };
        let copied = self.copied();
        let before = copied.len();
        // Writing to memory cannot fail.
        head.format(length as u64, copied).ok();
        let written = copied.len() - before;
        self.left += written;
    }

    /// The buffer behind all that is there.
    fn copied(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.back(), Some(Piece::Copied(_))) {
            self.pieces.push_back(Piece::Copied(LAST.take()));
        }
        match self.pieces.back_mut() {
            Some(Piece::Copied(bytes)) => bytes,
            _ => unreachable!("just seen or put there"),
        }
    }

    /// Writes what is left. Says of each write how many bytes the stream has taken.
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        mut took: impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        while let Some(piece) = self.pieces.front() {
            let bytes = &piece.bytes()[self.taken..];
            let written = match Pin::new(&mut *stream).poll_write(cx, bytes) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    self.shrink();
                    return Poll::Pending;
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            took(written);
            self.taken += written;
            self.left -= written;
            if self.taken == self.pieces[0].bytes().len() {
                self.taken = 0;
                if let Some(Piece::Copied(bytes)) = self.pieces.pop_front() {
                    keep(bytes);
                }
            }
        }
        // Most connections are idle.
        self.pieces = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    /// Whoever waits for the other end has no larger buffer than it needs.
    fn shrink(&mut self) {
        if let Some(Piece::Copied(bytes)) = self.pieces.front_mut()
            && bytes.capacity() > 2 * (bytes.len() - self.taken)
        {
            let rest = bytes[self.taken..].to_vec();
            keep(std::mem::replace(bytes, rest));
            self.taken = 0;
        }
    }
}

/// Keeps a buffer for the next who needs one on this thread.
fn keep(mut buffer: Vec<u8>) {
    if buffer.capacity() <= SPARE {
        buffer.clear();
        LAST.set(buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::{FutureExt, StreamExt};
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    fn poll(outgoing: &mut Outgoing, stream: &mut DuplexStream) -> Poll<io::Result<()>> {
        let mut cx = Context::from_waker(Waker::noop());
        outgoing.poll_write(stream, &mut cx, |_| {})
    }

    /// Around each change of the head's length, and of what is copied.
    const LENGTHS: [usize; 9] = [
        0,
        1,
        125,
        126,
        SHARED - 1,
        SHARED,
        u16::MAX as usize,
        u16::MAX as usize + 1,
        1 << 20,
    ];

    #[tokio::test]
    async fn a_client_gets_every_message_whole_and_in_order_however_little_the_stream_takes() {
        for buffer in [1, 100, 5 << 20] {
            let (mut stream, end) = tokio::io::duplex(buffer);
            let mut client = WebSocketStream::from_raw_socket(end, Role::Client, None).await;
            let mut outgoing = Outgoing::default();
            let messages: Vec<_> = (0..)
                .zip(LENGTHS)
                .map(|(at, length)| Bytes::from(vec![at; length]))
                .collect();
            for message in &messages {
                outgoing.put_message(message);
                outgoing.put_ping();
                // As the library does: a pong of "a".
                outgoing.put(&[0x8a, 1, b'a']);
            }
            let mut came = Vec::new();
            while came.len() < 3 * messages.len() {
                let _ = poll(&mut outgoing, &mut stream);
                while let Some(next) = client.next().now_or_never() {
                    came.push(next.unwrap().unwrap());
                }
                tokio::task::yield_now().await;
            }
            let expected = messages.iter().flat_map(|message| {
                let message = Message::Binary(message.clone());
                [
                    message,
                    Message::Ping(Bytes::new()),
                    Message::Pong("a".into()),
                ]
            });
            assert!(came.into_iter().eq(expected), "{buffer}");
            assert!(poll(&mut outgoing, &mut stream).is_ready());
            assert_eq!(outgoing.left(), 0);
        }
    }

    #[tokio::test]
    async fn who_waits_holds_what_is_left_and_who_is_done_nothing() {
        let (mut stream, mut end) = tokio::io::duplex(10_000);
        let mut outgoing = Outgoing::default();
        let large = Bytes::from(vec![7; SHARED]);
        for _ in 0..11 {
            outgoing.put_message(&vec![1; 1_000 - 4].into());
        }
        outgoing.put_message(&large);
        assert!(poll(&mut outgoing, &mut stream).is_pending());
        assert_eq!(outgoing.left(), 1_000 + 4 + SHARED);
        match (&outgoing.pieces[0], &outgoing.pieces[1]) {
            (Piece::Copied(rest), Piece::Shared(shared)) => {
                assert!(rest.capacity() < 2 * 1_004, "{}", rest.capacity());
                assert_eq!(shared.as_ptr(), large.as_ptr());
            }
            others => panic!("{others:?}"),
        }
        let mut came = vec![0; 11_000 + 4 + SHARED];
        let reading = end.read_exact(&mut came);
        let writing = std::future::poll_fn(|cx| outgoing.poll_write(&mut stream, cx, |_| {}));
        let (read, written) = tokio::join!(reading, writing);
        assert_eq!((read.unwrap(), written.unwrap()), (came.len(), ()));
        assert!(outgoing.pieces.is_empty());
        drop(outgoing);
        assert!(large.is_unique());
    }
}
