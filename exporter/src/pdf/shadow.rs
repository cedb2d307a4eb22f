//! Shadows, each as one picture.
//!
//! A scene has the rim of a shadow in a dozen parts, which viewers of PDFs draw a little larger than they are: where two meet, a
//! line would show. Knows blurred boxes and the parts. The rule: what is seen is what the parts show, and nothing elsewhere.

use std::f64::consts::SQRT_2;

use kurbo::{Point, Rect};
use resvg::tiny_skia::{Color, Pixmap};

use crate::png;
use crate::scene::{Cast, Shadow};

/// Pixels of one picture at most; of a larger shadow, a pixel is more than a px.
const MOST_PIXELS: f64 = 250e3;

/// Pixels of all pictures of a document at most; further ones are shown in their parts.
const MOST_PIXELS_IN_ALL: usize = 16_000_000;

/// How much was painted so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    pixels: usize,
}

/// Where a shadow lies in the space of its mark, and a PNG of it. `None` when the budget is used up or nothing shows.
pub(super) fn picture(shadow: &Shadow, budget: &mut Budget) -> Option<(Rect, Vec<u8>)> {
    let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
    let parts = shadow.rim.iter();
    let parts: Vec<_> = parts
        .map(|part| part.place.transform_rect_bbox(unit))
        .collect();
    let whole = parts.iter().copied().reduce(|one, more| one.union(more))?;
    let density = (MOST_PIXELS / whole.area()).sqrt().min(1.0);
    let count = |length: f64| (length * density).floor().max(1.0) as u32;
    let (columns, rows) = (count(whole.width()), count(whole.height()));
    budget.pixels += columns as usize * rows as usize;
    if budget.pixels > MOST_PIXELS_IN_ALL {
        return None;
    }
    let middles = |from: f64, length: f64, count: u32| -> Vec<f64> {
        let step = length / f64::from(count);
        let middle = |at: u32| from + (f64::from(at) + 0.5) * step;
        (0..count).map(middle).collect()
    };
    let xs = middles(whole.x0, whole.width(), columns);
    let ys = middles(whole.y0, whole.height(), rows);
    let casts: Vec<_> = shadow
        .casts
        .iter()
        .map(|cast| {
            let Cast { rect, .. } = cast;
            let across = xs.iter().map(|x| share(*x, rect.x0, rect.x1, cast));
            let down = ys.iter().map(|y| share(*y, rect.y0, rect.y1, cast));
            let (across, down): (Vec<_>, Vec<_>) = (across.collect(), down.collect());
            (cast.opacity, across, down)
        })
        .collect();
    let mut pixels = Pixmap::new(columns, rows)?;
    let places = ys.iter().enumerate().flat_map(|(row, y)| {
        let xs = xs.iter().enumerate();
        xs.map(move |(column, x)| (row, column, Point::new(*x, *y)))
    });
    for ((row, column, at), pixel) in places.zip(pixels.pixels_mut()) {
        if !parts.iter().any(|part| part.contains(at)) {
            continue;
        }
        let shows = casts
            .iter()
            .map(|(opacity, across, down)| 1.0 - opacity * across[column] * down[row]);
        let opacity = 1.0 - shows.product::<f64>();
        let black = Color::from_rgba(0.0, 0.0, 0.0, opacity.clamp(0.0, 1.0) as f32);
        *pixel = black.map_or(*pixel, |color| color.premultiply().to_color_u8());
    }
    Some((whole, png::encode(pixels).ok()?))
}

/// How much of a blurred stretch is there.
fn share(at: f64, from: f64, to: f64, cast: &Cast) -> f64 {
    let below = |edge: f64| 0.5 * libm::erfc((edge - at) / (cast.deviation * SQRT_2));
    (below(from) - below(to)).max(0.0)
}

#[cfg(test)]
mod tests {
    use kurbo::Affine;

    use super::*;
    use crate::scene::PictureMark;

    fn shadow(side: f64) -> Shadow {
        let part = |rect: Rect| PictureMark {
            picture: 0,
            place: Affine::new([rect.width(), 0.0, 0.0, rect.height(), rect.x0, rect.y0]),
        };
        Shadow {
            rim: vec![
                part(Rect::new(-5.0, side - 2.0, side + 5.0, side + 9.0)),
                part(Rect::new(-5.0, 0.0, 2.0, side - 2.0)),
            ],
            casts: vec![Cast {
                rect: Rect::new(3.0, 6.0, side - 3.0, side),
                deviation: 3.0,
                opacity: 0.5,
            }],
        }
    }

    fn alpha(png: &[u8]) -> (usize, Vec<u8>) {
        let image = image::load_from_memory(png).unwrap().into_rgba8();
        (
            image.width() as usize,
            image.pixels().map(|it| it.0[3]).collect(),
        )
    }

    #[test]
    fn only_the_rim_is_dark_and_darkest_where_the_box_is() {
        let (whole, png) = picture(&shadow(100.0), &mut Budget::default()).unwrap();
        assert_eq!(whole, Rect::new(-5.0, 0.0, 105.0, 109.0));
        let (width, alpha) = alpha(&png);
        assert_eq!((width, alpha.len()), (110, 110 * 109));
        let at = |x: usize, y: usize| alpha[y * width + x];
        // A quarter of 255 at the edge of the box, between two rows.
        assert!((71..=73).contains(&at(55, 99)) && (54..=56).contains(&at(55, 100)));
        assert!(at(55, 98) > at(55, 104) && at(55, 104) > at(55, 108));
        assert_eq!(at(55, 50), 0);
        assert_eq!(at(108, 50), 0);
    }

    #[test]
    fn large_ones_and_all_together_have_no_more_pixels() {
        let mut budget = Budget::default();
        let (whole, png) = picture(&shadow(1e6), &mut budget).unwrap();
        assert!(whole.width() > 1e6 && alpha(&png).1.len() <= 250_000);
        assert!(budget.pixels > 240_000);
        budget.pixels = MOST_PIXELS_IN_ALL - 12_000;
        assert!(picture(&shadow(100.0), &mut budget).is_some());
        assert!(picture(&shadow(100.0), &mut budget).is_none());
    }
}
