//! A bus for nodes in one process, that loses, repeats and reorders as told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use scrible::bus::{Bus, BusAway, Commit, Hearer, NodeId, Told};
use scrible::room::RoomName;
use tokio::sync::mpsc;

/// What becomes of a message on its way to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    Twice,
    /// It comes after the next one.
    Late,
    /// Only how many updates there are arrives.
    Shortened,
}

#[derive(Clone)]
enum Message {
    Stored(String, Commit),
    Access(String),
    Kick(String, u64),
}

#[derive(Default)]
pub struct Hub {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: Vec<mpsc::UnboundedSender<Message>>,
    fates: Option<Box<dyn FnMut() -> Fate + Send>>,
    hot: HashMap<String, Vec<(u64, Bytes)>>,
    late: HashMap<usize, Message>,
    published: usize,
}

/// One node's end of it.
pub struct Port {
    hub: Arc<Hub>,
    /// Its place among the nodes.
    at: usize,
    joined: Mutex<HashSet<String>>,
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<Message>>,
}

impl Hub {
    /// Messages meet these fates from now on.
    pub fn with_fates(&self, fates: impl FnMut() -> Fate + Send + 'static) {
        self.state.lock().fates = Some(Box::new(fates));
    }

    /// How many commits were published.
    pub fn published(&self) -> usize {
        self.state.lock().published
    }

    /// Another node.
    pub fn port(self: &Arc<Self>) -> Arc<Port> {
        let (send, receive) = mpsc::unbounded_channel();
        let mut state = self.state.lock();
        state.nodes.push(send);
        Arc::new(Port {
            hub: self.clone(),
            at: state.nodes.len() - 1,
            joined: Mutex::default(),
            inbox: tokio::sync::Mutex::new(receive),
        })
    }
}

impl State {
    /// Brings a message on its way to one node.
    fn say(&mut self, at: usize, message: Message) {
        let fate = self.fates.as_mut().map_or(Fate::Arrives, |fates| fates());
        let late = self.late.remove(&at);
        let sent = match fate {
            Fate::Arrives => vec![message],
            Fate::Lost => vec![],
            Fate::Twice => vec![message.clone(), message],
            Fate::Late => {
                self.late.insert(at, message);
                vec![]
            }
            Fate::Shortened => vec![shortened(message)],
        };
        for message in sent.into_iter().chain(late) {
            // A node that is gone hears nothing.
            let _ = self.nodes[at].send(message);
        }
    }
}

fn shortened(message: Message) -> Message {
    let Message::Stored(room, commit) = message else {
        return message;
    };
    let updates = Told::Count(commit.last_seq() + 1 - commit.first_seq);
    Message::Stored(room, Commit { updates, ..commit })
}

impl Port {
    fn tell_others(&self, message: &Message) {
        let mut state = self.hub.state.lock();
        for at in (0..state.nodes.len()).filter(|at| *at != self.at) {
            state.say(at, message.clone());
        }
    }
}

#[async_trait]
impl Bus for Port {
    async fn listen(&self, hearer: &dyn Hearer) {
        let mut inbox = self.inbox.lock().await;
        while let Some(message) = inbox.recv().await {
            let joined = |room: &str| self.joined.lock().contains(room);
            match message {
                Message::Stored(room, commit) if joined(&room) => hearer.stored(&room, commit),
                Message::Access(room) if joined(&room) => hearer.access_changed(&room),
                Message::Kick(room, client) if joined(&room) => hearer.kicked(&room, client),
                _ => {}
            }
        }
    }

    async fn join(&self, room: &RoomName) -> Result<(), BusAway> {
        self.joined.lock().insert(room.as_str().to_owned());
        Ok(())
    }

    fn leave(&self, room: &RoomName) {
        self.joined.lock().remove(room.as_str());
    }

    fn publish(&self, room: &RoomName, commit: &Commit) {
        let mut state = self.hub.state.lock();
        let state = &mut *state;
        state.published += 1;
        let room = room.as_str().to_owned();
        if let Told::Whole(updates) = &commit.updates {
            let hot = state.hot.entry(room.clone()).or_default();
            hot.extend((commit.first_seq..).zip(updates.iter().cloned()));
            hot.sort_by_key(|(seq, _)| *seq);
            let surplus = hot.len().saturating_sub(20);
            hot.drain(..surplus);
        }
        for at in 0..state.nodes.len() {
            state.say(at, Message::Stored(room.clone(), commit.clone()));
        }
    }

    async fn recent(
        &self,
        room: &RoomName,
        _stored_as: i64,
        after: u64,
    ) -> Result<Vec<Bytes>, BusAway> {
        let state = self.hub.state.lock();
        let hot = state.hot.get(room.as_str()).into_iter().flatten();
        let behind = hot.filter(|(seq, _)| *seq > after);
        let consecutive = behind
            .zip(after + 1..)
            .take_while(|((seq, _), expected)| seq == expected);
        Ok(consecutive.map(|((_, update), _)| update.clone()).collect())
    }

    fn show(&self, _: &RoomName, _: &[u8]) {}

    async fn people(&self, _: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
        Ok(Vec::new())
    }

    fn access_changed(&self, room: &RoomName) {
        self.tell_others(&Message::Access(room.as_str().to_owned()));
    }

    fn kick(&self, room: &RoomName, client: u64) {
        self.tell_others(&Message::Kick(room.as_str().to_owned(), client));
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn has_others(&self) -> bool {
        true
    }

    async fn close(&self) {}
}
