//! An outline in one of the styles.
//!
//! Knows which style is made how; no colors. The rule: what is filled has the corners of what is stroked, or the fill shows
//! beyond a rounded corner.

use scrible_board::style::Dash;

use super::dash::{Pattern, Run};
use super::outline::Outline;
use super::path::Path;
use super::{sane, wobble};

/// What an outline is drawn with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen<'a> {
    /// The style.
    pub dash: Dash,
    /// px.
    pub width: f64,
    /// The whole id of the shape, `shape:` included.
    pub seed: &'a str,
}

impl Pen<'_> {
    /// What is stroked with the width, round caps and round joins. Nothing for the style that has no stroke.
    pub fn stroke(&self, outline: &Outline) -> Vec<Run> {
        if !self.is_sane() {
            return Vec::new();
        }
        let path = match (self.dash, Pattern::of(self.dash)) {
            (_, Some(pattern)) => return pattern.runs(outline, self.width),
            (Dash::Draw, _) => wobble::stroke(outline, self.seed, self.width),
            (Dash::None, _) => None,
            (Dash::Solid | Dash::Dashed | Dash::Dotted, _) => outline.plain(),
        };
        let whole = path.filter(|path| !path.is_empty());
        whole
            .map(|path| Run { path, dashes: None })
            .into_iter()
            .collect()
    }

    /// What is filled. `None` for an outline that has nothing inside.
    pub fn fill(&self, outline: &Outline) -> Option<Path> {
        if !self.is_sane() {
            return None;
        }
        match self.dash {
            Dash::Draw => wobble::fill(outline, self.width),
            Dash::Solid | Dash::Dashed | Dash::Dotted | Dash::None => outline.plain_fill(),
        }
    }

    fn is_sane(&self) -> bool {
        sane(&[self.width]) && self.width >= 0.0
    }
}
