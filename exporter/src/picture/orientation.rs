//! Which way up a picture stands.
//!
//! Knows the eight ways of EXIF. The rule: pixels are never turned; the drawing turns them, so that no quality is lost.

use kurbo::{Affine, Size};

/// How stored pixels come to stand upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Orientation(image::metadata::Orientation);

impl Default for Orientation {
    fn default() -> Self {
        Self::UPRIGHT
    }
}

impl From<image::metadata::Orientation> for Orientation {
    fn from(orientation: image::metadata::Orientation) -> Self {
        Self(orientation)
    }
}

impl Orientation {
    /// As stored.
    pub const UPRIGHT: Self = Self(image::metadata::Orientation::NoTransforms);

    /// By EXIF's number, 1 to 8.
    pub fn from_exif(number: u8) -> Option<Self> {
        image::metadata::Orientation::from_exif(number).map(Self)
    }

    /// Whether it is drawn as it is stored.
    pub fn is_upright(self) -> bool {
        self == Self::UPRIGHT
    }

    /// The size of the upright picture from the stored one, or of the stored one from the upright.
    pub fn turned(self, size: Size) -> Size {
        if self.0.to_exif() >= 5 {
            Size::new(size.height, size.width)
        } else {
            size
        }
    }

    /// From the box of the stored picture to an upright box of that size, both at the origin.
    pub fn into_box(self, upright: Size) -> Affine {
        let Size { width, height } = upright;
        Affine::new(match self.0.to_exif() {
            2 => [-1.0, 0.0, 0.0, 1.0, width, 0.0],
            3 => [-1.0, 0.0, 0.0, -1.0, width, height],
            4 => [1.0, 0.0, 0.0, -1.0, 0.0, height],
            5 => [0.0, 1.0, 1.0, 0.0, 0.0, 0.0],
            6 => [0.0, 1.0, -1.0, 0.0, width, 0.0],
            7 => [0.0, -1.0, -1.0, 0.0, width, height],
            8 => [0.0, -1.0, 1.0, 0.0, 0.0, height],
            _ => [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        })
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb, RgbImage};
    use kurbo::Point;

    use super::*;

    #[test]
    fn a_picture_is_turned_as_the_image_library_turns_its_pixels() {
        let stored = RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 0]));
        for number in 1..=8 {
            let orientation = Orientation::from_exif(number).unwrap();
            let mut upright = DynamicImage::from(stored.clone());
            upright.apply_orientation(orientation.0);
            let upright = upright.to_rgb8();
            let size = orientation.turned(Size::new(3.0, 2.0));
            assert_eq!(
                size,
                Size::new(f64::from(upright.width()), f64::from(upright.height()))
            );
            for (x, y, pixel) in stored.enumerate_pixels() {
                let centre = Point::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
                let at = orientation.into_box(size) * centre;
                assert_eq!(
                    upright.get_pixel(at.x as u32, at.y as u32),
                    pixel,
                    "{number}"
                );
            }
        }
        assert_eq!(Orientation::from_exif(0), None);
        assert_eq!(Orientation::from_exif(9), None);
    }
}
