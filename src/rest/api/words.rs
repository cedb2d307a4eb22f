//! What several resources say: roles, times, and fields that may be taken away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::rest::error::Problem;

/// The last millisecond of the year 9999, behind which nobody writes times.
const LAST_MS: i64 = 253_402_300_799_999;

/// What somebody may do in a room. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub enum RoleName {
    /// Sees edits and cursors, changes nothing.
    Viewer,
    /// Edits.
    Editor,
    /// Decides who may come in, and may delete the room.
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Editor => Self::Editor,
            RoleName::Owner => Self::Owner,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Editor => Self::Editor,
            Role::Owner => Self::Owner,
        }
    }
}

/// A time as RFC 3339 has it, UTC, with milliseconds.
pub fn time(ms: i64) -> String {
    let ms = u64::try_from(ms.clamp(0, LAST_MS)).unwrap_or_default();
    let time = UNIX_EPOCH + Duration::from_millis(ms);
    humantime::format_rfc3339_millis(time).to_string()
}

/// A time that a client wrote, in milliseconds since 1970.
pub fn read_time(text: &str) -> Result<i64, Problem> {
    let time = humantime::parse_rfc3339(text).ok();
    let ms = time.and_then(|time: SystemTime| time.duration_since(UNIX_EPOCH).ok());
    let ms = ms.and_then(|since| i64::try_from(since.as_millis()).ok());
    let bad = || Problem::invalid("a time is written like 2026-05-04T12:00:00Z (RFC 3339, UTC)");
    ms.ok_or_else(bad)
}

/// A field that is there, if only to be taken away by `null`.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_times_are_rfc_3339_in_utc_with_milliseconds() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(time(ms), text);
        }
        assert_eq!(
            read_time("2026-01-01T00:00:00Z").unwrap(),
            1_767_225_600_000
        );
        assert_eq!(
            read_time("2026-01-01T00:00:00.5Z").unwrap(),
            1_767_225_600_500
        );
        for bad in [
            "",
            "tomorrow",
            "2026-01-01",
            "2026-01-01T00:00:00+02:00",
            "1969-01-01T00:00:00Z",
        ] {
            assert!(read_time(bad).is_err(), "{bad}");
        }
    }
}
