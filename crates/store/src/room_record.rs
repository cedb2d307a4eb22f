//! What is on the record of a room: how often a process ended while it was opening that room, and whether it is set aside.
//!
//! Knows no database. The rule: one death makes a suspect and no more, because many rooms share it and it may have had
//! quite another cause; from then on only those count that the room had to itself.

use std::sync::Arc;
use std::time::Duration;

use crate::{Incarnation, StoreError};

/// How often a node says that it lives.
pub const NODE_BEAT: Duration = Duration::from_secs(5);
/// A node that was not heard for this long is gone, where nothing else tells.
pub(crate) const NODE_GONE: Duration = Duration::from_secs(20);
/// At so many deaths a room is set aside.
const MAX_DEATHS: u32 = 3;

/// A room that a node is about to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Which node.
    pub node: Incarnation,
    /// The canonical name.
    pub room: Arc<str>,
    /// Tells this opening from an earlier one of the same room by the same node; at most `i64::MAX`.
    pub number: u64,
    /// No other room with a death on its record is being opened by the node at the same time.
    pub alone: bool,
}

impl Opening {
    /// Its number, as it is stored.
    pub(crate) fn stored_number(&self) -> i64 {
        i64::try_from(self.number).unwrap_or(i64::MAX)
    }
}

/// How an opening ended, without harm to the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpeningEnd {
    /// The room was read. Its deaths had another cause.
    Lived,
    /// It was not read, or nobody knows what reading it would have done.
    Unread,
}

/// What is known against a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomRecord {
    /// The canonical name.
    pub room: Arc<str>,
    /// How often a process ended while opening it: the first time, and each time that it was the only suspect.
    pub deaths: u32,
    /// Why it is not to be opened.
    pub set_aside: Option<SetAsideBy>,
    /// When this changed last, in milliseconds since 1970.
    pub time_ms: i64,
}

/// Who decided that a room is not to be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetAsideBy {
    /// The number of its deaths.
    Deaths,
    /// Somebody who looks after the rooms.
    Operator,
}

impl SetAsideBy {
    /// How it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deaths => "deaths",
            Self::Operator => "operator",
        }
    }

    pub(crate) fn from_stored(stored: &str) -> Option<Self> {
        [Self::Deaths, Self::Operator]
            .into_iter()
            .find(|by| by.as_str() == stored)
    }
}

/// A record as it is stored: room, deaths, why it is set aside, when that changed.
pub(crate) type StoredRecord = (String, i64, Option<String>, i64);

impl RoomRecord {
    pub(crate) fn from_stored((room, deaths, set_aside, time_ms): StoredRecord) -> Self {
        Self {
            room: room.into(),
            deaths: u32::try_from(deaths).unwrap_or(u32::MAX),
            // What this version does not know is set aside for a reason all the same.
            set_aside: set_aside
                .map(|by| SetAsideBy::from_stored(&by).unwrap_or(SetAsideBy::Operator)),
            time_ms,
        }
    }

    /// A clean one.
    pub(crate) fn clean(room: Arc<str>) -> Self {
        Self {
            room,
            deaths: 0,
            set_aside: None,
            time_ms: 0,
        }
    }

    /// Whether it is to be opened with no other suspect beside it.
    pub fn is_suspect(&self) -> bool {
        self.deaths > 0
    }

    /// Adds the death of a node that was opening it.
    pub(crate) fn add_death(&mut self, alone: bool, now_ms: i64) {
        if self.deaths == 0 || alone {
            self.deaths = self.deaths.saturating_add(1);
        }
        if self.deaths >= MAX_DEATHS {
            self.set_aside = self.set_aside.or(Some(SetAsideBy::Deaths));
        }
        self.time_ms = now_ms;
    }
}

/// Refuses a name that no store takes.
pub(crate) fn validate_name(room: &str) -> Result<(), StoreError> {
    match room.is_empty() || room.contains('\0') {
        true => Err(StoreError::Invalid(format!("{room:?} names no room"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q4_the_first_death_and_those_alone_count_and_the_third_sets_aside() {
        let mut record = RoomRecord::clean("room".into());
        for (alone, deaths, set_aside) in [
            (false, 1, None),
            (false, 1, None),
            (true, 2, None),
            (false, 2, None),
            (true, 3, Some(SetAsideBy::Deaths)),
        ] {
            record.add_death(alone, 7);
            assert_eq!((record.deaths, record.set_aside), (deaths, set_aside));
        }
        let mut paused = RoomRecord::clean("room".into());
        paused.set_aside = Some(SetAsideBy::Operator);
        (0..5).for_each(|_| paused.add_death(true, 7));
        assert_eq!(paused.set_aside, Some(SetAsideBy::Operator));
    }
}
