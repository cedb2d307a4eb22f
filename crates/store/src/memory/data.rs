//! What the store in memory holds, and the promises of the trait on it.
//!
//! Knows no orders to pause or to fail. The rule: all refusals come before the first change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::dead_letters::DeadLetters;
use super::records::Records;
use crate::assembly::{self, Assembly};
use crate::snapshot::{self, Held, MAX_LEASE};
use crate::trimming::{self, COVER, Standing};
use crate::{
    Batch, Head, Incarnation, Lease, NewSnapshot, NewUpdate, Receipt, RoomId, RoomReceipt, Since,
    Snapshot, Snapshots, StoreError, StoredRoom, Trim, Trimmed, checksum, receipt,
};

/// What becomes of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotDamage {
    /// A bit of the data is another one.
    Data,
    /// The end of the data is missing.
    Size,
    /// A bit of the state vector is another one.
    StateVector,
    /// The sequence number is another one.
    Seq,
}

#[derive(Default)]
pub struct Data {
    rooms: HashMap<Arc<str>, Room>,
    nodes: HashMap<Incarnation, (u64, Vec<u8>)>,
    /// Holder, and the millisecond in which it ends.
    leases: HashMap<(RoomId, &'static str), (Incarnation, u128)>,
    last_id: i64,
    pub dead_letters: DeadLetters,
    pub records: Records,
}

struct Room {
    id: RoomId,
    head: u64,
    rows: BTreeMap<u64, Row>,
    snapshots: BTreeMap<u64, Held>,
}

struct Row {
    update: NewUpdate,
    checksum: i64,
}

impl Room {
    fn assembly<'a>(&self, name: &'a str) -> Result<Assembly<'a>, StoreError> {
        Assembly::new(name, self.id, Some(self.head.cast_signed()))
    }

    fn find_base(&self, assembly: &mut Assembly<'_>, below: u64) -> Result<(), StoreError> {
        for (&version, held) in self.snapshots.range(..below).rev() {
            match held.clone().believe(self.id) {
                Ok(snapshot) => return assembly.stand_on(snapshot),
                Err(why) => assembly.pass_over(version, why),
            }
        }
        Ok(())
    }

    fn add_rows(&self, mut assembly: Assembly<'_>) -> Result<StoredRoom, StoreError> {
        for (seq, row) in self.rows.range(assembly.first_seq()..) {
            if assembly.is_full() {
                break;
            }
            let bytes = row.update.bytes.clone();
            assembly.push(seq.cast_signed(), Some(row.checksum), bytes)?;
        }
        assembly.finish()
    }
}

impl Data {
    pub fn load(&self, name: &str, below: u64) -> Result<Option<StoredRoom>, StoreError> {
        let Some(room) = self.rooms.get(name) else {
            return Ok(None);
        };
        let mut assembly = room.assembly(name)?;
        room.find_base(&mut assembly, below)?;
        room.add_rows(assembly).map(Some)
    }

    pub fn heads(&self, names: &[Arc<str>]) -> Vec<Head> {
        let names: HashSet<&Arc<str>> = names.iter().collect();
        let found = names.into_iter().filter_map(|name| {
            let room = self.rooms.get(name)?;
            Some(Head {
                room: Arc::clone(name),
                id: room.id,
                seq: room.head,
            })
        });
        found.collect()
    }

    pub fn since(
        &self,
        name: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError> {
        let Some(room) = self.rooms.get(name) else {
            return Ok(None);
        };
        let found = match room.add_rows(room.assembly(name)?.behind(after, max_bytes)) {
            Err(missing) => {
                let mut assembly = room.assembly(name)?.within(max_bytes);
                room.find_base(&mut assembly, u64::MAX)?;
                if !assembly.covers_more_than(after) {
                    return Err(missing);
                }
                room.add_rows(assembly)?
            }
            Ok(found) => found,
        };
        Ok(Some(assembly::since(found)))
    }

    pub fn append(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        match self.nodes.get(&batch.node) {
            Some((last, receipt)) if *last == batch.number => {
                return receipt::decode_for(batch, receipt);
            }
            Some((last, _)) if *last > batch.number => {
                return Err(StoreError::Conflict(format!(
                    "batch {} of node {} comes after its batch {last}",
                    batch.number, batch.node
                )));
            }
            _ => {}
        }
        for part in &batch.rooms {
            let known = self.rooms.get(&part.room).map(|room| room.id);
            if part.id.is_some() && part.id != known {
                return Err(StoreError::Conflict(format!(
                    "room {:?} has the id {known:?}, not {:?}",
                    part.room, part.id
                )));
            }
        }
        let mut rooms = Vec::with_capacity(batch.rooms.len());
        for part in &batch.rooms {
            let last_id = &mut self.last_id;
            let room = self.rooms.entry(Arc::clone(&part.room)).or_insert_with(|| {
                *last_id += 1;
                Room {
                    id: RoomId(*last_id),
                    head: 0,
                    rows: BTreeMap::new(),
                    snapshots: BTreeMap::new(),
                }
            });
            let id = room.id;
            let first_seq = room.head + 1;
            let row = |(seq, update): (u64, &NewUpdate)| {
                let checksum = checksum::of_row(id, seq, &update.bytes);
                let update = update.clone();
                (seq, Row { update, checksum })
            };
            room.rows.extend((first_seq..).zip(&part.updates).map(row));
            room.head += part.updates.len() as u64;
            rooms.push(Some(RoomReceipt { id, first_seq }));
        }
        let receipt = Receipt { rooms };
        let remembered = (batch.number, receipt::encode(batch, &receipt));
        self.nodes.insert(batch.node, remembered);
        Ok(receipt)
    }

    pub fn snapshots(&self, name: &str) -> Option<Snapshots> {
        let room = self.rooms.get(name)?;
        Some(Snapshots {
            room: room.id,
            head: room.head,
            first_row: room.rows.keys().next().copied().unwrap_or(room.head + 1),
            snapshots: room
                .snapshots
                .values()
                .rev()
                .map(|held| held.info.clone())
                .collect(),
            unreadable: Vec::new(),
        })
    }

    pub fn snapshot(&self, name: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        let Some(room) = self.rooms.get(name) else {
            return Ok(None);
        };
        let found = room
            .snapshots
            .get(&version)
            .map(|held| held.clone().believe(room.id));
        found.transpose().map_err(|why| StoreError::Corrupt {
            room: name.to_owned(),
            what: format!("snapshot {version} cannot be used: {why}"),
        })
    }

    pub fn add_snapshot(&mut self, new: &NewSnapshot) -> Result<(), StoreError> {
        let room = self.room_mut(new.room)?;
        let newest = room.snapshots.iter().rev();
        let newest = newest.map(|(version, held)| (*version, held.info.seq));
        let held = Held::new(new);
        snapshot::fits(new.room, &held.info, room.head, newest)?;
        room.snapshots.insert(new.version, held);
        Ok(())
    }

    pub fn list_snapshot(
        &mut self,
        id: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        let found = self.room_mut(id)?.snapshots.get_mut(&version);
        let held = found.ok_or_else(|| {
            StoreError::Conflict(format!(
                "there is no snapshot {version} of room number {}",
                id.0
            ))
        })?;
        held.info.listed = true;
        held.info.label = label;
        held.info.author = author;
        Ok(())
    }

    pub fn trim(&mut self, trim: &Trim) -> Result<Trimmed, StoreError> {
        let room = self.room_mut(trim.room)?;
        let sound = |(version, held): (&u64, &Held)| {
            held.clone().believe(trim.room).ok()?;
            Some((*version, held.info.seq))
        };
        let standing = Standing {
            versions: room.snapshots.keys().rev().copied().collect(),
            sound: room
                .snapshots
                .iter()
                .rev()
                .filter_map(sound)
                .take(COVER)
                .collect(),
            first_row: room.rows.keys().next().copied(),
        };
        trimming::allow(trim, &standing)?;
        let (rows, snapshots) = (room.rows.len(), room.snapshots.len());
        room.rows.retain(|seq, _| !trim.rows.contains(seq));
        room.snapshots
            .retain(|version, _| !trim.versions.contains(version));
        Ok(Trimmed {
            rows: (rows - room.rows.len()) as u64,
            snapshots: (snapshots - room.snapshots.len()) as u64,
        })
    }

    pub fn lease(&mut self, lease: &Lease) -> Result<bool, StoreError> {
        self.room_mut(lease.room)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_millis();
        if let Some((holder, until)) = self.leases.get(&(lease.room, lease.task)) {
            let lasts = *until > now && *until <= now + MAX_LEASE.as_millis();
            if *holder != lease.holder && lasts {
                return Ok(false);
            }
        }
        let until = now + lease.ttl.as_millis();
        self.leases
            .insert((lease.room, lease.task), (lease.holder, until));
        Ok(true)
    }

    pub fn release(&mut self, lease: &Lease) {
        let key = (lease.room, lease.task);
        if self
            .leases
            .get(&key)
            .is_some_and(|(holder, _)| *holder == lease.holder)
        {
            self.leases.remove(&key);
        }
    }

    pub fn rows(&self, name: &str) -> Vec<(u64, NewUpdate)> {
        let rows = self.rooms.get(name).into_iter().flat_map(|room| &room.rows);
        rows.map(|(&seq, row)| (seq, row.update.clone())).collect()
    }

    pub fn remove_row(&mut self, name: &str, seq: u64) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.rows.remove(&seq);
        }
    }

    pub fn damage_row(&mut self, name: &str, seq: u64) {
        let room = self.rooms.get_mut(name).expect("the room is there");
        let row = room.rows.get_mut(&seq).expect("the row is there");
        row.update.bytes = flipped(&row.update.bytes);
    }

    pub fn damage_snapshot(&mut self, name: &str, version: u64, kind: SnapshotDamage) {
        let room = self.rooms.get_mut(name).expect("the room is there");
        let held = room.snapshots.get_mut(&version);
        let held = held.expect("the snapshot is there");
        match kind {
            SnapshotDamage::Data => held.data = flipped(&held.data),
            SnapshotDamage::Size => held.data.truncate(held.data.len().saturating_sub(1)),
            SnapshotDamage::StateVector => held.state_vector = flipped(&held.state_vector),
            SnapshotDamage::Seq => held.info.seq += 1,
        }
    }

    fn room_mut(&mut self, id: RoomId) -> Result<&mut Room, StoreError> {
        let room = self.rooms.values_mut().find(|room| room.id == id);
        room.ok_or_else(|| StoreError::Conflict(format!("there is no room number {}", id.0)))
    }
}

/// With the lowest bit of the last byte turned over, or with a byte where there was none.
fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    match bytes.last_mut() {
        Some(last) => *last ^= 1,
        None => bytes.push(0),
    }
    bytes.into()
}
