//! The texts of tldraw's shapes: their sizes, the boxes they fill and where they stand in them.
//!
//! Numbers are those seen in the editor (5.4). All px are of the unscaled shape: a shape with `scale` is laid out at its
//! stored size divided by the scale, and what comes out is scaled as a whole. Knows no records, colours or outlines.

use scrible_board::rich_text::RichText;

use super::fonts::{Family, Fonts};
use super::layout::{Align, LongWords, TextLayout, TextOptions, Width, lay_out};
use super::rich::TextLimits;

/// The four sizes of tldraw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextSize {
    /// Small.
    S,
    /// Medium.
    #[default]
    M,
    /// Large.
    L,
    /// Extra large.
    Xl,
}

/// Where a text stands between top and bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerticalAlign {
    /// At the top.
    Start,
    /// In the middle; a text too high stands out above and below.
    #[default]
    Middle,
    /// At the bottom.
    End,
}

/// How a shape's text looks.
#[derive(Clone, Copy, Debug)]
pub struct LabelStyle {
    /// The shape's font.
    pub family: Family,
    /// The shape's size.
    pub size: TextSize,
    /// Between left and right.
    pub align: Align,
    /// Between top and bottom.
    pub vertical: VerticalAlign,
}

/// A text in its shape.
#[derive(Clone, Debug)]
pub struct Label {
    /// The text, from its own top left corner.
    pub layout: TextLayout,
    /// That corner from the left of the shape's box, px.
    pub x: f64,
    /// That corner from the top of the shape's box, px.
    pub y: f64,
    /// Width of the box, px.
    pub width: f64,
    /// Height of the box, px.
    pub height: f64,
}

/// Space between a geo shape or note and its label, px.
pub const LABEL_PADDING: f64 = 16.0;
/// Space between an arrow's label and its body, px.
pub const ARROW_LABEL_PADDING: f64 = 4.25;
/// Side of a note without growth, px.
pub const NOTE_SIDE: f64 = 200.0;

/// The narrowest text shape, px.
const LEAST_TEXT_WIDTH: f64 = 16.0;
/// Room for the caret beside a text whose width was measured, px.
const CARET: f64 = 1.0;
/// A note's text is never shrunk below this, px.
const LEAST_NOTE_FONT: f64 = 14.0;
/// The narrowest room that an arrow gives its label, px.
const LEAST_ARROW_LABEL: f64 = 64.0;
/// The widest label of an arrow, in font sizes.
const ARROW_LABEL_EMS: f64 = 16.0;

impl TextSize {
    fn pick(self, of: [f64; 4]) -> f64 {
        of[self as usize]
    }

    /// Font size of a text shape, px.
    pub fn text_px(self) -> f64 {
        self.pick([18.0, 24.0, 36.0, 44.0])
    }

    /// Font size of a label of a geo shape or note, px.
    pub fn label_px(self) -> f64 {
        self.pick([18.0, 22.0, 26.0, 32.0])
    }

    /// Font size of an arrow's label, px.
    pub fn arrow_px(self) -> f64 {
        self.pick([18.0, 20.0, 24.0, 28.0])
    }

    /// Width of a shape's outline, px.
    fn stroke_px(self) -> f64 {
        self.pick([2.0, 3.5, 5.0, 10.0])
    }

    /// The narrowest label of a geo shape, px.
    fn least_label(self) -> f64 {
        self.pick([12.0, 14.0, 16.0, 20.0])
    }
}

/// Height of a line for a font size, px.
pub fn line_height(font_px: f64) -> f64 {
    (font_px * 1.35).round()
}

impl LabelStyle {
    fn options(&self, font_px: f64, width: Width) -> TextOptions {
        TextOptions {
            family: self.family,
            size: font_px,
            line_height: line_height(font_px),
            align: self.align,
            width,
            long_words: LongWords::Break,
            limits: TextLimits::default(),
        }
    }
}

/// A text shape. `width` is its stored width over its scale, or none when it follows the text; the box is its geometry.
pub fn text_shape(fonts: &Fonts, text: &RichText, style: &LabelStyle, width: Option<f64>) -> Label {
    let font_px = style.size.text_px();
    let wrap = width.map_or(Width::Auto, |px| {
        Width::Fixed(px.floor().max(LEAST_TEXT_WIDTH))
    });
    let mut layout = lay_out(fonts, text, &style.options(font_px, wrap));
    if width.is_none() {
        let room = (layout.width + CARET).max(LEAST_TEXT_WIDTH);
        layout = lay_out(fonts, text, &style.options(font_px, Width::Fixed(room)));
    }
    let (width, height) = (layout.width, layout.height.max(font_px));
    Label {
        x: 0.0,
        y: (height - layout.height) / 2.0,
        width,
        height,
        layout,
    }
}

/// The label of a geo shape that is `width` x `height` px: stored size over scale, with the growth added.
pub fn geo_label(
    fonts: &Fonts,
    text: &RichText,
    style: &LabelStyle,
    (width, height): (f64, f64),
) -> Label {
    boxed(fonts, text, style, style.size.label_px(), (width, height))
}

/// Width and height that a geo shape of this width needs for its label, px, padding and all; nothing for an empty one.
pub fn geo_label_room(
    fonts: &Fonts,
    text: &RichText,
    style: &LabelStyle,
    width: f64,
) -> (f64, f64) {
    if text.is_empty() {
        return (0.0, 0.0);
    }
    let least = style.size.least_label();
    let most = (least + style.size.stroke_px())
        .ceil()
        .max((width - 2.0 * LABEL_PADDING).ceil());
    let layout = lay_out(
        fonts,
        text,
        &style.options(style.size.label_px(), Width::AtMost(most)),
    );
    (
        layout.width.max(least) + 2.0 * LABEL_PADDING,
        layout.height + 2.0 * LABEL_PADDING,
    )
}

/// The label of a note. `ratio` is the stored adjustment of the font, `growth` the stored additional height.
pub fn note_label(
    fonts: &Fonts,
    text: &RichText,
    style: &LabelStyle,
    ratio: f64,
    growth: f64,
) -> Label {
    let font_px = style.size.label_px() * ratio;
    boxed(fonts, text, style, font_px, (NOTE_SIDE, NOTE_SIDE + growth))
}

/// What a note stores about its text: the ratio by which the font shrinks until its longest word fits, and the height
/// that it grows by, px.
pub fn note_growth(fonts: &Fonts, text: &RichText, style: &LabelStyle) -> (f64, f64) {
    let room = NOTE_SIDE - 2.0 * LABEL_PADDING - CARET;
    let full = style.size.label_px();
    let lay = |font_px: f64, long_words: LongWords| {
        let options = TextOptions {
            long_words,
            ..style.options(font_px, Width::Fixed(room))
        };
        lay_out(fonts, text, &options)
    };
    let mut font_px = full;
    while font_px > LEAST_NOTE_FONT && lay(font_px, LongWords::Overflow).reach > room {
        font_px = (font_px - 1.0).max(LEAST_NOTE_FONT);
    }
    let height = lay(font_px, LongWords::Break).height + 2.0 * LABEL_PADDING;
    (font_px / full, (height - NOTE_SIDE).max(0.0))
}

/// An arrow's label; `body` is the width and height of the body's bounds over the scale, px. The box is that of the
/// text: put its middle on the body, with [`ARROW_LABEL_PADDING`] around it.
pub fn arrow_label(fonts: &Fonts, text: &RichText, style: &LabelStyle, body: (f64, f64)) -> Label {
    let font_px = style.size.arrow_px();
    let style = LabelStyle {
        align: Align::Middle,
        ..*style
    };
    let free = lay_out(fonts, text, &style.options(font_px, Width::Auto));
    let most = if body.0 > body.1 {
        free.width
            .min(LEAST_ARROW_LABEL)
            .max(free.width.min(body.0 - LEAST_ARROW_LABEL))
    } else {
        ARROW_LABEL_EMS * font_px
    };
    let layout = if free.width > most {
        lay_out(fonts, text, &style.options(font_px, Width::AtMost(most)))
    } else {
        free
    };
    Label {
        x: 0.0,
        y: 0.0,
        width: layout.width,
        height: layout.height,
        layout,
    }
}

/// One line of text that ends in an ellipsis where it would be wider than `width` px, as on the heading of a frame.
pub fn heading(fonts: &Fonts, text: &str, font_px: f64, width: f64) -> TextLayout {
    let limits = TextLimits {
        chars: 1000,
        ..TextLimits::default()
    };
    let line: String = text
        .chars()
        .map(|character| if character == '\n' { ' ' } else { character })
        .collect();
    let options = TextOptions {
        family: Family::ARIAL,
        size: font_px,
        line_height: font_px,
        align: Align::Start,
        width: Width::Auto,
        long_words: LongWords::Overflow,
        limits,
    };
    let lay = |line: &str| lay_out(fonts, &RichText::from(line), &options);
    let whole = lay(&line);
    if whole.width <= width {
        return whole;
    }
    // The longest beginning that fits with its ellipsis.
    let ends: Vec<usize> = line
        .char_indices()
        .map(|(at, _)| at)
        .take(limits.chars)
        .collect();
    let fits = ends.partition_point(|end| lay(&format!("{}…", &line[..*end])).width <= width);
    let end = ends[fits.saturating_sub(1).min(ends.len() - 1)];
    lay(&format!("{}…", &line[..end]))
}

/// A text within a box's padding, where the box's alignment puts it.
fn boxed(
    fonts: &Fonts,
    text: &RichText,
    style: &LabelStyle,
    font_px: f64,
    (width, height): (f64, f64),
) -> Label {
    let room = (width - 2.0 * LABEL_PADDING).max(0.0);
    let layout = lay_out(fonts, text, &style.options(font_px, Width::Fixed(room)));
    let free = height - 2.0 * LABEL_PADDING - layout.height;
    let y = match style.vertical {
        VerticalAlign::Start => 0.0,
        VerticalAlign::Middle => free / 2.0,
        VerticalAlign::End => free,
    };
    Label {
        x: LABEL_PADDING,
        y: LABEL_PADDING + y,
        width,
        height,
        layout,
    }
}
