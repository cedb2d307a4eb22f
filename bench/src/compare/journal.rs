//! What is stored a second, and how long it is until somebody knows that his edit is.
//!
//! Only for servers that say so: ours echoes an update to its writer when it is committed. The rule: what was not echoed is not stored.

use std::time::{Duration, Instant};

use anyhow::Result;
use scrible_wire::message;

use super::flood::{BYTES, drain, flood};
use super::measured::{Conditions, Found, MISSING, Plan, figure};
use super::result::Better;
use crate::load::forged::append;
use crate::load::{Crowd, Tally, Window};
use crate::peers::Running;

/// Updates of one writer that are not stored.
const WINDOW: u32 = 1_000;
const ROOMS: usize = 16;
/// A light load, in updates a second.
const LIGHT: u32 = 50;
/// For what is under way in the end.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn plan() -> Plan {
    Plan {
        id: "journal",
        title: "Stored updates".to_owned(),
        what: format!(
            "One writer in each of {ROOMS} rooms, or in one, sends updates of 100 bytes with {WINDOW} that have not come back; each comes back when it is committed (fsync). Then one update at a time, {LIGHT} a second, until it is back."
        ),
        figures: vec![
            figure("rooms", "Committed, 16 rooms", "/s", Better::More),
            figure("one", "Committed, one room", "/s", Better::More),
            figure("echo", "Send to committed echo, median", "ms", Better::Less),
            figure("echo-p99", "99th percentile", "ms", Better::Less),
            figure(MISSING, "Never came back", "updates", Better::Less),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(60),
    }
}

pub async fn measure(conditions: &Conditions, running: &Running) -> Result<Found> {
    let mut found = Found::default();
    let mut missing = 0;
    for (figure, rooms) in [("one", 1), ("rooms", ROOMS)] {
        let (rate, lost) = stored(conditions, running, figure, rooms).await?;
        found.set(figure, rate);
        missing += lost;
    }

    let door = running.door("journal-light").await?;
    let mut crowd = Crowd::new(conditions.until)?;
    let mut tally = Tally::new(Window::Open).timed();
    tally.add_room(1, 1);
    crowd.join(&door, &[0], &mut tally)?;
    let count = conditions.either(250, 100);
    let began = Instant::now();
    for at in 0..count {
        let due = began + Duration::from_secs(1) * at / LIGHT;
        crowd.turn_for(due.saturating_duration_since(Instant::now()), &mut tally)?;
        if let Some((client, number)) = tally.next_of(0, Instant::now()) {
            crowd.say(0, &message::update(&append(client, number, BYTES)));
        }
    }
    drain(&mut crowd, &mut tally, PATIENCE, Tally::not_echoed)?;
    found.set_some("echo", tally.echo_times.percentile_ms(0.5));
    found.set_some("echo-p99", tally.echo_times.percentile_ms(0.99));
    found.set(MISSING, (missing + tally.not_echoed()) as f64);
    Ok(found)
}

/// Updates that are stored a second, and how many never were.
async fn stored(
    conditions: &Conditions,
    running: &Running,
    name: &str,
    rooms: usize,
) -> Result<(f64, u64)> {
    let mut crowd = Crowd::new(conditions.until)?;
    let mut tally = Tally::new(Window::UntilEchoed(WINDOW));
    for room in 0..rooms {
        let door = running.door(&format!("journal-{name}-{room}")).await?;
        tally.add_room(1, 1);
        crowd.join(&door, &[0], &mut tally)?;
    }
    let time = conditions.either(Duration::from_secs(4), Duration::from_secs(2));
    flood(&mut crowd, &mut tally, time / 4)?;
    let (before, began) = (tally.delivered.echoes, Instant::now());
    flood(&mut crowd, &mut tally, time)?;
    let rate = (tally.delivered.echoes - before) as f64 / began.elapsed().as_secs_f64();
    drain(&mut crowd, &mut tally, PATIENCE, Tally::not_echoed)?;
    crowd.all_here()?;
    Ok((rate, tally.not_echoed()))
}
