//! Rooms that go on serving and that somebody should look at all the same, and how making snapshots goes.
//!
//! Filled by those who load and compact, read by health. The one rule: a mark is taken away by whoever finds the room well again.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// How many rooms are named. Beyond it a mark is only in the log.
const NAMED: usize = 100;

/// What is odd about rooms, by name, and about making snapshots of them.
#[derive(Debug, Default)]
pub struct Marks {
    rooms: Mutex<BTreeMap<String, String>>,
    trouble: Mutex<Option<String>>,
}

impl Marks {
    /// Marks a room. Logged loudly when that is news.
    pub fn set(&self, room: &str, why: &str) {
        let mut marks = self.rooms.lock();
        if marks.get(room).is_some_and(|known| known == why) {
            return;
        }
        tracing::error!(room, why, "a room needs looking after; it goes on serving");
        if marks.len() < NAMED || marks.contains_key(room) {
            marks.insert(room.to_owned(), why.to_owned());
        }
    }

    /// Takes a mark away.
    pub fn clear(&self, room: &str) {
        self.rooms.lock().remove(room);
    }

    /// Notes why the last attempt to make a snapshot failed. It may name a room.
    pub fn troubled(&self, why: &str) {
        *self.trouble.lock() = Some(why.to_owned());
    }

    /// Notes that the last attempt to make a snapshot did well.
    pub fn untroubled(&self) {
        *self.trouble.lock() = None;
    }

    /// Why the last attempt to make a snapshot failed, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// All marks, by room.
    pub fn all(&self) -> Vec<(String, String)> {
        let marks = self.rooms.lock();
        marks
            .iter()
            .map(|(room, why)| (room.clone(), why.clone()))
            .collect()
    }
}
