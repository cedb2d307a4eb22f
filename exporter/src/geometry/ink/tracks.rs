//! The two sides of a stroke.
//!
//! Knows a part of a centre line without sharp elbows; no paths. The rule: each centre point gives a bounded number of track
//! points.

use kurbo::{Line, ParamCurveNearest, Point, Vec2};

use super::Settings;
use super::centre::Centre;
use crate::geometry::{turned, unit};

/// A part of a stroke that is drawn as one outline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) points: Vec<Centre>,
    /// Where the line came from before the first point.
    pub(super) anchor: Option<Point>,
}

/// Both sides of a part, from its start to its end.
pub(super) fn tracks(part: &Part, settings: &Settings) -> [Vec<Point>; 2] {
    let points = &part.points;
    let least = (settings.size * settings.smoothing).powi(2);
    let directions = directions(part);
    let whole = points.last().map_or(0.0, |it| it.run);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut before = directions[0];
    let (mut last_left, mut last_right) = (points[0].at, points[0].at);
    let mut was_corner = false;
    let last = points.len() - 1;
    for (at, it) in points.iter().enumerate() {
        let (c, r) = (it.at, it.radius);
        let here = directions[at];
        let next = directions.get(at + 1).copied().unwrap_or(here);
        let ahead = if at == last { 1.0 } else { next.dot(here) };
        if (here.dot(before) < 0.0 && !was_corner) || ahead < 0.2 {
            if ahead > -0.62 && whole - it.run > r {
                let offset = before * r;
                let offset = if before.cross(next) < 0.0 {
                    offset
                } else {
                    -offset
                };
                left.push(c + offset);
                right.push(c - offset);
            } else {
                let arm = Vec2::new(-before.y, before.x) * r;
                let mut t = 0.0;
                while t < 1.0 {
                    left.push(it.input + turned(arm, HALF_TURN * t));
                    right.push(it.input + turned(arm, HALF_TURN - HALF_TURN * t));
                    t += 1.0 / 13.0;
                }
            }
            last_left = left.last().copied().unwrap_or(last_left);
            last_right = right.last().copied().unwrap_or(last_right);
            was_corner |= ahead < 0.2;
            continue;
        }
        was_corner = false;
        if at == 0 || at == last {
            let offset = Vec2::new(here.y, -here.x) * r;
            left.push(c - offset);
            right.push(c + offset);
            continue;
        }
        let between = next + (here - next) * ahead;
        let offset = Vec2::new(between.y, -between.x) * r;
        let (to_left, to_right) = (c - offset, c + offset);
        if at <= 1 || last_left.distance_squared(to_left) > least {
            left.push(to_left);
            last_left = to_left;
        }
        if at <= 1 || last_right.distance_squared(to_right) > least {
            right.push(to_right);
            last_right = to_right;
        }
        before = here;
    }
    [left, right].map(|track| simplified(&track, 0.05 * settings.size))
}

/// Around a whole stroke in one piece, elbows and all: what the editor takes for the place of a highlighter's stroke.
pub(super) fn polygon(line: &[Centre], settings: &Settings) -> Vec<Point> {
    let [first, .., last] = line else {
        let around = |it: &Centre| {
            let (at, arm) = (it.at, unit(Vec2::new(1.0, -1.0)) * it.radius);
            (1..=13).map(move |step| at + turned(arm, 2.0 * HALF_TURN * f64::from(step) / 13.0))
        };
        return line.iter().flat_map(around).collect();
    };
    let part = Part {
        points: line.to_vec(),
        anchor: None,
    };
    let [left, right] = tracks(&part, settings);
    let mut points = left;
    // One and a half turns at the end: it covers what it should, and more than once.
    let end = points.last().map_or(Vec2::ZERO, |point| *point - last.at);
    points.extend(
        (1..17).map(|step| last.at + turned(end, 3.0 * HALF_TURN * f64::from(step) / 17.0)),
    );
    let start = right.first().map_or(Vec2::ZERO, |point| *point - first.at);
    points.extend(right.iter().rev());
    points.extend((1..=6).map(|step| first.at + turned(start, HALF_TURN * f64::from(step) / 6.0)));
    points
}

/// A little more than half a turn, so that the last step closes the gap.
const HALF_TURN: f64 = std::f64::consts::PI + 0.0001;

/// From each point back to the one before.
fn directions(part: &Part) -> Vec<Vec2> {
    let points = &part.points;
    let mut directions: Vec<_> = points
        .windows(2)
        .map(|pair| unit(pair[0].at - pair[1].at))
        .collect();
    directions.insert(0, directions.first().copied().unwrap_or(Vec2::ZERO));
    if let (Some(anchor), true) = (part.anchor, points.len() > 2) {
        directions[1] = unit(anchor - points[1].at);
    }
    directions
}

/// How many points a step may leave out, and one.
const LONGEST_STEP: usize = 8;

fn simplified(track: &[Point], tolerance: f64) -> Vec<Point> {
    let Some(first) = track.first() else {
        return Vec::new();
    };
    let mut kept = vec![*first];
    let mut at = 0;
    while at + 1 < track.len() {
        let mut next = at + 1;
        for far in at + 2..=(at + LONGEST_STEP).min(track.len() - 1) {
            let line = Line::new(track[at], track[far]);
            let strays = |point: &Point| line.nearest(*point, 0.0).distance_sq > tolerance.powi(2);
            if track[at + 1..far].iter().any(strays) {
                break;
            }
            next = far;
        }
        kept.push(track[next]);
        at = next;
    }
    kept
}
