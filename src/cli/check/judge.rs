//! Judges one room: what of it is damaged, and whether it still opens.
//!
//! Knows updates and what a store found; reads nothing itself. The rules: whatever opening would refuse is refused here,
//! and it holds the clocks of two snapshots at most, never their bytes.

use std::ops::RangeInclusive;

use scrible_store::{Builder, InspectedRow, PassedOver, Snapshot, SnapshotInfo};
use scrible_wire::{Clocks, Limits, StateVector, scan};

/// What was found out about a room.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Sound rows, and their bytes.
    pub rows: u64,
    pub row_bytes: u64,
    /// Sound snapshots, and the bytes of their data.
    pub snapshots: u64,
    pub snapshot_bytes: u64,
    /// Newest first.
    pub damaged_snapshots: Vec<PassedOver>,
    /// Ascending; where several are missing side by side, the first of them.
    pub damaged_rows: Vec<DamagedRow>,
    /// Why opening refuses it.
    pub refused: Option<Refusal>,
    /// The snapshot that it opens on.
    pub base: Option<u64>,
    /// The newest snapshot that nothing speaks against.
    pub sound: Option<u64>,
    /// Why the snapshot that it opens on was merged byte by byte.
    pub note: Option<String>,
}

impl Verdict {
    /// Whether there is nothing to complain about.
    pub fn is_sound(&self) -> bool {
        self.damaged_snapshots.is_empty() && self.damaged_rows.is_empty() && self.refused.is_none()
    }
}

/// A row that is missing, not what was stored, no update, or builds on what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedRow {
    pub seq: u64,
    pub reason: String,
}

/// Why a room does not open, and the row at which that shows, if it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub seq: Option<u64>,
    pub reason: String,
}

/// A room that is being judged: its snapshots, newest first, then its rows, ascending.
pub struct Judge {
    limits: Limits,
    head: u64,
    first_row: Option<u64>,
    /// What the snapshot covers that it opens on, and its clocks until rows build on them.
    base: u64,
    newest: Option<Stand>,
    /// The oldest snapshot from which rows go on, if that is another one.
    reserve: Option<Stand>,
    /// What the rows read so far build on; `None` while nothing is there that they could build on.
    stand: Option<Stand>,
    /// Something is wrong in the rows since then: later ones may be early through no fault of theirs.
    broken: bool,
    /// The row that must come next; 0 before the first.
    next: u64,
    /// What the oldest sound snapshot so far covers.
    covered: u64,
    found: Verdict,
}

/// Clocks as of a sequence number, and the snapshot that they come from.
struct Stand {
    version: Option<u64>,
    seq: u64,
    clocks: Clocks,
}

impl Judge {
    /// Of a room with that head, and that lowest row.
    pub fn new(head: u64, first_row: Option<u64>) -> Self {
        Self {
            // A room may hold more clients than one update may.
            limits: Limits::default().without_counts(),
            head,
            first_row,
            base: 0,
            newest: None,
            reserve: None,
            stand: None,
            broken: false,
            next: 0,
            covered: u64::MAX,
            found: Verdict::default(),
        }
    }

    /// Takes the next snapshot.
    pub fn snapshot(&mut self, version: u64, found: Result<Snapshot, String>) {
        let judged = found.and_then(|snapshot| {
            let clocks = clocks_of(&snapshot, &self.limits)?;
            self.in_order(&snapshot.info)?;
            Ok((snapshot.info, clocks))
        });
        let (info, clocks) = match judged {
            Ok(judged) => judged,
            Err(why) => {
                let damaged = PassedOver { version, why };
                return self.found.damaged_snapshots.push(damaged);
            }
        };
        let (seq, head) = (info.seq, self.head);
        self.found.snapshots += 1;
        self.found.snapshot_bytes += info.size;
        self.covered = seq;
        if seq > head {
            let what = format!("its head is {head}, but snapshot {version} covers {seq} updates");
            self.refuse(None, what);
        }
        let stand = Stand {
            version: Some(version),
            seq,
            clocks,
        };
        if self.found.base.is_none() {
            self.base = seq;
            self.found.base = Some(version);
            self.found.sound = Some(version);
            self.found.note = info.note.filter(|_| info.builder == Builder::Bytes);
            self.newest = Some(stand);
        } else if self.first_row.is_some_and(|first| first <= seq + 1) {
            self.reserve = Some(stand);
        }
    }

    /// Takes the next row.
    pub fn row(&mut self, row: InspectedRow) {
        if self.next == 0 {
            self.begin(row.seq);
        }
        let (seq, expected, head) = (row.seq, self.next, self.head);
        if seq > head {
            let what = format!("row {seq} stands beyond the head {head}");
            return self.damage(seq..=seq, what);
        }
        if seq != expected {
            let what = format!("expected row {expected} of {head}, found row {seq}");
            self.damage(expected..=seq - 1, what);
        }
        self.next = seq + 1;
        self.swap_before(seq);
        self.broken |= seq > expected.max(self.base + 1);
        match row.found {
            Err(why) => self.damage(seq..=seq, why),
            Ok(bytes) => match self.content(seq, &bytes) {
                Err(why) => self.damage(seq..=seq, why),
                Ok(()) => {
                    self.found.rows += 1;
                    self.found.row_bytes += bytes.len() as u64;
                }
            },
        }
    }

    /// What was found out.
    pub fn finish(mut self) -> Verdict {
        let head = self.head;
        if self.next == 0 {
            self.next = self.base + 1;
        }
        let last = self.next - 1;
        self.swap_before(last + 1);
        if last < head {
            let what = format!("its head is {head}, but the rows end at {last}");
            self.damage(last + 1..=head, what);
        }
        if head == 0 && self.found.base.is_none() && !self.found.damaged_snapshots.is_empty() {
            self.refuse(None, "its head is 0, but it has snapshots".to_owned());
        }
        self.found
    }

    /// Before the first row.
    fn begin(&mut self, first: u64) {
        self.next = first.min(self.base + 1);
        self.stand = match first {
            1 => Some(Stand {
                version: None,
                seq: 0,
                clocks: Clocks::new(),
            }),
            _ => self.reserve.take(),
        };
    }

    /// Rows above the snapshot that the room opens on build on that, and not on older ones.
    fn swap_before(&mut self, seq: u64) {
        if seq <= self.base {
            return;
        }
        let Some(newest) = self.newest.take() else {
            return;
        };
        if let Some(older) = self.stand.take().filter(|_| !self.broken) {
            self.compare(&newest, &older);
        }
        self.broken = false;
        self.stand = Some(newest);
    }

    /// The snapshot that the room opens on holds what an older one and the rows since then hold.
    fn compare(&mut self, newest: &Stand, older: &Stand) {
        let version = newest.version.unwrap_or_default();
        if let Some((client, clock)) = lacking(&newest.clocks, &older.clocks) {
            let why = format!(
                "it lacks clock {clock} of client {client}, which the rows that it covers bring"
            );
            let damaged = PassedOver { version, why };
            self.found.damaged_snapshots.insert(0, damaged);
            self.found.sound = older.version;
        } else if let Some((client, clock)) = lacking(&older.clocks, &newest.clocks) {
            let seq = newest.seq;
            let what = format!("clock {clock} of client {client}, which snapshot {version} has");
            // Either is wrong, and without the other none is a reserve.
            if let Some(version) = older.version {
                let why = format!("it and the rows up to {seq} lack {what}");
                let damaged = PassedOver { version, why };
                self.found.damaged_snapshots.push(damaged);
            }
            self.damage(seq..=seq, format!("the rows up to it lack {what}"));
        }
    }

    fn in_order(&self, info: &SnapshotInfo) -> Result<(), String> {
        let (seq, covered) = (info.seq, self.covered);
        match seq > covered {
            true => Err(format!(
                "it covers {seq} updates, more than a newer one, which covers {covered}"
            )),
            false => Ok(()),
        }
    }

    /// Whether a row is an update, and builds on nothing that is missing.
    fn content(&mut self, seq: u64, bytes: &[u8]) -> Result<(), String> {
        let stand = self.stand.as_mut().filter(|stand| stand.seq < seq);
        let Some(stand) = stand else {
            let scanned = scan(bytes, &self.limits);
            return scanned
                .map(drop)
                .map_err(|error| format!("it is no update: {error}"));
        };
        let taken = stand.clocks.take(bytes, &self.limits);
        let taken = taken.map_err(|error| format!("it is no update: {error}"))?;
        match taken.early {
            Some(missing) if !self.broken => Err(format!(
                "it builds on clock {} of client {}, which was not stored before it",
                missing.clock, missing.client
            )),
            _ => Ok(()),
        }
    }

    fn damage(&mut self, rows: RangeInclusive<u64>, reason: String) {
        // What a snapshot covers, nothing builds on.
        let stand = self.stand.as_ref();
        self.broken |= stand.is_some_and(|stand| *rows.end() > stand.seq);
        // Below, opening does not look.
        if *rows.end() > self.base {
            self.refuse(Some(*rows.start()), reason.clone());
        }
        let seq = *rows.start();
        self.found.damaged_rows.push(DamagedRow { seq, reason });
    }

    /// The first reason is the one that is told.
    fn refuse(&mut self, seq: Option<u64>, reason: String) {
        let refused = &mut self.found.refused;
        refused.get_or_insert(Refusal { seq, reason });
    }
}

/// The clocks of what a snapshot holds, or why it cannot be opened.
pub fn clocks_of(snapshot: &Snapshot, limits: &Limits) -> Result<Clocks, String> {
    let mut clocks = Clocks::new();
    let taken = clocks.take(&snapshot.data, limits);
    let taken = taken.map_err(|error| format!("it is no update: {error}"))?;
    if let Some(missing) = taken.early {
        let (client, clock) = (missing.client, missing.clock);
        return Err(format!(
            "it builds on clock {clock} of client {client}, which is not in it"
        ));
    }
    let vector = StateVector::decode(&snapshot.state_vector, limits);
    let vector = vector.map_err(|error| format!("its state vector is none: {error}"))?;
    if vector != clocks.state_vector() {
        return Err("its state vector is not that of its data".to_owned());
    }
    Ok(clocks)
}

/// Something that the older ones have and the newer ones lack.
fn lacking(newer: &Clocks, older: &Clocks) -> Option<(u64, u32)> {
    let older = older.state_vector();
    let lacking = older
        .iter()
        .filter(|(client, clock)| newer.clock(*client) < *clock);
    lacking.min()
}
