//! Why a document gave no board at all.
//!
//! Knows the whole document only: what is wrong with a single record is a note on the board. The rule: each sentence names
//! the problem and what can be done about it.

/// A document that gives no board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// Larger than is read.
    #[error(
        "the document has {bytes} bytes and at most {limit} are read: raise the limit, or move some of the pages to another room"
    )]
    TooLarge {
        /// Bytes of the document.
        bytes: usize,
        /// `Limits::document_bytes`.
        limit: usize,
    },
    /// More records than are read.
    #[error(
        "the board has more than {limit} records: raise the limit, or move some of the pages to another room"
    )]
    TooManyRecords {
        /// `Limits::records`.
        limit: usize,
    },
    /// Neither an update nor JSON.
    #[error(
        "these bytes are neither a Yjs update nor a board's JSON ({reason}): send what `Y.encodeStateAsUpdate` gives, or a .tldr file"
    )]
    Unreadable {
        /// What the reader of the nearest format says.
        reason: String,
    },
    /// Readable, but no whiteboard in it.
    #[error(
        "no whiteboard was found in this document: its roots are {roots}; a tldraw board is an array of {{key, val}} or a map of records"
    )]
    NoBoard {
        /// The names of the roots, quoted and with commas between, or `none`.
        roots: String,
    },
    /// There are boards, but not the one that was asked for.
    #[error("there is no board in the root `{wanted}`: boards are in {boards}")]
    NotThere {
        /// The name that was asked for.
        wanted: String,
        /// The names of the roots with a board, quoted and with commas between.
        boards: String,
    },
    /// Written by an editor of 2021 or 2022.
    #[error(
        "this is a board of tldraw 1, which is not read: open it once in a current editor and save it from there"
    )]
    FirstEdition,
}
