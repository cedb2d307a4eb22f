//! Which characters do something to a terminal instead of standing in it.
//!
//! Knows no terminal and no text. The rule: whatever somebody else has written and a terminal shows is asked about here.

/// Whether a character moves the cursor, changes colours, turns the direction of writing around, ends a line, or is there and not seen.
pub fn steers(character: char) -> bool {
    match character {
        // Marks of direction, what has no width, ends of lines and paragraphs: none of them is a control character.
        '\u{61c}' | '\u{feff}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        character => character.is_control(),
    }
}

/// Some that do, for the tests of all who ask.
#[cfg(test)]
pub const STEERING: &str = "\0\u{7}\u{8}\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\
    \u{2060}\u{2066}\u{2069}\u{206f}\u{feff}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h16_what_people_write_in_steers_nothing() {
        assert!(STEERING.chars().all(steers));
        for character in "Plan (2) – Pläne 日本 e\u{301} שלום سلام \u{a0}\u{1f58a}".chars()
        {
            assert!(!steers(character), "{character:?}");
        }
    }
}
