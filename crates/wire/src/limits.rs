//! The bounds that outside bytes are held to, in one plain struct handed down by the caller.
//!
//! Byte sizes of whole messages are not here: whoever reads the socket has already enforced those. The rule: every
//! count is *also* checked against the bytes that are left, so no limit needs to be small to be safe.

/// Client ids are below this: JavaScript cannot hold larger integers exactly.
pub(crate) const MAX_CLIENT: u64 = 1 << 53;

/// Clocks, and clocks with a length added, stay below this: bitwise arithmetic in JavaScript is signed and 32 bits wide.
pub(crate) const MAX_CLOCK: u64 = 1 << 31;

/// Bounds for what is parsed. The defaults suit a public server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Client lists in one update, and clients in its delete set.
    pub clients_per_update: usize,
    /// Delete ranges in one update.
    pub delete_ranges_per_update: usize,
    /// Clients in one state vector.
    pub state_vector_clients: usize,
    /// How deep values (and JSON) may nest. Parsing recurses that far, so keep it below 1,000.
    pub value_depth: usize,
    /// Bytes of JSON that one client may announce as its awareness state.
    pub awareness_state_bytes: usize,
    /// Entries in one awareness message.
    pub awareness_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            clients_per_update: 262_144,
            delete_ranges_per_update: 4_194_304,
            state_vector_clients: 1_048_576,
            value_depth: 64,
            awareness_state_bytes: 65_536,
            awareness_entries: 4_096,
        }
    }
}

impl Limits {
    /// The same without a bound on counts, for what a room has itself: grown over years, it may well be larger than any one
    /// update may be. Memory stays in proportion to the bytes.
    pub fn without_counts(&self) -> Self {
        Limits {
            clients_per_update: usize::MAX,
            delete_ranges_per_update: usize::MAX,
            state_vector_clients: usize::MAX,
            ..self.clone()
        }
    }
}
