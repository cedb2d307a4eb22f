//! How fast a client may send: messages and bytes a second, each with a reserve for bursts.
//!
//! Whoever sends faster is not closed but read more slowly, so that its socket fills up and its own machine waits. A message is paid
//! for before the next one is read; the one rule: what was read is always handled.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::telemetry::LimitMet;

/// What a message costs.
const MESSAGE: u32 = 16;
/// What one costs that brings nothing: every Yjs client sends back each awareness message that it receives, and some send back updates, too.
const RELAY: u32 = 1;
/// So many seconds' worth may come at once.
const BURST_SECONDS: u32 = 4;

/// How fast a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceConfig {
    /// Messages a second; `None`: as many as it likes.
    pub messages: Option<NonZeroU32>,
    /// Bytes a second; `None`: as many as it likes.
    pub bytes: Option<NonZeroU32>,
    /// So many bytes may come at once: at least the largest message.
    pub burst_bytes: NonZeroU32,
}

impl Default for PaceConfig {
    fn default() -> Self {
        Self {
            messages: NonZeroU32::new(1_000),
            bytes: NonZeroU32::new(16 << 20),
            burst_bytes: const { NonZeroU32::new(64 << 20).expect("not 0") },
        }
    }
}

/// What became of a message, as far as its price goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It did something.
    Message,
    /// It brought nothing.
    Relay,
}

/// A client's account.
#[derive(Debug)]
pub struct Pace {
    messages: Meter,
    bytes: Meter,
    /// Bytes of the socket that are accounted for.
    seen: u64,
    paused: Option<Instant>,
}

#[derive(Debug)]
struct Meter {
    limiter: Option<DefaultDirectRateLimiter>,
    burst: u32,
    owed: u32,
}

impl Pace {
    /// An account that is full.
    pub fn new(config: &PaceConfig) -> Self {
        let messages = config
            .messages
            .map(|rate| rate.saturating_mul(NonZeroU32::new(MESSAGE).expect("not 0")));
        let burst =
            |rate: NonZeroU32| rate.saturating_mul(NonZeroU32::new(BURST_SECONDS).expect("not 0"));
        Self {
            messages: Meter::new(messages, messages.map(burst)),
            bytes: Meter::new(config.bytes, Some(config.burst_bytes)),
            seen: 0,
            paused: None,
        }
    }

    /// Notes a message that was handled.
    pub fn handled(&mut self, worth: Worth) {
        self.messages.owe(match worth {
            Worth::Message => MESSAGE,
            Worth::Relay => RELAY,
        });
    }

    /// Pays for what was read so far, `read` bytes in all. While that cannot be paid nothing is to be read, and [`Self::paused`] says until
    /// when; the error names the limit where it was only met now.
    pub fn pay(&mut self, read: u64, now: Instant) -> Result<(), Option<LimitMet>> {
        self.bytes
            .owe(u32::try_from(read - self.seen).unwrap_or(u32::MAX));
        self.seen = read;
        if self.paused.is_some_and(|until| now < until) {
            return Err(None);
        }
        let was_paused = self.paused.take().is_some();
        for (meter, limit) in [
            (&mut self.messages, LimitMet::Messages),
            (&mut self.bytes, LimitMet::Bytes),
        ] {
            if let Err(wait) = meter.pay() {
                self.paused = Some(now + wait);
                return Err((!was_paused).then_some(limit));
            }
        }
        Ok(())
    }

    /// Until when nothing is to be read.
    pub fn paused(&self) -> Option<Instant> {
        self.paused
    }
}

impl Meter {
    fn new(rate: Option<NonZeroU32>, burst: Option<NonZeroU32>) -> Self {
        let (Some(rate), Some(burst)) = (rate, burst) else {
            return Self {
                limiter: None,
                burst: 0,
                owed: 0,
            };
        };
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self {
            limiter: Some(RateLimiter::direct(quota)),
            burst: burst.get(),
            owed: 0,
        }
    }

    fn owe(&mut self, cost: u32) {
        if self.limiter.is_some() {
            self.owed = self.owed.saturating_add(cost);
        }
    }

    /// Pays what is owed, or as much of it as may come at once; else says how long to wait for that.
    fn pay(&mut self) -> Result<(), Duration> {
        let (Some(limiter), Some(owed)) =
            (&self.limiter, NonZeroU32::new(self.owed.min(self.burst)))
        else {
            return Ok(());
        };
        match limiter.check_n(owed) {
            Ok(Ok(())) => {
                self.owed -= owed.get();
                Ok(())
            }
            Ok(Err(not_until)) => Err(not_until.wait_time_from(DefaultClock::default().now())),
            Err(_) => unreachable!("no more is asked for than may come at once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn some(number: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(number)
    }

    fn pace(messages: Option<NonZeroU32>, bytes: Option<NonZeroU32>) -> Pace {
        Pace::new(&PaceConfig {
            messages,
            bytes,
            burst_bytes: NonZeroU32::new(1 << 20).unwrap(),
        })
    }

    #[test]
    fn l1_messages_beyond_the_burst_are_waited_for_and_relays_hardly_count() {
        let (mut pace, now) = (pace(some(10), None), Instant::now());
        for _ in 0..40 {
            pace.handled(Worth::Message);
        }
        assert_eq!(pace.pay(1 << 40, now), Ok(()));
        pace.handled(Worth::Message);
        assert_eq!(pace.pay(1 << 40, now), Err(Some(LimitMet::Messages)));
        let until = pace.paused().unwrap();
        assert!(
            until - now <= Duration::from_millis(100),
            "{:?}",
            until - now
        );
        assert_eq!(pace.pay(1 << 40, now), Err(None), "a pause counts once");

        let mut relaying = self::pace(some(10), None);
        for _ in 0..640 {
            relaying.handled(Worth::Relay);
        }
        assert_eq!(relaying.pay(0, now), Ok(()));
    }

    #[test]
    fn l1_a_message_larger_than_the_reserve_is_paid_for_in_parts() {
        let (mut pace, now) = (pace(None, some(1 << 30)), Instant::now());
        assert_eq!(pace.pay(3 << 20, now), Ok(()));
        // What is still owed is more than a few milliseconds bring in only at a lower rate.
        let mut slow = self::pace(None, some(1));
        assert_eq!(slow.pay(3 << 20, now), Ok(()));
        assert_eq!(slow.pay(3 << 20, now), Err(Some(LimitMet::Bytes)));
        assert_eq!(pace.pay(3 << 20, now).is_err(), pace.paused().is_some());
    }

    #[test]
    fn l1_without_limits_nothing_is_ever_waited_for() {
        let (mut pace, now) = (pace(None, None), Instant::now());
        for read in 0..100_000 {
            pace.handled(Worth::Message);
            assert_eq!(pace.pay(read << 30, now), Ok(()));
        }
    }
}
