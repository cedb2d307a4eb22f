//! PNG and JPEG files without what is not drawn.
//!
//! Walks chunks and segments and leaves pixels as they are packed: animation, camera data with its places and times, comments,
//! thumbnails and whatever is appended go. Knows nothing of pixels. The rule: `None` where a file is not put together as it
//! should be; then its pixels have to be packed anew.

use std::ops::Range;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What decides about pixels and their colours.
const PNG_KEPT: [&[u8]; 11] = [
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"cICP",
];

/// A PNG of one frame.
pub(super) fn lean_png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(PNG_SIGNATURE)?;
    let mut lean = Vec::with_capacity(bytes.len());
    lean.extend_from_slice(PNG_SIGNATURE);
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let name = after.get(..4)?;
        // Length, name, data, checksum.
        let whole = usize::try_from(u32::from_be_bytes(*length))
            .ok()?
            .checked_add(12)?;
        let chunk = rest.get(..whole)?;
        if PNG_KEPT.contains(&name) {
            lean.extend_from_slice(chunk);
        }
        if name == b"IEND" {
            return Some(lean);
        }
        rest = &rest[whole..];
    }
}

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const COM: u8 = 0xfe;

/// A JPEG of one picture in greys or in three colours; others are drawn differently by every viewer.
pub(super) fn lean_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut at = bytes.strip_prefix(&[0xff, SOI]).map(|_| 2)?;
    let mut lean = Vec::with_capacity(bytes.len());
    lean.extend_from_slice(&bytes[..2]);
    let mut frame = false;
    loop {
        let marker = next_marker(bytes, &mut at)?;
        if marker == EOI {
            lean.extend_from_slice(&[0xff, EOI]);
            return frame.then_some(lean);
        }
        let segment = segment(bytes, at)?;
        let data = &bytes[segment.clone()][2..];
        if is_frame(marker) {
            // Precision, height, width, components.
            let usual = data.first() == Some(&8) && matches!(data.get(5)?, 1 | 3);
            if frame || !usual {
                return None;
            }
            frame = true;
        }
        if is_kept(marker, data) {
            lean.extend_from_slice(&[0xff, marker]);
            lean.extend_from_slice(&bytes[segment.clone()]);
        }
        at = segment.end;
        if marker == SOS {
            let end = entropy_end(bytes, at)?;
            lean.extend_from_slice(&bytes[at..end]);
            at = end;
        }
    }
}

/// Start of frame, all kinds.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn is_kept(marker: u8, data: &[u8]) -> bool {
    match marker {
        0xe0 => data.starts_with(b"JFIF\0"),
        0xe2 => data.starts_with(b"ICC_PROFILE\0"),
        0xee => data.starts_with(b"Adobe"),
        0xe1..=0xef | COM => false,
        _ => true,
    }
}

/// Past the marker; fill bytes before it are skipped.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    if bytes.get(*at)? != &0xff {
        return None;
    }
    while bytes.get(*at)? == &0xff {
        *at += 1;
    }
    let marker = bytes[*at];
    *at += 1;
    // Only these stand between segments; restarts belong to packed pixels.
    matches!(marker, 0xc0..=0xcf | 0xd9..=0xdf | 0xe0..=0xef | COM).then_some(marker)
}

/// With its two bytes of length.
fn segment(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = bytes.get(at..at + 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let end = at + length;
    (length >= 2 && end <= bytes.len()).then_some(at..end)
}

/// Where packed pixels end: at a marker that is neither a restart nor an escaped 0xff.
fn entropy_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{DynamicImage, ImageEncoder, RgbImage};

    use super::*;

    fn picture() -> DynamicImage {
        RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([x as u8 * 6, y as u8 * 8, (x * y) as u8])
        })
        .into()
    }

    fn has(bytes: &[u8], what: &[u8]) -> bool {
        bytes.windows(what.len()).any(|window| window == what)
    }

    #[test]
    fn a_png_keeps_its_pixels_and_loses_the_rest() {
        let mut encoder_bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut encoder_bytes);
        encoder.set_exif_metadata(b"II*\0secret".to_vec()).unwrap();
        picture().write_with_encoder(encoder).unwrap();
        assert!(has(&encoder_bytes, b"secret"));
        encoder_bytes.extend_from_slice(b"appended");
        let lean = lean_png(&encoder_bytes).unwrap();
        assert!(!has(&lean, b"secret") && !has(&lean, b"appended"));
        assert_eq!(image::load_from_memory(&lean).unwrap(), picture());
        for cut in 0..lean.len() {
            assert_eq!(lean_png(&lean[..cut]), None);
        }
        assert_eq!(lean_png(&lean), Some(lean.clone()));
    }

    #[test]
    fn a_jpeg_keeps_its_pixels_and_loses_the_rest() {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
        encoder.set_exif_metadata(b"II*\0secret".to_vec()).unwrap();
        picture().write_with_encoder(encoder).unwrap();
        assert!(has(&bytes, b"secret"));
        let comment = [0xff, 0xfe, 0, 9, b'c', b'o', b'm', b'm', b'e', b'n', b't'];
        bytes.splice(2..2, comment);
        bytes.extend_from_slice(b"appended film");
        let lean = lean_jpeg(&bytes).unwrap();
        for gone in [b"secret".as_slice(), b"comment", b"appended"] {
            assert!(!has(&lean, gone));
        }
        assert_eq!(
            image::load_from_memory(&lean).unwrap(),
            image::load_from_memory(&bytes).unwrap()
        );
        for cut in 0..lean.len() {
            assert_eq!(lean_jpeg(&lean[..cut]), None);
        }
        assert_eq!(lean_jpeg(&lean), Some(lean.clone()));
    }

    #[test]
    fn a_jpeg_of_two_frames_or_four_colours_is_packed_anew() {
        let mut bytes = Vec::new();
        picture()
            .write_with_encoder(JpegEncoder::new(&mut bytes))
            .unwrap();
        let frame = bytes
            .windows(2)
            .position(|two| two == [0xff, 0xc0])
            .unwrap();
        let length = usize::from(bytes[frame + 3]) + 2;
        let mut twice = bytes.clone();
        twice.splice(frame..frame, bytes[frame..frame + length].to_vec());
        assert_eq!(lean_jpeg(&twice), None);
        let mut four = bytes;
        four[frame + 9] = 4;
        assert_eq!(lean_jpeg(&four), None);
    }
}
