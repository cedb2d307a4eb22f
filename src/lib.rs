//! Scrible: a sync server for collaborative whiteboards that any Yjs editor connects to unchanged.
//!
//! A room is a log of update bytes; everything that hears the room is a cursor on that log. Data flows one way:
//!
//! ```text
//! socket -> session -> room (a log) <- cursors: sessions, journal -> store
//! rest   -> room handles, store
//! ```
//!
//! In reading order:
//! - [`room`] what happens to an update, and who hears it
//! - [`bus`] what nodes tell each other, [`follow`] how a room gets what the bus did not carry
//! - [`journal`] how updates come to be stored, [`source`] how rooms come back, [`guard`] which of them do not
//! - [`compact`] how stored rows become snapshots, [`doc_worker`] where documents are opened and boards drawn, with the
//!   [`fonts`] that are found
//! - [`exporting`] exports that are made in the background
//! - [`dead_letters`] what is kept of updates that nobody could take
//! - [`objects`] where files are kept, [`pictures`] those that a board only names
//! - [`session`] one connection's stay in a room, [`stays`] what is kept of it
//! - [`socket`] connections: upgrade, limits, close codes
//! - [`access`] who may do what
//! - [`rest`] plain HTTP
//! - [`service`] what can be asked of rooms, whichever way
//! - [`server`] how the parts are put together and stopped, [`export_node`] the same for a process that only makes exports
//! - [`import`] files brought into a room, over [`remote`]: one more client of a running server
//! - [`config`], [`cli`], [`telemetry`] settings, commands, the log

pub mod access;
pub mod bus;
pub mod cli;
mod clock;
pub mod compact;
pub mod config;
pub mod dead_letters;
pub mod doc_worker;
pub mod export_node;
pub mod exporting;
pub mod follow;
pub mod fonts;
pub mod guard;
pub mod import;
pub mod journal;
mod media;
pub mod objects;
pub mod pictures;
mod point;
pub mod remote;
pub mod rest;
pub mod room;
pub mod server;
pub mod service;
pub mod session;
pub mod socket;
pub mod source;
pub mod stays;
pub mod telemetry;
mod terminal;
mod tls;
