//! People who are on other nodes: what those nodes say of them, and what they are told of ours.
//!
//! Between nodes as between clients the higher clock wins, so it does not matter in which order or how often something comes. What came
//! from a node goes to our sessions and never to a node again. Who moves to another node is heard there at a higher clock, and what the node
//! before says later, at the clock that it knows, changes nothing.
//!
//! The one rule: a farewell at the clock of somebody whom its node has not got takes nobody away. Said of one of ours it makes that one speak again,
//! which is also how a node asks for it.

use std::time::Duration;

use scrible_wire::awareness::Entry;
use tokio::time::Instant;

use super::row::{Owner, Row, Said};
use super::{Awareness, Farewell, Heard};
use crate::bus::NodeId;

/// Clients that a table may know before other nodes can bring no more to it, those that left included.
pub const ROWS: usize = 65_536;
/// Bytes that the states of people on other nodes may have together.
const BYTES: usize = 64 << 20;
/// How late a node may hear what others say. Within this time a newcomer may have been on another node and heard more there than is known
/// here.
const LATE: Duration = Duration::from_secs(1);

/// When clients announced themselves of whom it is still to be seen whether they ignore somebody.
#[derive(Debug)]
pub struct Newcomers {
    first: Instant,
    last: Instant,
}

impl Awareness {
    /// Takes in what another node says of its people.
    ///
    /// A farewell of somebody unknown is remembered: what it takes away may come later.
    pub fn shown(&mut self, node: NodeId, entries: &[Entry<'_>], now: Instant) -> Heard {
        let mut heard = Heard::default();
        let mut bytes: usize = self.rows.values().map(Row::bytes_elsewhere).sum();
        for entry in entries {
            let is_known = self.rows.contains_key(&entry.client);
            if !is_known && self.rows.len() >= ROWS {
                heard.ids_refused += 1;
                continue;
            }
            let version = self.version;
            let row = self
                .rows
                .entry(entry.client)
                .or_insert_with(|| Row::of_nobody(entry.clock, version, now));
            let is_newer = !is_known || entry.clock > row.clock;
            let is_same = is_known && entry.clock == row.clock;
            let client = entry.client;
            match (entry.state, row.owner) {
                (Some(state), _) if is_newer => {
                    let with_it = bytes - row.bytes_elsewhere() + state.len();
                    if with_it > BYTES {
                        heard.bytes_refused += 1;
                        continue;
                    }
                    bytes = with_it;
                    self.version += 1;
                    heard.farewells.extend(row.gone_over(client));
                    row.clock = entry.clock;
                    row.come(node, state, self.version, now);
                    heard.changed = true;
                }
                // Whom we took for gone is there, and whoever heard our farewell holds that clock.
                (Some(_), _)
                    if is_same && row.state.is_none() && row.asked_at != Some(entry.clock) =>
                {
                    let clock = entry.clock;
                    row.asked_at = Some(clock);
                    heard.farewells.push(Farewell { client, clock });
                }
                (None, _) if row.state.is_none() && is_newer => {
                    row.clock = entry.clock;
                    row.seen = now;
                }
                (None, owner) if is_newer || (is_same && owner == Owner::Node(node)) => {
                    bytes -= row.bytes_elsewhere();
                    self.version += 1;
                    heard.farewells.extend(row.gone_over(client));
                    row.clock = entry.clock;
                    row.end(Said::Elsewhere, self.version, now);
                    heard.changed = true;
                }
                (None, Owner::Session(_)) if is_same => row.speak_again(client, &mut heard),
                _ => {}
            }
        }
        heard
    }

    /// Notes that all who are on other nodes were just asked for, and are known since this version. Who has come here before may know them
    /// from another node already.
    pub fn met(&mut self, since: u64) -> Heard {
        self.met = self.version;
        let mut heard = Heard::default();
        if self.people() > self.people_elsewhere() {
            for (client, row) in &mut self.rows {
                if row.is_elsewhere() && row.version > since {
                    row.speak_again(*client, &mut heard);
                }
            }
        }
        heard
    }

    /// Notes a newcomer.
    pub(super) fn came(&mut self, now: Instant) {
        let first = self.newcomers.as_ref().map_or(now, |before| before.first);
        self.newcomers = Some(Newcomers { first, last: now });
    }

    /// Once all must be known here that newcomers may have heard on another node, asks those to speak again whose states these may have ignored: whoever
    /// has changed since shortly before they came. To be called every now and then, where there are other nodes.
    pub fn look_again(&mut self, now: Instant) -> Heard {
        let mut heard = Heard::default();
        let is_due = |newcomers: &mut Newcomers| newcomers.first + LATE <= now;
        if let Some(Newcomers { first, last }) = self.newcomers.take_if(is_due) {
            self.newcomers = (last + LATE > now).then_some(Newcomers { first: now, last });
            for (client, row) in &mut self.rows {
                if row.seen + LATE >= first {
                    row.speak_again(*client, &mut heard);
                }
            }
        }
        heard
    }

    /// Takes away all people of a node. True when others must hear it.
    pub fn gone(&mut self, node: NodeId, now: Instant) -> bool {
        self.end_those(now, |row| row.owner == Owner::Node(node))
    }

    /// What changed after a version for people of this node, as the body of one awareness message; `None` when nothing did.
    pub fn own_changes_since(&self, since: u64) -> Option<Vec<u8>> {
        self.body(|row| row.version > since && row.said == Said::Here)
    }
}
