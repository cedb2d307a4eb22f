//! Where a picture stands in its shape.
//!
//! Knows the props of an image shape: box, crop, flips; nothing of pages and colours. The numbers are those of the editor's
//! own export. The rule: what is not finite or beyond [`MOST_COORDINATE`] has no place.

use kurbo::{Affine, Ellipse, Rect, Size};
use scrible_board::media::{Crop, Image};

use super::{Embedded, Orientation};
use crate::geometry::MOST_COORDINATE;

/// A picture's place. All in the shape's own space, px.
///
/// Draw an `<image>` of `size` at the origin under `transform`, inside of a group that is clipped to `clip`. The picture
/// fills its box by [`Fit`](super::Fit).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Of the box of the whole picture as it is stored: before it is turned, flipped and cut.
    pub size: Size,
    /// From there to the shape.
    pub transform: Affine,
    /// What is seen of it; `None` for all.
    pub clip: Option<Clip>,
}

/// What is seen of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// The shape's box, or the box that is covered.
    Rect(Rect),
    /// Inside of the shape's box.
    Ellipse(Ellipse),
}

/// The place of a picture that is stored that way. `None` where there is nothing to see.
pub fn placement(image: &Image, orientation: Orientation) -> Option<Placement> {
    let shape = Size::new(image.w, image.h);
    let whole = Crop {
        top_left: (0.0, 0.0).into(),
        bottom_right: (1.0, 1.0).into(),
        is_circle: false,
    };
    let crop = image.crop.as_ref().unwrap_or(&whole);
    let shown = crop.bottom_right - crop.top_left;
    // In the editor's order of operations, so that the last digits agree.
    let upright = Size::new(shape.width / shown.x, shape.height / shown.y);
    let mut by = Affine::IDENTITY;
    let mut offset = -kurbo::Vec2::new(
        crop.top_left.x * upright.width,
        crop.top_left.y * upright.height,
    );
    // The crop is of the flipped picture.
    if image.flip_x {
        offset.x += upright.width;
        by = Affine::scale_non_uniform(-1.0, 1.0) * by;
    }
    if image.flip_y {
        offset.y += upright.height;
        by = Affine::scale_non_uniform(1.0, -1.0) * by;
    }
    let flipped = Affine::translate(offset) * by;
    let sane = |number: f64| number > 0.0 && number <= MOST_COORDINATE;
    if ![shape.width, shape.height, upright.width, upright.height]
        .into_iter()
        .all(sane)
    {
        return None;
    }
    Some(Placement {
        size: orientation.turned(upright),
        transform: flipped * orientation.into_box(upright),
        clip: image.crop.as_ref().map(|crop| {
            let rect = shape.to_rect();
            if crop.is_circle {
                Clip::Ellipse(Ellipse::from_rect(rect))
            } else {
                Clip::Rect(rect)
            }
        }),
    })
}

/// The place of a picture that covers a box wholly, with its own proportions and its middle in the box's. `None` where there
/// is nothing to see.
pub fn covering(place: Rect, picture: &Embedded) -> Option<Placement> {
    let upright = picture.upright();
    let scale = (place.width() / upright.width).max(place.height() / upright.height);
    let size = upright * scale;
    let sane = |number: f64| number > 0.0 && number <= MOST_COORDINATE;
    if !(sane(place.width()) && sane(place.height()) && sane(size.width) && sane(size.height)) {
        return None;
    }
    let corner = place.center() - size.to_vec2() / 2.0;
    Some(Placement {
        size: picture.orientation.turned(size),
        transform: Affine::translate(corner.to_vec2()) * picture.orientation.into_box(size),
        clip: Some(Clip::Rect(place)),
    })
}

#[cfg(test)]
mod tests {
    use kurbo::Point;

    use super::*;

    fn image(size: (f64, f64), crop: Option<[f64; 4]>, flips: &str) -> Image {
        Image {
            w: size.0,
            h: size.1,
            asset: None,
            crop: crop.map(|[left, top, right, bottom]| Crop {
                top_left: Point::new(left, top),
                bottom_right: Point::new(right, bottom),
                is_circle: flips.contains('o'),
            }),
            flip_x: flips.contains('x'),
            flip_y: flips.contains('y'),
            url: String::new(),
            alt_text: String::new(),
        }
    }

    /// Size, then scale and translation.
    fn placed(image: &Image) -> ([f64; 2], [f64; 4]) {
        let place = placement(image, Orientation::UPRIGHT).unwrap();
        let [a, b, c, d, e, f] = place.transform.as_coeffs();
        assert_eq!((b, c), (0.0, 0.0));
        ([place.size.width, place.size.height], [a, d, e, f])
    }

    #[test]
    fn a_picture_stands_where_the_editor_puts_it() {
        // What the editor exported, digit by digit.
        let tilted = (168.0, 111.999_999_999_999_99);
        let cases = [
            (
                (160.0, 120.0),
                Some([0.25, 0.25, 0.75, 0.75]),
                "",
                [320.0, 240.0],
                [1.0, 1.0, -80.0, -60.0],
            ),
            (
                (192.0, 192.0),
                Some([0.0, 0.1, 0.6, 0.9]),
                "o",
                [320.0, 240.0],
                [1.0, 1.0, 0.0, -24.0],
            ),
            (
                (320.0, 240.0),
                None,
                "x",
                [320.0, 240.0],
                [-1.0, 1.0, 320.0, 0.0],
            ),
            (
                (320.0, 240.0),
                None,
                "y",
                [320.0, 240.0],
                [1.0, -1.0, 0.0, 240.0],
            ),
            (
                (200.0, 150.0),
                Some([0.1, 0.0, 0.5, 0.5]),
                "xy",
                [500.0, 300.0],
                [-1.0, -1.0, 450.0, 300.0],
            ),
            (
                tilted,
                Some([0.2, 0.1, 0.9, 0.8]),
                "",
                [240.000_000_000_000_03, 159.999_999_999_999_97],
                [1.0, 1.0, -48.0, -16.0],
            ),
            (
                (100.0, 300.0),
                None,
                "",
                [100.0, 300.0],
                [1.0, 1.0, 0.0, 0.0],
            ),
            (
                (400.0, 160.0),
                Some([0.0, 0.0, 1.0, 0.5]),
                "",
                [400.0, 320.0],
                [1.0, 1.0, 0.0, 0.0],
            ),
            (
                (250.0, 200.0),
                Some([0.3, 0.2, 1.0, 1.0]),
                "x",
                [357.142_857_142_857_17, 250.0],
                [-1.0, 1.0, 250.0, -50.0],
            ),
            (
                (240.0, 180.0),
                Some([0.5, 0.5, 0.6, 0.6]),
                "",
                [2_400.000_000_000_000_5, 1_800.000_000_000_000_5],
                [1.0, 1.0, -1200.0, -900.0],
            ),
        ];
        for (shape, crop, flips, size, [a, d, e, f]) in cases {
            let (found_size, found) = placed(&image(shape, crop, flips));
            assert_eq!(found_size, size, "{shape:?} {crop:?}");
            assert_eq!(found[..2], [a, d]);
            // The editor writes four digits of these.
            assert!(
                (found[2] - e).abs() < 1e-4 && (found[3] - f).abs() < 1e-4,
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_crop_is_a_clip_of_the_shapes_size() {
        let clip = |image: &Image| placement(image, Orientation::UPRIGHT).unwrap().clip;
        let size = (192.0, 100.0);
        assert_eq!(clip(&image(size, None, "o")), None);
        let crop = Some([0.1, 0.2, 0.3, 0.4]);
        let rect = Rect::new(0.0, 0.0, 192.0, 100.0);
        assert_eq!(clip(&image(size, crop, "xy")), Some(Clip::Rect(rect)));
        let ellipse = Ellipse::new((96.0, 50.0), (96.0, 50.0), 0.0);
        assert_eq!(clip(&image(size, crop, "o")), Some(Clip::Ellipse(ellipse)));
    }

    #[test]
    fn a_turned_picture_fills_the_same_box() {
        for (crop, flips) in [(None, ""), (Some([0.1, 0.2, 0.9, 0.5]), "x"), (None, "xy")] {
            let image = image((300.0, 200.0), crop, flips);
            let bounds = |number| {
                let orientation = Orientation::from_exif(number).unwrap();
                let place = placement(&image, orientation).unwrap();
                place.transform.transform_rect_bbox(place.size.to_rect())
            };
            for number in 2..=8 {
                let (one, other) = (bounds(1), bounds(number));
                assert!((one.origin() - other.origin()).hypot() < 1e-9, "{number}");
                assert!((one.area() - other.area()).abs() < 1e-6, "{number}");
            }
        }
    }

    #[test]
    fn a_covering_picture_keeps_its_proportions_and_leaves_nothing_free() {
        let picture = |number| Embedded {
            mime: super::super::Mime::Png,
            bytes: std::sync::Arc::new(Vec::new()),
            stored: Size::new(400.0, 300.0),
            orientation: Orientation::from_exif(number).unwrap(),
            fit: super::super::Fit::Contain,
        };
        let place = Rect::new(10.0, 20.0, 210.0, 220.0);
        let drawn = |number| {
            let found = covering(place, &picture(number)).unwrap();
            assert_eq!(found.clip, Some(Clip::Rect(place)));
            found.transform.transform_rect_bbox(found.size.to_rect())
        };
        let wide = Rect::new(110.0 - 400.0 / 3.0, 20.0, 110.0 + 400.0 / 3.0, 220.0);
        let tall = Rect::new(10.0, 120.0 - 400.0 / 3.0, 210.0, 120.0 + 400.0 / 3.0);
        for (number, expected) in [(1, wide), (3, wide), (6, tall), (8, tall)] {
            let found = drawn(number);
            assert!(
                (found.origin() - expected.origin()).hypot() < 1e-9,
                "{number}"
            );
            assert!((found.area() - expected.area()).abs() < 1e-6, "{number}");
        }
        assert_eq!(covering(Rect::ZERO, &picture(1)), None);
    }

    #[test]
    fn what_has_no_size_or_no_end_has_no_place() {
        let place = |size, crop| placement(&image(size, crop, ""), Orientation::UPRIGHT);
        assert_eq!(place((0.0, 10.0), None), None);
        assert_eq!(place((10.0, f64::NAN), None), None);
        assert_eq!(place((1e300, 10.0), None), None);
        assert_eq!(
            place((100.0, 10.0), Some([0.5, 0.0, 0.5 + 1e-12, 1.0])),
            None
        );
    }
}
