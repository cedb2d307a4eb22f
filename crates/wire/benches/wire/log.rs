//! Logs as rooms have them: people who draw on a board, an update for each movement of a shape.
//!
//! Every update puts a record at the end of an array and deletes the one before it, as the usual store of tldraw does. The rule: updates of
//! a log build on nothing but what comes before them.

use scrible_wire::{Limits, StateVector, scan};

use crate::support::build::{self, Place};

/// How many people draw.
const CLIENTS: u64 = 10;

/// Client ids as Yjs draws them: 32 bits, in no order.
fn client(number: u64) -> u64 {
    (number + 1) * 0x9e37_79b9 % (1 << 32)
}

/// Updates of about 190 bytes, the newest last; the people take turns.
pub struct Log(Vec<Vec<u8>>);

impl Log {
    /// So many of them.
    pub fn of(entries: usize) -> Self {
        Self((0..entries as u64).map(entry).collect())
    }

    /// The same behind a base.
    pub fn behind(base: &[u8], entries: usize) -> Self {
        let mut log = Self::of(entries);
        log.0.insert(0, base.to_vec());
        log
    }

    /// Its updates.
    pub fn updates(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.0.iter().map(Vec::as_slice)
    }

    /// What somebody has who was there for all of it.
    pub fn vector(&self) -> StateVector {
        let mut all = StateVector::new();
        for update in self.updates() {
            for list in scan(update, &Limits::default()).unwrap().lists {
                all.raise(list.client, list.end);
            }
        }
        all
    }

    /// What somebody has who has the first half of each client's clocks.
    pub fn half(&self) -> StateVector {
        let all = self.vector();
        all.iter()
            .map(|(client, clock)| (client, clock / 2))
            .collect()
    }
}

fn entry(number: u64) -> Vec<u8> {
    let (client, clock) = (client(number % CLIENTS), number / CLIENTS);
    let place = Place {
        left: clock.checked_sub(1).map(|left| (client, left)),
        ..Place::default()
    };
    let structs = [build::item(&place, build::ANY, &record(number))];
    let before = [(clock.saturating_sub(1), 1)];
    let deletes = [(client, &before[..])];
    let deletes = if clock == 0 { &[][..] } else { &deletes };
    build::update(&[(client, clock, &structs)], deletes)
}

/// One value: a map of a shape's fields.
fn record(number: u64) -> Vec<u8> {
    let field = |key: &str, value: &[u8]| [&build::text(key), value].concat();
    let text = |value: &str| [&[119], &build::text(value)[..]].concat();
    let float = |value: f64| [&[123], &value.to_be_bytes()[..]].concat();
    let id = format!("shape:{number:021}");
    let fields = [
        field("id", &text(&id)),
        field("typeName", &text("shape")),
        field("type", &text("geo")),
        field("parentId", &text("page:page")),
        field("index", &text("a1V")),
        field("x", &float(number as f64 * 0.37)),
        field("y", &float(number as f64 * 0.73)),
        field("rotation", &float(0.0)),
        field("isLocked", &[121]),
        field("opacity", &[125, 1]),
    ];
    [&[1, 118, fields.len() as u8][..], &fields.concat()].concat()
}
