//! Straight arrows.
//!
//! Knows the two ends and their targets. The rule: an arrow that has turned round between two near targets stays drawable.

use kurbo::{Line, Point, Vec2};

use super::super::outline::Ends;
use super::super::unit;
use super::hits::{crossing, holds, sides, touching};
use super::{Arrow, Body, End, GAP, Relation};

pub(super) fn route(arrow: &Arrow<'_>) -> Body {
    let (from, to) = (arrow.start.point, arrow.end.point);
    let heading = unit(to - from);
    let [start, end] =
        [(&arrow.start, to), (&arrow.end, from)].map(|(end, other)| meet(end, other));
    let mut a = start.unwrap_or(from);
    let mut b = end.unwrap_or(to);
    let push = GAP * arrow.scale;
    let is_closed = |end: &End<'_>| {
        end.target
            .as_ref()
            .is_some_and(|it| it.ends == Ends::Closed)
    };
    if arrow.relation == Relation::Safe && arrow.stops_twice() {
        match (start, end) {
            (None, Some(_)) if is_closed(&arrow.start) => a = b + heading * push,
            (_, None) if is_closed(&arrow.end) => b = a - heading * push,
            _ => {}
        }
    }
    let now = unit(b - a);
    let is_flipped = !alike(now, heading);
    let ([mut at_start, mut at_end], least) = arrow.gaps();
    let sign = if is_flipped { -1.0 } else { 1.0 };
    let moved =
        |at_start: f64, at_end: f64| (a + now * (at_start * sign), b - now * (at_end * sign));
    let (c, d) = moved(at_start, at_end);
    if c.distance(d) < least {
        let factor = if at_start != 0.0 && at_end != 0.0 {
            -1.5
        } else {
            -1.0
        };
        at_start *= factor;
        at_end *= factor;
    }
    (a, b) = moved(at_start, at_end);
    if is_flipped && arrow.start.target.is_some() && arrow.end.target.is_some() {
        b = a - now * push;
    }
    Body::Straight { start: a, end: b }
}

fn alike(one: Vec2, two: Vec2) -> bool {
    (one.x - two.x).abs() < 1e-4 && (one.y - two.y).abs() < 1e-4
}

/// Where an end meets the outline of its target, coming from the other end.
fn meet(end: &End<'_>, other: Point) -> Option<Point> {
    let target = end.target.as_ref().filter(|_| end.stops())?;
    let line = Line::new(other, end.point);
    let crossed = target.sides().filter_map(|side| crossing(line, side));
    let nearest = crossed.min_by(|one, two| other.distance(*one).total_cmp(&other.distance(*two)));
    let hit = nearest.or_else(|| touching(target, end.point))?;
    Some(shown(hit, end.point, target.clip))
}

/// A point of a target that is hidden goes to where the target comes out.
pub(super) fn shown(hit: Point, aim: Point, clip: Option<&[Point]>) -> Point {
    let Some(clip) = clip.filter(|clip| !holds(clip, hit)) else {
        return hit;
    };
    let line = Line::new(hit, aim + unit(aim - hit));
    let crossed = sides(clip, Ends::Closed).filter_map(|side| crossing(line, side));
    let nearest = crossed.min_by(|one, two| hit.distance(*one).total_cmp(&hit.distance(*two)));
    nearest.unwrap_or(hit)
}
