//! The store in memory as the place that knows which files boards have.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    Asset, AssetAdded, Assets, ContentHash, NewAsset, Page, RoomEntry, RoomId, StoreError,
};

/// By number.
#[derive(Default)]
pub struct HeldAssets {
    assets: BTreeMap<i64, Asset>,
    last: i64,
}

#[async_trait]
impl Assets for MemoryStore {
    async fn add_asset(
        &self,
        room: RoomId,
        new: &NewAsset,
        most: u64,
    ) -> Result<AssetAdded, StoreError> {
        new.validate()?;
        self.be_open()?;
        let mut data = self.data();
        let is_there = |entry: &RoomEntry| entry.id == room && entry.deleted_ms.is_none();
        if !data.all_people().any(|people| is_there(&people.entry)) {
            return Ok(AssetAdded::NoRoom);
        }
        Ok(data.assets.add(room, new, most))
    }

    async fn asset(&self, room: &str, name: &str) -> Result<Option<Asset>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let room = data.living_mut(room).map(|people| people.entry.id);
        Ok(room.and_then(|room| data.assets.find(room, name).cloned()))
    }

    async fn assets(&self, room: &str, page: Page) -> Result<Vec<Asset>, StoreError> {
        self.be_open()?;
        let mut data = self.data();
        let Some(room) = data.living_mut(room).map(|people| people.entry.id) else {
            return Ok(Vec::new());
        };
        let below = data.assets.assets.range(..page.before.unwrap_or(i64::MAX));
        let newest = below.rev().map(|(_, asset)| asset);
        let of_room = newest.filter(|asset| asset.room_id == room);
        Ok(of_room.take(page.limit as usize).cloned().collect())
    }

    async fn has_content(&self, room: RoomId, content: &ContentHash) -> Result<bool, StoreError> {
        self.be_open()?;
        let data = self.data();
        let mut of_room = data.assets.of_room(room);
        Ok(of_room.any(|asset| asset.content == *content))
    }

    async fn asset_bytes(&self, room: &str) -> Result<(u64, u64), StoreError> {
        self.be_open()?;
        let data = self.data();
        let room = data.people(room).map(|people| people.entry.id);
        Ok(room.map_or((0, 0), |room| data.assets.weigh(room)))
    }
}

impl HeldAssets {
    fn add(&mut self, room: RoomId, new: &NewAsset, most: u64) -> AssetAdded {
        if let Some(asset) = self.find(room, &new.name) {
            return match asset.content == new.content {
                true => AssetAdded::Same(asset.clone()),
                false => AssetAdded::Other,
            };
        }
        if self.weigh(room).0.saturating_add(new.size) > most {
            return AssetAdded::Full;
        }
        self.last += 1;
        let asset = Asset {
            id: self.last,
            room_id: room,
            name: new.name.clone(),
            content: new.content,
            content_type: new.content_type.clone(),
            size: new.size,
            created_by: new.created_by.clone(),
            created_ms: new.time_ms,
        };
        self.assets.insert(self.last, asset.clone());
        AssetAdded::New(asset)
    }

    fn find(&self, room: RoomId, name: &str) -> Option<&Asset> {
        let mut of_room = self.of_room(room);
        of_room.find(|asset| *asset.name == *name)
    }

    fn of_room(&self, room: RoomId) -> impl Iterator<Item = &Asset> {
        let all = self.assets.values();
        all.filter(move |asset| asset.room_id == room)
    }

    /// Bytes, and how many there are.
    pub fn weigh(&self, room: RoomId) -> (u64, u64) {
        let bytes = self.of_room(room).map(|asset| asset.size).sum();
        (bytes, self.of_room(room).count() as u64)
    }

    /// Its room is gone.
    pub fn purge(&mut self, room: RoomId) {
        self.assets.retain(|_, asset| asset.room_id != room);
    }

    pub fn len(&self) -> usize {
        self.assets.len()
    }
}
