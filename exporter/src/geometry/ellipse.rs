//! Arcs of ellipses by their ends, as SVG gives them, and by their centres.
//!
//! Knows ellipses whose axes are those of the space; no paths. The rule: radii that do not reach from end to end grow until
//! they do.

use std::f64::consts::TAU;

use kurbo::{Point, Vec2};

use super::path::{ArcPart, Turn};

/// An arc of an ellipse whose axes are those of the space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EllipseArc {
    /// px. Too small ones grow until they span the ends.
    pub radii: Vec2,
    /// Which of the arcs.
    pub part: ArcPart,
    /// Which way.
    pub turn: Turn,
    /// Where it ends.
    pub to: Point,
}

/// An arc by its centre and angles.
pub(super) struct Centred {
    centre: Point,
    pub(super) radii: Vec2,
    /// Radians.
    pub(super) start: f64,
    /// Radians, negative against the clock.
    pub(super) sweep: f64,
}

impl Centred {
    /// `None` when there is no arc: equal ends, or a radius of nothing.
    pub(super) fn new(from: Point, arc: EllipseArc) -> Option<Self> {
        let to = arc.to;
        let radii = Vec2::new(arc.radii.x.abs(), arc.radii.y.abs());
        if from == to || !(radii.x > 0.0 && radii.y > 0.0) {
            return None;
        }
        // Half the chord on the unit circle; the centre lies across from its middle.
        let half = (from - to) / 2.0;
        let half = Vec2::new(half.x / radii.x, half.y / radii.y);
        let reach = half.hypot2();
        let grow = reach.max(1.0).sqrt();
        let (radii, half) = (radii * grow, half / grow);
        let across = ((1.0 - half.hypot2()) / half.hypot2()).max(0.0).sqrt();
        let same = (arc.part == ArcPart::Large) == (arc.turn == Turn::Clockwise);
        let sign = if same { -1.0 } else { 1.0 };
        let centre = Vec2::new(half.y, -half.x) * (across * sign);
        let begin = half - centre;
        let end = -half - centre;
        let start = begin.y.atan2(begin.x);
        let mut sweep = end.y.atan2(end.x) - start;
        match arc.turn {
            Turn::Clockwise if sweep < 0.0 => sweep += TAU,
            Turn::Counterclockwise if sweep > 0.0 => sweep -= TAU,
            Turn::Clockwise | Turn::Counterclockwise => {}
        }
        let offset = Vec2::new(centre.x * radii.x, centre.y * radii.y);
        let centre = from.midpoint(to) + offset;
        Some(Self {
            centre,
            radii,
            start,
            sweep,
        })
    }

    pub(super) fn at(&self, angle: f64) -> Point {
        let (sin, cos) = angle.sin_cos();
        self.centre + Vec2::new(cos * self.radii.x, sin * self.radii.y)
    }

    pub(super) fn direction(&self, angle: f64) -> Vec2 {
        let (sin, cos) = angle.sin_cos();
        Vec2::new(-sin * self.radii.x, cos * self.radii.y)
    }
}
