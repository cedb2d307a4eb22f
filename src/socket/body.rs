//! The body of a request, which must come in time.
//!
//! Knows bytes and the clock. The one rule: whoever waits for a body waits for a bounded time, however slowly its bytes drip.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// What extends the time by a second.
const BYTES_PER_SECOND: usize = 32 << 10;

/// Wraps a body.
#[derive(Debug)]
pub struct Timely<B> {
    body: B,
    start: Instant,
    allowed: Duration,
    received: usize,
    /// Made when somebody first waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// The body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
pub struct TooSlow;

impl<B> Timely<B> {
    /// The time runs from now; for each 32 KiB that have come it is a second longer.
    pub fn new(body: B, allowed: Duration) -> Self {
        Self {
            body,
            start: Instant::now(),
            allowed,
            received: 0,
            deadline: None,
        }
    }

    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs((self.received / BYTES_PER_SECOND) as u64);
        self.start + self.allowed + earned
    }
}

impl<B> Body for Timely<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let frame = frame.transpose().map_err(Into::into)?;
            let data = frame.as_ref().and_then(Frame::data_ref);
            self.received += data.map_or(0, Bytes::len);
            return Poll::Ready(frame.map(Ok));
        }
        let at = self.deadline();
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if deadline.deadline() != at {
            deadline.as_mut().reset(at);
        }
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::BodyExt;

    use super::*;

    /// So many bytes each second, for ever.
    struct Drip {
        bytes: usize,
        next: Pin<Box<Sleep>>,
    }

    impl Drip {
        fn new(bytes: usize) -> Self {
            let next = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
            Self { bytes, next }
        }
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.next.as_mut().poll(cx));
            let next = self.next.deadline() + Duration::from_secs(1);
            self.next.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(vec![0; self.bytes].into()))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn l14_a_body_that_drips_is_given_up_and_one_that_flows_is_not() {
        let start = Instant::now();
        let mut slow = Timely::new(Drip::new(1), Duration::from_secs(30));
        let error = loop {
            match slow.frame().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(error.is::<TooSlow>(), "{error}");
        assert_eq!(start.elapsed().as_secs(), 30);
        let mut steady = Timely::new(Drip::new(BYTES_PER_SECOND), Duration::from_secs(30));
        for _ in 0..300 {
            steady.frame().await.unwrap().unwrap();
        }
    }
}
