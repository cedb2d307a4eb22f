//! The bus on one Redis, or on a Redis Cluster.
//!
//! Each room has a channel on which commits and presence are told, a hot buffer of its latest updates, and a hash of its people; all nodes share a
//! channel on which they say that they live. Two connections: one hears, one asks and tells. The one rule: Redis may be slow, away,
//! emptied or lying at any time, and nothing but speed and other people's cursors depends on it.

mod address;
mod inbox;
mod keeper;
mod keys;
mod line;
mod link;
mod nodes;
mod own;
mod people;
mod rooms;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{RedisError, Value};
use scrible_wire::{Limits, awareness};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::address::{BadAddress, RedisAddress};
use self::inbox::{Inbox, Incoming, Unread};
use self::keeper::Keeper;
use self::keys::Keys;
use self::link::Link;
use self::nodes::Nodes;
use self::own::OwnPeople;
use self::rooms::{Rooms, Topic};
use self::writer::Writer;
use super::message::Message;
use super::{Bus, BusAway, Commit, Hearer, NodeId};
use crate::room::RoomName;
use crate::telemetry::BusMetrics;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take.
const REPLY: Duration = Duration::from_secs(2);
/// How long a connection may be silent before it is probed.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// How long who joins a room waits for it to be heard.
const JOIN: Duration = Duration::from_secs(1);
/// How long reading the hot buffer may take; the store is the other way.
const RECENT: Duration = Duration::from_millis(500);
/// How often a node says that it lives.
const NODE_EVERY: Duration = Duration::from_secs(3);
/// After which silence it does not.
const NODE_TTL: Duration = Duration::from_secs(10);
/// After how long a state that nobody renewed is none. Yjs clients renew theirs every 15 s.
const STATE_TTL: Duration = Duration::from_secs(45);
/// States in one message or answer: no more than any of our rooms takes at once.
const MESSAGE_CLIENTS: usize = 1_000;
/// Messages that are told once and may be under way.
const TELLING: usize = 64;
/// How long closing waits for what was published last.
const LAST: Duration = Duration::from_millis(500);
/// How long the goodbye may take after that.
const CLOSE: Duration = Duration::from_secs(1);

/// Why nothing is carried before the first attempt has ended.
const CONNECTING: &str = "connecting";

/// What the bus on Redis needs.
#[derive(Debug)]
pub struct RedisBusConfig {
    /// Where it is.
    pub address: RedisAddress,
    /// What all names in Redis begin with. Deployments with different ones do not notice each other.
    pub prefix: String,
    /// This node.
    pub node: NodeId,
    /// Bounds on the awareness states of other nodes' people.
    pub limits: Limits,
}

/// A bus on Redis. It begins to connect at once and goes on trying for as long as it is there.
pub struct RedisBus {
    shared: Arc<Shared>,
    unread: Mutex<Unread>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the parts of the bus share.
struct Shared {
    config: RedisBusConfig,
    rooms: Arc<Rooms>,
    inbox: Arc<Inbox>,
    writer: Writer,
    own: OwnPeople,
    nodes: Nodes,
    /// How much may be under way that is told once and not kept.
    telling: Arc<Semaphore>,
    metrics: BusMetrics,
    /// While it is connected and all that can be heard is heard.
    link: watch::Sender<Option<Link>>,
    trouble: parking_lot::Mutex<Trouble>,
}

/// Why nothing is carried.
struct Trouble {
    since: Instant,
    why: Option<String>,
}

impl RedisBus {
    /// Begins to connect.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(config: RedisBusConfig) -> Self {
        let metrics = BusMetrics::default();
        let rooms = Arc::new(Rooms::new(Keys::new(config.prefix.clone())));
        let (inbox, unread) = Inbox::new(rooms.clone(), metrics.clone());
        let (writer, waiting) = Writer::new(metrics.clone());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let shared = Arc::new(Shared {
            rooms,
            inbox,
            writer,
            own: OwnPeople::default(),
            nodes: Nodes::new(config.node),
            telling: Arc::new(Semaphore::new(TELLING)),
            metrics,
            link: watch::Sender::new(None),
            trouble: parking_lot::Mutex::new(Trouble {
                since: Instant::now(),
                why: Some(CONNECTING.to_owned()),
            }),
            config,
        });
        let spawn = |task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(task).await });
        };
        spawn(Box::pin(Keeper::new(shared.clone()).keep()));
        spawn(Box::pin(waiting.write(shared.link.subscribe())));
        spawn(Box::pin(people::tell(shared.clone())));
        spawn(Box::pin(people::live(shared.clone())));
        tasks.close();
        Self {
            shared,
            unread: Mutex::new(unread),
            tasks,
            stop,
        }
    }
}

impl RedisBus {
    /// Says something in a room that nobody needs to hear who comes later.
    fn tell(&self, room: &RoomName, message: &Message) {
        let metrics = &self.shared.metrics;
        let (Ok(link), Ok(turn)) = (
            self.shared.link(),
            self.shared.telling.clone().try_acquire_owned(),
        ) else {
            metrics.dropped.inc();
            return;
        };
        let keys = self.shared.rooms.keys(room);
        let (shared, payload) = (self.shared.clone(), message.encode());
        self.tasks.spawn(async move {
            let mut command = redis::Cmd::new();
            command
                .arg(link.dialect.publish())
                .arg(&keys.channel)
                .arg(payload);
            match link.ask::<()>(&command).await {
                Ok(()) => shared.metrics.published.inc(),
                Err(error) => {
                    tracing::debug!(%error, "tell other nodes who may be in a room");
                    shared.metrics.dropped.inc()
                }
            };
            drop(turn);
        });
    }
}

impl Shared {
    fn link(&self) -> Result<Link, BusAway> {
        let link = self.link.borrow().clone();
        link.ok_or_else(|| BusAway(self.trouble().unwrap_or_else(|| CONNECTING.to_owned())))
    }

    fn trouble(&self) -> Option<String> {
        let why = self.trouble.lock().why.clone();
        match why {
            Some(why) => Some(format!("Redis cannot be reached: {why}")),
            None => match self.rooms.unheard() {
                0 => None,
                rooms => Some(format!("Redis does not carry {rooms} of the rooms")),
            },
        }
    }

    fn hear(&self, incoming: &Incoming, hearer: &dyn Hearer) {
        self.metrics.received.inc();
        let now = Instant::now();
        let message = match Message::decode(&incoming.payload) {
            Ok(message) => message,
            Err(error) => {
                self.metrics.undecodable.inc();
                tracing::debug!(%error, channel = incoming.channel, "read a message of another node");
                return;
            }
        };
        // What does not belong on its channel is nobody's word.
        match (self.rooms.of_channel(&incoming.channel), message) {
            (Some(Topic::Nodes), Message::Alive(node)) => self.nodes.heard(node, now),
            (Some(Topic::Nodes), Message::Leaving(node)) if self.nodes.left(node) => {
                hearer.gone(node);
            }
            (Some(Topic::Room(room)), Message::Stored(commit)) => {
                hearer.stored(room.as_str(), commit);
            }
            (Some(Topic::Room(room)), Message::Shown { node, states })
                if node != self.config.node =>
            {
                self.nodes.heard(node, now);
                hearer.shown(room.as_str(), node, &states);
            }
            (Some(Topic::Room(room)), Message::Access(node)) if node != self.config.node => {
                hearer.access_changed(room.as_str());
            }
            (Some(Topic::Room(room)), Message::Kick { node, client })
                if node != self.config.node =>
            {
                hearer.kicked(room.as_str(), client);
            }
            _ => {}
        }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn listen(&self, hearer: &dyn Hearer) {
        let mut unread = self.unread.lock().await;
        let mut judging = tokio::time::interval(Duration::from_secs(1));
        judging.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // What has come is read before silence is judged.
            tokio::select! {
                biased;
                incoming = unread.next() => match incoming {
                    Some(incoming) => self.shared.hear(&incoming, hearer),
                    None => return,
                },
                () = self.shared.inbox.missed.notified() => hearer.missed(),
                _ = judging.tick() => {
                    for node in self.shared.nodes.silent(Instant::now()) {
                        tracing::warn!(node = format!("{node:032x}"), "a node is not heard any more");
                        hearer.gone(node);
                    }
                }
            }
        }
    }

    async fn join(&self, room: &RoomName) -> Result<(), BusAway> {
        let mut heard = self.shared.rooms.join(room);
        // Rooms open without delay where Redis has been away for a while.
        let away = {
            let trouble = self.shared.trouble.lock();
            trouble.why.is_some().then_some(trouble.since)
        };
        let deadline = away.unwrap_or_else(Instant::now) + JOIN;
        match timeout_at(deadline, heard.wait_for(|heard| *heard)).await {
            Ok(Ok(_)) => Ok(()),
            // The sender has gone with a room that was left meanwhile.
            Ok(Err(_)) => Err(BusAway("the room was left".to_owned())),
            Err(_) => {
                self.shared.rooms.is_late(room);
                let late = || "Redis does not answer".to_owned();
                Err(BusAway(self.shared.trouble().unwrap_or_else(late)))
            }
        }
    }

    fn leave(&self, room: &RoomName) {
        self.shared.rooms.leave(room);
        self.shared.own.leave(room, Instant::now());
    }

    fn publish(&self, room: &RoomName, commit: &Commit) {
        let keys = self.shared.rooms.keys(room);
        self.shared.writer.say(keys, commit);
    }

    async fn recent(
        &self,
        room: &RoomName,
        stored_as: i64,
        after: u64,
    ) -> Result<Vec<Bytes>, BusAway> {
        let link = self.shared.link()?;
        let keys = self.shared.rooms.keys(room);
        let mut command = redis::cmd("HMGET");
        command.arg(&keys.hot).arg("room");
        for nth in 1..=writer::HOT_NUMBERS {
            command.arg(after.saturating_add(nth));
        }
        let kept: Vec<Value> = timeout(RECENT, link.ask(&command)).await.map_or_else(
            |_| Err(BusAway("Redis does not answer".to_owned())),
            |kept| kept.map_err(|error| away(&error)),
        )?;
        let mut kept = kept.into_iter().map(|value| match value {
            Value::BulkString(bytes) => Some(Bytes::from(bytes)),
            _ => None,
        });
        let owner = kept.next().flatten();
        if owner.is_none_or(|owner| owner != stored_as.to_string()) {
            return Ok(Vec::new());
        }
        Ok(kept.map_while(|update| update).collect())
    }

    fn show(&self, room: &RoomName, states: &[u8]) {
        let limits = Limits {
            // As many as changed.
            awareness_entries: usize::MAX,
            ..self.shared.config.limits.clone()
        };
        match awareness::parse(states, &limits) {
            Ok(entries) => self.shared.own.show(room, &entries, Instant::now()),
            // They come from a room, which has checked them.
            Err(error) => tracing::error!(%error, "show awareness states to other nodes"),
        }
    }

    async fn people(&self, room: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
        let reading = people::read(&self.shared, room, &self.tasks);
        timeout(JOIN, reading)
            .await
            .unwrap_or_else(|_| Err(BusAway("Redis does not answer".to_owned())))
    }

    fn access_changed(&self, room: &RoomName) {
        self.tell(room, &Message::Access(self.shared.config.node));
    }

    fn kick(&self, room: &RoomName, client: u64) {
        let node = self.shared.config.node;
        self.tell(room, &Message::Kick { node, client });
    }

    fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    fn has_others(&self) -> bool {
        true
    }

    fn metrics(&self) -> BusMetrics {
        self.shared.metrics.clone()
    }

    async fn close(&self) {
        let link = self.shared.link().ok();
        // What was stored last is still on its way.
        if link.is_some() {
            let _ = timeout(LAST, self.shared.writer.empty()).await;
        }
        self.stop.cancel();
        self.tasks.wait().await;
        if let Some(link) = link
            && timeout(CLOSE, people::leave(&self.shared, &link))
                .await
                .is_err()
        {
            tracing::warn!("Redis did not answer a goodbye in time");
        }
        self.shared.link.send_replace(None);
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn away(error: &RedisError) -> BusAway {
    BusAway(address::sentence(error))
}
