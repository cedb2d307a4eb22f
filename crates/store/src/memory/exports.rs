//! The store in memory as the queue of exports.
//!
//! The rule: what a change means is decided where it is for every store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::MemoryStore;
use super::quarantine::now_ms;
use crate::attempts::{self, DIED};
use crate::{
    Claim, Export, ExportAdded, ExportEnd, ExportId, ExportLimits, ExportState, ExportTally,
    Exports, MAX_EXPORTS_OF_ROOM, NewExport, Orphans, Page, RoomEntry, RoomId, StoreError,
    WORKER_DIED, WorkerId,
};

/// How many are told of at once.
const SOME: usize = 100;

/// By the order in which they came.
#[derive(Default)]
pub struct HeldExports {
    exports: BTreeMap<i64, Held>,
    orphans: BTreeMap<i64, Arc<str>>,
    last: i64,
    bell: watch::Sender<u64>,
}

struct Held {
    export: Export,
    worker: Option<WorkerId>,
    /// As in a database: the end of a pause or of a lease; `None` once it has ended, and while its room is deleted.
    due_ms: Option<i64>,
    is_room_deleted: bool,
}

#[async_trait]
impl Exports for MemoryStore {
    async fn add_export(
        &self,
        room: &str,
        new: &NewExport,
        limits: &ExportLimits,
    ) -> Result<ExportAdded, StoreError> {
        new.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let Some(entry) = data.living_mut(room).map(|people| people.entry.clone()) else {
            return Ok(ExportAdded::NoRoom);
        };
        data.exports.add(&entry, new, limits)
    }

    async fn export(&self, id: ExportId) -> Result<Option<Export>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let found = data.exports.find(id);
        Ok(found
            .filter(|held| !held.is_room_deleted)
            .map(|held| held.export.clone()))
    }

    async fn exports(&self, room: &str, page: Page) -> Result<Vec<(Export, i64)>, StoreError> {
        self.be_open()?;
        let data = self.data();
        let below = data
            .exports
            .exports
            .range(..page.before.unwrap_or(i64::MAX));
        let of_room = below
            .rev()
            .filter(|(_, held)| *held.export.room == *room && !held.is_room_deleted);
        let pairs = of_room.map(|(number, held)| (held.export.clone(), *number));
        Ok(pairs.take(page.limit as usize).collect())
    }

    async fn claim_export(&self, claim: &Claim) -> Result<Option<Export>, StoreError> {
        claim.validate()?;
        self.be_open()?;
        Ok(self.data().exports.claim(claim, now_ms()))
    }

    async fn renew_export(
        &self,
        id: ExportId,
        claim: &Claim,
        progress: u8,
    ) -> Result<bool, StoreError> {
        claim.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let found = data.exports.find(id);
        let his = found.filter(|held| {
            held.worker == Some(claim.worker) && held.export.state == ExportState::Processing
        });
        let Some(held) = his else {
            return Ok(false);
        };
        held.export.progress = progress.min(100);
        held.due_ms = Some(later(claim.lease));
        Ok(true)
    }

    async fn end_export(
        &self,
        id: ExportId,
        claim: &Claim,
        end: &ExportEnd,
        time_ms: i64,
    ) -> Result<bool, StoreError> {
        claim.validate()?;
        end.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let found = data.exports.find(id);
        let Some(held) = found.filter(|held| held.worker == Some(claim.worker)) else {
            return Ok(false);
        };
        if held.export.state != ExportState::Processing {
            return Ok(held.export.has_ended_so(end));
        }
        let pause = held.export.end(end, claim.attempts, time_ms);
        held.due_ms = pause.map(later);
        data.exports.ring();
        Ok(true)
    }

    async fn cancel_export(
        &self,
        room: &str,
        id: ExportId,
        time_ms: i64,
    ) -> Result<Option<Export>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let found = data.exports.find(id);
        let Some(held) = found.filter(|held| *held.export.room == *room && !held.is_room_deleted)
        else {
            return Ok(None);
        };
        if !held.export.state.is_end() {
            held.export.state = ExportState::Cancelled;
            held.export.ended_ms = Some(time_ms);
            held.due_ms = None;
        }
        let export = held.export.clone();
        data.exports.ring();
        Ok(Some(export))
    }

    async fn delete_export(
        &self,
        room: &str,
        id: ExportId,
        objects: &str,
    ) -> Result<bool, StoreError> {
        attempts::validate_prefix(objects)?;
        self.be_open()?;
        let mut data = self.data();
        let held = &mut data.exports.exports;
        let before = held.len();
        held.retain(|_, held| held.export.id != id || *held.export.room != *room);
        if held.len() == before {
            return Ok(false);
        }
        data.exports.leave(objects);
        data.exports.ring();
        Ok(true)
    }

    async fn expired_exports(&self, time_ms: i64) -> Result<Vec<Export>, StoreError> {
        self.be_open()?;
        let data = self.data();
        let all = data.exports.exports.values().map(|held| &held.export);
        let mut expired: Vec<Export> = all
            .filter(|export| export.expires_ms < time_ms)
            .cloned()
            .collect();
        expired.sort_by_key(|export| export.expires_ms);
        expired.truncate(SOME);
        Ok(expired)
    }

    async fn orphans(&self, after: i64) -> Result<Vec<Orphans>, StoreError> {
        self.be_open()?;
        let data = self.data();
        let some = data
            .exports
            .orphans
            .range(after.saturating_add(1)..)
            .take(SOME);
        Ok(some
            .map(|(&id, prefix)| Orphans {
                id,
                prefix: prefix.clone(),
            })
            .collect())
    }

    async fn forget_orphans(&self, id: i64) -> Result<(), StoreError> {
        self.be_open()?;
        self.data().exports.orphans.remove(&id);
        Ok(())
    }

    async fn export_tally(&self) -> Result<ExportTally, StoreError> {
        self.be_open()?;
        let data = self.data();
        let due: Vec<&Held> = data
            .exports
            .exports
            .values()
            .filter(|held| held.due_ms.is_some())
            .collect();
        let count = |state| due.iter().filter(|held| held.export.state == state).count() as u64;
        let oldest = due.iter().filter_map(|held| held.due_ms).min();
        let waited = oldest.map_or(0, |due_ms| now_ms() - due_ms);
        Ok(ExportTally {
            pending: count(ExportState::Pending),
            processing: count(ExportState::Processing),
            oldest_ms: u64::try_from(waited).unwrap_or(0),
        })
    }

    fn export_bell(&self) -> watch::Receiver<u64> {
        self.data().exports.bell.subscribe()
    }
}

impl HeldExports {
    fn add(
        &mut self,
        room: &RoomEntry,
        new: &NewExport,
        limits: &ExportLimits,
    ) -> Result<ExportAdded, StoreError> {
        if let Some(held) = self.find(new.id) {
            return match held.export.room_id == room.id {
                true => Ok(ExportAdded::Yes(Box::new(held.export.clone()))),
                false => Err(StoreError::Conflict(
                    "another room has an export of that id".to_owned(),
                )),
            };
        }
        let all = self.exports.values().map(|held| &held.export);
        let kept: Vec<_> = all.filter(|export| export.room_id == room.id).collect();
        let waiting = kept.iter().filter(|export| !export.state.is_end());
        let bytes: u64 = kept.iter().filter_map(|export| export.size).sum();
        if waiting.count() >= limits.waiting as usize
            || kept.len() >= MAX_EXPORTS_OF_ROOM as usize
            || bytes >= limits.bytes
        {
            return Ok(ExportAdded::TooMany);
        }
        let held = Held {
            export: new.begin(room),
            worker: None,
            due_ms: Some(now_ms()),
            is_room_deleted: false,
        };
        let export = held.export.clone();
        self.last += 1;
        self.exports.insert(self.last, held);
        self.ring();
        Ok(ExportAdded::Yes(Box::new(export)))
    }

    fn claim(&mut self, claim: &Claim, now_ms: i64) -> Option<Export> {
        let all = self.exports.iter_mut();
        let due = all.filter_map(|(number, held)| {
            let due_ms = held.due_ms.filter(|due_ms| *due_ms <= now_ms)?;
            Some(((due_ms, *number), held))
        });
        let (_, held) = due.min_by_key(|(place, _)| *place)?;
        let export = &mut held.export;
        if export.state == ExportState::Pending || export.attempts < claim.attempts {
            export.state = ExportState::Processing;
            export.progress = 0;
            export.attempts += 1;
            held.worker = Some(claim.worker);
            held.due_ms = Some(later(claim.lease));
            return Some(held.export.clone());
        }
        let died = ExportEnd::Failed {
            code: WORKER_DIED.into(),
            error: DIED.into(),
        };
        export.end(&died, claim.attempts, now_ms);
        held.due_ms = None;
        let dead = held.export.clone();
        self.ring();
        Some(dead)
    }

    fn find(&mut self, id: ExportId) -> Option<&mut Held> {
        let mut all = self.exports.values_mut();
        all.find(|held| held.export.id == id)
    }

    fn leave(&mut self, prefix: &str) {
        self.last += 1;
        self.orphans.insert(self.last, prefix.into());
    }

    fn ring(&self) {
        self.bell.send_modify(|rung| *rung += 1);
    }

    fn of_room(&mut self, room: RoomId) -> impl Iterator<Item = &mut Held> {
        let all = self.exports.values_mut();
        all.filter(move |held| held.export.room_id == room)
    }

    /// Its room is deleted.
    pub fn set_aside(&mut self, room: RoomId) {
        for held in self.of_room(room) {
            held.is_room_deleted = true;
            if !held.export.state.is_end() {
                held.export.state = ExportState::Pending;
                held.export.progress = 0;
                (held.worker, held.due_ms) = (None, None);
            }
        }
        self.ring();
    }

    /// Its room is back.
    pub fn make_due(&mut self, room: RoomId) {
        for held in self.of_room(room) {
            held.is_room_deleted = false;
            if !held.export.state.is_end() {
                held.due_ms = Some(now_ms());
            }
        }
        self.ring();
    }

    /// Its room is gone.
    pub fn purge(&mut self, room: RoomId) {
        self.exports.retain(|_, held| held.export.room_id != room);
        for prefix in Orphans::of_room(room) {
            self.leave(&prefix);
        }
    }

    /// Bytes of their objects, and how many there are.
    pub fn weigh(&self, room: RoomId) -> (u64, u64) {
        let all = self.exports.values().map(|held| &held.export);
        let of_room = || all.clone().filter(|export| export.room_id == room);
        let bytes = of_room().filter_map(|export| export.size).sum();
        (bytes, of_room().count() as u64)
    }

    pub fn count_rows(&self) -> [(&'static str, usize); 2] {
        [
            ("exports", self.exports.len()),
            ("orphans", self.orphans.len()),
        ]
    }
}

/// In milliseconds since 1970; no longer from now than an hour or a day.
fn later(by: Duration) -> i64 {
    now_ms() + by.as_millis() as i64
}
