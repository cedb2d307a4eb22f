//! Exports, assets and what is left of them in a database: one source for both, compiled into each.
//!
//! Knows the tables, and of the database around it what the directory knows, and how others are told (`announce`, `ring`). The rules:
//! whoever adds anything to a room first takes the row of that room; and the bell rings after the commit, never before.

#[macro_use]
mod columns;
mod assets;
mod claims;
mod exports;
pub(super) mod orphans;
mod rows;

use async_trait::async_trait;
use tokio::sync::watch;

use super::dialect::{Conn, Db, Row, announce};
use super::fault;
use super::people::take;
use crate::{
    Asset, AssetAdded, Assets, Claim, ContentHash, Export, ExportAdded, ExportEnd, ExportId,
    ExportLimits, ExportTally, Exports, NewAsset, NewExport, Orphans, Page, RoomEntry, RoomId,
    StoreError, attempts,
};

// What is done, for errors.
const ADDING: &str = "add an export";
const LOOKING: &str = "look an export up";
const CLAIMING: &str = "claim an export";
const RENEWING: &str = "renew the claim of an export";
const ENDING: &str = "end an export";
const DELETING: &str = "delete an export";
const COUNTING: &str = "count exports";
const FORGETTING: &str = "forget what is left of objects";
const NOTING: &str = "note a file";
const LISTING: &str = "look files up";

#[async_trait]
impl Exports for Db {
    async fn add_export(
        &self,
        room: &str,
        new: &NewExport,
        limits: &ExportLimits,
    ) -> Result<ExportAdded, StoreError> {
        new.validate()?;
        let added = writing!(self, ADDING, conn => exports::add(conn, room, new, limits))?;
        self.ring();
        Ok(added)
    }

    async fn export(&self, id: ExportId) -> Result<Option<Export>, StoreError> {
        reading!(self, LOOKING, conn => exports::one(conn, id))
    }

    async fn exports(&self, room: &str, page: Page) -> Result<Vec<(Export, i64)>, StoreError> {
        reading!(self, LOOKING, conn => exports::list(conn, room, page))
    }

    async fn claim_export(&self, claim: &Claim) -> Result<Option<Export>, StoreError> {
        claim.validate()?;
        let found: Option<Export> =
            writing_unsynced!(self, CLAIMING, conn => claims::claim(conn, claim))?;
        if found.as_ref().is_some_and(|export| export.state.is_end()) {
            self.ring();
        }
        Ok(found)
    }

    async fn renew_export(
        &self,
        id: ExportId,
        claim: &Claim,
        progress: u8,
    ) -> Result<bool, StoreError> {
        claim.validate()?;
        writing_unsynced!(self, RENEWING, conn => claims::renew(conn, id, claim, progress))
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
        let ending = claims::Ending {
            id,
            claim,
            end,
            time_ms,
        };
        let ended = writing!(self, ENDING, conn => claims::end(conn, &ending))?;
        self.ring();
        Ok(ended)
    }

    async fn cancel_export(
        &self,
        room: &str,
        id: ExportId,
        time_ms: i64,
    ) -> Result<Option<Export>, StoreError> {
        let found = writing!(self, ENDING, conn => exports::cancel(conn, room, id, time_ms))?;
        self.ring();
        Ok(found)
    }

    async fn delete_export(
        &self,
        room: &str,
        id: ExportId,
        objects: &str,
    ) -> Result<bool, StoreError> {
        attempts::validate_prefix(objects)?;
        let deleted = writing!(self, DELETING, conn => exports::delete(conn, room, id, objects))?;
        self.ring();
        Ok(deleted)
    }

    async fn expired_exports(&self, time_ms: i64) -> Result<Vec<Export>, StoreError> {
        reading!(self, LOOKING, conn => exports::expired(conn, time_ms))
    }

    async fn orphans(&self, after: i64) -> Result<Vec<Orphans>, StoreError> {
        reading!(self, FORGETTING, conn => orphans::some(conn, after))
    }

    async fn forget_orphans(&self, id: i64) -> Result<(), StoreError> {
        writing!(self, FORGETTING, conn => orphans::forget(conn, id))
    }

    async fn export_tally(&self) -> Result<ExportTally, StoreError> {
        reading!(self, COUNTING, conn => claims::tally(conn))
    }

    fn export_bell(&self) -> watch::Receiver<u64> {
        self.bell()
    }
}

#[async_trait]
impl Assets for Db {
    async fn add_asset(
        &self,
        room: RoomId,
        new: &NewAsset,
        most: u64,
    ) -> Result<AssetAdded, StoreError> {
        new.validate()?;
        writing!(self, NOTING, conn => assets::add(conn, room, new, most))
    }

    async fn asset(&self, room: &str, name: &str) -> Result<Option<Asset>, StoreError> {
        // No name that is stored has it, and not every database can be asked for it.
        if name.contains('\0') {
            return Ok(None);
        }
        reading!(self, LISTING, conn => assets::one(conn, room, name))
    }

    async fn assets(&self, room: &str, page: Page) -> Result<Vec<Asset>, StoreError> {
        reading!(self, LISTING, conn => assets::list(conn, room, page))
    }

    async fn has_content(&self, room: RoomId, content: &ContentHash) -> Result<bool, StoreError> {
        reading!(self, LISTING, conn => assets::has_content(conn, room, content))
    }

    async fn asset_bytes(&self, room: &str) -> Result<(u64, u64), StoreError> {
        reading!(self, LISTING, conn => assets::bytes(conn, room))
    }
}

/// For what only depends on the database.
fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| fault::unavailable(doing, &error)
}

/// Takes the row of a room, until the end of the transaction, if it is there and not deleted.
async fn take_living(
    conn: &mut Conn,
    room: &str,
    doing: &'static str,
) -> Result<Option<RoomEntry>, StoreError> {
    let found = take(conn, room, doing).await?;
    Ok(found.filter(|room| room.deleted_ms.is_none()))
}
