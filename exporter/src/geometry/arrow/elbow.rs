//! Arrows with right angles.
//!
//! Knows two boxes, the sides that the arrow leaves and enters by, and the lines between and around them that it may run along.
//! Of all ways along those lines the one with the fewest bends is taken, then the shortest, then the one that bends in the
//! middle. This is a search of our own, not the editor's table of cases: where boxes are apart it finds the same ways; where
//! they overlap, a way. The rule: there are some ten lines in each direction, whatever the boxes are.

use kurbo::{Line, Point, Rect, Vec2};
use scrible_board::style::{Arrowhead, Size};

use super::super::outline::Ends;
use super::super::{sane, sane_point, stroke_width, unit};
use super::grid::{Cost, Grid};
use super::hits::{crossing, sides};
use super::{Body, GAP, Stop};

/// An arrow with right angles, in its own space.
#[derive(Debug, Clone, PartialEq)]
pub struct Elbow<'a> {
    /// Where it comes from.
    pub start: ElbowEnd<'a>,
    /// Where it goes.
    pub end: ElbowEnd<'a>,
    /// Where the middle leg is between the boxes, 0 to 1 from the start.
    pub middle: f64,
    /// Stroke width.
    pub size: Size,
    /// Multiplies stroke and gaps.
    pub scale: f64,
}

/// An end of such an arrow before it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ElbowEnd<'a> {
    /// The point that it aims at; the end itself when it is not tied.
    pub aim: Point,
    /// What stands there.
    pub head: Arrowhead,
    /// What it is tied to.
    pub target: Option<ElbowTarget<'a>>,
}

/// What an end is tied to.
#[derive(Debug, Clone, PartialEq)]
pub struct ElbowTarget<'a> {
    /// Its bounds.
    pub bounds: Rect,
    /// The side that it is held by; `None` for whichever is best.
    pub side: Option<Side>,
    /// Its outline, flattened and closed.
    pub outline: &'a [Point],
    /// Where the end stops.
    pub stop: Stop,
    /// Width of its stroke with its scale, px; zero for what has none.
    pub stroke: f64,
}

/// A side of a box, as seen on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right.
    Right,
    /// To the left.
    Left,
    /// Downwards.
    Bottom,
    /// Upwards.
    Top,
}

/// The side that an anchor, in shares of the bounds, is nearest to. `None` in the centre.
pub fn side(anchor: Point) -> Option<Side> {
    let off = anchor - Point::new(0.5, 0.5);
    if off.x.abs().max(off.y.abs()) < CENTRE {
        return None;
    }
    Some(match off.x.abs() + CENTRE >= off.y.abs() {
        true if off.x > 0.0 => Side::Right,
        true => Side::Left,
        false if off.y > 0.0 => Side::Bottom,
        false => Side::Top,
    })
}

/// Where an arrow runs. `None` when it has no length, or a number is not finite.
pub fn route(elbow: &Elbow<'_>) -> Option<Body> {
    let ends = [&elbow.start, &elbow.end];
    let is_sane = |end: &&ElbowEnd<'_>| {
        let target = end.target.as_ref().is_none_or(|target| {
            let Rect { x0, y0, x1, y1 } = target.bounds;
            let in_order = x0 <= x1 && y0 <= y1;
            let outline = target.outline.iter().all(|point| sane_point(*point));
            in_order && sane(&[x0, y0, x1, y1, target.stroke]) && outline
        });
        sane_point(end.aim) && target
    };
    if !ends.iter().all(is_sane) || !sane(&[elbow.scale, elbow.middle]) || elbow.scale <= 0.0 {
        return None;
    }
    let plan = Plan::new(elbow);
    let pairs = plan.pairs();
    let ways = pairs.iter().filter_map(|[one, two]| plan.way(*one, *two));
    let mut points = ways.min_by(|one, two| one.0.compare(&two.0))?.1;
    plan.stop(&mut points);
    let body = Body::Elbow(points);
    (body.length() > 1e-4).then_some(body)
}

/// In shares of the bounds: an anchor this near to the centre holds no side.
const CENTRE: f64 = 1e-4;

impl Side {
    /// Ways are tried in this order.
    pub(super) const ALL: [Self; 4] = [Self::Right, Self::Left, Self::Bottom, Self::Top];

    pub(super) fn outwards(self) -> Vec2 {
        match self {
            Self::Right => Vec2::new(1.0, 0.0),
            Self::Left => Vec2::new(-1.0, 0.0),
            Self::Bottom => Vec2::new(0.0, 1.0),
            Self::Top => Vec2::new(0.0, -1.0),
        }
    }

    /// The point of a box on this side that lies level with another.
    fn of(self, around: Rect, level: Point) -> Point {
        match self {
            Self::Right => Point::new(around.x1, level.y),
            Self::Left => Point::new(around.x0, level.y),
            Self::Bottom => Point::new(level.x, around.y1),
            Self::Top => Point::new(level.x, around.y0),
        }
    }
}

/// The boxes of an arrow and what lies between them.
struct Plan<'a> {
    elbow: &'a Elbow<'a>,
    boxes: [Rect; 2],
    /// With the room that the arrow keeps around them.
    grown: [Rect; 2],
    /// Lines between the boxes, across and along.
    middle: [Option<f64>; 2],
    /// From box to box, px: to the right and downwards; zero where they overlap.
    gap: Vec2,
    /// The least length of an end leg, px.
    nub: f64,
}

impl<'a> Plan<'a> {
    fn new(elbow: &'a Elbow<'a>) -> Self {
        let (room, leg) = match elbow.size {
            Size::S => (28.0, 6.0),
            Size::M => (36.0, 10.5),
            Size::L => (44.0, 15.0),
            Size::Xl => (66.0, 30.0),
        };
        let nub = 1.5 * stroke_width(elbow.size) * elbow.scale;
        let ends = [&elbow.start, &elbow.end];
        let boxes = ends.map(|end| match &end.target {
            Some(target) => target.bounds,
            None => Rect::from_points(end.aim, end.aim),
        });
        let is_tied = ends.map(|end| end.target.is_some());
        let rooms = is_tied.map(|it| if it { room * elbow.scale } else { 3.0 * nub });
        let legs = is_tied.map(|it| if it { leg * elbow.scale } else { 3.0 * nub });
        let [one, two] = boxes;
        let gap = Vec2::new(
            apart([one.x0, one.x1], [two.x0, two.x1]),
            apart([one.y0, one.y1], [two.y0, two.y1]),
        );
        let mut grown = [0, 1].map(|at| boxes[at].inflate(rooms[at], rooms[at]));
        // Near boxes share what is between them.
        let [a, b] = &mut grown;
        if gap.x != 0.0 && gap.x.abs() < rooms[0] + rooms[1] {
            let half = gap.x.abs() / 2.0;
            if gap.x > 0.0 {
                (a.x1, b.x0) = (one.x1 + half, two.x0 - half);
            } else {
                (a.x0, b.x1) = (one.x0 - half, two.x1 + half);
            }
        }
        if gap.y != 0.0 && gap.y.abs() < rooms[0] + rooms[1] {
            let half = gap.y.abs() / 2.0;
            if gap.y > 0.0 {
                (a.y1, b.y0) = (one.y1 + half, two.y0 - half);
            } else {
                (a.y0, b.y1) = (one.y0 - half, two.y1 + half);
            }
        }
        let [a, b] = grown;
        let share = elbow.middle.clamp(0.0, 1.0);
        let between = |gap: f64, [up, down]: [[f64; 2]; 2]| {
            let [from, to] = if gap > 0.0 { up } else { down };
            (gap.abs() > legs[0] + legs[1]).then_some(from + (to - from) * share)
        };
        let middle = [
            between(gap.x, [[a.x1, b.x0], [a.x0, b.x1]]),
            between(gap.y, [[a.y1, b.y0], [a.y0, b.y1]]),
        ];
        Self {
            elbow,
            boxes,
            grown,
            middle,
            gap,
            nub,
        }
    }

    fn ends(&self) -> [&ElbowEnd<'a>; 2] {
        [&self.elbow.start, &self.elbow.end]
    }

    /// The sides that are tried.
    fn pairs(&self) -> Vec<[Side; 2]> {
        let held = self
            .ends()
            .map(|end| end.target.as_ref().and_then(|target| target.side));
        let fits = |pair: &[Side; 2]| {
            held.iter()
                .zip(pair)
                .all(|(held, side)| held.is_none_or(|it| it == *side))
        };
        if let Some(pair) = self.facing().filter(fits) {
            return vec![pair];
        }
        let choice = held.map(|side| side.map_or(Side::ALL.to_vec(), |side| vec![side]));
        let [one, two] = choice;
        one.iter()
            .flat_map(|one| two.iter().map(|two| [*one, *two]))
            .collect()
    }

    /// The sides that face each other, if the boxes are far enough apart for that.
    fn facing(&self) -> Option<[Side; 2]> {
        let across = if self.gap.x > 0.0 {
            [Side::Right, Side::Left]
        } else {
            [Side::Left, Side::Right]
        };
        let along = if self.gap.y > 0.0 {
            [Side::Bottom, Side::Top]
        } else {
            [Side::Top, Side::Bottom]
        };
        if self.gap.x.abs() + 1.0 > self.gap.y.abs() && self.middle[0].is_some() {
            return Some(across);
        }
        if self.ends().iter().all(|end| end.target.is_none()) {
            return Some(along);
        }
        let bend = [across[0], along[1]];
        if self.middle[0].is_some() && self.clears(bend) {
            return Some(bend);
        }
        self.middle[1].is_some().then_some(along)
    }

    /// Whether one bend leads from a side of the first box to a side of the second.
    fn clears(&self, [one, two]: [Side; 2]) -> bool {
        self.way(one, two).is_some_and(|(cost, _)| cost.bends == 1)
    }

    /// The best way from one side to another, and what it costs.
    fn way(&self, one: Side, two: Side) -> Option<(Cost, Vec<Point>)> {
        let [from, to] = [(0, one), (1, two)].map(|(at, side)| {
            let aim = self.ends()[at].aim;
            let (edge, out) = (side.of(self.boxes[at], aim), side.of(self.grown[at], aim));
            (edge, out)
        });
        let boxes = self.grown;
        let blocked = |a: Point, b: Point| boxes.iter().any(|it| enters(*it, a, b));
        let grid = Grid::new(from.1, to.1, &self.grown, self.middle);
        let turns = [one.outwards(), -two.outwards()];
        let found = grid
            .search(turns, blocked)
            .or_else(|| grid.search(turns, |_, _| false))?;
        let (mut cost, inner) = found;
        cost.length += from.0.distance(from.1) + to.0.distance(to.1);
        let mut points = vec![from.0];
        points.extend(inner);
        points.push(to.0);
        Some((cost, without_straights(points)))
    }

    /// Moves the ends from the sides of the boxes to the outlines, and back by the gap.
    fn stop(&self, points: &mut [Point]) {
        let width = stroke_width(self.elbow.size) * self.elbow.scale;
        let drawn = points.to_vec();
        for at in [0, 1] {
            let end = self.ends()[at];
            let Some(target) = &end.target else {
                continue;
            };
            let (tip, next) = match at {
                0 => (0, 1),
                _ => (points.len() - 1, points.len() - 2),
            };
            if target.stop == Stop::Point {
                points[tip] = end.aim;
                continue;
            }
            // An anchor outside of the outline, as in the corner of an ellipse's box, is where the arrow stops.
            let inwards = unit(drawn[tip] - drawn[next]);
            let ray = Line::new(drawn[next], end.aim);
            let hits = sides(target.outline, Ends::Closed).filter_map(|side| crossing(ray, side));
            let from = drawn[next];
            let hit = hits.min_by(|one, two| from.distance(*one).total_cmp(&from.distance(*two)));
            points[tip] = hit.unwrap_or(drawn[tip]);
            if end.head != Arrowhead::None {
                let gap = width / 2.0 + target.stroke / 2.0 + GAP * self.elbow.scale;
                let room = (points[tip].distance(points[next]) - self.nub).max(0.0);
                points[tip] -= inwards * gap.min(room);
            }
        }
    }
}

/// From one range to another, negative when the other comes before, zero where they overlap.
fn apart(one: [f64; 2], two: [f64; 2]) -> f64 {
    if two[0] > one[1] {
        two[0] - one[1]
    } else if two[1] < one[0] {
        two[1] - one[0]
    } else {
        0.0
    }
}

/// Whether a level or upright line goes through the inside of a box.
fn enters(it: Rect, a: Point, b: Point) -> bool {
    const SLACK: f64 = 1e-6;
    let within = it.inflate(-SLACK, -SLACK);
    a.x.max(b.x) > within.x0
        && a.x.min(b.x) < within.x1
        && a.y.max(b.y) > within.y0
        && a.y.min(b.y) < within.y1
}

/// Without points between two legs in the same direction.
fn without_straights(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        while let [.., before, last] = kept.as_slice() {
            let is_straight = unit(*last - *before).dot(unit(point - *last)) > 1.0 - 1e-9;
            if !is_straight && *last != point {
                break;
            }
            kept.pop();
        }
        if kept.last() != Some(&point) {
            kept.push(point);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(it: Rect) -> Vec<Point> {
        [
            (it.x0, it.y0),
            (it.x1, it.y0),
            (it.x1, it.y1),
            (it.x0, it.y1),
        ]
        .map(Point::from)
        .to_vec()
    }

    fn between(boxes: [Rect; 2], held: [Option<Side>; 2]) -> Vec<Point> {
        let outlines = boxes.map(corners);
        let [start, end] = [0, 1].map(|at| ElbowEnd {
            aim: boxes[at].center(),
            head: Arrowhead::None,
            target: Some(ElbowTarget {
                bounds: boxes[at],
                side: held[at],
                outline: &outlines[at],
                stop: Stop::Outline,
                stroke: 3.5,
            }),
        });
        let elbow = Elbow {
            start,
            end,
            middle: 0.5,
            size: Size::M,
            scale: 1.0,
        };
        route(&elbow).unwrap().flattened()
    }

    #[test]
    fn anchors_hold_the_nearest_side() {
        let of = |x, y| side(Point::new(x, y));
        assert_eq!(of(0.5, 0.5), None);
        assert_eq!(of(1.0, 0.4), Some(Side::Right));
        assert_eq!(of(0.0, 0.4), Some(Side::Left));
        assert_eq!(of(0.4, 1.0), Some(Side::Bottom));
        assert_eq!(of(0.4, 0.0), Some(Side::Top));
        // Level and upright alike: level.
        assert_eq!(of(0.7, 0.7), Some(Side::Right));
    }

    #[test]
    fn ways_have_right_angles_and_keep_out_of_boxes_that_are_apart() {
        let one = Rect::new(0.0, 0.0, 100.0, 80.0);
        for (x, y) in [
            (300.0, 0.0),
            (-300.0, 40.0),
            (10.0, 300.0),
            (150.0, -400.0),
            (170.0, 20.0),
        ] {
            let two = one + Vec2::new(x, y);
            for held in Side::ALL.into_iter().map(Some).chain([None]) {
                for other in Side::ALL.into_iter().map(Some).chain([None]) {
                    let points = between([one, two], [held, other]);
                    for pair in points.windows(2) {
                        let step = pair[1] - pair[0];
                        assert!(step.x == 0.0 || step.y == 0.0, "{points:?}");
                        let is_clear = ![one, two].iter().any(|it| enters(*it, pair[0], pair[1]));
                        assert!(is_clear, "{held:?} {other:?} {x} {y} {points:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn boxes_that_overlap_have_a_way_too() {
        let one = Rect::new(0.0, 0.0, 100.0, 80.0);
        for (x, y) in [(0.0, 0.0), (50.0, 40.0), (5.0, 0.0), (100.0, 80.0)] {
            let points = between(
                [one, one + Vec2::new(x, y)],
                [Some(Side::Right), Some(Side::Top)],
            );
            assert!(points.len() >= 2, "{points:?}");
        }
    }
}
