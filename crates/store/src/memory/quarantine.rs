//! The store in memory as the place where bad updates are kept.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{DeadLetter, Quarantine, StoreError, dead_letter};

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
}
