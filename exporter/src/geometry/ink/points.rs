//! The points of a free-hand stroke, with straight segments drawn as a hand would.
//!
//! Knows segments, no widths. The rule: a straight segment gets points by its length, up to a bound.

use kurbo::Point;
use scrible_board::InkPoint;
use scrible_board::ink::Stroke;
use scrible_board::style::SegmentKind;

use crate::geometry::{sane_point, unit};

/// Points in all straight segments of a stroke, besides four in each. So many go over 260,000 px.
const MOST_STEPS: usize = 16_384;

/// All points in order, scaled. Those that are not finite are left out.
pub fn points(stroke: &Stroke) -> Vec<InkPoint> {
    let mut points = Vec::new();
    let mut room = MOST_STEPS;
    for segment in &stroke.segments {
        let scaled = segment.points.iter().map(|point| InkPoint {
            x: point.x * stroke.scale_x,
            y: point.y * stroke.scale_y,
            pressure: point.pressure,
        });
        let mut scaled =
            scaled.filter(|it| sane_point(Point::new(it.x, it.y)) && it.pressure.is_finite());
        match segment.kind {
            SegmentKind::Free => points.extend(scaled),
            SegmentKind::Straight => {
                if let (Some(from), Some(to)) = (scaled.next(), scaled.next()) {
                    room -= straight(from, to, room, &mut points);
                }
            }
        }
    }
    points
}

/// Slower at both ends, as a hand is. Gives how much of the room for points it took.
fn straight(from: InkPoint, to: InkPoint, room: usize, points: &mut Vec<InkPoint>) -> usize {
    let (a, b) = (Point::new(from.x, from.y), Point::new(to.x, to.y));
    let distance = a.distance(b);
    points.push(from);
    if distance == 0.0 {
        return 0;
    }
    let nudge = unit(b - a) * (distance / 4.0).floor().min(1.0);
    let (a, b) = (a + nudge, b - nudge);
    let steps = (distance / 16.0).floor().min(room as f64).max(4.0);
    for at in 0..steps as usize {
        let t = ease_cubic(at as f64 / (steps - 1.0));
        let at = a + (b - a) * t;
        let pressure = (0.5 + (0.5 - ease_quadratic(t)).abs() * 0.65).min(1.0);
        points.push(InkPoint {
            x: at.x,
            y: at.y,
            pressure,
        });
    }
    points.push(to);
    room.min(steps as usize)
}

fn ease_cubic(t: f64) -> f64 {
    if t < 0.5 {
        4.0 * t * t * t
    } else {
        (t - 1.0) * (2.0 * t - 2.0) * (2.0 * t - 2.0) + 1.0
    }
}

fn ease_quadratic(t: f64) -> f64 {
    if t < 0.5 {
        2.0 * t * t
    } else {
        (4.0 - 2.0 * t) * t - 1.0
    }
}
