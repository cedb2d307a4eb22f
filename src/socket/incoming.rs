//! Memory for messages that have begun to come and are not whole, over all connections.
//!
//! A message that fits into [`FREE`] costs nothing here; a larger one draws on the budget as it comes. Where the budget is used up, messages wait
//! (their connections are not read), but one of them goes on beyond it, so that several halves never block each other for good. The one rule: while
//! some wait, nobody holds a part of the budget who does not use it: who is too slow is closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use slab::Slab;
use tokio::time::{Instant, Sleep};

use crate::telemetry::{Counts, LimitMet};

/// What every connection may hold of an unfinished message without being counted.
pub const FREE: usize = 16 << 10;
/// What is drawn at once.
pub const STEP: usize = 64 << 10;
/// How long a large message is watched before it may be called slow.
const WINDOW: Duration = Duration::from_secs(60);
/// How late after that it may be looked at and still be judged.
const LATE: Duration = Duration::from_secs(2);
/// What has to come of it in that time.
const LEAST_IN_WINDOW: usize = 60 * (16 << 10);

/// The budget.
#[derive(Debug)]
pub struct Incoming {
    limit: usize,
    met: Counts<LimitMet>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    drawn: usize,
    /// Whether somebody goes on beyond the limit.
    overdrawn: bool,
    waiting: Slab<Waker>,
}

/// What one connection has of the budget.
#[derive(Debug)]
pub struct Share {
    incoming: Arc<Incoming>,
    drawn: usize,
    overdraws: bool,
    /// Its key among those who wait.
    waits: Option<usize>,
    watch: Option<Watch>,
}

/// How fast the message comes.
#[derive(Debug)]
struct Watch {
    end: Pin<Box<Sleep>>,
    /// Bytes of the message when the window began.
    before: usize,
}

/// A large message came too slowly while others waited.
#[derive(Debug, thiserror::Error)]
#[error("a large message came too slowly while others waited")]
pub struct TooSlow;

impl TooSlow {
    /// Whether that is what an error says.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl Incoming {
    /// So many bytes; `met` counts those who have to wait.
    pub fn new(limit: usize, met: Counts<LimitMet>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            met,
            state: Mutex::default(),
        })
    }

    /// Bytes that are drawn.
    pub fn drawn(&self) -> usize {
        self.state.lock().drawn
    }

    /// Connections that wait for some.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// A share of nothing.
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            incoming: self.clone(),
            drawn: 0,
            overdraws: false,
            waits: None,
            watch: None,
        }
    }
}

impl Share {
    /// How much of a message may have come.
    pub fn allowed(&self) -> usize {
        FREE + self.drawn
    }

    /// Whether it waits for others.
    pub fn waits(&self) -> bool {
        self.waits.is_some()
    }

    /// Draws the next part of the budget for a message of which `message` bytes have come.
    pub fn poll_draw(&mut self, message: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.incoming.state.lock();
        let fits = state.drawn + STEP <= self.incoming.limit;
        if !fits && !self.overdraws {
            if state.overdrawn {
                match self.waits.and_then(|key| state.waiting.get_mut(key)) {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => {
                        self.waits = Some(state.waiting.insert(cx.waker().clone()));
                        self.incoming.met.count(LimitMet::IncomingBytes);
                    }
                }
                // While it waits nobody can call it slow.
                self.watch = None;
                return Poll::Pending;
            }
            state.overdrawn = true;
            self.overdraws = true;
        }
        state.drawn += STEP;
        self.drawn += STEP;
        if let Some(key) = self.waits.take() {
            state.waiting.remove(key);
        }
        self.watch.get_or_insert_with(|| Watch::new(message));
        Poll::Ready(())
    }

    /// Fails when the message, of which `message` bytes have come, is too slow.
    pub fn poll_watch(&mut self, message: usize, cx: &mut Context<'_>) -> Result<(), TooSlow> {
        while let Some(watch) = &mut self.watch
            && watch.end.as_mut().poll(cx).is_ready()
        {
            let came = message.saturating_sub(watch.before);
            // Whoever is looked at late was not read meanwhile, which is not its fault.
            let is_judged = watch.end.deadline() + LATE > Instant::now();
            if is_judged && came < LEAST_IN_WINDOW && self.incoming.state.lock().overdrawn {
                self.incoming.met.count(LimitMet::SlowMessage);
                return Err(TooSlow);
            }
            self.watch = Some(Watch::new(message));
        }
        Ok(())
    }

    /// Gives everything back: the message is whole.
    pub fn release(&mut self) {
        self.watch = None;
        if self.drawn == 0 && self.waits.is_none() {
            return;
        }
        let mut state = self.incoming.state.lock();
        state.drawn -= std::mem::take(&mut self.drawn);
        if std::mem::take(&mut self.overdraws) {
            state.overdrawn = false;
        }
        if let Some(key) = self.waits.take() {
            state.waiting.remove(key);
        }
        let wakers: Vec<_> = state.waiting.iter().map(|(_, one)| one.clone()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

impl Watch {
    fn new(before: usize) -> Self {
        Self {
            end: Box::pin(tokio::time::sleep_until(Instant::now() + WINDOW)),
            before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn draw(share: &mut Share) -> Poll<()> {
        share.poll_draw(0, &mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn l18_one_goes_on_beyond_the_limit_and_the_others_wait_for_it() {
        let incoming = Incoming::new(4 * STEP, Counts::default());
        let mut shares: Vec<_> = (0..4).map(|_| incoming.share()).collect();
        for share in &mut shares {
            assert!(draw(share).is_ready());
        }
        // The first overdraws, as far as it has to.
        for _ in 0..10 {
            assert!(draw(&mut shares[0]).is_ready());
        }
        assert!(draw(&mut shares[1]).is_pending());
        assert!(draw(&mut shares[1]).is_pending());
        assert!(draw(&mut shares[2]).is_pending());
        assert_eq!((incoming.drawn(), incoming.waiting()), (14 * STEP, 2));
        assert_eq!(incoming.met.of(LimitMet::IncomingBytes), 2);
        let mut first = shares.remove(0);
        let waiting = tokio::spawn(async move {
            let mut second = shares.remove(0);
            poll_fn(|cx| second.poll_draw(0, cx)).await;
            (second, shares)
        });
        tokio::task::yield_now().await;
        first.release();
        let (second, shares) = waiting.await.unwrap();
        assert_eq!((incoming.drawn(), incoming.waiting()), (4 * STEP, 1));
        drop((second, shares));
        assert_eq!((incoming.drawn(), incoming.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn l18_who_is_slow_is_closed_only_while_others_wait() {
        let incoming = Incoming::new(2 * STEP, Counts::default());
        let (mut slow, mut steady) = (incoming.share(), incoming.share());
        assert!(draw(&mut slow).is_ready() && draw(&mut steady).is_ready());
        let mut cx = Context::from_waker(Waker::noop());
        tokio::time::advance(WINDOW).await;
        slow.poll_watch(FREE + 1, &mut cx).unwrap();
        steady.poll_watch(FREE + LEAST_IN_WINDOW, &mut cx).unwrap();
        let mut third = incoming.share();
        assert!(draw(&mut third).is_ready(), "beyond the limit");
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        slow.poll_watch(FREE + 2, &mut cx).unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(slow.poll_watch(FREE + 3, &mut cx).is_err());
        steady
            .poll_watch(FREE + 2 * LEAST_IN_WINDOW, &mut cx)
            .unwrap();
        assert!(third.poll_watch(FREE, &mut cx).is_err(), "this one, too");
        assert_eq!(incoming.met.of(LimitMet::SlowMessage), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn l18_who_was_not_read_for_a_while_is_not_called_slow_for_it() {
        let incoming = Incoming::new(STEP, Counts::default());
        let (mut first, mut second) = (incoming.share(), incoming.share());
        assert!(draw(&mut first).is_ready() && draw(&mut second).is_ready());
        let mut cx = Context::from_waker(Waker::noop());
        tokio::time::advance(WINDOW + 2 * LATE).await;
        first.poll_watch(FREE, &mut cx).unwrap();
        tokio::time::advance(WINDOW).await;
        assert!(first.poll_watch(FREE, &mut cx).is_err());
    }

    #[test]
    fn l18_an_error_tells_whether_it_is_of_this_kind() {
        assert!(TooSlow::is(&io::Error::other(TooSlow)));
        assert!(!TooSlow::is(&io::Error::from(io::ErrorKind::TimedOut)));
    }
}
