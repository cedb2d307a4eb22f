//! How many connections there may be: in all, from an address, in a room, and that are no WebSocket (yet).
//!
//! Knows how to count, not what to answer. The one rule: a place is given back by being dropped, wherever a handshake or a connection breaks off, and a
//! table has an entry only while somebody has a place under it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Visitor;
use crate::room::RoomName;
use crate::telemetry::LimitMet;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacesConfig {
    /// WebSockets.
    pub connections: usize,
    /// From one address (of IPv6, one /64), WebSockets and others each. `None`: no limit.
    pub per_address: Option<usize>,
    /// In one room. `None`: no limit.
    pub per_room: Option<usize>,
    /// That are no WebSocket, or not yet.
    pub plain: usize,
}

impl Default for PlacesConfig {
    fn default() -> Self {
        Self {
            connections: 10_000,
            per_address: Some(500),
            per_room: Some(2_000),
            plain: 2_048,
        }
    }
}

/// Who has a place.
#[derive(Debug)]
pub struct Places {
    config: PlacesConfig,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    addresses: Tally<IpAddr>,
    rooms: Tally<RoomName>,
    plain: usize,
    plain_addresses: Tally<IpAddr>,
}

/// The place of a WebSocket.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    /// `None` for whoever is local.
    address: Option<IpAddr>,
    room: RoomName,
}

/// The place of a connection that is no WebSocket, or not yet.
#[derive(Debug)]
pub struct PlainPlace {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// All free.
    pub fn new(config: PlacesConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            taken: Mutex::default(),
        })
    }

    /// A place for a WebSocket.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub fn take(self: &Arc<Self>, visitor: &Visitor, room: &RoomName) -> Result<Place, LimitMet> {
        let address = (!visitor.is_local()).then(|| group(visitor.address));
        let mut taken = self.taken.lock();
        if address.is_some_and(|address| taken.addresses.is_full(&address, self.config.per_address))
        {
            return Err(LimitMet::PerAddress);
        }
        if taken.rooms.is_full(room, self.config.per_room) {
            return Err(LimitMet::PerRoom);
        }
        if taken.connections >= self.config.connections {
            return Err(LimitMet::Connections);
        }
        taken.connections += 1;
        taken.rooms.add(room.clone());
        if let Some(address) = address {
            taken.addresses.add(address);
        }
        Ok(Place {
            places: self.clone(),
            address,
            room: room.clone(),
        })
    }

    /// A place for a connection that has just been accepted; `address` is `None` where it is not limited.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub fn take_plain(self: &Arc<Self>, address: Option<IpAddr>) -> Result<PlainPlace, LimitMet> {
        let address = address.map(group);
        let mut taken = self.taken.lock();
        if taken.plain >= self.config.plain {
            return Err(LimitMet::Plain);
        }
        if let Some(address) = address {
            if taken
                .plain_addresses
                .is_full(&address, self.config.per_address)
            {
                return Err(LimitMet::PlainPerAddress);
            }
            taken.plain_addresses.add(address);
        }
        taken.plain += 1;
        Ok(PlainPlace {
            places: self.clone(),
            address,
        })
    }

    /// Connections that are no WebSocket, or not yet.
    pub fn plain(&self) -> usize {
        self.taken.lock().plain
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.connections -= 1;
        taken.rooms.remove(&self.room);
        if let Some(address) = &self.address {
            taken.addresses.remove(address);
        }
    }
}

impl Drop for PlainPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.plain -= 1;
        if let Some(address) = &self.address {
            taken.plain_addresses.remove(address);
        }
    }
}

/// What an address counts as: whoever has one address of IPv6 has its /64.
pub fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// How many have something in common.
#[derive(Debug)]
struct Tally<K>(HashMap<K, usize>);

impl<K: Eq + Hash> Tally<K> {
    fn is_full(&self, key: &K, most: Option<usize>) -> bool {
        most.is_some_and(|most| self.0.get(key).copied().unwrap_or(0) >= most)
    }

    fn add(&mut self, key: K) {
        *self.0.entry(key).or_insert(0) += 1;
    }

    fn remove(&mut self, key: &K) {
        let Some(count) = self.0.get_mut(key) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(key);
        }
    }
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::socket::TrustedProxies;

    const FEW: PlacesConfig = PlacesConfig {
        connections: 4,
        per_address: Some(2),
        per_room: Some(3),
        plain: 3,
    };

    fn from(address: &str) -> Visitor {
        TrustedProxies::default().visitor(address.parse().unwrap(), &HeaderMap::new())
    }

    fn room(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    #[test]
    fn l12_each_limit_refuses_by_its_name_and_a_place_comes_back_when_it_is_dropped() {
        let places = Places::new(FEW);
        let (demo, other) = (room("demo"), room("other"));
        let first = places.take(&from("192.0.2.1"), &demo).unwrap();
        let second = places.take(&from("::ffff:192.0.2.1"), &demo).unwrap();
        let refused = places.take(&from("192.0.2.1"), &other).unwrap_err();
        assert_eq!(refused, LimitMet::PerAddress);
        let third = places.take(&from("192.0.2.2"), &demo).unwrap();
        let refused = places.take(&from("192.0.2.3"), &demo).unwrap_err();
        assert_eq!(refused, LimitMet::PerRoom);
        let fourth = places.take(&from("192.0.2.3"), &other).unwrap();
        let refused = places.take(&from("192.0.2.4"), &other).unwrap_err();
        assert_eq!(refused, LimitMet::Connections);
        drop(first);
        places.take(&from("192.0.2.1"), &demo).unwrap();
        drop((second, third, fourth));
        let taken = places.taken.lock();
        assert_eq!(taken.connections, 0);
        assert!(taken.addresses.0.is_empty() && taken.rooms.0.is_empty());
    }

    #[test]
    fn l12_an_address_of_ipv6_counts_as_its_64_and_loopback_not_at_all() {
        let places = Places::new(FEW);
        let _two = ["2001:db8::1", "2001:db8::2"]
            .map(|address| places.take(&from(address), &room(address)).unwrap());
        let refused = places.take(&from("2001:db8:0:0:9::1"), &room("demo"));
        assert_eq!(refused.unwrap_err(), LimitMet::PerAddress);
        drop(places.take(&from("2001:db8:0:1::1"), &room("demo")));
        let places = Places::new(PlacesConfig {
            per_room: None,
            ..FEW
        });
        let _four = [(); 4].map(|()| places.take(&from("127.0.0.1"), &room("demo")).unwrap());
        assert!(places.taken.lock().addresses.0.is_empty());
    }

    #[test]
    fn l12_who_comes_through_an_unknown_proxy_on_this_machine_is_not_exempt() {
        let places = Places::new(FEW);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        let proxied = TrustedProxies::default().visitor("::1".parse().unwrap(), &headers);
        let _two = ["a", "b"].map(|name| places.take(&proxied, &room(name)).unwrap());
        let refused = places.take(&proxied, &room("c")).unwrap_err();
        assert_eq!(refused, LimitMet::PerAddress);
    }

    #[test]
    fn l13_plain_connections_have_places_of_their_own() {
        let places = Places::new(FEW);
        let address = |text: &str| Some(text.parse().unwrap());
        let first = places.take_plain(address("192.0.2.1")).unwrap();
        let _second = places.take_plain(address("192.0.2.1")).unwrap();
        let refused = places.take_plain(address("192.0.2.1")).unwrap_err();
        assert_eq!(refused, LimitMet::PlainPerAddress);
        let third = places.take_plain(None).unwrap();
        let refused = places.take_plain(None).unwrap_err();
        assert_eq!(refused, LimitMet::Plain);
        drop((first, third));
        assert_eq!(places.plain(), 1);
        assert_eq!(places.taken.lock().plain_addresses.0.len(), 1);
        places
            .take(&from("192.0.2.1"), &room("demo"))
            .expect("WebSockets have theirs");
    }
}
