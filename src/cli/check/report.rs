//! How findings are told: a sentence a line for people, an object a line for machines.
//!
//! Knows verdicts and plans, reads nothing. The rule: names are escaped, and a number tells the same in both forms.

use scrible_store::InspectedRoom;
use serde::Serialize;

use super::judge::Verdict;
use super::mend::{LostClocks, Plan};
use crate::cli::backup;

/// How many damaged rows of one room are told one by one.
const TOLD: usize = 20;

/// A line of the report, and one object of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// Something is wrong with the file as a whole.
    Database { reason: String },
    /// A snapshot is damaged.
    Snapshot {
        room: String,
        version: u64,
        reason: String,
    },
    /// A row is damaged that is not the one which its room's line names.
    Row {
        room: String,
        seq: u64,
        reason: String,
    },
    /// Something is wrong with a room: in all, and whether it opens nevertheless.
    Room {
        room: String,
        seq: Option<u64>,
        reason: String,
        opens: bool,
        /// The snapshot that it opens on.
        version: Option<u64>,
    },
    /// Something that whoever looks after the database may want to know.
    Notice { room: String, reason: String },
    /// A room was put right.
    Repaired {
        room: String,
        /// The new base, if it got one.
        version: Option<u64>,
        snapshots: Vec<u64>,
        /// Rows that were set aside or missing, and what of clients is not there any more.
        rows: Vec<u64>,
        clocks: Vec<LostClocks>,
    },
    /// A room is as damaged as it was.
    Left { room: String, reason: String },
    /// The last line.
    Summary(Summary),
}

/// What was read.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub clean: bool,
    pub rooms: u64,
    pub damaged_rooms: u64,
    pub repaired_rooms: u64,
    /// Sound ones, and their bytes.
    pub rows: u64,
    pub bytes: u64,
    pub snapshots: u64,
    pub snapshot_bytes: u64,
    pub seconds: f64,
}

impl Summary {
    /// Nothing read, nothing wrong.
    pub fn new() -> Self {
        Self {
            clean: true,
            ..Self::default()
        }
    }

    /// Counts a room.
    pub fn add(&mut self, verdict: &Verdict) {
        self.rooms += 1;
        self.snapshots += verdict.snapshots;
        self.snapshot_bytes += verdict.snapshot_bytes;
        if verdict.is_sound() {
            self.rows += verdict.rows;
            self.bytes += verdict.row_bytes;
        } else {
            self.clean = false;
            self.damaged_rooms += 1;
        }
    }
}

/// Everything that is to be told of a room.
pub fn findings(room: &InspectedRoom, verdict: &Verdict) -> Vec<Line> {
    let name = || room.name.clone();
    let mut lines = Vec::new();
    for damaged in &verdict.damaged_snapshots {
        lines.push(Line::Snapshot {
            room: name(),
            version: damaged.version,
            reason: damaged.why.clone(),
        });
    }
    if !verdict.is_sound() {
        lines.extend(room_lines(room, verdict));
    }
    if let Some(note) = &verdict.note {
        let version = verdict.base.unwrap_or_default();
        let reason =
            format!("snapshot {version}, which it opens on, was merged byte by byte: {note}");
        lines.push(Line::Notice {
            room: name(),
            reason,
        });
    }
    if room.set_aside > 0 {
        let reason = format!(
            "{} rows and snapshots were set aside by repair",
            room.set_aside
        );
        lines.push(Line::Notice {
            room: name(),
            reason,
        });
    }
    lines
}

/// The verdict on a damaged room, and its damaged rows beyond the one that stands in the verdict.
fn room_lines(room: &InspectedRoom, verdict: &Verdict) -> Vec<Line> {
    let first = verdict.damaged_rows.first();
    let (seq, reason) = match (&verdict.refused, first) {
        (Some(refused), _) => (refused.seq, refused.reason.clone()),
        (None, Some(row)) => (Some(row.seq), row.reason.clone()),
        (None, None) => (None, "a snapshot is damaged".to_owned()),
    };
    let mut lines = Vec::new();
    let others = verdict
        .damaged_rows
        .iter()
        .filter(|row| Some(row.seq) != seq);
    let untold = others.clone().count().saturating_sub(TOLD);
    for row in others.take(TOLD) {
        lines.push(Line::Row {
            room: room.name.clone(),
            seq: row.seq,
            reason: row.reason.clone(),
        });
    }
    let reason = match untold {
        0 => reason,
        rows => format!("{reason}; {rows} more damaged rows are not told one by one"),
    };
    let opens = verdict.refused.is_none();
    lines.push(Line::Room {
        room: room.name.clone(),
        seq,
        reason,
        opens,
        version: verdict.base.filter(|_| opens),
    });
    lines
}

/// What was done to a room.
pub fn repaired(room: &InspectedRoom, plan: &Plan) -> Line {
    let mending = &plan.mending;
    Line::Repaired {
        room: room.name.clone(),
        version: mending.base.as_ref().map(|base| base.version),
        snapshots: mending
            .snapshots
            .iter()
            .map(|aside| aside.version)
            .collect(),
        rows: plan.loss.rows.clone(),
        clocks: plan.loss.clocks.clone(),
    }
}

impl Line {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Database { reason } => format!("the database is damaged: {reason}"),
            // Escaped: a name is what somebody typed.
            Self::Snapshot {
                room,
                version,
                reason,
            } => format!("snapshot {version} of room {room:?} is damaged: {reason}"),
            Self::Row { room, seq, reason } => {
                format!("row {seq} of room {room:?} is damaged: {reason}")
            }
            Self::Room {
                room,
                seq,
                reason,
                opens,
                version,
            } => {
                let at = seq.map(|seq| format!(" at row {seq}")).unwrap_or_default();
                let opening = match (opens, version) {
                    (false, _) => "it is refused".to_owned(),
                    (true, Some(version)) => format!("it still opens, on snapshot {version}"),
                    (true, None) => "it still opens, on its rows".to_owned(),
                };
                format!("room {room:?} is damaged{at}: {reason}; {opening}")
            }
            Self::Notice { room, reason } => format!("room {room:?}: {reason}"),
            Self::Repaired {
                room,
                version,
                snapshots,
                rows,
                clocks,
            } => {
                let mut text = format!("room {room:?} is repaired");
                if let Some(version) = version {
                    text += &format!(", it stands on snapshot {version}");
                }
                if !snapshots.is_empty() {
                    text += &format!("; set aside: snapshots {}", ranges(snapshots));
                }
                if rows.is_empty() {
                    return text + "; nothing was lost";
                }
                text += &format!("; LOST: rows {} (missing, or set aside)", ranges(rows));
                for LostClocks { client, from, to } in clocks {
                    text += &format!("; of client {client} clocks {from} to {}", to - 1);
                }
                text + "; Yjs clients that still have it bring it back when they connect"
            }
            Self::Left { room, reason } => {
                format!("room {room:?} is left as it is: {reason}; restore a backup")
            }
            Self::Summary(all) => all.text(),
        }
    }
}

impl Summary {
    fn text(&self) -> String {
        let repaired = match self.repaired_rooms {
            0 => String::new(),
            rooms => format!(", {rooms} repaired"),
        };
        let verdict = match (self.clean, self.damaged_rooms) {
            (true, _) => "no damage".to_owned(),
            (false, 0) => "DAMAGED".to_owned(),
            (false, rooms) => format!("{rooms} DAMAGED"),
        };
        let (rooms, rows, snapshots) = (self.rooms, self.rows, self.snapshots);
        let (bytes, seconds) = (backup::size(self.bytes), self.seconds);
        let base = backup::size(self.snapshot_bytes);
        format!(
            "{rooms} rooms{repaired}, {verdict}; {rows} sound rows, {bytes}, {snapshots} sound snapshots, {base}, in \
             {seconds:.1} s"
        )
    }
}

/// `1-3, 7`.
fn ranges(numbers: &[u64]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for n in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == n => *end = n,
            _ => ranges.push((n, n)),
        }
    }
    let text = ranges.iter().map(|(start, end)| match start == end {
        true => start.to_string(),
        false => format!("{start}-{end}"),
    });
    text.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn numbers_side_by_side_are_told_as_one() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[7]), "7");
        assert_eq!(ranges(&[9, 1, 2, 3, 7]), "1-3, 7, 9");
    }
}
