//! What is where in Redis: the names of keys and channels.
//!
//! Knows names, not what is kept under them. The one rule: all names of one room have the same hash tag, so that a cluster has them in
//! one place and a script may use them together.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bus::NodeId;
use crate::room::RoomName;

/// Bytes of the digest that stands for a room's name. A name itself may have any signs, those of a hash tag among them.
const DIGEST: usize = 16;

/// The names that a deployment uses.
#[derive(Debug)]
pub struct Keys {
    prefix: String,
}

/// Those of one room.
#[derive(Debug)]
pub struct RoomKeys {
    /// A hash: its latest updates by number.
    pub hot: String,
    /// A hash: the awareness states of its people.
    pub people: String,
    /// Where messages about it go.
    pub channel: String,
}

impl Keys {
    /// All names begin with `prefix`, so that two deployments may share one Redis.
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// Those of a room.
    pub fn room(&self, room: &RoomName) -> Arc<RoomKeys> {
        let digest = Sha256::digest(room.as_str());
        let tag = digest[..DIGEST]
            .iter()
            .fold(String::new(), |mut tag, byte| {
                write!(tag, "{byte:02x}").expect("a string takes everything");
                tag
            });
        let name = |what| format!("{}:{{{tag}}}:{what}", self.prefix);
        Arc::new(RoomKeys {
            hot: name("hot"),
            people: name("people"),
            channel: name("room"),
        })
    }

    /// There while a node lives.
    pub fn node(&self, node: NodeId) -> String {
        format!("{}:{{nodes}}:{node:032x}", self.prefix)
    }

    /// Where nodes say that they live.
    pub fn nodes(&self) -> String {
        format!("{}:{{nodes}}:alive", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n20_the_names_of_a_room_share_a_hash_tag_whatever_it_is_called() {
        let keys = Keys::new("scrible".to_owned());
        let tag = |name: &str| {
            let (_, rest) = name.split_once('{').unwrap();
            rest.split_once('}').unwrap().0.to_owned()
        };
        let mut tags = Vec::new();
        for room in ["a", "}{", "{nodes}", "Zoë/plans 😀", "nodes"] {
            let keys = keys.room(&RoomName::new(room).unwrap());
            let all = [&keys.hot, &keys.people, &keys.channel].map(|name| tag(name));
            assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
            tags.push(all[0].clone());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 5, "rooms have different ones");
        assert_eq!(tag(&keys.node(7)), tag(&keys.nodes()));
        let other = Keys::new("other".to_owned());
        assert_ne!(other.nodes(), keys.nodes());
    }
}
