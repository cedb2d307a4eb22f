//! What outlives the process: rooms and their journals, behind one trait.
//!
//! Reading order: [`store`](Store) is what callers program against, `error` what can go wrong, `receipt` how the
//! answer to a batch is remembered, `sqlite` the store of a single node. With the feature `testing` there are also an
//! in-memory store that can be told to pause and to fail, and the contract suite that every store has to pass.
//!
//! This crate does not know what an update says: bytes go in and the same bytes come out. The one rule: an append is
//! answered with a receipt only once it would survive whatever the store promises to survive.

mod assembly;
mod batch;
mod error;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod receipt;
mod sqlite;
mod store;

#[cfg(any(test, feature = "testing"))]
pub mod contract;

pub use error::StoreError;
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryStore;
#[cfg(any(test, feature = "testing"))]
pub use sqlite::execute_raw;
pub use sqlite::{
    DamagedRooms, Durability, Existing, InspectedRoom, Inspection, Migrations, Restored,
    RoomDamage, SqliteOptions, SqliteStore, Tally, back_up, restore,
};
pub use store::{
    Batch, Incarnation, NewUpdate, Receipt, RoomAppend, RoomId, RoomReceipt, Store, StoredRoom,
    StoredUpdate,
};
