//! A stream that counts what goes through it: its own bytes, so that a slow other end can be told from a dead one, and those of all streams
//! together, for metrics.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::telemetry::ConnectionMetrics;

/// Wraps a stream and counts bytes.
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    read: u64,
    written: u64,
    all_read: Counter,
    all_written: Counter,
}

impl<S> Counted<S> {
    /// Starts at zero.
    pub fn new(stream: S, all: &ConnectionMetrics) -> Self {
        Self {
            stream,
            read: 0,
            written: 0,
            all_read: all.received_bytes.clone(),
            all_written: all.sent_bytes.clone(),
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
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        self.read += read;
        self.all_read.inc_by(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.written += written as u64;
        self.all_written.inc_by(written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
