//! What connections take that do nothing.
//!
//! The rule: the server has just been started, and rooms are made after its memory was first looked at, so that they count.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::measured::{Conditions, Found, Plan, figure};
use super::result::Better;
use crate::load::{Crowd, Nobody};
use crate::peers::Running;

/// Connections that are on their way at a time.
const AT_ONCE: usize = 64;
/// Before memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// Connections, and the rooms that they are spread over.
const WHOLE: (usize, usize) = (5_000, 500);
const QUICK: (usize, usize) = (1_000, 100);

pub fn plan(quick: bool) -> Plan {
    let (connections, rooms) = if quick { QUICK } else { WHOLE };
    Plan {
        id: "idle",
        title: "Idle connections".to_owned(),
        what: format!(
            "{connections} clients join {rooms} empty rooms, {AT_ONCE} on their way at a time, and do nothing; the growth of the server's resident memory, rooms included."
        ),
        figures: vec![
            figure("memory", "Memory per connection", "KiB", Better::Less),
            figure("rate", "Joins", "/s", Better::More),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(60),
    }
}

pub async fn measure(conditions: &Conditions, running: &Running) -> Result<Found> {
    let (connections, rooms) = conditions.either(WHOLE, QUICK);
    let before = running.rss_bytes()?;
    let mut doors = Vec::new();
    for room in 0..rooms {
        doors.push(running.door(&format!("idle-{room}")).await?);
    }
    let mut crowd = Crowd::new(conditions.until)?;
    let everybody: Vec<_> = doors.iter().cycle().take(connections).collect();
    let began = Instant::now();
    crowd.join_all(&everybody, AT_ONCE, &mut Nobody)?;
    let took = began.elapsed().as_secs_f64();
    crowd.turn_for(SETTLE, &mut Nobody)?;
    crowd.all_here()?;
    let grown = running.rss_bytes()?.saturating_sub(before);
    let mut found = Found::default();
    found.set("memory", grown as f64 / connections as f64 / 1024.0);
    found.set("rate", connections as f64 / took);
    Ok(found)
}
