//! The answer to a client's step 1: everything that it lacks, merged from base and log by bytes alone. Whoever has nothing is sent the
//! base as it is held, if that will do.
//!
//! What is made for one client alone is made as that client takes it, about 256 KiB at a time: a thousand clients that come back at once, or
//! that never read, cost that much each and no more. The one rule: nothing in the answer may tell a client that its own ids have arrived before they are stored. Uncommitted
//! entries whose ids the client already has are therefore left out and reach it after their commit.

use std::collections::VecDeque;

use bytes::Bytes;
use scrible_wire::{Clocks, Limits, Malformed, StateVector, merge, message, scan};

use super::content::Content;
use super::framed::{FramedUpdate, PART_BYTES, WHOLE_BYTES};
use super::log::{Log, Stance};
use super::seat::{AHEAD_CLIENTS, Place};

/// An update of nothing.
const NOTHING: &[u8] = &[0, 0];

/// An answer, as far as it is not made yet: cheap copies of all that it is made from. Make it outside the room's lock.
#[derive(Debug)]
pub struct Answer {
    /// What the room stands on, until the first messages are made.
    base: Option<Content>,
    /// Updates to be looked through, in their order.
    sources: VecDeque<Bytes>,
    /// What the client has, and what was made for it since; `None` of one that has nothing.
    theirs: Option<StateVector>,
    /// Messages were made before these, so the last will be a step 2 of nothing.
    in_parts: bool,
}

/// Messages of an answer, and what is still to be made of it.
#[derive(Debug)]
pub struct Made {
    /// In their order.
    pub messages: Vec<Bytes>,
    /// `None` when these are the last.
    pub rest: Option<Answer>,
}

impl Answer {
    /// Collects what the answer is made from, and where the session continues after it.
    ///
    /// Of the entries that are not stored yet, those of which the client has all wait aside: whatever follows on them builds on
    /// what it has. At the first of which it has only some, the answer ends, so that it never sees a gap.
    pub fn prepare(log: &Log, clocks: &Clocks, theirs: StateVector) -> (Self, Place) {
        let ahead = theirs
            .iter()
            .filter(|(client, clock)| *clock > clocks.clock(*client));
        let mut place = Place {
            next: log.head(),
            ahead: ahead.take(AHEAD_CLIENTS).collect(),
            ..Place::default()
        };
        let mut sources = VecDeque::new();
        for (position, entry) in log.entries_from(log.base().end) {
            // A client that has nothing can have written nothing.
            if position >= log.committed() && !theirs.is_empty() {
                // Deletes name no author: an entry of deletes alone might be this client's own.
                let deletes_alone = entry.brings.is_empty();
                match entry.stance(|client| theirs.get(client)) {
                    Stance::New if !deletes_alone => {}
                    Stance::New | Stance::Had => {
                        place.held.push(position);
                        continue;
                    }
                    Stance::PartlyHad => {
                        place.next = position;
                        place.barrier = Some(log.head());
                        break;
                    }
                }
            }
            sources.push_back(entry.update.update());
        }
        let answer = Self {
            base: Some(log.base().content.clone()),
            sources,
            theirs: (!theirs.is_empty()).then_some(theirs),
            in_parts: false,
        };
        (answer, place)
    }

    /// Bytes that it is made from.
    pub fn weight(&self) -> usize {
        self.base.as_ref().map_or(0, Content::size) + self.sources_bytes()
    }

    /// Whether making it takes no time: it is what the base is held as.
    pub fn is_ready(&self) -> bool {
        self.theirs.is_none() && self.sources.is_empty()
    }

    /// Makes the next messages: one step 2, or, where that would be large, updates in parts and an empty step 2. Parts that newcomers
    /// share come all at once.
    ///
    /// # Errors
    /// Only where the log holds what could not be merged, which its gate is there to prevent.
    pub fn make(mut self, limits: &Limits) -> Result<Made, Malformed> {
        if let Some(base) = self.base.take() {
            match &self.theirs {
                None if self.sources.is_empty() && base.step2().is_some() => {
                    return Ok(Made {
                        messages: base.step2().into_iter().collect(),
                        rest: None,
                    });
                }
                None if base.size() + self.sources_bytes() > WHOLE_BYTES => {
                    self.in_parts = true;
                    let parts = base.parts(limits)?;
                    return Ok(Made {
                        messages: parts.iter().map(FramedUpdate::frame).cloned().collect(),
                        rest: Some(self),
                    });
                }
                None => self.prepend(base.updates()),
                // Of all that it has, only the deletions may be news to it.
                Some(theirs) => match base.facts(limits)? {
                    Some(facts) if theirs.covers(&facts.state_vector) => {
                        self.prepend([facts.deletes.clone()].into_iter());
                    }
                    _ => self.prepend(base.updates()),
                },
            }
        }
        self.go_on(limits)
    }

    fn go_on(mut self, limits: &Limits) -> Result<Made, Malformed> {
        let (mut lacking, mut bytes) = (Vec::new(), 0);
        while (bytes < PART_BYTES || self.sources_bytes() <= PART_BYTES)
            && let Some(group) = self.next_group()
        {
            let made = self.lacking_of(&group, limits)?;
            if made != NOTHING {
                bytes += made.len();
                lacking.push(made);
            }
        }
        let lacking = merge::merge(lacking.iter().map(|made| &made[..]), limits)?;
        let is_last = self.sources.is_empty();
        if is_last && !self.in_parts {
            return Ok(Made {
                messages: vec![message::step2(&lacking).into()],
                rest: None,
            });
        }
        self.in_parts = true;
        let mut messages: Vec<Bytes> = Vec::new();
        if lacking != NOTHING {
            let parts = FramedUpdate::parts(&lacking, limits)?;
            messages.extend(parts.iter().map(FramedUpdate::frame).cloned());
        }
        if is_last {
            // Clients take themselves for synced at the first step 2, so it comes last.
            messages.push(message::step2(NOTHING).into());
        }
        Ok(Made {
            messages,
            rest: (!is_last).then_some(self),
        })
    }

    /// What the client lacks of some updates, which it is about to have.
    fn lacking_of(&mut self, group: &[Bytes], limits: &Limits) -> Result<Vec<u8>, Malformed> {
        let updates = group.iter().map(|update| &update[..]);
        let Some(theirs) = &mut self.theirs else {
            return merge::merge(updates, limits);
        };
        let lacking = merge::diff(updates, theirs, limits)?;
        for list in scan(&lacking, &limits.without_counts())?.lists {
            theirs.raise(list.client, list.end);
        }
        Ok(lacking)
    }

    /// The next updates, about as many bytes as a part has.
    fn next_group(&mut self) -> Option<Vec<Bytes>> {
        let mut group = vec![self.sources.pop_front()?];
        let mut bytes = group[0].len();
        while let Some(next) = self.sources.front()
            && bytes + next.len() <= PART_BYTES
        {
            bytes += next.len();
            group.extend(self.sources.pop_front());
        }
        Some(group)
    }

    fn prepend(&mut self, updates: impl Iterator<Item = Bytes>) {
        let entries = std::mem::take(&mut self.sources);
        self.sources = updates.chain(entries).collect();
    }

    fn sources_bytes(&self) -> usize {
        self.sources.iter().map(Bytes::len).sum()
    }
}
