//! Snapshots: what they are, and what makes one believable.
//!
//! Knows no database and not what the data says. The rule: what comes out of [`Held::believe`] is what was stored as
//! that version of that room, byte for byte.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::checksum::{self, SnapshotPlace};
use crate::{Incarnation, RoomId, StoreError};

/// The largest snapshot, and the largest state vector, in bytes: as for an update.
const MAX_BYTES: usize = 1 << 29;
/// The longest lease. One that claims to last longer was taken under a clock that was wrong, and is over.
pub(crate) const MAX_LEASE: Duration = Duration::from_secs(60 * 60);

/// A whole doc as one update, as of one sequence number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What is known of it without its bytes.
    pub info: SnapshotInfo,
    /// Of the data, in Yjs v1 encoding.
    pub state_vector: Bytes,
    /// A Yjs v1 update that holds updates `1..=seq` of the room.
    pub data: Bytes,
}

/// What is known of a snapshot without its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotInfo {
    /// Its number in the room, from 1, rising by 1. Never given to another one.
    pub version: u64,
    /// The last update that it covers; 0 when the room was empty.
    pub seq: u64,
    /// Bytes of data.
    pub size: u64,
    /// Whether it is a version: history for people. Others only serve loading.
    pub listed: bool,
    /// How it was made.
    pub builder: Builder,
    /// Why it was made so, where that is of interest to the operator.
    pub note: Option<String>,
    /// What somebody called it.
    pub label: Option<Arc<str>>,
    /// Who asked for it.
    pub author: Option<Arc<str>>,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
}

/// How a snapshot was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Builder {
    /// Opened as a document and garbage collected.
    Doc,
    /// Merged byte by byte.
    Bytes,
}

impl Builder {
    /// How it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doc => "doc",
            Self::Bytes => "bytes",
        }
    }

    pub(crate) fn from_stored(stored: &str) -> Option<Self> {
        [Self::Doc, Self::Bytes]
            .into_iter()
            .find(|builder| builder.as_str() == stored)
    }
}

/// A snapshot that wants to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSnapshot {
    /// Whose.
    pub room: RoomId,
    /// One above the newest.
    pub version: u64,
    /// The last update that it covers.
    pub seq: u64,
    /// At most 2^29 bytes (512 MiB).
    pub data: Bytes,
    /// Of the data.
    pub state_vector: Bytes,
    /// Whether it is a version for people.
    pub listed: bool,
    /// How it was made.
    pub builder: Builder,
    /// Why it was made so.
    pub note: Option<String>,
    /// What somebody called it.
    pub label: Option<Arc<str>>,
    /// Who asked for it.
    pub author: Option<Arc<str>>,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A snapshot that could not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassedOver {
    /// Which.
    pub version: u64,
    /// What was expected and what was found.
    pub why: String,
}

/// The snapshots of a room, without their bytes. Nothing here says that the bytes are sound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshots {
    /// The room's id.
    pub room: RoomId,
    /// The highest sequence number.
    pub head: u64,
    /// The lowest row that stands; one above the head when there is none.
    pub first_row: u64,
    /// Newest first, versions for people and others.
    pub snapshots: Vec<SnapshotInfo>,
    /// Those of which not even this could be read, newest first.
    pub unreadable: Vec<PassedOver>,
}

impl Snapshots {
    /// The number that the next snapshot must have.
    pub fn next_version(&self) -> u64 {
        let readable = self.snapshots.first().map_or(0, |info| info.version);
        let unreadable = self.unreadable.first().map_or(0, |over| over.version);
        readable.max(unreadable) + 1
    }
}

/// What is to be deleted from a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trim {
    /// Whose.
    pub room: RoomId,
    /// Rows, both ends included; none when the range is empty. No row below it may stand.
    pub rows: RangeInclusive<u64>,
    /// Snapshots.
    pub versions: Vec<u64>,
}

/// What was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trimmed {
    /// Rows.
    pub rows: u64,
    /// Snapshots.
    pub snapshots: u64,
}

/// The right to do one task to one room until it runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The room.
    pub room: RoomId,
    /// What is going to be done.
    pub task: &'static str,
    /// Who is going to do it.
    pub holder: Incarnation,
    /// How long it lasts from now on; at most an hour.
    pub ttl: Duration,
}

/// What a store has under one version, before anybody believes it.
#[derive(Clone)]
pub(crate) struct Held {
    pub info: SnapshotInfo,
    pub checksum: i64,
    pub state_vector: Bytes,
    pub data: Bytes,
}

impl Held {
    /// As it is to be stored.
    pub fn new(new: &NewSnapshot) -> Self {
        let place = SnapshotPlace {
            room: new.room,
            version: new.version,
            seq: new.seq,
        };
        Self {
            info: SnapshotInfo {
                version: new.version,
                seq: new.seq,
                size: new.data.len() as u64,
                listed: new.listed,
                builder: new.builder,
                note: new.note.clone(),
                label: new.label.clone(),
                author: new.author.clone(),
                time_ms: new.time_ms,
            },
            checksum: checksum::of_snapshot(place, &new.state_vector, &new.data),
            state_vector: new.state_vector.clone(),
            data: new.data.clone(),
        }
    }

    /// The snapshot, or why it is not the one that was stored.
    pub fn believe(self, room: RoomId) -> Result<Snapshot, String> {
        let (size, found) = (self.info.size, self.data.len());
        if size != found as u64 {
            return Err(format!("it has {found} bytes instead of {size}"));
        }
        let place = SnapshotPlace {
            room,
            version: self.info.version,
            seq: self.info.seq,
        };
        if checksum::of_snapshot(place, &self.state_vector, &self.data) != self.checksum {
            return Err("its checksum does not hold".to_owned());
        }
        Ok(Snapshot {
            info: self.info,
            state_vector: self.state_vector,
            data: self.data,
        })
    }
}

/// What a named version gets.
pub(crate) struct Naming {
    pub room: RoomId,
    pub version: u64,
    pub label: Option<Arc<str>>,
    pub author: Option<Arc<str>>,
}

/// What was found under a version: the thing, or why it cannot be believed.
pub(crate) type Found<T> = Result<T, String>;

/// That a snapshot is not there.
pub(crate) fn no_snapshot(room: RoomId, version: u64) -> StoreError {
    StoreError::Conflict(format!(
        "there is no snapshot {version} of room number {}",
        room.0
    ))
}

/// Refuses what no store takes.
pub(crate) fn validate(new: &NewSnapshot) -> Result<(), StoreError> {
    let invalid = |sentence: String| Err(StoreError::Invalid(sentence));
    let version = new.version;
    for (what, number) in [("number", version), ("sequence number", new.seq)] {
        if i64::try_from(number).is_err() {
            return invalid(format!("the {what} {number} of a snapshot is too high"));
        }
    }
    if version == 0 {
        return invalid("snapshots are numbered from 1".to_owned());
    }
    for (what, bytes) in [("data", &new.data), ("state vector", &new.state_vector)] {
        if bytes.len() > MAX_BYTES {
            let len = bytes.len();
            return invalid(format!(
                "snapshot {version}: {len} bytes of {what} are more than {MAX_BYTES}"
            ));
        }
    }
    let texts = [
        new.note.as_deref(),
        new.label.as_deref(),
        new.author.as_deref(),
    ];
    validate_texts(&texts)
}

/// Refuses texts that not every database can hold.
pub(crate) fn validate_texts(texts: &[Option<&str>]) -> Result<(), StoreError> {
    match texts.iter().flatten().any(|text| text.contains('\0')) {
        true => Err(StoreError::Invalid(
            "a note, label or author of a snapshot contains U+0000".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Refuses a lease that no store gives.
pub(crate) fn validate_lease(lease: &Lease) -> Result<(), StoreError> {
    if lease.ttl <= MAX_LEASE {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "a lease of {} s is longer than an hour",
        lease.ttl.as_secs()
    )))
}

/// Where a new snapshot must fit in. `newest` are the version and sequence number of what stands, newest first.
pub(crate) fn fits(
    room: RoomId,
    new: &SnapshotInfo,
    head: u64,
    newest: impl IntoIterator<Item = (u64, u64)>,
) -> Result<(), StoreError> {
    let (version, seq) = (new.version, new.seq);
    let conflict = |what: String| {
        let sentence = format!("snapshot {version} of room number {}: {what}", room.0);
        Err(StoreError::Conflict(sentence))
    };
    if seq > head {
        return conflict(format!("it covers {seq} updates, but the head is {head}"));
    }
    let mut newest = newest.into_iter().peekable();
    let last = newest.peek().map_or(0, |(version, _)| *version);
    if version != last + 1 {
        return conflict(format!("the newest is {last}"));
    }
    // One that claims to cover what was never stored is damaged, and no measure.
    match newest.find(|(_, seq)| *seq <= head) {
        Some((older, covered)) if covered > seq => conflict(format!(
            "it covers {seq} updates, but version {older} covers {covered}"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(version: u64, seq: u64) -> NewSnapshot {
        NewSnapshot {
            room: RoomId(3),
            version,
            seq,
            data: Bytes::from_static(b"data"),
            state_vector: Bytes::from_static(b"vector"),
            listed: false,
            builder: Builder::Doc,
            note: None,
            label: None,
            author: None,
            time_ms: 0,
        }
    }

    #[test]
    fn only_what_was_stored_there_is_believed() {
        let held = || Held::new(&new(2, 7));
        let snapshot = held().believe(RoomId(3)).unwrap();
        assert_eq!((snapshot.info.size, &snapshot.data[..]), (4, &b"data"[..]));
        type Damage = fn(&mut Held);
        let damages: [(Damage, &str); 6] = [
            (
                |held| held.data = Bytes::from_static(b"dat"),
                "3 bytes instead of 4",
            ),
            (|held| held.data = Bytes::from_static(b"Data"), "checksum"),
            (|held| held.state_vector = Bytes::new(), "checksum"),
            (|held| held.checksum ^= 1, "checksum"),
            (|held| held.info.seq = 8, "checksum"),
            (|held| held.info.version = 1, "checksum"),
        ];
        for (damage, why) in damages {
            let mut held = held();
            damage(&mut held);
            let found = held.believe(RoomId(3)).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
        let foreign = held().believe(RoomId(4)).unwrap_err();
        assert!(foreign.contains("checksum"), "{foreign}");
    }

    #[test]
    fn a_damaged_number_is_no_measure_for_what_comes_after_it() {
        let verdict = |new: NewSnapshot, head, newest: &[(u64, u64)]| {
            let info = Held::new(&new).info;
            fits(new.room, &info, head, newest.iter().copied())
        };
        assert!(verdict(new(1, 0), 0, &[]).is_ok());
        assert!(verdict(new(3, 9), 9, &[(2, 9), (1, 4)]).is_ok());
        assert!(verdict(new(3, 5), 9, &[(2, 1 << 60), (1, 4)]).is_ok());
        for (new, head, newest) in [
            (new(3, 3), 9, [(2, 1 << 60), (1, 4)]),
            (new(3, 3), 9, [(2, 4), (1, 1)]),
            (new(2, 9), 9, [(2, 4), (1, 1)]),
            (new(4, 9), 9, [(2, 4), (1, 1)]),
            (new(3, 10), 9, [(2, 4), (1, 1)]),
        ] {
            let error = verdict(new, head, &newest).unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
    }

    #[test]
    fn the_next_number_counts_what_cannot_be_read() {
        let mut all = Snapshots {
            room: RoomId(1),
            head: 0,
            first_row: 1,
            snapshots: Vec::new(),
            unreadable: Vec::new(),
        };
        assert_eq!(all.next_version(), 1);
        all.snapshots.push(Held::new(&new(4, 0)).info);
        assert_eq!(all.next_version(), 5);
        let why = String::new();
        all.unreadable.push(PassedOver { version: 6, why });
        assert_eq!(all.next_version(), 7);
    }
}
