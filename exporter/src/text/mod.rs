//! Text as a browser wraps and draws it.
//!
//! From the rich text of a shape to lines of runs with a place for every glyph ([`lay_out`]), and on to outlines that
//! look the same everywhere ([`Fonts::outline`]). Pure: fonts are the bundled ones and those that the caller hands over.

mod block;
mod decoration;
mod flow;
mod fonts;
mod grid;
pub mod label;
mod layout;
mod line_box;
mod lines;
mod outline;
mod rich;
mod shape;

pub use decoration::{Decoration, DecorationKind, Rect};
pub use fonts::{
    ExtraFace, FaceId, FaceQuery, Family, FontError, Fonts, MAX_EXTRA_FACES, MAX_FACE_BYTES, Slant,
    Weight, bundled_file,
};
pub use grid::{Hinters, PixelGrid};
pub use layout::{
    Align, ColorRole, Glyph, Line, LongWords, Run, TextLayout, TextOptions, Width, lay_out,
};
pub(crate) use outline::SHEAR;
pub use outline::{GlyphImage, MAX_PATH_BYTES, Outline};
pub use rich::{Cut, TextLimits};
pub use scrible_board::rich_text::{Direction, RichText};
