//! The Postgres store as the place where bad updates are kept, and bad rooms in mind.
//!
//! Leaves the tables to `dead_letters` and `records`. The rule: a node that has spoken holds a lock as long as its connection
//! lives, so that another learns at once when its process has ended.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::link::{self, in_time};
use super::records::{self, CLEARING, NOTING, SETTING_ASIDE};
use super::{PostgresStore, dead_letters, fault};
use crate::{
    DeadLetter, Incarnation, Opening, OpeningEnd, Quarantine, RoomRecord, StoreError, dead_letter,
    room_record,
};

/// The connection that holds the locks of those that speak through a store, and who they are.
#[derive(Default)]
pub struct Living {
    conn: Option<PgConnection>,
    nodes: Vec<Incarnation>,
}

impl Living {
    /// Lets go of all locks.
    pub async fn close(&mut self) {
        self.nodes.clear();
        if let Some(conn) = self.conn.take() {
            link::hang_up(conn).await;
        }
    }
}

#[async_trait]
impl Quarantine for PostgresStore {
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        dead_letter::validate(letters)?;
        in_time(dead_letters::ADDING, async {
            let mut tx = self.pool.write(dead_letters::ADDING).await?;
            dead_letters::add(&mut tx, letters).await?;
            tx.commit().await
        })
        .await
    }

    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        let doing = "read dead letters";
        in_time(doing, async {
            let mut conn = self.pool.acquire(doing).await?;
            dead_letters::of_room(&mut *conn, room).await
        })
        .await
    }

    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
        in_time(NOTING, async {
            self.hold_lock(node).await?;
            let mut tx = self.pool.write(NOTING).await?;
            records::unsynced(&mut tx).await?;
            let records = records::beat(&mut tx, node).await?;
            tx.commit().await?;
            Ok(records)
        })
        .await
    }

    async fn note_opening(&self, opening: &Opening) -> Result<(), StoreError> {
        room_record::validate_name(&opening.room)?;
        in_time(NOTING, async {
            let mut tx = self.pool.write(NOTING).await?;
            records::unsynced(&mut tx).await?;
            records::note(&mut tx, opening).await?;
            tx.commit().await
        })
        .await
    }

    async fn end_openings(&self, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
        in_time(NOTING, async {
            let mut tx = self.pool.write(NOTING).await?;
            records::unsynced(&mut tx).await?;
            records::end(&mut tx, ended).await?;
            tx.commit().await
        })
        .await
    }

    async fn end_node(&self, node: Incarnation) -> Result<(), StoreError> {
        in_time(NOTING, async {
            let mut tx = self.pool.write(NOTING).await?;
            records::unsynced(&mut tx).await?;
            records::end_node(&mut tx, node).await?;
            tx.commit().await?;
            self.give_lock_back(node).await
        })
        .await
    }

    async fn room_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        let doing = "read the record of a room";
        in_time(doing, async {
            let mut conn = self.pool.acquire(doing).await?;
            records::of_room(&mut *conn, room).await
        })
        .await
    }

    async fn room_records(&self) -> Result<Vec<RoomRecord>, StoreError> {
        let doing = "read the records of rooms";
        in_time(doing, async {
            let mut conn = self.pool.acquire(doing).await?;
            records::all(&mut *conn).await
        })
        .await
    }

    async fn set_aside(&self, room: Arc<str>) -> Result<(), StoreError> {
        room_record::validate_name(&room)?;
        in_time(SETTING_ASIDE, async {
            let mut tx = self.pool.write(SETTING_ASIDE).await?;
            records::set_aside(&mut tx, &room).await?;
            tx.commit().await
        })
        .await
    }

    async fn clear_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        in_time(CLEARING, async {
            let mut tx = self.pool.write(CLEARING).await?;
            let record = records::clear(&mut tx, room).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }
}

impl PostgresStore {
    /// Sees to it that the node's lock is held. A connection that was lost took all locks with it.
    async fn hold_lock(&self, node: Incarnation) -> Result<(), StoreError> {
        self.pool.refuse_closed()?;
        let mut living = self.living.lock().await;
        if let Some(mut conn) = living.conn.take()
            && sqlx::Connection::ping(&mut conn).await.is_ok()
        {
            living.conn = Some(conn);
        }
        let mut conn = match living.conn.take() {
            Some(conn) => conn,
            None => {
                living.nodes.clear();
                let made = self.pool.link.connect().await;
                made.map_err(|e| fault::unavailable(NOTING, &e))?
            }
        };
        if !living.nodes.contains(&node) {
            records::live(&mut conn, node).await?;
            living.nodes.push(node);
        }
        living.conn = Some(conn);
        Ok(())
    }

    async fn give_lock_back(&self, node: Incarnation) -> Result<(), StoreError> {
        let mut living = self.living.lock().await;
        if !living.nodes.contains(&node) {
            return Ok(());
        }
        living.nodes.retain(|other| *other != node);
        if let Some(mut conn) = living.conn.take() {
            records::leave(&mut conn, node).await?;
            living.conn = Some(conn);
        }
        Ok(())
    }
}
