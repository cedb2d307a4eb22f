//! How much a room takes, and how much it may.

use scrible_store::RoomUsage;

use super::{Refusal, ServiceError, Services};
use crate::access::{Knock, Role};
use crate::room::RoomName;

/// How much a room takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// In the store.
    pub stored: RoomUsage,
    /// Bytes that the files of its board may take.
    pub max_asset_bytes: u64,
    /// Bytes of updates that it may hold.
    pub max_bytes: usize,
    /// Connections on this node.
    pub connections: usize,
}

impl Services {
    /// How much a room takes.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn usage(&self, room: &RoomName, knock: &Knock) -> Result<Usage, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let stored = self.store.usage(room.as_str()).await?;
        let open = self.rooms.find(room);
        Ok(Usage {
            stored: stored.ok_or(Refusal::RoomNotFound)?,
            max_asset_bytes: self.files.limits.room_bytes,
            max_bytes: self.rooms.shared().config.capacity.bytes,
            connections: open.map_or(0, |open| open.info().sessions),
        })
    }
}
