//! How much is taken of clients, read from the settings and handed to the parts that hold to it.

use std::num::NonZeroU32;

use scrible_wire::Limits;

use super::{ConfigError, Effective};
use crate::room::{Capacity, PresenceLimits};
use crate::session::PaceConfig;
use crate::telemetry::Process;

/// Where a machine does not say how much memory it has.
const UNKNOWN_MEMORY: usize = 2 << 30;

/// How much to take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitsConfig {
    /// Largest message of a client.
    pub max_message_bytes: usize,
    /// Edits of all rooms that may wait to be stored; at least one message.
    pub max_uncommitted_bytes: usize,
    /// Messages a second of one connection; `None`: as many as it likes.
    pub messages_per_second: Option<NonZeroU32>,
    /// Bytes a second of one connection; `None`: as many as it likes.
    pub bytes_per_second: Option<NonZeroU32>,
    /// How much one room may hold.
    pub capacity: Capacity,
    /// Memory that all rooms together may take.
    pub room_memory: usize,
    /// Bytes of one client's presence.
    pub presence_bytes: usize,
    /// Client ids of one session's presence.
    pub presence_ids: usize,
}

impl LimitsConfig {
    pub(super) fn read(settings: &Effective) -> Result<Self, ConfigError> {
        let config = Self {
            // The upper end is what every database takes as one value.
            max_message_bytes: settings.size("SCRIBLE_MAX_MESSAGE_BYTES", 64 << 10..=512 << 20)?,
            max_uncommitted_bytes: settings
                .size("SCRIBLE_MAX_UNCOMMITTED_BYTES", 64 << 10..=64 << 30)?,
            messages_per_second: NonZeroU32::new(
                settings.number("SCRIBLE_MAX_MESSAGES_PER_SECOND", 0..=1_000_000)? as u32,
            ),
            bytes_per_second: NonZeroU32::new(
                settings.size("SCRIBLE_MAX_BYTES_PER_SECOND", 0..=1 << 30)? as u32,
            ),
            capacity: Capacity {
                bytes: settings.size("SCRIBLE_MAX_ROOM_BYTES", 1 << 20..=64 << 30)?,
                clients: settings.number("SCRIBLE_MAX_ROOM_CLIENTS", 100..=100_000_000)? as usize,
            },
            room_memory: match settings.is_set("SCRIBLE_MAX_ROOM_MEMORY") {
                true => settings.size("SCRIBLE_MAX_ROOM_MEMORY", 1 << 20..=1 << 40)?,
                false => Process::memory_limit().map_or(UNKNOWN_MEMORY, |limit| limit / 2),
            },
            presence_bytes: settings.size("SCRIBLE_MAX_PRESENCE_BYTES", 1 << 10..=1 << 20)?,
            presence_ids: settings.number("SCRIBLE_MAX_PRESENCE_IDS", 1..=10_000)? as usize,
        };
        if config.max_uncommitted_bytes < config.max_message_bytes {
            let value = settings.value("SCRIBLE_MAX_UNCOMMITTED_BYTES");
            return Err(value.wrong("no less than SCRIBLE_MAX_MESSAGE_BYTES, or the largest message could never be taken"));
        }
        Ok(config)
    }

    /// What the scanner holds messages to.
    pub fn wire(&self) -> Limits {
        Limits {
            awareness_state_bytes: self.presence_bytes,
            ..Limits::default()
        }
    }

    /// How much presence a session may show: a few of its states may be as large as one may be.
    pub fn presence(&self) -> PresenceLimits {
        PresenceLimits {
            ids: self.presence_ids,
            bytes: self.presence_bytes * 4,
        }
    }

    /// How fast a client may send.
    pub fn pace(&self) -> PaceConfig {
        let largest = u32::try_from(self.max_message_bytes).unwrap_or(u32::MAX);
        PaceConfig {
            messages: self.messages_per_second,
            bytes: self.bytes_per_second,
            burst_bytes: NonZeroU32::new(largest).unwrap_or(NonZeroU32::MAX),
        }
    }
}
