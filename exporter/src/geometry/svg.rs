//! Paths as text, rounded as the editor rounds.
//!
//! Knows the two manners of the editor and one without rounding; no elements besides the path. The rule: numbers are written
//! as JavaScript prints them, so that a drawing can be compared with the editor's as text.

use std::fmt::Write;

use kurbo::Point;

use super::path::{ArcPart, ArcTo, Element, Turn};
use super::round;
use crate::decimal::{Decimal, Zero};

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Absolute, four digits after the point: outlines of shapes, lines and arrow bodies.
    FourDigits,
    /// Relative, in hundredths, as short as it goes: free-hand strokes.
    Hundredths,
    /// Absolute, all digits: heads of arrows.
    Full,
}

pub(super) fn write(elements: &[Element], rounding: Rounding) -> String {
    match rounding {
        Rounding::FourDigits => absolute(elements, four_digits),
        Rounding::Full => absolute(elements, all_digits),
        Rounding::Hundredths => relative(elements),
    }
}

fn four_digits(text: &mut String, number: f64) {
    let scaled = round(number * 10_000.0) as i64;
    text.push_str(Decimal::new::<4>(scaled, Zero::Written).as_str());
}

fn all_digits(text: &mut String, number: f64) {
    text.push_str(ryu_js::Buffer::new().format(number));
}

fn absolute(elements: &[Element], put: impl Fn(&mut String, f64)) -> String {
    let mut text = String::new();
    for element in elements {
        let (letter, points): (&str, &[Point]) = match element {
            Element::Move(to) => ("M", &[*to]),
            Element::Line(to) => ("L", &[*to]),
            Element::Quad(control, to) => ("Q", &[*control, *to]),
            Element::Cubic(one, two, to) => ("C", &[*one, *two, *to]),
            Element::Arc(arc) => ("A", &[arc.to]),
            Element::Close => ("Z", &[]),
        };
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(letter);
        if let Element::Arc(arc) = element {
            for _ in 0..2 {
                text.push(' ');
                put(&mut text, arc.radius);
            }
            let [large, sweep] = flags(arc);
            // Writing to a string cannot fail.
            let _ = write!(text, " 0 {large} {sweep}");
        }
        for number in points.iter().flat_map(|point| [point.x, point.y]) {
            text.push(' ');
            put(&mut text, number);
        }
    }
    text
}

/// Hundredths are whole numbers here, so that steps add up to where they should.
fn relative(elements: &[Element]) -> String {
    let mut text = String::new();
    let (mut start, mut at) = ((0, 0), (0, 0));
    // Where a smooth curve would have its control point.
    let mut mirrored = (0, 0);
    let mut letter_before = ' ';
    let mut letter = |text: &mut String, letter: char| {
        if letter != letter_before || letter == 'M' {
            text.push(letter);
            letter_before = letter;
        }
    };
    for element in elements {
        match element {
            Element::Move(to) => {
                letter(&mut text, 'M');
                at = hundredths(*to);
                start = at;
                mirrored = at;
                pair(&mut text, at, (0, 0));
            }
            Element::Line(to) => {
                letter(&mut text, 'l');
                let to = hundredths(*to);
                pair(&mut text, to, at);
                at = to;
                mirrored = at;
            }
            Element::Quad(control, to) => {
                let (control, to) = (hundredths(*control), hundredths(*to));
                if control == mirrored {
                    letter(&mut text, 't');
                } else {
                    letter(&mut text, 'q');
                    pair(&mut text, control, at);
                }
                pair(&mut text, to, at);
                at = to;
                mirrored = (2 * to.0 - control.0, 2 * to.1 - control.1);
            }
            Element::Cubic(one, two, to) => {
                letter(&mut text, 'c');
                let to = hundredths(*to);
                pair(&mut text, hundredths(*one), at);
                pair(&mut text, hundredths(*two), at);
                pair(&mut text, to, at);
                at = to;
                mirrored = at;
            }
            Element::Arc(arc) => {
                letter(&mut text, 'a');
                let to = hundredths(arc.to);
                let radius = hundredth(arc.radius);
                pair(&mut text, (radius, radius), (0, 0));
                let [large, sweep] = flags(arc);
                // Writing to a string cannot fail.
                let _ = write!(text, "0 {large} {sweep} ");
                pair(&mut text, to, at);
                at = to;
                mirrored = at;
            }
            Element::Close => {
                letter(&mut text, 'Z');
                at = start;
                mirrored = at;
            }
        }
    }
    text
}

fn flags(arc: &ArcTo) -> [&'static str; 2] {
    let large = if arc.part == ArcPart::Large { "1" } else { "0" };
    let sweep = if arc.turn == Turn::Clockwise {
        "1"
    } else {
        "0"
    };
    [large, sweep]
}

fn hundredth(number: f64) -> i64 {
    round(number * 100.0) as i64
}

fn hundredths(point: Point) -> (i64, i64) {
    (hundredth(point.x), hundredth(point.y))
}

fn pair(text: &mut String, to: (i64, i64), from: (i64, i64)) {
    short(text, to.0 - from.0);
    text.push(',');
    short(text, to.1 - from.1);
    text.push(' ');
}

/// Without a zero before the point and without zeros at the end.
fn short(text: &mut String, hundredths: i64) {
    text.push_str(Decimal::new::<2>(hundredths, Zero::LeftOut).as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64, y: f64) -> Point {
        Point::new(x, y)
    }

    #[test]
    fn four_digits_are_rounded_as_javascript_does() {
        let elements = [
            Element::Move(p(-0.000_04, 1.0)),
            Element::Line(p(-0.000_05, 0.000_05)),
            Element::Cubic(p(1.0, 2.5), p(1e9, 0.123_449), p(3.0, 4.0)),
            Element::Close,
        ];
        let text = write(&elements, Rounding::FourDigits);
        assert_eq!(text, "M 0 1 L 0 0.0001 C 1 2.5 1000000000 0.1234 3 4 Z");
    }

    #[test]
    fn hundredths_are_relative_and_short() {
        let arc = ArcTo {
            radius: 1.5,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to: p(5.0, 0.5),
        };
        let elements = [
            Element::Move(p(0.3, -0.05)),
            Element::Quad(p(0.3, -0.05), p(2.0, 2.0)),
            Element::Quad(p(3.7, 4.05), p(5.0, 2.0)),
            Element::Quad(p(3.7, 4.0), p(5.0, 3.0)),
            Element::Arc(arc),
            Element::Line(p(15.0, 0.5)),
            Element::Close,
        ];
        let text = write(&elements, Rounding::Hundredths);
        assert_eq!(
            text,
            "M.3,-.05 t1.7,2.05 3,0 q-1.3,2 0,1 a1.5,1.5 0 0 1 0,-2.5 l10,0 Z"
        );
    }
}
