//! Rooms that somebody should look at, whether they go on serving or are set aside, and how making snapshots goes.
//!
//! Filled by those who open, load and compact, read by health. The one rule: a mark is taken away by whoever finds the room well again.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// How many rooms are named. Beyond it a mark is only in the log.
const NAMED: usize = 100;

/// What is odd about rooms, by name, and about making snapshots of them.
#[derive(Debug, Default)]
pub struct Marks {
    rooms: Mutex<BTreeMap<String, String>>,
    aside: Mutex<BTreeMap<String, String>>,
    trouble: Mutex<Option<String>>,
}

impl Marks {
    /// Marks a room. Logged loudly when that is news.
    pub fn set(&self, room: &str, why: &str) {
        if is_news(&self.rooms, room, why) {
            tracing::error!(room, why, "a room needs looking after; it goes on serving");
        }
    }

    /// Marks a room that is not opened any more. Logged loudly when that is news.
    pub fn set_aside(&self, room: &str, why: &str) {
        if is_news(&self.aside, room, why) {
            tracing::error!(room, why, "a room needs looking after; it is not opened");
        }
    }

    /// Takes that mark away.
    pub fn released(&self, room: &str) {
        self.aside.lock().remove(room);
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

    /// All marks, by room. That it is set aside beats what else is odd about it.
    pub fn all(&self) -> Vec<(String, String)> {
        let mut all = self.rooms.lock().clone();
        all.extend(self.aside.lock().clone());
        all.into_iter().collect()
    }
}

/// Notes it, and says whether it was not known.
fn is_news(marks: &Mutex<BTreeMap<String, String>>, room: &str, why: &str) -> bool {
    let mut marks = marks.lock();
    if marks.get(room).is_some_and(|known| known == why) {
        return false;
    }
    if marks.len() < NAMED || marks.contains_key(room) {
        marks.insert(room.to_owned(), why.to_owned());
    }
    true
}
