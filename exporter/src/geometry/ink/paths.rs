//! Paths of free-hand strokes, in hundredths of a px.
//!
//! Knows centre lines and tracks. The rule: everything is rounded to hundredths where the editor rounds, and the handles of
//! smooth curves follow from rounded points, as they do in an SVG path with `t` commands.

use kurbo::{Point, Vec2};

use super::Settings;
use super::centre::Centre;
use super::tracks::{Part, tracks};
use crate::geometry::path::{ArcPart, ArcTo, Element, Path, Turn};
use crate::geometry::{round, unit};

/// The open path of a centre line. `None` for less than two points.
pub(super) fn open(line: &[Point]) -> Option<Path> {
    let (first, last) = (line.first()?, line.last()?);
    let mut path = Smooth::new(Hundredths::of(*first));
    let end = Hundredths::of(*last);
    match line {
        [_] => return None,
        [_, _] => path.line(end),
        _ => {
            path.quad(
                Hundredths::of(line[1]),
                Hundredths::between(line[1], line[2]),
            );
            for pair in line[2..].windows(2).take(line.len().saturating_sub(3)) {
                path.smooth(Hundredths::between(pair[0], pair[1]));
            }
            path.line(end);
        }
    }
    path.done()
}

/// The closed path of a centre line. `None` for less than two points.
pub(super) fn closed(line: &[Point]) -> Option<Path> {
    if line.len() < 3 {
        return open(line);
    }
    let start = Hundredths::between(line[0], line[1]);
    let mut path = Smooth::new(start);
    path.quad(
        Hundredths::of(line[1]),
        Hundredths::between(line[1], line[2]),
    );
    for pair in line[2..].windows(2) {
        path.smooth(Hundredths::between(pair[0], pair[1]));
    }
    path.smooth(Hundredths::between(*line.last()?, line[0]));
    path.smooth(start);
    path.elements.push(Element::Close);
    path.done()
}

/// A circle.
pub(super) fn circle(centre: Point, radius: f64) -> Option<Path> {
    Path::new(round_dot(centre, radius).into())
}

/// The outline of a stroke, one sub-path for each of its parts.
pub(super) fn outline(line: &[Centre], settings: &Settings) -> Option<Path> {
    let mut elements = Vec::new();
    for part in parts(line) {
        match part.points.as_slice() {
            [] => {}
            [only] => elements.extend(round_dot(only.at, Hundredths::length(only.radius))),
            _ => elements.extend(around(&part, settings)),
        }
    }
    Path::new(elements).filter(|path| !path.is_empty())
}

fn round_dot(centre: Point, radius: f64) -> [Element; 3] {
    let left = centre - Vec2::new(radius, 0.0);
    let right = left + Vec2::new(2.0 * radius, 0.0);
    let half = |to| {
        Element::Arc(ArcTo {
            radius,
            part: ArcPart::Large,
            turn: Turn::Clockwise,
            to,
        })
    };
    [Element::Move(left), half(right), half(left)]
}

/// Cuts a stroke where it turns too sharply for one outline.
fn parts(line: &[Centre]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut points: Vec<Centre> = line.first().copied().into_iter().collect();
    let mut anchor = None;
    for three in line.windows(3) {
        let [before, here, after] = [three[0], three[1], three[2]];
        let (one, two) = (here.at - before.at, after.at - here.at);
        let turn = unit(one).dot(unit(two));
        let radius = (before.radius + here.radius + after.radius) / 3.0;
        if turn < -0.8 {
            let elbow = here.as_drawn();
            points.push(elbow);
            parts.push(cleaned(Part { points, anchor }));
            points = vec![elbow];
            anchor = Some(here.at);
        } else if turn <= 0.7 && (one.hypot2() + two.hypot2()) / radius.powi(2) < 1.5 {
            points.push(here);
            points.push(here);
            parts.push(cleaned(Part { points, anchor }));
            points = vec![here];
            anchor = None;
        } else {
            points.push(here);
        }
    }
    if line.len() > 1 {
        points.extend(line.last());
    }
    parts.push(if line.len() > 2 {
        cleaned(Part { points, anchor })
    } else {
        Part { points, anchor }
    });
    parts
}

/// Without the points that lie within the caps.
fn cleaned(part: Part) -> Part {
    let Part {
        mut points,
        mut anchor,
    } = part;
    let near = |one: &Centre, two: &Centre| {
        one.at.distance_squared(two.at) < ((one.radius + two.radius) / 2.0 * 0.5).powi(2)
    };
    let inner = points.len().saturating_sub(2);
    let crowd = points[1..]
        .iter()
        .take(inner)
        .take_while(|it| near(&points[0], it))
        .count();
    if crowd > 0 {
        anchor = Some(points[crowd].at);
        points.drain(1..=crowd);
    }
    let inner = points.len().saturating_sub(2);
    let last = points.len() - 1;
    let crowd = points[..last]
        .iter()
        .rev()
        .take(inner)
        .take_while(|it| near(&points[last], it))
        .count();
    points.drain(last - crowd..last);
    Part { points, anchor }
}

fn around(part: &Part, settings: &Settings) -> Vec<Element> {
    let points = &part.points;
    let [left, right] = tracks(part, settings);
    let (Some(first), Some(last)) = (left.first(), right.last()) else {
        return Vec::new();
    };
    let mut path = Smooth::new(Hundredths::of(*first));
    for pair in left.windows(2) {
        path.smooth(Hundredths::between(pair[0], pair[1]));
    }
    let [one, two] = [points[points.len() - 2], points[points.len() - 1]];
    let ahead = one.at - two.at;
    let side = Vec2::new(-ahead.y, ahead.x);
    path.cap(&two, side);
    let mut before = *last;
    for point in right.iter().rev().skip(1) {
        path.smooth(Hundredths::between(before, *point));
        before = *point;
    }
    let [one, two] = [points[0], points[1]];
    let back = one.at - two.at;
    path.cap(&one, Vec2::new(back.y, -back.x));
    path.elements.push(Element::Close);
    path.elements
}

/// A point in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hundredths(i64, i64);

impl Hundredths {
    fn of(point: Point) -> Self {
        Self(round(point.x * 100.0) as i64, round(point.y * 100.0) as i64)
    }

    fn between(one: Point, two: Point) -> Self {
        let half = |one: f64, two: f64| round((one + two) * 50.0) as i64;
        Self(half(one.x, two.x), half(one.y, two.y))
    }

    /// A length, rounded, px.
    fn length(length: f64) -> f64 {
        round(length * 100.0) / 100.0
    }

    fn point(self) -> Point {
        Point::new(self.0 as f64 / 100.0, self.1 as f64 / 100.0)
    }
}

/// A path of smooth curves that is being drawn.
struct Smooth {
    elements: Vec<Element>,
    at: Hundredths,
    /// The control point of the curve before, or `at` after anything else.
    control: Hundredths,
}

impl Smooth {
    fn new(at: Hundredths) -> Self {
        Self {
            elements: vec![Element::Move(at.point())],
            at,
            control: at,
        }
    }

    fn quad(&mut self, control: Hundredths, to: Hundredths) {
        self.elements
            .push(Element::Quad(control.point(), to.point()));
        self.at = to;
        self.control = control;
    }

    /// Goes on in the direction of the curve before.
    fn smooth(&mut self, to: Hundredths) {
        let (at, control) = (self.at, self.control);
        // Saturating: the handles of a hostile stroke may swing up without end.
        let mirrored = |at: i64, control: i64| at.saturating_mul(2).saturating_sub(control);
        self.quad(
            Hundredths(mirrored(at.0, control.0), mirrored(at.1, control.1)),
            to,
        );
    }

    fn line(&mut self, to: Hundredths) {
        self.elements.push(Element::Line(to.point()));
        self.at = to;
        self.control = to;
    }

    /// A smooth curve to one side of a point and half a circle to the other side.
    fn cap(&mut self, point: &Centre, side: Vec2) {
        let side = unit(side) * point.radius;
        self.smooth(Hundredths::of(point.at + side));
        let to = Hundredths::of(point.at - side);
        self.elements.push(Element::Arc(ArcTo {
            radius: Hundredths::length(point.radius),
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to: to.point(),
        }));
        self.at = to;
        self.control = to;
    }

    fn done(self) -> Option<Path> {
        Path::new(self.elements)
    }
}
