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

type Message = (String, Commit);

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
        self.state.lock().nodes.push(send);
        Arc::new(Port {
            hub: self.clone(),
            joined: Mutex::default(),
            inbox: tokio::sync::Mutex::new(receive),
        })
    }
}

#[async_trait]
impl Bus for Port {
    async fn listen(&self, hearer: &dyn Hearer) {
        let mut inbox = self.inbox.lock().await;
        while let Some((room, commit)) = inbox.recv().await {
            if self.joined.lock().contains(&room) {
                hearer.stored(&room, commit);
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
        for (at, node) in state.nodes.iter().enumerate() {
            let fate = state.fates.as_mut().map_or(Fate::Arrives, |fates| fates());
            let message = (room.clone(), commit.clone());
            let late = state.late.remove(&at);
            let sent = match fate {
                Fate::Arrives => vec![message],
                Fate::Lost => vec![],
                Fate::Twice => vec![message.clone(), message],
                Fate::Late => {
                    state.late.insert(at, message);
                    vec![]
                }
                Fate::Shortened => {
                    let count = commit.last_seq() + 1 - commit.first_seq;
                    let updates = Told::Count(count);
                    vec![(
                        room.clone(),
                        Commit {
                            updates,
                            ..commit.clone()
                        },
                    )]
                }
            };
            for message in sent.into_iter().chain(late) {
                // A node that is gone hears nothing.
                let _ = node.send(message);
            }
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

    fn trouble(&self) -> Option<String> {
        None
    }

    fn has_others(&self) -> bool {
        true
    }

    async fn close(&self) {}
}
