//! Where the label of an arrow stands.
//!
//! Knows a body and the size of a label that someone has measured; no text. The rule: a label does not cover an end that has a
//! head or a tie.

use kurbo::{Line, Point, Rect, Size as Extent};
use scrible_board::style::Size;

use super::super::outline::{Ends, around};
use super::super::{sane, stroke_width};
use super::Body;
use super::heads::Which;
use super::hits::{crossing, sides};

/// Around the text of a label before scale, px.
pub const PADDING: f64 = 4.25;

/// Room that a label leaves of its arrow, px.
const ROOM: f64 = 64.0;

/// The longest line of a label, in font sizes.
const LINE: f64 = 16.0;

/// What stands at an end of an arrow that has a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// A head or a tie: the label stays away.
    Kept,
    /// Nothing.
    Free,
}

/// A label to be placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// Its box with padding, px.
    pub size: Extent,
    /// Where it is wanted, 0 to 1 along the body.
    pub position: f64,
    /// What stands at the two ends.
    pub ends: [Reserve; 2],
    /// Stroke width of the arrow.
    pub stroke: Size,
    /// Of the arrow.
    pub scale: f64,
}

/// The width that a label is wrapped at, px: of a straight or bent arrow with this body and a text of this width when it is not
/// wrapped, in a font of that size, px.
pub fn wrap_width(body: &Body, unwrapped: f64, font: f64) -> Option<f64> {
    let bounds = around(body.flattened())?;
    if bounds.width() > bounds.height() {
        let least = unwrapped.min(ROOM);
        Some(least.max((bounds.width() - ROOM).min(unwrapped)))
    } else {
        Some(unwrapped.min(LINE * font))
    }
}

/// The box of a label on its arrow. `None` when a number is not finite.
pub fn place(body: &Body, label: &Label) -> Option<Rect> {
    let way = Way {
        line: body.flattened(),
        length: body.length(),
        is_elbow: matches!(body, Body::Elbow(_)),
    };
    let [mut least, mut most] = [
        way.limit(label, Which::Start)?,
        way.limit(label, Which::End)?,
    ];
    if least > most {
        (least, most) = (0.5, 0.5);
    }
    let [start, end] = label.ends;
    let least = if start == Reserve::Kept { least } else { 0.0 };
    let most = if end == Reserve::Kept { most } else { 1.0 };
    // The lower bound wins.
    let position = label.position.min(most).max(least);
    let found = Rect::from_center_size(way.at(position * way.length)?, label.size);
    sane(&[found.x0, found.y0, found.x1, found.y1]).then_some(found)
}

/// A flattened body.
struct Way {
    line: Vec<Point>,
    /// Of the body before it was flattened, px: a little more, and the editor walks along the flat line by it.
    length: f64,
    is_elbow: bool,
}

impl Way {
    /// The point that far along, px.
    fn at(&self, distance: f64) -> Option<Point> {
        let mut left = distance;
        for pair in self.line.windows(2) {
            let long = pair[0].distance(pair[1]);
            if left <= long && long > 0.0 {
                return Some(pair[0].lerp(pair[1], left.max(0.0) / long));
            }
            left -= long;
        }
        self.line.last().copied()
    }

    /// How near a label comes to an end, as a share of the length.
    fn limit(&self, label: &Label, which: Which) -> Option<f64> {
        let width = stroke_width(label.stroke);
        let more = if width >= 10.0 { 20.0 } else { 0.0 };
        let pad = (20.0 + 2.0 * (width - 2.0) + more) * label.scale;
        let (inwards, grown) = if self.is_elbow {
            (0.0, pad)
        } else {
            (pad, 0.0)
        };
        let centre = match which {
            Which::Start => self.at(inwards),
            Which::End => self.at(self.length - inwards),
        };
        let around = Rect::from_center_size(centre?, label.size).inflate(grown, grown);
        let places = self
            .places(around)
            .into_iter()
            .map(|place| place / self.length);
        // The farthest from the end. None where the label is longer than the body.
        Some(match which {
            Which::Start => places.fold(0.0, f64::max),
            Which::End => places.fold(1.0, f64::min),
        })
    }

    /// Where the sides of a box cross the line, px from the start.
    fn places(&self, around: Rect) -> Vec<f64> {
        let Rect { x0, y0, x1, y1 } = around;
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(Point::from);
        let mut places = Vec::new();
        let mut before = 0.0;
        for pair in self.line.windows(2) {
            let leg = Line::new(pair[0], pair[1]);
            let hits = sides(&corners, Ends::Closed).filter_map(|side| crossing(leg, side));
            places.extend(hits.map(|hit| before + hit.distance(pair[0])));
            before += pair[0].distance(pair[1]);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_wrapped_by_their_arrow() {
        let along = |x, y| Body::Straight {
            start: Point::ZERO,
            end: Point::new(x, y),
        };
        // Upright arrows leave sixteen font sizes, flat ones their width without some room.
        assert_eq!(wrap_width(&along(0.0, 300.0), 900.0, 18.0), Some(288.0));
        assert_eq!(wrap_width(&along(260.0, 50.0), 900.0, 18.0), Some(196.0));
        assert_eq!(wrap_width(&along(60.0, 0.0), 900.0, 18.0), Some(64.0));
        assert_eq!(wrap_width(&along(60.0, 0.0), 30.0, 18.0), Some(30.0));
    }
}
