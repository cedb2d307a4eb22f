//! The shadow of a note, as small pictures.
//!
//! Knows what two blurred boxes look like around a note. Blurring each note anew takes more time than all else in a picture
//! of many, and only the rim outside of the paper is ever seen: so the rim is worked out once and shown as pictures. The rule:
//! they reach as far as the editor's shadow shows, since pictures are trimmed to that.

use std::f64::consts::SQRT_2;

use kurbo::Rect;

use crate::error::ExportError;

/// A box of full blackness before it is blurred.
struct Cast {
    /// How much smaller than the note on each side, px.
    inset: f64,
    /// Standard deviation of the blur, px.
    deviation: f64,
    /// How far it is moved down, px.
    down: f64,
}

const CASTS: [Cast; 2] = [
    Cast {
        inset: 3.0,
        deviation: 3.0,
        down: 3.0,
    },
    Cast {
        inset: 10.0,
        deviation: 6.0,
        down: 6.0,
    },
];

/// Opacity of each.
const OPACITY: f64 = 0.5;

/// How far the shadow shows to the sides, above and below, px.
const ASIDE: f64 = 4.0;
const ABOVE: f64 = 1.0;
const BELOW: f64 = 9.0;

/// How far the pictures reach beneath the paper, px, so that no gap shows.
const BENEATH: f64 = 2.0;

/// How far from a corner the sides look as everywhere, px.
const CORNER: f64 = 40.0;

/// A part of the shadow of a note that has not grown.
pub(super) struct Part {
    /// Where it lies, in the space of the note.
    rect: Rect,
    grows: Growth,
    /// A PNG file.
    pub png: Vec<u8>,
}

/// What becomes of a part when the note is higher.
#[derive(Clone, Copy)]
enum Growth {
    Stays,
    Stretches,
    MovesDown,
}

impl Part {
    /// Where it lies when the note has grown by this much, px.
    pub fn rect(&self, grown: f64) -> Rect {
        let Rect { x0, y0, x1, y1 } = self.rect;
        match self.grows {
            Growth::Stays => self.rect,
            Growth::Stretches => Rect::new(x0, y0, x1, y1 + grown),
            Growth::MovesDown => Rect::new(x0, y0 + grown, x1, y1 + grown),
        }
    }
}

/// The shadow of a note that is a square of this side, px, before its scale.
pub(super) fn parts(side: f64) -> Result<Vec<Part>, ExportError> {
    let note = Rect::new(0.0, 0.0, side, side);
    let columns = [(-ASIDE, BENEATH), (side - BENEATH, side + ASIDE)];
    let rows = [
        (BENEATH, CORNER, Growth::Stays),
        (CORNER, side - CORNER, Growth::Stretches),
        (side - CORNER, side - BENEATH, Growth::MovesDown),
    ];
    let whole = (-ASIDE, side + ASIDE);
    let mut parts = vec![(whole, (-ABOVE, BENEATH, Growth::Stays))];
    parts.extend(
        columns
            .iter()
            .flat_map(|column| rows.map(|row| (*column, row))),
    );
    parts.push((whole, (side - BENEATH, side + BELOW, Growth::MovesDown)));
    let parts = parts.into_iter().map(|((x0, x1), (y0, y1, grows))| {
        let rect = Rect::new(x0, y0, x1, y1);
        let png = picture(rect, grows, note);
        let png = png.map_err(|error| ExportError::Drawing(error.to_string()))?;
        Ok(Part { rect, grows, png })
    });
    parts.collect()
}

/// One gray value and one of opacity for each px; one row for what is stretched.
fn picture(rect: Rect, grows: Growth, note: Rect) -> Result<Vec<u8>, png::EncodingError> {
    let (columns, rows) = match grows {
        Growth::Stretches => (rect.width() as u32, 1),
        Growth::Stays | Growth::MovesDown => (rect.width() as u32, rect.height() as u32),
    };
    let down = rect.height() / f64::from(rows);
    let mut samples = Vec::with_capacity(2 * (columns * rows) as usize);
    for row in 0..rows {
        let y = rect.y0 + (f64::from(row) + 0.5) * down;
        for column in 0..columns {
            let x = rect.x0 + f64::from(column) + 0.5;
            samples.extend([0, (opacity(x, y, note) * 255.0).round() as u8]);
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

/// Of all shadows at a point.
fn opacity(x: f64, y: f64, note: Rect) -> f64 {
    let shows = CASTS.iter().map(|cast| {
        let side = |at: f64, from: f64, to: f64| {
            let below = |edge: f64| normal((at - edge) / cast.deviation);
            below(from + cast.inset) - below(to - cast.inset)
        };
        let across = side(x, note.x0, note.x1);
        let down = side(y - cast.down, note.y0, note.y1);
        1.0 - OPACITY * across.max(0.0) * down.max(0.0)
    });
    1.0 - shows.product::<f64>()
}

/// The share of a normal distribution below a number of deviations.
fn normal(deviations: f64) -> f64 {
    0.5 * libm::erfc(-deviations / SQRT_2)
}
