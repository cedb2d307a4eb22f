//! What outlives the process: rooms, their journals and snapshots, behind one trait.
//!
//! Reading order: [`store`](Store) is what callers program against, `snapshot` the types of snapshots and what makes one
//! believable, `error` what can go wrong, `receipt` how the answer to a batch is remembered, `assembly` how a room is put
//! together, `trimming` what may be deleted, `quarantine` what is kept of bad updates and
//! bad rooms, `directory` what is kept of people and who may come in, `admission` what decides about that without a database,
//! `exports` the queue of what is to be drawn and `attempts` what becomes of it there, `assets` which files boards have,
//! `sqlite` the store of a single node, `postgres` that of several, `people`, `files` and `quarantined` what is written once and compiled
//! into both of them, `migrations` what brings either to its present shape, `database` the choice between the two by a URL. With the
//! feature `testing` there are also an
//! in-memory store that can be told to pause and to fail, and the contract suite that every store has to pass.
//!
//! This crate does not know what an update says: bytes go in and the same bytes come out. The one rule: an append is
//! answered with a receipt only once it would survive whatever the store promises to survive.

mod admission;
mod assembly;
mod assets;
mod attempts;
mod batch;
mod checksum;
mod database;
mod dead_letter;
mod directory;
mod error;
mod exports;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod migrations;
pub mod point;
mod postgres;
mod quarantine;
mod receipt;
mod room_record;
mod snapshot;
mod sqlite;
mod store;
mod trimming;

#[cfg(any(test, feature = "testing"))]
pub mod contract;

pub use assets::{Asset, AssetAdded, Assets, ContentHash, MAX_ASSET_NAME, NewAsset};
pub use database::{Database, DatabaseKind, OpenOptions, Waiting};
pub use dead_letter::{DeadLetter, Specimen};
pub use directory::{
    Created, Directory, FactsQuery, Grant, GrantSource, GrantState, Granted, IdempotencyKey,
    Invite, KeyClaim, NewGrant, NewInvite, NewRoom, Page, Participant, Role, RoomChange, RoomEntry,
    RoomFacts, RoomQuery, RoomUsage, SecretHash, Stay, Visibility, VisibleTo,
};
pub use error::StoreError;
pub use exports::{
    Claim, Export, ExportAdded, ExportEnd, ExportId, ExportLimits, ExportState, ExportTally,
    Exports, MAX_EXPORT_PAUSE, MAX_EXPORT_TEXT, MAX_EXPORTS_OF_ROOM, NewExport, Orphans,
    WORKER_DIED, WorkerId,
};
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryStore, SnapshotDamage};
pub use postgres::{PostgresOptions, PostgresStore};
pub use quarantine::Quarantine;
pub use room_record::{NODE_BEAT, Opening, OpeningEnd, RoomRecord, SetAsideBy};
pub use snapshot::{
    Builder, Lease, NewSnapshot, PassedOver, Snapshot, SnapshotInfo, Snapshots, Trim, Trimmed,
};
#[cfg(any(test, feature = "testing"))]
pub use sqlite::{AS_OF_THE_FIRST_MIGRATION, Hold, execute_raw};
pub use sqlite::{
    DamagedRooms, Durability, Existing, InspectedRoom, InspectedRow, Inspection, MendedRow,
    Mending, Migrations, Repair, Restored, RoomDamage, SetAside, SqliteOptions, SqliteStore, Tally,
    back_up, restore,
};
pub use store::{
    Batch, Head, Incarnation, NewUpdate, Receipt, RoomAppend, RoomId, RoomReceipt, Since, Store,
    StoredRoom, StoredUpdate,
};
