//! The store in memory as the place where bad updates are kept, and bad rooms in mind.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    DeadLetter, Incarnation, Opening, OpeningEnd, Quarantine, RoomRecord, StoreError, dead_letter,
    room_record,
};

#[async_trait]
impl Quarantine for MemoryStore {
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        dead_letter::validate(letters)?;
        self.be_open()?;
        self.data().dead_letters.add(letters);
        Ok(())
    }

    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        self.be_open()?;
        Ok(self.data().dead_letters.of_room(room))
    }

    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
        self.be_open()?;
        self.lives(node);
        Ok(self.data().records.beat(node, now_ms()))
    }

    async fn note_opening(&self, opening: &Opening) -> Result<(), StoreError> {
        room_record::validate_name(&opening.room)?;
        self.be_open()?;
        self.lives(opening.node);
        self.data().records.note(opening);
        Ok(())
    }

    async fn end_openings(&self, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
        self.be_open()?;
        self.data().records.end(ended);
        Ok(())
    }

    async fn end_node(&self, node: Incarnation) -> Result<(), StoreError> {
        self.be_open()?;
        self.data().records.end_node(node);
        Ok(())
    }

    async fn room_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        self.be_open()?;
        Ok(self.data().records.of_room(room))
    }

    async fn room_records(&self) -> Result<Vec<RoomRecord>, StoreError> {
        self.be_open()?;
        Ok(self.data().records.all())
    }

    async fn set_aside(&self, room: Arc<str>) -> Result<(), StoreError> {
        room_record::validate_name(&room)?;
        self.be_open()?;
        self.data().records.set_aside(room, now_ms());
        Ok(())
    }

    async fn clear_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        self.be_open()?;
        Ok(self.data().records.clear(room))
    }
}

impl MemoryStore {
    /// Remembers who speaks through this handle.
    fn lives(&self, node: Incarnation) {
        let mut nodes = self.nodes.lock().expect("no holder panics");
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
}

/// Whoever spoke through it is gone now.
impl Drop for MemoryStore {
    fn drop(&mut self) {
        let nodes = self.nodes.lock().map(|nodes| nodes.clone());
        if let (Ok(nodes), Ok(mut data)) = (nodes, self.data.lock()) {
            data.records.bury(&nodes);
        }
    }
}

pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
