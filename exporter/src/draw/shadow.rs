//! The shadows of notes and cards, as small pictures.
//!
//! Knows what blurred boxes look like around what casts them. Blurring each one anew takes more time than all else in a picture
//! of many, and only the rim is ever seen: so the rim is worked out once and shown as pictures. The rule: they reach as far as
//! the editor's shadow shows, since pictures are trimmed to that.

use std::f64::consts::SQRT_2;

use kurbo::{Rect, Size, Vec2};

use crate::error::ExportError;
use crate::scene::Cast;

/// A box of full blackness before it is blurred.
#[derive(Debug)]
struct Blurred {
    /// How much smaller than what casts it on each side, px.
    inset: f64,
    /// Standard deviation of the blur, px.
    deviation: f64,
    /// How far it is moved down, px.
    down: f64,
    /// 0 to 1.
    opacity: f64,
}

/// What a kind of shadow is made of.
#[derive(Debug)]
pub(super) struct Kind {
    casts: [Blurred; 2],
    /// How far it shows to the sides, above and below, px.
    aside: f64,
    above: f64,
    below: f64,
}

/// Of notes.
pub(super) const NOTE: Kind = Kind {
    casts: [
        Blurred {
            inset: 3.0,
            deviation: 3.0,
            down: 3.0,
            opacity: 0.5,
        },
        Blurred {
            inset: 10.0,
            deviation: 6.0,
            down: 6.0,
            opacity: 0.5,
        },
    ],
    aside: 4.0,
    above: 1.0,
    below: 9.0,
};

/// Of cards.
pub(super) const CARD: Kind = Kind {
    casts: [
        Blurred {
            inset: 0.0,
            deviation: 3.0,
            down: 3.0,
            opacity: 0.12,
        },
        Blurred {
            inset: 0.0,
            deviation: 2.0,
            down: 2.0,
            opacity: 0.16,
        },
    ],
    aside: 6.0,
    above: 3.0,
    below: 9.0,
};

impl Kind {
    /// What it is for a box of this size with a corner at the origin, px.
    pub fn casts(&self, size: Size) -> Vec<Cast> {
        let casts = self.casts.iter().map(|cast| Cast {
            rect: size.to_rect().inset(-cast.inset) + Vec2::new(0.0, cast.down),
            deviation: cast.deviation,
            opacity: cast.opacity,
        });
        casts.collect()
    }
}

/// How far pictures reach beneath what casts the shadow, px, so that no gap shows.
const BENEATH: f64 = 2.0;

/// How far from a corner a side looks as everywhere, px.
const CORNER: f64 = 40.0;

/// The side of the square whose shadow is worked out, px.
const SQUARE: f64 = 200.0;

/// A part of the shadow of a square.
pub(super) struct Part {
    across: Stretch,
    down: Stretch,
    /// A PNG file.
    pub png: Vec<u8>,
}

/// From where to where in one direction, px, and what becomes of it when the square grows.
#[derive(Clone, Copy)]
struct Stretch(f64, f64, Growth);

#[derive(Clone, Copy, PartialEq)]
enum Growth {
    Stays,
    Stretches,
    Moves,
}

impl Stretch {
    fn grown(self, by: f64) -> (f64, f64) {
        let Self(from, to, growth) = self;
        match growth {
            Growth::Stays => (from, to),
            Growth::Stretches => (from, to + by),
            Growth::Moves => (from + by, to + by),
        }
    }

    /// Pixels, and px for each.
    fn pixels(self) -> (u32, f64) {
        let Self(from, to, growth) = self;
        match growth {
            Growth::Stretches => (1, to - from),
            Growth::Stays | Growth::Moves => ((to - from) as u32, 1.0),
        }
    }
}

impl Part {
    /// Where it lies around a box of this size with a corner at the origin, px. `None` around one too small for a shadow.
    pub fn rect(&self, size: Size) -> Option<Rect> {
        if size.min_side() < 2.0 * CORNER {
            return None;
        }
        let (x0, x1) = self.across.grown(size.width - SQUARE);
        let (y0, y1) = self.down.grown(size.height - SQUARE);
        Some(Rect::new(x0, y0, x1, y1))
    }
}

/// All parts of a shadow.
pub(super) fn parts(kind: &Kind) -> Result<Vec<Part>, ExportError> {
    use Growth::{Moves, Stays, Stretches};

    let edge = SQUARE - BENEATH;
    let far = SQUARE - CORNER;
    let columns = [
        Stretch(-kind.aside, CORNER, Stays),
        Stretch(CORNER, far, Stretches),
        Stretch(far, SQUARE + kind.aside, Moves),
    ];
    let rows = [
        Stretch(BENEATH, CORNER, Stays),
        Stretch(CORNER, far, Stretches),
        Stretch(far, edge, Moves),
    ];
    let top = Stretch(-kind.above, BENEATH, Stays);
    let bottom = Stretch(edge, SQUARE + kind.below, Moves);
    let left = Stretch(-kind.aside, BENEATH, Stays);
    let right = Stretch(edge, SQUARE + kind.aside, Moves);
    let over_and_under = columns.into_iter().flat_map(|it| [(it, top), (it, bottom)]);
    let beside = rows.into_iter().flat_map(|it| [(left, it), (right, it)]);
    let parts = over_and_under.chain(beside).map(|(across, down)| {
        let png = picture(across, down, kind);
        let png = png.map_err(|error| ExportError::Drawing(error.to_string()))?;
        Ok(Part { across, down, png })
    });
    parts.collect()
}

/// One gray value and one of opacity for each px; one for all of what is stretched.
fn picture(across: Stretch, down: Stretch, kind: &Kind) -> Result<Vec<u8>, png::EncodingError> {
    let ((columns, wide), (rows, high)) = (across.pixels(), down.pixels());
    let mut samples = Vec::with_capacity(2 * (columns * rows) as usize);
    for row in 0..rows {
        let y = down.0 + (f64::from(row) + 0.5) * high;
        for column in 0..columns {
            let x = across.0 + (f64::from(column) + 0.5) * wide;
            samples.extend([0, (opacity(x, y, kind) * 255.0).round() as u8]);
        }
    }
    encode(columns, rows, &samples)
}

fn encode(width: u32, height: u32, samples: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(file)
}

/// Of all shadows at a point around the square.
fn opacity(x: f64, y: f64, kind: &Kind) -> f64 {
    let shows = kind.casts.iter().map(|cast| {
        let inside = |at: f64| {
            let below = |edge: f64| normal((at - edge) / cast.deviation);
            below(cast.inset) - below(SQUARE - cast.inset)
        };
        1.0 - cast.opacity * inside(x).max(0.0) * inside(y - cast.down).max(0.0)
    });
    1.0 - shows.product::<f64>()
}

/// The share of a normal distribution below a number of deviations.
fn normal(deviations: f64) -> f64 {
    0.5 * libm::erfc(-deviations / SQRT_2)
}
