//! The files that a board only names, for whoever draws it.
//!
//! `name` says where a name leads, `address` which machines may be asked, `outside` asks them. Doc workers say what a board names; nothing is
//! fetched there. The rule: a board gets files of its own room and pictures from hosts that the operator named, and what cannot be had is left
//! out, for the drawing to say so.

mod address;
mod name;
mod outside;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use scrible_exporter::picture::PictureLimits;
use scrible_objects::Objects;
use scrible_store::{Assets, RoomId};
use tokio::time::{Instant, timeout_at};

pub use self::name::ImageHost;
use self::name::Named;
pub use self::outside::Outside;
use crate::exporting::FindPictures;
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

/// What pictures are found with.
pub struct PictureParts {
    /// Who knows the files of rooms.
    pub assets: Arc<dyn Assets>,
    /// Where these are.
    pub objects: Arc<dyn Objects>,
    /// Who fetches others; `None`: nobody.
    pub outside: Option<Outside>,
    /// Bytes of all files that doc workers take for one drawing.
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

    async fn get(&self, room: RoomId, room_name: &str, name: &str) -> Option<Bytes> {
        let hosts = self.outside.as_ref().map_or(&[][..], Outside::hosts);
        let bytes = match Named::read(name, hosts) {
            Named::Nowhere => return None,
            Named::OfRoom(asset) => self.of_room(room, room_name, &asset).await?,
            Named::Outside(url) => match self.outside.as_ref()?.fetch(&url).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::info!(room = ?room_name, host = url.host_str(), %error, "a picture was not fetched");
                    return None;
                }
            },
        };
        let judged = bytes.clone();
        let media = tokio::task::spawn_blocking(move || Media::of(&judged)).await;
        matches!(media, Ok(Ok(Media::Picture(_)))).then_some(bytes)
    }

    async fn of_room(&self, room: RoomId, room_name: &str, asset: &str) -> Option<Bytes> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(room = ?room_name, ?asset, %error, "a file of a board cannot be read");
        };
        let found = self.assets.asset(room_name, asset).await;
        let found = found.inspect_err(|error| failed(error)).ok()??;
        // The name may have passed to another room since.
        if found.room_id != room || found.size > PictureLimits::default().bytes as u64 {
            return None;
        }
        let read = async {
            let key = asset_key(room, &found.content)?;
            self.objects.get(&key, None).await?.read(found.size).await
        };
        read.await.inspect_err(|error| failed(error)).ok()
    }
}

#[async_trait]
impl FindPictures for Pictures {
    async fn find(&self, room: RoomId, name: &str, names: Vec<String>) -> Vec<(String, Bytes)> {
        let deadline = Instant::now() + PATIENCE;
        let getting = names.into_iter().map(async |picture| {
            let bytes = timeout_at(deadline, self.get(room, name, &picture)).await;
            bytes.ok().flatten().map(|bytes| (picture, bytes))
        });
        let mut getting = stream::iter(getting).buffered(AT_ONCE);
        let (mut found, mut total) = (Vec::new(), 0);
        while let Some(got) = getting.next().await {
            let Some((name, bytes)) = got else { continue };
            // What does not fit is left out, and what comes behind it may.
            if total + bytes.len() as u64 <= self.most {
                total += bytes.len() as u64;
                found.push((name, bytes));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
