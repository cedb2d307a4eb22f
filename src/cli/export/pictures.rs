//! The files that a room's board names, for `scrible export room:NAME`.
//!
//! Knows where servers with the same settings keep them. The rule: what cannot be had is left out, as it is by a server, and whoever asked is told why.

use anyhow::{Context, Result};
use bytes::Bytes;

use crate::compact::Keeper;
use crate::config::Config;
use crate::doc_worker::export::BoardChoice;
use crate::exporting::FindPictures;
use crate::pictures::{Outside, PictureParts, Pictures};
use crate::room::RoomName;

/// Those that are there, by the names that the board has for them.
pub async fn of_room(
    keeper: &Keeper,
    room: &RoomName,
    updates: &[Bytes],
    board: &BoardChoice,
    config: &Config,
) -> Vec<(String, Bytes)> {
    let naming = keeper
        .documents
        .picture_names(updates.to_vec(), board.clone());
    // Where the document cannot be read, drawing it says so.
    let names = naming.await.unwrap_or_default();
    if names.is_empty() {
        return Vec::new();
    }
    match find(keeper, room, names, config).await {
        Ok(found) => found,
        Err(error) => {
            eprintln!("scrible: room {room:?}: its pictures are left out: {error:#}");
            Vec::new()
        }
    }
}

async fn find(
    keeper: &Keeper,
    room: &RoomName,
    names: Vec<String>,
    config: &Config,
) -> Result<Vec<(String, Bytes)>> {
    let entry = keeper.store.room(room.as_str()).await?;
    let entry = entry.context("the room is gone")?;
    let objects = config.objects.objects().open().await;
    let pictures = Pictures::new(PictureParts {
        assets: keeper.store.clone(),
        objects: objects.context("open the place for files")?,
        outside: Outside::of(config.objects.image_hosts.clone()).context("get ready to fetch")?,
        max_bytes: config.documents.max_bytes,
    });
    Ok(pictures.find(entry.id, room.as_str(), names).await?)
}
