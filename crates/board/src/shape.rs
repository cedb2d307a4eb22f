//! A shape: what all shapes have, where it stands in its page, and what kind it is.
//!
//! Knows one record and its place, not how it is drawn. The rule: a shape is reached by its index in drawing order, so that
//! an index is never more than a number and a tree never more than a list.

use kurbo::Affine;

use crate::connector::{Arrow, Line};
use crate::ink::{Draw, Highlight};
use crate::label::{Geo, Note, Text};
use crate::media::{Bookmark, Embed, Frame, Image, Unknown, Video};

/// The place of a shape in the drawing order of its board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeIndex(pub(crate) u32);

impl ShapeIndex {
    /// As a number from 0.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// A shape that is on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The whole id, `shape:` included; the wobble of drawn lines comes from it.
    pub id: String,
    /// Among its siblings, as bytes.
    pub order: String,
    /// What it stands in.
    pub parent: Parent,
    /// Its page, an index into the board's pages.
    pub page: usize,
    /// Shapes that it stands in, 0 on the page itself.
    pub depth: usize,
    /// One past the last of its descendants, which come right after it.
    pub subtree_end: ShapeIndex,
    /// To the right, px, in the parent's space.
    pub x: f64,
    /// Downwards, px, in the parent's space.
    pub y: f64,
    /// Radians, clockwise on the screen, about the shape's own origin.
    pub rotation: f64,
    /// From the shape's space to the page's.
    pub transform: Affine,
    /// Its own, 0 to 1.
    pub own_opacity: f64,
    /// With those of all that it stands in, 0 to 1: what it is drawn with.
    pub opacity: f64,
    /// Nobody may move it. Makes no difference to drawing.
    pub is_locked: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a shape stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The page, an index into the board's pages.
    Page(usize),
    /// Another shape.
    Shape(ShapeIndex),
}

/// What a shape is, with its props.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A geometric shape with a label.
    Geo(Geo),
    /// A text without a box.
    Text(Text),
    /// A sticky note.
    Note(Note),
    /// A pen stroke.
    Draw(Draw),
    /// A stroke of the highlighter.
    Highlight(Highlight),
    /// An arrow.
    Arrow(Arrow),
    /// A line through points.
    Line(Line),
    /// A frame, which clips what is in it.
    Frame(Frame),
    /// Shapes that move together. Draws nothing.
    Group,
    /// A picture.
    Image(Image),
    /// A video.
    Video(Video),
    /// A card for a web page.
    Bookmark(Bookmark),
    /// Another site inside of the board.
    Embed(Embed),
    /// Of a type that this crate does not know.
    Unknown(Unknown),
}

impl Kind {
    /// The type in the record.
    pub fn name(&self) -> &str {
        match self {
            Self::Geo(_) => "geo",
            Self::Text(_) => "text",
            Self::Note(_) => "note",
            Self::Draw(_) => "draw",
            Self::Highlight(_) => "highlight",
            Self::Arrow(_) => "arrow",
            Self::Line(_) => "line",
            Self::Frame(_) => "frame",
            Self::Group => "group",
            Self::Image(_) => "image",
            Self::Video(_) => "video",
            Self::Bookmark(_) => "bookmark",
            Self::Embed(_) => "embed",
            Self::Unknown(unknown) => &unknown.type_name,
        }
    }

    /// The label or text, if this kind has one.
    pub fn text(&self) -> Option<&crate::rich_text::RichText> {
        match self {
            Self::Geo(it) => Some(&it.text),
            Self::Text(it) => Some(&it.text),
            Self::Note(it) => Some(&it.text),
            Self::Arrow(it) => Some(&it.text),
            _ => None,
        }
    }
}
