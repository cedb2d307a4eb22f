//! The timers of a session: is the client alive, does it take what is sent, is it time to say something.
//!
//! One timer for all of them, set to whatever is due next.

use std::future::Future;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use scrible_wire::message;
use tokio::time::Instant;

use super::{Leave, OUT_BYTES, Session};
use crate::room::Author;

/// How long a connection may take to send its step 1.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a socket may accept not a single byte while there is something to send.
const WRITE_STALL: Duration = Duration::from_secs(45);

/// When this session last did what its timers watch.
#[derive(Debug)]
pub(super) struct Clockwork {
    opened: Instant,
    pub(super) received: Instant,
    pub(super) sent: Instant,
    pinged: Instant,
    pub(super) ping_due: bool,
    /// Bytes that the socket had accepted when it was last seen to make progress, and when that was.
    pub(super) progress: (u64, Instant),
    /// Bytes that had come when the timer last looked.
    read: u64,
    pub(super) blocked: bool,
    pub(super) close_at: Option<Instant>,
}

impl Clockwork {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            received: now,
            sent: now,
            pinged: now,
            ping_due: false,
            progress: (0, now),
            read: 0,
            blocked: false,
            close_at: None,
        }
    }
}

impl Session<'_> {
    /// Brings the timer forward to the end of the pause in reading.
    pub(super) fn wake_after_pause(&mut self, cx: &mut Context<'_>) {
        let Some(until) = self.pace.paused() else {
            return;
        };
        if until < self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
        // Registers the new deadline with this task.
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Does what is due and sets the timer to what is due next.
    pub(super) fn poll_timer(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), Leave> {
        if self.timer.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        let answering = self.is_answering();
        let owes_much = !self.asking.is_empty() || self.unsent() > OUT_BYTES;
        let clocks = &mut self.clocks;
        if clocks.close_at.is_some_and(|at| at <= now) {
            return Err(Leave::Shutdown);
        }
        if !self.joined && now >= clocks.opened + HANDSHAKE {
            return Err(Leave::Silent);
        }
        let dead_after = self.config.ping_interval * 2 + Duration::from_secs(5);
        let stream = self.socket.get_ref();
        // A large message may take long to come, and no pong fits into it; and what is not read cannot be heard.
        let paused = self.pace.paused().is_some();
        let paused = paused || stream.waits();
        let deaf = self.full || paused || owes_much;
        if stream.read() > clocks.read || deaf {
            clocks.read = stream.read();
            clocks.received = now;
        }
        if stream.written() > clocks.progress.0 {
            clocks.progress = (stream.written(), now);
        }
        // Whoever takes what is sent lives, too.
        let alive = if clocks.blocked {
            clocks.received.max(clocks.progress.1)
        } else {
            clocks.received
        };
        if now >= alive + dead_after {
            return Err(Leave::Gone);
        }
        if clocks.blocked && now >= clocks.progress.1 + WRITE_STALL {
            return Err(Leave::Gone);
        }
        if !answering
            && self
                .answered
                .as_ref()
                .is_some_and(|(_, until)| *until <= now)
        {
            self.answered = None;
        }
        if now >= clocks.pinged + self.config.ping_interval {
            clocks.pinged = now;
            clocks.ping_due = true;
        }
        if now >= clocks.sent + self.config.keepalive {
            // Not more than one: where the socket takes nothing, a keepalive cannot help.
            clocks.sent = now;
            if self.out.is_empty() {
                self.send(Bytes::from_static(message::KEEPALIVE));
            }
        }
        let clocks = &self.clocks;
        let next = [
            Some(alive + dead_after),
            Some(clocks.pinged + self.config.ping_interval),
            Some(clocks.sent + self.config.keepalive),
            clocks.close_at,
            self.standing.due(),
            self.pace.paused().filter(|until| *until > now),
        ];
        self.timer.as_mut().reset(
            next.into_iter()
                .flatten()
                .min()
                .expect("some timer always runs"),
        );
        // Registers the new deadline with this task.
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

/// Where in the closing time a session ends: spread evenly by its number, so that clients do not all return at once.
pub fn stagger(session: Author, over: Duration) -> Duration {
    // The fractional part of multiples of the golden ratio fills an interval evenly for any run of numbers.
    let share = session.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    over.mul_f64(share as f64 / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_sessions_end_spread_over_the_closing_time() {
        let over = Duration::from_secs(1);
        let mut delays: Vec<_> = (1..=100).map(|session| stagger(session, over)).collect();
        delays.sort_unstable();
        assert!(*delays.last().unwrap() <= over);
        let widest = delays
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap();
        assert!(widest < Duration::from_millis(30), "{widest:?}");
    }
}
