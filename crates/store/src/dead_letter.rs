//! Dead letters: what clients sent and the server did not take, kept for whoever has to find out why.
//!
//! Knows no database. The rule: there are never more than the bounds here allow, whoever sends; the oldest go.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The most dead letters altogether.
pub(crate) const MAX_LETTERS: usize = 1_000;
/// The most of one room.
pub(crate) const MAX_LETTERS_A_ROOM: usize = 100;
/// The most bytes that are kept of all of them together.
pub(crate) const MAX_LETTER_BYTES: usize = 16 << 20;
/// The longest texts, in bytes.
const MAX_REASON_BYTES: usize = 64;
const MAX_DETAIL_BYTES: usize = 1_024;

/// What was not taken, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// The canonical name of the room that it was meant for, which need not be stored.
    pub room: Arc<str>,
    /// When it came, in milliseconds since 1970.
    pub time_ms: i64,
    /// What kind of refusal it was, one of a few words; at most 64 bytes.
    pub reason: Arc<str>,
    /// What exactly was wrong, in a sentence; at most 1,024 bytes.
    pub detail: String,
    /// What it was.
    pub specimen: Specimen,
}

/// Bytes that were refused: all of them by their hash, and as many as are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Specimen {
    /// SHA-256 of all bytes.
    pub sha256: [u8; 32],
    /// How many there were.
    pub len: u64,
    /// The first of them, up to [`KEPT_BYTES`](Self::KEPT_BYTES).
    pub bytes: Bytes,
}

impl Specimen {
    /// How many bytes are kept of each.
    pub const KEPT_BYTES: usize = 64 << 10;

    /// Hashes all bytes and copies those that are kept.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::digest(bytes).into(),
            len: bytes.len() as u64,
            bytes: Bytes::copy_from_slice(&bytes[..bytes.len().min(Self::KEPT_BYTES)]),
        }
    }

    /// The hash as `sha256sum` prints it.
    pub fn sha256_hex(&self) -> String {
        self.sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether all bytes are kept.
    pub fn is_whole(&self) -> bool {
        self.len == self.bytes.len() as u64
    }
}

/// What a client sent must not come into a log by way of this.
impl std::fmt::Debug for Specimen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Specimen({} bytes, {})", self.len, self.sha256_hex())
    }
}

/// A letter as it is stored: room, time, reason, detail, hash, length of all bytes, those that are kept.
pub(crate) type StoredLetter = (String, i64, String, String, Vec<u8>, i64, Vec<u8>);

impl DeadLetter {
    pub(crate) fn from_stored(stored: StoredLetter) -> Result<Self, StoreError> {
        let (room, time_ms, reason, detail, sha256, len, bytes) = stored;
        let corrupt = |what: &str| StoreError::Corrupt {
            room: room.clone(),
            what: format!("of a dead letter {what}"),
        };
        let sha256 = sha256.try_into();
        Ok(Self {
            time_ms,
            reason: reason.into(),
            detail,
            specimen: Specimen {
                sha256: sha256.map_err(|_| corrupt("the hash has not 32 bytes"))?,
                len: u64::try_from(len).map_err(|_| corrupt("the length is negative"))?,
                bytes: bytes.into(),
            },
            room: room.into(),
        })
    }
}

/// Refuses what no store takes.
pub(crate) fn validate(letters: &[DeadLetter]) -> Result<(), StoreError> {
    for letter in letters {
        let specimen = &letter.specimen;
        let texts = [&*letter.room, &*letter.reason, &*letter.detail];
        let what = if letter.room.is_empty() || letter.reason.is_empty() {
            "names no room or no reason"
        } else if texts.iter().any(|text| text.contains('\0')) {
            "contains U+0000 in a text"
        } else if letter.reason.len() > MAX_REASON_BYTES || letter.detail.len() > MAX_DETAIL_BYTES {
            "has too long a text"
        } else if specimen.bytes.len() > Specimen::KEPT_BYTES
            || (specimen.bytes.len() as u64) > specimen.len
            || i64::try_from(specimen.len).is_err()
        {
            "has more bytes than are kept, or than it says"
        } else {
            continue;
        };
        return Err(StoreError::Invalid(format!("a dead letter {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specimen_has_the_hash_of_all_and_the_beginning_and_shows_neither_by_debug() {
        let small = Specimen::of(b"abc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            small.sha256_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(small.is_whole());
        assert!(!format!("{small:?}").contains("abc"), "{small:?}");
        let bytes = [vec![1; Specimen::KEPT_BYTES], vec![2]].concat();
        let large = Specimen::of(&bytes);
        assert_eq!(large.len, Specimen::KEPT_BYTES as u64 + 1);
        assert_eq!(&large.bytes[..], &bytes[..Specimen::KEPT_BYTES]);
        assert!(!large.is_whole());
        assert_ne!(large.sha256, Specimen::of(&large.bytes).sha256);
    }
}
