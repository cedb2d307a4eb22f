//! Arrows that bend.
//!
//! Knows circles through two ends and a middle. The rule: what cannot be an arc (no radius, no length) is left to the straight
//! way.

use std::f64::consts::TAU;

use kurbo::{Point, Vec2};

use super::super::cloud::centre;
use super::super::outline::{Ends, MOST_FLAT};
use super::super::path::Turn;
use super::super::{perpendicular, sane, sane_point, unit};
use super::hits::{crossings, touching};
use super::straight::shown;
use super::{Arrow, End, GAP, Relation};

/// A part of a circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arc {
    /// Where it begins.
    pub start: Point,
    /// Where it ends.
    pub end: Point,
    /// Half way.
    pub middle: Point,
    /// Of the circle.
    pub centre: Point,
    /// px.
    pub radius: f64,
    /// px.
    pub length: f64,
    /// Which way it goes.
    pub turn: Turn,
}

/// An arc this short between two ends in one shape is drawn from point to point, px.
const SHORT: f64 = 30.0;

pub(super) fn route(arrow: &Arrow<'_>) -> Option<Arc> {
    let (a, b) = (arrow.start.point, arrow.end.point);
    let middle = a.midpoint(b) - perpendicular(unit(b - a)) * arrow.bend;
    let centre = centre(a, b, middle).filter(|centre| sane_point(*centre))?;
    let turn = if arrow.bend < 0.0 {
        Turn::Clockwise
    } else {
        Turn::Counterclockwise
    };
    let raw = Circle {
        centre,
        radius: centre.distance(a),
        turn,
    };
    let whole = raw.angle(a, b);
    if !sane(&[raw.radius]) || raw.radius <= 0.0 || whole <= 0.0 {
        return None;
    }
    let start = meet(&arrow.start, &raw, [a, b], 0.25);
    let mut from = start.unwrap_or(a);
    let end = meet(&arrow.end, &raw, [from, b], 0.75);
    let mut to = end.unwrap_or(b);
    let length = raw.angle(from, to) * raw.radius;
    let push = GAP * arrow.scale;

    let ([mut at_start, mut at_end], least) = arrow.gaps();
    let moved = |at_start: f64, at_end: f64| (raw.along(from, at_start), raw.along(to, -at_end));
    let (c, d) = moved(at_start, at_end);
    if c.distance(d) < least {
        let factor = if at_start != 0.0 && at_end != 0.0 {
            -1.5
        } else {
            -2.0
        };
        at_start = back(at_start * factor, raw.angle(a, from) * raw.radius);
        at_end = back(at_end * factor, raw.angle(to, b) * raw.radius);
    }
    (from, to) = moved(at_start, at_end);

    if arrow.stops_twice() {
        if arrow.relation == Relation::Same && length < SHORT {
            return Some(raw.arc(a, b));
        }
        if arrow.relation == Relation::Safe {
            if start.is_none() {
                from = a;
            }
            let is_past = raw.angle(a, from) > raw.angle(a, to);
            if end.is_none() || is_past {
                to = raw.along(from, (push / length).min(0.9) * length);
            }
        }
    }
    let arc = raw.arc(from, to);
    if arc.length > whole * raw.radius {
        return Some(Arc {
            start: to,
            end: from,
            middle: arc.centre - (arc.middle - arc.centre),
            length: TAU * raw.radius - arc.length,
            ..arc
        });
    }
    Some(arc)
}

/// A gap may be turned round, but not so far that the end leaves the raw arc.
fn back(gap: f64, room: f64) -> f64 {
    if gap == 0.0 { 0.0 } else { gap.max(0.1 - room) }
}

/// The circle of an arc and the way that it goes.
#[derive(Debug, Clone, Copy)]
struct Circle {
    centre: Point,
    radius: f64,
    turn: Turn,
}

impl Circle {
    /// Radians from one point to another, in the direction of the arc.
    fn angle(&self, from: Point, to: Point) -> f64 {
        let angle = |point: Point| (point - self.centre).atan2();
        Arc::angle(self.turn, angle(from), angle(to))
    }

    /// The point that far along, px.
    fn along(&self, from: Point, distance: f64) -> Point {
        if distance == 0.0 {
            // Not a last bit aside: whether an arc is longer than another is asked later.
            return from;
        }
        let sign = match self.turn {
            Turn::Clockwise => 1.0,
            Turn::Counterclockwise => -1.0,
        };
        let angle = (from - self.centre).atan2() + sign * distance / self.radius;
        self.centre + Vec2::from_angle(angle) * self.radius
    }

    fn arc(&self, start: Point, end: Point) -> Arc {
        let length = self.angle(start, end) * self.radius;
        Arc {
            start,
            end,
            middle: self.along(start, length / 2.0),
            centre: self.centre,
            radius: self.radius,
            length,
            turn: self.turn,
        }
    }
}

impl Arc {
    /// The point that far along from the start, px.
    pub fn at(&self, distance: f64) -> Point {
        Circle {
            centre: self.centre,
            radius: self.radius,
            turn: self.turn,
        }
        .along(self.start, distance)
    }

    /// As straight lines of some 20 px, at least eight.
    pub(super) fn flattened(&self) -> Vec<Point> {
        let pieces = (self.length / 20.0).ceil().clamp(8.0, MOST_FLAT);
        let inner = (1..pieces as usize).map(|at| self.at(self.length * at as f64 / pieces));
        std::iter::once(self.start)
            .chain(inner)
            .chain([self.end])
            .collect()
    }
}

/// Where an end meets the outline of its target, on the way between two points of the circle.
fn meet(end: &End<'_>, raw: &Circle, [from, to]: [Point; 2], share: f64) -> Option<Point> {
    let target = end.target.as_ref().filter(|_| end.stops())?;
    let whole = raw.angle(from, to);
    let sides = target.sides();
    let crossed = sides.flat_map(|side| crossings(side, raw.centre, raw.radius));
    let on_arc = crossed
        .map(|hit| (raw.angle(from, hit), hit))
        .filter(|(angle, _)| *angle <= whole);
    let wanted = match target.ends {
        Ends::Closed => whole * share,
        Ends::Open => 0.0,
    };
    let nearest = on_arc.min_by(|one, two| {
        let off = |angle: f64| (angle - wanted).abs();
        off(one.0).total_cmp(&off(two.0))
    });
    let hit = match (nearest, target.ends) {
        (Some((_, hit)), _) => hit,
        (None, Ends::Closed) => touching(target, end.point)?,
        (None, Ends::Open) => end.point,
    };
    Some(shown(hit, end.point, target.clip))
}
