//! The SQLite store as the place where bad updates are kept, and bad rooms in mind.
//!
//! Leaves the tables to `dead_letters` and `records`. The rule: what is written here takes its turn among the other
//! writers, and what is written at each opening is not synced.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::MutexGuard;

use super::nodes::{self, Gone};
use super::records::{self, NOTING};
use super::writing::{Writer, Writing};
use super::{SqliteStore, dead_letters};
use crate::{
    DeadLetter, Incarnation, Opening, OpeningEnd, Quarantine, RoomRecord, StoreError, dead_letter,
    room_record,
};

#[async_trait]
impl Quarantine for SqliteStore {
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        dead_letter::validate(letters)?;
        writing!(self, dead_letters::ADDING, conn => dead_letters::add(conn, letters))
    }

    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        reading!(self, dead_letters::READING, conn => dead_letters::of_room(conn, room))
    }

    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
        let gone = match self.alone.take(&self.path) {
            true => Gone::Others,
            false => Gone::Silent,
        };
        writing_unsynced!(self, NOTING, conn => async {
            records::see(conn, node).await?;
            let dead = nodes::dead(conn, node, gone).await?;
            records::bury(conn, dead).await
        })
    }

    async fn note_opening(&self, opening: &Opening) -> Result<(), StoreError> {
        room_record::validate_name(&opening.room)?;
        writing_unsynced!(self, NOTING, conn => records::note(conn, opening))
    }

    async fn end_openings(&self, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
        writing_unsynced!(self, NOTING, conn => records::end(conn, ended))
    }

    async fn end_node(&self, node: Incarnation) -> Result<(), StoreError> {
        writing_unsynced!(self, NOTING, conn => records::end_node(conn, node))
    }

    async fn room_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        reading!(self, records::READING, conn => records::of_room(conn, room))
    }

    async fn room_records(&self) -> Result<Vec<RoomRecord>, StoreError> {
        reading!(self, records::READING, conn => records::all(conn))
    }

    async fn set_aside(&self, room: Arc<str>) -> Result<(), StoreError> {
        room_record::validate_name(&room)?;
        writing!(self, records::SETTING_ASIDE, conn => records::set_aside(conn, &room))
    }

    async fn clear_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        writing!(self, records::CLEARING, conn => records::clear(conn, room))
    }
}

impl SqliteStore {
    /// A transaction that is not synced, on a connection of its own: it outlives the process and not a power cut, which
    /// the file itself does. It has its turn among all writers, so that they need not find each other busy.
    pub(super) async fn write_unsynced(
        &self,
        doing: &'static str,
    ) -> Result<(MutexGuard<'_, Writer>, Writing<'_>), StoreError> {
        let turn = self.writer.lock().await;
        let mut slot = self.unsynced.lock().await;
        let options = super::unsynced(&self.write_options);
        let conn = self.take_conn(&mut slot, &turn, options).await?;
        Ok((turn, Writing::begin(slot, conn, doing).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_noted_waits_for_no_disk_and_the_file_stays_sound() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("rooms.db");
        let store = SqliteStore::open(file.to_str().unwrap(), Default::default());
        let store = store.await.unwrap();
        // The first connection, and the one that is opened after it was lost.
        for _ in 0..2 {
            let (_turn, mut writing) = store.write_unsynced(NOTING).await.unwrap();
            let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
                .fetch_one(writing.conn())
                .await
                .unwrap();
            assert_eq!(synchronous, 1);
        }
        store.beat(Incarnation(1)).await.unwrap();
    }
}
