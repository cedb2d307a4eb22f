//! Who has had which update: for each listener, each number of each writer in its room exactly once.
//!
//! Does not know sockets or servers. The one rule: what came twice, came early or came to the wrong room is counted apart and never as a
//! delivery, and what is missing in the end is known to the number.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Instant;

use anyhow::Result;
use scrible_wire::Message;

use super::Times;
use super::crowd::{Ear, Heard, Mouth};
use super::forged::FIRST_WRITER;
use super::marks::marks;

/// How many updates of one writer may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Any number.
    Open,
    /// So many that not all others in the room have had.
    UntilHeard(u32),
    /// So many that have not come back.
    UntilEchoed(u32),
}

/// Where updates stand.
#[derive(Debug)]
pub struct Tally {
    writers: Vec<Writer>,
    listeners: Vec<Listener>,
    window: Window,
    /// What came so far.
    pub delivered: Delivered,
    /// From when an update was to be sent to when another had it, where times are kept.
    pub times: Times,
    /// From when an update was to be sent to when its writer had it back, where times are kept.
    pub echo_times: Times,
    timed: bool,
    /// Writers whose window has opened since it was last asked.
    opened: Vec<usize>,
}

/// What came.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Updates at listeners other than their writers, each once.
    pub updates: u64,
    /// Updates at their writers, each once.
    pub echoes: u64,
    /// Updates that a listener had already.
    pub twice: u64,
    /// Updates of nobody who writes in the listener's room.
    pub strange: u64,
}

#[derive(Debug)]
struct Writer {
    /// Which of the listeners it is.
    own: usize,
    others: u16,
    sent: u32,
    /// Those below this one are under way no more.
    done: u32,
    /// How many others have had those from there on, by number modulo the window, where they are waited for.
    had: Vec<u16>,
    /// When each was to be sent, where times are kept.
    sent_at: Vec<Instant>,
}

#[derive(Debug)]
struct Listener {
    /// The writers of its room.
    writers: Range<usize>,
    /// The next number of each of them.
    next: Vec<u32>,
    /// What came before its turn: writer in the room, and number.
    early: BTreeSet<(usize, u32)>,
}

impl Tally {
    /// Without a room yet.
    pub fn new(window: Window) -> Self {
        Self {
            writers: Vec::new(),
            listeners: Vec::new(),
            window,
            delivered: Delivered::default(),
            times: Times::default(),
            echo_times: Times::default(),
            timed: false,
            opened: Vec::new(),
        }
    }

    /// Keeps times as well.
    pub fn timed(mut self) -> Self {
        self.timed = true;
        self
    }

    /// One more room: its people get the next numbers, and the first `writers` of them write.
    pub fn add_room(&mut self, people: usize, writers: usize) {
        let (first_person, first_writer) = (self.listeners.len(), self.writers.len());
        let had = match self.window {
            Window::UntilHeard(most) => vec![0; most as usize],
            Window::UntilEchoed(_) | Window::Open => Vec::new(),
        };
        for at in 0..writers {
            self.writers.push(Writer {
                own: first_person + at,
                others: people as u16 - 1,
                sent: 0,
                done: 0,
                had: had.clone(),
                sent_at: Vec::new(),
            });
            self.opened.push(first_writer + at);
        }
        for _ in 0..people {
            self.listeners.push(Listener {
                writers: first_writer..first_writer + writers,
                next: vec![0; writers],
                early: BTreeSet::new(),
            });
        }
    }

    /// How many write.
    pub fn writers(&self) -> usize {
        self.writers.len()
    }

    /// The person that a writer is.
    pub fn person(&self, writer: usize) -> usize {
        self.writers[writer].own
    }

    /// The next update of a writer as its id and number, if its window is open; it counts as sent.
    pub fn next_of(&mut self, writer: usize, at: Instant) -> Option<(u64, u32)> {
        let its = &mut self.writers[writer];
        match self.window {
            Window::UntilHeard(most) | Window::UntilEchoed(most) if its.sent - its.done >= most => {
                return None;
            }
            _ => {}
        }
        let number = its.sent;
        its.sent += 1;
        if self.timed {
            its.sent_at.push(at);
        }
        Some((FIRST_WRITER + writer as u64, number))
    }

    /// Writers who may send again.
    pub fn opened(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.opened)
    }

    /// What a listener was sent.
    #[inline]
    pub fn deliver(&mut self, who: usize, client: u64, numbers: Range<u32>, at: Instant) {
        let writer = client.wrapping_sub(FIRST_WRITER) as usize;
        let listener = &self.listeners[who];
        if !listener.writers.contains(&writer) {
            self.delivered.strange += u64::from(numbers.end - numbers.start);
            return;
        }
        let slot = writer - listener.writers.start;
        for number in numbers {
            let listener = &mut self.listeners[who];
            let next = &mut listener.next[slot];
            if number == *next {
                *next += 1;
                while !listener.early.is_empty() && listener.early.remove(&(slot, *next)) {
                    *next += 1;
                }
            } else if number < *next || !listener.early.insert((slot, number)) {
                self.delivered.twice += 1;
                continue;
            }
            let its = &mut self.writers[writer];
            let Some(sent_at) = (match self.timed {
                true => its.sent_at.get(number as usize).copied(),
                false => Some(at),
            }) else {
                self.delivered.strange += 1;
                continue;
            };
            if its.own == who {
                self.delivered.echoes += 1;
                if self.timed {
                    self.echo_times.push(at.saturating_duration_since(sent_at));
                }
                if let Window::UntilEchoed(_) = self.window {
                    its.done = self.listeners[who].next[slot];
                    self.opened.push(writer);
                }
                continue;
            }
            self.delivered.updates += 1;
            if self.timed {
                self.times.push(at.saturating_duration_since(sent_at));
            }
            if let Window::UntilHeard(most) = self.window {
                its.had[(number % most) as usize] += 1;
                let before = its.done;
                while its.had[(its.done % most) as usize] == its.others {
                    its.had[(its.done % most) as usize] = 0;
                    its.done += 1;
                }
                if its.done != before {
                    self.opened.push(writer);
                }
            }
        }
    }

    /// Updates that somebody other than their writer has not had.
    pub fn missing(&self) -> u64 {
        let sent: u64 = self
            .writers
            .iter()
            .map(|its| u64::from(its.sent) * u64::from(its.others))
            .sum();
        sent - self.delivered.updates
    }

    /// Updates that have not come back to their writers.
    pub fn not_echoed(&self) -> u64 {
        let sent: u64 = self.writers.iter().map(|its| u64::from(its.sent)).sum();
        sent - self.delivered.echoes
    }

    /// How many updates each writer has sent.
    pub fn sent(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let ids = FIRST_WRITER..;
        ids.zip(self.writers.iter().map(|its| its.sent))
    }
}

impl Ear for Tally {
    #[inline]
    fn hear(&mut self, heard: &Heard<'_>, _: &mut Mouth<'_>) -> Result<()> {
        match heard.message {
            Message::Update(update) | Message::SyncStep2(update) => {
                marks(update, |client, numbers| {
                    self.deliver(heard.who, client, numbers, heard.at);
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(window: Window) -> (Tally, Instant) {
        let mut tally = Tally::new(window);
        tally.add_room(3, 2);
        tally.add_room(3, 2);
        (tally, Instant::now())
    }

    #[test]
    fn each_number_counts_once_and_an_echo_is_no_delivery() {
        let (mut tally, now) = tally(Window::Open);
        for _ in 0..3 {
            tally.next_of(0, now).unwrap();
        }
        assert_eq!(tally.missing(), 6);
        let id = FIRST_WRITER;
        tally.deliver(0, id, 0..3, now);
        tally.deliver(1, id, 1..3, now);
        tally.deliver(1, id, 2..3, now);
        tally.deliver(1, id, 0..1, now);
        tally.deliver(1, id, 1..2, now);
        tally.deliver(2, id, 0..1, now);
        // Somebody of another room, and of none.
        tally.deliver(3, id, 0..1, now);
        tally.deliver(2, id + 77, 0..2, now);
        tally.deliver(2, 5, 0..1, now);
        let wanted = Delivered {
            updates: 4,
            echoes: 3,
            twice: 2,
            strange: 4,
        };
        assert_eq!(tally.delivered, wanted);
        assert_eq!((tally.missing(), tally.not_echoed()), (2, 0));
        tally.deliver(2, id, 1..3, now);
        assert_eq!(tally.missing(), 0);
    }

    #[test]
    fn a_window_opens_when_all_others_have_the_first() {
        let (mut tally, now) = tally(Window::UntilHeard(2));
        assert_eq!(tally.opened(), [0, 1, 2, 3]);
        let (id, first) = tally.next_of(2, now).unwrap();
        assert_eq!((id, first), (FIRST_WRITER + 2, 0));
        assert_eq!(tally.person(2), 3);
        tally.next_of(2, now).unwrap();
        assert!(tally.next_of(2, now).is_none());
        // The second before the first, at both others.
        tally.deliver(4, id, 0..2, now);
        tally.deliver(5, id, 1..2, now);
        tally.deliver(3, id, 0..2, now);
        assert!(tally.opened().is_empty());
        tally.deliver(5, id, 0..1, now);
        assert_eq!(tally.opened(), [2]);
        assert!(tally.next_of(2, now).is_some());
        assert!(tally.next_of(2, now).is_some());
        assert!(tally.next_of(2, now).is_none());
    }

    #[test]
    fn a_window_of_echoes_opens_when_the_writer_has_them_back() {
        let mut tally = Tally::new(Window::UntilEchoed(1));
        tally.add_room(1, 1);
        let now = Instant::now();
        let (id, _) = tally.next_of(0, now).unwrap();
        assert!(tally.next_of(0, now).is_none());
        tally.opened();
        tally.deliver(0, id, 0..1, now);
        assert_eq!(tally.opened(), [0]);
        assert!(tally.next_of(0, now).is_some());
        assert_eq!((tally.missing(), tally.not_echoed()), (0, 1));
    }

    #[test]
    fn times_count_from_when_it_was_to_be_sent() {
        let (tally, now) = tally(Window::Open);
        let mut tally = tally.timed();
        let (id, _) = tally.next_of(0, now).unwrap();
        let later = now + std::time::Duration::from_millis(5);
        tally.deliver(1, id, 0..1, later);
        tally.deliver(0, id, 0..1, later);
        assert_eq!(tally.times.percentile_ms(1.0), Some(5.0));
        assert_eq!(tally.echo_times.len(), 1);
    }
}
