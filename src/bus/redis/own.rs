//! What the people of this node show, and what of it the other nodes have not heard yet.
//!
//! Knows clients, clocks and times, no connection. The one rule: of each client only the latest state is kept, so nothing queues however fast
//! it moves and however long Redis is away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible_wire::awareness::{self, Entry};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{MESSAGE_CLIENTS, STATE_TTL};
use crate::room::RoomName;

/// The shortest time between two messages of a room.
const EVERY: Duration = Duration::from_millis(50);
/// After how long what could not be told is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Bytes of states in one message, with one more state at most.
const MESSAGE_BYTES: usize = 256 << 10;

/// The people of this node, by room.
#[derive(Debug, Default)]
pub struct OwnPeople {
    state: Mutex<State>,
    /// The next flush may be earlier than it was.
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    rooms: HashMap<RoomName, Shown>,
    /// When rooms are to be told of, each at most once.
    due: BTreeSet<(Instant, RoomName)>,
}

/// What is shown in one room.
#[derive(Debug, Default)]
struct Shown {
    people: BTreeMap<u64, Person>,
    /// Clients of whom the latest has not been told.
    untold: BTreeSet<u64>,
    /// When the room may be told of again.
    next: Option<Instant>,
    is_due: bool,
    /// A message is under way; the next waits for its end, so that they cannot overtake each other.
    under_way: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    clock: u32,
    /// `None` for one who has left.
    state: Option<Bytes>,
    since: Instant,
}

/// What is to be told of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Which.
    pub room: RoomName,
    /// Each with an awareness body of its own state alone; `None` for those who have left.
    pub fields: Vec<(u64, Option<Vec<u8>>)>,
    /// The same as one awareness body.
    pub states: Vec<u8>,
    /// By which it is known later what was told.
    clocks: Vec<(u64, u32)>,
}

impl OwnPeople {
    /// The latest of some clients.
    pub fn show(&self, room: &RoomName, entries: &[Entry<'_>], now: Instant) {
        let mut state = self.state.lock();
        let shown = state.rooms.entry(room.clone()).or_default();
        for entry in entries {
            let known = shown.people.get(&entry.client);
            let newer = known.is_none_or(|known| {
                let leaves = entry.state.is_none() && known.state.is_some();
                entry.clock > known.clock || entry.clock == known.clock && leaves
            });
            // Who is not known cannot leave a second time, but may have been shown before Redis or this node knew.
            if newer {
                let person = Person {
                    clock: entry.clock,
                    state: entry.state.map(Bytes::copy_from_slice),
                    since: now,
                };
                shown.people.insert(entry.client, person);
                shown.untold.insert(entry.client);
            }
        }
        state.schedule(room, now);
        self.changed.notify_one();
    }

    /// All people of a room have left.
    pub fn leave(&self, room: &RoomName, now: Instant) {
        let mut state = self.state.lock();
        let Some(shown) = state.rooms.get_mut(room) else {
            return;
        };
        for (client, person) in &mut shown.people {
            if person.state.take().is_some() {
                person.since = now;
                shown.untold.insert(*client);
            }
        }
        state.schedule(room, now);
        self.changed.notify_one();
    }

    /// Everybody is to be told of again: what was known of them is lost.
    pub fn show_all_again(&self, now: Instant) {
        let mut state = self.state.lock();
        let rooms: Vec<RoomName> = state.rooms.keys().cloned().collect();
        for room in rooms {
            if let Some(shown) = state.rooms.get_mut(&room) {
                shown.untold = shown.people.keys().copied().collect();
            }
            state.schedule(&room, now);
        }
        self.changed.notify_one();
    }

    /// When something is to be told next.
    pub fn due(&self) -> Option<Instant> {
        self.state.lock().due.first().map(|(at, _)| *at)
    }

    /// What is to be told now of one room; it counts as under way.
    pub fn take(&self, now: Instant) -> Option<Telling> {
        let mut state = self.state.lock();
        loop {
            let (at, _) = state.due.first()?;
            if *at > now {
                return None;
            }
            let (_, room) = state.due.pop_first()?;
            let Some(shown) = state.rooms.get_mut(&room) else {
                continue;
            };
            shown.is_due = false;
            let Some(telling) = shown.tell(&room, now) else {
                state.forget_empty(&room);
                continue;
            };
            shown.under_way = true;
            shown.next = Some(now + EVERY);
            return Some(telling);
        }
    }

    /// How telling went.
    pub fn told(&self, telling: &Telling, outcome: Outcome, now: Instant) {
        let mut state = self.state.lock();
        let Some(shown) = state.rooms.get_mut(&telling.room) else {
            return;
        };
        shown.under_way = false;
        for (client, clock) in &telling.clocks {
            let Some(person) = shown.people.get(client) else {
                continue;
            };
            match outcome {
                Outcome::Told if shown.untold.contains(client) => {}
                Outcome::Told if person.state.is_none() && person.clock == *clock => {
                    shown.people.remove(client);
                }
                Outcome::Told => {}
                Outcome::Failed => {
                    shown.untold.insert(*client);
                }
            }
        }
        if outcome == Outcome::Failed {
            shown.next = Some(now + AGAIN);
        }
        if shown.untold.is_empty() {
            state.forget_empty(&telling.room);
        } else {
            state.schedule(&telling.room, now);
        }
        self.changed.notify_one();
    }

    /// Forgets those who left so long ago that everybody has forgotten them.
    pub fn forget_old(&self, now: Instant) {
        let mut state = self.state.lock();
        state.rooms.retain(|_, shown| {
            let untold = &mut shown.untold;
            shown.people.retain(|client, person| {
                let stays = person.state.is_some() || now - person.since < STATE_TTL;
                if !stays {
                    untold.remove(client);
                }
                stays
            });
            !shown.people.is_empty() || shown.under_way || shown.is_due
        });
    }

    /// All who are shown, to be taken away.
    pub fn all(&self) -> Vec<(RoomName, Vec<u64>)> {
        let state = self.state.lock();
        let rooms = state.rooms.iter();
        rooms
            .map(|(room, shown)| (room.clone(), shown.people.keys().copied().collect()))
            .collect()
    }
}

/// How telling went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Told,
    Failed,
}

impl State {
    fn schedule(&mut self, room: &RoomName, now: Instant) {
        let Some(shown) = self.rooms.get_mut(room) else {
            return;
        };
        if shown.untold.is_empty() || shown.is_due || shown.under_way {
            return;
        }
        shown.is_due = true;
        let at = shown.next.map_or(now, |next| next.max(now));
        self.due.insert((at, room.clone()));
    }

    /// Once nobody is left who was there.
    fn forget_empty(&mut self, room: &RoomName) {
        if self
            .rooms
            .get(room)
            .is_some_and(|shown| shown.people.is_empty())
        {
            self.rooms.remove(room);
        }
    }
}

impl Shown {
    fn tell(&mut self, room: &RoomName, now: Instant) -> Option<Telling> {
        let mut clients = Vec::new();
        let mut bytes = 0;
        while bytes < MESSAGE_BYTES && clients.len() < MESSAGE_CLIENTS {
            let Some(client) = self.untold.pop_first() else {
                break;
            };
            let Some(person) = self.people.get(&client) else {
                continue;
            };
            if person.state.is_none() && now - person.since >= STATE_TTL {
                self.people.remove(&client);
                continue;
            }
            bytes += person.state.as_ref().map_or(16, |state| 16 + state.len());
            clients.push(client);
        }
        let entry = |client: &u64| {
            let person = &self.people[client];
            Entry {
                client: *client,
                clock: person.clock,
                state: person.state.as_deref(),
            }
        };
        if clients.is_empty() {
            return None;
        }
        let alone = |client: &u64| {
            let entry = entry(client);
            let state = entry
                .state
                .map(|_| awareness::encode(std::iter::once(entry)));
            (*client, state)
        };
        Some(Telling {
            room: room.clone(),
            fields: clients.iter().map(alone).collect(),
            states: awareness::encode(clients.iter().map(entry)),
            clocks: clients
                .iter()
                .map(|client| (*client, self.people[client].clock))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use scrible_wire::Limits;

    use super::*;

    fn room() -> RoomName {
        RoomName::new("a").unwrap()
    }

    fn here(client: u64, clock: u32) -> Entry<'static> {
        Entry {
            client,
            clock,
            state: Some(b"{}"),
        }
    }

    fn left(client: u64, clock: u32) -> Entry<'static> {
        Entry {
            client,
            clock,
            state: None,
        }
    }

    fn told(telling: &Telling) -> Vec<(u64, u32, bool)> {
        let entries = awareness::parse(&telling.states, &Limits::default()).unwrap();
        let entries = entries.iter();
        entries
            .map(|entry| (entry.client, entry.clock, entry.state.is_some()))
            .collect()
    }

    #[test]
    fn n27_however_fast_people_move_they_are_told_of_twenty_times_a_second() {
        let people = OwnPeople::default();
        let start = Instant::now();
        let mut messages = Vec::new();
        for frame in 0..120_u32 {
            let now = start + Duration::from_micros(16_667) * frame;
            people.show(&room(), &[here(1, frame + 1)], now);
            while let Some(telling) = people.take(now) {
                messages.push(told(&telling));
                people.told(&telling, Outcome::Told, now);
            }
        }
        assert!((30..=41).contains(&messages.len()), "{}", messages.len());
        // The last one comes as well.
        let last = people.take(start + Duration::from_secs(3));
        let last = last.map_or(messages[messages.len() - 1].clone(), |last| told(&last));
        assert_eq!(last, [(1, 120, true)]);
    }

    #[test]
    fn n27_the_latest_of_each_counts_and_a_farewell_always_goes_out() {
        let people = OwnPeople::default();
        let now = Instant::now();
        people.show(&room(), &[here(1, 5), here(2, 1)], now);
        people.show(&room(), &[here(1, 4), left(2, 1)], now);
        let telling = people.take(now).unwrap();
        assert_eq!(told(&telling), [(1, 5, true), (2, 1, false)]);
        let fields: Vec<_> = telling
            .fields
            .iter()
            .map(|(client, state)| (*client, state.is_some()))
            .collect();
        assert_eq!(fields, [(1, true), (2, false)]);
        // Nothing overtakes what is under way.
        people.show(&room(), &[left(1, 5)], now);
        assert_eq!(people.take(now + EVERY), None);
        people.told(&telling, Outcome::Told, now);
        assert_eq!(people.take(now), None);
        let telling = people.take(now + EVERY).unwrap();
        assert_eq!(told(&telling), [(1, 5, false)]);
        people.told(&telling, Outcome::Told, now + EVERY);
        assert!(people.state.lock().rooms.is_empty());
    }

    #[test]
    fn n27_what_could_not_be_told_is_told_later_as_it_is_then() {
        let people = OwnPeople::default();
        let now = Instant::now();
        people.show(&room(), &[here(1, 5), here(2, 1), here(3, 1)], now);
        let telling = people.take(now).unwrap();
        people.show(&room(), &[here(1, 6)], now);
        people.told(&telling, Outcome::Failed, now);
        people.show(&room(), &[left(2, 1)], now);
        assert_eq!(people.take(now + EVERY), None);
        let telling = people.take(now + AGAIN).unwrap();
        assert_eq!(told(&telling), [(1, 6, true), (2, 1, false), (3, 1, true)]);
        people.told(&telling, Outcome::Told, now + AGAIN);
        people.show_all_again(now + AGAIN);
        let telling = people.take(now + AGAIN + EVERY).unwrap();
        assert_eq!(told(&telling), [(1, 6, true), (3, 1, true)]);
        people.told(&telling, Outcome::Told, now + AGAIN + EVERY);
        people.leave(&room(), now + 2 * AGAIN);
        let telling = people.take(now + 2 * AGAIN).unwrap();
        assert_eq!(told(&telling), [(1, 6, false), (3, 1, false)]);
    }

    #[test]
    fn n27_who_left_while_nobody_could_be_told_is_forgotten_in_time() {
        let people = OwnPeople::default();
        let now = Instant::now();
        for client in 0..1_000 {
            people.show(&room(), &[here(client, 1)], now);
            people.show(&room(), &[left(client, 1)], now);
        }
        people.show(&room(), &[here(5_000, 1)], now);
        assert_eq!(people.all()[0].1.len(), 1_001);
        people.forget_old(now + STATE_TTL);
        assert_eq!(people.all()[0].1, [5_000]);
        let telling = people.take(now + STATE_TTL).unwrap();
        assert_eq!(told(&telling), [(5_000, 1, true)]);
    }

    #[test]
    fn n27_large_states_and_many_go_in_several_messages() {
        let people = OwnPeople::default();
        let mut now = Instant::now();
        let state = format!("\"{}\"", "x".repeat(60_000));
        let entries: Vec<Entry<'_>> = (0..10)
            .map(|client| Entry {
                state: Some(state.as_bytes()),
                ..here(client, 1)
            })
            .collect();
        people.show(&room(), &entries, now);
        let mut clients = Vec::new();
        while let Some(telling) = people.take(now) {
            assert!(telling.states.len() < MESSAGE_BYTES + 65_536);
            assert!(telling.fields.len() <= MESSAGE_CLIENTS);
            clients.extend(told(&telling).iter().map(|(client, ..)| *client));
            people.told(&telling, Outcome::Told, now);
            now += EVERY;
        }
        assert_eq!(clients, (0..10).collect::<Vec<_>>());
        // And many small ones.
        let many: Vec<Entry<'_>> = (100..3_000).map(|client| here(client, 1)).collect();
        people.show(&room(), &many, now);
        let mut messages = 0;
        while let Some(telling) = people.take(now) {
            assert!(telling.fields.len() <= MESSAGE_CLIENTS);
            people.told(&telling, Outcome::Told, now);
            now += EVERY;
            messages += 1;
        }
        assert_eq!(messages, 3);
    }
}
