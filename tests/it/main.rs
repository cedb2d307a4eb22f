//! The whole node over real sockets: `run` on a free port, an in-memory store that can be told to pause or fail, and raw or yrs
//! clients; and the program itself, where files and processes matter. Everything awaits conditions; nothing sleeps.

mod asking;
mod boards;
mod client;
mod damage;
mod node;
mod planted;
mod program;

mod access;
mod admission;
mod checking;
mod compaction;
mod doc_worker;
mod drawing;
mod durability;
mod edge;
mod events;
mod exporting;
mod exports;
mod faults;
mod hostile;
mod importing;
mod inspecting;
mod live_access;
mod nodes;
mod operating;
mod pictures;
mod quarantine;
mod repairing;
mod rest;
mod rfc6455;
mod room_commands;
mod secrets;
mod stopping;
mod telemetry;
mod versions;
mod watching;
mod yrs_clients;
