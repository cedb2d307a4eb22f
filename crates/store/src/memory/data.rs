//! What the store in memory holds, and the promises of the trait on it.
//!
//! Knows no orders to pause or to fail. The rule: all refusals come before the first change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::assets::HeldAssets;
use super::dead_letters::DeadLetters;
use super::directory::Keys;
use super::exports::HeldExports;
use super::people::{self, Ids, People};
use super::quarantine::now_ms;
use super::records::Records;
use crate::assembly::{self, Assembly};
use crate::snapshot::{self, Held, MAX_LEASE};
use crate::trimming::{self, COVER, Standing};
use crate::{
    Batch, Head, Incarnation, Lease, NewSnapshot, NewUpdate, Receipt, RoomEntry, RoomId,
    RoomReceipt, RoomUsage, Since, Snapshot, Snapshots, StoreError, StoredRoom, Trim, Trimmed,
    checksum, receipt,
};

/// As in a database, which does not write with every batch when a room was last active.
const ACTIVE_GRAIN_MS: i64 = 60_000;

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
    /// Of invites, grants and stays.
    pub ids: Ids,
    pub keys: Keys,
    pub dead_letters: DeadLetters,
    pub records: Records,
    pub exports: HeldExports,
    pub assets: HeldAssets,
}

struct Room {
    people: People,
    head: u64,
    rows: BTreeMap<u64, Row>,
    snapshots: BTreeMap<u64, Held>,
}

struct Row {
    update: NewUpdate,
    checksum: i64,
}

impl Room {
    fn new(entry: RoomEntry) -> Self {
        Self {
            people: People::new(entry),
            head: 0,
            rows: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    fn id(&self) -> RoomId {
        self.people.entry.id
    }

    fn assembly<'a>(&self, name: &'a str) -> Result<Assembly<'a>, StoreError> {
        Assembly::new(name, self.id(), Some(self.head.cast_signed()))
    }

    fn find_base(&self, assembly: &mut Assembly<'_>, below: u64) -> Result<(), StoreError> {
        for (&version, held) in self.snapshots.range(..below).rev() {
            match held.clone().believe(self.id()) {
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
                id: room.id(),
                seq: room.head,
                access_version: room.people.entry.access_version,
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
            let known = self.rooms.get(&part.room).map(Room::id);
            if part.id.is_some() && part.id != known {
                return Err(StoreError::Conflict(format!(
                    "room {:?} has the id {known:?}, not {:?}",
                    part.room, part.id
                )));
            }
        }
        let mut rooms = Vec::with_capacity(batch.rooms.len());
        let now = now_ms();
        for part in &batch.rooms {
            let last_id = &mut self.last_id;
            let room = self.rooms.entry(Arc::clone(&part.room)).or_insert_with(|| {
                *last_id += 1;
                let (id, name) = (RoomId(*last_id), Arc::clone(&part.room));
                Room::new(people::entry_drawn(id, name, now))
            });
            let id = room.id();
            let active_ms = &mut room.people.entry.active_ms;
            if *active_ms < now - ACTIVE_GRAIN_MS {
                *active_ms = now;
            }
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
            room: room.id(),
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
            .map(|held| held.clone().believe(room.id()));
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
        let held = self.listed_mut(id, version)?;
        held.info.listed = true;
        held.info.label = label;
        held.info.author = author;
        Ok(())
    }

    pub fn unlist_snapshot(&mut self, id: RoomId, version: u64) -> Result<(), StoreError> {
        let info = &mut self.listed_mut(id, version)?.info;
        (info.listed, info.label, info.author) = (false, None, None);
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

    pub fn people(&self, name: &str) -> Option<&People> {
        self.rooms.get(name).map(|room| &room.people)
    }

    /// And what gives out numbers.
    pub fn people_mut(&mut self, name: &str) -> Option<(&mut People, &mut Ids)> {
        let room = self.rooms.get_mut(name)?;
        Some((&mut room.people, &mut self.ids))
    }

    pub fn all_people(&self) -> impl Iterator<Item = &People> {
        self.rooms.values().map(|room| &room.people)
    }

    pub fn all_people_mut(&mut self) -> impl Iterator<Item = &mut People> {
        self.rooms.values_mut().map(|room| &mut room.people)
    }

    /// By kind.
    pub fn count_rows(&self) -> BTreeMap<String, u64> {
        let mut counts: Vec<(&str, usize)> = vec![
            ("rooms", self.rooms.len()),
            ("nodes", self.nodes.len()),
            ("leases", self.leases.len()),
            ("keys", self.keys.len()),
            ("dead letters", self.dead_letters.len()),
        ];
        counts.extend(self.records.count_rows());
        counts.extend(self.exports.count_rows());
        counts.push(("assets", self.assets.len()));
        for room in self.rooms.values() {
            counts.extend([
                ("rows", room.rows.len()),
                ("snapshots", room.snapshots.len()),
            ]);
            counts.extend(room.people.count_rows());
        }
        let mut rows = BTreeMap::new();
        for (kind, count) in counts {
            *rows.entry(kind.to_owned()).or_insert(0) += count as u64;
        }
        rows
    }

    pub fn next_room_id(&mut self) -> RoomId {
        self.last_id += 1;
        RoomId(self.last_id)
    }

    pub fn insert(&mut self, entry: RoomEntry) {
        self.rooms.insert(entry.name.clone(), Room::new(entry));
    }

    pub fn remove(&mut self, name: &str, id: RoomId) {
        self.rooms.remove(name);
        self.leases.retain(|(of, _), _| *of != id);
    }

    pub fn usage(&self, name: &str) -> Option<RoomUsage> {
        let room = self.rooms.get(name)?;
        let rows = room.rows.values();
        let held = room.snapshots.values();
        let (asset_bytes, assets) = self.assets.weigh(room.id());
        let (export_bytes, exports) = self.exports.weigh(room.id());
        Some(RoomUsage {
            head: room.head,
            updates: room.rows.len() as u64,
            update_bytes: rows.map(|row| row.update.bytes.len() as u64).sum(),
            snapshots: room.snapshots.len() as u64,
            snapshot_bytes: held.map(|held| held.info.size).sum(),
            exports,
            export_bytes,
            assets,
            asset_bytes,
        })
    }

    fn listed_mut(&mut self, id: RoomId, version: u64) -> Result<&mut Held, StoreError> {
        let found = self.room_mut(id)?.snapshots.get_mut(&version);
        found.ok_or_else(|| snapshot::no_snapshot(id, version))
    }

    fn room_mut(&mut self, id: RoomId) -> Result<&mut Room, StoreError> {
        let room = self.rooms.values_mut().find(|room| room.id() == id);
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
