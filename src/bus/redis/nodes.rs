//! Which other nodes live, by what is heard of them.
//!
//! Knows times, not what was said. The one rule: while this node does not hear even itself, silence says nothing about the others.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{NODE_EVERY, NODE_TTL};
use crate::bus::NodeId;

/// Nodes that are remembered; what else claims to be one is forged.
const MAX_NODES: usize = 1_024;
/// How long this node may not hear itself before it stops judging.
const DEAF: Duration = Duration::from_secs(2 * NODE_EVERY.as_secs() - 1);

/// When each was heard.
#[derive(Debug)]
pub struct Nodes {
    own: NodeId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    heard: HashMap<NodeId, Instant>,
    own_heard: Option<Instant>,
    /// This node has not heard itself for a while.
    deaf: bool,
}

impl Nodes {
    /// Seen from node `own`.
    pub fn new(own: NodeId) -> Self {
        Self {
            own,
            state: Mutex::default(),
        }
    }

    /// A node has said something.
    pub fn heard(&self, node: NodeId, now: Instant) {
        self.alive_at(node, now, now);
    }

    /// A node is known to have lived at an earlier time.
    pub fn alive_at(&self, node: NodeId, then: Instant, now: Instant) {
        let mut state = self.state.lock();
        if node == self.own {
            let state = &mut *state;
            if std::mem::take(&mut state.deaf) {
                state.heard.values_mut().for_each(|heard| *heard = now);
            }
            state.own_heard = Some(now);
            return;
        }
        if state.heard.len() >= MAX_NODES && !state.heard.contains_key(&node) {
            return;
        }
        let heard = state.heard.entry(node).or_insert(then);
        *heard = then.max(*heard);
    }

    /// A node has said that it ends. Whether it was there.
    pub fn left(&self, node: NodeId) -> bool {
        self.state.lock().heard.remove(&node).is_some()
    }

    /// Forgets those that have been silent for too long, and names them.
    pub fn silent(&self, now: Instant) -> Vec<NodeId> {
        let mut state = self.state.lock();
        let hears = state.own_heard.is_some_and(|heard| now - heard <= DEAF);
        if !hears {
            state.deaf = true;
            return Vec::new();
        }
        let gone = state.heard.extract_if(|_, heard| now - *heard > NODE_TTL);
        gone.map(|(node, _)| node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn n28_a_node_that_is_not_heard_for_ten_seconds_is_gone_once() {
        let nodes = Nodes::new(1);
        let start = Instant::now();
        for second in 0..=30 {
            let now = start + seconds(second);
            nodes.heard(1, now);
            if second <= 5 {
                nodes.heard(2, now);
            }
            nodes.heard(3, now);
            let gone = nodes.silent(now);
            assert_eq!(gone == [2], second == 16, "{second}: {gone:?}");
        }
        assert!(nodes.left(3));
        assert!(!nodes.left(3));
    }

    #[test]
    fn n28_who_does_not_hear_itself_does_not_judge_others() {
        let nodes = Nodes::new(1);
        let start = Instant::now();
        nodes.heard(2, start);
        assert_eq!(nodes.silent(start + seconds(60)), []);
        nodes.heard(1, start + seconds(60));
        // They have their ten seconds from then.
        assert_eq!(nodes.silent(start + seconds(61)), []);
        nodes.heard(1, start + seconds(69));
        assert_eq!(nodes.silent(start + seconds(69)), []);
        assert_eq!(nodes.silent(start + seconds(71)), [2]);
    }

    #[test]
    fn n28_what_is_known_of_a_node_from_elsewhere_counts_from_then() {
        let nodes = Nodes::new(1);
        let start = Instant::now();
        let now = start + seconds(8);
        nodes.heard(1, now);
        nodes.alive_at(2, start, now);
        nodes.heard(3, now);
        nodes.alive_at(3, start, now);
        assert_eq!(nodes.silent(start + seconds(11)), [2]);
    }

    #[test]
    fn n28_no_more_nodes_are_remembered_than_there_can_be() {
        let nodes = Nodes::new(1);
        let now = Instant::now();
        for node in 2..5_000 {
            nodes.heard(node, now);
        }
        assert_eq!(nodes.state.lock().heard.len(), MAX_NODES);
    }
}
