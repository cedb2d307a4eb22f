//! Rows of text for people: aligned, and safe to look at.
//!
//! Knows widths, not what the columns mean. The rule: nothing that somebody else has written can steer a terminal.

use unicode_width::UnicodeWidthStr;

use crate::terminal::steers;

/// Between columns.
const GAP: usize = 2;

/// Rows under their heads, each column as wide as its widest cell.
pub fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| shown(cell)))
        .collect();
    let mut widths = heads.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    let heads = heads.map(str::to_owned);
    for row in std::iter::once(&heads).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += cell;
            line.extend(std::iter::repeat_n(' ', width - cell.width() + GAP));
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A text with everything escaped that moves the cursor, changes colours or turns the direction of writing around.
pub fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match steers(character) {
            true => safe.extend(character.escape_default()),
            false => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::STEERING;

    #[test]
    fn h16_columns_stand_under_each_other_whatever_is_in_them() {
        let row = |name: &str, title: &str| [name, title, "x"].map(str::to_owned);
        let rows = [
            row("plans", "Pläne"),
            row("日本", ""),
            row("e\u{301}", "\u{1b}[31mred\u{202e}"),
        ];
        let text = table(["NAME", "TITLE", ""], &rows);
        let wanted = "NAME   TITLE\n\
                      plans  Pläne                  x\n\
                      日本                          x\n\
                      e\u{301}      \\u{1b}[31mred\\u{202e}  x\n";
        assert_eq!(text, wanted);
        assert!(!shown(STEERING).contains(steers));
    }
}
