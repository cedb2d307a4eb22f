//! Which rooms this node listens to, and how far that has come.
//!
//! Knows no connection: whoever has one asks for what is to be done and says how it went. The one rule: a room is *heard* only between the
//! server's word that it is subscribed and the end of that connection.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::keys::{Keys, RoomKeys};
use crate::room::RoomName;

/// What a channel is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Which nodes there are. Always wanted.
    Nodes,
    /// What happens in a room.
    Room(RoomName),
}

/// The rooms of this node. Bounded by those that are open.
#[derive(Debug)]
pub struct Rooms {
    keys: Keys,
    state: Mutex<State>,
    /// Something is to be done.
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<Topic, Hearing>,
    by_channel: HashMap<Arc<str>, Topic>,
    /// Those whose place is not the wanted one. Asking for each once is enough.
    to_do: BTreeSet<Topic>,
    /// Those for which it went wrong.
    failed: BTreeSet<Topic>,
}

#[derive(Debug)]
struct Hearing {
    channel: Arc<str>,
    /// Of a room.
    keys: Option<Arc<RoomKeys>>,
    wanted: bool,
    place: Place,
    heard: watch::Sender<bool>,
    /// Something may have been said before it was heard, and somebody believes that it was.
    late: bool,
    /// It ended while the answer to subscribing it was on its way.
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Off,
    Subscribing,
    On,
    Unsubscribing,
}

/// What is to be done for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Subscribe,
    Unsubscribe,
}

/// What follows from a step that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Nothing,
    /// The room is heard after a time in which it was not.
    Something,
}

impl Rooms {
    /// No rooms yet.
    pub fn new(keys: Keys) -> Self {
        let rooms = Self {
            keys,
            state: Mutex::default(),
            changed: Notify::new(),
        };
        rooms.want(Topic::Nodes);
        rooms
    }

    /// The names in Redis that belong to no room.
    pub fn names(&self) -> &Keys {
        &self.keys
    }

    /// Wants a room. What is given back turns true when it is heard.
    pub fn join(&self, room: &RoomName) -> watch::Receiver<bool> {
        self.want(Topic::Room(room.clone()))
    }

    fn want(&self, topic: Topic) -> watch::Receiver<bool> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let entry = state.topics.entry(topic.clone()).or_insert_with(|| {
            let keys = match &topic {
                Topic::Nodes => None,
                Topic::Room(room) => Some(self.keys.room(room)),
            };
            let channel: Arc<str> = match &keys {
                None => self.keys.nodes().into(),
                Some(keys) => keys.channel.as_str().into(),
            };
            state.by_channel.insert(channel.clone(), topic.clone());
            Hearing {
                channel,
                keys,
                wanted: true,
                place: Place::Off,
                heard: watch::Sender::new(false),
                late: false,
                ended: false,
            }
        });
        entry.wanted = true;
        if entry.place == Place::Off && !state.failed.contains(&topic) {
            state.to_do.insert(topic);
            self.changed.notify_one();
        }
        entry.heard.subscribe()
    }

    /// Who joined does not wait any longer.
    pub fn is_late(&self, room: &RoomName) {
        let topic = Topic::Room(room.clone());
        if let Some(hearing) = self.state.lock().topics.get_mut(&topic) {
            hearing.late = true;
        }
    }

    /// Does not want a room any more.
    pub fn leave(&self, room: &RoomName) {
        let topic = Topic::Room(room.clone());
        let mut state = self.state.lock();
        let Some(hearing) = state.topics.get_mut(&topic) else {
            return;
        };
        hearing.wanted = false;
        match hearing.place {
            Place::Off => state.forget(&topic),
            Place::On => {
                state.to_do.insert(topic);
                self.changed.notify_one();
            }
            // Seen when that is done.
            Place::Subscribing | Place::Unsubscribing => {}
        }
    }

    /// The next thing to do; it counts as begun.
    pub fn next(&self) -> Option<(Topic, Arc<str>, Step)> {
        let mut state = self.state.lock();
        loop {
            let topic = state.to_do.pop_first()?;
            let Some(hearing) = state.topics.get_mut(&topic) else {
                continue;
            };
            let step = match (hearing.wanted, hearing.place) {
                (true, Place::Off) => Step::Subscribe,
                (false, Place::On) => Step::Unsubscribe,
                _ => continue,
            };
            hearing.ended = false;
            hearing.place = match step {
                Step::Subscribe => Place::Subscribing,
                Step::Unsubscribe => Place::Unsubscribing,
            };
            if step == Step::Unsubscribe {
                hearing.heard.send_replace(false);
            }
            return Some((topic, hearing.channel.clone(), step));
        }
    }

    /// A step went well.
    pub fn done(&self, topic: &Topic, step: Step) -> Missed {
        let mut state = self.state.lock();
        let Some(hearing) = state.topics.get_mut(topic) else {
            return Missed::Nothing;
        };
        let mut missed = Missed::Nothing;
        let as_wanted = match step {
            Step::Subscribe if std::mem::take(&mut hearing.ended) => {
                drop(state);
                self.failed(topic, step);
                return Missed::Nothing;
            }
            Step::Subscribe if hearing.place == Place::Subscribing => {
                hearing.place = Place::On;
                hearing.heard.send_replace(true);
                if std::mem::take(&mut hearing.late) {
                    missed = Missed::Something;
                }
                hearing.wanted
            }
            Step::Unsubscribe if hearing.place == Place::Unsubscribing => {
                hearing.place = Place::Off;
                if !hearing.wanted {
                    state.forget(topic);
                    return missed;
                }
                false
            }
            // The connection ended meanwhile.
            _ => return missed,
        };
        if !as_wanted {
            state.to_do.insert(topic.clone());
            self.changed.notify_one();
        }
        missed
    }

    /// A step went wrong; it is done again after [`retry`](Self::retry).
    pub fn failed(&self, topic: &Topic, step: Step) {
        let mut state = self.state.lock();
        let Some(hearing) = state.topics.get_mut(topic) else {
            return;
        };
        hearing.place = match step {
            Step::Subscribe => Place::Off,
            Step::Unsubscribe => Place::On,
        };
        if step == Step::Subscribe && !hearing.wanted {
            state.forget(topic);
            return;
        }
        state.failed.insert(topic.clone());
    }

    /// Lines up what went wrong.
    pub fn retry(&self) {
        let mut state = self.state.lock();
        let failed = std::mem::take(&mut state.failed);
        if !failed.is_empty() {
            state.to_do.extend(failed);
            self.changed.notify_one();
        }
    }

    /// The server ended the subscription of a channel by itself, as it does when a part of a cluster moves.
    pub fn ended(&self, channel: &str) {
        let mut state = self.state.lock();
        let Some(topic) = state.by_channel.get(channel).cloned() else {
            return;
        };
        let Some(hearing) = state.topics.get_mut(&topic) else {
            return;
        };
        match hearing.place {
            Place::On if hearing.wanted => {
                hearing.place = Place::Off;
                hearing.late = true;
                hearing.heard.send_replace(false);
                state.failed.insert(topic);
            }
            Place::Subscribing => hearing.ended = true,
            // What we asked for ourselves.
            _ => {}
        }
    }

    /// The connection ended, and nothing is heard any more.
    pub fn lost(&self) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.failed.clear();
        state.topics.retain(|_, hearing| {
            hearing.late |= hearing.place == Place::On;
            hearing.place = Place::Off;
            hearing.heard.send_replace(false);
            hearing.wanted
        });
        let topics = &state.topics;
        state
            .by_channel
            .retain(|_, topic| topics.contains_key(topic));
        state.to_do = state.topics.keys().cloned().collect();
    }

    /// What a channel is about, if that is wanted.
    pub fn of_channel(&self, channel: &str) -> Option<Topic> {
        let state = self.state.lock();
        let topic = state.by_channel.get(channel)?;
        state.topics.get(topic)?.wanted.then(|| topic.clone())
    }

    /// The names of a room in Redis.
    pub fn keys(&self, room: &RoomName) -> Arc<RoomKeys> {
        let topic = Topic::Room(room.clone());
        let known = |state: &State| state.topics.get(&topic)?.keys.clone();
        let known = known(&self.state.lock());
        known.unwrap_or_else(|| self.keys.room(room))
    }

    /// How many rooms are wanted and, after some waiting, not heard.
    pub fn unheard(&self) -> usize {
        let state = self.state.lock();
        let topics = state.topics.iter();
        topics
            .filter(|(topic, hearing)| **topic != Topic::Nodes && hearing.wanted && hearing.late)
            .count()
    }
}

impl State {
    fn forget(&mut self, topic: &Topic) {
        if let Some(hearing) = self.topics.remove(topic) {
            self.by_channel.remove(&hearing.channel);
            self.to_do.remove(topic);
            self.failed.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    fn rooms() -> Rooms {
        let rooms = Rooms::new(Keys::new("test".to_owned()));
        let (topic, ..) = rooms.next().unwrap();
        assert_eq!(topic, Topic::Nodes);
        rooms.done(&topic, Step::Subscribe);
        rooms
    }

    fn topic(room: &RoomName) -> Topic {
        Topic::Room(room.clone())
    }

    fn steps(rooms: &Rooms) -> Vec<(Topic, Step)> {
        std::iter::from_fn(|| rooms.next())
            .map(|(topic, _, step)| (topic, step))
            .collect()
    }

    #[test]
    fn n22_a_room_is_heard_from_the_servers_word_to_the_end_of_the_connection() {
        let (rooms, a) = (rooms(), name("a"));
        let channel = rooms.keys(&a).channel.clone();
        let heard = rooms.join(&a);
        assert_eq!(rooms.of_channel(&channel), Some(topic(&a)));
        rooms.join(&a);
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        assert!(!*heard.borrow());
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Nothing);
        assert!(*heard.borrow());
        assert_eq!(rooms.unheard(), 0);
        rooms.lost();
        assert!(!*heard.borrow());
        assert_eq!(rooms.unheard(), 1);
        let both = [Topic::Nodes, topic(&a)].map(|topic| (topic, Step::Subscribe));
        assert_eq!(steps(&rooms), both);
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Something);
        assert!(*heard.borrow());
        rooms.leave(&a);
        assert_eq!(rooms.of_channel(&channel), None);
        assert_eq!(steps(&rooms), [(topic(&a), Step::Unsubscribe)]);
        rooms.done(&topic(&a), Step::Unsubscribe);
        assert_eq!(rooms.state.lock().topics.len(), 1);
        assert_eq!(rooms.state.lock().by_channel.len(), 1);
    }

    #[test]
    fn n22_who_leaves_and_joins_while_a_step_is_under_way_is_heard_in_the_end() {
        let (rooms, a) = (rooms(), name("a"));
        rooms.join(&a);
        assert_eq!(steps(&rooms).len(), 1);
        rooms.leave(&a);
        assert_eq!(steps(&rooms), []);
        rooms.done(&topic(&a), Step::Subscribe);
        assert_eq!(steps(&rooms), [(topic(&a), Step::Unsubscribe)]);
        let heard = rooms.join(&a);
        assert!(!*heard.borrow(), "the server has been told to stop");
        assert_eq!(steps(&rooms), []);
        rooms.done(&topic(&a), Step::Unsubscribe);
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        rooms.done(&topic(&a), Step::Subscribe);
        assert!(*heard.borrow());
    }

    #[test]
    fn n22_leaving_and_joining_again_at_once_asks_the_server_nothing() {
        let (rooms, a) = (rooms(), name("a"));
        rooms.join(&a);
        steps(&rooms);
        rooms.done(&topic(&a), Step::Subscribe);
        rooms.leave(&a);
        assert!(*rooms.join(&a).borrow());
        assert_eq!(steps(&rooms), []);
    }

    #[test]
    fn n22_what_went_wrong_is_tried_again_and_who_waited_too_long_is_told() {
        let (rooms, a) = (rooms(), name("a"));
        rooms.join(&a);
        steps(&rooms);
        rooms.failed(&topic(&a), Step::Subscribe);
        rooms.is_late(&a);
        rooms.join(&a);
        assert_eq!(steps(&rooms), [], "not before its time");
        rooms.retry();
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Something);
        // The server may end one by itself.
        rooms.ended(&rooms.keys(&a).channel);
        assert_eq!(rooms.unheard(), 1);
        rooms.retry();
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Something);
        // Also while the answer is on its way.
        rooms.ended(&rooms.keys(&a).channel);
        rooms.retry();
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        rooms.ended(&rooms.keys(&a).channel);
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Nothing);
        assert_eq!(rooms.unheard(), 1);
        rooms.retry();
        assert_eq!(steps(&rooms), [(topic(&a), Step::Subscribe)]);
        assert_eq!(rooms.done(&topic(&a), Step::Subscribe), Missed::Something);
        // Its word about what we asked for ourselves changes nothing.
        rooms.leave(&a);
        steps(&rooms);
        rooms.ended(&rooms.keys(&a).channel);
        rooms.done(&topic(&a), Step::Unsubscribe);
        assert_eq!(rooms.state.lock().topics.len(), 1);
    }
}
