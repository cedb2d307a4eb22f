//! How often somebody may be wrong: passwords and invites that were not taken, counted by room and address, and by room.
//!
//! Knows neither passwords nor who is right. The one rule: being wrong costs whoever was wrong; a room's own people are at most slowed, and
//! those who are in already, or come by a token, are never asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::room::RoomName;

/// So many wrong ones at once from one address for one room, and then one in each of these times.
const BURST: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
const PERIOD: Duration = Duration::from_secs(6);
/// The same for a room from everywhere.
const ROOM_BURST: NonZeroU32 = NonZeroU32::new(100).expect("not 0");
const ROOM_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
/// The longest that anybody is slowed.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Addresses and rooms that are remembered. Beyond it the ones that have rested are let go of; where too few have, everybody waits.
const MAX_KEYS: usize = 50_000;

type Key = (Arc<str>, IpAddr);
type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// Who was wrong how often.
#[derive(Debug)]
pub struct Attempts {
    by_address: Tally<Key>,
    by_room: Tally<Arc<str>>,
}

/// Too many were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// When the next one may be made.
    pub retry_after: Duration,
}

/// What was wrong, and until when nothing more may be.
#[derive(Debug)]
struct Tally<K: Hash + Eq + Clone> {
    limiter: Limiter<K>,
    /// How long one that is used up needs for the next.
    period: Duration,
    used_up: Mutex<HashMap<K, Instant>>,
}

impl Default for Attempts {
    fn default() -> Self {
        let by_address = Quota::with_period(PERIOD).expect("not 0");
        Self {
            by_address: Tally::new(by_address.allow_burst(BURST)),
            by_room: Tally::new(Quota::per_second(ROOM_PER_SECOND).allow_burst(ROOM_BURST)),
        }
    }
}

impl Attempts {
    /// How long whoever tries now is to be kept waiting first.
    ///
    /// # Errors
    /// [`TooMany`]: it is not to be tried at all.
    pub fn may_try(&self, room: &RoomName, peer: IpAddr) -> Result<Duration, TooMany> {
        let rest = self.by_address.rest(&(room.shared(), network(peer)));
        match rest {
            Some(retry_after) => Err(TooMany { retry_after }),
            None => {
                let delay = self.by_room.rest(&room.shared()).unwrap_or_default();
                Ok(delay.min(MAX_DELAY))
            }
        }
    }

    /// Notes that somebody was wrong. `true` where that was the last time for now.
    pub fn failed(&self, room: &RoomName, peer: IpAddr) -> bool {
        self.by_room.note(room.shared());
        self.by_address.note((room.shared(), network(peer)))
    }
}

impl<K: Hash + Eq + Clone> Tally<K> {
    fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::hashmap(quota).with_middleware(),
            period: quota.replenish_interval(),
            used_up: Mutex::default(),
        }
    }

    /// How long nothing may be wrong any more.
    fn rest(&self, key: &K) -> Option<Duration> {
        let now = Instant::now();
        let mut used_up = self.used_up.lock();
        match used_up.get(key) {
            Some(until) if *until > now => Some(*until - now),
            Some(_) => {
                used_up.remove(key);
                None
            }
            None if self.limiter.len() > MAX_KEYS => Some(self.period),
            None => None,
        }
    }

    fn note(&self, key: K) -> bool {
        if self.limiter.len() > MAX_KEYS {
            self.limiter.retain_recent();
            let now = Instant::now();
            self.used_up.lock().retain(|_, until| *until > now);
        }
        let wait = match self.limiter.check_key(&key) {
            Ok(left) if left.remaining_burst_capacity() > 0 => return false,
            Ok(_) => self.period,
            Err(early) => early.wait_time_from(DefaultClock::default().now()),
        };
        let until = Instant::now() + wait;
        self.used_up.lock().insert(key, until);
        true
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(bits).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn y3_ten_wrong_ones_end_it_for_that_room_and_address_only() {
        let attempts = Attempts::default();
        let (demo, here) = (room("demo"), peer("203.0.113.1"));
        for nth in 1..=10 {
            assert_eq!(attempts.may_try(&demo, here), Ok(Duration::ZERO), "{nth}");
            assert_eq!(attempts.failed(&demo, here), nth == 10);
        }
        let TooMany { retry_after } = attempts.may_try(&demo, here).unwrap_err();
        assert_eq!(retry_after, PERIOD);
        attempts.may_try(&room("other"), here).unwrap();
        attempts.may_try(&demo, peer("203.0.113.2")).unwrap();
        tokio::time::advance(PERIOD).await;
        attempts.may_try(&demo, here).unwrap();
        assert!(attempts.failed(&demo, here), "one more, and it rests again");
        attempts.may_try(&demo, here).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn y3_one_who_has_many_addresses_counts_as_one() {
        let attempts = Attempts::default();
        let demo = room("demo");
        for nth in 0..10 {
            attempts.failed(&demo, peer(&format!("2001:db8::{nth}")));
        }
        attempts.may_try(&demo, peer("2001:db8::ffff")).unwrap_err();
        attempts.may_try(&demo, peer("2001:db8:0:1::1")).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn y4_a_room_that_is_attacked_from_everywhere_only_gets_slower() {
        let attempts = Attempts::default();
        let demo = room("demo");
        for nth in 0..200u8 {
            let attacker = IpAddr::from([198, 51, 100, nth]);
            let delay = attempts.may_try(&demo, attacker).unwrap();
            assert!(delay <= MAX_DELAY);
            attempts.failed(&demo, attacker);
        }
        let delay = attempts.may_try(&demo, peer("203.0.113.1")).unwrap();
        assert!(delay > Duration::ZERO && delay <= MAX_DELAY, "{delay:?}");
        let delay = attempts.may_try(&room("other"), peer("203.0.113.1"));
        assert_eq!(delay, Ok(Duration::ZERO));
    }
}
