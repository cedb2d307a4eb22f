//! Use cases: what can be asked of rooms by whoever runs or uses this node, whichever way it is asked.
//!
//! Knows rooms, the store and doc workers; no HTTP, no terminal. The one rule: what is refused names the reason in words for the person
//! who asked.

mod versions;

pub use versions::{Restored, Versions, before_restoring, keep_patiently};

use crate::compact::KeepError;
use crate::doc_worker::DocError;
use crate::room::{OpenError, Refused};
use scrible_store::StoreError;

/// Why something could not be done. Nothing was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// No such room, or no such version of it.
    #[error("{0}")]
    NotFound(String),
    /// Not now; trying again later may help.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored, or the document in it, cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => {
                Self::Unavailable(error.to_string())
            }
            StoreError::Corrupt { .. } | StoreError::Invalid(_) => {
                Self::Unreadable(error.to_string())
            }
        }
    }
}

impl From<KeepError> for ServiceError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::NotFound => Self::NotFound(error.to_string()),
            KeepError::Busy | KeepError::Unavailable(_) => Self::Unavailable(error.to_string()),
            KeepError::Corrupt(_) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<DocError> for ServiceError {
    fn from(error: DocError) -> Self {
        match error {
            DocError::Unavailable(_) => Self::Unavailable(error.to_string()),
            DocError::TooLarge { .. } | DocError::Broken(_) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<OpenError> for ServiceError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unavailable(_) | OpenError::SetAside(_) => {
                Self::Unavailable(error.to_string())
            }
            OpenError::Corrupt(_) | OpenError::Snapshot(_) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> Self {
        Self::Unavailable(format!("the room did not take it: {refused}"))
    }
}
