//! Lines as the PDF library takes them.
//!
//! Knows path data that we wrote and numbers. The rule: what is no finite number in single precision does not reach the
//! library, which would panic on it.

use krilla::geom::{Path, PathBuilder, Transform};
use kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape};
use svgtypes::{SimplePathSegment, SimplifyingPathParser};

/// Beyond this, numbers are no places any more.
const FARTHEST: f64 = 1e30;

/// Path data as a path; `None` where there is nothing to draw with.
pub(super) fn parse(data: &str) -> Option<BezPath> {
    let mut path = BezPath::new();
    // Data of our own breaks off nowhere; what could be read before is drawn.
    for segment in SimplifyingPathParser::from(data).map_while(Result::ok) {
        path.push(match segment {
            SimplePathSegment::MoveTo { x, y } => PathEl::MoveTo(Point::new(x, y)),
            SimplePathSegment::LineTo { x, y } => PathEl::LineTo(Point::new(x, y)),
            SimplePathSegment::Quadratic { x1, y1, x, y } => {
                PathEl::QuadTo(Point::new(x1, y1), Point::new(x, y))
            }
            SimplePathSegment::CurveTo {
                x1,
                y1,
                x2,
                y2,
                x,
                y,
            } => PathEl::CurveTo(Point::new(x1, y1), Point::new(x2, y2), Point::new(x, y)),
            SimplePathSegment::ClosePath => PathEl::ClosePath,
        });
    }
    (!path.elements().is_empty()).then_some(path)
}

/// The same for the library.
pub(super) fn library(path: &BezPath) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let xy = |point: Point| (point.x as f32, point.y as f32);
    for element in path {
        if !element.end_point().is_none_or(is_near) {
            return None;
        }
        match element {
            PathEl::MoveTo(to) => {
                let (x, y) = xy(to);
                builder.move_to(x, y);
            }
            PathEl::LineTo(to) => {
                let (x, y) = xy(to);
                builder.line_to(x, y);
            }
            PathEl::QuadTo(one, to) => {
                let ((x1, y1), (x, y)) = (xy(one), xy(to));
                if !is_near(one) {
                    return None;
                }
                builder.quad_to(x1, y1, x, y);
            }
            PathEl::CurveTo(one, two, to) => {
                let ((x1, y1), (x2, y2), (x, y)) = (xy(one), xy(two), xy(to));
                if !is_near(one) || !is_near(two) {
                    return None;
                }
                builder.cubic_to(x1, y1, x2, y2, x, y);
            }
            PathEl::ClosePath => builder.close(),
        }
    }
    builder.finish()
}

/// Where a path is that has no length: round caps make a dot of it, which the library leaves out.
pub(super) fn dot(path: &BezPath) -> Option<Point> {
    let bounds = path.control_box();
    let single = bounds.width() as f32 == 0.0 && bounds.height() as f32 == 0.0;
    single.then(|| bounds.origin())
}

/// A box.
pub(super) fn rect(rect: Rect) -> Option<Path> {
    library(&rect.to_path(0.1))
}

/// `None` where it moves things to where numbers end, or makes nothing of them.
pub(super) fn transform(affine: Affine) -> Option<Transform> {
    let coefficients = affine.as_coeffs();
    let is_fine = coefficients.iter().all(|it| it.abs() < FARTHEST);
    let [a, b, c, d, e, f] = coefficients.map(|it| it as f32);
    (is_fine && a * d - b * c != 0.0).then(|| Transform::from_row(a, b, c, d, e, f))
}

fn is_near(point: Point) -> bool {
    point.x.abs() < FARTHEST && point.y.abs() < FARTHEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_read_as_it_was_written() {
        let path = parse("M1 2l3 0q1 2 2 0c0 1 1 1 2-1a5 5 0 0 1 10 0Z").unwrap();
        assert_eq!(path.elements()[1], PathEl::LineTo(Point::new(4.0, 2.0)));
        assert_eq!(path.elements()[2].end_point(), Some(Point::new(6.0, 2.0)));
        assert_eq!(path.elements()[3].end_point(), Some(Point::new(8.0, 1.0)));
        let bounds = path.bounding_box();
        assert!((bounds.x1 - 18.0).abs() < 0.01 && (bounds.y0 + 4.0).abs() < 0.01);
        assert!(library(&path).is_some());
        assert_eq!(parse(""), None);
    }

    #[test]
    fn numbers_that_end_are_left_out() {
        for far in ["M0 0L1e39 0", "M0 0Q1e35 1 2 3", "M0 0C1 1 1 1e300 5 5"] {
            assert!(library(&parse(far).unwrap()).is_none(), "{far}");
        }
        assert!(transform(Affine::scale(1e31)).is_none());
        assert!(transform(Affine::scale(0.0)).is_none());
        assert!(transform(Affine::translate((1e6, f64::NAN))).is_none());
        assert!(transform(Affine::rotate(1.0)).is_some());
    }

    #[test]
    fn dots_are_told() {
        let at = |data: &str| dot(&parse(data).unwrap());
        assert_eq!(at("M3 4l0 0"), Some(Point::new(3.0, 4.0)));
        assert_eq!(at("M3 4Z"), Some(Point::new(3.0, 4.0)));
        assert_eq!(at("M3 4l0 1"), None);
    }
}
