//! Works out how a damaged room can be put right, from what is stored of it.
//!
//! Knows updates and what a store found. The rules: what can be taken in order is kept, and what cannot is named; a room
//! of which nothing can be read is left alone, never made an empty one.

use std::collections::BTreeMap;

use bytes::Bytes;
use scrible_store::{
    Builder, InspectedRoom, InspectedRow, MendedRow, Mending, NewSnapshot, SetAside, Snapshot,
};
use scrible_wire::{Clocks, Limits, Missing, Taking, merge, scan};
use serde::Serialize;

use super::judge::{Verdict, clocks_of};
use crate::clock::now_ms;

/// An update that brings nothing.
const NOTHING: &[u8] = &[0, 0];
/// With more rows gone than that, something else is wrong than rows.
const MOST_MISSING: u64 = 100_000;

/// A room that can be put right.
#[derive(Debug)]
pub struct Plan {
    /// What the store is to do.
    pub mending: Mending,
    /// What is lost by it.
    pub loss: Loss,
}

/// What could not be kept.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Rows that were set aside, in whole or in part, or were not there.
    pub rows: Vec<u64>,
    /// What the room would have to have, and lacks.
    pub clocks: Vec<LostClocks>,
}

/// Changes of one client that are not in the room any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostClocks {
    pub client: u64,
    /// The first that is missing, and the one behind the last that is known of.
    pub from: u32,
    pub to: u32,
}

/// A room that is being put together again.
pub struct Mender {
    limits: Limits,
    mending: Mending,
    /// The version that comes next.
    next_version: u64,
    head: u64,
    /// What the base covers, and the row that must come next above it.
    start: u64,
    next: u64,
    /// Of everything that was kept, and its bytes.
    clocks: Clocks,
    parts: Vec<Bytes>,
    /// What would have to be there for all that was set aside: client, and the clock behind it.
    wanted: BTreeMap<u64, u32>,
    lost: Vec<u64>,
    /// Damaged rows that the base covers.
    reserve: BTreeMap<u64, String>,
    /// The newest snapshot goes.
    rebuild: bool,
}

impl Mender {
    /// Of a room that was found to be damaged. `base` is the snapshot [`Verdict::sound`]. Then come its rows.
    ///
    /// # Errors
    /// Why it must be left alone.
    pub fn new(
        room: &InspectedRoom,
        verdict: &Verdict,
        base: Option<Snapshot>,
    ) -> Result<Self, String> {
        let versions = room.versions.as_ref();
        let versions = versions.map_err(|why| format!("its snapshots cannot be found: {why}"))?;
        let newest = versions.first().copied().unwrap_or(0);
        let limits = Limits::default().without_counts();
        let (first, last) = room.rows.unwrap_or((0, 0));
        if base.is_none() && newest > 0 && first != 1 {
            return Err(
                "none of its snapshots can be used, and the first rows are gone".to_owned(),
            );
        }
        let (start, clocks) = match &base {
            Some(base) => (base.info.seq, clocks_of(base, &limits)?),
            None => (0, Clocks::new()),
        };
        let known = room.head.as_ref().copied();
        let head = known.unwrap_or(last).max(start);
        let damaged = verdict.damaged_snapshots.iter();
        let aside = damaged.map(|damaged| SetAside {
            version: damaged.version,
            reason: damaged.why.clone(),
        });
        let snapshots: Vec<SetAside> = aside.collect();
        let reserve = verdict.damaged_rows.iter().filter(|row| row.seq <= start);
        Ok(Self {
            rebuild: snapshots.iter().any(|aside| aside.version == newest),
            mending: Mending {
                room: room.id,
                head: (known != Ok(head)).then_some(head),
                snapshots,
                rows: Vec::new(),
                covered: 0,
                base: None,
            },
            next_version: newest + 1,
            head,
            start,
            next: start + 1,
            clocks,
            parts: base.into_iter().map(|base| base.data).collect(),
            wanted: BTreeMap::new(),
            lost: Vec::new(),
            reserve: reserve.map(|row| (row.seq, row.reason.clone())).collect(),
            limits,
        })
    }

    /// Takes the next row of all that stand.
    pub fn row(&mut self, row: InspectedRow) -> Result<(), String> {
        let seq = row.seq;
        if seq <= self.start {
            // The base holds what it brought.
            if let Some(reason) = self.reserve.remove(&seq) {
                self.drop_reserve(seq, reason);
            }
            return Ok(());
        }
        if seq > self.head {
            if seq != self.next || row.found.is_err() {
                self.lose(
                    seq,
                    format!("it stands beyond the head {}", self.head),
                    None,
                );
                return Ok(());
            }
            // It is what was stored as that row, so the head has fallen behind.
            self.head = seq;
            self.mending.head = Some(seq);
        }
        self.fill_up_to(seq)?;
        self.next = seq + 1;
        let bytes = match row.found {
            Ok(bytes) => bytes,
            Err(why) => {
                self.lose(seq, why, Some(Bytes::from_static(NOTHING)));
                return Ok(());
            }
        };
        match self.clocks.take(&bytes, &self.limits) {
            Ok(taken) => match taken.early {
                None => self.parts.push(bytes),
                Some(missing) => {
                    self.want(&bytes, missing);
                    let ready = match taken.entry {
                        Taking::Part(ready) => Bytes::from(ready),
                        Taking::Whole => bytes,
                        Taking::Nothing => Bytes::from_static(NOTHING),
                    };
                    self.parts.push(ready.clone());
                    let (client, clock) = (missing.client, missing.clock);
                    let why = format!("it builds on clock {clock} of client {client}");
                    self.lose(seq, why, Some(ready));
                }
            },
            Err(error) => {
                let why = format!("it is no update: {error}");
                self.lose(seq, why, Some(Bytes::from_static(NOTHING)));
            }
        }
        Ok(())
    }

    /// What is to be done, after the last row.
    ///
    /// # Errors
    /// Why the room must be left alone.
    pub fn finish(mut self) -> Result<Plan, String> {
        self.fill_up_to(self.head + 1)?;
        // Missing ones of the reserve.
        for (seq, reason) in std::mem::take(&mut self.reserve) {
            self.drop_reserve(seq, reason);
        }
        if self.clocks.clients() == 0 && (self.rebuild || !self.mending.rows.is_empty()) {
            return Err("nothing of it can be read".to_owned());
        }
        if self.rebuild || !self.mending.rows.is_empty() {
            self.mending.base = Some(self.base()?);
        }
        let clocks = self.wanted.iter().filter_map(|(client, to)| {
            let (client, from, to) = (*client, self.clocks.clock(*client), *to);
            (from < to).then_some(LostClocks { client, from, to })
        });
        let loss = Loss {
            clocks: clocks.collect(),
            rows: self.lost,
        };
        let mending = self.mending;
        Ok(Plan { mending, loss })
    }

    /// Everything that was kept as one update, proven to be that.
    fn base(&self) -> Result<NewSnapshot, String> {
        let parts = self.parts.iter().map(|part| &part[..]);
        let data = merge::merge(parts, &self.limits);
        let data = data.map_err(|error| format!("its rows cannot be merged: {error}"))?;
        let mut clocks = Clocks::new();
        let taken = clocks.take(&data, &self.limits);
        let taken = taken.map_err(|error| format!("its merged rows are no update: {error}"))?;
        let state_vector = self.clocks.state_vector();
        if taken.early.is_some() || clocks.state_vector() != state_vector {
            return Err("its merged rows are not what they were one by one".to_owned());
        }
        let note = match self.lost.is_empty() {
            true => "repaired without loss".to_owned(),
            false => format!(
                "repaired: {} rows were set aside or missing",
                self.lost.len()
            ),
        };
        Ok(NewSnapshot {
            room: self.mending.room,
            version: self.next_version,
            seq: self.head,
            data: data.into(),
            state_vector: state_vector.encode().into(),
            listed: false,
            builder: Builder::Bytes,
            note: Some(note),
            label: None,
            author: None,
            time_ms: now_ms(),
        })
    }

    /// Updates that bring nothing stand where rows are missing.
    fn fill_up_to(&mut self, seq: u64) -> Result<(), String> {
        let missing = seq.saturating_sub(self.next);
        if missing > MOST_MISSING {
            let next = self.next;
            return Err(format!("{missing} rows from {next} on are missing"));
        }
        for seq in self.next..seq {
            self.lose(
                seq,
                "it is missing".to_owned(),
                Some(Bytes::from_static(NOTHING)),
            );
        }
        self.next = self.next.max(seq);
        Ok(())
    }

    fn lose(&mut self, seq: u64, reason: String, instead: Option<Bytes>) {
        self.lost.push(seq);
        let bytes = instead;
        self.mending.rows.push(MendedRow { seq, reason, bytes });
    }

    /// A reserve with a damaged row is none. It goes, and a second snapshot covers what it covered.
    fn drop_reserve(&mut self, seq: u64, reason: String) {
        let bytes = None;
        self.mending.covered = self.start;
        self.mending.rows.push(MendedRow { seq, reason, bytes });
    }

    /// Notes what a row that is set aside would have brought, and what it lacked.
    fn want(&mut self, bytes: &[u8], missing: Missing) {
        let mut want = |client, clock: u32| {
            let wanted = self.wanted.entry(client).or_default();
            *wanted = clock.max(*wanted);
        };
        want(missing.client, missing.clock);
        if let Ok(scanned) = scan(bytes, &self.limits) {
            for list in scanned.lists {
                want(list.client, list.end);
            }
        }
    }
}
