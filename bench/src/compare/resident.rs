//! Many rooms with a board each, and one client in each that does nothing.
//!
//! The rule: memory is looked at when it has stopped falling, since what storing took is no property of a room at rest.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::measured::{Conditions, Found, Plan, figure};
use super::result::Better;
use super::stored::Content;
use crate::load::{Crowd, Nobody};
use crate::peers::{Peer, Running};

const BOARD: Content = Content {
    records: 2_500,
    record_bytes: 400,
};
const WHOLE: usize = 1_000;
const QUICK: usize = 100;
/// No server gets more memory.
const MOST_BYTES: usize = 8 << 30;
/// Bringing boards ends after this.
const PATIENCE: Duration = Duration::from_secs(90);
/// Rooms between two looks at both.
const LOOK: usize = 25;
/// Memory that has not fallen for so long is at rest; no longer than that is waited.
const REST: Duration = Duration::from_secs(3);
const MOST_REST: Duration = Duration::from_secs(20);

pub fn plan(quick: bool) -> Plan {
    let rooms = if quick { QUICK } else { WHOLE };
    Plan {
        id: "resident",
        title: format!("{rooms} rooms of 1 MB"),
        what: format!(
            "Boards of 1 MB are brought to {rooms} rooms, and whoever brought one stays; resident memory that the server has grown by, once it stops falling, for each byte of the boards as updates. It ends early at {} GB or after {} s.",
            MOST_BYTES >> 30,
            PATIENCE.as_secs()
        ),
        figures: vec![
            figure("ratio", "Memory per byte of board", "", Better::Less),
            figure("reopened", "The same after a restart", "", Better::Less),
            figure("rate", "Boards brought", "/s", Better::More),
        ],
        fills: false,
        once: true,
        limit: Duration::from_secs(240),
    }
}

pub async fn measure(conditions: &Conditions, running: &mut Running) -> Result<Found> {
    let mut found = Found::default();
    if conditions.peer == Peer::Reference {
        found.notes.push("it holds nothing".to_owned());
        return Ok(found);
    }
    let wanted = conditions.either(WHOLE, QUICK);
    let began = Instant::now();
    let before = running.rss_bytes()?;
    let mut crowd = Crowd::new(conditions.until)?;
    let mut rooms = 0;
    while rooms < wanted {
        let door = running.door(&format!("resident-{rooms}")).await?;
        BOARD.bring(&mut crowd, &door)?;
        rooms += 1;
        if rooms % LOOK == 0 && running.rss_bytes()? > MOST_BYTES {
            found.notes.push(format!(
                "{} GB were full after {rooms} rooms",
                MOST_BYTES >> 30
            ));
            break;
        }
        if began.elapsed() > PATIENCE {
            let note = format!("only {rooms} rooms in {} s", PATIENCE.as_secs());
            found.notes.push(note);
            break;
        }
    }
    found.set("rate", rooms as f64 / began.elapsed().as_secs_f64());
    let boards = (rooms * BOARD.encoded_bytes()) as f64;
    let ratio = |bytes: usize| bytes.saturating_sub(before) as f64 / boards;
    found.set("ratio", ratio(at_rest(&mut crowd, running)?));
    // They hold what they say.
    for room in (0..rooms).step_by(rooms.div_ceil(10)) {
        let door = running.door(&format!("resident-{room}")).await?;
        let who = crowd.join(&door, &[0], &mut Nobody)?;
        whole(&crowd, who)?;
        crowd.leave(who);
    }

    if running.keeps_rooms() {
        running.restart().await?;
        let before = running.rss_bytes()?;
        let mut crowd = Crowd::new(conditions.until)?;
        for room in 0..rooms {
            let door = running.door(&format!("resident-{room}")).await?;
            let who = crowd.join(&door, &[0], &mut Nobody)?;
            whole(&crowd, who)?;
        }
        let after = at_rest(&mut crowd, running)?;
        found.set("reopened", after.saturating_sub(before) as f64 / boards);
    } else {
        found
            .notes
            .push("it keeps nothing over a restart".to_owned());
    }
    Ok(found)
}

fn whole(crowd: &Crowd, who: usize) -> Result<()> {
    let brought = crowd.stay(who).map_or(0, |(_, bytes)| bytes);
    ensure!(
        brought >= BOARD.bytes(),
        "a client got {brought} bytes of a board of {}",
        BOARD.bytes()
    );
    Ok(())
}

/// The server's memory once it has stopped falling.
fn at_rest(crowd: &mut Crowd, running: &Running) -> Result<usize> {
    let began = Instant::now();
    let mut least = (running.rss_bytes()?, began);
    loop {
        crowd.turn_for(Duration::from_millis(250), &mut Nobody)?;
        let now = (running.rss_bytes()?, Instant::now());
        // A hundredth is noise.
        if now.0 < least.0 - least.0 / 100 {
            least = now;
        }
        if now.1 - least.1 > REST || now.1 - began > MOST_REST {
            crowd.all_here()?;
            return Ok(least.0.min(now.0));
        }
    }
}
