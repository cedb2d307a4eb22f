//! The store in memory as the directory of rooms and people.

use async_trait::async_trait;

use super::data::Data;
use super::quarantine::now_ms;
use super::{MemoryStore, people};
use crate::admission::{self, KEY_ABANDONED_MS, KEY_LIFE_MS};
use crate::{
    Created, Directory, FactsQuery, Grant, Granted, IdempotencyKey, Invite, KeyClaim, NewGrant,
    NewInvite, NewRoom, Page, Participant, RoomChange, RoomEntry, RoomFacts, RoomId, RoomQuery,
    RoomUsage, SecretHash, Stay, StoreError,
};

#[async_trait]
impl Directory for MemoryStore {
    async fn room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        self.be_open()?;
        Ok(self.data().people(room).map(|people| people.entry.clone()))
    }

    async fn create_room(&self, new: &NewRoom) -> Result<Created, StoreError> {
        new.validate()?;
        self.be_open()?;
        Ok(self.data().create_room(new))
    }

    async fn change_room(
        &self,
        room: &str,
        change: &RoomChange,
    ) -> Result<Option<RoomEntry>, StoreError> {
        change.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let living = data.living_mut(room).map(|people| {
            change.apply(&mut people.entry);
            people.entry.clone()
        });
        Ok(living)
    }

    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomEntry>, StoreError> {
        self.be_open()?;
        Ok(self.data().list_rooms(query))
    }

    async fn usage(&self, room: &str) -> Result<Option<RoomUsage>, StoreError> {
        self.be_open()?;
        Ok(self.data().usage(room))
    }

    async fn delete_room(&self, room: &str, time_ms: i64) -> Result<Option<RoomEntry>, StoreError> {
        self.be_open()?;
        Ok(self.data().set_deleted(room, Some(time_ms)))
    }

    async fn undelete_room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        self.be_open()?;
        Ok(self.data().set_deleted(room, None))
    }

    async fn purge_room(&self, room: &str) -> Result<bool, StoreError> {
        self.be_open()?;
        Ok(self.data().purge_room(room))
    }

    async fn add_invite(&self, room: &str, new: &NewInvite) -> Result<Option<Invite>, StoreError> {
        new.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let id = data.ids.next();
        let added = data
            .living_mut(room)
            .map(|people| people.add_invite(id, new));
        added.transpose()
    }

    async fn invites(&self, room: &str, page: Page) -> Result<Vec<Invite>, StoreError> {
        self.be_open()?;
        let data = self.data();
        Ok(data
            .people(room)
            .map_or_else(Vec::new, |people| people.invites(page)))
    }

    async fn renew_invite(
        &self,
        room: RoomId,
        id: i64,
        secret: &SecretHash,
    ) -> Result<Option<Invite>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let people = data.all_people_mut().find(|it| it.entry.id == room);
        Ok(people.and_then(|people| people.renew_invite(id, secret)))
    }

    async fn claim_key(
        &self,
        room: RoomId,
        given: &IdempotencyKey,
        time_ms: i64,
    ) -> Result<KeyClaim, StoreError> {
        self.be_open()?;
        Ok(self.data().claim_key(room, given, time_ms))
    }

    async fn fulfil_key(&self, key: &SecretHash, made: Option<i64>) -> Result<(), StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let keys = &mut data.keys;
        match made {
            None => {
                keys.remove(key);
            }
            Some(_) => {
                if let Some(held) = keys.get_mut(key) {
                    held.made = made;
                }
            }
        }
        Ok(())
    }

    async fn revoke_invite(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Invite>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let people = data.people_mut(room);
        Ok(people.and_then(|(people, _)| people.revoke_invite(id, time_ms)))
    }

    async fn grant_by_invite(
        &self,
        room: &str,
        invite: &SecretHash,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        new.validate()?;
        self.be_open()?;
        let mut data = self.data();
        Ok(match data.people_mut(room) {
            Some((people, ids)) if people.entry.deleted_ms.is_none() => {
                people.grant_by_invite(ids, invite, new)
            }
            _ => Granted::NoRoom,
        })
    }

    async fn grant_by_password(
        &self,
        room: &str,
        version: u64,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        new.validate()?;
        self.be_open()?;
        let mut data = self.data();
        Ok(match data.people_mut(room) {
            Some((people, ids)) if people.entry.deleted_ms.is_none() => {
                people.grant_by_password(ids, version, new)
            }
            _ => Granted::NoRoom,
        })
    }

    async fn set_grant_link(&self, grant: i64, link: &SecretHash) -> Result<(), StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let holder = data.all_people_mut().find(|people| people.has_grant(grant));
        let people = holder.ok_or_else(|| admission::no_grant(grant))?;
        people.set_grant_link(grant, link)
    }

    async fn grants(&self, room: &str, page: Page) -> Result<Vec<Grant>, StoreError> {
        self.be_open()?;
        let data = self.data();
        Ok(data
            .people(room)
            .map_or_else(Vec::new, |people| people.grants(page)))
    }

    async fn revoke_grant(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Grant>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let people = data.people_mut(room);
        Ok(people.and_then(|(people, _)| people.revoke_grant(id, time_ms)))
    }

    async fn facts(&self, room: &str, query: &FactsQuery) -> Result<RoomFacts, StoreError> {
        self.be_open()?;
        let data = self.data();
        let known = data.people(room).map(|people| people.facts(query));
        Ok(known.unwrap_or_default())
    }

    async fn block(&self, room: &str, identity: &str, until_ms: i64) -> Result<bool, StoreError> {
        admission::validate_identity(identity)?;
        self.be_open()?;
        let mut data = self.data();
        let people = data.people_mut(room);
        Ok(people
            .map(|(people, _)| people.block(identity, until_ms))
            .is_some())
    }

    async fn note_stays(&self, stays: &[Stay]) -> Result<(), StoreError> {
        admission::validate_stays(stays)?;
        self.be_open()?;
        let mut data = self.data();
        for stay in stays {
            if let Some((people, ids)) = data.people_mut(&stay.room) {
                people.note(ids, stay);
            }
        }
        Ok(())
    }

    async fn participants(&self, room: &str, page: Page) -> Result<Vec<Participant>, StoreError> {
        self.be_open()?;
        let data = self.data();
        let people = data.people(room);
        Ok(people.map_or_else(Vec::new, |people| people.participants(page)))
    }
}

impl Data {
    fn create_room(&mut self, new: &NewRoom) -> Created {
        if let Some(given) = &new.idempotency {
            let oldest = new.time_ms.saturating_sub(KEY_LIFE_MS);
            self.keys.retain(|_, held| held.since_ms > oldest);
            if let Some(held) = self.keys.get(&given.key) {
                return match self.people_by_id(held.room) {
                    Some(people) if held.request == given.request => {
                        Created::Before(people.entry.clone())
                    }
                    _ => Created::KeyReused,
                };
            }
        }
        if self.people(&new.name).is_some() {
            return Created::Taken;
        }
        let id = self.next_room_id();
        let entry = people::entry_of(id, new);
        self.insert(entry.clone());
        if let Some(given) = &new.idempotency {
            let held = HeldKey {
                request: given.request,
                room: id,
                made: None,
                since_ms: new.time_ms,
            };
            self.keys.insert(given.key, held);
        }
        Created::New(entry)
    }

    fn claim_key(&mut self, room: RoomId, given: &IdempotencyKey, time_ms: i64) -> KeyClaim {
        let oldest = time_ms.saturating_sub(KEY_LIFE_MS);
        self.keys.retain(|_, held| held.since_ms > oldest);
        let abandoned = time_ms.saturating_sub(KEY_ABANDONED_MS);
        match self.keys.get(&given.key) {
            Some(held) if held.request != given.request => return KeyClaim::KeyReused,
            Some(HeldKey {
                made: Some(made), ..
            }) => return KeyClaim::Before(*made),
            Some(held) if held.since_ms > abandoned => return KeyClaim::Underway,
            Some(_) | None => {}
        }
        let held = HeldKey {
            request: given.request,
            room,
            made: None,
            since_ms: time_ms,
        };
        self.keys.insert(given.key, held);
        KeyClaim::Yes
    }

    fn list_rooms(&self, query: &RoomQuery) -> Vec<RoomEntry> {
        let now = now_ms();
        let all = self.all_people();
        let mut found: Vec<RoomEntry> = all
            .filter(|people| people.is_asked_for(query, now))
            .map(|people| people.entry.clone())
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.truncate(query.limit as usize);
        found
    }

    fn set_deleted(&mut self, room: &str, time_ms: Option<i64>) -> Option<RoomEntry> {
        let (people, _) = self.people_mut(room)?;
        let entry = &mut people.entry;
        if entry.deleted_ms.is_some() == time_ms.is_some() {
            return Some(entry.clone());
        }
        entry.deleted_ms = time_ms;
        entry.access_version += 1;
        let entry = entry.clone();
        match time_ms {
            Some(_) => self.exports.set_aside(entry.id),
            None => self.exports.make_due(entry.id),
        }
        Some(entry)
    }

    fn purge_room(&mut self, room: &str) -> bool {
        let found = self.people(room);
        let Some(id) = found
            .filter(|it| it.entry.deleted_ms.is_some())
            .map(|it| it.entry.id)
        else {
            return false;
        };
        self.remove(room, id);
        self.keys.retain(|_, held| held.room != id);
        self.dead_letters.forget(room);
        self.records.forget(room);
        self.exports.purge(id);
        self.assets.purge(id);
        true
    }

    /// A room that is not deleted.
    pub(super) fn living_mut(&mut self, room: &str) -> Option<&mut people::People> {
        let (people, _) = self.people_mut(room)?;
        Some(people).filter(|people| people.entry.deleted_ms.is_none())
    }

    fn people_by_id(&self, id: RoomId) -> Option<&people::People> {
        self.all_people().find(|people| people.entry.id == id)
    }
}

/// By hash of the key.
pub type Keys = std::collections::HashMap<SecretHash, HeldKey>;

/// What a key was used for.
pub struct HeldKey {
    request: SecretHash,
    room: RoomId,
    made: Option<i64>,
    since_ms: i64,
}
