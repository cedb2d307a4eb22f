//! The cheapest way along some level and upright lines.
//!
//! Knows lines, directions and what is blocked; no boxes and no arrows. The rule: the places are the crossings of the lines
//! that it is given, in four directions each, and no more.

use std::cmp::Ordering;

use kurbo::{Point, Rect, Vec2};

use super::elbow::Side;

/// What a way costs. Less is better, what comes first counts first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    pub(super) bends: u32,
    /// px.
    pub(super) length: f64,
    /// Bends besides a middle line.
    aside: u32,
}

impl Cost {
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        // Lengths are sums in different orders; a millionth is no difference.
        let length = |cost: &Self| (cost.length * 1e6).round();
        let bends = self.bends.cmp(&other.bends);
        let length = bends.then(length(self).total_cmp(&length(other)));
        length.then(self.aside.cmp(&other.aside))
    }
}

/// Lines that an arrow may run along.
pub(super) struct Grid {
    xs: Vec<f64>,
    ys: Vec<f64>,
    from: Point,
    to: Point,
    middle: [Option<f64>; 2],
}

/// A place on the grid and the direction in which it was reached, an index into the sides.
type State = (usize, usize, usize);

impl Grid {
    pub(super) fn new(from: Point, to: Point, boxes: &[Rect; 2], middle: [Option<f64>; 2]) -> Self {
        let [a, b] = boxes;
        let sorted = |mut numbers: Vec<f64>| {
            numbers.sort_by(f64::total_cmp);
            numbers.dedup();
            numbers
        };
        let mut xs = vec![from.x, to.x, a.x0, a.x1, b.x0, b.x1];
        let mut ys = vec![from.y, to.y, a.y0, a.y1, b.y0, b.y1];
        xs.extend(middle[0]);
        ys.extend(middle[1]);
        Self {
            xs: sorted(xs),
            ys: sorted(ys),
            from,
            to,
            middle,
        }
    }

    fn point(&self, (x, y, _): State) -> Point {
        Point::new(self.xs[x], self.ys[y])
    }

    /// The cheapest way that sets out and arrives in given directions.
    pub(super) fn search(
        &self,
        [out, into]: [Vec2; 2],
        blocked: impl Fn(Point, Point) -> bool,
    ) -> Option<(Cost, Vec<Point>)> {
        let place = |numbers: &[f64], number: f64| numbers.iter().position(|it| *it == number);
        let heading = |way: Vec2| Side::ALL.iter().position(|side| side.outwards() == way);
        let start = (
            place(&self.xs, self.from.x)?,
            place(&self.ys, self.from.y)?,
            heading(out)?,
        );
        let goal = (
            place(&self.xs, self.to.x)?,
            place(&self.ys, self.to.y)?,
            heading(into)?,
        );
        let count = self.xs.len() * self.ys.len() * 4;
        let index = |(x, y, way): State| (y * self.xs.len() + x) * 4 + way;
        let mut best: Vec<Option<(Cost, State)>> = vec![None; count];
        let mut done = vec![false; count];
        let mut open = vec![start];
        best[index(start)] = Some((
            Cost {
                bends: 0,
                length: 0.0,
                aside: 0,
            },
            start,
        ));
        // A few hundred places at most: no need for a heap.
        while !open.is_empty() {
            let cost = |state: &State| best[index(*state)].map(|(cost, _)| cost);
            let (at, _) = open.iter().enumerate().min_by(|(_, one), (_, two)| {
                match (cost(one), cost(two)) {
                    (Some(one), Some(two)) => one.compare(&two),
                    _ => Ordering::Equal,
                }
            })?;
            let state = open.swap_remove(at);
            if std::mem::replace(&mut done[index(state)], true) {
                continue;
            }
            if state == goal {
                break;
            }
            let (so_far, _) = best[index(state)]?;
            for (next, step) in self.steps(state) {
                if done[index(next)]
                    || (step.length > 0.0 && blocked(self.point(state), self.point(next)))
                {
                    continue;
                }
                let cost = Cost {
                    bends: so_far.bends + step.bends,
                    length: so_far.length + step.length,
                    aside: so_far.aside + step.aside,
                };
                if best[index(next)].is_none_or(|(known, _)| cost.compare(&known).is_lt()) {
                    best[index(next)] = Some((cost, state));
                    open.push(next);
                }
            }
        }
        let (cost, _) = best[index(goal)]?;
        let mut points = vec![self.point(goal)];
        let mut state = goal;
        while state != start {
            state = best[index(state)]?.1;
            points.push(self.point(state));
        }
        points.reverse();
        Some((cost, points))
    }

    /// One line further in the same direction, or a turn on the spot.
    fn steps(&self, (x, y, way): State) -> impl Iterator<Item = (State, Cost)> {
        let ahead = match Side::ALL[way] {
            Side::Right => Some(x + 1)
                .filter(|x| *x < self.xs.len())
                .map(|x| (x, y, way)),
            Side::Left => x.checked_sub(1).map(|x| (x, y, way)),
            Side::Bottom => Some(y + 1)
                .filter(|y| *y < self.ys.len())
                .map(|y| (x, y, way)),
            Side::Top => y.checked_sub(1).map(|y| (x, y, way)),
        };
        let here = self.point((x, y, way));
        let ahead = ahead.map(|next| {
            let length = here.distance(self.point(next));
            (
                next,
                Cost {
                    bends: 0,
                    length,
                    aside: 0,
                },
            )
        });
        let is_middle = self.middle[0] == Some(here.x) || self.middle[1] == Some(here.y);
        let turn = Cost {
            bends: 1,
            length: 0.0,
            aside: u32::from(!is_middle),
        };
        let across = if way < 2 { [2, 3] } else { [0, 1] };
        ahead
            .into_iter()
            .chain(across.map(|way| ((x, y, way), turn)))
    }
}
