//! What makes a batch acceptable to any store, before a database is asked.
//!
//! The rule: what passes here, no database may refuse for its shape, or a batch that cannot be stored would block the
//! journal behind it for ever.

use std::collections::HashSet;

use crate::{Batch, StoreError};

/// The largest update, in bytes. Postgres ends at 2^30 - 1 for a value and SQLite at 10^9; half of that leaves room.
const MAX_UPDATE_BYTES: usize = 1 << 29;

/// Refuses what no store takes.
pub fn validate(batch: &Batch) -> Result<(), StoreError> {
    let invalid = |sentence: String| Err(StoreError::Invalid(sentence));
    if i64::try_from(batch.number).is_err() {
        return invalid(format!("batch number {} is too high", batch.number));
    }
    let mut seen = HashSet::with_capacity(batch.rooms.len());
    for part in &batch.rooms {
        if part.room.is_empty() {
            return invalid("a room without a name can't be stored".to_owned());
        }
        if part.room.contains('\0') {
            return invalid(format!("room name {:?} contains U+0000", part.room));
        }
        if !seen.insert(&*part.room) {
            return invalid(format!("room {:?} stands twice in one batch", part.room));
        }
        for update in &part.updates {
            if update.bytes.len() > MAX_UPDATE_BYTES {
                return invalid(format!(
                    "an update of {} bytes for room {:?} is larger than {MAX_UPDATE_BYTES}",
                    update.bytes.len(),
                    part.room
                ));
            }
            if update.author.as_deref().is_some_and(|a| a.contains('\0')) {
                return invalid(format!(
                    "the author of an update for room {:?} contains U+0000",
                    part.room
                ));
            }
        }
    }
    Ok(())
}
