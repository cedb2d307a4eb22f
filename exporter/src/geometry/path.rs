//! A path: what is filled or stroked.
//!
//! Knows lines, curves and arcs of circles, their bounds, lengths and places; no colors and no widths. The rule: a path holds
//! only finite numbers, for it is refused where it is made otherwise.

use kurbo::{
    Affine, BezPath, ParamCurve, ParamCurveArclen, PathEl, PathSeg, Point, Rect, Shape, SvgArc,
    Vec2,
};

pub use super::svg::Rounding;
use super::{sane, sane_point, svg};

/// What is drawn of a circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArcTo {
    /// px. Where it cannot span the ends, a half circle between them is meant.
    pub radius: f64,
    /// Which of the two arcs.
    pub part: ArcPart,
    /// Which way it goes.
    pub turn: Turn,
    /// Where it ends.
    pub to: Point,
}

/// Which of the two arcs of a circle between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArcPart {
    /// Up to half of the circle.
    Small,
    /// At least half of the circle.
    Large,
}

/// Which way an arc goes, as seen on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// With the clock: angles grow, since y points down.
    Clockwise,
    /// Against the clock.
    Counterclockwise,
}

/// A piece of a path. All points are absolute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element {
    /// Begins a sub-path.
    Move(Point),
    /// A straight line.
    Line(Point),
    /// A quadratic curve: control point, end.
    Quad(Point, Point),
    /// A cubic curve: both control points, end.
    Cubic(Point, Point, Point),
    /// An arc of a circle.
    Arc(ArcTo),
    /// A straight line to where the sub-path began.
    Close,
}

/// Sub-paths one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    elements: Vec<Element>,
}

impl Path {
    /// `None` when the first element is no move, or a number is not finite or too large.
    pub fn new(elements: Vec<Element>) -> Option<Self> {
        let begins = matches!(elements.first(), None | Some(Element::Move(_)));
        let sane = elements.iter().all(|element| match *element {
            Element::Move(to) | Element::Line(to) => sane_point(to),
            Element::Quad(control, to) => sane_point(control) && sane_point(to),
            Element::Cubic(one, two, to) => sane_point(one) && sane_point(two) && sane_point(to),
            Element::Arc(arc) => sane(&[arc.radius]) && sane_point(arc.to),
            Element::Close => true,
        });
        (begins && sane).then_some(Self { elements })
    }

    /// The same path. `None` as of [`new`](Self::new).
    pub fn from_bez(path: &BezPath) -> Option<Self> {
        let elements = path.elements().iter().map(|element| match *element {
            PathEl::MoveTo(to) => Element::Move(to),
            PathEl::LineTo(to) => Element::Line(to),
            PathEl::QuadTo(control, to) => Element::Quad(control, to),
            PathEl::CurveTo(one, two, to) => Element::Cubic(one, two, to),
            PathEl::ClosePath => Element::Close,
        });
        Self::new(elements.collect())
    }

    /// The pieces in order.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Around everything, px; control points do not count. `None` for the empty path.
    pub fn bounds(&self) -> Option<Rect> {
        let first = match self.elements.first()? {
            Element::Move(to) => *to,
            _ => return None,
        };
        // A sub-path of one point has no segment, but it has a place.
        let moves = self.elements.iter().filter_map(|element| match element {
            Element::Move(to) => Some(*to),
            _ => None,
        });
        let around_moves = moves.fold(Rect::from_points(first, first), |rect, at| {
            rect.union_pt(at)
        });
        let segments = self.to_bez();
        let bounds = segments.segments().map(|segment| segment.bounding_box());
        Some(bounds.fold(around_moves, |rect, more| rect.union(more)))
    }

    /// px, gaps between sub-paths left out; within a thousandth px for each curve.
    pub fn length(&self) -> f64 {
        self.to_bez()
            .segments()
            .map(|segment| segment.arclen(ACCURACY))
            .sum()
    }

    /// The point that far along, px; the start for a negative distance, the end for one beyond. `None` for a path without
    /// lines.
    pub fn at(&self, distance: f64) -> Option<Point> {
        let path = self.to_bez();
        let mut left = distance.max(0.0);
        let mut last: Option<PathSeg> = None;
        for segment in path.segments() {
            let length = segment.arclen(ACCURACY);
            if left <= length {
                let t = if length > 0.0 {
                    segment.inv_arclen(left, ACCURACY)
                } else {
                    0.0
                };
                return Some(segment.eval(t));
            }
            left -= length;
            last = Some(segment);
        }
        last.map(|segment| segment.end())
    }

    /// Moved, turned and scaled. Arcs stay arcs where circles stay circles and become cubics otherwise. `None` when that is
    /// not finite.
    pub fn transformed(&self, by: Affine) -> Option<Self> {
        let [a, b, c, d, ..] = by.as_coeffs();
        let scale = a.hypot(b);
        let is_turn = a == d && b == -c;
        let is_mirror = a == -d && b == c;
        if !is_turn && !is_mirror {
            return Self::from_bez(&(by * self.to_bez()));
        }
        let elements = self.elements.iter().map(|element| match *element {
            Element::Move(to) => Element::Move(by * to),
            Element::Line(to) => Element::Line(by * to),
            Element::Quad(control, to) => Element::Quad(by * control, by * to),
            Element::Cubic(one, two, to) => Element::Cubic(by * one, by * two, by * to),
            Element::Arc(arc) => Element::Arc(ArcTo {
                radius: arc.radius * scale,
                turn: if is_mirror {
                    arc.turn.reversed()
                } else {
                    arc.turn
                },
                to: by * arc.to,
                ..arc
            }),
            Element::Close => Element::Close,
        });
        Self::new(elements.collect())
    }

    /// The path after this one in one path.
    pub fn join(mut self, other: Self) -> Self {
        self.elements.extend(other.elements);
        self
    }

    /// As lines and curves; arcs become cubics within a hundred-thousandth of their radius.
    pub fn to_bez(&self) -> BezPath {
        let mut path = BezPath::new();
        let (mut start, mut at) = (Point::ZERO, Point::ZERO);
        for element in &self.elements {
            match *element {
                Element::Move(to) => {
                    path.move_to(to);
                    start = to;
                    at = to;
                }
                Element::Line(to) => {
                    path.line_to(to);
                    at = to;
                }
                Element::Quad(control, to) => {
                    path.quad_to(control, to);
                    at = to;
                }
                Element::Cubic(one, two, to) => {
                    path.curve_to(one, two, to);
                    at = to;
                }
                Element::Arc(arc) => {
                    arc.append(at, &mut path);
                    at = arc.to;
                }
                Element::Close => {
                    path.close_path();
                    at = start;
                }
            }
        }
        path
    }

    /// As the `d` of an SVG path.
    pub fn to_svg(&self, rounding: Rounding) -> String {
        svg::write(&self.elements, rounding)
    }
}

/// px.
const ACCURACY: f64 = 1e-3;

impl Turn {
    /// The other way.
    pub fn reversed(self) -> Self {
        match self {
            Self::Clockwise => Self::Counterclockwise,
            Self::Counterclockwise => Self::Clockwise,
        }
    }
}

impl ArcTo {
    fn append(&self, from: Point, path: &mut BezPath) {
        let svg = SvgArc {
            from,
            to: self.to,
            radii: Vec2::splat(self.radius.abs()),
            x_rotation: 0.0,
            large_arc: self.part == ArcPart::Large,
            sweep: self.turn == Turn::Clockwise,
        };
        match kurbo::Arc::from_svg_arc(&svg) {
            Some(arc) => {
                let tolerance = 1e-5 * arc.radii.x.max(f64::MIN_POSITIVE);
                let mut curves: Vec<_> = Vec::new();
                arc.to_cubic_beziers(tolerance, |one, two, to| curves.push((one, two, to)));
                if let Some(last) = curves.last_mut() {
                    // The end as it was given, not as angles give it back.
                    last.2 = self.to;
                }
                for (one, two, to) in curves {
                    path.curve_to(one, two, to);
                }
            }
            None => path.line_to(self.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(elements: &[Element]) -> Path {
        Path::new(elements.to_vec()).unwrap()
    }

    fn circle() -> Path {
        let half = |to| {
            Element::Arc(ArcTo {
                radius: 5.0,
                part: ArcPart::Large,
                turn: Turn::Clockwise,
                to,
            })
        };
        path(&[
            Element::Move(Point::new(0.0, 5.0)),
            half(Point::new(10.0, 5.0)),
            half(Point::new(0.0, 5.0)),
        ])
    }

    fn near(one: Point, two: Point) -> bool {
        one.distance(two) < 1e-2
    }

    #[test]
    fn a_circle_has_its_bounds_length_and_places() {
        let bounds = circle().bounds().unwrap();
        let whole = Rect::new(0.0, 0.0, 10.0, 10.0);
        assert!((bounds.area() - whole.area()).abs() < 1e-2, "{bounds:?}");
        assert!((circle().length() - 10.0 * std::f64::consts::PI).abs() < 1e-2);
        let quarter = circle().length() / 4.0;
        assert!(near(circle().at(quarter).unwrap(), Point::new(5.0, 0.0)));
        assert!(near(circle().at(1e9).unwrap(), Point::new(0.0, 5.0)));
        assert!(near(circle().at(-3.0).unwrap(), Point::new(0.0, 5.0)));
    }

    #[test]
    fn bounds_are_those_of_the_curve_and_not_of_its_handles() {
        let curve = path(&[
            Element::Move(Point::ZERO),
            Element::Quad(Point::new(5.0, 10.0), Point::new(10.0, 0.0)),
        ]);
        assert_eq!(curve.bounds(), Some(Rect::new(0.0, 0.0, 10.0, 5.0)));
        let dot = path(&[Element::Move(Point::new(3.0, 4.0))]);
        assert_eq!(dot.bounds(), Some(Rect::new(3.0, 4.0, 3.0, 4.0)));
        assert_eq!(Path::default().bounds(), None);
        assert_eq!(dot.at(1.0), None);
    }

    #[test]
    fn arcs_stay_arcs_where_circles_stay_circles() {
        let turned = circle()
            .transformed(Affine::rotate(1.0).then_scale(2.0))
            .unwrap();
        assert!(
            matches!(turned.elements()[1], Element::Arc(arc) if (arc.radius - 10.0).abs() < 1e-9)
        );
        let mirrored = circle().transformed(Affine::FLIP_X).unwrap();
        assert!(
            matches!(mirrored.elements()[1], Element::Arc(arc) if arc.turn == Turn::Counterclockwise)
        );
        assert!(near(
            mirrored.at(circle().length() / 4.0).unwrap(),
            Point::new(-5.0, 0.0)
        ));
        let flat = circle()
            .transformed(Affine::scale_non_uniform(1.0, 0.5))
            .unwrap();
        assert!((flat.bounds().unwrap().height() - 5.0).abs() < 1e-2);
    }

    #[test]
    fn what_is_not_finite_is_no_path() {
        assert_eq!(
            Path::new(vec![Element::Move(Point::new(f64::NAN, 0.0))]),
            None
        );
        assert_eq!(Path::new(vec![Element::Line(Point::ZERO)]), None);
        assert_eq!(circle().transformed(Affine::scale(f64::INFINITY)), None);
        assert_eq!(circle().transformed(Affine::scale(1e300)), None);
    }
}
