//! The answer to a client's step 1: everything that it lacks, merged from base and log by bytes alone. Whoever has nothing is sent the
//! base as it is held, if that will do.
//!
//! The one rule: nothing in the answer may tell a client that its own ids have arrived before they are stored. Uncommitted
//! entries whose ids the client already has are therefore left out and reach it after their commit.

use std::sync::Arc;

use bytes::Bytes;
use scrible_wire::{Clocks, Limits, Malformed, StateVector, merge, message};

use super::content::Content;
use super::framed::{FramedUpdate, WHOLE_BYTES};
use super::log::{Log, Stance};
use super::seat::{AHEAD_CLIENTS, Place};

/// Cheap copies of all that an answer is made from; encode it outside the room's lock.
#[derive(Debug)]
pub struct Answer {
    base: Content,
    entries: Vec<Bytes>,
    theirs: StateVector,
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
        let mut entries = Vec::new();
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
            entries.push(entry.update.update());
        }
        let base = log.base().content.clone();
        (
            Self {
                base,
                entries,
                theirs,
            },
            place,
        )
    }

    /// Bytes that it is made from.
    pub fn weight(&self) -> usize {
        self.base.size() + self.entries.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether encoding it takes no time: it is what the base is held as.
    pub fn is_ready(&self) -> bool {
        self.theirs.is_empty() && self.entries.is_empty()
    }

    /// Encodes the messages: one step 2, or, where that would be large, updates in parts and an empty step 2.
    ///
    /// # Errors
    /// Only where the log holds what could not be merged, which its gate is there to prevent.
    pub fn encode(self, limits: &Limits) -> Result<Vec<Bytes>, Malformed> {
        if self.theirs.is_empty() && self.weight() > WHOLE_BYTES {
            let base = self.base.parts(limits)?;
            let tail = if self.entries.is_empty() {
                Arc::default()
            } else {
                let tail = merge::merge(self.entries.iter().map(|entry| &entry[..]), limits)?;
                FramedUpdate::parts(&tail, limits)?
            };
            return Ok(in_parts(base.iter().chain(&*tail)));
        }
        if self.is_ready()
            && let Some(step2) = self.base.step2()
        {
            return Ok(vec![step2]);
        }
        let updates: Vec<Bytes> = self.base.updates().chain(self.entries).collect();
        let updates = updates.iter().map(|update| &update[..]);
        let lacking = merge::diff(updates, &self.theirs, limits)?;
        if lacking.len() <= WHOLE_BYTES {
            return Ok(vec![message::step2(&lacking).into()]);
        }
        Ok(in_parts(FramedUpdate::parts(&lacking, limits)?.iter()))
    }
}

/// Clients take themselves for synced at the first step 2, so it comes last.
fn in_parts<'a>(parts: impl Iterator<Item = &'a FramedUpdate>) -> Vec<Bytes> {
    let step2 = Bytes::from(message::step2(&[0, 0]));
    parts.map(FramedUpdate::frame).chain([step2]).collect()
}
