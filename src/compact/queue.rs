//! Rooms that wait to be compacted: each at most once, and never twice at the same time.
//!
//! Bound: the number of rooms with something new; an entry is a name. The one rule: what is asked for while a room is being
//! compacted is done after that, not forgotten.

use std::collections::{HashMap, HashSet, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::room::RoomName;

/// Why a room lines up. The later ones ask for more: a version is a base, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its rows outgrew its base.
    Size,
    /// The last version lies far enough behind.
    Interval,
    /// It was unloaded.
    Unload,
}

/// Rooms in line.
#[derive(Debug, Default)]
pub struct CompactionQueue {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Debug, Default)]
struct State {
    line: VecDeque<RoomName>,
    asked: HashMap<RoomName, Why>,
    under_way: HashSet<RoomName>,
}

impl CompactionQueue {
    /// Lines a room up.
    pub fn push(&self, name: &RoomName, why: Why) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(asked) = state.asked.get_mut(name) {
            *asked = why.max(*asked);
            return;
        }
        state.asked.insert(name.clone(), why);
        if !state.under_way.contains(name) {
            state.line.push_back(name.clone());
            self.more.notify_one();
        }
    }

    /// The next room; it is under way until [`done`](Self::done).
    pub async fn next(&self) -> (RoomName, Why) {
        loop {
            let more = self.more.notified();
            if let Some(next) = self.pop() {
                return next;
            }
            more.await;
        }
    }

    /// Notes that a room is not under way any more.
    pub fn done(&self, name: &RoomName) {
        let mut state = self.state.lock();
        state.under_way.remove(name);
        if state.asked.contains_key(name) {
            state.line.push_back(name.clone());
            self.more.notify_one();
        }
    }

    /// How many rooms wait or are under way.
    pub fn pending(&self) -> usize {
        let state = self.state.lock();
        state.line.len() + state.under_way.len()
    }

    fn pop(&self) -> Option<(RoomName, Why)> {
        let mut state = self.state.lock();
        let name = state.line.pop_front()?;
        let why = state
            .asked
            .remove(&name)
            .expect("whoever stands in line was asked for");
        state.under_way.insert(name.clone());
        // A wake-up may have been for two.
        if !state.line.is_empty() {
            self.more.notify_one();
        }
        Some((name, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn k3_a_room_is_compacted_once_at_a_time_and_nothing_asked_meanwhile_is_forgotten() {
        let queue = CompactionQueue::default();
        let (a, b) = (RoomName::new("a").unwrap(), RoomName::new("b").unwrap());
        queue.push(&a, Why::Unload);
        queue.push(&a, Why::Size);
        queue.push(&b, Why::Size);
        assert_eq!(queue.next().await, (a.clone(), Why::Unload));
        queue.push(&a, Why::Size);
        queue.push(&a, Why::Interval);
        assert_eq!(queue.next().await, (b.clone(), Why::Size));
        assert_eq!(queue.pop(), None, "a is under way");
        queue.done(&a);
        assert_eq!(queue.next().await, (a.clone(), Why::Interval));
        queue.done(&a);
        queue.done(&b);
        assert_eq!((queue.pop(), queue.pending()), (None, 0));
    }
}
