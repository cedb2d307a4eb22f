//! What becomes of an update that a session offers: judged, held against what the room may hold, appended, noted for its echo.
//!
//! Whether it is well-formed and what it brings is the scanner's to say. The one rule: whoever is refused has changed nothing.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use scrible_wire::scan::declared_lists;
use scrible_wire::{Clocks, Limits, Malformed, Missing, Scan, Taken, Taking, agree, message, scan};

use super::log::{Entry, Log};
use super::membership::{Answered, Membership};
use super::{Carrier, Refused, State};
use crate::point;
use crate::telemetry::LimitMet;

/// Of what a room may hold, this part is the rest of which its operator is warned.
const SCARCE: usize = 5;

/// How much a room may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of its updates, as they are stored.
    pub bytes: usize,
    /// Client ids that have ever written to it: each is told to everyone who joins, for ever.
    pub clients: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            clients: 200_000,
        }
    }
}

/// What a room has no place for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Bytes.
    Bytes,
    /// Client ids.
    Clients,
}

/// What became of an update.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Something of it was appended to the log.
    pub appended: bool,
    /// What the room would need to take the rest.
    pub missing: Option<Missing>,
    /// So many echoes wait for this session that it should not read on before it has pulled.
    pub full: bool,
}

impl Capacity {
    /// What a room of this size has no place for, with `bytes` and `clients` more.
    fn exceeded(&self, log: &Log, clocks: &Clocks, bytes: usize, clients: usize) -> Option<Full> {
        if log.size().saturating_add(bytes) > self.bytes {
            Some(Full::Bytes)
        } else if clocks.clients().saturating_add(clients) > self.clients {
            Some(Full::Clients)
        } else {
            None
        }
    }

    /// Of what little is left, in a sentence for the operator.
    pub(super) fn scarce(&self, log: &Log, clocks: &Clocks) -> Option<String> {
        let (bytes, clients) = (log.size(), clocks.clients());
        if bytes > self.bytes - self.bytes / SCARCE {
            let limit = self.bytes;
            Some(format!(
                "it holds {bytes} bytes of the {limit} that SCRIBLE_MAX_ROOM_BYTES allows"
            ))
        } else if clients > self.clients - self.clients / SCARCE {
            let limit = self.clients;
            Some(format!(
                "{clients} client ids have written to it, of the {limit} that SCRIBLE_MAX_ROOM_CLIENTS allows"
            ))
        } else {
            None
        }
    }
}

/// What a session offers.
struct Offer<'a> {
    update: &'a [u8],
    carrier: Carrier,
    /// What the last large answer to this session brought.
    answered: Option<&'a Answered>,
}

impl Offer<'_> {
    /// Whether its author waits for it to come back.
    fn is_own_edit(&self, limits: &Limits) -> bool {
        let brings = |answered: &Answered| answered.brings_all_of(self.update, limits);
        self.carrier == Carrier::Update && !self.answered.is_some_and(brings)
    }
}

impl Membership {
    /// Offers an update: appends what is new and ready, notes what must be echoed.
    ///
    /// After a large answer, `answered` says what it brings. A known update of nothing but
    /// that is no edit of the client's but the answer handed back (pycrdt's provider returns all that it receives): its echo
    /// would be the answer once more, and waiting for it would stop the session from being read.
    ///
    /// # Errors
    /// [`Refused`], but never [`Refused::Behind`]; nothing was taken.
    pub fn offer(
        &self,
        update: &[u8],
        carrier: Carrier,
        answered: Option<&Answered>,
    ) -> Result<Offered, Refused> {
        let shared = &self.room.shared;
        let limits = &shared.config.limits;
        let mut state = self.room.state.lock();
        let state = &mut *state;
        if let Some(end) = state.end {
            return Err(Refused::Ended(end));
        }
        if shared.uncommitted_bytes.load(Ordering::Relaxed) > shared.config.max_uncommitted_bytes {
            // Who only reads answers a step 1 with nothing, or with the deletes that it knows.
            let reads = carrier == Carrier::Step2 && !news(&state.clocks, update, limits)?;
            return if reads {
                Ok(Offered::default())
            } else {
                Err(Refused::Backlog)
            };
        }
        self.check_capacity(state, update)?;
        if carrier == Carrier::Update {
            self.check_own_clock(state, update)?;
        }
        state.changing = true;
        let taken = state.clocks.take(update, limits);
        let offer = Offer {
            update,
            carrier,
            answered,
        };
        let offered = taken.map(|taken| self.append(state, &offer, taken));
        state.changing = false;
        Ok(offered?)
    }

    /// Appends what was taken, and notes what must be echoed.
    fn append(&self, state: &mut State, offer: &Offer<'_>, taken: Taken) -> Offered {
        let seat = &mut state.seats[self.key];
        if let Some((own, clock)) = &mut seat.writes
            && let Some((_, _, end)) = taken.brought.iter().find(|(client, ..)| client == own)
        {
            *clock = *end;
        }
        let entry = match taken.entry {
            Taking::Nothing => {
                if taken.early.is_none() && offer.is_own_edit(&self.room.shared.config.limits) {
                    seat.knew(state.log.head(), message::update(offer.update).into());
                }
                return Offered {
                    appended: false,
                    missing: taken.early,
                    full: seat.is_full(),
                };
            }
            Taking::Whole => Entry::new(offer.update, self.speaker.session, taken.brought),
            Taking::Part(part) => Entry::new(&part, self.speaker.session, taken.brought),
        };
        seat.authored(state.log.head());
        let full = seat.is_full();
        let shared = &self.room.shared;
        shared
            .uncommitted_bytes
            .fetch_add(state.log.append(entry), Ordering::Relaxed);
        state.wake(|seat| seat.joined && seat.session != self.speaker.session);
        point::reach("update", "appended");
        if !std::mem::replace(&mut state.queued, true) {
            shared.journal.push(self.room.clone());
        }
        self.room.warn_if_scarce(state);
        Offered {
            appended: true,
            missing: taken.early,
            full,
        }
    }

    /// Whether an update brings structs that the room lacks; changes nothing. For sessions that may not write.
    ///
    /// # Errors
    /// [`Refused::Malformed`].
    pub fn brings_news(&self, update: &[u8]) -> Result<bool, Refused> {
        let state = self.room.state.lock();
        Ok(news(
            &state.clocks,
            update,
            &self.room.shared.config.limits,
        )?)
    }

    /// A full room takes deletions only, which is how it gets smaller; what brings nothing costs it nothing either.
    fn check_capacity(&self, state: &State, update: &[u8]) -> Result<(), Refused> {
        let (capacity, limits) = (
            &self.room.shared.config.capacity,
            &self.room.shared.config.limits,
        );
        // An update begins with the number of its client lists. Read wrongly it is refused a moment later.
        let lists = declared_lists(update);
        if capacity
            .exceeded(&state.log, &state.clocks, update.len(), lists)
            .is_none()
        {
            return Ok(());
        }
        let scan = scan(update, limits)?;
        let clocks = &state.clocks;
        let strangers = scan
            .lists
            .iter()
            .filter(|list| clocks.clock(list.client) == 0)
            .count();
        match capacity.exceeded(&state.log, clocks, update.len(), strangers) {
            Some(full) if brings_structs(clocks, &scan) => {
                let met = match full {
                    Full::Bytes => LimitMet::RoomBytes,
                    Full::Clients => LimitMet::RoomClients,
                };
                self.room.shared.metrics.limits.count(met);
                Err(Refused::Full(full))
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody else has written under the client id that this session calls its own, where it now writes itself. Yjs ignores
    /// the second of two structs with one clock, so without a word the client's edit would be lost.
    ///
    /// Not so where it is this very edit that they wrote: sibling tabs hand each other's on.
    fn check_own_clock(&self, state: &State, update: &[u8]) -> Result<(), Refused> {
        let Some((own, expected)) = state.seats[self.key].writes else {
            return Ok(());
        };
        let reached = state.clocks.clock(own);
        if reached == expected {
            return Ok(());
        }
        let scan = scan(update, &self.room.shared.config.limits)?;
        let Some(list) = scan.lists.iter().find(|list| list.client == own) else {
            return Ok(());
        };
        let contested = list.start.max(expected)..list.end.min(reached);
        if contested.is_empty() {
            return Ok(());
        }
        let theirs = state.log.entries_from(0).filter(|(_, entry)| {
            let mut brings = entry.brings.iter();
            brings.any(|(client, start, end)| {
                *client == own && *start < contested.end && contested.start < *end
            })
        });
        let theirs: Vec<_> = theirs.map(|(_, entry)| entry).collect();
        let updates: Vec<Bytes> = theirs.iter().map(|entry| entry.update.update()).collect();
        let others = updates.iter().map(|update| &update[..]);
        let limits = &self.room.shared.config.limits;
        if agree(update, others, own, contested, limits)? {
            return Ok(());
        }
        let by = theirs.first().map(|entry| entry.author);
        Err(Refused::Conflict { client: own, by })
    }
}

/// Whether an update brings structs that a room lacks.
fn news(clocks: &Clocks, update: &[u8], limits: &Limits) -> Result<bool, Malformed> {
    Ok(brings_structs(clocks, &scan(update, limits)?))
}

fn brings_structs(clocks: &Clocks, scan: &Scan) -> bool {
    let lists = &mut scan.lists.iter();
    lists.any(|list| list.end > clocks.clock(list.client))
}
