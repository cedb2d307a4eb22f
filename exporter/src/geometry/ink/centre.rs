//! The centre line of a stroke: it follows the points a little late, so that it is smoother than they are.
//!
//! Knows points and settings; no outlines. The rule: a point is dropped or kept by the distances that the editor looks at, for
//! what stands here decides every number after it.

use kurbo::Point;
use scrible_board::InkPoint;

use super::{End, Pressure, Settings};

/// A point of the centre line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Centre {
    pub(super) at: Point,
    /// The point as it was drawn.
    pub(super) input: Point,
    /// Half of the width here, px; set by the thinning.
    pub(super) radius: f64,
    /// Length of the line up to here, px.
    pub(super) run: f64,
    pressure: f64,
    /// From the centre point before, px.
    distance: f64,
}

impl Centre {
    /// In the place where the hand was.
    pub(super) fn as_drawn(self) -> Self {
        Self {
            at: self.input,
            ..self
        }
    }
}

/// The least pressure that a pen has.
const LEAST_PRESSURE: f64 = 0.025;

/// How much of a change of speed the simulated pressure follows.
const RATE: f64 = 0.275;

/// From points to the centre line with its radii.
pub(super) fn ingest(points: &[InkPoint], settings: &Settings) -> Vec<Centre> {
    let mut line = follow(&kept(points, settings), settings);
    thin(&mut line, settings);
    line
}

fn place(point: &InkPoint) -> Point {
    Point::new(point.x, point.y)
}

/// The points that count: those crowded at both ends are dropped, and short strokes get more.
fn kept(points: &[InkPoint], settings: &Settings) -> Vec<InkPoint> {
    let simulated = settings.pressure == Pressure::Simulated;
    let mut points: Vec<_> = points.to_vec();
    if !simulated {
        for point in &mut points {
            point.pressure = point.pressure.max(LEAST_PRESSURE);
        }
    }
    let near = |one: &InkPoint, two: &InkPoint| {
        place(one).distance_squared(place(two)) <= (settings.size / 3.0).powi(2)
    };
    if let Some((first, rest)) = points.split_first() {
        let crowd = rest.iter().take_while(|it| near(it, first)).count();
        let pressure = rest[..crowd]
            .iter()
            .fold(first.pressure, |most, it| most.max(it.pressure));
        points.drain(1..=crowd);
        points[0].pressure = pressure;
    }
    let mut dropped = 0;
    if let Some((last, rest)) = points.split_last() {
        dropped = rest.iter().rev().take_while(|it| near(it, last)).count();
        let last = points.len() - 1;
        points.drain(last - dropped..last);
    }
    let close = match points.as_slice() {
        [.., one, two] => place(one).distance_squared(place(two)) < settings.size.powi(2),
        _ => false,
    };
    let finished = settings.end == End::Complete || !simulated || close || dropped > 0;
    if let ([first, last], true) = (points.as_slice(), simulated) {
        let (first, last) = (*first, *last);
        points = vec![first];
        points.extend([1.0, 2.0, 3.0, 4.0].map(|at| {
            let there = place(&first) + (place(&last) - place(&first)) * (at / 4.0);
            InkPoint {
                x: there.x,
                y: there.y,
                pressure: last.pressure * at / 4.0,
            }
        }));
    }
    if finished && settings.streamline > 0.0 {
        points.extend(points.last().copied());
    }
    points
}

fn follow(points: &[InkPoint], settings: &Settings) -> Vec<Centre> {
    let lag = 1.0 - (0.15 + (1.0 - settings.streamline) * 0.85);
    let simulated = settings.pressure == Pressure::Simulated;
    let pressure = |point: &InkPoint| if simulated { 0.5 } else { point.pressure };
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let mut line = Vec::with_capacity(points.len());
    let mut before = place(first);
    line.push(Centre {
        at: before,
        input: before,
        radius: 0.0,
        run: 0.0,
        pressure: pressure(first),
        distance: 0.0,
    });
    let mut run = 0.0;
    let last = points.len() - 1;
    for (index, point) in points.iter().enumerate().skip(1) {
        let input = place(point);
        let at = if index == last && settings.end == End::Complete {
            input
        } else {
            input + (before - input) * lag
        };
        let step = at - before;
        if step.x.abs() < 1e-4 && step.y.abs() < 1e-4 {
            continue;
        }
        let distance = step.hypot();
        run += distance;
        if index < 4 && run < settings.size {
            continue;
        }
        line.push(Centre {
            at,
            input,
            radius: 0.0,
            run,
            pressure: pressure(point),
            distance,
        });
        before = at;
    }
    if run < 1.0 {
        let most = line.iter().fold(0.5, |most: f64, it| most.max(it.pressure));
        for it in &mut line {
            it.pressure = most;
        }
    }
    line
}

/// Gives every point its radius.
fn thin(line: &mut [Centre], settings: &Settings) {
    let size = settings.size;
    let radius = |pressure: f64| {
        size * settings
            .easing
            .of(0.5 - settings.thinning * (0.5 - pressure))
    };
    let simulated = settings.pressure == Pressure::Simulated;
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return;
    };
    if !simulated && last.run < size {
        let most = line.iter().fold(0.5, |most: f64, it| most.max(it.pressure));
        for it in line {
            it.radius = radius(most);
        }
        return;
    }
    // What pressure becomes at a point: it follows, the more the farther apart the points are.
    let next = |pressure: f64, it: &Centre| {
        let speed = (it.distance / size).min(1.0);
        let wanted = if simulated { 1.0 - speed } else { it.pressure };
        (pressure + (wanted - pressure) * speed * RATE).min(1.0)
    };
    let mut pressure = first.pressure;
    for it in line.iter().take_while(|it| it.run <= 5.0 * size) {
        let towards = if simulated {
            next(pressure, it)
        } else {
            (pressure + (it.pressure - pressure) * 0.5).min(1.0)
        };
        pressure += (towards - pressure) * 0.5;
    }
    for it in line {
        if settings.thinning == 0.0 {
            it.radius = size / 2.0;
            continue;
        }
        pressure = next(pressure, it);
        it.radius = radius(pressure);
    }
}
