//! Boards that are brought to a server at once.
//!
//! The rule: a board is there when the server has answered the next question of whoever brought it, as it reads one thing after the other.

use std::time::Duration;

use anyhow::Result;
use scrible_wire::{Message, message};

use crate::load::forged::{FIRST_WRITER, appends, state_vector};
use crate::load::{Crowd, Ear, Heard, Mouth, Nobody};
use crate::peers::Door;

/// Records in one update.
const TOGETHER: u32 = 100;

/// A board of records under one author.
#[derive(Debug, Clone, Copy)]
pub struct Content {
    pub records: u32,
    pub record_bytes: usize,
}

/// Counts answers to step 1.
struct Answers {
    who: usize,
    heard: usize,
}

impl Ear for Answers {
    fn hear(&mut self, heard: &Heard<'_>, _: &mut Mouth<'_>) -> Result<()> {
        if let Message::SyncStep2(_) = heard.message
            && heard.who == self.who
        {
            self.heard += 1;
        }
        Ok(())
    }
}

impl Content {
    /// What the records alone take.
    pub fn bytes(self) -> usize {
        self.records as usize * self.record_bytes
    }

    /// What the whole takes as one update.
    pub fn encoded_bytes(self) -> usize {
        appends(FIRST_WRITER, 0..self.records, self.record_bytes).len()
    }

    /// Has somebody join a room and bring it; he stays, and is known by the number that is returned.
    pub fn bring(self, crowd: &mut Crowd, door: &Door) -> Result<usize> {
        let who = crowd.join(door, &[0], &mut Nobody)?;
        for first in (0..self.records).step_by(TOGETHER as usize) {
            let clocks = first..self.records.min(first + TOGETHER);
            let update = appends(FIRST_WRITER, clocks, self.record_bytes);
            crowd.say(who, &message::update(&update));
        }
        let has = state_vector(FIRST_WRITER, self.records);
        crowd.say(who, &message::step1(&has));
        let mut answers = Answers { who, heard: 0 };
        while answers.heard == 0 {
            crowd.turn(Duration::from_secs(1), &mut answers)?;
            crowd.all_here()?;
        }
        Ok(who)
    }
}
