//! How much room shapes take, as far as it follows from their props.
//!
//! Knows rectangles and groups. Text must be measured and curves be flattened; that is for whoever draws, who hands it in as
//! [`Outlines`]. The rule: bounds are those of the geometry, as the editor's: no stroke width, no labels beyond the outline.

use kurbo::{Affine, Point, Rect};

use crate::board::Board;
use crate::connector::{Arrow, Line};
use crate::ink::Stroke;
use crate::label::{Geo, NOTE_SIDE, Note};
use crate::shape::{Kind, ShapeIndex};
use crate::style::{GeoKind, Spline};

/// What the props of a shape say about its bounds, in its own space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// They follow from the props alone.
    Exact(Rect),
    /// About there: the points that a curve is drawn through, or the box that an outline is fitted into.
    Rough(Rect),
    /// A group: those of its children.
    Children,
    /// Text that must be measured, an arrow that must be routed, or a type that is not known.
    Unknown,
}

/// Supplies what props alone do not say.
pub trait Outlines {
    /// The points of a shape's flattened geometry in its own space; `None` where the props are enough. Not asked of groups.
    fn outline(&self, board: &Board, at: ShapeIndex) -> Option<Vec<Point>>;
}

/// Supplies nothing: bounds are as good as props make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropsOnly;

impl Outlines for PropsOnly {
    fn outline(&self, _: &Board, _: ShapeIndex) -> Option<Vec<Point>> {
        None
    }
}

impl Board {
    /// What the props of a shape say about its bounds.
    pub fn extent(&self, at: ShapeIndex) -> Extent {
        match &self.shape(at).kind {
            Kind::Geo(geo) => of_geo(geo),
            Kind::Note(note) => of_note(note),
            Kind::Frame(it) => sized(it.w, it.h),
            Kind::Image(it) => sized(it.w, it.h),
            Kind::Video(it) => sized(it.w, it.h),
            Kind::Bookmark(it) => sized(it.w, it.h),
            Kind::Embed(it) => sized(it.w, it.h),
            Kind::Unknown(it) => match (it.w, it.h) {
                (Some(w), Some(h)) => sized(w, h),
                _ => Extent::Unknown,
            },
            Kind::Draw(it) => of_stroke(&it.stroke),
            Kind::Highlight(it) => of_stroke(&it.stroke),
            Kind::Line(line) => of_line(line),
            Kind::Arrow(arrow) => of_arrow(arrow),
            Kind::Group => Extent::Children,
            Kind::Text(_) => Extent::Unknown,
        }
    }

    /// The bounds of a shape in its own space; of a group, what its children take there. `None` when neither the props nor the
    /// outlines tell.
    pub fn local_bounds(&self, at: ShapeIndex, outlines: &impl Outlines) -> Option<Rect> {
        match self.shape(at).kind {
            Kind::Group => self.around_children(at, self.shape(at).transform.inverse(), outlines),
            _ => around(self.points(at, outlines)?),
        }
    }

    /// The bounds of a shape on its page, which are those of its turned outline: for a turned shape that is no rectangle they
    /// are exact only with an outline.
    pub fn page_bounds(&self, at: ShapeIndex, outlines: &impl Outlines) -> Option<Rect> {
        let shape = self.shape(at);
        match shape.kind {
            Kind::Group => self.around_children(at, Affine::IDENTITY, outlines),
            _ => {
                let points = self.points(at, outlines)?.into_iter();
                around(points.map(|point| shape.transform * point))
            }
        }
    }

    /// Around all that is in a group, groups inside of it included; of what is in other shapes only their own outline counts.
    fn around_children(
        &self,
        group: ShapeIndex,
        from_page: Affine,
        outlines: &impl Outlines,
    ) -> Option<Rect> {
        let mut bounds: Option<Rect> = None;
        let mut next = group.get() + 1;
        while next < self.shape(group).subtree_end.get() {
            let at = ShapeIndex(next as u32);
            let shape = self.shape(at);
            if shape.kind == Kind::Group {
                next += 1;
                continue;
            }
            next = shape.subtree_end.get();
            let transform = from_page * shape.transform;
            let points = self.points(at, outlines).into_iter().flatten();
            if let Some(more) = around(points.map(|point| transform * point)) {
                bounds = Some(bounds.map_or(more, |bounds| bounds.union(more)));
            }
        }
        bounds
    }

    fn points(&self, at: ShapeIndex, outlines: &impl Outlines) -> Option<Vec<Point>> {
        let supplied = outlines.outline(self, at);
        supplied.or_else(|| match (&self.shape(at).kind, self.extent(at)) {
            (Kind::Line(line), Extent::Exact(_)) => Some(line.points.clone()),
            (_, Extent::Exact(rect) | Extent::Rough(rect)) => Some(corners(rect)),
            (_, Extent::Children | Extent::Unknown) => None,
        })
    }
}

fn of_geo(geo: &Geo) -> Extent {
    let rect = Rect::new(0.0, 0.0, geo.w.max(1.0), (geo.h + geo.grow_y).max(1.0));
    match geo.geo {
        GeoKind::Cloud | GeoKind::Heart | GeoKind::Star => Extent::Rough(rect),
        _ => Extent::Exact(rect),
    }
}

fn of_note(note: &Note) -> Extent {
    sized(
        NOTE_SIDE * note.scale,
        (NOTE_SIDE + note.grow_y) * note.scale,
    )
}

fn of_stroke(stroke: &Stroke) -> Extent {
    let points = stroke.points().map(|point| Point::new(point.x, point.y));
    around(points).map_or(Extent::Unknown, Extent::Rough)
}

fn of_line(line: &Line) -> Extent {
    match (around(line.points.iter().copied()), line.spline) {
        (Some(rect), Spline::Line) => Extent::Exact(rect),
        (Some(rect), Spline::Cubic) => Extent::Rough(rect),
        (None, _) => Extent::Unknown,
    }
}

fn of_arrow(arrow: &Arrow) -> Extent {
    if arrow.start.tie.is_some() || arrow.end.tie.is_some() {
        return Extent::Unknown;
    }
    Extent::Rough(Rect::from_points(arrow.start.point, arrow.end.point))
}

fn sized(w: f64, h: f64) -> Extent {
    Extent::Exact(Rect::new(0.0, 0.0, w, h))
}

fn corners(rect: Rect) -> Vec<Point> {
    vec![
        Point::new(rect.x0, rect.y0),
        Point::new(rect.x1, rect.y0),
        Point::new(rect.x1, rect.y1),
        Point::new(rect.x0, rect.y1),
    ]
}

fn around(points: impl IntoIterator<Item = Point>) -> Option<Rect> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let start = Rect::from_points(first, first);
    Some(points.fold(start, |rect, point| rect.union_pt(point)))
}
