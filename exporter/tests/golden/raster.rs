//! Pictures as pixels.
//!
//! Knows PNG and channels; nothing of boards.

use std::io::Cursor;

/// Four bytes for each pixel, straight alpha, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[u8; 4]>,
}

impl Raster {
    pub fn blank(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![[255; 4]; width * height],
        }
    }

    pub fn decode(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        bytes.truncate(info.buffer_size());
        let pixels = match info.color_type {
            png::ColorType::Rgba => bytes.as_chunks::<4>().0.to_vec(),
            png::ColorType::Rgb => {
                let pixels = bytes.as_chunks::<3>().0.iter();
                pixels.map(|[r, g, b]| [*r, *g, *b, 255]).collect()
            }
            other => panic!("{other:?} is none of the kinds that we write"),
        };
        Self {
            width: info.width as usize,
            height: info.height as usize,
            pixels,
        }
    }

    /// As small a file as may be.
    pub fn encode(&self) -> Vec<u8> {
        let is_opaque = self.pixels.iter().all(|pixel| pixel[3] == 255);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let bytes: Vec<u8> = if is_opaque {
            encoder.set_color(png::ColorType::Rgb);
            self.pixels
                .iter()
                .flat_map(|it| [it[0], it[1], it[2]])
                .collect()
        } else {
            encoder.set_color(png::ColorType::Rgba);
            self.pixels.as_flattened().to_vec()
        };
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&bytes).unwrap();
        writer.finish().unwrap();
        file
    }

    /// Of one size, and no channel of any pixel farther apart.
    pub fn is_within(&self, other: &Self, tolerance: u8) -> bool {
        let pairs = self
            .pixels
            .as_flattened()
            .iter()
            .zip(other.pixels.as_flattened());
        (self.width, self.height) == (other.width, other.height)
            && pairs
                .into_iter()
                .all(|(one, two)| one.abs_diff(*two) <= tolerance)
    }

    /// The pixel there; beyond the edges, the one in the corner at the top left.
    pub fn at(&self, x: usize, y: usize) -> [u8; 4] {
        match x < self.width && y < self.height {
            true => self.pixels[y * self.width + x],
            false => self.pixels[0],
        }
    }
}

/// Expected, what differs in black on white, and actual, side by side.
pub fn sheet(expected: &Raster, actual: &Raster) -> Raster {
    let width = expected.width.max(actual.width);
    let height = expected.height.max(actual.height);
    let mut sheet = Raster::blank(3 * width, height);
    for y in 0..height {
        for x in 0..width {
            let (one, two) = (expected.at(x, y), actual.at(x, y));
            // Even a small difference is to be seen.
            let shade = match farthest(one, two) {
                0 => 255,
                apart => 160_u8.saturating_sub(apart),
            };
            let row = y * sheet.width;
            sheet.pixels[row + x] = one;
            sheet.pixels[row + width + x] = [shade, shade, shade, 255];
            sheet.pixels[row + 2 * width + x] = two;
        }
    }
    sheet
}

/// How far apart two pixels are in the channel where they differ most.
pub fn farthest(one: [u8; 4], two: [u8; 4]) -> u8 {
    let apart = one.iter().zip(two).map(|(one, two)| one.abs_diff(two));
    apart.max().unwrap_or(0)
}
