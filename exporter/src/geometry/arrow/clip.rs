//! What of an arrow's body shows: all but what lies under its label and within its heads.
//!
//! Knows boxes and heads. The rule: the clip is to be filled by the nonzero rule, and its holes go against the clock.

use kurbo::{Rect, Vec2};

use super::super::outline::{EllipseArc, Role, Subpath, around};
use super::super::path::{ArcPart, Element, Path, Turn};
use super::super::sane;
use super::Body;
use super::heads::{Cut, Head};

/// Room around the body, px.
const ROOM: f64 = 100.0;

/// The corners of a label's box before scale, px.
const CORNER: f64 = 3.5;

/// What clips a body: with the box of its label, if it has text, and its heads. `None` when a number is not finite.
pub fn clip(body: &Body, label: Option<Rect>, heads: &[Head], scale: f64) -> Option<Path> {
    if !sane(&[scale]) {
        return None;
    }
    let bounds = around(body.flattened())?;
    let (w, h) = (bounds.width().max(1.0), bounds.height().max(1.0));
    let bounds = Rect::new(bounds.x0, bounds.y0, bounds.x0 + w, bounds.y0 + h);
    let bounds = label.map_or(bounds, |label| bounds.union(label));
    let outer = bounds.inflate(ROOM, ROOM);
    let mut elements = vec![
        Element::Move((outer.x0, outer.y0).into()),
        Element::Line((outer.x1, outer.y0).into()),
        Element::Line((outer.x1, outer.y1).into()),
        Element::Line((outer.x0, outer.y1).into()),
        Element::Close,
    ];
    if let Some(label) = label {
        elements.extend(hole(label, CORNER * scale).elements());
    }
    let cut = heads.iter().filter(|head| head.cut == Cut::Cut);
    elements.extend(cut.flat_map(|head| head.path.elements()));
    Path::new(elements)
}

/// A box with round corners, against the clock.
fn hole(it: Rect, corner: f64) -> Subpath {
    let r = corner.min(it.width() / 2.0).min(it.height() / 2.0).max(0.0);
    let mut subpath = Subpath::new((it.x0, it.y0 + r).into(), Role::Stroke);
    let legs = [
        [(it.x0, it.y1 - r), (it.x0 + r, it.y1)],
        [(it.x1 - r, it.y1), (it.x1, it.y1 - r)],
        [(it.x1, it.y0 + r), (it.x1 - r, it.y0)],
        [(it.x0 + r, it.y0), (it.x0, it.y0 + r)],
    ];
    for [straight, round] in legs {
        subpath.line(straight.into());
        subpath.arc(EllipseArc {
            radii: Vec2::splat(r),
            part: ArcPart::Small,
            turn: Turn::Counterclockwise,
            to: round.into(),
        });
    }
    subpath
}
