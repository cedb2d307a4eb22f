//! Who is here and where their cursors are: a table of the latest state of each Yjs client, with versions.
//!
//! A session's place in it is the last version that it was sent, so bursts coalesce to the latest state and nothing
//! queues. Every y-websocket client sends back each state that it receives; such relays carry clocks that the table knows
//! and therefore change nothing. The table never decodes a state and never reads a clock: time comes in with each event.
//!
//! A client is on one node. What its session says is heard here in `mod`, what other nodes say of theirs in `elsewhere`; `row` is what is
//! known of one client.
//!
//! The one rule: a session may take a state away only from a client that it owns, and so may a node.

mod elsewhere;
mod row;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use scrible_wire::awareness::{self, Entry};
use tokio::time::Instant;

use super::Shown;
use crate::access::Identity;
use crate::bus::NodeId;
use elsewhere::Newcomers;
pub use elsewhere::ROWS;
use row::{Owner, Row, Said};

/// A session's number.
type Session = u64;

/// Peers drop a state that was not renewed for 30 s (y-protocols `outdatedTimeout`); ours goes a little later, so that
/// a table never shows someone whom all peers have dropped.
const EXPIRY: Duration = Duration::from_secs(45);
/// How long the clock of a client that left is remembered: longer than any peer may hold its state.
const TOMBSTONE: Duration = Duration::from_secs(120);
/// States up to this are not added up: as many of them as a session may have weigh little.
const SMALL_STATE: usize = 2 << 10;

/// How much presence one session may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceLimits {
    /// Client ids that it may bring to life: its own and those of sibling tabs that it forwards.
    pub ids: usize,
    /// Bytes of all their states together.
    pub bytes: usize,
}

impl Default for PresenceLimits {
    fn default() -> Self {
        Self {
            ids: 64,
            bytes: 256 << 10,
        }
    }
}

/// The states of a room's clients.
#[derive(Debug)]
pub struct Awareness {
    rows: HashMap<u64, Row>,
    version: u64,
    /// The version when all who are on other nodes were last asked for.
    met: u64,
    newcomers: Option<Newcomers>,
    limits: PresenceLimits,
}

/// Who speaks.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The session's number.
    pub session: Session,
    /// Whom it speaks for.
    pub identity: Identity,
    /// The client id that this session announced first, and so calls its own.
    pub own: Option<u64>,
    /// The client has answered our step 1. Providers announce themselves before that, on opening the connection; later, a first
    /// message about somebody who is here is the relay of a client that has no state of its own.
    pub answered: bool,
}

/// What a message did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Something changed: others must hear it.
    pub changed: bool,
    /// Who must be asked to speak again, because somebody who hears them holds their clock and would ignore it.
    pub ask: Vec<Ask>,
    /// What other nodes must hear at once: of their people, to have these speak again; of ours, that they have gone over.
    pub farewells: Vec<Farewell>,
    /// Client ids that were one too many for the session or the node that brought them.
    pub ids_refused: u32,
    /// States that were too much for it.
    pub bytes_refused: u32,
}

/// Asks the owner of a client id to raise its clock and send its state again. It does so on hearing its own id
/// taken away at the clock that it has, or a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Whom to tell.
    pub session: Session,
    /// The client id.
    pub client: u64,
    /// The clock to exceed.
    pub clock: u32,
}

/// What this node says of a client that it has not got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// The client id.
    pub client: u64,
    /// The clock at which it was known.
    pub clock: u32,
}

impl Awareness {
    /// Nobody is here.
    pub fn new(limits: PresenceLimits) -> Self {
        Self {
            rows: HashMap::new(),
            version: 0,
            met: 0,
            newcomers: None,
            limits,
        }
    }

    /// The version of the newest change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many clients have a state, on all nodes.
    pub fn people(&self) -> usize {
        self.rows.values().filter(|row| row.state.is_some()).count()
    }

    /// What each of them shows, in no particular order.
    pub fn shows(&self) -> Vec<Shown> {
        let shown = self.rows.iter().filter_map(|(client, row)| {
            let node = match row.owner {
                Owner::Node(node) => Some(node),
                Owner::Nobody | Owner::Session(_) => None,
            };
            Some(Shown {
                client: *client,
                clock: row.clock,
                state: row.state.clone()?,
                node,
                identity: row.identity.clone(),
            })
        });
        shown.collect()
    }

    /// How many of them are on other nodes.
    pub fn people_elsewhere(&self) -> usize {
        self.rows.values().filter(|row| row.is_elsewhere()).count()
    }

    /// The other nodes on which somebody is.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        let owners = self.rows.values().map(|row| row.owner);
        let nodes = owners.filter_map(|owner| match owner {
            Owner::Node(node) => Some(node),
            Owner::Nobody | Owner::Session(_) => None,
        });
        nodes.collect()
    }

    /// How many of those who are here have shown something after a version.
    pub fn moved_since(&self, since: u64) -> usize {
        let here = self.rows.values().filter(|row| row.state.is_some());
        here.filter(|row| row.version > since).count()
    }

    /// The session of this node that a client belongs to.
    pub fn session_of(&self, client: u64) -> Option<Session> {
        match self.rows.get(&client)?.owner {
            Owner::Session(session) => Some(session),
            Owner::Nobody | Owner::Node(_) => None,
        }
    }

    /// Takes in what a session said.
    ///
    /// A state counts when its clock is higher than the one known, or equal where it takes a held state away. A client
    /// that belongs to another identity cannot be touched. A row changes owner only when its owner is gone or when the session
    /// calls the client its own: a tab that forwards its sibling's cursor does not become its owner. Who is on another node is that node's
    /// to speak of, until a session calls the client its own at a higher clock: then it has come over.
    pub fn hear(&mut self, speaker: &mut Speaker, entries: &[Entry<'_>], now: Instant) -> Heard {
        let mut heard = Heard::default();
        // The first message of a provider holds its own state alone; a relay of something known is not an announcement.
        if speaker.own.is_none()
            && let [
                Entry {
                    client,
                    clock,
                    state: Some(_),
                },
            ] = entries
            && self.rows.get(client).is_none_or(|row| row.may_be(speaker))
        {
            speaker.own = Some(*client);
            self.announced(speaker.session, *client, *clock, &mut heard);
            self.came(now);
        }
        for entry in entries {
            let own = speaker.own == Some(entry.client);
            if self
                .rows
                .get(&entry.client)
                .is_some_and(|row| row.is_elsewhere() && !(own && entry.clock > row.clock))
            {
                continue;
            }
            if let Some(state) = entry.state
                && state.len() > SMALL_STATE
                && self.is_news(entry)
                && self.others_of(speaker.session, entry.client) + state.len() > self.limits.bytes
            {
                heard.bytes_refused += 1;
                continue;
            }
            let Some(row) = self.rows.get_mut(&entry.client) else {
                // Counted only for a client that is new, which relays never are.
                let owned = || {
                    self.rows
                        .values()
                        .filter(|row| row.owner == Owner::Session(speaker.session))
                        .count()
                };
                if entry.state.is_some() && owned() >= self.limits.ids {
                    heard.ids_refused += 1;
                } else if entry.state.is_some() {
                    self.version += 1;
                    self.rows.insert(
                        entry.client,
                        Row {
                            clock: entry.clock,
                            state: entry.state.map(Bytes::copy_from_slice),
                            owner: Owner::Session(speaker.session),
                            identity: speaker.identity.clone(),
                            version: self.version,
                            said: Said::Here,
                            asked_at: None,
                            seen: now,
                        },
                    );
                    heard.changed = true;
                }
                continue;
            };
            let newer = entry.clock > row.clock
                || (entry.clock == row.clock && entry.state.is_none() && row.state.is_some());
            let owner = match row.owner {
                Owner::Session(owner) => Some(owner),
                Owner::Nobody | Owner::Node(_) => None,
            };
            if !newer || (owner.is_some() && row.identity != speaker.identity) {
                continue;
            }
            // A relayed farewell of a client whose own socket is alive is that socket's to say.
            if entry.state.is_none() && !own && owner.is_some_and(|owner| owner != speaker.session)
            {
                continue;
            }
            if own || owner.is_none() {
                row.owner = Owner::Session(speaker.session);
                row.identity = speaker.identity.clone();
            }
            self.version += 1;
            row.clock = entry.clock;
            row.state = entry.state.map(Bytes::copy_from_slice);
            row.version = self.version;
            row.said = Said::Here;
            row.seen = now;
            heard.changed = true;
        }
        heard
    }

    /// Whether a state is not simply the relay of a known one.
    fn is_news(&self, entry: &Entry<'_>) -> bool {
        let row = self.rows.get(&entry.client);
        row.is_none_or(|row| entry.clock > row.clock)
    }

    /// Bytes of a session's states but that of one client.
    fn others_of(&self, session: Session, client: u64) -> usize {
        let others = self
            .rows
            .iter()
            .filter(|(id, row)| **id != client && row.owner == Owner::Session(session));
        others
            .filter_map(|(_, row)| Some(row.state.as_ref()?.len()))
            .sum()
    }

    /// Whom a session's first own state makes the server ask: the client itself, whose clock its peers may hold from before; and
    /// where it was in the room before, those whose state has not changed since, because it dropped their states when it lost its
    /// connection but keeps their clocks.
    fn announced(&mut self, session: Session, client: u64, clock: u32, heard: &mut Heard) {
        let known = self.rows.get(&client);
        heard.ask.push(Ask {
            session,
            client,
            clock: known.map_or(clock, |row| row.clock.max(clock)),
        });
        let unchanged_since = match known {
            // While its old connection is not known to be dead, it is not known either what that one still delivered.
            Some(row) if row.state.is_some() => u64::MAX,
            Some(row) => row.version.max(self.met),
            // It may have been here by another node that is gone, when this room was not open on this one.
            None => self.met,
        };
        for (id, row) in &mut self.rows {
            if *id != client && row.version <= unchanged_since {
                row.speak_again(*id, heard);
            }
        }
    }

    /// Takes away the states that a session leaves behind. True when others must hear it.
    pub fn leave(&mut self, session: Session, now: Instant) -> bool {
        self.end_those(now, |row| row.owner == Owner::Session(session))
    }

    /// Takes away states that nobody renewed and forgets clients that left long ago. True when others must hear it.
    pub fn expire(&mut self, now: Instant) -> bool {
        let changed = self.end_those(now, |row| {
            row.state.is_some() && now.duration_since(row.seen) > EXPIRY
        });
        self.rows
            .retain(|_, row| row.state.is_some() || now.duration_since(row.seen) <= TOMBSTONE);
        changed
    }

    /// True when one of them had a state.
    fn end_those(&mut self, now: Instant, which: impl Fn(&Row) -> bool) -> bool {
        let before = self.version;
        for row in self.rows.values_mut().filter(|row| which(row)) {
            if row.state.is_some() {
                self.version += 1;
                let said = match row.owner {
                    Owner::Node(_) => Said::Elsewhere,
                    Owner::Session(_) | Owner::Nobody => Said::Here,
                };
                row.end(said, self.version, now);
            } else {
                row.owner = Owner::Nobody;
            }
        }
        self.version > before
    }

    /// All that changed after a version, as the body of one awareness message; `None` when nothing did.
    ///
    /// With `since` 0, the farewells are left out: whoever asks has seen nobody yet.
    pub fn changes_since(&self, since: u64) -> Option<Vec<u8>> {
        self.body(|row| row.version > since && (since > 0 || row.state.is_some()))
    }

    /// The rows that are so, as the body of one awareness message; `None` without any.
    fn body(&self, which: impl Fn(&Row) -> bool) -> Option<Vec<u8>> {
        let entries: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| which(row))
            .map(|(client, row)| Entry {
                client: *client,
                clock: row.clock,
                state: row.state.as_deref(),
            })
            .collect();
        (!entries.is_empty()).then(|| awareness::encode(entries.into_iter()))
    }
}
