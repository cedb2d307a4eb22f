//! Files of a board: what people pasted into it, by the names that the board has for them.
//!
//! Knows what is taken and how much; not how it comes in. The rule: a name never means two contents, and a file that is told of can be got.

use std::sync::Arc;

use bytes::Bytes;
use scrible_objects::{Body, ContentType, Disposition, Key, NewObject, ObjectError, Objects};
use scrible_store::{
    Asset, AssetAdded, ContentHash, Created, MAX_ASSET_NAME, NewAsset, NewRoom, Page, RoomEntry,
    RoomId, Store,
};
use sha2::{Digest, Sha256};

use super::lasting::{to_the_end, turn};
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Knock, Role};
use crate::media::{Media, NoMedia};
use crate::objects::asset_key;
use crate::room::RoomName;

/// How many files of a room are copied before the next are looked for.
const COPIED_AT_ONCE: u32 = 100;
/// Files that are put at once, those of people who have gone included.
pub(super) const PUT_AT_ONCE: usize = 4;

/// How much people may paste.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetLimits {
    /// Bytes of one file.
    pub bytes: usize,
    /// Bytes of all files of a room.
    pub room_bytes: u64,
}

impl Default for AssetLimits {
    fn default() -> Self {
        Self {
            bytes: 10 << 20,
            room_bytes: 1 << 30,
        }
    }
}

/// Where files are kept, and how many.
#[derive(Clone)]
pub struct Files {
    /// Where.
    pub objects: Arc<dyn Objects>,
    /// How many.
    pub limits: AssetLimits,
}

/// A file that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// It.
    pub asset: Asset,
    /// Whether it was there before.
    pub before: bool,
}

impl Services {
    /// Where files are kept, and how many.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Keeps a file under a name. Who may draw in a room that is not there yet makes it so, as by drawing.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], [`Refusal::AssetKind`], [`Refusal::AssetTooLarge`], [`Refusal::AssetExists`], [`Refusal::AssetsFull`]; what the
    /// gate, the store or the place for files has against it.
    pub async fn put_asset(
        &self,
        room: &RoomName,
        knock: &Knock,
        name: &str,
        bytes: Bytes,
    ) -> Result<Pasted, ServiceError> {
        let admission = self.admit(room, knock, Role::Editor).await?;
        let name = check_name(name)?;
        if bytes.len() > self.files.limits.bytes {
            let most = self.files.limits.bytes;
            return Err(Refusal::AssetTooLarge(format!("a file has at most {most} bytes")).into());
        }
        let judged = bytes.clone();
        let judged = tokio::task::spawn_blocking(move || {
            let media = Media::of(&judged)?;
            Ok::<_, NoMedia>((media, Sha256::digest(&judged).into()))
        });
        let judged = judged
            .await
            .map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        let (media, content): (Media, ContentHash) = judged.map_err(Refusal::from)?;
        let entry = self.drawn_room(room).await?;
        let key = asset_key(entry.id, &content)?;
        let most = self.files.limits.room_bytes;
        match self.store.asset(room.as_str(), &name).await? {
            Some(asset) if asset.content != content => return Err(Refusal::AssetExists.into()),
            Some(asset) => {
                // What got lost is mended by pasting it again.
                if let Err(ObjectError::NotFound(_)) = self.files.objects.head(&key).await {
                    self.keep(&key, &asset, bytes).await?;
                }
                let before = true;
                return Ok(Pasted { asset, before });
            }
            None => {}
        }
        let (taken, _) = self.store.asset_bytes(room.as_str()).await?;
        if taken.saturating_add(bytes.len() as u64) > most {
            return Err(Refusal::AssetsFull { most }.into());
        }
        let new = NewAsset {
            name,
            content,
            content_type: media.content_type().into(),
            size: bytes.len() as u64,
            created_by: admission.identity.0,
            time_ms: now_ms(),
        };
        let object = NewObject {
            body: Body::Bytes(bytes),
            content_type: ContentType::try_from(media.content_type())?,
            disposition: Disposition::inline(&new.name),
        };
        let bringing = Bringing {
            store: self.store.clone(),
            objects: self.files.objects.clone(),
            room: entry.id,
            key,
            object,
        };
        // Waiting ends with the request, unlike what comes then: so what goes on for nobody is bounded.
        let turn = turn(&self.puts).await?;
        let keeping = async move {
            let _turn = turn;
            bringing.put().await?;
            // Where this fails the object has no name, and goes with the room.
            let added = bringing.store.add_asset(bringing.room, &new, most).await?;
            let refusal = match added {
                AssetAdded::New(asset) => {
                    bringing.make_sure().await?;
                    let before = false;
                    return Ok(Pasted { asset, before });
                }
                AssetAdded::Same(asset) => {
                    bringing.make_sure().await?;
                    let before = true;
                    return Ok(Pasted { asset, before });
                }
                AssetAdded::Other => Refusal::AssetExists,
                AssetAdded::Full => Refusal::AssetsFull { most },
                // It may have been purged with all that it had, and this came behind.
                AssetAdded::NoRoom => Refusal::RoomNotFound,
            };
            if let Err(error) = bringing.take_back(&new.content).await {
                tracing::debug!(%error, "a file that was refused stays until its room is purged");
            }
            Err(refusal.into())
        };
        // An object that is there and not noted would count for nobody.
        to_the_end(self.tasks(), keeping).await
    }

    /// A file by its name, and where its bytes are.
    ///
    /// # Errors
    /// [`Refusal::AssetNotFound`], [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn asset(
        &self,
        room: &RoomName,
        knock: &Knock,
        name: &str,
    ) -> Result<(Asset, Key), ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let name = check_name(name).map_err(|_| Refusal::AssetNotFound)?;
        let asset = self.store.asset(room.as_str(), &name).await?;
        let asset = asset.ok_or(Refusal::AssetNotFound)?;
        let key = asset_key(asset.room_id, &asset.content)?;
        Ok((asset, key))
    }

    /// The files of a room, newest first.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`] and what the gate has against it.
    pub async fn assets(
        &self,
        room: &RoomName,
        knock: &Knock,
        page: Page,
    ) -> Result<Listed<Asset>, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let limit = page.limit;
        let page = Page {
            limit: limit.saturating_add(1),
            ..page
        };
        let assets = self.store.assets(room.as_str(), page).await?;
        Ok(Listed::cut(assets, limit))
    }

    /// Gives a copy of a room what the original's board names.
    pub(super) async fn copy_assets(&self, from: &str, to: &RoomEntry) -> Result<(), ServiceError> {
        let mut page = Page {
            before: None,
            limit: COPIED_AT_ONCE,
        };
        loop {
            let assets = self.store.assets(from, page).await?;
            for asset in &assets {
                self.copy_asset(asset, to).await?;
            }
            match assets.last() {
                Some(last) if assets.len() == COPIED_AT_ONCE as usize => {
                    page.before = Some(last.id);
                }
                _ => return Ok(()),
            }
        }
    }

    async fn copy_asset(&self, asset: &Asset, to: &RoomEntry) -> Result<(), ServiceError> {
        let key = asset_key(asset.room_id, &asset.content)?;
        let bytes = match self.files.objects.get(&key, None).await {
            Ok(object) => object.read(asset.size).await?,
            // The original does not have it either.
            Err(ObjectError::NotFound(key)) => {
                tracing::warn!(%key, name = ?asset.name, "a file of a board is gone");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.keep(&asset_key(to.id, &asset.content)?, asset, bytes)
            .await?;
        let new = NewAsset {
            name: asset.name.clone(),
            content: asset.content,
            content_type: asset.content_type.clone(),
            size: asset.size,
            created_by: asset.created_by.clone(),
            time_ms: now_ms(),
        };
        // The original had them all, under limits of its time.
        match self.store.add_asset(to.id, &new, u64::MAX >> 1).await? {
            AssetAdded::New(_) | AssetAdded::Same(_) => Ok(()),
            AssetAdded::Other | AssetAdded::Full => Err(Refusal::AssetExists.into()),
            AssetAdded::NoRoom => Err(Refusal::RoomNotFound.into()),
        }
    }

    async fn keep(&self, key: &Key, asset: &Asset, bytes: Bytes) -> Result<(), ServiceError> {
        let object = NewObject {
            body: Body::Bytes(bytes),
            content_type: ContentType::try_from(&*asset.content_type)?,
            disposition: Disposition::inline(&asset.name),
        };
        Ok(self.files.objects.put(key, object).await?)
    }

    /// A room that is there, made if nobody has drawn in it yet; for whoever may.
    async fn drawn_room(&self, room: &RoomName) -> Result<RoomEntry, ServiceError> {
        if let Some(entry) = self.store.room(room.as_str()).await? {
            return Ok(entry);
        }
        let new = NewRoom {
            name: room.shared(),
            title: None,
            owner: None,
            visibility: None,
            link_role: Role::Editor,
            password: None,
            frontend: None,
            viewers_export: true,
            time_ms: now_ms(),
            idempotency: None,
        };
        match self.store.create_room(&new).await? {
            Created::New(entry) | Created::Before(entry) => Ok(entry),
            // Somebody was faster.
            Created::Taken | Created::KeyReused => {
                let entry = self.store.room(room.as_str()).await?;
                Ok(entry.ok_or(Refusal::RoomNotFound)?)
            }
        }
    }
}

/// A file on its way to a room.
struct Bringing {
    store: Arc<dyn Store>,
    objects: Arc<dyn Objects>,
    room: RoomId,
    key: Key,
    object: NewObject,
}

impl Bringing {
    async fn put(&self) -> Result<(), ServiceError> {
        Ok(self.objects.put(&self.key, self.object.clone()).await?)
    }

    /// Now that it has a name. Somebody who brought the same under another one, and was refused, may have taken the object away just before.
    async fn make_sure(&self) -> Result<(), ServiceError> {
        match self.objects.head(&self.key).await {
            Ok(_) => Ok(()),
            Err(ObjectError::NotFound(_)) => self.put().await,
            Err(error) => Err(error.into()),
        }
    }

    /// It was refused: its object goes, unless it is another name's as well. Whoever names it from now on [makes sure](Self::make_sure); who has
    /// done so meanwhile gets it back.
    async fn take_back(&self, content: &ContentHash) -> Result<(), ServiceError> {
        if self.store.has_content(self.room, content).await? {
            return Ok(());
        }
        self.objects.delete(&self.key).await?;
        match self.store.has_content(self.room, content).await? {
            true => self.put().await,
            false => Ok(()),
        }
    }
}

impl From<NoMedia> for Refusal {
    fn from(none: NoMedia) -> Self {
        match none {
            NoMedia::Unknown(_) => Self::AssetKind(none.to_string()),
            NoMedia::TooLarge(why) => Self::AssetTooLarge(why),
        }
    }
}

/// A name as boards give them: it stands in addresses as one segment.
fn check_name(name: &str) -> Result<Arc<str>, Refusal> {
    let invalid = |why: &str| Err(Refusal::Invalid(format!("the name of the file {why}")));
    if name.is_empty() || name.len() > MAX_ASSET_NAME {
        return invalid(&format!("has 1 to {MAX_ASSET_NAME} bytes"));
    }
    if name
        .chars()
        .any(|c| c.is_control() || c == '/' || c == '\\')
    {
        return invalid("has no slashes and no control characters");
    }
    match name {
        "." | ".." => invalid("is not `.` or `..`"),
        name => Ok(name.into()),
    }
}
