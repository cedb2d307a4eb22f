//! What an error of Postgres means to a caller, and its sentence.
//!
//! Knows SQLSTATE codes. The rules: what waits to be written is refused only for its values, never for the state of the
//! database, and no sentence holds a password or what was to be stored.

use crate::{RoomId, StoreError};

const UNIQUE_VIOLATION: &str = "23505";
const FOREIGN_KEY_VIOLATION: &str = "23503";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const DATA_CORRUPTED: &str = "XX001";
const INDEX_CORRUPTED: &str = "XX002";

/// A failure in the middle of `doing`, for example "append a batch".
pub fn unavailable(doing: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable(format!("{doing}: {}", sentence(error)))
}

/// A failure before the store is open: a right that is lacking then does not come by itself.
pub fn while_opening(doing: &str, error: &sqlx::Error) -> StoreError {
    if is_code(error, INSUFFICIENT_PRIVILEGE) {
        let remedy = "the user in DATABASE_URL has to own the database and the tables in it";
        return StoreError::Invalid(format!("{doing}: {}: {remedy}", sentence(error)));
    }
    unavailable(doing, error)
}

/// A failure while writing what a caller gave.
pub fn while_writing(doing: &str, error: &sqlx::Error) -> StoreError {
    let code = code(error);
    match code.as_deref().map(class) {
        // Data exceptions, violated constraints, limits of a statement: these depend on the values alone.
        Some("22" | "23" | "54") => StoreError::Conflict(format!("{doing}: {}", sentence(error))),
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

/// Whether what the database holds makes no sense: in its pages, or as a value of its column.
pub fn is_damage(error: &sqlx::Error) -> bool {
    is_code(error, DATA_CORRUPTED)
        || is_code(error, INDEX_CORRUPTED)
        || matches!(error, sqlx::Error::ColumnDecode { .. })
}

/// Whether somebody else's lock was not given up in time.
pub fn is_locked(error: &sqlx::Error) -> bool {
    is_code(error, LOCK_NOT_AVAILABLE)
}

/// Whether a row stood where it must not.
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    is_code(error, UNIQUE_VIOLATION)
}

/// Whether a row points to what is not there.
pub fn is_foreign_key_violation(error: &sqlx::Error) -> bool {
    is_code(error, FOREIGN_KEY_VIOLATION)
}

/// That a room is not there.
pub fn no_room(room: RoomId) -> StoreError {
    StoreError::Conflict(format!("there is no room number {}", room.0))
}

/// What went wrong, in Postgres' own words where there are any.
pub fn sentence(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(e) => match e.code() {
            Some(code) => format!("{} (SQLSTATE {code})", e.message()),
            None => e.message().to_owned(),
        },
        sqlx::Error::PoolClosed => "the store is closed".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection could be had in time".to_owned(),
        other => other.to_string(),
    }
}

/// The SQLSTATE, where the server reported one.
pub fn code(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(e) = error else {
        return None;
    };
    e.code().map(|code| code.into_owned())
}

fn is_code(error: &sqlx::Error, wanted: &str) -> bool {
    code(error).as_deref() == Some(wanted)
}

/// The first two characters.
fn class(code: &str) -> &str {
    code.get(..2).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What Postgres reports under a code.
    #[derive(Debug)]
    struct Reported(&'static str);

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
            Some(self.0.into())
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
    fn j3_j5_what_postgres_reports_is_worth_trying_again_or_the_fault_of_what_was_given() {
        use Means::{Damage, NotNow, Refused};
        for (code, means) in [
            ("08006", NotNow),  // connection failure
            ("0A000", NotNow),  // feature not supported, by a pooler between us
            ("21000", NotNow),  // cardinality violation
            ("22003", Refused), // numeric value out of range
            ("22021", Refused), // character not in repertoire
            ("22P05", Refused), // untranslatable character
            ("23502", Refused), // not null violation
            ("23503", Refused), // foreign key violation
            ("23505", Refused), // unique violation
            ("23514", Refused), // check violation
            ("25006", NotNow),  // read-only transaction: a standby after failover
            ("25P02", NotNow),  // in failed transaction
            ("25P03", NotNow),  // idle in transaction for too long
            ("26000", NotNow),  // a prepared statement is gone
            ("28000", NotNow),  // invalid authorization
            ("28P01", NotNow),  // wrong password
            ("3D000", NotNow),  // no such database
            ("40001", NotNow),  // serialization failure
            ("40003", NotNow),  // statement completion unknown
            ("40P01", NotNow),  // deadlock
            ("42501", NotNow),  // no privilege
            ("42P01", NotNow),  // no such table
            ("42P05", NotNow),  // duplicate prepared statement
            ("53100", NotNow),  // disk full
            ("53200", NotNow),  // out of memory
            ("53300", NotNow),  // too many connections
            ("54000", Refused), // program limit exceeded
            ("55000", NotNow),  // not in the state for it
            ("55P03", NotNow),  // lock not available
            ("57014", NotNow),  // statement timeout
            ("57P01", NotNow),  // admin shutdown
            ("57P02", NotNow),  // crash shutdown
            ("57P03", NotNow),  // cannot connect now
            ("57P05", NotNow),  // idle session
            ("58030", NotNow),  // input or output failed
            ("F0000", NotNow),  // configuration file
            ("P0001", NotNow),  // a trigger of somebody
            ("XX000", NotNow),  // internal error
            ("XX001", Damage),  // data corrupted
            ("XX002", Damage),  // index corrupted
            ("?", NotNow),
        ] {
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
            let told = format!("words (SQLSTATE {code})");
            assert!(writing.to_string().ends_with(&told), "{writing}");
        }
    }

    #[test]
    fn s5_only_a_right_that_is_lacking_keeps_a_store_from_opening_for_good() {
        for (code, passes) in [("42501", false), ("40P01", true), ("57P03", true)] {
            let error = sqlx::Error::Database(Box::new(Reported(code)));
            let opening = while_opening("migrate", &error);
            assert_eq!(opening.is_retryable(), passes, "{code}: {opening}");
        }
    }

    #[test]
    fn what_is_no_code_at_all_may_pass() {
        for error in [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::WorkerCrashed,
            sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
        ] {
            assert!(while_writing("write", &error).is_retryable(), "{error}");
            assert!(while_reading("room", &error).is_retryable(), "{error}");
        }
    }
}
