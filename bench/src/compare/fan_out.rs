//! Everybody in a room hears what its writers send as fast as they can.
//!
//! A closed loop: each writer has at most [`WINDOW`] updates under way that not all others in its room have had. The rule: what comes back
//! to its writer is no delivery, though most servers send it.

use std::time::Duration;

use anyhow::Result;

use super::flood::{drain, flood};
use super::measured::{Conditions, Found, MISSING, Meter, Plan, figure};
use super::result::Better;
use super::sample;
use crate::load::{Crowd, Tally, Window};
use crate::peers::{Peer, Running};

/// Updates of one writer under way.
const WINDOW: u32 = 16;
/// For what is under way in the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// How people are spread.
pub struct Shape {
    id: &'static str,
    title: &'static str,
    rooms: usize,
    people: usize,
    writers: usize,
}

/// As many listeners as there may be.
pub const ONE_ROOM: Shape = Shape {
    id: "fan-out-1x50",
    title: "Fan-out, one room of 50",
    rooms: 1,
    people: 50,
    writers: 10,
};

/// As people usually are.
pub const MANY_ROOMS: Shape = Shape {
    id: "fan-out-50x4",
    title: "Fan-out, 50 rooms of 4",
    rooms: 50,
    people: 4,
    writers: 2,
};

impl Shape {
    pub fn plan(&self) -> Plan {
        Plan {
            id: self.id,
            title: self.title.to_owned(),
            what: format!(
                "{} of {} people, {} of whom write updates of 100 bytes as fast as everybody else in the room gets them, {WINDOW} of each writer under way.",
                match self.rooms {
                    1 => "One room".to_owned(),
                    rooms => format!("{rooms} rooms"),
                },
                self.people,
                self.writers
            ),
            figures: vec![
                figure("deliveries", "Deliveries", "/s", Better::More),
                figure("cpu", "Server CPU per delivery", "µs", Better::Less),
                figure(MISSING, "Lost", "updates", Better::Less),
            ],
            fills: true,
            once: false,
            limit: Duration::from_secs(60),
        }
    }

    pub async fn measure(&self, conditions: &Conditions, running: &Running) -> Result<Found> {
        let mut doors = Vec::new();
        for room in 0..self.rooms {
            doors.push(running.door(&format!("{}-{room}", self.id)).await?);
        }
        let mut crowd = Crowd::new(conditions.until)?;
        let mut tally = Tally::new(Window::UntilHeard(WINDOW));
        let everybody: Vec<_> = doors
            .iter()
            .flat_map(|door| std::iter::repeat_n(door, self.people))
            .collect();
        for _ in &doors {
            tally.add_room(self.people, self.writers);
        }
        crowd.join_all(&everybody, everybody.len(), &mut tally)?;

        let mut found = Found::default();
        let time = conditions.either(Duration::from_secs(4), Duration::from_secs(2));
        let warm = flood(&mut crowd, &mut tally, time / 4)?;
        let before = tally.delivered.updates;
        let meter = Meter::start(running)?;
        let whole = warm && flood(&mut crowd, &mut tally, time)?;
        let spent = meter.stop(running)?;
        let delivered = (tally.delivered.updates - before) as f64;
        drain(&mut crowd, &mut tally, PATIENCE, Tally::missing)?;
        if whole {
            found.set("deliveries", delivered / spent.seconds);
            found.set("cpu", spent.server * 1e6 / delivered);
            found.spent = Some(spent);
        } else {
            found
                .notes
                .push("a repeat does not count: it stood still".to_owned());
        }
        found.set(MISSING, tally.missing() as f64);
        note_losses(&mut found, &crowd, &tally);
        // The reference has nothing to look at.
        if conditions.peer != Peer::Reference {
            sample::verify(&doors, &tally, self.writers, &mut found);
        }
        Ok(found)
    }
}

/// Says what was lost, and who was sent away.
pub fn note_losses(found: &mut Found, crowd: &Crowd, tally: &Tally) {
    let missing = tally.missing();
    if missing > 0 {
        found.notes.push(format!("{missing} deliveries never came"));
    }
    let strange = tally.delivered.strange;
    if strange > 0 {
        found
            .notes
            .push(format!("{strange} updates came to the wrong room"));
    }
    if let Err(error) = crowd.all_here() {
        found.notes.push(error.to_string());
    }
}
