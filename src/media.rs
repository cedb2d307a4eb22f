//! What people paste into boards, known by its bytes.
//!
//! Knows first bytes and headers. The rule: what a browser, a name or another server says of a file does not count.

use scrible_exporter::picture::{Format, PictureLimits, PictureProblem, check_size};

/// How far the type of a WebM file may be from its start.
const EBML_HEAD_BYTES: usize = 64;
/// Brands of MP4 that browsers play.
const MP4_BRANDS: [&[u8; 4]; 11] = [
    b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash",
    b"MSNV",
];

/// For the header, of all that boards take.
pub const MEDIA_TYPES: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/svg+xml",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/quicktime",
];

/// A kind of file that boards take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// A picture that exports draw as well.
    Picture(Format),
    /// A picture that only browsers draw.
    Avif,
    /// A film.
    Mp4,
    /// A film.
    WebM,
    /// A film.
    QuickTime,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMedia {
    /// It is something else, or damaged.
    #[error(
        "boards take PNG, JPEG, GIF, WebP, AVIF and SVG pictures, and MP4, WebM and QuickTime films; this is none of them: {0}"
    )]
    Unknown(String),
    /// A picture with too many pixels.
    #[error("{0}")]
    TooLarge(String),
}

impl Media {
    /// What these bytes are. Pictures have no more pixels than exports draw; reads headers only, which may still take some milliseconds.
    pub fn of(bytes: &[u8]) -> Result<Self, NoMedia> {
        if let Some(media) = boxed(bytes) {
            return Ok(media);
        }
        let head = &bytes[..bytes.len().min(EBML_HEAD_BYTES)];
        if head.starts_with(b"\x1a\x45\xdf\xa3") && head.windows(4).any(|four| four == b"webm") {
            return Ok(Self::WebM);
        }
        match check_size(bytes, PictureLimits::default().pixels) {
            Ok(format) => Ok(Self::Picture(format)),
            Err(problem @ PictureProblem::TooLarge { .. }) => {
                Err(NoMedia::TooLarge(problem.to_string()))
            }
            Err(problem) => Err(NoMedia::Unknown(problem.to_string())),
        }
    }

    /// For the header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Picture(Format::Png) => "image/png",
            Self::Picture(Format::Jpeg) => "image/jpeg",
            Self::Picture(Format::Gif) => "image/gif",
            Self::Picture(Format::WebP) => "image/webp",
            Self::Picture(Format::Svg) => "image/svg+xml",
            Self::Avif => "image/avif",
            Self::Mp4 => "video/mp4",
            Self::WebM => "video/webm",
            Self::QuickTime => "video/quicktime",
        }
    }
}

/// The family of formats whose files are boxes, the first of which says what it is.
fn boxed(bytes: &[u8]) -> Option<Media> {
    let brand: &[u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    match brand {
        b"avif" | b"avis" => Some(Media::Avif),
        b"qt  " => Some(Media::QuickTime),
        brand if MP4_BRANDS.contains(&brand) => Some(Media::Mp4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of so many pixels, as far as its header goes.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut chunk = b"IHDR".to_vec();
        chunk.extend(width.to_be_bytes());
        chunk.extend(height.to_be_bytes());
        chunk.extend([8, 6, 0, 0, 0]);
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        png.extend(13_u32.to_be_bytes());
        png.extend(&chunk);
        png.extend(crc32fast::hash(&chunk).to_be_bytes());
        png.extend(b"\0\0\0\x08IDAT");
        png
    }

    #[test]
    fn m6_a_file_is_what_its_bytes_say() {
        let boxed = |brand: &[u8]| [b"\0\0\0\x1cftyp", brand, b"\0\0\0\0"].concat();
        for (bytes, kind) in [
            (png(8, 6), "image/png"),
            (b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_vec(), "image/gif"),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
                "image/svg+xml",
            ),
            (boxed(b"avif"), "image/avif"),
            (boxed(b"isom"), "video/mp4"),
            (boxed(b"qt  "), "video/quicktime"),
            (
                b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm".to_vec(),
                "video/webm",
            ),
        ] {
            let media = Media::of(&bytes);
            assert_eq!(
                media.as_ref().map(|media| media.content_type()),
                Ok(kind),
                "{media:?}"
            );
            assert!(MEDIA_TYPES.contains(&kind));
        }
        for kind in [
            Format::Png,
            Format::Jpeg,
            Format::Gif,
            Format::WebP,
            Format::Svg,
        ] {
            assert!(MEDIA_TYPES.contains(&Media::Picture(kind).content_type()));
        }
        for bytes in [
            b"".to_vec(),
            b"<!doctype html><script>".to_vec(),
            b"hello <svg/>".to_vec(),
            b"%PDF-1.7".to_vec(),
            b"MZ".to_vec(),
            b"\x89PNG\r\n\x1a\n".to_vec(),
            boxed(b"heic"),
            b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska".to_vec(),
        ] {
            let refused = Media::of(&bytes).unwrap_err();
            assert!(matches!(refused, NoMedia::Unknown(_)), "{bytes:?}");
            assert!(refused.to_string().starts_with("boards take PNG, "));
        }
    }

    #[test]
    fn m7_pictures_have_no_more_pixels_than_are_drawn() {
        assert!(Media::of(&png(10_000, 5_000)).is_ok());
        for (width, height) in [(10_000, 5_001), (100_000, 100_000)] {
            let refused = Media::of(&png(width, height)).unwrap_err();
            assert!(matches!(refused, NoMedia::TooLarge(_)), "{refused}");
        }
    }
}
