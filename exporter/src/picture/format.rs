//! What a file is, by its first bytes.
//!
//! Knows signatures. The rule: what a record or an address claims about a file does not count.

use image::ImageFormat;

use super::PictureProblem;

/// A format that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// PNG, animated ones too.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// SVG, not compressed.
    Svg,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Svg => "SVG",
        })
    }
}

/// How far an SVG's root element may be from the start: comments and declarations come first.
const SVG_HEAD_BYTES: usize = 64 << 10;

impl Format {
    /// What these bytes are.
    pub fn of(bytes: &[u8]) -> Result<Self, PictureProblem> {
        match image::guess_format(bytes) {
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Gif) => Ok(Self::Gif),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            Ok(ImageFormat::Avif) => Err(PictureProblem::Unsupported("AVIF")),
            Ok(ImageFormat::Bmp) => Err(PictureProblem::Unsupported("BMP")),
            Ok(ImageFormat::Ico) => Err(PictureProblem::Unsupported("icon")),
            Ok(ImageFormat::Tiff) => Err(PictureProblem::Unsupported("TIFF")),
            _ if is_svg(bytes) => Ok(Self::Svg),
            _ if is_heif(bytes) => Err(PictureProblem::Unsupported("HEIC")),
            _ if bytes.starts_with(&[0x1f, 0x8b]) => {
                Err(PictureProblem::Unsupported("compressed SVG"))
            }
            _ if bytes.starts_with(&[0xff, 0x0a]) || bytes.get(4..8) == Some(b"JXL ") => {
                Err(PictureProblem::Unsupported("JPEG XL"))
            }
            _ => Err(PictureProblem::UnknownFormat),
        }
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let bytes = &bytes[..bytes.len().min(SVG_HEAD_BYTES)];
    bytes.trim_ascii_start().starts_with(b"<") && bytes.windows(4).any(|four| four == b"<svg")
}

fn is_heif(bytes: &[u8]) -> bool {
    let brand = bytes.get(8..12).unwrap_or_default();
    bytes.get(4..8) == Some(b"ftyp")
        && [b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"]
            .contains(&brand.try_into().unwrap_or(b"    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_own_first_bytes() {
        let svg = b"\xef\xbb\xbf <?xml version='1.0'?><!-- a --><svg xmlns='http://www.w3.org/2000/svg'/>";
        assert_eq!(Format::of(svg), Ok(Format::Svg));
        assert_eq!(Format::of(b"GIF89a"), Ok(Format::Gif));
        assert_eq!(Format::of(b"\x89PNG\r\n\x1a\n"), Ok(Format::Png));
        assert_eq!(
            Format::of(b"\0\0\0\x1cftypavif\0\0\0\0"),
            Err(PictureProblem::Unsupported("AVIF"))
        );
        assert_eq!(
            Format::of(b"\0\0\0\x1cftypheic\0\0\0\0"),
            Err(PictureProblem::Unsupported("HEIC"))
        );
        for other in [b"".as_slice(), b"<html></html>", b"%PDF-1.7", b"hello <svg"] {
            assert_eq!(Format::of(other), Err(PictureProblem::UnknownFormat));
        }
    }
}
