//! Exports that are made in the background: the queue is in the store, the drawing in doc workers, the files among the objects.
//!
//! Reading order: [`order`] what stands in the queue and how an object is called, [`attempt`] from an order to its object, [`worker`] who
//! takes what from the queue and when, [`sweep`] what is deleted again, [`preview`] what is drawn at once. Knows no HTTP and no rights. The
//! one rule: an export is one object under one name, however often and by whomever it was begun, so a repeated attempt replaces what an
//! earlier one left.

mod attempt;
mod order;
mod preview;
mod sweep;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use scrible_objects::{ObjectError, Objects};
use scrible_store::{RoomId, Store, StoreError};

use self::attempt::Trouble;
use crate::doc_worker::DocWorkers;
use crate::doc_worker::export::{BoardChoice, ExportFailure};
use crate::telemetry::ExportMetrics;

pub use order::{MAX_NAME_BYTES, Outcome, Ticket, id_text, key, prefix, read_id};
pub use preview::{NoPicture, Picture, PreviewKind, PreviewWish};
pub use worker::ExportWorker;

/// What exports are made with.
#[derive(Clone)]
pub struct Workshop {
    /// Rooms, and the queue.
    pub store: Arc<dyn Store>,
    /// Where files are kept.
    pub objects: Arc<dyn Objects>,
    /// Where documents are opened.
    pub documents: Arc<DocWorkers>,
    /// Finds the files that boards only name.
    pub pictures: Arc<dyn FindPictures>,
    /// What is counted.
    pub metrics: ExportMetrics,
}

/// Finds the files that a board only names. Nothing is fetched where documents are opened.
#[async_trait]
pub trait FindPictures: Send + Sync + 'static {
    /// Those that are there of the files that a room's board names, by the names that it has for them. What is not there, does not fit or comes
    /// from elsewhere and does not come is left out: the export says so itself.
    ///
    /// # Errors
    /// Where a file of the room may be there and cannot be read now.
    async fn find(
        &self,
        room: RoomId,
        name: &str,
        names: Vec<String>,
    ) -> Result<Vec<(String, Bytes)>, FilesUnavailable>;
}

/// Why files that a room has cannot be read now.
#[derive(Debug, thiserror::Error)]
pub enum FilesUnavailable {
    /// Nobody says which there are.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place does not give them.
    #[error(transparent)]
    Objects(#[from] ObjectError),
}

impl Workshop {
    /// The files that the board in these updates names, as far as they are there.
    async fn pictures(
        &self,
        room: RoomId,
        name: &str,
        updates: &[Bytes],
    ) -> Result<Vec<(String, Bytes)>, Trouble> {
        let board = BoardChoice::Room(name.to_owned());
        let names = self.documents.picture_names(updates.to_vec(), board);
        let names = names.await.map_err(ExportFailure::from)?;
        match names.is_empty() {
            true => Ok(Vec::new()),
            false => Ok(self.pictures.find(room, name, names).await?),
        }
    }
}
