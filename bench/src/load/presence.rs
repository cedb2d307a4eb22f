//! Awareness as y-websocket's clients have it (and hocuspocus' and y-sweet's, which are made like them): each client announces itself, takes
//! over what is newer than what it knows, and hands every change on to its server, also those that it has just had from there.
//!
//! Does not know sockets. The one rule: a state counts where it is newer than the one that was there, as y-protocols decides that.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use anyhow::{Context, Result};
use scrible_wire::awareness::{self, Entry};
use scrible_wire::{Limits, Message, message};

use super::Times;
use super::crowd::{Ear, Heard, Mouth};
use super::forged::FIRST_WRITER;

/// Whether clients hand on what they hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relaying {
    /// As real ones do.
    On,
    /// For a server that knows nothing of awareness: it would send on what it has just sent for ever.
    Off,
}

/// The people of one room and what they know of each other. Their numbers in the crowd are those here.
pub struct Presence {
    people: Vec<Person>,
    /// By person and then by state, the first of which is number 1.
    announced: Vec<Vec<Instant>>,
    relaying: Relaying,
    limits: Limits,
    /// From when a state was to be announced to when another knew it.
    pub times: Times,
    /// States of others that somebody came to know, each once.
    pub known: u64,
}

struct Person {
    clock: u32,
    state: String,
    /// By client: the clock, and the number in the state; the latter 0 where the client has left.
    others: HashMap<u64, (u32, u32)>,
}

impl Presence {
    /// Of so many people, none of whom has said anything.
    pub fn new(people: usize, relaying: Relaying) -> Self {
        let person = || Person {
            clock: 0,
            state: "{}".into(),
            others: HashMap::new(),
        };
        Self {
            people: (0..people).map(|_| person()).collect(),
            announced: vec![Vec::new(); people],
            relaying,
            limits: Limits::default(),
            times: Times::default(),
            known: 0,
        }
    }

    /// The message with which somebody announces that its cursor has moved, which was to be at `at`.
    pub fn moves(&mut self, who: usize, at: Instant) -> Vec<u8> {
        self.announced[who].push(at);
        let number = self.announced[who].len();
        let person = &mut self.people[who];
        person.clock += 1;
        let (x, y) = (
            number as f64 * 1.618 % 1920.0,
            number as f64 * 0.577 % 1080.0,
        );
        person.state = format!(
            "{{\"n\":{number},\"user\":{{\"name\":\"Person {who}\",\"color\":\"#e03131\"}},\"cursor\":{{\"x\":{x:.2},\"y\":{y:.2}}}}}"
        );
        let own = Entry {
            client: FIRST_WRITER + who as u64,
            clock: person.clock,
            state: Some(person.state.as_bytes()),
        };
        message::awareness(&awareness::encode([own].into_iter()))
    }

    /// Pairs of people of whom one does not know what the other announced last.
    pub fn behind(&self) -> usize {
        let mut behind = 0;
        for (at, person) in self.people.iter().enumerate() {
            for (other, announced) in self.announced.iter().enumerate() {
                let known = person.others.get(&(FIRST_WRITER + other as u64));
                let known = known.map_or(0, |(_, number)| *number as usize);
                behind += usize::from(other != at && known != announced.len());
            }
        }
        behind
    }

    /// Takes a message over, and says what is handed on.
    fn take(&mut self, who: usize, body: &[u8], at: Instant) -> Result<Option<Vec<u8>>> {
        let entries = awareness::parse(body, &self.limits).context("awareness that is none")?;
        let Self {
            people,
            announced,
            times,
            known,
            ..
        } = self;
        let person = &mut people[who];
        let own = FIRST_WRITER + who as u64;
        let mut changed = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.client == own {
                // Nobody else removes somebody who is here: it says so with a higher clock.
                if entry.state.is_none() && entry.clock >= person.clock {
                    person.clock = entry.clock + 1;
                    changed.push(None);
                }
                continue;
            }
            let (clock, number) = person.others.get(&entry.client).copied().unwrap_or((0, 0));
            let leaves = entry.state.is_none() && number != 0;
            if entry.clock < clock || (entry.clock == clock && !leaves) {
                continue;
            }
            let its = entry.state.map_or(Ok(0), number_of)?;
            person.others.insert(entry.client, (entry.clock, its));
            changed.push(Some(entry));
            let of = entry.client.wrapping_sub(FIRST_WRITER) as usize;
            let sent_at = its
                .checked_sub(1)
                .and_then(|at| announced.get(of)?.get(at as usize));
            if let Some(sent_at) = sent_at
                && its > number
            {
                *known += 1;
                times.push(at.saturating_duration_since(*sent_at));
            }
        }
        if changed.is_empty() || (self.relaying == Relaying::Off && !changed.contains(&None)) {
            return Ok(None);
        }
        let own = Entry {
            client: own,
            clock: person.clock,
            state: Some(person.state.as_bytes()),
        };
        let entries = changed.into_iter().map(|entry| entry.unwrap_or(own));
        Ok(Some(message::awareness(&awareness::encode(entries))))
    }
}

impl Ear for Presence {
    fn hear(&mut self, heard: &Heard<'_>, mouth: &mut Mouth<'_>) -> Result<()> {
        if let Message::Awareness(body) = heard.message
            && let Some(relay) = self.take(heard.who, body, heard.at)?
        {
            mouth.say(&relay);
        }
        Ok(())
    }
}

/// The number in a state of ours.
fn number_of(state: &[u8]) -> Result<u32> {
    /// What every state of ours begins with.
    const HEAD: Range<usize> = 0..5;
    let digits = state
        .get(HEAD.end..)
        .filter(|_| state.starts_with(b"{\"n\":"));
    let digits = digits.context("a state of somebody else")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    Ok(std::str::from_utf8(digits)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an awareness message says, as client, clock and number.
    fn entries(message: &[u8]) -> Vec<(u64, u32, u32)> {
        let mut messages = scrible_wire::Messages::new(message);
        let Some(Ok(Message::Awareness(body))) = messages.next() else {
            panic!("no awareness");
        };
        let entries = awareness::parse(body, &Limits::default()).unwrap();
        let number = |entry: &Entry<'_>| entry.state.map_or(0, |state| number_of(state).unwrap());
        let entries = entries.iter();
        entries
            .map(|entry| (entry.client - FIRST_WRITER, entry.clock, number(entry)))
            .collect()
    }

    fn hear(presence: &mut Presence, who: usize, message: &[u8]) -> Option<Vec<(u64, u32, u32)>> {
        let mut messages = scrible_wire::Messages::new(message);
        let Some(Ok(Message::Awareness(body))) = messages.next() else {
            panic!("no awareness");
        };
        let relay = presence.take(who, body, Instant::now()).unwrap();
        relay.map(|relay| entries(&relay))
    }

    fn leaving(client: u64, clock: u32) -> Vec<u8> {
        let entry = Entry {
            client: FIRST_WRITER + client,
            clock,
            state: None,
        };
        message::awareness(&awareness::encode([entry].into_iter()))
    }

    #[test]
    fn what_is_newer_is_known_once_and_handed_on_once() {
        let mut presence = Presence::new(3, Relaying::On);
        let now = Instant::now();
        let first = presence.moves(0, now);
        let second = presence.moves(0, now);
        assert_eq!(presence.behind(), 2);
        assert_eq!(hear(&mut presence, 1, &second), Some(vec![(0, 2, 2)]));
        assert_eq!(hear(&mut presence, 1, &second), None);
        assert_eq!(hear(&mut presence, 1, &first), None);
        assert_eq!((presence.known, presence.behind()), (1, 1));
        assert_eq!(hear(&mut presence, 2, &first), Some(vec![(0, 1, 1)]));
        assert_eq!(presence.behind(), 1);
        assert_eq!(hear(&mut presence, 2, &second), Some(vec![(0, 2, 2)]));
        assert_eq!((presence.known, presence.behind()), (3, 0));
        assert_eq!(presence.times.len(), 3);
    }

    #[test]
    fn somebody_who_is_told_that_it_has_left_says_that_it_is_here() {
        for relaying in [Relaying::On, Relaying::Off] {
            let mut presence = Presence::new(2, relaying);
            presence.moves(0, Instant::now());
            assert_eq!(
                hear(&mut presence, 0, &leaving(0, 5)),
                Some(vec![(0, 6, 1)])
            );
            let next = presence.moves(0, Instant::now());
            assert_eq!(entries(&next), [(0, 7, 2)]);
        }
    }

    #[test]
    fn who_left_is_gone_and_comes_back_with_a_higher_clock() {
        let mut presence = Presence::new(2, Relaying::On);
        let here = presence.moves(0, Instant::now());
        hear(&mut presence, 1, &here);
        assert_eq!(
            hear(&mut presence, 1, &leaving(0, 1)),
            Some(vec![(0, 1, 0)])
        );
        assert_eq!(hear(&mut presence, 1, &leaving(0, 1)), None);
        assert_eq!(presence.behind(), 1);
    }

    #[test]
    fn nothing_is_handed_on_where_that_would_never_end() {
        let mut presence = Presence::new(2, Relaying::Off);
        let here = presence.moves(0, Instant::now());
        assert_eq!(hear(&mut presence, 1, &here), None);
        assert_eq!(presence.behind(), 0);
    }
}
