//! Everybody in a room moves, and everybody sees it.
//!
//! The rule: a state counts for whoever came to know it; that one is replaced by the next before it is sent is as good as sending it, as
//! long as everybody knows the last of everybody in the end.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::measured::{Conditions, Found, Meter, Plan, figure};
use super::result::Better;
use crate::load::{Crowd, Presence, Relaying};
use crate::peers::{Peer, Running};

const PEOPLE: usize = 100;
/// Moves of each a second.
const RATE: f64 = 20.0;
/// For what is under way in the end.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn plan() -> Plan {
    Plan {
        id: "cursors",
        title: "Cursors, one room of 100".to_owned(),
        what: format!(
            "{PEOPLE} people in one room move {RATE:.0} times a second each, which is {:.0} states a second to deliver, or to replace by later ones. As y-websocket's clients do, everybody hands on to the server what is new to him.",
            RATE * (PEOPLE * (PEOPLE - 1)) as f64
        ),
        figures: vec![
            figure("p50", "Move to seen, median", "ms", Better::Less),
            figure("p99", "99th percentile", "ms", Better::Less),
            figure("delivered", "States delivered", "/s", Better::More),
            figure("behind", "Pairs without the last state", "", Better::Less),
            figure("cpu", "Server CPU", "%", Better::Less),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(60),
    }
}

pub async fn measure(conditions: &Conditions, running: &Running) -> Result<Found> {
    let door = running.door("cursors").await?;
    let mut found = Found::default();
    let relaying = match conditions.peer {
        Peer::Reference => {
            let note =
                "its clients hand nothing on: it knows no awareness, so that would never end";
            found.notes.push(note.to_owned());
            Relaying::Off
        }
        _ => Relaying::On,
    };
    let mut crowd = Crowd::new(conditions.until)?;
    let mut presence = Presence::new(PEOPLE, relaying);
    crowd.join_all(&[&door; PEOPLE], PEOPLE, &mut presence)?;
    let time = conditions.either(Duration::from_secs(5), Duration::from_secs(2));
    let warm = Duration::from_secs(1);
    let began = Instant::now();
    let due = |at: u64| began + Duration::from_secs_f64(at as f64 / (RATE * PEOPLE as f64));
    let mut moved = 0;
    let mut meter = None;
    let mut measured = None;
    while measured.is_none() {
        let now = Instant::now();
        if now - began > warm && meter.is_none() {
            presence.times.clear();
            presence.known = 0;
            meter = Some(Meter::start(running)?);
        }
        if let Some(meter) = &meter
            && now - began > warm + time
        {
            measured = Some((meter.stop(running)?, presence.known));
        }
        while due(moved) <= now {
            let who = moved as usize % PEOPLE;
            let message = presence.moves(who, due(moved));
            crowd.say(who, &message);
            moved += 1;
        }
        crowd.turn(due(moved).saturating_duration_since(now), &mut presence)?;
    }
    let end = Instant::now();
    while presence.behind() > 0 && end.elapsed() < PATIENCE {
        crowd.turn_for(Duration::from_millis(200), &mut presence)?;
    }
    if let Some((spent, known)) = measured {
        found.set("delivered", known as f64 / spent.seconds);
        found.set("cpu", spent.server / spent.seconds * 100.0);
        let load = spent.load / spent.seconds;
        if load > 0.95 {
            found.notes.push("the load generator was full".to_owned());
        }
    }
    found.set_some("p50", presence.times.percentile_ms(0.5));
    found.set_some("p99", presence.times.percentile_ms(0.99));
    found.set("behind", presence.behind() as f64);
    if let Err(error) = crowd.all_here() {
        found.notes.push(error.to_string());
    }
    Ok(found)
}
