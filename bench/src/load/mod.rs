//! A load generator that is cheaper than the servers: thousands of clients on one thread, without a document for any of them.
//!
//! [`Crowd`] holds the sockets and speaks the protocol up to the point where a client is joined; an [`Ear`] hears everything that comes.
//! Updates are [`forged`] with a marker (who wrote it, and as its how-manieth) that [`marks`] finds again in whatever a server makes of
//! them, and [`Tally`] checks that nobody lacks one. [`Presence`] does with awareness what y-websocket does.
//!
//! It does not know which server it talks to beyond its [`Door`](crate::peers::Door). The one rule: it must never be what a measurement
//! waits for without the measurement knowing, so it counts its own processor time.

mod crowd;
pub mod forged;
mod frames;
mod marks;
mod presence;
mod tally;
mod times;

pub use crowd::{Crowd, Ear, Heard, Mouth, Nobody};
pub use marks::marks;
pub use presence::{Presence, Relaying};
pub use tally::{Tally, Window};
pub use times::Times;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process so far, in seconds.
pub fn own_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
