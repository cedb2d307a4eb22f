//! The outline of a cloud: bumps around a pill, no two alike.
//!
//! Knows the box and the seed. The rule: the number of bumps has a bound, for a thin board-wide cloud would have millions.

use std::f64::consts::{FRAC_PI_2, PI};

use kurbo::{Point, Vec2};
use scrible_board::style::Size;

use super::geo::Geo;
use super::outline::{EllipseArc, Outline, Role, Subpath};
use super::path::{ArcPart, Turn};
use super::random::Random;
use super::{perpendicular, unit};

/// Bumps of one cloud. With the smallest bumps that is a perimeter of more than 100,000 px.
const MOST_BUMPS: f64 = 2_048.0;

/// Circumference of a pill, px.
fn around(w: f64, h: f64) -> f64 {
    (PI * w.min(h) / 2.0 + (h - w).abs()) * 2.0
}

/// A cloud in a box of finite sides, each at least one.
pub(super) fn outline(geo: &Geo<'_>, w: f64, h: f64) -> Outline {
    let bump = match geo.size {
        Size::S => 50.0,
        Size::M => 70.0,
        Size::L => 100.0,
        Size::Xl => 130.0,
    };
    let length = around(w, h);
    let count = (length / bump)
        .ceil()
        .max(6.0)
        .max((length / w.min(h)).ceil())
        .min(MOST_BUMPS);
    let protrusion = length / count * 0.2;
    let inner = Vec2::new(
        (w - 2.0 * protrusion).max(1.0),
        (h - 2.0 * protrusion).max(1.0),
    );
    let pad = Vec2::new((w - inner.x) / 2.0, (h - inner.y) / 2.0);
    let count = count as usize;
    let still: Vec<Point> = pill(inner, count)
        .into_iter()
        .map(|point| point + pad)
        .collect();
    let moved = wiggled(
        &still,
        geo,
        Vec2::new(
            if w < 20.0 { 0.0 } else { 0.3 * protrusion },
            if h < 20.0 { 0.0 } else { 0.3 * protrusion },
        ),
    );
    let spacing = around(inner.x, inner.y) / count as f64;
    let mut subpath = Subpath::new(moved[0], Role::Filled);
    for at in 0..count {
        let next = (at + 1) % count;
        let (left, right) = (still[at], still[next]);
        let apart = left.distance(right);
        let curvature = spacing - apart;
        let relative = moved[at].distance(moved[next]) / apart;
        let height = (pad.x.max(pad.y) + curvature) * relative;
        let top = left.midpoint(right) + perpendicular(unit(right - left)) * height;
        let top = Point::new(top.x.min(w).max(0.0), top.y.min(h).max(0.0));
        let radius = match centre(moved[at], moved[next], top) {
            Some(centre) => centre.distance(moved[at]),
            None => moved[at].distance(moved[next]) / 2.0,
        };
        let radii = Vec2::splat(radius);
        subpath.arc(EllipseArc {
            radii,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to: moved[next],
        });
    }
    subpath.close();
    Outline {
        subpaths: vec![subpath],
    }
}

/// Points at even distances around a pill of that size.
fn pill(size: Vec2, count: usize) -> Vec<Point> {
    let (w, h) = (size.x, size.y);
    let r = w.min(h) / 2.0;
    let long = w.max(h) - 2.0 * r;
    let spacing = (PI * (2.0 * r) + 2.0 * long) / count as f64;
    // Two straight sections with their arcs after them, in turn.
    let [one, two] = if w > h {
        [
            (
                Point::new(r, 0.0),
                Vec2::new(1.0, 0.0),
                Point::new(w - r, r),
                -FRAC_PI_2,
            ),
            (
                Point::new(w - r, h),
                Vec2::new(-1.0, 0.0),
                Point::new(r, r),
                FRAC_PI_2,
            ),
        ]
    } else {
        [
            (
                Point::new(w, r),
                Vec2::new(0.0, 1.0),
                Point::new(r, h - r),
                0.0,
            ),
            (
                Point::new(0.0, h - r),
                Vec2::new(0.0, -1.0),
                Point::new(r, r),
                PI,
            ),
        ]
    };
    let mut points = Vec::with_capacity(count);
    let (mut section, mut along) = (0, 0.0);
    while points.len() < count {
        let (start, heading, centre, angle) = if section < 2 { one } else { two };
        points.push(if section % 2 == 0 {
            start + heading * along
        } else {
            centre + Vec2::from_angle(angle + along / r) * r
        });
        along += spacing;
        // The sections together are longer than any spacing, so this ends.
        for _ in 0..4 {
            let length = if section % 2 == 0 { long } else { PI * r };
            if along <= length {
                break;
            }
            along -= length;
            section = (section + 1) % 4;
        }
    }
    points
}

fn wiggled(points: &[Point], geo: &Geo<'_>, wiggle: Vec2) -> Vec<Point> {
    let mut random = Random::seeded(&[geo.id]);
    let mut moved = points.to_vec();
    let count = points.len();
    for at in 0..count / 2 {
        for at in [at, count - 1 - at] {
            moved[at].x += random.number() * wiggle.x * geo.scale;
            moved[at].y += random.number() * wiggle.y * geo.scale;
        }
    }
    moved
}

/// The centre of the circle through three points; `None` when they lie on a line.
pub(super) fn centre(one: Point, two: Point, three: Point) -> Option<Point> {
    let (a, b) = (two - one, three - one);
    let twice = 2.0 * a.cross(b);
    let x = (b.y * a.hypot2() - a.y * b.hypot2()) / twice;
    let y = (a.x * b.hypot2() - b.x * a.hypot2()) / twice;
    let centre = one + Vec2::new(x, y);
    centre.is_finite().then_some(centre)
}
