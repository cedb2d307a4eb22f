//! The texts of cards.
//!
//! Knows their sizes and how long they may be. The rule: whatever is asked for is laid out a dozen times at most.

use url::Url;

use scrible_board::rich_text::{Block, Inline, Line, Marks, RichText};

use crate::text::{
    Align, Family, Fonts, LongWords, TextLayout, TextLimits, TextOptions, Width, lay_out,
};

#[derive(Clone, Copy)]
pub(super) struct TextStyle {
    size: f64,
    line: f64,
    lines: usize,
    bold: bool,
}

pub(super) const TITLE: TextStyle = TextStyle {
    size: 16.0,
    line: 25.6,
    lines: 2,
    bold: true,
};
pub(super) const DESCRIPTION: TextStyle = TextStyle {
    size: 12.0,
    line: 18.0,
    lines: 3,
    bold: false,
};
pub(super) const LINK: TextStyle = TextStyle {
    size: 12.0,
    line: 15.0,
    lines: 1,
    bold: false,
};
/// The most of a text that is looked at: three lines of the widest card hold less.
const MOST_LETTERS: usize = 2000;

/// A text of no more lines than its style has, cut with an ellipsis; `None` for an empty one.
pub(super) fn words(fonts: &Fonts, text: &str, style: TextStyle, width: f64) -> Option<TextLayout> {
    // White space as HTML has it.
    let letters: Vec<char> = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MOST_LETTERS + 1)
        .collect();
    if letters.is_empty() {
        return None;
    }
    let lay_out = |count: usize| {
        let mut text: String = letters[..count].iter().collect();
        if count < letters.len() {
            text.truncate(text.trim_end().len());
            text.push('…');
        }
        lay_out(fonts, &one_block(text, style), &options(style, width))
    };
    let fits = |layout: &TextLayout| layout.lines.len() <= style.lines;
    if letters.len() <= MOST_LETTERS {
        let whole = lay_out(letters.len());
        if fits(&whole) {
            return Some(whole);
        }
    }
    let counts: Vec<usize> = (1..letters.len()).collect();
    let fitting = counts.partition_point(|count| fits(&lay_out(*count)));
    Some(lay_out(fitting))
}

fn one_block(text: String, style: TextStyle) -> RichText {
    let marks = Marks {
        bold: style.bold,
        ..Marks::default()
    };
    let line = Line {
        inlines: vec![Inline::Text { text, marks }],
        ..Line::default()
    };
    RichText {
        blocks: vec![Block::Paragraph(line)],
    }
}

fn options(style: TextStyle, width: f64) -> TextOptions {
    TextOptions {
        // Arimo has no bold.
        family: if style.bold {
            Family::SANS
        } else {
            Family::ARIAL
        },
        size: style.size,
        line_height: style.line,
        align: Align::Start,
        width: Width::Fixed(width),
        long_words: LongWords::Break,
        limits: TextLimits::default(),
    }
}

/// The name of the site that an address leads to; the address itself where it has none.
pub(super) fn site(address: &str) -> String {
    let host = Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    match host {
        Some(host) => host.strip_prefix("www.").unwrap_or(&host).to_owned(),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_by_its_site() {
        assert_eq!(
            site("https://user:pw@www.Example.com:8080/a?b#c"),
            "example.com"
        );
        assert_eq!(site("https://bücher.example/"), "xn--bcher-kva.example");
        assert_eq!(site("javascript:alert(1)"), "javascript:alert(1)");
        assert_eq!(site("no address"), "no address");
        assert_eq!(site(""), "");
    }
}
