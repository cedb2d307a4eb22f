//! Dead letters in memory.
//!
//! The rule: the bounds hold after each addition, as they do in a database.

use std::collections::VecDeque;

use crate::DeadLetter;
use crate::dead_letter::{MAX_LETTER_BYTES, MAX_LETTERS, MAX_LETTERS_A_ROOM};

/// Oldest first.
#[derive(Default)]
pub struct DeadLetters(VecDeque<DeadLetter>);

impl DeadLetters {
    pub fn add(&mut self, letters: &[DeadLetter]) {
        for letter in letters {
            self.0.push_back(letter.clone());
            let same = self.0.iter().filter(|other| other.room == letter.room);
            if same.count() > MAX_LETTERS_A_ROOM {
                let oldest = self.0.iter().position(|other| other.room == letter.room);
                self.0.remove(oldest.expect("there are many"));
            }
        }
        let bytes = |letters: &VecDeque<DeadLetter>| -> usize {
            let kept = letters.iter().map(|letter| letter.specimen.bytes.len());
            kept.sum()
        };
        while self.0.len() > MAX_LETTERS || bytes(&self.0) > MAX_LETTER_BYTES {
            self.0.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn forget(&mut self, room: &str) {
        self.0.retain(|letter| &*letter.room != room);
    }

    pub fn of_room(&self, room: &str) -> Vec<DeadLetter> {
        let letters = self.0.iter().rev();
        letters
            .filter(|letter| &*letter.room == room)
            .cloned()
            .collect()
    }
}
