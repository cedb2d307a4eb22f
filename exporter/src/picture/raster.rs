//! From a file of pixels to pixels.
//!
//! Knows the decoders and how to hold them to limits. The rule: sizes are read and judged before anything is unpacked.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use kurbo::Size;

use super::guard::guarded;
use super::{Dimension, Format, Orientation, PictureLimits, PictureProblem};

/// What decoders need besides pixels, bytes.
const OVERHEAD: u64 = 16 << 20;

/// A file whose header is read and within the limits.
pub(super) struct Raster<'b> {
    decoder: Box<dyn ImageDecoder + 'b>,
    format: Format,
    /// Px.
    pub width: u32,
    /// Px.
    pub height: u32,
    /// As browsers heed it: that of WebP files they do not.
    pub orientation: Orientation,
    /// What its colours mean, where the pixels that come out are of that kind: not for CMYK, which becomes RGB.
    pub profile: Option<Vec<u8>>,
}

/// The largest profile that is kept, bytes.
const MOST_PROFILE: usize = 1 << 20;

impl<'b> Raster<'b> {
    /// Reads the header. Of several frames the first counts, or the one for viewers without animation.
    pub fn open(
        format: Format,
        bytes: &'b [u8],
        limits: &PictureLimits,
    ) -> Result<Self, PictureProblem> {
        let mut memory = Limits::no_limits();
        // No pixel takes more than four channels of 16 bits.
        memory.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(OVERHEAD));
        let mut decoder = header(format, bytes, &memory)?;
        let broken = |error| broken(format, error);
        let (width, height) = decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(PictureProblem::broken(format, "it has no pixels"));
        }
        let pixels = u64::from(width) * u64::from(height);
        PictureProblem::check(Dimension::Pixels, pixels, limits.pixels)?;
        decoder.set_limits(memory).map_err(broken)?;
        let orientation = match format {
            // Damaged camera data is no reason to lose the picture.
            Format::Png | Format::Jpeg => decoder.orientation().ok().map(Orientation::from),
            _ => None,
        };
        let kind = if decoder.color_type().has_color() {
            b"RGB "
        } else {
            b"GRAY"
        };
        let profile = decoder.icc_profile().ok().flatten();
        Ok(Self {
            profile: profile.filter(|profile| {
                profile.len() <= MOST_PROFILE && profile.get(16..20) == Some(kind)
            }),
            decoder,
            format,
            width,
            height,
            orientation: orientation.unwrap_or_default(),
        })
    }

    pub fn size(&self) -> Size {
        Size::new(f64::from(self.width), f64::from(self.height))
    }

    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Unpacks, to 8 bits a channel.
    pub fn decode(self) -> Result<DynamicImage, PictureProblem> {
        let format = self.format;
        let image =
            DynamicImage::from_decoder(self.decoder).map_err(|error| broken(format, error))?;
        Ok(match image {
            DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
            DynamicImage::ImageLumaA16(_) => image.into_luma_alpha8().into(),
            DynamicImage::ImageRgb16(_) => image.into_rgb8().into(),
            DynamicImage::ImageRgba16(_) => image.into_rgba8().into(),
            _ => image,
        })
    }
}

/// Holds a file to a number of pixels by its header alone. Of SVG there is nothing to hold: it has as many as it is drawn with.
pub fn check_size(bytes: &[u8], most_pixels: u64) -> Result<Format, PictureProblem> {
    let format = Format::of(bytes)?;
    if format == Format::Svg {
        return Ok(format);
    }
    let mut memory = Limits::no_limits();
    memory.max_alloc = Some(OVERHEAD);
    let (width, height) = guarded(format, || Ok(header(format, bytes, &memory)?.dimensions()))?;
    if width == 0 || height == 0 {
        return Err(PictureProblem::broken(format, "it has no pixels"));
    }
    let pixels = u64::from(width) * u64::from(height);
    PictureProblem::check(Dimension::Pixels, pixels, most_pixels)?;
    Ok(format)
}

/// Reads as much of a file as says how large the picture is.
fn header<'b>(
    format: Format,
    bytes: &'b [u8],
    memory: &Limits,
) -> Result<Box<dyn ImageDecoder + 'b>, PictureProblem> {
    let reader = Cursor::new(bytes);
    let broken = |error| broken(format, error);
    Ok(match format {
        Format::Png => Box::new(PngDecoder::with_limits(reader, memory.clone()).map_err(broken)?),
        Format::Jpeg => Box::new(JpegDecoder::new(reader).map_err(broken)?),
        Format::Gif => Box::new(GifDecoder::new(reader).map_err(broken)?),
        Format::WebP => Box::new(WebPDecoder::new(reader).map_err(broken)?),
        Format::Svg => return Err(PictureProblem::Unsupported("SVG")),
    })
}

fn broken(format: Format, error: ImageError) -> PictureProblem {
    match error {
        // Frames or tables beyond what the size in the header lets expect.
        ImageError::Limits(_) => {
            PictureProblem::broken(format, "it wants more memory than its size tells")
        }
        error => PictureProblem::broken(format, error),
    }
}
