//! Why objects could not be kept or given.
//!
//! The variants are what callers branch on; the sentences inside are for the log and the operator, and say what would help. They hold no
//! secret. The rule: only [`ObjectError::Unavailable`] may be tried again unchanged.

use crate::Key;

/// Why something could not be done with an object.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object.
    #[error("there is no object {0}")]
    NotFound(Key),

    /// The object ends before the range that was asked for begins.
    #[error("the object has only {size} bytes, and none of those that were asked for")]
    OutOfRange {
        /// Of the whole object, in bytes.
        size: u64,
    },

    /// The place exists and does not let us do this.
    #[error("{0}")]
    Denied(String),

    /// The place is not there.
    #[error("{0}")]
    NoBucket(String),

    /// Not now: away, too busy, too slow, full, cut off. Whether something was done is not known; the same call again is always right.
    #[error("{0}")]
    Unavailable(String),

    /// The request or the settings make no sense, today or tomorrow. Nothing was done.
    #[error("{0}")]
    Invalid(String),
}

impl ObjectError {
    /// Whether the same call may succeed later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
