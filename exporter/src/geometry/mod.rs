//! The lines of tldraw's shapes.
//!
//! From the props of a shape to the paths that its outline, its fill and its stroke take, equal to what the editor of version
//! 5.4 exports. It knows lengths in px, ids and named styles; no colors, no text, no boards and no targets beyond the
//! outlines that it is handed. The one rule not to break: what is not finite or beyond [`MOST_COORDINATE`] gives no path, and
//! whatever is counted has a bound, so that no shape can cost more than its points.
//!
//! In reading order: [`path`] is what everything ends up as. [`outline`] is what geometric shapes, lines and arrow bodies are
//! made of, and [`pen`] draws it in the styles. [`geo`], [`mod@line`] and [`arrow`] make outlines; [`ink`] is free-hand.

pub mod arrow;
mod cloud;
pub mod dash;
mod ellipse;
pub mod geo;
pub mod ink;
pub mod line;
pub mod outline;
pub mod path;
pub mod pen;
pub mod random;
mod svg;
mod wobble;

use kurbo::{Point, Vec2};
use scrible_board::style::Size;

/// px to both sides of zero; twice as far as boards may reach, so that what is computed from their points is still drawn.
pub const MOST_COORDINATE: f64 = 2e10;

/// The stroke width of a size before `scale`, px.
pub fn stroke_width(size: Size) -> f64 {
    match size {
        Size::S => 2.0,
        Size::M => 3.5,
        Size::L => 5.0,
        Size::Xl => 10.0,
    }
}

/// Whether all of these can be drawn with.
fn sane(numbers: &[f64]) -> bool {
    // Written so that NaN is not.
    numbers.iter().all(|number| number.abs() <= MOST_COORDINATE)
}

fn sane_point(point: Point) -> bool {
    sane(&[point.x, point.y])
}

/// The direction of a vector; of the zero vector, itself.
fn unit(v: Vec2) -> Vec2 {
    let length = v.hypot();
    if length > 0.0 { v / length } else { Vec2::ZERO }
}

/// A quarter turn against the clock, seen with y down.
fn perpendicular(v: Vec2) -> Vec2 {
    Vec2::new(v.y, -v.x)
}

/// Turned clockwise, seen with y down.
fn turned(v: Vec2, angle: f64) -> Vec2 {
    let (sin, cos) = angle.sin_cos();
    Vec2::new(v.x * cos - v.y * sin, v.x * sin + v.y * cos)
}

/// As JavaScript rounds: halves upwards, those of negative numbers too.
fn round(number: f64) -> f64 {
    let floor = number.floor();
    if number - floor >= 0.5 {
        floor + 1.0
    } else {
        floor
    }
}
