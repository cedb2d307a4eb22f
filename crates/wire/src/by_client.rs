//! Maps from client ids.
//!
//! The rule: ids come from strangers, who may choose them so that they collide. The hasher has random keys, therefore; it takes a tenth of
//! the time of the standard one, which would be most of the time that an update of very many clients takes.

use std::collections::HashMap;

/// What there is of each client.
pub(crate) type ByClient<T> = HashMap<u64, T, foldhash::quality::RandomState>;

/// An empty map with room for as many.
pub(crate) fn with_capacity<T>(clients: usize) -> ByClient<T> {
    ByClient::with_capacity_and_hasher(clients, Default::default())
}
