//! Runs turned into what a picture can hold: outlines as SVG path data, and the pictures of colour emoji.
//!
//! So the result needs no font where it is shown and looks the same everywhere; the words go along in [`Run::text`].
//! Knows glyphs and where they stand, nothing of colours, elements or escaping.

use skrifa::bitmap::{BitmapData, BitmapGlyph, Origin};
use skrifa::instance::LocationRef;
use skrifa::outline::{DrawSettings, HintingInstance, OutlinePen};
use skrifa::prelude::Size;
use skrifa::{GlyphId, MetadataProvider};

use super::decoration::Rect;
use super::fonts::{FaceId, Fonts};
use super::grid::{Hinters, PixelGrid};
use super::layout::{Glyph, Run};
use crate::decimal::{Decimal, Zero};

/// The longest path data of one run, in bytes; glyphs beyond are left out.
pub const MAX_PATH_BYTES: usize = 32 << 20;

/// What a run is drawn with.
#[derive(Clone, Debug, Default)]
pub struct Outline<'f> {
    /// SVG path data, px from the top left of the text, to be filled by the nonzero rule; empty when there is nothing to
    /// see. Where [`Run::embolden`] is above 0 it is to be stroked by as much, joins round.
    pub path: String,
    /// Glyphs with colours of their own.
    pub images: Vec<GlyphImage<'f>>,
    /// [`MAX_PATH_BYTES`] was met.
    pub cut: bool,
}

/// The picture of one glyph.
#[derive(Clone, Debug)]
pub struct GlyphImage<'f> {
    /// Where it goes, px from the top left of the text.
    pub rect: Rect,
    /// A PNG file, as it lies in the font.
    pub png: &'f [u8],
}

/// Shear of an imitated italic: px to the right for each px upwards.
pub(crate) const SHEAR: f32 = 0.25;

impl Fonts {
    /// The outlines of a run that was laid out with these fonts.
    pub fn outline(&self, run: &Run) -> Outline<'_> {
        self.draw(run, &PixelGrid::NONE, None)
    }

    /// The same for a grid of pixels: the baseline stands between two rows, and letters are fitted to the rows.
    pub fn outline_on(&self, run: &Run, grid: &PixelGrid, hinters: &mut Hinters) -> Outline<'_> {
        let face = self.face(run.face);
        // Neither pictures nor sheared letters have a use for it.
        let hinter = match run.imitate_italic || face.colour {
            true => None,
            false => hinters.of(run.face, &face.font(), run.size * grid.scale()),
        };
        self.draw(run, grid, hinter)
    }

    fn draw(&self, run: &Run, grid: &PixelGrid, hinter: Option<&HintingInstance>) -> Outline<'_> {
        let face = self.face(run.face);
        let font = face.font();
        let glyphs = font.outline_glyphs();
        let strikes = face.colour.then(|| font.bitmap_strikes());
        let size = Size::new(run.size as f32);
        let drawn = Size::new((run.size * grid.scale()) as f32);
        let down = grid.to_row(run.baseline);
        let mut outline = Outline::default();
        for glyph in &run.glyphs {
            let id = GlyphId::new(glyph.id);
            let image = strikes
                .as_ref()
                .and_then(|strikes| strikes.glyph_for_size(size, id))
                .and_then(|bitmap| image(&bitmap, glyph, run.size, face.per_em));
            if let Some(image) = image {
                outline.images.push(image);
                continue;
            }
            if outline.path.len() > MAX_PATH_BYTES {
                outline.cut = true;
                break;
            }
            if let Some(shape) = glyphs.get(id) {
                let mut pen = Pen {
                    path: &mut outline.path,
                    x: glyph.x,
                    y: glyph.y + down,
                    scale: grid.scale(),
                    shear: if run.imitate_italic { SHEAR } else { 0.0 },
                    start: (0, 0),
                    at: (0, 0),
                };
                // A glyph that cannot be read draws as far as it was read.
                let settings = match hinter {
                    Some(hinter) => DrawSettings::hinted(hinter, false),
                    None => DrawSettings::unhinted(drawn, LocationRef::default()),
                };
                let _ = shape.draw(settings, &mut pen);
            }
        }
        outline
    }
}

impl Fonts {
    /// How far the pen moves after a glyph that is a picture, px: browsers take that of the picture. `None` for others.
    pub(super) fn picture_advance(&self, face: FaceId, glyph: u32, size: f64) -> Option<f64> {
        let face = self.face(face);
        if !face.colour {
            return None;
        }
        let strikes = face.font().bitmap_strikes();
        let picture = strikes.glyph_for_size(Size::new(size as f32), GlyphId::new(glyph))?;
        let advance = f64::from(picture.advance? * size as f32 / picture.ppem_x);
        advance.is_finite().then_some(advance)
    }
}

fn image<'f>(
    bitmap: &BitmapGlyph<'f>,
    glyph: &Glyph,
    size: f64,
    per_em: f64,
) -> Option<GlyphImage<'f>> {
    let BitmapData::Png(png) = bitmap.data else {
        return None;
    };
    if bitmap.ppem_x <= 0.0 || bitmap.ppem_y <= 0.0 || bitmap.width == 0 || bitmap.height == 0 {
        return None;
    }
    let (across, down) = (
        size / f64::from(bitmap.ppem_x),
        size / f64::from(bitmap.ppem_y),
    );
    let left =
        f64::from(bitmap.bearing_x) * size / per_em + f64::from(bitmap.inner_bearing_x) * across;
    let up = f64::from(bitmap.bearing_y) * size / per_em + f64::from(bitmap.inner_bearing_y) * down;
    let (w, h) = (
        f64::from(bitmap.width) * across,
        f64::from(bitmap.height) * down,
    );
    let top = match bitmap.placement_origin {
        Origin::TopLeft => up,
        Origin::BottomLeft => up + h,
    };
    Some(GlyphImage {
        rect: Rect {
            x: glyph.x + left,
            y: glyph.y - top,
            w,
            h,
        },
        png,
    })
}

/// Writes path data: relative commands in hundredths of a px, which are whole numbers here, so that steps add up to where
/// they should.
struct Pen<'p> {
    path: &'p mut String,
    x: f64,
    y: f64,
    /// Of the letters that come, to those that are written.
    scale: f64,
    shear: f32,
    start: Place,
    at: Place,
}

/// Hundredths of a px, to the right and down.
type Place = (i64, i64);

impl Pen<'_> {
    fn place(&self, x: f32, y: f32) -> Place {
        let hundredth = |px: f64| (px * 100.0).round() as i64;
        let px = self.x + f64::from(x + y * self.shear) / self.scale;
        (hundredth(px), hundredth(self.y - f64::from(y) / self.scale))
    }

    fn points(&mut self, letter: char, from: Place, points: &[Place]) {
        self.path.push(letter);
        for (at, point) in points.iter().enumerate() {
            for (nth, number) in [point.0 - from.0, point.1 - from.1].into_iter().enumerate() {
                // A sign parts numbers as well as a space does.
                if (at, nth) != (0, 0) && number >= 0 {
                    self.path.push(' ');
                }
                let number = Decimal::new::<2>(number, Zero::LeftOut);
                self.path.push_str(number.as_str());
            }
        }
        self.at = points[points.len() - 1];
    }
}

impl OutlinePen for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.start = self.place(x, y);
        self.points('M', (0, 0), &[self.start]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.points('l', self.at, &[self.place(x, y)]);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let points = [self.place(cx0, cy0), self.place(x, y)];
        self.points('q', self.at, &points);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let points = [self.place(cx0, cy0), self.place(cx1, cy1), self.place(x, y)];
        self.points('c', self.at, &points);
    }

    fn close(&mut self) {
        self.path.push('Z');
        self.at = self.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{
        Align, Family, LongWords, RichText, TextLimits, TextOptions, Width, lay_out,
    };

    fn first_path(text: &str) -> String {
        let fonts = Fonts::bundled();
        let options = TextOptions {
            family: Family::MONO,
            size: 20.0,
            line_height: 27.0,
            align: Align::Start,
            width: Width::Auto,
            long_words: LongWords::Break,
            limits: TextLimits::default(),
        };
        let layout = lay_out(&fonts, &RichText::from(text), &options);
        fonts.outline(&layout.lines[0].runs[0]).path
    }

    fn bounds(path: &str) -> kurbo::Rect {
        use kurbo::Shape;
        kurbo::BezPath::from_svg(path).unwrap().bounding_box()
    }

    #[test]
    fn glyphs_stand_on_the_baseline_side_by_side() {
        // Baseline at 21, advance 12.
        let both = bounds(&first_path("HH"));
        assert!(both.x0 > 0.0 && both.x1 < 24.0 && both.x1 > 20.0, "{both}");
        assert!((both.y1 - 21.0).abs() < 0.2 && both.y0 > 5.0, "{both}");
        let below = bounds(&first_path("g")).y1;
        assert!(below > 23.0, "{below}");
    }

    #[test]
    fn letters_are_fitted_to_rows_and_stay_in_their_columns() {
        let fonts = Fonts::bundled();
        let options = TextOptions {
            family: Family::SANS,
            size: 19.0,
            line_height: 26.0,
            align: Align::Start,
            width: Width::Auto,
            long_words: LongWords::Break,
            limits: TextLimits::default(),
        };
        let layout = lay_out(&fonts, &RichText::from("xz"), &options);
        let run = &layout.lines[0].runs[0];
        let grid = PixelGrid::under(kurbo::Affine::translate((0.0, 3.4)));
        let free = bounds(&fonts.outline(run).path);
        let fitted = bounds(&fonts.outline_on(run, &grid, &mut Hinters::default()).path);
        assert!((free.x0 - fitted.x0).abs() < 0.05 && (free.x1 - fitted.x1).abs() < 0.05);
        let off_row = |y: f64| ((y + 3.4) - (y + 3.4).round()).abs();
        assert!(
            off_row(fitted.y0) < 0.05 && off_row(fitted.y1) < 0.05,
            "{fitted}"
        );
        assert!(off_row(free.y0) > 0.1 && off_row(free.y1) > 0.1, "{free}");
    }

    #[test]
    fn spaces_draw_nothing() {
        assert_eq!(first_path("   "), "");
    }
}
