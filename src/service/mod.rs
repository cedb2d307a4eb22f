//! Use cases: what can be asked of rooms by whoever runs or uses this node, whichever way it is asked.
//!
//! Knows rooms, the store, the gate and doc workers; no HTTP, no terminal. The rules: every use case asks the gate before it does anything,
//! and what is refused names the reason in words for the person who asked.

mod assets;
mod documents;
mod exports;
mod grants;
mod invites;
mod join;
mod keyed;
mod lasting;
mod live;
mod people;
mod previews;
mod refusal;
mod rooms;
mod snapshots;
mod usage;
mod versions;

use std::sync::Arc;

use scrible_store::{Exports, RoomEntry, Store};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use assets::{AssetLimits, Files, Pasted};
pub use documents::{ImportOptions, Imported};
pub use exports::{ExportView, ExportWish, ExportsConfig, PageWish};
pub use invites::{GivenInvite, InviteWish};
pub use join::{GRANT, JoinWish, Joined, Proof, Via, WayIn};
pub use live::{LiveRoom, Lookout, Overview, Watching};
pub use people::{Kick, Presence};
pub use previews::Preview;
pub use refusal::{Refusal, ServiceError};
pub use rooms::{Duplicate, Made, RoomView, RoomWish, RoomsQuery};
pub use usage::Usage;
pub use versions::{Restored, Versions, before_restoring, keep_patiently};

use self::previews::Previews;
use crate::access::attempts::Attempts;
use crate::access::password::Passwords;
use crate::access::{Admission, Denied, FrontendUrl, Gate, Knock, PublicUrl, Role, Seen};
use crate::clock::now_ms;
use crate::compact::Keeper;
use crate::exporting::Workshop;
use crate::room::{Registry, RoomName};

/// Where this server and its front end are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Where people reach this server; `None`: as each request names it.
    pub public_url: Option<PublicUrl>,
    /// Where people go who have been let in.
    pub frontend_url: Option<FrontendUrl>,
}

/// What can be asked of the rooms of a node.
pub struct Services {
    store: Arc<dyn Store>,
    rooms: Arc<Registry>,
    gate: Arc<dyn Gate>,
    keeper: Arc<Keeper>,
    versions: Versions,
    site: Site,
    files: Files,
    passwords: Passwords,
    attempts: Arc<Attempts>,
    queue: Arc<dyn Exports>,
    workshop: Workshop,
    previews: Previews,
    exports_config: ExportsConfig,
    waiters: Semaphore,
    puts: Arc<Semaphore>,
    copies: Arc<Semaphore>,
}

/// What services work with.
pub struct ServiceParts {
    /// The rooms of this node.
    pub rooms: Arc<Registry>,
    /// Who lets people in.
    pub gate: Arc<dyn Gate>,
    /// What is stored, and where documents are opened.
    pub keeper: Arc<Keeper>,
    /// What exports are made with.
    pub workshop: Workshop,
    /// Where this server is reached.
    pub site: Site,
    /// How exports are kept.
    pub exports: ExportsConfig,
    /// Where files are kept, and how many.
    pub files: Files,
}

/// A page of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// As many as were asked for, or all that is left.
    pub items: Vec<T>,
    /// Whether there is more behind the last.
    pub more: bool,
}

impl<T> Listed<T> {
    /// Of a list that was asked for with one more than `limit`.
    fn cut(mut items: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

impl Services {
    /// Over the parts of a node.
    pub fn new(parts: ServiceParts) -> Self {
        let ServiceParts {
            rooms,
            gate,
            keeper,
            workshop,
            site,
            exports,
            files,
        } = parts;
        Self {
            store: keeper.store.clone(),
            queue: keeper.store.clone(),
            workshop,
            previews: Previews::default(),
            exports_config: exports,
            waiters: exports::waiters(),
            // Each holds one file in memory, and reads as many as there are.
            copies: Arc::new(Semaphore::new(1)),
            puts: Arc::new(Semaphore::new(assets::PUT_AT_ONCE)),
            versions: Versions::new(rooms.clone(), keeper.clone()),
            rooms,
            gate,
            keeper,
            site,
            files,
            passwords: Passwords::default(),
            attempts: Arc::default(),
        }
    }

    /// Who lets people in.
    pub fn gate(&self) -> &dyn Gate {
        &*self.gate
    }

    /// Where this server is reached.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Whether somebody may do what takes a role in a room.
    ///
    /// # Errors
    /// What the gate has against it.
    pub async fn check(
        &self,
        room: &RoomName,
        knock: &Knock,
        at_least: Role,
    ) -> Result<(), ServiceError> {
        self.admit(room, knock, at_least).await.map(|_| ())
    }

    /// Lets somebody do what takes a role in a room, whether or not the room is there.
    async fn admit(
        &self,
        room: &RoomName,
        knock: &Knock,
        at_least: Role,
    ) -> Result<Admission, ServiceError> {
        let admission = self.gate.admit(room, knock).await?;
        if admission.role < at_least {
            return Err(Denied::Forbidden.into());
        }
        Ok(admission)
    }

    /// The same for a room that must be there, and not deleted.
    async fn admit_to(
        &self,
        room: &RoomName,
        knock: &Knock,
        at_least: Role,
    ) -> Result<(Admission, RoomEntry), ServiceError> {
        let admission = self.admit(room, knock, at_least).await?;
        let (admission, entry) = self.seen_by(room, admission).await?;
        let entry = entry.ok_or(Refusal::RoomNotFound)?;
        match entry.deleted_ms {
            None => Ok((admission, entry)),
            Some(_) => Err(Denied::Deleted.into()),
        }
    }

    /// What is known of a room: as the gate has just read it, if it did.
    async fn seen_by(
        &self,
        room: &RoomName,
        mut admission: Admission,
    ) -> Result<(Admission, Option<RoomEntry>), ServiceError> {
        let entry = match std::mem::take(&mut admission.seen) {
            Seen::Room(entry) => entry.map(|entry| *entry),
            Seen::Nothing => self.store.room(room.as_str()).await?,
        };
        Ok((admission, entry))
    }

    /// Where short tasks of the node run.
    pub fn tasks(&self) -> &TaskTracker {
        &self.rooms.shared().tasks
    }

    /// To be called after everything that changes who may do what in a room: sessions are judged anew, on all nodes.
    fn access_changed(&self, room: &RoomName) {
        self.rooms.access_changed(room);
    }
}
