//! The SQLite store as the place where bad updates are kept.
//!
//! Leaves the tables to `dead_letters`. The rule: what is written here takes its turn among the other
//! writers.

use async_trait::async_trait;

use super::{SqliteStore, dead_letters};
use crate::{DeadLetter, Quarantine, StoreError, dead_letter};

#[async_trait]
impl Quarantine for SqliteStore {
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        dead_letter::validate(letters)?;
        let mut writing = self.write(dead_letters::ADDING).await?;
        let done = dead_letters::add(writing.conn(), letters).await;
        writing.end(done).await
    }

    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        dead_letters::of_room(&self.readers, room).await
    }
}
