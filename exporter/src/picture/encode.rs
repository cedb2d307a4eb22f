//! Pixels packed into PNG or JPEG.
//!
//! Knows which of the two keeps a drawing small. The rule: PNG unless the picture has been through a lossy format before.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder};

use super::{Format, Mime};

/// How a picture was packed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Every pixel counts.
    Lossless,
    /// JPEG, lossy WebP: another such pass is not seen.
    Lossy,
}

/// What packing is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// It is unpacked again at once.
    Fast,
    /// It is kept and sent around.
    Small,
}

/// How a picture is to be packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'p> {
    /// As it was packed before.
    pub packing: Packing,
    /// What for.
    pub aim: Aim,
    /// What its colours mean.
    pub profile: Option<&'p [u8]>,
}

/// Below that many bytes a PNG is small enough for anything.
const SMALL_PNG: usize = 64 << 10;
const JPEG_QUALITY: u8 = 90;

impl Packing {
    pub fn of(format: Format, bytes: &[u8]) -> Self {
        // A lossy frame is a chunk "VP8 "; lossless ones are "VP8L". Both stand near the start, after at most a profile.
        let is_lossy_webp = || bytes.windows(4).any(|name| name == b"VP8 ");
        match format {
            Format::Jpeg => Self::Lossy,
            Format::WebP if is_lossy_webp() => Self::Lossy,
            _ => Self::Lossless,
        }
    }
}

/// Packs pixels of 8 bits a channel.
pub(super) fn pack(image: DynamicImage, manner: &Manner<'_>) -> (Mime, Vec<u8>) {
    let image = without_idle_alpha(image);
    let png = png(&image, manner);
    if manner.packing == Packing::Lossy
        && manner.aim == Aim::Small
        && png.len() > SMALL_PNG
        && !image.color().has_alpha()
    {
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY);
        add_profile(&mut encoder, manner);
        let fits = image.write_with_encoder(encoder).is_ok();
        if fits && jpeg.len() < png.len() {
            return (Mime::Jpeg, jpeg);
        }
    }
    (Mime::Png, png)
}

fn png(image: &DynamicImage, manner: &Manner<'_>) -> Vec<u8> {
    let compression = match manner.aim {
        Aim::Fast => CompressionType::Fast,
        Aim::Small => CompressionType::Default,
    };
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new_with_quality(&mut bytes, compression, FilterType::Adaptive);
    add_profile(&mut encoder, manner);
    let color = ExtendedColorType::from(image.color());
    encoder
        .write_image(image.as_bytes(), image.width(), image.height(), color)
        .expect("the samples are as many as the size says, and memory takes them all");
    bytes
}

fn add_profile(encoder: &mut impl ImageEncoder, manner: &Manner<'_>) {
    if let Some(profile) = manner.profile {
        // An encoder that knows no profiles leaves the colours a little off, as resvg does in any case.
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
}

/// An alpha that is 255 everywhere says nothing.
fn without_idle_alpha(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageRgba8(rgba) if rgba.pixels().all(|pixel| pixel[3] == 255) => {
            DynamicImage::from(rgba).into_rgb8().into()
        }
        DynamicImage::ImageLumaA8(la) if la.pixels().all(|pixel| pixel[1] == 255) => {
            DynamicImage::from(la).into_luma8().into()
        }
        image => image,
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    /// Noise, which PNG cannot make small.
    fn noise() -> RgbImage {
        let mut random = fastrand::Rng::with_seed(7);
        RgbImage::from_fn(300, 200, |_, _| {
            Rgb([random.u8(..), random.u8(..), random.u8(..)])
        })
    }

    #[test]
    fn only_large_pictures_that_were_lossy_before_become_jpeg() {
        let mime = |image: DynamicImage, packing, aim| {
            let profile = None;
            pack(
                image,
                &Manner {
                    packing,
                    aim,
                    profile,
                },
            )
            .0
        };
        assert_eq!(mime(noise().into(), Packing::Lossy, Aim::Small), Mime::Jpeg);
        assert_eq!(mime(noise().into(), Packing::Lossy, Aim::Fast), Mime::Png);
        assert_eq!(
            mime(noise().into(), Packing::Lossless, Aim::Small),
            Mime::Png
        );
        let flat = RgbImage::from_pixel(300, 200, Rgb([1, 2, 3]));
        assert_eq!(mime(flat.into(), Packing::Lossy, Aim::Small), Mime::Png);
        let mut holes = DynamicImage::from(noise()).into_rgba8();
        assert_eq!(
            mime(holes.clone().into(), Packing::Lossy, Aim::Small),
            Mime::Jpeg
        );
        holes.put_pixel(0, 0, Rgba([0, 0, 0, 254]));
        assert_eq!(mime(holes.into(), Packing::Lossy, Aim::Small), Mime::Png);
    }

    #[test]
    fn a_png_gives_the_pixels_back() {
        let image = RgbaImage::from_fn(9, 7, |x, y| Rgba([x as u8, y as u8, 3, (x * 20) as u8]));
        for aim in [Aim::Fast, Aim::Small] {
            let manner = Manner {
                packing: Packing::Lossless,
                aim,
                profile: None,
            };
            let (_, bytes) = pack(image.clone().into(), &manner);
            assert_eq!(image::load_from_memory(&bytes).unwrap().into_rgba8(), image);
        }
    }
}
