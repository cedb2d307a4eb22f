//! The heads of arrows.
//!
//! Knows where a body ends and from where it comes; no colors. The rule: points stand in the editor's order, since a head that
//! goes round with the clock cuts nothing out of the body.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use kurbo::Point;
use scrible_board::style::Arrowhead;

use super::super::path::{ArcPart, ArcTo, Element, Path, Turn};
use super::super::{sane, turned, unit};
use super::Body;

/// What is drawn at an end: stroked, and below that filled if it is closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// In the arrow's space.
    pub path: Path,
    /// Whether it is filled.
    pub inside: Inside,
    /// Whether the body ends before it.
    pub cut: Cut,
}

/// Whether a head has an inside that a fill shows in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// It has.
    Filled,
    /// It is a line.
    Line,
}

/// Whether a body is seen within a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The body is cut out.
    Cut,
    /// The body runs to the tip.
    Whole,
}

/// The two ends of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Where it begins.
    Start,
    /// Where it ends.
    End,
}

/// A head at an end of a body that is stroked with a width, px. `None` for the kinds that draw nothing.
pub fn head(body: &Body, which: Which, kind: Arrowhead, width: f64) -> Option<Head> {
    if !sane(&[width]) {
        return None;
    }
    let (tip, behind) = tip(body, which, width)?;
    let back = behind - tip;
    let half = turned(back / 2.0, FRAC_PI_2);
    let by = |angle: f64| tip + turned(back, angle);
    let cut = match kind {
        Arrowhead::None | Arrowhead::Arrow => Cut::Whole,
        _ => Cut::Cut,
    };
    let (inside, elements) = match kind {
        Arrowhead::None | Arrowhead::Pipe => return None,
        Arrowhead::Arrow => (Inside::Line, lines(&[by(PI / 6.0), tip, by(-PI / 6.0)])),
        Arrowhead::Bar => (Inside::Line, lines(&[tip + half, tip - half])),
        Arrowhead::Triangle => (Inside::Filled, closed(&[by(PI / 6.0), by(-PI / 6.0), tip])),
        Arrowhead::Inverted => (Inside::Filled, closed(&[tip + half, behind, tip - half])),
        Arrowhead::Diamond => {
            let side = back * 0.75;
            let (one, two) = (
                tip + turned(side, -FRAC_PI_4),
                tip + turned(side, FRAC_PI_4),
            );
            let far = tip + (one.midpoint(two) - tip) * 2.0;
            (Inside::Filled, closed(&[far, one, tip, two]))
        }
        Arrowhead::Square => {
            let far = tip + back * 0.85;
            let half = turned((far - tip) / 2.0, FRAC_PI_2);
            (
                Inside::Filled,
                closed(&[tip + half, far + half, far - half, tip - half]),
            )
        }
        Arrowhead::Dot => {
            let centre = tip.lerp(behind, 0.45);
            let radius = centre.distance(tip);
            let (left, right) = (centre.x - radius, centre.x + radius);
            let arc = |x| {
                let to = Point::new(x, centre.y);
                let turn = Turn::Counterclockwise;
                Element::Arc(ArcTo {
                    radius,
                    part: ArcPart::Large,
                    turn,
                    to,
                })
            };
            let start = Element::Move(Point::new(left, centre.y));
            (Inside::Filled, vec![start, arc(right), arc(left)])
        }
    };
    Some(Head {
        path: Path::new(elements)?,
        inside,
        cut,
    })
}

/// The tip and a point of the body behind it.
fn tip(body: &Body, which: Which, width: f64) -> Option<(Point, Point)> {
    let tip = match which {
        Which::Start => body.start(),
        Which::End => body.end(),
    };
    // The lower bound wins where there are no bounds.
    let long = |length: f64| length.min(3.0 * width).max(width);
    let behind = match body {
        Body::Straight { start, end } => {
            let other = if which == Which::Start { *end } else { *start };
            tip + unit(other - tip) * long(start.distance(*end) / 5.0)
        }
        Body::Arc(arc) => {
            // The chord from the tip has that length.
            let angle = 2.0 * (long(arc.length / 5.0) / (2.0 * arc.radius)).asin();
            let along = angle * arc.radius;
            let behind = match which {
                Which::Start => arc.at(along),
                Which::End => arc.at(arc.length - along),
            };
            if behind.is_finite() { behind } else { tip }
        }
        Body::Elbow(points) => {
            let other = match which {
                Which::Start => points.get(1)?,
                Which::End => points.get(points.len().checked_sub(2)?)?,
            };
            tip + unit(*other - tip) * long(tip.distance(*other) / 2.0)
        }
    };
    Some((tip, behind))
}

fn lines(points: &[Point]) -> Vec<Element> {
    let mut elements: Vec<_> = points.iter().map(|point| Element::Line(*point)).collect();
    if let Some(first) = points.first() {
        elements[0] = Element::Move(*first);
    }
    elements
}

fn closed(points: &[Point]) -> Vec<Element> {
    let mut elements = lines(points);
    elements.push(Element::Close);
    elements
}
