//! What is written into a drawing.
//!
//! Knows bytes and how they want to be drawn. The rule: only PNG, JPEG and SVG that this module has made or read through.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kurbo::Size;

use super::encode::{Aim, Manner, Packing, pack};
use super::raster::Raster;
use super::shrink::halved;
use super::{Format, Orientation, PictureProblem, container};

/// The largest side that all viewers take in a JPEG, px; resvg's bound.
const MOST_JPEG_SIDE: u32 = 16_384;

/// A picture ready to be drawn; cheap to hand around.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// What the bytes are.
    pub mime: Mime,
    /// The file: without metadata, animation or anything that is not drawn.
    pub bytes: Arc<Vec<u8>>,
    /// Size as stored, px. It may be smaller than the board's asset says, or differ from it altogether.
    pub stored: Size,
    /// How it comes to stand upright. No viewer does it: the bytes no longer tell.
    pub orientation: Orientation,
    /// How it fills its box.
    pub fit: Fit,
}

/// What is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mime {
    /// `image/png`, one frame.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/svg+xml`: shapes, gradients and such; no text, no styles, no scripts, no references to anything outside. It may
    /// hold pictures, PNG and JPEG, as `data:` URLs.
    Svg,
}

/// How many of its pixels a picture keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Those that are seen: the drawing becomes pixels at once. As browsers do, a picture keeps between one and two pixels
    /// for each that is shown; draw it with bilinear filtering (`image-rendering: smooth` for resvg).
    Shown,
    /// Twice as many at least, for those who look closer: the drawing is kept. Huge pictures become smaller only when that
    /// saves bytes.
    Zoomed,
}

/// How a picture fills its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Whole and in the middle, with its own proportions: SVG's default, `xMidYMid meet`.
    Contain,
    /// Stretched: `preserveAspectRatio="none"`. So browsers draw an SVG that has a size but no `viewBox`.
    Fill,
}

impl Mime {
    /// As in a `data:` URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Svg => "image/svg+xml",
        }
    }
}

impl Embedded {
    /// For the `href` of an `<image>`; 4/3 of the bytes.
    pub fn data_url(&self) -> String {
        let head = "data:;base64,".len() + self.mime.as_str().len();
        let mut url = String::with_capacity(head + self.bytes.len().div_ceil(3) * 4);
        url.push_str("data:");
        url.push_str(self.mime.as_str());
        url.push_str(";base64,");
        STANDARD.encode_string(self.bytes.as_slice(), &mut url);
        url
    }

    /// Size as people see it, px.
    pub fn upright(&self) -> Size {
        self.orientation.turned(self.stored)
    }
}

/// The picture, and how often it was halved in the end: `times`, or not at all where that would save nothing.
pub(super) fn embed(
    raster: Raster<'_>,
    bytes: &[u8],
    times: u32,
    detail: Detail,
) -> Result<(u32, Embedded), PictureProblem> {
    let format = Format::of(bytes)?;
    let orientation = raster.orientation;
    let stored = raster.size();
    let is_wide = raster.width.max(raster.height) > MOST_JPEG_SIDE;
    // Unpacked in any case: a file that does not draw is found out here, and not by whoever opens the drawing.
    let profile = raster.profile.clone();
    let image = raster.decode()?;
    let as_is = match format {
        Format::Png => container::lean_png(bytes).map(|lean| (Mime::Png, lean)),
        Format::Jpeg if !is_wide => container::lean_jpeg(bytes).map(|lean| (Mime::Jpeg, lean)),
        _ => None,
    };
    let embedded = |(mime, bytes), stored| Embedded {
        mime,
        bytes: Arc::new(bytes),
        stored,
        orientation,
        fit: Fit::Contain,
    };
    let aim = match detail {
        Detail::Shown => Aim::Fast,
        Detail::Zoomed => Aim::Small,
    };
    match as_is {
        Some(as_is) if times == 0 => Ok((0, embedded(as_is, stored))),
        as_is => {
            let small = halved(image, times);
            let size = Size::new(f64::from(small.width()), f64::from(small.height()));
            let manner = Manner {
                packing: Packing::of(format, bytes),
                aim,
                profile: profile.as_deref(),
            };
            let packed = pack(small, &manner);
            match as_is {
                Some(as_is) if detail == Detail::Zoomed && as_is.1.len() <= packed.1.len() => {
                    Ok((0, embedded(as_is, stored)))
                }
                _ => Ok((times, embedded(packed, size))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{DynamicImage, ImageDecoder, ImageEncoder, Rgb, RgbImage};

    use super::super::PictureLimits;
    use super::*;

    #[test]
    fn a_colour_profile_goes_along_if_it_is_of_the_pixels_kind() {
        let photo = DynamicImage::from(RgbImage::from_fn(320, 240, |x, y| {
            Rgb([x as u8, y as u8, (x * 31 + y * 17) as u8 % 23 * 9])
        }));
        for (kind, is_kept) in [(b"RGB ", true), (b"CMYK", false)] {
            let mut profile = vec![7; 128];
            profile[16..20].copy_from_slice(kind);
            let mut png = Vec::new();
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_icc_profile(profile.clone()).unwrap();
            photo.write_with_encoder(encoder).unwrap();
            let mut jpeg = Vec::new();
            let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 90);
            encoder.set_icc_profile(profile.clone()).unwrap();
            photo.write_with_encoder(encoder).unwrap();
            for bytes in [png, jpeg] {
                for detail in [Detail::Shown, Detail::Zoomed] {
                    let format = Format::of(&bytes).unwrap();
                    let raster = Raster::open(format, &bytes, &PictureLimits::default()).unwrap();
                    let (_, small) = embed(raster, &bytes, 1, detail).unwrap();
                    let reader = image::ImageReader::new(Cursor::new(small.bytes.as_slice()));
                    let mut decoder = reader
                        .with_guessed_format()
                        .unwrap()
                        .into_decoder()
                        .unwrap();
                    let found = decoder.icc_profile().unwrap();
                    assert_eq!(
                        found,
                        is_kept.then(|| profile.clone()),
                        "{format} {detail:?}"
                    );
                }
            }
        }
    }
}
