//! Free-hand points as the editor packs them: base64 of one full point and of small steps after it.
//!
//! Little-endian. Three dimensions: x, y, pressure as float32, then steps of three float16. Two dimensions: x, y as float32,
//! then steps of two float16, and a pressure of 0.5 throughout. Knows no shapes. The rule: the steps are rounded between
//! points as they were given, and added up without rounding when they are read, for so do editors: whoever rounds otherwise
//! draws old strokes elsewhere.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use half::f16;

/// With padding or without, both are met.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The pressure of a device that reports none.
pub(crate) const NO_PRESSURE: f64 = 0.5;

/// A point of a stroke.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InkPoint {
    /// To the right, px, in the shape's space before `scale_x`.
    pub x: f64,
    /// Downwards, px, in the shape's space before `scale_y`.
    pub y: f64,
    /// 0 to 1; 0.5 when the device reports none.
    pub pressure: f64,
}

/// How many numbers a packed point has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimensions {
    Two,
    Three,
}

/// The points of a path that could be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Unpacked {
    pub(crate) points: Vec<InkPoint>,
    pub(crate) end: End,
}

/// Where reading a path came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    /// After the last point.
    #[default]
    Whole,
    /// Before it: there are too many points, or one is not finite.
    Cut,
}

/// The text is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPath;

/// The points of a packed path, up to the first that is not finite, and at most `most`.
pub(crate) fn unpack(path: &str, dimensions: Dimensions, most: usize) -> Result<Unpacked, NoPath> {
    let bytes = BASE64.decode(path).map_err(|_| NoPath)?;
    if bytes.is_empty() {
        return Ok(Unpacked::default());
    }
    let count = match dimensions {
        Dimensions::Two => 2,
        Dimensions::Three => 3,
    };
    let (first, steps) = bytes.split_at_checked(4 * count).ok_or(NoPath)?;
    let mut at = [0.0, 0.0, NO_PRESSURE];
    for (number, bytes) in at.iter_mut().zip(first.as_chunks::<4>().0) {
        *number = f64::from(f32::from_le_bytes(*bytes));
    }
    let mut points = Vec::with_capacity((1 + steps.len() / (2 * count)).min(most));
    let mut steps = steps.chunks_exact(2 * count);
    loop {
        let [x, y, pressure] = at;
        if points.len() == most || !at.iter().all(|number| number.is_finite()) {
            let end = End::Cut;
            return Ok(Unpacked { points, end });
        }
        points.push(InkPoint { x, y, pressure });
        let Some(step) = steps.next() else {
            let end = End::Whole;
            return Ok(Unpacked { points, end });
        };
        for (number, bytes) in at.iter_mut().zip(step.as_chunks::<2>().0) {
            *number += f16::from_le_bytes(*bytes).to_f64();
        }
    }
}

/// The points of the packing that was in use for a short time: every point in full, three float16 each.
pub(crate) fn unpack_halves(text: &str) -> Result<Vec<InkPoint>, NoPath> {
    let bytes = BASE64.decode(text).map_err(|_| NoPath)?;
    let point = |bytes: &[u8; 6]| {
        let [x, y, pressure] =
            [0, 2, 4].map(|at| f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f64());
        InkPoint { x, y, pressure }
    };
    Ok(bytes.as_chunks::<6>().0.iter().map(point).collect())
}

/// Packs points in three dimensions. A step beyond what a float16 can hold is cut to it: the packing has no other way.
pub(crate) fn pack(points: &[InkPoint]) -> String {
    let mut bytes = Vec::with_capacity(12 + 6 * points.len());
    let numbers = |point: &InkPoint| [point.x, point.y, point.pressure];
    let mut before = match points.first() {
        Some(first) => numbers(first),
        None => return String::new(),
    };
    for number in before {
        bytes.extend((number as f32).to_le_bytes());
    }
    for point in &points[1..] {
        let now = numbers(point);
        for (now, before) in now.iter().zip(before) {
            let step = (now - before).clamp(f16::MIN.to_f64(), f16::MAX.to_f64());
            bytes.extend(f16::from_f64(step).to_le_bytes());
        }
        before = now;
    }
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64, pressure: f64) -> InkPoint {
        InkPoint { x, y, pressure }
    }

    #[test]
    fn packs_as_the_editor_does() {
        let points = [point(1.0, 2.0, 0.5), point(1.33, 2.77, 0.5)];
        assert_eq!(pack(&points), "AACAPwAAAEAAAAA/SDUpOgAA");
        let read = unpack("AACAPwAAAEAAAAA/SDUpOgAA", Dimensions::Three, 10).unwrap();
        let read = read.points;
        assert_eq!(read.len(), 2);
        assert!((read[1].x - 1.33).abs() < 1e-3 && (read[1].y - 2.77).abs() < 1e-3);
    }

    #[test]
    fn two_dimensions_have_an_even_pressure() {
        let mut bytes = Vec::new();
        bytes.extend(3f32.to_le_bytes());
        bytes.extend(4f32.to_le_bytes());
        for step in [1.5, -2.0, 0.0, 1.0] {
            bytes.extend(f16::from_f64(step).to_le_bytes());
        }
        let path = BASE64.encode(bytes);
        assert!(path.ends_with('='), "padding is met too");
        let read = unpack(&path, Dimensions::Two, 10).unwrap();
        let points = [(3.0, 4.0), (4.5, 2.0), (4.5, 3.0)].map(|(x, y)| point(x, y, 0.5));
        assert_eq!(read.points, points);
        assert_eq!(
            unpack(path.trim_end_matches('='), Dimensions::Two, 10),
            Ok(read)
        );
    }

    #[test]
    fn what_is_not_finite_ends_a_path() {
        // The third point lies an infinite step away.
        let path = "ACR0SQC4iMcAAAA/APwAfAAAAHwA/AAA";
        let read = unpack(path, Dimensions::Three, 10).unwrap();
        assert_eq!((read.points.len(), read.end), (1, End::Cut));
        let far = pack(&[
            point(0.0, 0.0, 0.5),
            point(1e9, 0.0, 0.5),
            point(1e9, 1.0, 0.5),
        ]);
        let read = unpack(&far, Dimensions::Three, 10).unwrap();
        assert_eq!(
            read.points[1..],
            [point(65504.0, 0.0, 0.5), point(65504.0, 1.0, 0.5)]
        );
    }

    #[test]
    fn broken_paths_are_refused_and_long_ones_cut() {
        assert_eq!(unpack("!!", Dimensions::Three, 10), Err(NoPath));
        assert_eq!(unpack("AAAA", Dimensions::Three, 10), Err(NoPath));
        assert_eq!(unpack("", Dimensions::Three, 10), Ok(Unpacked::default()));
        let long = pack(&[point(0.0, 0.0, 0.5); 100]);
        let read = |most| {
            let read = unpack(&long, Dimensions::Three, most).unwrap();
            (read.points.len(), read.end)
        };
        assert_eq!(read(7), (7, End::Cut));
        assert_eq!(read(100), (100, End::Whole));
    }

    #[test]
    fn full_halves_are_read() {
        let bytes: Vec<u8> = [1.0, 2.0, 0.25, 8.0, 9.0, 0.75]
            .iter()
            .flat_map(|number| f16::from_f64(*number).to_le_bytes())
            .collect();
        let read = unpack_halves(&BASE64.encode(bytes)).unwrap();
        assert_eq!(read, [point(1.0, 2.0, 0.25), point(8.0, 9.0, 0.75)]);
    }
}
