//! The files that a board only names, for whoever draws it.
//!
//! `name` says where a name leads, `address` which machines may be asked, `outside` asks them, `allowance` counts the bytes. Doc workers say what a board names; nothing is
//! fetched there. The rule: a board gets files of its own room and pictures from hosts that the operator named, and what is not there is left
//! out, for the drawing to say so; a file of the room that cannot be read now is no such thing.

mod address;
mod allowance;
mod name;
mod outside;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use scrible_exporter::picture::PictureLimits;
use scrible_objects::{ObjectError, Objects};
use scrible_store::{Asset, Assets, RoomId};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::allowance::Allowance;
pub use self::name::ImageHost;
use self::name::Named;
pub use self::outside::Outside;
use crate::exporting::{FilesUnavailable, FindPictures};
use crate::media::Media;
use crate::objects::asset_key;

/// How many files are got at once.
const AT_ONCE: usize = 4;
/// How long a board waits for all of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds files for drawings.
pub struct Pictures {
    assets: Arc<dyn Assets>,
    objects: Arc<dyn Objects>,
    outside: Option<Outside>,
    most: u64,
}

/// Whose board it is.
#[derive(Clone, Copy)]
struct Room<'a> {
    id: RoomId,
    name: &'a str,
}

/// What pictures are found with.
pub struct PictureParts {
    /// Who knows the files of rooms.
    pub assets: Arc<dyn Assets>,
    /// Where these are.
    pub objects: Arc<dyn Objects>,
    /// Who fetches others; `None`: nobody.
    pub outside: Option<Outside>,
    /// Bytes of all files that doc workers take for one drawing, a file once for each of its names.
    pub max_bytes: usize,
}

impl Pictures {
    /// With these.
    pub fn new(parts: PictureParts) -> Self {
        Self {
            assets: parts.assets,
            objects: parts.objects,
            outside: parts.outside,
            most: PictureLimits::default()
                .total_bytes
                .min(parts.max_bytes as u64),
        }
    }

    /// Those of the room's own files that are there and fit, by what the store says of them.
    async fn wanted(
        &self,
        at: Room<'_>,
        own: BTreeMap<String, Vec<String>>,
        left: &Allowance,
    ) -> Result<Vec<(Asset, Vec<String>)>, FilesUnavailable> {
        let asking = own
            .into_iter()
            .map(async |(asset, names)| (self.assets.asset(at.name, &asset).await, names));
        let mut asking = stream::iter(asking).buffered(AT_ONCE);
        let mut wanted = Vec::new();
        while let Some((asset, mut names)) = asking.next().await {
            let Some(asset) = asset? else { continue };
            // The name may have passed to another room since.
            if asset.room_id != at.id || asset.size > PictureLimits::default().bytes as u64 {
                continue;
            }
            // Doc workers get a file once for each name. What does not fit is left out, and what comes behind it may.
            names.retain(|_| left.take(asset.size));
            if !names.is_empty() {
                wanted.push((asset, names));
            }
        }
        Ok(wanted)
    }

    /// The room's own files; each is read once.
    async fn of_room(
        &self,
        at: Room<'_>,
        own: BTreeMap<String, Vec<String>>,
        left: &Allowance,
    ) -> Result<Vec<(String, Bytes)>, FilesUnavailable> {
        let wanted = self.wanted(at, own, left).await?;
        let reading = wanted
            .into_iter()
            .map(async |(asset, names)| (self.read(at, &asset).await, names));
        let mut reading = stream::iter(reading).buffered(AT_ONCE);
        let mut found = Vec::new();
        while let Some((bytes, names)) = reading.next().await {
            if let Some(bytes) = bytes? {
                found.extend(names.into_iter().map(|name| (name, bytes.clone())));
            }
        }
        Ok(found)
    }

    async fn read(&self, at: Room<'_>, asset: &Asset) -> Result<Option<Bytes>, ObjectError> {
        let key = asset_key(at.id, &asset.content)?;
        match self.objects.get(&key, None).await {
            Ok(object) => Ok(if_picture(object.read(asset.size).await?).await),
            // Nor will it be there another time.
            Err(error @ ObjectError::NotFound(_)) => {
                tracing::warn!(room = ?at.name, asset = ?asset.name, %error, "a file of a board is gone");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What hosts outside give until the deadline; each address is asked once.
    async fn fetch_outside(
        &self,
        at: Room<'_>,
        named: BTreeMap<Url, Vec<String>>,
        (left, deadline): (&Allowance, Instant),
    ) -> Vec<(String, Bytes)> {
        let Some(outside) = &self.outside else {
            return Vec::new();
        };
        let fetching = named.into_iter().map(async |(url, names)| {
            let fetching = timeout_at(deadline, outside.fetch(&url, left)).await;
            let bytes = match fetching.ok()? {
                Ok(bytes) => if_picture(bytes).await?,
                Err(error) => {
                    tracing::info!(room = ?at.name, host = url.host_str(), %error, "a picture was not fetched");
                    return None;
                }
            };
            Some((bytes, names))
        });
        let mut fetching = stream::iter(fetching).buffered(AT_ONCE);
        let mut found = Vec::new();
        while let Some(fetched) = fetching.next().await {
            let Some((bytes, names)) = fetched else {
                continue;
            };
            for (at, name) in names.into_iter().enumerate() {
                // The first is paid for.
                if at == 0 || left.take(bytes.len() as u64) {
                    found.push((name, bytes.clone()));
                }
            }
        }
        found
    }
}

#[async_trait]
impl FindPictures for Pictures {
    async fn find(
        &self,
        room: RoomId,
        name: &str,
        names: Vec<String>,
    ) -> Result<Vec<(String, Bytes)>, FilesUnavailable> {
        let deadline = Instant::now() + PATIENCE;
        let left = Allowance::new(self.most);
        let at = Room { id: room, name };
        let hosts = self.outside.as_ref().map_or(&[][..], Outside::hosts);
        let (mut own, mut outside) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            let of_target: &mut Vec<String> = match Named::read(&name, hosts) {
                Named::Nowhere => continue,
                Named::OfRoom(asset) => own.entry(asset).or_default(),
                Named::Outside(url) => outside.entry(*url).or_default(),
            };
            of_target.push(name);
        }
        // First, so that no slow host takes their time.
        let reading = timeout_at(deadline, self.of_room(at, own, &left)).await;
        let late = |_| {
            let seconds = PATIENCE.as_secs();
            ObjectError::Unavailable(format!("the room's files took more than {seconds} s"))
        };
        let mut found = reading.map_err(late)??;
        found.extend(self.fetch_outside(at, outside, (&left, deadline)).await);
        Ok(found)
    }
}

async fn if_picture(bytes: Bytes) -> Option<Bytes> {
    let judged = bytes.clone();
    let media = tokio::task::spawn_blocking(move || Media::of(&judged)).await;
    matches!(media, Ok(Ok(Media::Picture(_)))).then_some(bytes)
}

#[cfg(test)]
mod tests;
