//! Letters on pixels: where rows of pixels are, and letters fitted to them.
//!
//! Browsers on Linux draw upright text so: baselines stand between two rows, and letters are stretched up or down until
//! their flat parts do as well; sideways nothing moves. Knows sizes and rows; no texts and no pictures. The rule: what is
//! kept here is bounded, for boards have as many sizes of text as they like.

use std::collections::HashMap;

use kurbo::Affine;
use skrifa::outline::{Engine, GlyphStyles, HintingInstance, HintingOptions, SmoothMode, Target};
use skrifa::prelude::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::fonts::FaceId;

/// Rows of pixels across a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelGrid {
    /// Pixels for each px of the text. None where there are no rows to keep to.
    rows: Option<Rows>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Rows {
    scale: f64,
    /// Pixels from the top of the picture to that of the text.
    top: f64,
}

/// How far scales may differ across and down, as a share: pictures are squeezed to whole pixels.
const SQUEEZE: f64 = 0.02;

/// Letters on fewer pixels cannot be read, on more they need no help.
const SIZES: std::ops::RangeInclusive<f64> = 4.0..=400.0;

/// How many fitted sizes of faces are kept.
const MOST_KEPT: usize = 64;

impl PixelGrid {
    /// Letters as they are.
    pub const NONE: Self = Self { rows: None };

    /// The grid of a picture, by the way from the text to its pixels. None where a text is turned.
    pub fn under(to_pixels: Affine) -> Self {
        let [a, b, c, d, _, top] = to_pixels.as_coeffs();
        let is_upright = b == 0.0 && c == 0.0 && d > 0.0 && (a - d).abs() <= SQUEEZE * d;
        let is_sane = is_upright && (1e-3..=1e3).contains(&d) && top.is_finite();
        Self {
            rows: is_sane.then_some(Rows { scale: d, top }),
        }
    }

    /// Pixels for each px of the text.
    pub(super) fn scale(&self) -> f64 {
        self.rows.map_or(1.0, |rows| rows.scale)
    }

    /// How far a baseline has to go down to stand between two rows, px of the text.
    pub(super) fn to_row(self, baseline: f64) -> f64 {
        self.rows.map_or(0.0, |Rows { scale, top }| {
            let at = top + baseline * scale;
            ((at + 0.5).floor() - at) / scale
        })
    }
}

/// Fits letters to pixels; keeps what it found out about faces.
#[derive(Default)]
pub struct Hinters {
    styles: HashMap<FaceId, GlyphStyles>,
    sizes: HashMap<(FaceId, u32), Option<HintingInstance>>,
}

impl Hinters {
    /// For a face at a size, in pixels. None when it cannot be done.
    pub(super) fn of(
        &mut self,
        id: FaceId,
        font: &FontRef<'_>,
        size: f64,
    ) -> Option<&HintingInstance> {
        if !SIZES.contains(&size) {
            return None;
        }
        let size = size as f32;
        let key = (id, size.to_bits());
        if self.sizes.len() >= MOST_KEPT && !self.sizes.contains_key(&key) {
            self.sizes.clear();
        }
        let glyphs = font.outline_glyphs();
        let styles = self.styles.entry(id);
        let styles = styles.or_insert_with(|| GlyphStyles::new(&glyphs));
        let fitted = self.sizes.entry(key).or_insert_with(|| {
            let options = HintingOptions {
                engine: Engine::Auto(Some(styles.clone())),
                target: Target::Smooth {
                    mode: SmoothMode::Light,
                    symmetric_rendering: true,
                    preserve_linear_metrics: true,
                },
            };
            HintingInstance::new(&glyphs, Size::new(size), LocationRef::default(), options).ok()
        });
        fitted.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_go_to_the_nearest_row() {
        let grid = PixelGrid::under(Affine::translate((7.3, 0.25)) * Affine::scale(2.0));
        assert_eq!(grid.to_row(10.0), -0.125);
        assert_eq!(grid.to_row(10.125), 0.25, "from the middle, downwards");
        assert_eq!(PixelGrid::NONE.to_row(10.3), 0.0);
    }

    #[test]
    fn turned_texts_have_no_rows() {
        for turned in [
            Affine::rotate(0.1),
            Affine::rotate(std::f64::consts::PI),
            Affine::FLIP_Y,
            Affine::scale_non_uniform(1.0, 2.0),
            Affine::scale(f64::NAN),
        ] {
            assert_eq!(PixelGrid::under(turned), PixelGrid::NONE, "{turned:?}");
        }
    }
}
