//! Lines through points.
//!
//! Knows the points and the two ways through them; no records. The rule: the two ends of a line stay where they are in every
//! style.

use kurbo::Point;
use scrible_board::style::Spline;

use super::outline::{Freedom, Outline, Subpath};
use super::sane_point;

/// A line through points, in their order. Empty without points, or when one is not finite.
pub fn outline(points: &[Point], spline: Spline) -> Outline {
    if !points.iter().all(|point| sane_point(*point)) {
        return Outline::default();
    }
    let subpath = match spline {
        Spline::Line => Subpath::open(points),
        Spline::Cubic => curve(points),
    };
    let still = |mut subpath: Subpath| {
        subpath.start_freedom = Freedom::Still;
        if let Some(last) = subpath.commands.last_mut() {
            last.freedom = Freedom::Still;
        }
        subpath
    };
    Outline {
        subpaths: subpath.map(still).into_iter().collect(),
    }
}

/// How far control points lie along the line between the neighbours, per point.
const TENSION: f64 = 1.25;

fn curve(points: &[Point]) -> Option<Subpath> {
    let mut subpath = Subpath::open(points.get(..1)?)?;
    for (at, pair) in points.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let before = at.checked_sub(1).map(|before| points[before]);
        let one = before.map_or(from, |before| from + (to - before) / 6.0 * TENSION);
        let after = points.get(at + 2);
        let two = after.map_or(to, |after| to - (*after - from) / 6.0 * TENSION);
        subpath.cubic([one, two], to);
    }
    Some(subpath)
}
