//! The connections on which channels are heard: one to a single Redis, one to each master of a cluster that has a channel of ours.
//!
//! Knows where a channel is and which connection hears it, not what it is about. The one rule: a channel is heard only as long as the very
//! connection that subscribed it; when one ends, its channels are named, and the others are not touched.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crc16::XMODEM;
use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, Value};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::address::{Kind, RedisAddress};
use super::inbox::{Inbox, Pusher};
use super::link::Dialect;
use super::{CONNECT, REPLY};

/// How long what was found out about a cluster is not asked again.
const RECENTLY: Duration = Duration::from_millis(250);
/// Into how many slots a cluster divides all keys.
const SLOTS: u16 = 16_384;

/// Where channels are heard.
pub struct Line {
    kind: Kind,
    dialect: Dialect,
    inbox: Arc<Inbox>,
    /// Given by the operator; the first also says how to connect to what these name.
    seeds: Vec<ConnectionInfo>,
    places: Mutex<HashMap<Spot, Place>>,
    parts: Mutex<Parts>,
    /// Connections are made one after another, so that two never go to the same spot. Those that could not be made, and when: all rooms of a part that
    /// is away are not to wait for it one after another.
    connecting: tokio::sync::Mutex<HashMap<Spot, Instant>>,
    /// Asking for the parts is as well; when it was last done.
    learning: tokio::sync::Mutex<Option<Instant>>,
    /// A connection has ended.
    pub ended: Arc<Notify>,
}

/// A server: host and port, or the path of a socket.
type Spot = String;

struct Place {
    connection: MultiplexedConnection,
    pusher: Arc<Pusher>,
    /// Those that it hears.
    channels: HashSet<Arc<str>>,
}

/// Which master has which slots, as far as it is known.
#[derive(Debug, Default)]
struct Parts {
    ranges: Vec<(u16, u16, Spot)>,
    /// Something did not go as it says.
    is_stale: bool,
}

impl Line {
    /// Connects to the only server, or asks one of the cluster for the others.
    pub async fn open(
        address: &RedisAddress,
        dialect: Dialect,
        inbox: Arc<Inbox>,
    ) -> Result<Self, RedisError> {
        let line = Self {
            kind: address.kind,
            dialect,
            inbox,
            seeds: address.nodes()?,
            places: Mutex::default(),
            parts: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            learning: tokio::sync::Mutex::default(),
            ended: Arc::new(Notify::new()),
        };
        match line.kind {
            Kind::One => {
                line.connection(&spot(line.seeds[0].addr())).await?;
            }
            Kind::Cluster => line.learn().await?,
        }
        Ok(line)
    }

    /// Hears a channel, from the time that this returns.
    pub async fn subscribe(&self, channel: &Arc<str>) -> Result<(), RedisError> {
        let subscribed = self.try_subscribe(channel).await;
        if subscribed.is_err() {
            self.parts.lock().is_stale = true;
        }
        subscribed
    }

    async fn try_subscribe(&self, channel: &Arc<str>) -> Result<(), RedisError> {
        let spot = self.spot_of(channel).await?;
        let (mut connection, pusher) = self.connection(&spot).await?;
        let mut command = redis::cmd(match self.dialect {
            Dialect::Sharded => "SSUBSCRIBE",
            Dialect::Plain => "SUBSCRIBE",
        });
        let _: Value = command.arg(&**channel).query_async(&mut connection).await?;
        let mut places = self.places.lock();
        for place in places.values_mut() {
            place.channels.remove(channel);
        }
        match places.get_mut(&spot) {
            Some(place) if Arc::ptr_eq(&place.pusher, &pusher) => {
                place.channels.insert(channel.clone());
                Ok(())
            }
            // It ended right after.
            _ => Err(away("the connection ended")),
        }
    }

    /// Does not hear a channel any more.
    pub async fn unsubscribe(&self, channel: &Arc<str>) -> Result<(), RedisError> {
        let connection = {
            let mut places = self.places.lock();
            let mut places = places.values_mut();
            let place = places.find(|place| place.channels.contains(channel));
            place.map(|place| (place.connection.clone(), place.pusher.clone()))
        };
        let Some((mut connection, _)) = connection else {
            return Ok(());
        };
        let mut command = redis::cmd(match self.dialect {
            Dialect::Sharded => "SUNSUBSCRIBE",
            Dialect::Plain => "UNSUBSCRIBE",
        });
        let _: Value = command.arg(&**channel).query_async(&mut connection).await?;
        for place in self.places.lock().values_mut() {
            place.channels.remove(channel);
        }
        Ok(())
    }

    /// Whether a channel that was subscribed is heard still.
    pub fn hears(&self, channel: &str) -> bool {
        let places = self.places.lock();
        places
            .values()
            .any(|place| place.channels.contains(channel))
    }

    /// Lets go of the connections that have ended; the channels that they heard.
    pub fn sweep(&self) -> Vec<Arc<str>> {
        let mut places = self.places.lock();
        let ended = places.extract_if(|_, place| place.pusher.has_ended());
        let lost = ended.flat_map(|(_, place)| {
            place.pusher.close();
            place.channels
        });
        let lost = lost.collect();
        self.parts.lock().is_stale = true;
        lost
    }

    /// Whether there is no connection left.
    pub fn is_away(&self) -> bool {
        self.places.lock().is_empty()
    }

    /// Ends the connections that do not answer.
    pub async fn check(&self) {
        let all: Vec<_> = {
            let places = self.places.lock();
            let places = places.values();
            places
                .map(|place| (place.connection.clone(), place.pusher.clone()))
                .collect()
        };
        let asked = all.into_iter().map(async |(mut connection, pusher)| {
            let command = redis::cmd("PING");
            if let Err(error) = command.query_async::<Value>(&mut connection).await {
                tracing::debug!(%error, "check a connection");
                pusher.end();
            }
        });
        join_all(asked).await;
    }

    async fn spot_of(&self, channel: &str) -> Result<Spot, RedisError> {
        if self.kind == Kind::One {
            return Ok(spot(self.seeds[0].addr()));
        }
        let slot = slot(channel);
        if let Some(spot) = self.parts.lock().of(slot) {
            return Ok(spot);
        }
        self.learn().await?;
        let known = self.parts.lock().of(slot);
        known.ok_or_else(|| away("no part of the cluster has this room"))
    }

    /// Asks any server that answers which has what, unless that was just done.
    async fn learn(&self) -> Result<(), RedisError> {
        let mut last = self.learning.lock().await;
        if last.is_some_and(|last| last.elapsed() < RECENTLY) {
            self.parts.lock().is_stale = false;
            return Ok(());
        }
        let known: Vec<Spot> = self.places.lock().keys().cloned().collect();
        let seeds = self.seeds.iter().map(|seed| spot(seed.addr()));
        let mut failure = away("no part of the cluster is known");
        for spot in known.into_iter().chain(seeds) {
            match self.ask_parts(&spot).await {
                Ok(ranges) => {
                    *self.parts.lock() = Parts {
                        ranges,
                        is_stale: false,
                    };
                    *last = Some(Instant::now());
                    return Ok(());
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn ask_parts(&self, spot: &Spot) -> Result<Vec<(u16, u16, Spot)>, RedisError> {
        let (mut connection, _) = self.connection(spot).await?;
        let mut command = redis::cmd("CLUSTER");
        let told: Value = command.arg("SLOTS").query_async(&mut connection).await?;
        let (host, _) = spot.rsplit_once(':').unwrap_or((spot, ""));
        parts(&told, host).ok_or_else(|| away("the cluster does not say what its parts are"))
    }

    async fn connection(
        &self,
        spot: &Spot,
    ) -> Result<(MultiplexedConnection, Arc<Pusher>), RedisError> {
        let known = || {
            let places = self.places.lock();
            let place = places.get(spot).filter(|place| !place.pusher.has_ended())?;
            Some((place.connection.clone(), place.pusher.clone()))
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let mut refused = self.connecting.lock().await;
        if let Some(known) = known() {
            return Ok(known);
        }
        refused.retain(|_, at| at.elapsed() < RECENTLY);
        if refused.contains_key(spot) {
            return Err(away("a part of the cluster does not answer"));
        }
        if self.places.lock().contains_key(spot) {
            // One that has ended, and whose channels have to be named first.
            return Err(away("the connection ended"));
        }
        let pusher = Arc::new(self.inbox.of_connection(self.ended.clone()));
        let heard = pusher.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(REPLY))
            .set_push_sender(move |pushed| {
                heard.push(pushed);
                Ok::<(), redis::aio::SendError>(())
            });
        let client = Client::open(at(&self.seeds[0], spot)?)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connection = match connecting.await {
            Ok(connection) => connection,
            Err(error) => {
                refused.insert(spot.clone(), Instant::now());
                return Err(error);
            }
        };
        let place = Place {
            connection: connection.clone(),
            pusher: pusher.clone(),
            channels: HashSet::new(),
        };
        self.places.lock().insert(spot.clone(), place);
        Ok((connection, pusher))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for place in self.places.lock().values() {
            place.pusher.close();
        }
    }
}

impl Parts {
    fn of(&self, slot: u16) -> Option<Spot> {
        if self.is_stale {
            return None;
        }
        let mut ranges = self.ranges.iter();
        let range = ranges.find(|(from, to, _)| (*from..=*to).contains(&slot));
        range.map(|(_, _, spot)| spot.clone())
    }
}

fn away(why: &'static str) -> RedisError {
    (redis::ErrorKind::Io, why).into()
}

/// Where a name belongs, by its hash tag.
fn slot(name: &str) -> u16 {
    let tag = name
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let tag = tag.map_or(name, |(tag, _)| tag);
    crc16::State::<XMODEM>::calculate(tag.as_bytes()) % SLOTS
}

fn spot(address: &ConnectionAddr) -> Spot {
    match address {
        ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
        other => other.to_string(),
    }
}

/// How to connect to a spot: as to a seed.
fn at(seed: &ConnectionInfo, wanted: &Spot) -> Result<ConnectionInfo, RedisError> {
    if spot(seed.addr()) == *wanted {
        return Ok(seed.clone());
    }
    let place = wanted.rsplit_once(':');
    let place = place.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    let (host, port) = place.ok_or_else(|| away("a part of the cluster has no port"))?;
    let address = match seed.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    Ok(seed.clone().set_addr(address))
}

/// What `CLUSTER SLOTS` says: ranges of slots with their master first. A host that is not named is the one that was asked.
fn parts(told: &Value, asked: &str) -> Option<Vec<(u16, u16, Spot)>> {
    let Value::Array(ranges) = told else {
        return None;
    };
    let mut parts = Vec::new();
    for range in ranges {
        let Value::Array(range) = range else {
            return None;
        };
        let [Value::Int(from), Value::Int(to), Value::Array(master), ..] = &range[..] else {
            return None;
        };
        let [host, Value::Int(port), ..] = &master[..] else {
            return None;
        };
        let host = match host {
            Value::BulkString(host) => std::str::from_utf8(host).ok()?,
            Value::SimpleString(host) => host,
            _ => "",
        };
        let host = match host {
            "" => asked,
            // Not known to the server either.
            "?" => continue,
            host => host,
        };
        let (from, to) = (u16::try_from(*from).ok()?, u16::try_from(*to).ok()?);
        parts.push((from, to, format!("{host}:{port}")));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use redis::cluster_routing::Slot;

    use super::*;
    use crate::bus::redis::keys::Keys;
    use crate::room::RoomName;

    #[test]
    fn n20_a_channel_belongs_where_the_library_sends_its_keys() {
        let keys = Keys::new("scrible".to_owned());
        for name in ["a", "b", "{x}", "Zoë"] {
            let room = keys.room(&RoomName::new(name).unwrap());
            assert_eq!(
                Slot::new(slot(&room.channel)),
                Some(Slot::for_key(&room.hot))
            );
        }
        assert_eq!(
            Slot::new(slot(&keys.nodes())),
            Some(Slot::for_key(keys.nodes()))
        );
    }

    #[test]
    fn what_a_cluster_says_of_its_parts_is_read_or_refused() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let master = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let range = |from, to, master| {
            let replica = Value::Array(vec![text("r"), Value::Int(1)]);
            Value::Array(vec![Value::Int(from), Value::Int(to), master, replica])
        };
        let told = Value::Array(vec![
            range(0, 99, master(text("a"), 7000)),
            range(100, 199, master(Value::Nil, 7001)),
            range(200, 299, master(text("?"), 7002)),
            range(300, 16_383, master(text("::1"), 7003)),
        ]);
        let ranges = parts(&told, "asked").unwrap();
        let parts = Parts {
            ranges,
            is_stale: false,
        };
        for (slot, spot) in [
            (0, Some("a:7000")),
            (150, Some("asked:7001")),
            (250, None),
            (16_383, Some("::1:7003")),
        ] {
            assert_eq!(parts.of(slot).as_deref(), spot);
        }
        let stale = Parts {
            is_stale: true,
            ..parts
        };
        assert_eq!(stale.of(0), None);
        for odd in [
            Value::Nil,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![range(0, 99, Value::Nil)]),
            Value::Array(vec![range(0, 99_999, master(text("a"), 1))]),
            Value::Array(vec![range(-1, 5, master(text("a"), 1))]),
        ] {
            assert!(super::parts(&odd, "asked").is_none(), "{odd:?}");
        }
    }

    #[test]
    fn a_part_of_a_cluster_is_reached_as_its_seed_is() {
        let address = RedisAddress::parse("rediss+cluster://ann:hunter2@a:7000").unwrap();
        let seed = &address.nodes().unwrap()[0];
        let other = at(seed, &"::1:7001".to_owned()).unwrap();
        assert!(
            matches!(other.addr(), ConnectionAddr::TcpTls { host, port: 7001, insecure: false, .. } if host == "::1")
        );
        assert_eq!(other.redis_settings().password(), Some("hunter2"));
        assert_eq!(
            spot(at(seed, &"a:7000".to_owned()).unwrap().addr()),
            "a:7000"
        );
        assert!(at(seed, &"a:b".to_owned()).is_err());
    }
}
