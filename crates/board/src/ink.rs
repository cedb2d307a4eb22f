//! Free-hand shapes: pen strokes and highlights.
//!
//! Knows how points are kept, not how a stroke is drawn through them. The rule: the points of a whole board have one bound,
//! since a single stroke may have a million.

use crate::fields::Fields;
use crate::note::Problem;
use crate::path::{Dimensions, End, InkPoint, Unpacked, unpack};
use crate::style::{Color, Dash, Fill, SegmentKind, Size};
use crate::value::Value;

/// A pen stroke.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// The points.
    pub stroke: Stroke,
    /// Of the stroke and the fill.
    pub color: Color,
    /// Of the inside, when the stroke is closed.
    pub fill: Fill,
    /// How the stroke is drawn.
    pub dash: Dash,
    /// Stroke width.
    pub size: Size,
    /// The end meets the start; only then there is a fill.
    pub is_closed: bool,
}

/// A stroke of the highlighter. It is drawn twice: below everything on its page or in its frame, and in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Highlight {
    /// The points.
    pub stroke: Stroke,
    /// Its color.
    pub color: Color,
    /// Stroke width.
    pub size: Size,
}

/// What all free-hand shapes have.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// In the order of drawing.
    pub segments: Vec<Segment>,
    /// Whether the author has lifted the pen.
    pub is_complete: bool,
    /// Made with a pen that reports pressure.
    pub is_pen: bool,
    /// Multiplies the stroke width, not the points.
    pub scale: f64,
    /// Multiplies the x of all points; may be negative.
    pub scale_x: f64,
    /// Multiplies the y of all points; may be negative.
    pub scale_y: f64,
}

/// A stretch of a stroke.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// How it was made.
    pub kind: SegmentKind,
    /// Before `scale_x` and `scale_y`.
    pub points: Vec<InkPoint>,
}

impl Stroke {
    /// All points of all segments, with `scale_x` and `scale_y`; the stretch between the two points of a straight segment is
    /// left to whoever draws.
    pub fn points(&self) -> impl Iterator<Item = InkPoint> + '_ {
        let points = self.segments.iter().flat_map(|segment| &segment.points);
        points.map(|point| InkPoint {
            x: point.x * self.scale_x,
            y: point.y * self.scale_y,
            pressure: point.pressure,
        })
    }

    fn read(props: &mut Fields<'_>) -> Self {
        Self {
            segments: segments(props),
            is_complete: props.flag("isComplete", false),
            is_pen: props.flag("isPen", false),
            scale: props.factor("scale"),
            scale_x: props.number("scaleX", 1.0),
            scale_y: props.number("scaleY", 1.0),
        }
    }
}

impl Draw {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            stroke: Stroke::read(props),
            color: props.color("color"),
            fill: props.style("fill", Fill::None),
            dash: props.style("dash", Dash::Draw),
            size: props.style("size", Size::M),
            is_closed: props.flag("isClosed", false),
        }
    }
}

impl Highlight {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            stroke: Stroke::read(props),
            color: props.color("color"),
            size: props.style("size", Size::M),
        }
    }
}

fn segments(props: &mut Fields<'_>) -> Vec<Segment> {
    let Some(list) = props.raw("segments") else {
        return Vec::new();
    };
    let Some(list) = list.as_list() else {
        props.note(Problem::BadField("segments"));
        return Vec::new();
    };
    list.iter().map(|it| segment(props, it)).collect()
}

fn segment(props: &mut Fields<'_>, segment: &Value<'_>) -> Segment {
    let path = segment.get("path").and_then(Value::as_str);
    let dimensions = match segment.get("dim").and_then(Value::as_f64) {
        Some(2.0) => Dimensions::Two,
        _ => Dimensions::Three,
    };
    let kind = match segment.get("type").and_then(Value::as_str) {
        Some("straight") => SegmentKind::Straight,
        _ => SegmentKind::Free,
    };
    let most = props.reader().points;
    let Some(read) = path.and_then(|path| unpack(path, dimensions, most).ok()) else {
        props.note(Problem::BadField("segments"));
        return Segment {
            kind,
            points: Vec::new(),
        };
    };
    let far = props.reader().limits.coordinate;
    let Unpacked { mut points, end } = read;
    let before = points.len();
    points.retain(|point| point.x.abs() <= far && point.y.abs() <= far);
    if points.len() < before || end == End::Cut {
        props.note(Problem::Cut("segments"));
    }
    props.reader().points -= points.len();
    Segment { kind, points }
}
