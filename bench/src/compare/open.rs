//! A client opens a large board: a new one, one that has it, the first after a restart, one after many edits, and many at once.
//!
//! The rule: a join ends when the client has all that the room holds, and counts only if that was the whole board.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scrible_wire::{Message, message};

use super::measured::{Conditions, Found, Meter, Plan, figure};
use super::result::{Better, Value};
use crate::load::forged::{Board, FIRST_WRITER, state_vector};
use crate::load::{Crowd, Ear, Heard, Mouth, Nobody, marks};
use crate::peers::{Door, Peer, Running};

const RECORDS: u32 = 5_000;
const RECORD_BYTES: usize = 400;
const BOARD_BYTES: usize = RECORDS as usize * RECORD_BYTES;
/// Who join at once.
const AT_ONCE: usize = 20;
/// Joins of one kind, one after the other: at least so many, and more until [`ENOUGH`], so that processor time can be told.
const JOINS: usize = 20;
const MOST_JOINS: usize = 200;
const ENOUGH: Duration = Duration::from_millis(500);
/// Edits of one page load.
const STAY: u32 = 1_000;
/// Updates under way.
const WINDOW: u64 = 256;
/// Before processor time is looked at: what storing the edits takes, at once or after a pause, is not the joins'.
const SETTLE: Duration = Duration::from_secs(3);
/// For all edits.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn plan(quick: bool) -> Plan {
    Plan {
        id: "open",
        title: "Opening a board of 2 MB".to_owned(),
        what: format!(
            "A board of {RECORDS} records of {RECORD_BYTES} bytes is joined: by new clients one after the other (from connecting to having all), by one that has it, first after a restart, and after {} edits of its records by {} clients; then by {AT_ONCE} at once, with the growth of the server's memory at its peak.",
            edits(quick),
            edits(quick) / STAY
        ),
        figures: vec![
            figure("fresh", "New client", "ms", Better::Less),
            figure("fresh-cpu", "Server CPU of that", "ms", Better::Less),
            figure("returning", "Client that has it", "ms", Better::Less),
            figure("restarted", "First after a restart", "ms", Better::Less),
            figure("edited", "New client after edits", "ms", Better::Less),
            figure("edited-cpu", "Server CPU of that", "ms", Better::Less),
            figure("growth", "Peak growth, 20 at once", "MiB", Better::Less),
            figure("edits", "Edits", "/s", Better::More),
        ],
        fills: false,
        once: false,
        limit: Duration::from_secs(90),
    }
}

fn edits(quick: bool) -> u32 {
    if quick { 20_000 } else { 100_000 }
}

/// Counts the edits that somebody hears.
struct Watch {
    who: usize,
    heard: u64,
}

impl Ear for Watch {
    fn hear(&mut self, heard: &Heard<'_>, _: &mut Mouth<'_>) -> Result<()> {
        match heard.message {
            Message::Update(update) | Message::SyncStep2(update) if heard.who == self.who => {
                marks(update, |_, clocks| self.heard += clocks.len() as u64)
            }
            _ => Ok(()),
        }
    }
}

pub async fn measure(conditions: &Conditions, running: &mut Running) -> Result<Found> {
    let mut found = Found::default();
    if conditions.peer == Peer::Reference {
        let note = "it holds nothing, so there is nothing to open";
        found.notes.push(note.to_owned());
        return Ok(found);
    }
    let door = running.door("open").await?;
    let mut crowd = Crowd::new(conditions.until)?;
    let mut board = Board::new(RECORDS, RECORD_BYTES);
    edit(&mut crowd, &door, &mut board, 0..RECORDS, RECORDS)?;
    crowd.turn_for(SETTLE, &mut Nobody)?;

    let (fresh, cpu) = joins(&mut crowd, running, &door, &[0], BOARD_BYTES)?;
    found.set("fresh", fresh);
    found.set("fresh-cpu", cpu);
    let has = state_vector(FIRST_WRITER, RECORDS);
    let (returning, _) = joins(&mut crowd, running, &door, &has, 0)?;
    found.set("returning", returning);

    let door = match running.keeps_rooms() {
        true => {
            running.restart().await?;
            crowd = Crowd::new(conditions.until)?;
            let door = running.door("open").await?;
            let first = crowd.join(&door, &[0], &mut Nobody)?;
            found.set_some("restarted", took(&crowd, first, BOARD_BYTES)?);
            door
        }
        false => {
            found
                .notes
                .push("it keeps nothing over a restart".to_owned());
            door
        }
    };

    let all = RECORDS..RECORDS + edits(conditions.quick);
    let count = f64::from(all.end - all.start);
    let began = Instant::now();
    if let Err(error) = edit(&mut crowd, &door, &mut board, all, STAY) {
        // What was found until then is as true as it was.
        found.notes.push(format!("the edits failed: {error:#}"));
        return Ok(found);
    }
    found.set("edits", count / began.elapsed().as_secs_f64());
    crowd.turn_for(SETTLE, &mut Nobody)?;
    let (edited, cpu) = joins(&mut crowd, running, &door, &[0], BOARD_BYTES)?;
    found.set("edited", edited);
    found.set("edited-cpu", cpu);

    running.reset_peak()?;
    let before = running.rss_bytes()?;
    let first = crowd.people();
    crowd.join_all(&[&door; AT_ONCE], AT_ONCE, &mut Nobody)?;
    for who in first..first + AT_ONCE {
        took(&crowd, who, BOARD_BYTES)?;
    }
    let grown = running.peak_rss_bytes()?.saturating_sub(before);
    found.set("growth", grown as f64 / 1048576.0);
    Ok(found)
}

/// Makes edits under a new client id for each page load, and waits until somebody else has heard them.
fn edit(
    crowd: &mut Crowd,
    door: &Door,
    board: &mut Board,
    edits: std::ops::Range<u32>,
    stay: u32,
) -> Result<()> {
    let writer = crowd.join(door, &[0], &mut Nobody)?;
    let mut watch = Watch {
        who: crowd.join(door, &[0], &mut Nobody)?,
        heard: 0,
    };
    let (first, count) = (edits.start, edits.len() as u64);
    let began = Instant::now();
    for edit in edits {
        let client = FIRST_WRITER + u64::from(edit / stay) + u64::from(first);
        let update = board.edit(client, (edit - first) % stay, edit);
        crowd.say(writer, &message::update(&update));
        let sent = u64::from(edit - first) + 1;
        while sent - watch.heard.min(sent) >= WINDOW {
            crowd.turn(Duration::from_secs(1), &mut watch)?;
            crowd.all_here()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} of {count} were heard in {} s",
                watch.heard,
                PATIENCE.as_secs()
            );
        }
    }
    while watch.heard < count {
        crowd.turn(Duration::from_secs(1), &mut watch)?;
        crowd.all_here()?;
        ensure!(
            began.elapsed() < 2 * PATIENCE,
            "only {} of {count} were heard",
            watch.heard
        );
    }
    Ok(())
}

/// Clients that join and leave, one after the other: the median and the server's processor time of one, in milliseconds.
fn joins(
    crowd: &mut Crowd,
    running: &Running,
    door: &Door,
    has: &[u8],
    bytes: usize,
) -> Result<(f64, f64)> {
    let mut times = Vec::new();
    let meter = Meter::start(running)?;
    let began = Instant::now();
    while times.len() < JOINS || (began.elapsed() < ENOUGH && times.len() < MOST_JOINS) {
        let who = crowd.join(door, has, &mut Nobody)?;
        times.extend(took(crowd, who, bytes)?);
        crowd.leave(who);
    }
    let spent = meter.stop(running)?;
    let cpu = spent.server * 1e3 / times.len() as f64;
    let median = Value::of(times).map_or(0.0, |value| value.median);
    Ok((median, cpu))
}

/// How long a join took, in milliseconds, if it brought what it had to.
fn took(crowd: &Crowd, who: usize, bytes: usize) -> Result<Option<f64>> {
    let Some((time, brought)) = crowd.stay(who) else {
        return Ok(None);
    };
    ensure!(
        brought >= bytes,
        "a client got {brought} bytes of a board of {bytes}"
    );
    Ok(Some(time.as_secs_f64() * 1e3))
}
