//! Why a use case did not do what it was asked to.
//!
//! Sentences are for the person who asked; nothing in them says more than he may know. The one rule: whoever is refused has changed
//! nothing, unless the sentence says so.

use std::time::Duration;

use scrible_objects::ObjectError;
use scrible_store::StoreError;

use crate::access::Denied;
use crate::access::password::PasswordError;
use crate::compact::KeepError;
use crate::doc_worker::DocError;
use crate::room::{OpenError, Refused};

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
    /// Whoever asks may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is not as whoever asks thinks.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is against something that was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only for those who might do something in it, were it there.
    #[error("there is no such room")]
    RoomNotFound,
    /// The room is there, and this is not.
    #[error("the room has no such invite")]
    InviteNotFound,
    /// Its secret is told once, and whoever has come by it has it.
    #[error(
        "this invite was made before, and is revoked or somebody has come by it; its secret is not told again"
    )]
    InviteGiven,
    /// The room is there, and this is not.
    #[error("the room has no such grant")]
    GrantNotFound,
    /// There is none of this id, or not for whoever asks.
    #[error("there is no such export")]
    ExportNotFound,
    /// The room keeps exports to its editors.
    #[error("only editors may export this room")]
    ExportsKept,
    /// As many exports of the room wait as may.
    #[error(
        "too many exports of this room wait or are kept, or their files take too much; try again when some are done, or delete some"
    )]
    TooManyExports,
    /// The board cannot be drawn as it is.
    #[error("the board cannot be drawn: {0}")]
    NotDrawable(String),
    /// It was drawn too often just now.
    #[error("this is asked for too often; try again in {} seconds", .retry_after.as_secs().max(1))]
    TooOften {
        /// From when on it may be asked again.
        retry_after: Duration,
    },
    /// The room is there, and this is not.
    #[error("the room has no file of this name")]
    AssetNotFound,
    /// A name means one content for ever: boards and browsers keep to it.
    #[error("the room has another file of this name; take another name")]
    AssetExists,
    /// The files of a room take too much.
    #[error("the files of this room may take {most} bytes, and this one does not fit")]
    AssetsFull {
        /// Bytes.
        most: u64,
    },
    /// Nothing that boards take.
    #[error("{0}")]
    AssetKind(String),
    /// A file with too many bytes or pixels.
    #[error("{0}")]
    AssetTooLarge(String),
    /// Nobody shows himself under this client id.
    #[error("nobody in the room has this client id")]
    ClientNotFound,
    /// The name is taken, perhaps by a room that was deleted and not purged.
    #[error("there is a room of this name, or one was deleted and is kept for a while")]
    RoomExists,
    /// A key that was used for something else.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// Only deleted rooms are purged.
    #[error("the room is not deleted; delete it before you purge it")]
    NotDeleted,
    /// A password that is not the room's; also where the room has none, or is not there.
    #[error("this is not the room's password")]
    WrongPassword,
    /// An invite that is none, was revoked or has expired; also where the room is not there.
    #[error("this invite is not taken: it was revoked, has expired, or is for another room")]
    InviteInvalid,
    /// As many have used it as may.
    #[error("as many people have used this invite as may; ask for another one")]
    InviteUsedUp,
    /// Somebody was wrong too often.
    #[error("too many attempts failed; try again in {} seconds", .retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// From when on he may try again.
        retry_after: Duration,
    },
    /// The update builds on what the room does not have.
    #[error(
        "the update builds on changes of client {client} that the room does not have; what could be taken of it was taken"
    )]
    Incomplete {
        /// Whose changes are missing.
        client: u64,
    },
    /// What was brought to be let in stands in it.
    #[error(
        "your own link or token is in what you sent, for everybody to read; nothing of it was taken"
    )]
    SecretTold,
    /// The room has no place for it.
    #[error("the room holds as much as it may")]
    Full,
    /// It makes no sense, and never will.
    #[error("{0}")]
    Invalid(String),
}

impl ServiceError {
    /// There is no such version.
    pub(super) fn no_version(room: &str, version: u64) -> Self {
        Self::NotFound(format!("room {room:?} has no version {version}"))
    }
}

impl From<ObjectError> for ServiceError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound(_) | ObjectError::OutOfRange { .. } => {
                Self::Unreadable(error.to_string())
            }
            // The operator's to put right, and nothing that trying again costs.
            ObjectError::Denied(_)
            | ObjectError::NoBucket(_)
            | ObjectError::Unavailable(_)
            | ObjectError::Invalid(_) => Self::Unavailable(error.to_string()),
        }
    }
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
        match refused {
            Refused::Malformed(malformed) => {
                Refusal::Invalid(format!("the room does not take this update: {malformed}")).into()
            }
            Refused::Full(_) => Refusal::Full.into(),
            Refused::Backlog | Refused::Conflict { .. } | Refused::Ended(_) | Refused::Behind => {
                Self::Unavailable(format!("the room did not take it: {refused}"))
            }
        }
    }
}

impl From<PasswordError> for ServiceError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Length => Refusal::Invalid(error.to_string()).into(),
            PasswordError::Busy => Refusal::TooManyAttempts {
                retry_after: Duration::from_secs(2),
            }
            .into(),
            PasswordError::Failed => Self::Unreadable(error.to_string()),
        }
    }
}
