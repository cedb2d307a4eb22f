//! Writers that send as fast as their windows allow, and the wait for what is under way.
//!
//! The one rule: where nothing gets on any more, what came until then counts for the time until then.

use std::time::{Duration, Instant};

use anyhow::Result;
use scrible_wire::message;

use crate::load::forged::append;
use crate::load::{Crowd, Tally};

/// Nothing was delivered for so long: nothing will be. Some stand still for seconds while they store.
const STALL: Duration = Duration::from_secs(5);
/// Between two looks at the clock where nothing comes.
const LOOK: Duration = Duration::from_millis(100);
/// Of each value.
pub const BYTES: usize = 100;

/// Has all writers send for so long. Whether it got on until the end.
pub fn flood(crowd: &mut Crowd, tally: &mut Tally, time: Duration) -> Result<bool> {
    let mut now = Instant::now();
    let end = now + time;
    let mut last = (tally.delivered, now);
    while now < end {
        for writer in tally.opened() {
            while let Some((client, number)) = tally.next_of(writer, now) {
                let update = message::update(&append(client, number, BYTES));
                crowd.say(tally.person(writer), &update);
            }
        }
        crowd.turn(LOOK.min(end - now), tally)?;
        now = Instant::now();
        if tally.delivered != last.0 {
            last = (tally.delivered, now);
        } else if now - last.1 > STALL {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until nothing is under way, or nothing comes any more, or it takes too long.
pub fn drain(
    crowd: &mut Crowd,
    tally: &mut Tally,
    patience: Duration,
    open: impl Fn(&Tally) -> u64,
) -> Result<()> {
    let began = Instant::now();
    let mut last = (tally.delivered, began);
    while open(tally) > 0 {
        crowd.turn(LOOK, tally)?;
        let now = Instant::now();
        if tally.delivered != last.0 {
            last = (tally.delivered, now);
        }
        if now - last.1 > STALL || now - began > patience {
            return Ok(());
        }
    }
    Ok(())
}
