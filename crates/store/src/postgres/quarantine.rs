//! The Postgres store as the place where bad updates are kept, and bad rooms in mind.
//!
//! Leaves the tables to `dead_letters` and `records`. The rule: a node that has spoken holds a lock as long as its connection
//! lives, so that another learns at once when its process has ended.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::link::{self, in_time};
use super::records::{self, NOTING};
use super::{PostgresStore, dead_letters, fault, nodes};
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
        writing!(self, dead_letters::ADDING, conn => dead_letters::add(conn, letters))
    }

    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        reading!(self, dead_letters::READING, conn => dead_letters::of_room(conn, room))
    }

    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
        in_time(NOTING, self.hold_lock(node)).await?;
        writing_unsynced!(self, NOTING, conn => async {
            records::see(conn, node).await?;
            let dead = nodes::dead(conn, node).await?;
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
        let () = writing_unsynced!(self, NOTING, conn => records::end_node(conn, node))?;
        in_time(NOTING, self.give_lock_back(node)).await
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
            nodes::live(&mut conn, node).await?;
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
            nodes::leave(&mut conn, node).await?;
            living.conn = Some(conn);
        }
        Ok(())
    }
}
