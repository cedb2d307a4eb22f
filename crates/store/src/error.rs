//! Why a store could not do what it was asked.
//!
//! The variants are what callers branch on; the sentences inside are for the log and the operator. They never hold
//! the bytes of an update. The rule: only [`StoreError::Unavailable`] may be tried again unchanged.

/// Why a store refused or failed.
///
/// Cloneable because one failed load answers everybody who waited for that room.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Not now: busy, locked, disk full, input or output failed, closed. Whether an append was committed is not
    /// known; sending the same batch again under the same number is always right.
    #[error("store is unavailable: {0}")]
    Unavailable(String),

    /// What is stored does not add up. The room must not be served, least of all as an empty one.
    #[error("room {room:?} is damaged in the store: {what}")]
    Corrupt {
        /// The canonical name of the room.
        room: String,
        /// What was expected and what was found.
        what: String,
    },

    /// The request contradicts what is stored: an older batch number, or a room id that belongs to another name.
    /// Nothing was written.
    #[error("conflict with what is stored: {0}")]
    Conflict(String),

    /// The request makes no sense to any store, or the place that was named cannot be a store. Nothing was written.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
