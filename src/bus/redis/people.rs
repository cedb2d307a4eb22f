//! Presence between nodes: telling of this node's people, reading who else is there, saying that this node lives.
//!
//! Knows how people are written in Redis, not what they show. The one rule: who is read must belong to a node that lives, and what is
//! found of one that does not is taken away.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use redis::Value;
use scrible_wire::awareness::{self, Entry};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::task::TaskTracker;

use super::link::{Arguments, LIVE, Link, PEOPLE, SHOW, SWEEP};
use super::own::{Outcome, Telling};
use super::{MESSAGE_CLIENTS, NODE_EVERY, NODE_TTL, STATE_TTL, Shared, away};
use crate::bus::message::Message;
use crate::bus::{BusAway, NodeId};
use crate::room::RoomName;

/// How long a room's people stay after the last that was shown, in milliseconds.
const PEOPLE_MS: &[u8] = b"60000";
/// How often those are forgotten who left while Redis was away.
const FORGET: Duration = Duration::from_secs(5);
/// Rooms that are told of at once.
const UNDER_WAY: usize = 64;

/// Tells the other nodes what this node's people show, for as long as the bus is there.
pub async fn tell(shared: Arc<Shared>) {
    let mut links = shared.link.subscribe();
    let mut under_way = FuturesUnordered::new();
    let mut forgetting = interval(FORGET);
    forgetting.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let link = links.borrow_and_update().clone();
        if let Some(link) = &link {
            while under_way.len() < UNDER_WAY
                && let Some(telling) = shared.own.take(Instant::now())
            {
                let (shared, link) = (&shared, link.clone());
                under_way.push(async move {
                    let outcome = tell_of(shared, &link, &telling).await;
                    shared.own.told(&telling, outcome, Instant::now());
                });
            }
        }
        let waits = link.is_some() && under_way.len() < UNDER_WAY;
        let due = shared.own.due().filter(|_| waits);
        tokio::select! {
            Some(()) = under_way.next() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            () = shared.own.changed.notified() => {}
            _ = links.changed() => {}
            _ = forgetting.tick() => shared.own.forget_old(Instant::now()),
        }
    }
}

async fn tell_of(shared: &Shared, link: &Link, telling: &Telling) -> Outcome {
    let keys = shared.rooms.keys(&telling.room);
    let message = Message::Shown {
        node: shared.config.node,
        states: Bytes::copy_from_slice(&telling.states),
    };
    let message = message.encode();
    let fields: Vec<_> = telling.fields.iter().collect();
    let names: Vec<[u8; FIELD]> = fields
        .iter()
        .map(|(client, _)| field(shared.config.node, *client))
        .collect();
    let mut values = vec![link.dialect.publish(), &message, PEOPLE_MS];
    for (name, (_, state)) in names.iter().zip(&fields) {
        values.push(name);
        values.push(state.as_deref().unwrap_or_default());
    }
    let keys = &[keys.people.as_str(), keys.channel.as_str()];
    match link.run::<()>(&SHOW, &Arguments { keys, values }).await {
        Ok(()) => Outcome::Told,
        Err(error) => {
            tracing::debug!(%error, "tell other nodes of people");
            Outcome::Failed
        }
    }
}

/// Says every few seconds that this node lives, for as long as the bus is there.
pub async fn live(shared: Arc<Shared>) {
    let mut links = shared.link.subscribe();
    let mut beat = interval(NODE_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Ok(link) = links
            .wait_for(Option::is_some)
            .await
            .map(|link| link.clone())
        else {
            return;
        };
        let Some(link) = link else { continue };
        // Once connected at once, then regularly.
        tokio::select! {
            _ = beat.tick() => {}
            _ = links.changed() => { beat.reset_immediately(); continue }
        }
        let message = Message::Alive(shared.config.node).encode();
        let (key, channel) = (
            shared.rooms.names().node(shared.config.node),
            shared.rooms.names().nodes(),
        );
        let ttl = NODE_TTL.as_millis().to_string();
        let arguments = Arguments {
            keys: &[&key, &channel],
            values: vec![link.dialect.publish(), &message, ttl.as_bytes()],
        };
        match link.run::<i64>(&LIVE, &arguments).await {
            // The first time, or Redis was emptied, or the others have given this node up: they know nobody of it.
            Ok(0) => shared.own.show_all_again(Instant::now()),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "say that this node lives"),
        }
    }
}

/// Who is in a room on other nodes that live.
pub async fn read(
    shared: &Arc<Shared>,
    room: &RoomName,
    tasks: &TaskTracker,
) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
    let link = shared.link()?;
    let keys = shared.rooms.keys(room);
    let arguments = Arguments {
        keys: &[&keys.people],
        values: Vec::new(),
    };
    let (now, flat): (u64, Vec<Value>) = link
        .run(&PEOPLE, &arguments)
        .await
        .map_err(|error| away(&error))?;
    let mut found: BTreeMap<NodeId, Vec<Found>> = BTreeMap::new();
    let mut flat = flat.into_iter();
    while let (Some(field), Some(value)) = (flat.next(), flat.next()) {
        match Found::read(field, value) {
            Some((node, _)) if node == shared.config.node => {}
            Some((node, person)) => found.entry(node).or_default().push(person),
            None => {
                shared.metrics.undecodable.inc();
            }
        }
    }
    let alive = alive(shared, &link, found.keys().copied()).await?;
    let mut people = Vec::new();
    let mut dead = Vec::new();
    for (node, persons) in found {
        if !alive.contains_key(&node) {
            dead.extend(persons);
            continue;
        }
        let fresh = persons
            .iter()
            .filter(|person| now.saturating_sub(person.time) < STATE_TTL.as_millis() as u64);
        let entries: Vec<Entry<'_>> = fresh
            .filter_map(|person| {
                let entries = awareness::parse(person.state(), &shared.config.limits);
                let entry = entries.ok()?.into_iter().next();
                if entry.is_none() {
                    shared.metrics.undecodable.inc();
                }
                entry
            })
            .collect();
        for entries in entries.chunks(MESSAGE_CLIENTS) {
            let body = awareness::encode(entries.iter().copied());
            people.push((node, Bytes::from(body)));
        }
    }
    let now = Instant::now();
    for (node, left) in &alive {
        // It was heard when its key was last written.
        let silent = NODE_TTL.saturating_sub(*left);
        let then = now.checked_sub(silent).unwrap_or(now);
        shared.nodes.alive_at(*node, then, now);
    }
    if !dead.is_empty() {
        tasks.spawn(async move { sweep(&link, &keys.people, &dead).await });
    }
    Ok(people)
}

/// Those nodes that live, and for how long without saying so again.
async fn alive(
    shared: &Shared,
    link: &Link,
    nodes: impl Iterator<Item = NodeId>,
) -> Result<HashMap<NodeId, Duration>, BusAway> {
    let asked = nodes.map(async |node| {
        let mut command = redis::cmd("PTTL");
        command.arg(shared.rooms.names().node(node));
        let left: i64 = link.ask(&command).await.map_err(|error| away(&error))?;
        // Less than zero: it is not there.
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        Ok((node, left))
    });
    let mut alive = HashMap::new();
    for answer in join_all(asked).await {
        if let (node, Some(left)) = answer? {
            alive.insert(node, left);
        }
    }
    Ok(alive)
}

async fn sweep(link: &Link, people: &str, dead: &[Found]) {
    let arguments = Arguments {
        keys: &[people],
        values: dead
            .iter()
            .flat_map(|person| [&person.field[..], &person.value[..]])
            .collect(),
    };
    if let Err(error) = link.run::<()>(&SWEEP, &arguments).await {
        tracing::debug!(%error, "take away the people of a node that has ended");
    }
}

/// Says goodbye: the others forget this node's people at once, and nobody reads them any more.
pub async fn leave(shared: &Shared, link: &Link) {
    let node = shared.config.node;
    let message = Message::Leaving(node).encode();
    let mut goodbye = redis::cmd(match link.dialect {
        super::link::Dialect::Sharded => "SPUBLISH",
        super::link::Dialect::Plain => "PUBLISH",
    });
    goodbye.arg(shared.rooms.names().nodes()).arg(message);
    let mut forget = redis::cmd("DEL");
    forget.arg(shared.rooms.names().node(node));
    let mut commands = vec![goodbye, forget];
    for (room, clients) in shared.own.all() {
        let mut command = redis::cmd("HDEL");
        command.arg(&shared.rooms.keys(&room).people);
        for client in clients {
            command.arg(&field(node, client)[..]);
        }
        commands.push(command);
    }
    let told = join_all(commands.iter().map(|command| link.ask::<()>(command))).await;
    if let Some(error) = told.into_iter().find_map(Result::err) {
        tracing::debug!(%error, "say goodbye to the other nodes");
    }
}

/// Bytes of a node and a client.
const FIELD: usize = 24;

fn field(node: NodeId, client: u64) -> [u8; FIELD] {
    let mut field = [0; FIELD];
    field[..16].copy_from_slice(&node.to_be_bytes());
    field[16..].copy_from_slice(&client.to_be_bytes());
    field
}

/// What stands in Redis of one client.
#[derive(Debug)]
struct Found {
    field: Vec<u8>,
    value: Vec<u8>,
    /// Where the state begins.
    at: usize,
    /// By the server's clock, in milliseconds.
    time: u64,
}

impl Found {
    fn read(field: Value, value: Value) -> Option<(NodeId, Self)> {
        let (Value::BulkString(field), Value::BulkString(value)) = (field, value) else {
            return None;
        };
        if field.len() != FIELD {
            return None;
        }
        let node = NodeId::from_be_bytes(field[..16].try_into().ok()?);
        let colon = value.iter().position(|byte| *byte == b':')?;
        let time = std::str::from_utf8(&value[..colon]).ok()?.parse().ok()?;
        let found = Self {
            field,
            value,
            at: colon + 1,
            time,
        };
        Some((node, found))
    }

    fn state(&self) -> &[u8] {
        &self.value[self.at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n21_what_is_no_person_is_none() {
        let text = |text: &[u8]| Value::BulkString(text.to_vec());
        let good = field(7, 9);
        let (node, found) = Found::read(text(&good), text(b"12:\x01:")).unwrap();
        assert_eq!((node, found.time, found.state()), (7, 12, &b"\x01:"[..]));
        for (field, value) in [
            (text(&good[..23]), text(b"12:x")),
            (text(&good), text(b"12")),
            (text(&good), text(b":x")),
            (text(&good), text(b"-1:x")),
            (text(&good), text(b"99999999999999999999:x")),
            (text(&good), text(b"\xff:x")),
            (Value::Nil, text(b"12:x")),
            (text(&good), Value::Int(1)),
        ] {
            assert!(Found::read(field, value).is_none());
        }
    }
}
