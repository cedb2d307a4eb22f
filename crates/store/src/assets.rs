//! The part of a store that knows which files people pasted into which board.
//!
//! Knows no bytes of them: those are in the object store, under the hash of their content. The rule: a name that was given to one content
//! never means another one.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Page, RoomId, StoreError};

/// The longest name of a file that is taken, in bytes.
pub const MAX_ASSET_NAME: usize = 1024;

/// The SHA-256 of a file's bytes.
pub type ContentHash = [u8; 32];

/// A file to be noted, once its object is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// What the board calls it: any text of 1 to [`MAX_ASSET_NAME`] bytes without U+0000. Compared byte by byte.
    pub name: Arc<str>,
    /// Of its bytes.
    pub content: ContentHash,
    /// What it is, as its bytes say.
    pub content_type: Arc<str>,
    /// In bytes.
    pub size: u64,
    /// Who brought it.
    pub created_by: Option<Arc<str>>,
    /// Now, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A file of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its number in this store.
    pub id: i64,
    /// Its room.
    pub room_id: RoomId,
    /// What the board calls it.
    pub name: Arc<str>,
    /// Of its bytes.
    pub content: ContentHash,
    /// What it is.
    pub content_type: Arc<str>,
    /// In bytes.
    pub size: u64,
    /// Who brought it.
    pub created_by: Option<Arc<str>>,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetAdded {
    /// It is noted.
    New(Asset),
    /// The name had this very content already.
    Same(Asset),
    /// The name has another content.
    Other,
    /// The room's files would take more than they may.
    Full,
    /// The room is not there, or deleted.
    NoRoom,
}

/// What a store keeps of files in boards. The contract suite says what an implementation owes.
#[async_trait]
pub trait Assets: Send + Sync + 'static {
    /// Notes a file, if the room's files take no more than `most` bytes with it. By id: the object lies under it, and another room may have
    /// come to the name since.
    async fn add_asset(
        &self,
        room: RoomId,
        new: &NewAsset,
        most: u64,
    ) -> Result<AssetAdded, StoreError>;

    /// A file by its name; `None` where the room has none of that name, or is deleted.
    async fn asset(&self, room: &str, name: &str) -> Result<Option<Asset>, StoreError>;

    /// The files of a room, newest first; none where it is deleted.
    async fn assets(&self, room: &str, page: Page) -> Result<Vec<Asset>, StoreError>;

    /// Whether a file of the room has this content, under whatever name; also of a room that is deleted.
    async fn has_content(&self, room: RoomId, content: &ContentHash) -> Result<bool, StoreError>;

    /// Bytes and number of a room's files, deleted or not; of contents that have several names each counts.
    async fn asset_bytes(&self, room: &str) -> Result<(u64, u64), StoreError>;
}

impl NewAsset {
    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        let length = self.name.len();
        if length == 0 || length > MAX_ASSET_NAME {
            return Err(StoreError::Invalid(format!(
                "the name of a file has 1 to {MAX_ASSET_NAME} bytes, and this one {length}"
            )));
        }
        if i64::try_from(self.size).is_err() {
            let sentence = format!("no file has {} bytes", self.size);
            return Err(StoreError::Invalid(sentence));
        }
        let mut texts = [&*self.name, &*self.content_type]
            .into_iter()
            .chain(self.created_by.as_deref());
        match texts.any(|text| text.contains('\0')) {
            true => Err(StoreError::Invalid(
                "a text of a file contains U+0000".to_owned(),
            )),
            false => Ok(()),
        }
    }
}
