//! What a text is laid out by, and what comes of it: lines of runs with their places, and the size that the editor would
//! have measured.
//!
//! Coordinates are px from the top left corner of the text, x to the right and y downwards. Knows nothing of shapes,
//! colours or files. Beyond the limits a layout is cut and says so; it never fails.

use std::sync::Arc;

use scrible_board::rich_text::{Direction, RichText};

use super::decoration::Decoration;
use super::flow::Flow;
use super::fonts::{FaceId, Family, Fonts, Slant, Weight};
use super::rich::{Cut, TextLimits};

/// Where lines lie between the sides of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// At the side where the paragraph's direction begins.
    #[default]
    Start,
    /// In the middle.
    Middle,
    /// At the side where the paragraph's direction ends.
    End,
}

/// How wide a text is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Width {
    /// As wide as its longest paragraph: no line is wrapped.
    Auto,
    /// This wide, px; lines wrap.
    Fixed(f64),
    /// As wide as its longest paragraph but no wider than this, px.
    AtMost(f64),
}

/// What breaks a word that fits no line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongWords {
    /// CSS `overflow-wrap: break-word`.
    #[default]
    Break,
    /// They stand out.
    Overflow,
}

/// How a text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// The family of all but code.
    pub family: Family,
    /// Font size, px; kept between 0.01 and 10,000.
    pub size: f64,
    /// Height of a line of plain text, px. Headings have 1.35 times their own size.
    pub line_height: f64,
    /// Where lines lie.
    pub align: Align,
    /// How wide the text is.
    pub width: Width,
    /// What becomes of words that fit no line.
    pub long_words: LongWords,
    /// How much of a text is laid out.
    pub limits: TextLimits,
}

/// A text with a place for every glyph.
#[derive(Clone, Debug, Default)]
pub struct TextLayout {
    /// px: what was asked for, or the longest line, rounded up to 1/64.
    pub width: f64,
    /// px.
    pub height: f64,
    /// How far to the right text reaches, px, without the white space that hangs over; more than the width where a word
    /// stands out.
    pub reach: f64,
    /// From top to bottom.
    pub lines: Vec<Line>,
    /// The first limit that was met.
    pub cut: Option<Cut>,
    /// Characters that no face has, each once, the first few.
    pub missing: Vec<char>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// px from the top of the text.
    pub top: f64,
    /// px.
    pub height: f64,
    /// px from the top of the text.
    pub baseline: f64,
    /// Where its text begins on the left, px.
    pub x: f64,
    /// px, without the white space that hangs over.
    pub width: f64,
    /// Direction of its paragraph.
    pub direction: Direction,
    /// From left to right.
    pub runs: Vec<Run>,
    /// What is drawn beneath (highlights) and over (underlines, strikes, bullets) the glyphs.
    pub decorations: Vec<Decoration>,
}

/// Glyphs of one face in one style.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its face.
    pub face: FaceId,
    /// px.
    pub size: f64,
    /// What was asked for.
    pub weight: Weight,
    /// What was asked for.
    pub slant: Slant,
    /// The face is not bold, so its strokes are to be widened: [`Run::embolden`].
    pub imitate_bold: bool,
    /// The face is not slanted, so its glyphs are to be sheared.
    pub imitate_italic: bool,
    /// Which of the board's colours it takes.
    pub role: ColorRole,
    /// px from the left of the text.
    pub x: f64,
    /// px from the top of the text.
    pub baseline: f64,
    /// px.
    pub width: f64,
    /// Glyphs run from right to left.
    pub right_to_left: bool,
    /// Its words, in the order of reading.
    pub text: String,
    /// From left to right.
    pub glyphs: Vec<Glyph>,
    /// Where it leads, unchecked.
    pub link: Option<Arc<str>>,
}

/// A glyph in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// The face's number of it; 0 is the box of a missing character.
    pub id: u32,
    /// px from the left of the text.
    pub x: f64,
    /// px from the top of the text: its baseline.
    pub y: f64,
    /// Of [`Run::text`], the bytes that it stands for, from and to. Glyphs that stand for something together all have its.
    pub bytes: (usize, usize),
}

/// Which colour a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorRole {
    /// The text's own.
    Text,
    /// That of links.
    Link,
}

impl Run {
    /// How much wider the strokes of an imitated bold are, px; 0 for a real one.
    pub fn embolden(&self) -> f64 {
        match self.imitate_bold {
            // Between 1/24 of the size at 9 px and 1/32 at 36 px.
            true => {
                let large = ((self.size - 9.0) / 27.0).clamp(0.0, 1.0);
                self.size * (1.0 / 24.0 + (1.0 / 32.0 - 1.0 / 24.0) * large)
            }
            false => 0.0,
        }
    }
}

/// Lays a text out.
pub fn lay_out(fonts: &Fonts, text: &RichText, options: &TextOptions) -> TextLayout {
    Flow::new(fonts, options).run(text)
}
