//! Shapes that are mostly a box with text: geo shapes, texts and notes.
//!
//! Knows their props and the editor's defaults, not how text is set. The rule: sizes are those of the record, already scaled.

use crate::fields::Fields;
use crate::rich_text::RichText;
use crate::style::{Align, Color, Dash, Fill, Font, GeoKind, Size};

/// A geometric shape with a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Geo {
    /// The outline.
    pub geo: GeoKind,
    /// Width, px, scaled.
    pub w: f64,
    /// Height, px, scaled, without `grow_y`.
    pub h: f64,
    /// Height that the label needs beyond `h`, px.
    pub grow_y: f64,
    /// Multiplies stroke and font; the shape is laid out at `w / scale` by `(h + grow_y) / scale`.
    pub scale: f64,
    /// Mirrored left to right: the outline, not the label.
    pub flip_x: bool,
    /// Mirrored top to bottom.
    pub flip_y: bool,
    /// How the outline is drawn.
    pub dash: Dash,
    /// Stroke width and font size.
    pub size: Size,
    /// How the inside is filled.
    pub fill: Fill,
    /// Of the outline and the fill.
    pub color: Color,
    /// Of the label.
    pub label_color: Color,
    /// Of the label.
    pub font: Font,
    /// Of the label, from left to right.
    pub align: Align,
    /// Of the label, from top to bottom.
    pub vertical_align: Align,
    /// Where a click leads; empty for nowhere.
    pub url: String,
    /// The label.
    pub text: RichText,
}

/// A text without a box.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Of the text.
    pub color: Color,
    /// Of the font.
    pub size: Size,
    /// The font.
    pub font: Font,
    /// Of each line.
    pub align: Align,
    /// As wide as its longest line; then `w` says nothing.
    pub auto_size: bool,
    /// Width, px, before `scale`.
    pub w: f64,
    /// Multiplies everything.
    pub scale: f64,
    /// The text.
    pub text: RichText,
}

/// A sticky note, 200 px wide before `scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Of the paper.
    pub color: Color,
    /// Of the text. Black is the theme's text on that paper.
    pub label_color: Color,
    /// Of the font.
    pub size: Size,
    /// The font.
    pub font: Font,
    /// From left to right.
    pub align: Align,
    /// From top to bottom.
    pub vertical_align: Align,
    /// Height beyond 200 px that the text needs, px before `scale`.
    pub grow_y: f64,
    /// What the font size is multiplied by so that the longest word fits; none when nobody has measured it yet.
    pub font_size_adjustment: Option<f64>,
    /// Multiplies everything.
    pub scale: f64,
    /// Where a click leads; empty for nowhere.
    pub url: String,
    /// Whose name stands in the corner: the id of a user record, without the `user:` that it begins with.
    pub last_edited_by: Option<String>,
    /// The text.
    pub text: RichText,
}

/// Side of a note, px before `scale`.
pub const NOTE_SIDE: f64 = 200.0;

impl Geo {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            geo: props.style("geo", GeoKind::Rectangle),
            w: props.length("w", 100.0),
            h: props.length("h", 100.0),
            grow_y: props.length("growY", 0.0),
            scale: props.factor("scale"),
            flip_x: props.flag("flipX", false),
            flip_y: props.flag("flipY", false),
            dash: props.style("dash", Dash::Draw),
            size: props.style("size", Size::M),
            fill: props.style("fill", Fill::None),
            color: props.color("color"),
            label_color: props.color("labelColor"),
            font: props.style("font", Font::Draw),
            align: props.style("align", Align::Middle),
            vertical_align: props.style("verticalAlign", Align::Middle),
            url: props.text("url"),
            text: props.rich_text(),
        }
    }
}

impl Text {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            color: props.color("color"),
            size: props.style("size", Size::M),
            font: props.style("font", Font::Draw),
            align: props.style("textAlign", Align::Start),
            auto_size: props.flag("autoSize", true),
            w: props.length("w", 8.0),
            scale: props.factor("scale"),
            text: props.rich_text(),
        }
    }
}

impl Note {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            color: props.color("color"),
            label_color: props.color("labelColor"),
            size: props.style("size", Size::M),
            font: props.style("font", Font::Draw),
            align: props.style("align", Align::Middle),
            vertical_align: props.style("verticalAlign", Align::Middle),
            grow_y: props.length("growY", 0.0),
            font_size_adjustment: props.optional_number("fontSizeAdjustment"),
            scale: props.factor("scale"),
            url: props.text("url"),
            last_edited_by: props.optional_text("textLastEditedBy"),
            text: props.rich_text(),
        }
    }
}
