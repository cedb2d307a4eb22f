//! The directory of rooms and people in a database: one source for both, compiled into each.
//!
//! Knows the tables, and of the database around it four things only: its type of connection and of row, `Db`, and how a call reads
//! (`reading!`), writes (`writing!`) and excludes others (`for_change!`). The rule: whoever changes anything about a room first takes
//! the row of that room, so that what is decided there is decided one after the other.

#[macro_use]
mod columns;
mod create;
mod facts;
mod grants;
mod invites;
mod keys;
mod purge;
mod rooms;
mod rows;
mod stays;

use async_trait::async_trait;

use super::dialect::{Conn, Db, Row};
use super::fault;
use crate::admission;
use crate::{
    Created, Directory, FactsQuery, Grant, Granted, IdempotencyKey, Invite, KeyClaim, NewGrant,
    NewInvite, NewRoom, Page, Participant, RoomChange, RoomEntry, RoomFacts, RoomId, RoomQuery,
    RoomUsage, SecretHash, Stay, StoreError,
};

// What is done, for errors.
const LOOKING: &str = "look a room up";
const CLAIMING: &str = "take a key";
const CREATING: &str = "make a room";
const CHANGING: &str = "change a room";
const LISTING: &str = "list rooms";
const WEIGHING: &str = "weigh a room";
const DELETING: &str = "delete a room";
const RESTORING: &str = "take back a deletion";
const PURGING: &str = "purge a room";
const INVITING: &str = "change invites";
const GRANTING: &str = "change grants";
const JUDGING: &str = "look up who may come in";
const BLOCKING: &str = "block an identity";
const NOTING: &str = "note who was there";

#[async_trait]
impl Directory for Db {
    async fn room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        reading!(self, LOOKING, conn => rooms::one(conn, room))
    }

    async fn create_room(&self, new: &NewRoom) -> Result<Created, StoreError> {
        new.validate()?;
        writing!(self, CREATING, conn => create::create(conn, new))
    }

    async fn change_room(
        &self,
        room: &str,
        change: &RoomChange,
    ) -> Result<Option<RoomEntry>, StoreError> {
        change.validate()?;
        writing!(self, CHANGING, conn => rooms::change(conn, room, change))
    }

    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomEntry>, StoreError> {
        reading!(self, LISTING, conn => rooms::list(conn, query))
    }

    async fn usage(&self, room: &str) -> Result<Option<RoomUsage>, StoreError> {
        reading!(self, WEIGHING, conn => rooms::usage(conn, room))
    }

    async fn delete_room(&self, room: &str, time_ms: i64) -> Result<Option<RoomEntry>, StoreError> {
        let found =
            writing!(self, DELETING, conn => rooms::set_deleted(conn, room, Some(time_ms)))?;
        self.ring();
        Ok(found)
    }

    async fn undelete_room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        let found = writing!(self, RESTORING, conn => rooms::set_deleted(conn, room, None))?;
        self.ring();
        Ok(found)
    }

    async fn purge_room(&self, room: &str) -> Result<bool, StoreError> {
        let begun: bool = writing!(self, PURGING, conn => purge::begin(conn, room))?;
        let left: Vec<i64> = reading!(self, PURGING, conn => purge::left(conn))?;
        for id in left {
            // In steps, so that the rooms of others are written in between.
            while writing!(self, PURGING, conn => purge::step(conn, id))? == purge::Step::More {}
        }
        Ok(begun)
    }

    async fn add_invite(&self, room: &str, new: &NewInvite) -> Result<Option<Invite>, StoreError> {
        new.validate()?;
        writing!(self, INVITING, conn => invites::add(conn, room, new))
    }

    async fn invites(&self, room: &str, page: Page) -> Result<Vec<Invite>, StoreError> {
        reading!(self, INVITING, conn => invites::list(conn, room, page))
    }

    async fn renew_invite(
        &self,
        room: RoomId,
        id: i64,
        secret: &SecretHash,
    ) -> Result<Option<Invite>, StoreError> {
        writing!(self, INVITING, conn => invites::renew(conn, room, id, secret))
    }

    async fn claim_key(
        &self,
        room: RoomId,
        given: &IdempotencyKey,
        time_ms: i64,
    ) -> Result<KeyClaim, StoreError> {
        writing!(self, CLAIMING, conn => keys::claim(conn, room, given, time_ms))
    }

    async fn fulfil_key(&self, key: &SecretHash, made: Option<i64>) -> Result<(), StoreError> {
        writing!(self, CLAIMING, conn => keys::fulfil(conn, key, made))
    }

    async fn revoke_invite(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Invite>, StoreError> {
        writing!(self, INVITING, conn => invites::revoke(conn, room, id, time_ms))
    }

    async fn grant_by_invite(
        &self,
        room: &str,
        invite: &SecretHash,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        new.validate()?;
        writing!(self, GRANTING, conn => grants::by_invite(conn, room, invite, new))
    }

    async fn grant_by_password(
        &self,
        room: &str,
        version: u64,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        new.validate()?;
        writing!(self, GRANTING, conn => grants::by_password(conn, room, version, new))
    }

    async fn set_grant_link(&self, grant: i64, link: &SecretHash) -> Result<(), StoreError> {
        writing!(self, GRANTING, conn => grants::set_link(conn, grant, link))
    }

    async fn grants(&self, room: &str, page: Page) -> Result<Vec<Grant>, StoreError> {
        reading!(self, GRANTING, conn => grants::list(conn, room, page))
    }

    async fn revoke_grant(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Grant>, StoreError> {
        writing!(self, GRANTING, conn => grants::revoke(conn, room, id, time_ms))
    }

    async fn facts(&self, room: &str, query: &FactsQuery) -> Result<RoomFacts, StoreError> {
        reading!(self, JUDGING, conn => facts::facts(conn, room, query))
    }

    async fn block(&self, room: &str, identity: &str, until_ms: i64) -> Result<bool, StoreError> {
        admission::validate_identity(identity)?;
        writing!(self, BLOCKING, conn => facts::block(conn, room, identity, until_ms))
    }

    async fn note_stays(&self, stays: &[Stay]) -> Result<(), StoreError> {
        admission::validate_stays(stays)?;
        writing_unsynced!(self, NOTING, conn => stays::note(conn, stays))
    }

    async fn participants(&self, room: &str, page: Page) -> Result<Vec<Participant>, StoreError> {
        reading!(self, NOTING, conn => stays::list(conn, room, page))
    }
}

/// For what only depends on the database.
fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| fault::unavailable(doing, &error)
}

/// Takes the row of a room, deleted or not, until the end of the transaction.
pub(super) async fn take(
    conn: &mut Conn,
    room: &str,
    doing: &'static str,
) -> Result<Option<RoomEntry>, StoreError> {
    let sql = concat!(
        "SELECT ",
        room_columns!(),
        " FROM rooms WHERE name = $1",
        for_change!()
    );
    let found = sqlx::query(sql).bind(room).fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::room).transpose());
    found.map_err(failed(doing))
}

/// The same, of this room and no other of its name.
pub(super) async fn take_by_id(
    conn: &mut Conn,
    room: RoomId,
    doing: &'static str,
) -> Result<Option<RoomEntry>, StoreError> {
    let sql = concat!(
        "SELECT ",
        room_columns!(),
        " FROM rooms WHERE id = $1",
        for_change!()
    );
    let found = sqlx::query(sql).bind(room.0).fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::room).transpose());
    found.map_err(failed(doing))
}

/// Says that something has changed for those who may have been let in.
async fn raise(conn: &mut Conn, room: RoomId, doing: &'static str) -> Result<(), StoreError> {
    sqlx::query("UPDATE rooms SET access_version = access_version + 1 WHERE id = $1")
        .bind(room.0)
        .execute(conn)
        .await
        .map_err(failed(doing))?;
    Ok(())
}

/// The id that a page begins below.
fn before(page: Page) -> i64 {
    page.before.unwrap_or(i64::MAX)
}
