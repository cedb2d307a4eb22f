//! From outlines to the pixels that they change.
//!
//! Knows how the browser's painter (Skia) covers pixels: it takes few lines for a curve, moves their ends to quarters of a
//! pixel up or down, but not to the sides, and gives a pixel as much of the color as is covered of it. Knows only pixels. The
//! rule: a pixel counts when its color changes by about one of 255 steps, no matter how far the outline reaches into it.

use std::collections::BTreeMap;

use kurbo::{
    BezPath, CubicBez, ParamCurve, ParamCurveExtrema, PathSeg, Point, QuadBez, Rect, Vec2,
};

/// How much a pixel must change, of 255 steps.
const LEAST: f64 = 0.75;

/// How many rows at each side of where a line reaches farthest are looked at.
const ROWS: i64 = 2;

/// The pixels that an upright box changes, painted in a color that stands out by so many steps.
pub(super) fn of_box(rect: Rect, steps: f64) -> Option<Rect> {
    if steps < LEAST {
        return None;
    }
    let least = LEAST / steps;
    let rect = Rect::new(
        (rect.x0 + least).floor(),
        (rect.y0 + least).floor(),
        (rect.x1 - least).ceil(),
        (rect.y1 - least).ceil(),
    );
    (rect.x0 < rect.x1 && rect.y0 < rect.y1).then_some(rect)
}

/// The pixels around those that an outline changes, filled with a color that stands out by so many steps.
pub(super) fn of_outline(outline: &BezPath, steps: f64) -> Option<Rect> {
    if steps < LEAST {
        return None;
    }
    let lines = lines(outline);
    let ends = lines.iter().flat_map(|(from, to)| [*from, *to]);
    let rect = around(ends)?;
    let quarter = |y: f64| (y * 4.0 + 0.5).floor() / 4.0;
    let (top, bottom) = (quarter(rect.y0), quarter(rect.y1));
    let down = |at: Point| (at.y, at.x);
    let across = |at: Point| (at.x, at.y);
    let rect = Rect::new(
        first(&lines, rect.x0, steps, across),
        first(&lines, top, steps, down),
        -first(&lines, -rect.x1, steps, |at| (-at.x, at.y)),
        -first(&lines, -bottom, steps, |at| (-at.y, at.x)),
    );
    (rect.x0 < rect.x1 && rect.y0 < rect.y1).then_some(rect)
}

/// The first pixel from one side that changes. `side` turns a point to its depth, which grows inwards, and its place along.
fn first(
    lines: &[(Point, Point)],
    edge: f64,
    steps: f64,
    side: impl Fn(Point) -> (f64, f64),
) -> f64 {
    let outermost = edge.floor();
    let covered = covered(lines, outermost + 1.0, LEAST / steps, side);
    // When so little of it reaches into this pixel, it reaches well into the next.
    if covered { outermost } else { outermost + 1.0 }
}

/// Whether lines cover at least so much of some pixel before a depth.
fn covered(
    lines: &[(Point, Point)],
    depth: f64,
    least: f64,
    side: impl Fn(Point) -> (f64, f64),
) -> bool {
    let mut rows: BTreeMap<i64, f64> = BTreeMap::new();
    for (from, to) in lines {
        let (from, to) = (side(*from), side(*to));
        let (deep, other) = if from.0 < to.0 {
            (from, to)
        } else {
            (to, from)
        };
        if deep.0 >= depth {
            continue;
        }
        // What of the line lies before the depth.
        let share = ((depth - deep.0) / (other.0 - deep.0)).min(1.0);
        let end = if share < 1.0 {
            (depth, deep.1 + (other.1 - deep.1) * share)
        } else {
            other
        };
        let (low, high) = (deep.1.min(end.1), deep.1.max(end.1));
        let at = |along: f64| match end.1 == deep.1 {
            true => deep.0,
            false => deep.0 + (end.0 - deep.0) * (along - deep.1) / (end.1 - deep.1),
        };
        // It covers most where it reaches farthest.
        let start = deep.1.floor() as i64;
        for row in start.saturating_sub(ROWS)..=start.saturating_add(ROWS) {
            let (begin, finish) = (low.max(row as f64), high.min(row as f64 + 1.0));
            if begin >= finish {
                continue;
            }
            let area = (depth - at((begin + finish) / 2.0)) * (finish - begin);
            let sum = rows.entry(row).or_default();
            *sum += area;
            if *sum >= least {
                return true;
            }
        }
    }
    false
}

/// An outline as the painter's lines.
fn lines(outline: &BezPath) -> Vec<(Point, Point)> {
    let mut lines = Vec::new();
    for segment in outline.segments() {
        // Curves are cut where they turn back up or down.
        let mut cuts = vec![0.0];
        cuts.extend(turns(&segment));
        cuts.push(1.0);
        for cut in cuts.windows(2) {
            let part = segment.subsegment(cut[0]..cut[1]);
            let steps = 1_u32 << halvings(&part);
            let mut from = part.eval(0.0);
            for step in 1..=steps {
                let to = part.eval(f64::from(step) / f64::from(steps));
                lines.push((from, to));
                from = to;
            }
        }
    }
    lines
}

/// Where a curve turns back up or down, from 0 to 1, in order.
fn turns(segment: &PathSeg) -> Vec<f64> {
    let flat = |at: Point| Point::new(0.0, at.y);
    let upright = match segment {
        PathSeg::Line(_) => return Vec::new(),
        PathSeg::Quad(it) => PathSeg::Quad(QuadBez::new(flat(it.p0), flat(it.p1), flat(it.p2))),
        PathSeg::Cubic(it) => PathSeg::Cubic(CubicBez::new(
            flat(it.p0),
            flat(it.p1),
            flat(it.p2),
            flat(it.p3),
        )),
    };
    upright
        .extrema()
        .into_iter()
        .filter(|at| *at > 0.0 && *at < 1.0)
        .collect()
}

/// How often the painter halves a curve to draw it as lines.
fn halvings(part: &PathSeg) -> u32 {
    let apart = |by: Vec2| {
        let (x, y) = (by.x.abs(), by.y.abs());
        x.max(y) + x.min(y) / 2.0
    };
    // In 32nds of a px, rounded; each halving makes the distance a quarter.
    let bits = |distance: f64| {
        let whole = (distance * 8.0 + 0.5).floor().clamp(0.0, 1e6) as u32;
        (u32::BITS - whole.leading_zeros()) / 2
    };
    match part {
        PathSeg::Line(_) => 0,
        PathSeg::Quad(it) => {
            let out = (it.p1.to_vec2() * 2.0 - it.p0.to_vec2() - it.p2.to_vec2()) / 4.0;
            bits(apart(out)).clamp(1, 6)
        }
        PathSeg::Cubic(it) => {
            let [a, b, c, d] = [it.p0, it.p1, it.p2, it.p3].map(Point::to_vec2);
            let one = (a * 8.0 - b * 15.0 + c * 6.0 + d) / 27.0;
            let two = (a + b * 6.0 - c * 15.0 + d * 8.0) / 27.0;
            let out = Vec2::new(one.x.abs().max(two.x.abs()), one.y.abs().max(two.y.abs()));
            (bits(apart(out)) + 1).min(6)
        }
    }
}

fn around(points: impl IntoIterator<Item = Point>) -> Option<Rect> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let start = Rect::from_points(first, first);
    Some(points.fold(start, |rect, point| rect.union_pt(point)))
}

#[cfg(test)]
mod tests {
    use kurbo::{Circle, Shape as _};

    use super::*;

    const BLACK: f64 = 230.0;

    fn circle(x: f64, y: f64) -> BezPath {
        Circle::new((x, y), 2.0).to_path(1e-3)
    }

    #[test]
    fn a_little_shows_at_the_sides_but_not_above_and_below() {
        // Reaching a tenth of a pixel out of 8 to 12, on one side each.
        let sideways = of_outline(&circle(9.9, 10.0), BLACK).unwrap();
        assert_eq!(sideways, Rect::new(7.0, 8.0, 12.0, 12.0));
        let upwards = of_outline(&circle(10.0, 9.9), BLACK).unwrap();
        assert_eq!(upwards, Rect::new(8.0, 8.0, 12.0, 12.0));
        let higher = of_outline(&circle(10.0, 9.8), BLACK).unwrap();
        assert_eq!(higher, Rect::new(8.0, 7.0, 12.0, 12.0));
    }

    #[test]
    fn what_is_faint_shows_less() {
        let faint = of_outline(&circle(9.9, 10.0), 6.0).unwrap();
        assert_eq!(faint.x0, 8.0);
        assert_eq!(of_outline(&circle(9.9, 10.0), 0.5), None);
        assert_eq!(of_box(Rect::new(0.0, 0.0, 5.0, 5.0), 0.5), None);
        let thin = Rect::new(0.999, 0.9, 5.0, 5.001);
        assert_eq!(of_box(thin, BLACK), Some(Rect::new(1.0, 0.0, 5.0, 5.0)));
    }

    #[test]
    fn tips_between_the_painters_lines_are_lost() {
        // Lines end at its half only: of a lopsided curve, not where it is farthest out.
        let mut curve = BezPath::new();
        curve.move_to((0.0, 0.0));
        curve.quad_to((1.0, 0.2), (0.6, 1.0));
        curve.close_path();
        let ends = lines(&curve).into_iter().map(|(from, _)| from);
        let reached = around(ends).unwrap().x1;
        assert_eq!(
            lines(&curve).len(),
            3,
            "two of the curve and one that closes it"
        );
        let farthest = curve.bounding_box().x1;
        assert!(reached < farthest - 0.05, "{reached} of {farthest}");
    }
}
