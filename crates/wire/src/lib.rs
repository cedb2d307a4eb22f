//! The y-websocket wire format: messages, awareness, state vectors and v1 updates, read as bytes and answered as facts.
//!
//! It knows tags, varints and limits, what an update brings and what it builds on. It does not know rooms, sockets,
//! time or storage, and it never holds a document. The one rule not to break: bytes come from strangers, so nothing here
//! may panic on them, or allocate more than in proportion to their length.
//!
//! In reading order: [`varint`] and [`limits`] underneath, [`message`] and [`awareness`] for what stands around updates,
//! [`scan()`] as the gate for updates, [`clocks`] for what a room has and what an update means to it, [`merge`] for putting
//! a log of updates together again, [`split`] for sending a large one in parts, [`lift`] for reading one without its values,
//! [`agree()`] for telling whether two say the same,
//! [`value`] for stepping over them.

pub mod agree;
pub mod awareness;
mod by_client;
pub mod clocks;
mod deletes;
mod json;
pub mod lift;
pub mod limits;
pub mod malformed;
pub mod merge;
pub mod message;
pub mod scan;
pub mod split;
pub mod state_vector;
mod structs;
pub mod value;
pub mod varint;

pub use agree::agree;
pub use clocks::{Clocks, Missing, Taken, Taking};
pub use limits::Limits;
pub use malformed::{Malformed, Reason};
pub use message::{Message, Messages};
pub use scan::{ListFacts, Scan, scan};
pub use state_vector::StateVector;
