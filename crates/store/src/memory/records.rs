//! Nodes, openings and the records of rooms in memory.
//!
//! The rule: a node lives as long as the handle that it speaks through.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Incarnation, Opening, OpeningEnd, RoomRecord, SetAsideBy};

#[derive(Default)]
pub struct Records {
    /// And whether they live.
    nodes: BTreeMap<Incarnation, bool>,
    openings: BTreeMap<(Incarnation, Arc<str>), Opening>,
    rooms: BTreeMap<Arc<str>, RoomRecord>,
}

impl Records {
    pub fn beat(&mut self, node: Incarnation, now_ms: i64) -> Vec<RoomRecord> {
        self.nodes.insert(node, true);
        let mut records = Vec::new();
        let openings = &mut self.openings;
        let rooms = &mut self.rooms;
        self.nodes.retain(|dead, lives| {
            if *lives {
                return true;
            }
            openings.retain(|(node, room), opening| {
                if node != dead {
                    return true;
                }
                let record = rooms.entry(room.clone());
                let record = record.or_insert_with(|| RoomRecord::clean(room.clone()));
                record.add_death(opening.alone, now_ms);
                records.push(record.clone());
                false
            });
            false
        });
        records
    }

    pub fn note(&mut self, opening: &Opening) {
        self.nodes.entry(opening.node).or_insert(true);
        let key = (opening.node, opening.room.clone());
        self.openings.insert(key, opening.clone());
    }

    pub fn end(&mut self, ended: &[(Opening, OpeningEnd)]) {
        for (opening, end) in ended {
            let key = (opening.node, opening.room.clone());
            let noted = self.openings.get(&key);
            if noted.is_some_and(|noted| noted.number == opening.number) {
                self.openings.remove(&key);
            }
            let record = self.rooms.get(&opening.room);
            let is_free = record.is_some_and(|record| record.set_aside.is_none());
            if *end == OpeningEnd::Lived && is_free {
                self.rooms.remove(&opening.room);
            }
        }
    }

    pub fn end_node(&mut self, node: Incarnation) {
        self.openings.retain(|(of, _), _| *of != node);
        self.nodes.remove(&node);
    }

    pub fn bury(&mut self, nodes: &[Incarnation]) {
        for node in nodes {
            self.nodes.entry(*node).and_modify(|lives| *lives = false);
        }
    }

    pub fn of_room(&self, room: &str) -> Option<RoomRecord> {
        self.rooms.get(room).cloned()
    }

    pub fn all(&self) -> Vec<RoomRecord> {
        self.rooms.values().cloned().collect()
    }

    pub fn set_aside(&mut self, room: Arc<str>, now_ms: i64) {
        let record = self.rooms.entry(room.clone());
        let record = record.or_insert_with(|| RoomRecord::clean(room));
        record.set_aside = Some(SetAsideBy::Operator);
        record.time_ms = now_ms;
    }

    pub fn count_rows(&self) -> [(&'static str, usize); 3] {
        [
            ("living nodes", self.nodes.len()),
            ("openings", self.openings.len()),
            ("records", self.rooms.len()),
        ]
    }

    /// All that is noted of a room.
    pub fn forget(&mut self, room: &str) {
        self.rooms.remove(room);
        self.openings.retain(|(_, of), _| &**of != room);
    }

    pub fn clear(&mut self, room: &str) -> Option<RoomRecord> {
        self.rooms.remove(room)
    }
}
