//! Everybody comes back at once.
//!
//! The rule: somebody is back when he has what his room holds.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::measured::{Conditions, Found, MISSING, Meter, Plan, figure};
use super::result::Better;
use super::stored::Content;
use crate::load::{Crowd, Nobody};
use crate::peers::{Peer, Running};

const PEOPLE: usize = 500;
const ROOMS: usize = 50;
const BOARD: Content = Content {
    records: 200,
    record_bytes: 400,
};

pub fn plan() -> Plan {
    Plan {
        id: "storm",
        title: "500 come back at once".to_owned(),
        what: format!(
            "The lines of {PEOPLE} clients in {ROOMS} rooms of {} kB are cut, and all connect again at the same moment, as pages that were loaded anew; until the last has what its room holds.",
            BOARD.bytes() / 1000
        ),
        figures: vec![
            figure("back", "All are back after", "s", Better::Less),
            figure("cpu", "Server CPU", "s", Better::Less),
            figure(MISSING, "Clients without the whole board", "", Better::Less),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(60),
    }
}

pub async fn measure(conditions: &Conditions, running: &Running) -> Result<Found> {
    let mut found = Found::default();
    let holds = conditions.peer != Peer::Reference;
    if !holds {
        let note = "it holds nothing, so its clients are back when they are answered";
        found.notes.push(note.to_owned());
    }
    let mut crowd = Crowd::new(conditions.until)?;
    let mut doors = Vec::new();
    for room in 0..ROOMS {
        let door = running.door(&format!("storm-{room}")).await?;
        BOARD.bring(&mut crowd, &door)?;
        doors.push(door);
    }
    let everybody: Vec<_> = doors.iter().cycle().take(PEOPLE).collect();
    // Those who brought the boards are among them.
    crowd.join_all(&everybody[ROOMS..], PEOPLE, &mut Nobody)?;
    let first = crowd.people();
    crowd.cut_all();
    let meter = Meter::start(running)?;
    let began = Instant::now();
    crowd.join_all(&everybody, PEOPLE, &mut Nobody)?;
    found.set("back", began.elapsed().as_secs_f64());
    found.set("cpu", meter.stop(running)?.server);
    let lacking = (first..crowd.people())
        .filter_map(|who| crowd.stay(who))
        .filter(|(_, bytes)| *bytes < BOARD.bytes());
    if holds {
        found.set(MISSING, lacking.count() as f64);
    }
    Ok(found)
}
