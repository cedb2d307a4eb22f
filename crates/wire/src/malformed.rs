//! Why bytes were refused, and where.
//!
//! It does not know what becomes of the sender. The rule: a reason names a fact about the bytes, never about the room.

use std::fmt;

/// Bytes that do not follow the grammar, or go against the limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct Malformed {
    /// What is wrong.
    pub reason: Reason,
    /// Offset into the bytes that were handed in, near to what is wrong.
    pub at: usize,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What can be wrong with bytes from outside.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// A short stable phrase for logs, metrics and close reasons.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The bytes end before what they announce.
    Truncated => "unexpected end",
    /// A variable-length number is longer than 8 bytes or above 2^53 - 1.
    Number => "number out of range",
    /// A declared count cannot fit into the bytes that are left.
    Count => "declared count exceeds the remaining bytes",
    /// More of something than the limits allow.
    TooMany => "too many entries",
    /// A value is larger than the limits allow.
    TooLarge => "value too large",
    /// Text that is not UTF-8.
    Utf8 => "invalid UTF-8",
    /// Text that should be JSON and is not.
    Json => "invalid JSON",
    /// A value nested deeper than the limits allow.
    Depth => "value nested too deep",
    /// An unknown tag of a value.
    Tag => "unknown value tag",
    /// Content of a kind that is not part of Yjs v1, or is not taken.
    Kind => "content kind not allowed",
    /// Bits are set that have no meaning for this kind.
    Info => "info bits not allowed for this kind",
    /// A shared type that Yjs does not have.
    TypeRef => "unknown shared type",
    /// Parent information other than 0 or 1.
    ParentInfo => "unknown parent information",
    /// A client id of 2^53 or above.
    Client => "client id out of range",
    /// A clock, or a clock and a length, of 2^31 or above.
    Clock => "clock out of range",
    /// Something that takes up no clock at all.
    Empty => "empty content",
    /// The same client twice in a list of clients.
    ClientTwice => "client listed twice",
    /// An item builds on its own client's future.
    OwnFuture => "item builds on its own future",
    /// Bytes are left over.
    Trailing => "trailing bytes",
    /// An unknown sub-type of a known message.
    SubType => "unknown message sub-type",
    /// Updates that do not follow one another without a gap.
    Gap => "gap between updates",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Reason {
    pub(crate) fn at(self, at: usize) -> Malformed {
        Malformed { reason: self, at }
    }
}
