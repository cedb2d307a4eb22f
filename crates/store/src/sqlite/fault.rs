//! Turns what SQLite reports into what callers branch on.
//!
//! The rule: nothing that may pass by itself is reported as final, and nothing that a retry cannot heal is called
//! [`StoreError::Corrupt`] unless it concerns the room that was asked for.

use crate::{RoomId, StoreError};

// Primary result codes, https://www.sqlite.org/rescode.html; the extended ones carry them in their low byte.
const BUSY: i32 = 5;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const RANGE: i32 = 25;
const NOT_A_DATABASE: i32 = 26;

/// A failure in the middle of `doing`, for example "append a batch".
pub fn unavailable(doing: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable(format!("{doing}: {}", sentence(error)))
}

/// A failure while writing what a caller gave. Damaged pages are no reason to refuse it: nobody knows whose they are, and what waits to
/// be written is safest where it is until somebody has looked.
pub fn while_writing(doing: &str, error: &sqlx::Error) -> StoreError {
    match primary_code(error) {
        // These depend on the values alone.
        Some(TOO_BIG | CONSTRAINT | MISMATCH | RANGE) => {
            StoreError::Conflict(format!("{doing}: {}", sentence(error)))
        }
        _ => unavailable(doing, error),
    }
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

/// Whether the file, or its file system, can only be read.
pub fn is_read_only(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(READ_ONLY)
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What SQLite reports under an extended code.
    #[derive(Debug)]
    struct Reported(i32);

    impl std::fmt::Display for Reported {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "reported {}", self.0)
        }
    }

    impl Error for Reported {}

    impl DatabaseError for Reported {
        fn message(&self) -> &str {
            "words"
        }
        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.to_string().into())
        }
        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    /// What a code means, for a writer and for the reader of one room.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Means {
        /// What waits is kept and tried again.
        NotNow,
        /// As above for writers; the room that is read is damaged.
        Damage,
        /// What was given cannot be stored, so others need not wait for it.
        Refused,
    }

    #[test]
    fn j3_j5_every_code_of_sqlite_is_either_worth_trying_again_or_the_fault_of_what_was_given() {
        use Means::{Damage, NotNow, Refused};
        let primary = [
            (1, NotNow),   // ERROR: a table is missing
            (2, NotNow),   // INTERNAL
            (3, NotNow),   // PERM
            (4, NotNow),   // ABORT
            (5, NotNow),   // BUSY
            (6, NotNow),   // LOCKED
            (7, NotNow),   // NOMEM
            (8, NotNow),   // READONLY
            (9, NotNow),   // INTERRUPT
            (10, NotNow),  // IOERR
            (11, Damage),  // CORRUPT
            (12, NotNow),  // NOTFOUND
            (13, NotNow),  // FULL
            (14, NotNow),  // CANTOPEN
            (15, NotNow),  // PROTOCOL
            (16, NotNow),  // EMPTY
            (17, NotNow),  // SCHEMA
            (18, Refused), // TOOBIG
            (19, Refused), // CONSTRAINT
            (20, Refused), // MISMATCH
            (21, NotNow),  // MISUSE
            (22, NotNow),  // NOLFS
            (23, NotNow),  // AUTH
            (24, NotNow),  // FORMAT
            (25, Refused), // RANGE
            (26, Damage),  // NOTADB
        ];
        // A full disk while writing, a sync that failed, a page that cannot be read, a log that nobody can recover, a read-only
        // folder, a torn page, a duplicate.
        let extended = [
            778, 1034, 266, 261, 1544, 8714, 267, 779, 2067, 1555, 517, 526,
        ];
        let extended = extended.map(|code| {
            let means = primary[(code & 0xff) as usize - 1].1;
            (code, means)
        });
        for (code, means) in primary.into_iter().chain(extended) {
            let error = sqlx::Error::Database(Box::new(Reported(code)));
            let writing = while_writing("write", &error);
            assert_eq!(
                writing.is_retryable(),
                means != Refused,
                "{code}: {writing}"
            );
            assert!(matches!(
                (means, &writing),
                (Refused, StoreError::Conflict(_)) | (_, StoreError::Unavailable(_))
            ));
            let reading = while_reading("room", &error);
            let is_corrupt = matches!(reading, StoreError::Corrupt { .. });
            assert_eq!(is_corrupt, means == Damage, "{code}: {reading}");
            let told = format!("words (SQLite code {})", code & 0xff);
            assert!(writing.to_string().ends_with(&told), "{writing}");
        }
    }

    #[test]
    fn what_is_no_code_at_all_may_pass() {
        for error in [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::WorkerCrashed,
            sqlx::Error::Io(std::io::ErrorKind::StorageFull.into()),
        ] {
            assert!(while_writing("write", &error).is_retryable(), "{error}");
            assert!(while_reading("room", &error).is_retryable(), "{error}");
        }
    }
}
