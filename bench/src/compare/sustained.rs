//! How many updates a second come in time, however many more are sent.
//!
//! An open loop: updates are sent when they are due, whatever has become of those before, and their time counts from when they were due. The
//! rule: a rate is reached only if nothing is missing afterwards.

use std::time::{Duration, Instant};

use anyhow::Result;
use scrible_wire::message;

use super::fan_out::note_losses;
use super::flood::{BYTES, drain};
use super::measured::{Conditions, Found, MISSING, Plan, figure};
use super::result::Better;
use crate::load::forged::append;
use crate::load::{Crowd, Tally, Window, own_seconds};
use crate::peers::Running;

const ROOMS: usize = 50;
const PEOPLE: usize = 4;
const WRITERS: usize = 2;
/// The 99th percentile, in milliseconds, below which updates come in time.
const IN_TIME_MS: f64 = 50.0;
/// The first rate, in updates a second. Each following one is twice as high until one is not reached.
const FIRST: f64 = 1_000.0;
/// No higher.
const LAST: f64 = 1_024_000.0;
/// How often the gap between the highest rate that was reached and the lowest that was not is halved.
const HALVINGS: usize = 2;
/// For what is under way after each rate: late is not lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// The share of a processor from which on the load generator is what limits.
const FULL: f64 = 0.95;

/// What one rate showed.
struct Rung {
    p99_ms: f64,
    missing: u64,
    load: f64,
}

impl Rung {
    fn reached(&self) -> bool {
        self.missing == 0 && self.p99_ms < IN_TIME_MS
    }
}

pub fn plan() -> Plan {
    Plan {
        id: "sustained",
        title: "Updates in time, 50 rooms of 4".to_owned(),
        what: format!(
            "{WRITERS} people in each of {ROOMS} rooms of {PEOPLE} write at a fixed rate, the highest at which 99 of 100 deliveries take less than {IN_TIME_MS:.0} ms from when the update was due and none is missing (doubled from {FIRST:.0}/s until it fails, then halved in {HALVINGS} times)."
        ),
        figures: vec![
            figure("rate", "Updates in all rooms", "/s", Better::More),
            figure("p99", "99th percentile at that rate", "ms", Better::Less),
            figure(MISSING, "Lost", "updates", Better::Less),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(90),
    }
}

pub async fn measure(conditions: &Conditions, running: &Running) -> Result<Found> {
    let mut doors = Vec::new();
    for room in 0..ROOMS {
        doors.push(running.door(&format!("sustained-{room}")).await?);
    }
    let mut crowd = Crowd::new(conditions.until)?;
    let mut tally = Tally::new(Window::Open).timed();
    let everybody: Vec<_> = doors
        .iter()
        .flat_map(|door| std::iter::repeat_n(door, PEOPLE))
        .collect();
    for _ in &doors {
        tally.add_room(PEOPLE, WRITERS);
    }
    crowd.join_all(&everybody, everybody.len(), &mut tally)?;

    let time = conditions.either(Duration::from_secs(2), Duration::from_millis(700));
    let mut found = Found::default();
    let (mut best, mut rate, mut step, mut halvings) = (None, FIRST, 2.0_f64, 0);
    // The first updates open files and rooms.
    rung(&mut crowd, &mut tally, FIRST, time / 4)?;
    while rate <= LAST && halvings <= HALVINGS {
        let rung = rung(&mut crowd, &mut tally, rate, time)?;
        let reached = rung.reached();
        if reached {
            best = Some((rate, rung.p99_ms));
        }
        if !reached || halvings > 0 {
            halvings += 1;
            step = step.sqrt();
            if !reached && rung.load > FULL {
                found
                    .notes
                    .push(format!("at {rate:.0}/s the load generator was full"));
            }
            if rung.missing > 0 {
                break;
            }
        }
        rate = if reached { rate * step } else { rate / step };
    }
    found.set("rate", best.map_or(0.0, |(rate, _)| rate));
    found.set_some("p99", best.map(|(_, p99)| p99));
    found.set(MISSING, tally.missing() as f64);
    note_losses(&mut found, &crowd, &tally);
    Ok(found)
}

/// Sends at one rate, and waits for what is under way.
fn rung(crowd: &mut Crowd, tally: &mut Tally, rate: f64, time: Duration) -> Result<Rung> {
    tally.times.clear();
    let began = Instant::now();
    let load = own_seconds();
    let all = (rate * time.as_secs_f64()) as u64;
    let due = |at: u64| began + Duration::from_secs_f64(at as f64 / rate);
    let mut sent = 0;
    while sent < all {
        let now = Instant::now();
        while sent < all && due(sent) <= now {
            let writer = sent as usize % tally.writers();
            if let Some((client, number)) = tally.next_of(writer, due(sent)) {
                let update = message::update(&append(client, number, BYTES));
                crowd.say(tally.person(writer), &update);
            }
            sent += 1;
        }
        crowd.turn(due(sent).saturating_duration_since(now), tally)?;
    }
    let load = (own_seconds() - load) / began.elapsed().as_secs_f64();
    drain(crowd, tally, PATIENCE, Tally::missing)?;
    Ok(Rung {
        p99_ms: tally.times.percentile_ms(0.99).unwrap_or(f64::INFINITY),
        missing: tally.missing(),
        load,
    })
}
