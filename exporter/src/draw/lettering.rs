//! Letters drawn as they are, or fitted to pixels when the drawing becomes pixels at once.
//!
//! Knows where the shape that is being drawn stands on the picture. The rule: texts that are turned are never fitted.

use kurbo::Affine;

use crate::picture::Detail;
use crate::text::{Fonts, Hinters, Outline, PixelGrid, Run};

/// Draws letters.
pub(super) struct Lettering {
    detail: Detail,
    /// From the page to the pixels of the picture.
    to_pixels: Affine,
    /// From the shape that is being drawn to its page.
    to_page: Affine,
    hinters: Hinters,
}

impl Lettering {
    pub fn new(detail: Detail, to_pixels: Affine) -> Self {
        Self {
            detail,
            to_pixels,
            to_page: Affine::IDENTITY,
            hinters: Hinters::default(),
        }
    }

    /// The next texts are those of a shape that stands so on its page.
    pub fn stand(&mut self, to_page: Affine) {
        self.to_page = to_page;
    }

    /// What a run of a text is drawn with, that stands so in its shape.
    pub fn outline<'f>(&mut self, fonts: &'f Fonts, run: &Run, to_shape: Affine) -> Outline<'f> {
        let grid = match self.detail {
            Detail::Zoomed => PixelGrid::NONE,
            Detail::Shown => PixelGrid::under(self.to_pixels * self.to_page * to_shape),
        };
        match grid == PixelGrid::NONE {
            true => fonts.outline(run),
            false => fonts.outline_on(run, &grid, &mut self.hinters),
        }
    }

    /// Whether an outline is that of its glyphs, all of them, as the font has it.
    pub fn is_exact(&self, outline: &Outline<'_>) -> bool {
        self.detail == Detail::Zoomed && outline.images.is_empty() && !outline.cut
    }
}
