//! A node as far as the bus goes: joined to a Redis, with a record of everything that it hears.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible::bus::{Bus, Commit, Hearer, NodeId, RedisAddress, RedisBus, RedisBusConfig, Told};
use scrible::room::RoomName;
use scrible_wire::Limits;
use scrible_wire::awareness::{self, Entry};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a node heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Stored(String, Commit),
    /// Room, node, client, clock, state.
    Shown(String, NodeId, u64, u32, Option<String>),
    Access(String),
    Kicked(String, u64),
    Gone(NodeId),
    Missed,
}

/// What a node has heard so far.
#[derive(Default)]
pub struct Heard {
    events: Mutex<Vec<Event>>,
    more: Notify,
}

impl Heard {
    fn add(&self, event: Event) {
        self.events.lock().push(event);
        self.more.notify_waiters();
    }

    /// All of it.
    pub fn all(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    /// Forgets it.
    pub fn clear(&self) {
        self.events.lock().clear();
    }

    /// Waits until something of this kind was heard.
    pub async fn wait(&self, what: &str, mut is_it: impl FnMut(&[Event]) -> bool) {
        let waiting = async {
            loop {
                let more = self.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if is_it(&self.events.lock()) {
                    return;
                }
                more.await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let all = self.all();
            let last = &all[all.len().saturating_sub(20)..];
            panic!(
                "{what} was not heard; {} events, the last: {last:#?}",
                all.len()
            );
        }
    }

    /// Waits for one event.
    pub async fn has(&self, event: &Event) {
        self.wait(&format!("{event:?}"), |events| events.contains(event))
            .await;
    }
}

impl Hearer for Heard {
    fn stored(&self, room: &str, commit: Commit) {
        self.add(Event::Stored(room.to_owned(), commit));
    }

    fn shown(&self, room: &str, node: NodeId, states: &[u8]) {
        let entries = awareness::parse(states, &Limits::default()).expect("an awareness body");
        for entry in entries {
            let state = entry
                .state
                .map(|state| String::from_utf8(state.to_vec()).unwrap());
            self.add(Event::Shown(
                room.to_owned(),
                node,
                entry.client,
                entry.clock,
                state,
            ));
        }
    }

    fn access_changed(&self, room: &str) {
        self.add(Event::Access(room.to_owned()));
    }

    fn kicked(&self, room: &str, client: u64) {
        self.add(Event::Kicked(room.to_owned(), client));
    }

    fn gone(&self, node: NodeId) {
        self.add(Event::Gone(node));
    }

    fn missed(&self) {
        self.add(Event::Missed);
    }
}

/// A node.
pub struct Node {
    pub id: NodeId,
    pub bus: Arc<RedisBus>,
    pub heard: Arc<Heard>,
    listening: JoinHandle<()>,
}

impl Node {
    /// Starts one and waits until it is connected.
    pub async fn start(url: &str, id: NodeId) -> Self {
        let node = Self::begin(url, id, "scrible");
        node.heard.has(&Event::Missed).await;
        node.heard.clear();
        node
    }

    /// Starts one.
    pub fn begin(url: &str, id: NodeId, prefix: &str) -> Self {
        let bus = Arc::new(RedisBus::start(RedisBusConfig {
            address: RedisAddress::parse(url).unwrap(),
            prefix: prefix.to_owned(),
            node: id,
            limits: Limits::default(),
        }));
        let heard = Arc::new(Heard::default());
        let listening = tokio::spawn({
            let (bus, heard) = (bus.clone(), heard.clone());
            async move { bus.listen(&*heard).await }
        });
        Self {
            id,
            bus,
            heard,
            listening,
        }
    }

    pub async fn join(&self, room: &RoomName) {
        self.bus.join(room).await.unwrap();
    }

    /// Says that an update was stored.
    pub fn say(&self, room: &RoomName, seq: u64) -> Event {
        self.say_bytes(room, seq, update(seq))
    }

    pub fn say_bytes(&self, room: &RoomName, seq: u64, update: Bytes) -> Event {
        let commit = Commit {
            stored_as: 7,
            first_seq: seq,
            updates: Told::Whole(vec![update]),
        };
        self.bus.publish(room, &commit);
        Event::Stored(room.as_str().to_owned(), commit)
    }

    pub fn show(&self, room: &RoomName, client: u64, clock: u32, state: Option<&str>) -> Event {
        let entry = Entry {
            client,
            clock,
            state: state.map(str::as_bytes),
        };
        let body = awareness::encode(std::iter::once(entry));
        self.bus.show(room, &body);
        let state = state.map(str::to_owned);
        Event::Shown(room.as_str().to_owned(), self.id, client, clock, state)
    }

    /// Who is in a room elsewhere: node, client, clock.
    pub async fn people(&self, room: &RoomName) -> Vec<(NodeId, u64, u32)> {
        let people = self.bus.people(room).await.unwrap();
        let limits = Limits::default();
        let mut all = Vec::new();
        for (node, body) in people {
            let entries = awareness::parse(&body, &limits).unwrap();
            all.extend(
                entries
                    .iter()
                    .map(|entry| (node, entry.client, entry.clock)),
            );
        }
        all.sort_unstable();
        all
    }

    /// Waits until exactly these people are in a room elsewhere.
    pub async fn sees(&self, room: &RoomName, wanted: &[(NodeId, u64, u32)]) {
        let what = format!("{wanted:?} in {}", room.as_str());
        self.until(&what, async || self.people(room).await == wanted)
            .await;
    }

    /// Waits until it is so.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("{what}: not so; trouble: {:?}", self.bus.trouble());
        }
    }

    /// Ends without a goodbye.
    pub fn kill(self) {
        self.listening.abort();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Bytes that are told by their number; the bus does not look into them.
pub fn update(seq: u64) -> Bytes {
    format!("update {seq}").into()
}

pub fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}
