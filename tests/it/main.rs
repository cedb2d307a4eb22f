//! The whole node over real sockets: `run` on a free port, an in-memory store that can be told to pause or fail, and raw or yrs
//! clients. Everything awaits conditions; nothing sleeps.

mod boards;
mod client;
mod node;

mod admission;
mod durability;
mod importing;
mod stopping;
mod yrs_clients;
