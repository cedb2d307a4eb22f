//! Turns what SQLite reports into what callers branch on.
//!
//! The rule: nothing that may pass by itself is reported as final, and nothing that a retry cannot heal is called
//! [`StoreError::Corrupt`] unless it concerns the room that was asked for.

use crate::{RoomId, StoreError};

// Primary result codes, https://www.sqlite.org/rescode.html; the extended ones carry them in their low byte.
const BUSY: i32 = 5;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// A failure in the middle of `doing`, for example "append a batch".
pub fn unavailable(doing: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable(format!("{doing}: {}", sentence(error)))
}

/// A failure while reading one room: damaged pages are that room's damage.
pub fn while_reading(room: &str, error: &sqlx::Error) -> StoreError {
    if is_damage(error) {
        StoreError::Corrupt {
            room: room.to_owned(),
            what: sentence(error),
        }
    } else {
        unavailable("load a room", error)
    }
}

/// Whether what the file holds makes no sense: in its structure, or as a value of its column.
pub fn is_damage(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(CORRUPT | NOT_A_DATABASE))
        || matches!(error, sqlx::Error::ColumnDecode { .. })
}

/// Whether somebody else's lock was in the way.
pub fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(BUSY)
}

/// Whether the file is something else than a database.
pub fn is_not_a_database(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(NOT_A_DATABASE)
}

/// Whether a row stood where it must not.
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if e.is_unique_violation())
}

/// Whether a row points to what is not there.
pub fn is_foreign_key_violation(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if e.is_foreign_key_violation())
}

/// That a room is not there.
pub fn no_room(room: RoomId) -> StoreError {
    StoreError::Conflict(format!("there is no room number {}", room.0))
}

/// What went wrong, in SQLite's own words where there are any.
pub fn sentence(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(e) => match primary_code(error) {
            Some(code) => format!("{} (SQLite code {code})", e.message()),
            None => e.message().to_owned(),
        },
        sqlx::Error::PoolClosed => "the store is closed".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        other => other.to_string(),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(e) = error else {
        return None;
    };
    let extended: i32 = e.code()?.parse().ok()?;
    Some(extended & 0xff)
}
