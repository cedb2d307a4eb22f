//! Smaller pictures.
//!
//! Browsers draw a picture at less than half its size from a halved, quartered... copy, each pixel the mean of those that it
//! stands for; resvg does not, and its pictures would flicker with single pixels. Knows pixels. The rule: what is
//! transparent lends its colour to nothing.

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

/// How often a picture is halved so that it still has at least the pixels asked for: `ratio` is stored over shown pixels.
pub(super) fn halvings(ratio: f64) -> u32 {
    // NaN and infinity: nothing is known of how it is shown.
    if !ratio.is_finite() || ratio < 2.0 {
        return 0;
    }
    ratio.log2().floor().min(16.0) as u32
}

/// Halved so many times, but not below one pixel. Expects 8 bits a channel.
pub(super) fn halved(image: DynamicImage, times: u32) -> DynamicImage {
    if times == 0 {
        return image;
    }
    let from = (image.width(), image.height());
    let to = ((from.0 >> times).max(1), (from.1 >> times).max(1));
    let samples = |channels| mean(image.as_bytes(), channels, from, to);
    let (w, h) = to;
    let made = match &image {
        DynamicImage::ImageLuma8(_) => GrayImage::from_raw(w, h, samples(1)).map(Into::into),
        DynamicImage::ImageLumaA8(_) => GrayAlphaImage::from_raw(w, h, samples(2)).map(Into::into),
        DynamicImage::ImageRgb8(_) => RgbImage::from_raw(w, h, samples(3)).map(Into::into),
        _ => {
            let rgba = image.to_rgba8();
            RgbaImage::from_raw(w, h, mean(&rgba, 4, from, to)).map(Into::into)
        }
    };
    made.expect("as many samples as pixels times channels")
}

/// Each pixel the mean of the area that it covers, weighed by opacity.
fn mean(samples: &[u8], channels: usize, from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let has_alpha = channels.is_multiple_of(2);
    let colours = channels - usize::from(has_alpha);
    let width = from.0 as usize;
    let columns = covers(from.0, to.0);
    let mut out = Vec::with_capacity(to.0 as usize * to.1 as usize * channels);
    for rows in covers(from.1, to.1) {
        for columns in &columns {
            let (mut sums, mut opaque, mut area) = ([0.0_f32; 3], 0.0, 0.0);
            for (y, tall) in rows.iter() {
                for (x, wide) in columns.iter() {
                    let pixel = &samples[(y * width + x) * channels..][..channels];
                    let share = tall * wide;
                    let alpha = if has_alpha {
                        f32::from(pixel[colours]) / 255.0
                    } else {
                        1.0
                    };
                    for (sum, sample) in sums.iter_mut().zip(&pixel[..colours]) {
                        *sum += f32::from(*sample) * share * alpha;
                    }
                    opaque += share * alpha;
                    area += share;
                }
            }
            // The cast saturates; nothing opaque gives 0 / tiny.
            out.extend(
                sums[..colours]
                    .iter()
                    .map(|sum| (sum / opaque.max(f32::MIN_POSITIVE) + 0.5) as u8),
            );
            if has_alpha {
                out.push((opaque / area * 255.0 + 0.5) as u8);
            }
        }
    }
    out
}

/// A stretch of pixels of which the first and the last may count in part.
struct Cover {
    first: usize,
    first_share: f32,
    last: usize,
    last_share: f32,
}

impl Cover {
    fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        (self.first..=self.last).map(|at| {
            let share = match at {
                _ if at == self.first => self.first_share,
                _ if at == self.last => self.last_share,
                _ => 1.0,
            };
            (at, share)
        })
    }
}

/// What each of `to` pixels covers of `from`; `to` is at least 1 and at most half of `from`, or `from` is 1.
fn covers(from: u32, to: u32) -> Vec<Cover> {
    let step = f64::from(from) / f64::from(to);
    let cover = |at: u32| {
        let (start, end) = (f64::from(at) * step, f64::from(at + 1) * step);
        let first = start.floor();
        let last = (end.ceil() - 1.0).clamp(first, f64::from(from - 1));
        Cover {
            first: first as usize,
            first_share: (first + 1.0).min(end) as f32 - start as f32,
            last: last as usize,
            last_share: (end - last) as f32,
        }
    };
    (0..to).map(cover).collect()
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb, Rgba};

    use super::*;

    #[test]
    fn a_picture_keeps_at_least_the_pixels_that_are_shown() {
        let cases = [
            (0.1, 0),
            (1.0, 0),
            (1.99, 0),
            (2.0, 1),
            (3.2, 1),
            (4.0, 2),
            (1e9, 16),
        ];
        for (ratio, times) in cases {
            assert_eq!(halvings(ratio), times, "{ratio}");
        }
        for odd in [f64::NAN, f64::INFINITY, -3.0] {
            assert_eq!(halvings(odd), 0);
        }
    }

    #[test]
    fn each_pixel_is_the_mean_of_what_it_covers() {
        let image = GrayImage::from_fn(4, 2, |x, y| Luma([(x * 10 + y * 100) as u8]));
        let small = halved(image.into(), 1).into_luma8();
        assert_eq!(small.into_raw(), [55, 75]);
        // Five columns in two: two and a half each.
        let image = GrayImage::from_fn(5, 1, |x, _| Luma([x as u8 * 50]));
        let small = halved(image.into(), 1).into_luma8();
        assert_eq!((small.width(), small.height()), (2, 1));
        assert_eq!(small.into_raw(), [40, 160]);
        let even = RgbImage::from_pixel(1023, 517, Rgb([200, 100, 7]));
        let small = halved(even.into(), 3).into_rgb8();
        assert_eq!((small.width(), small.height()), (127, 64));
        assert!(small.pixels().all(|pixel| *pixel == Rgb([200, 100, 7])));
        let line = RgbImage::from_pixel(1, 900, Rgb([1, 2, 3]));
        assert_eq!(halved(line.into(), 16).into_rgb8().into_raw(), [1, 2, 3]);
    }

    #[test]
    fn what_is_transparent_lends_its_colour_to_nothing() {
        let image = RgbaImage::from_fn(2, 2, |x, y| match (x, y) {
            (0, 0) => Rgba([200, 10, 10, 255]),
            _ => Rgba([0, 255, 0, 0]),
        });
        let small = halved(image.into(), 1).into_rgba8();
        assert_eq!(small.into_raw(), [200, 10, 10, 64]);
        let clear = GrayAlphaImage::from_pixel(4, 4, image::LumaA([9, 0]));
        assert!(
            halved(clear.into(), 1)
                .as_bytes()
                .iter()
                .all(|byte| *byte == 0)
        );
    }
}
