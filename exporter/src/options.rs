//! What a caller wants a picture of, and how.
//!
//! Knows no files and no arguments; serde, since whoever asks may be another process. The rule: the defaults are the
//! editor's.

use serde::{Deserialize, Serialize};

use crate::error::ExportError;
use crate::theme::Theme;

/// The largest scale.
pub const MOST_SCALE: f64 = 100.0;
/// The smallest scale.
pub const LEAST_SCALE: f64 = 1e-8;
/// The widest padding, px.
pub const MOST_PADDING: f64 = 100_000.0;

/// What to draw, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Which page.
    pub page: PageChoice,
    /// Ids of the shapes to draw with all that is in them, with `shape:` or without; all of the page when empty.
    pub shapes: Vec<String>,
    /// px of the picture for each px of the board.
    pub scale: f64,
    /// Around what is drawn.
    pub padding: Padding,
    /// Behind what is drawn.
    pub background: Background,
    /// Light or dark.
    pub theme: Theme,
}

/// One page of a board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageChoice {
    /// The one with the shapes that are asked for, otherwise the first.
    #[default]
    First,
    /// By its place, from 1.
    Number(usize),
    /// By its id, with `page:` or without, or by its name.
    Named(String),
}

/// Around what is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Padding {
    /// 32 px, trimmed to what is drawn there; nothing around a frame or a picture that holds everything else.
    #[default]
    Auto,
    /// This many px of the board, whatever is drawn there.
    Px(f64),
}

/// Behind what is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Background {
    /// The color of the theme.
    #[default]
    Painted,
    /// Nothing.
    Transparent,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            page: PageChoice::default(),
            shapes: Vec::new(),
            scale: 1.0,
            padding: Padding::default(),
            background: Background::default(),
            theme: Theme::default(),
        }
    }
}

impl Options {
    /// # Errors
    /// [`ExportError::Option`] when a number is none that can be drawn with.
    pub fn check(&self) -> Result<(), ExportError> {
        within("scale", self.scale, LEAST_SCALE, MOST_SCALE)?;
        match self.padding {
            Padding::Auto => Ok(()),
            Padding::Px(px) => within("padding", px, 0.0, MOST_PADDING),
        }
    }
}

fn within(name: &'static str, found: f64, least: f64, most: f64) -> Result<(), ExportError> {
    // NaN is not within.
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(ExportError::Option {
            name,
            least,
            most,
            found,
        }),
    }
}
