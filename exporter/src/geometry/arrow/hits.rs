//! Where lines and circles meet outlines.
//!
//! Knows points; no arrows. The rule: the outline of a target is walked once for each question.

use kurbo::{Line, ParamCurveNearest, Point};

use super::super::outline::Ends;
use super::Target;

impl Target<'_> {
    /// The sides of the outline.
    pub(super) fn sides(&self) -> impl Iterator<Item = Line> {
        sides(self.outline, self.ends)
    }
}

/// The sides of a polygon or of a line through points.
pub(super) fn sides(points: &[Point], ends: Ends) -> impl Iterator<Item = Line> {
    let closing = match (ends, points) {
        (Ends::Closed, [first, .., last]) if first != last => Some(Line::new(*last, *first)),
        _ => None,
    };
    let inner = points.windows(2).map(|pair| Line::new(pair[0], pair[1]));
    inner.chain(closing)
}

/// Where two lines cross between their ends.
pub(super) fn crossing(one: Line, two: Line) -> Option<Point> {
    let (a, b) = (one.p1 - one.p0, two.p1 - two.p0);
    let cross = a.cross(b);
    if cross == 0.0 {
        return None;
    }
    let apart = two.p0 - one.p0;
    let (t, u) = (apart.cross(b) / cross, apart.cross(a) / cross);
    let within = 0.0..=1.0;
    (within.contains(&t) && within.contains(&u)).then(|| one.p0 + a * t)
}

/// Where a line crosses a circle between its ends, at most twice.
pub(super) fn crossings(line: Line, centre: Point, radius: f64) -> impl Iterator<Item = Point> {
    let along = line.p1 - line.p0;
    let from = line.p0 - centre;
    let (a, b, c) = (
        along.hypot2(),
        from.dot(along),
        from.hypot2() - radius * radius,
    );
    let root = (b * b - a * c).sqrt();
    // Without a crossing the root is NaN, and so are both places.
    let places = [(-b - root) / a, (-b + root) / a];
    places
        .into_iter()
        .filter(|t| (0.0..=1.0).contains(t))
        .map(move |t| line.p0 + along * t)
}

/// The point of an outline that is nearest to another, if it is nearer than one px.
pub(super) fn touching(target: &Target<'_>, point: Point) -> Option<Point> {
    let near = target.sides().map(|side| {
        let nearest = side.nearest(point, 0.0);
        (nearest.distance_sq, side.p0.lerp(side.p1, nearest.t))
    });
    let nearest = near.min_by(|one, two| one.0.total_cmp(&two.0))?;
    (nearest.0 < 1.0).then_some(nearest.1)
}

/// Whether a polygon holds a point.
pub(super) fn holds(polygon: &[Point], point: Point) -> bool {
    let crossed = sides(polygon, Ends::Closed).filter(|side| {
        let (a, b) = (side.p0, side.p1);
        (a.y > point.y) != (b.y > point.y)
            && point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x)
    });
    crossed.count() % 2 == 1
}
