//! What frames leave to be seen of what is in them.
//!
//! Knows frames in frames and convex polygons. The rule: a shape has one clip, however many frames it stands in, since
//! whoever draws clips inside of clips keeps a picture for each.

use std::collections::HashMap;

use kurbo::{Point, Rect, Vec2};
use scrible_board::ShapeIndex;

use super::Painter;
use super::place::{around, corners};
use crate::geometry::path::{Element, Path};

/// Corners of one clip. Frames that stand upright have four however many they are; beyond this, of what is around a frame
/// only the bounds are looked at.
const MOST_CORNERS: usize = 64;

/// What a shape is clipped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clip {
    /// It stands in no frame.
    Nothing,
    /// An index among the clips of the scene.
    Polygon(usize),
    /// Frames leave nothing of it.
    Everything,
}

/// The clips of frames so far.
#[derive(Default)]
pub(super) struct Clips {
    of: HashMap<ShapeIndex, Clip>,
    /// As many as the scene has.
    polygons: Vec<Vec<Point>>,
}

impl Painter<'_> {
    /// What the frames around a shape leave to be seen.
    pub(super) fn clip(&mut self, at: ShapeIndex) -> Clip {
        // From the nearest outwards, until one is known.
        let mut new = Vec::new();
        let mut clip = Clip::Nothing;
        for frame in self.board.clips(at) {
            if let Some(known) = self.clips.of.get(&frame) {
                clip = *known;
                break;
            }
            new.push(frame);
        }
        for frame in new.into_iter().rev() {
            clip = self.within(clip, frame);
            self.clips.of.insert(frame, clip);
        }
        clip
    }

    /// What a frame leaves of what is left already.
    fn within(&mut self, around: Clip, frame: ShapeIndex) -> Clip {
        let transform = self.board.shape(frame).transform;
        let outline = self.places.at(frame).outline.iter();
        let own: Vec<Point> = outline.map(|at| transform * *at).collect();
        let polygon = match around {
            Clip::Everything => return Clip::Everything,
            // Far beyond the view nobody sees where it ends.
            Clip::Nothing => {
                let view = self.scene.view;
                let near = view.inflate(view.width(), view.height());
                common(&own, &corners(near))
            }
            Clip::Polygon(at) => common(&own, &self.clips.polygons[at]),
        };
        let path = match polygon.len() {
            0..3 => None,
            _ => Path::new(elements(&polygon)),
        };
        let Some(path) = path else {
            return Clip::Everything;
        };
        self.scene.clips.push(path);
        self.clips.polygons.push(polygon);
        Clip::Polygon(self.scene.clips.len() - 1)
    }
}

fn elements(polygon: &[Point]) -> Vec<Element> {
    let mut elements: Vec<_> = polygon.iter().copied().map(Element::Line).collect();
    elements[0] = Element::Move(polygon[0]);
    elements.push(Element::Close);
    elements
}

/// What two convex polygons share, both with their corners clockwise; nothing where that has no area.
fn common(inner: &[Point], outer: &[Point]) -> Vec<Point> {
    let bounds;
    let outer = match inner.len() + outer.len() <= MOST_CORNERS {
        true => outer,
        false => match around(outer.iter().copied()) {
            Some(rect) => {
                bounds = corners(rect);
                &bounds
            }
            None => return Vec::new(),
        },
    };
    let mut left = inner.to_vec();
    for (at, from) in outer.iter().enumerate() {
        let edge = outer[(at + 1) % outer.len()] - *from;
        if edge == Vec2::ZERO {
            continue;
        }
        // Clockwise with y down, the inside is where this is positive.
        let depth = |point: Point| edge.cross(point - *from);
        let mut kept = Vec::with_capacity(left.len() + 1);
        for (at, point) in left.iter().enumerate() {
            let before = left[(at + left.len() - 1) % left.len()];
            let (one, two) = (depth(before), depth(*point));
            if (one < 0.0) != (two < 0.0) {
                kept.push(before.lerp(*point, one / (one - two)));
            }
            if two >= 0.0 {
                kept.push(*point);
            }
        }
        left = kept;
    }
    let has_area = around(left.iter().copied()).is_some_and(|it: Rect| it.area() > 0.0);
    if has_area { left } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurbo::Affine;

    fn area(polygon: &[Point]) -> f64 {
        let next = polygon.iter().cycle().skip(1);
        let pairs = polygon.iter().zip(next);
        pairs
            .map(|(one, two)| one.to_vec2().cross(two.to_vec2()))
            .sum::<f64>()
            / 2.0
    }

    fn turned(rect: Rect, angle: f64) -> Vec<Point> {
        let by = Affine::rotate_about(angle, rect.center());
        corners(rect).map(|at| by * at).to_vec()
    }

    #[test]
    fn what_two_polygons_share() {
        let square = turned(Rect::new(0.0, 0.0, 10.0, 10.0), 0.0);
        let beside = turned(Rect::new(5.0, -5.0, 15.0, 5.0), 0.0);
        assert!((area(&common(&square, &beside)) - 25.0).abs() < 1e-9);
        assert_eq!(common(&square, &square), square);
        let inside = turned(Rect::new(2.0, 2.0, 4.0, 4.0), 0.3);
        for (one, two) in [(&square, &inside), (&inside, &square)] {
            assert!((area(&common(one, two)) - 4.0).abs() < 1e-9);
        }
        // A square and itself on its corner share an octagon.
        let corner = turned(Rect::new(0.0, 0.0, 10.0, 10.0), std::f64::consts::FRAC_PI_4);
        let octagon = common(&square, &corner);
        assert!(octagon.len() == 8 && (area(&octagon) - 82.842_712).abs() < 1e-5);

        let apart = turned(Rect::new(20.0, 0.0, 30.0, 10.0), 0.0);
        let touching = turned(Rect::new(10.0, 0.0, 30.0, 10.0), 0.0);
        let thin = turned(Rect::new(5.0, 0.0, 5.0, 10.0), 0.0);
        for other in [apart, touching, thin] {
            assert!(common(&square, &other).is_empty() && common(&other, &square).is_empty());
        }
    }

    #[test]
    fn many_turned_polygons_keep_few_corners() {
        let mut left = turned(Rect::new(0.0, 0.0, 100.0, 100.0), 0.0);
        for turn in 1..250 {
            left = common(
                &turned(Rect::new(0.0, 0.0, 100.0, 100.0), 0.01 * f64::from(turn)),
                &left,
            );
            assert!(left.len() <= MOST_CORNERS);
        }
        // The circle within all of them.
        let circle = std::f64::consts::PI * 2500.0;
        assert!(area(&left) >= circle - 1e-6 && area(&left) < 10_000.0);
    }
}
