//! Rooms that go on serving and that somebody should look at all the same.
//!
//! Filled by those who load and compact, read by health. The one rule: a mark is taken away by whoever finds the room well again.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// How many rooms are named. Beyond it a mark is only in the log.
const NAMED: usize = 100;

/// What is odd about rooms, by name.
#[derive(Debug, Default)]
pub struct Marks(Mutex<BTreeMap<String, String>>);

impl Marks {
    /// Marks a room. Logged loudly when that is news.
    pub fn set(&self, room: &str, why: &str) {
        let mut marks = self.0.lock();
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
        self.0.lock().remove(room);
    }

    /// All marks, by room.
    pub fn all(&self) -> Vec<(String, String)> {
        let marks = self.0.lock();
        marks
            .iter()
            .map(|(room, why)| (room.clone(), why.clone()))
            .collect()
    }
}
