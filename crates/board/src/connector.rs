//! Shapes between other shapes: arrows, what ties them, and lines.
//!
//! Knows props and bindings, not the paths that are drawn. The rule: the stored end of a tied arrow is a stale hint; whoever
//! draws works it out from the target.

use kurbo::Point;

use crate::fields::{Fields, finite};
use crate::note::{Problem, cut};
use crate::rich_text::RichText;
use crate::shape::ShapeIndex;
use crate::style::{ArrowKind, Arrowhead, Color, Dash, Fill, Font, Named, Size, Snap, Spline};
use crate::value::Value;

/// An arrow.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// How it finds its way.
    pub kind: ArrowKind,
    /// Where it begins.
    pub start: Terminal,
    /// Where it ends.
    pub end: Terminal,
    /// Of an arc: how far its middle is from the straight line, px, signed.
    pub bend: f64,
    /// What stands at the start.
    pub head_start: Arrowhead,
    /// What stands at the end.
    pub head_end: Arrowhead,
    /// Where the label is, 0 to 1 along the body.
    pub label_position: f64,
    /// Of an elbow: where its middle part is, 0 to 1.
    pub elbow_mid_point: f64,
    /// Of the body and the heads.
    pub color: Color,
    /// Of the label.
    pub label_color: Color,
    /// Of the insides of the heads.
    pub fill: Fill,
    /// How it is drawn.
    pub dash: Dash,
    /// Stroke width and font size.
    pub size: Size,
    /// Of the label.
    pub font: Font,
    /// Multiplies stroke, heads and font.
    pub scale: f64,
    /// The label.
    pub text: RichText,
}

/// An end of an arrow.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminal {
    /// In the arrow's space, px; stale when there is a tie.
    pub point: Point,
    /// What the end is tied to.
    pub tie: Option<Tie>,
}

/// What ties an end of an arrow to a shape on the same page.
#[derive(Debug, Clone, PartialEq)]
pub struct Tie {
    /// The target.
    pub to: ShapeIndex,
    /// How it holds on.
    pub hold: Hold,
}

/// How an end of an arrow holds on to its target.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// Where in the target's bounds, each 0 to 1.
    pub anchor: Point,
    /// Ends at the anchor itself, inside of the outline.
    pub is_exact: bool,
    /// Aims at the anchor, not at the centre.
    pub is_precise: bool,
    /// Of elbow arrows only.
    pub snap: Snap,
}

/// Which end of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Start,
    End,
}

/// A binding record of an arrow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) side: Side,
    pub(crate) hold: Hold,
}

/// A line through points.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// In order, px, in the shape's space; of points with the same place in the order the first by id.
    pub points: Vec<Point>,
    /// How it goes through them.
    pub spline: Spline,
    /// How it is drawn.
    pub dash: Dash,
    /// Stroke width.
    pub size: Size,
    /// Its color.
    pub color: Color,
    /// Multiplies the stroke width, not the points.
    pub scale: f64,
}

impl Arrow {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            kind: props.style("kind", ArrowKind::Arc),
            start: Terminal {
                point: props.point("start").unwrap_or(Point::ZERO),
                tie: None,
            },
            end: Terminal {
                point: props.point("end").unwrap_or(DEFAULT_END),
                tie: None,
            },
            bend: props.number("bend", 0.0),
            head_start: props.style("arrowheadStart", Arrowhead::None),
            head_end: props.style("arrowheadEnd", Arrowhead::Arrow),
            label_position: props.share("labelPosition", 0.5),
            elbow_mid_point: props.share("elbowMidPoint", 0.5),
            color: props.color("color"),
            label_color: props.color("labelColor"),
            fill: props.style("fill", Fill::None),
            dash: props.style("dash", Dash::Draw),
            size: props.style("size", Size::M),
            font: props.style("font", Font::Draw),
            scale: props.factor("scale"),
            text: props.rich_text(),
        }
    }

    /// An end.
    pub(crate) fn terminal_mut(&mut self, side: Side) -> &mut Terminal {
        match side {
            Side::Start => &mut self.start,
            Side::End => &mut self.end,
        }
    }
}

/// Where a new arrow ends.
const DEFAULT_END: Point = Point::new(2.0, 0.0);

impl Named for Side {
    fn named(name: &str) -> Option<Self> {
        match name {
            "start" => Some(Self::Start),
            "end" => Some(Self::End),
            _ => None,
        }
    }
}

impl Binding {
    /// `None`, with a note, when it does not say what it ties to what.
    pub(crate) fn read(id: &str, record: &mut Fields<'_>) -> Option<Self> {
        let from = record.optional_text("fromId");
        let to = record.optional_text("toId");
        let read = |mut props: Fields<'_>| {
            let side = Side::named(props.raw("terminal")?.as_str()?)?;
            let anchor = props.point("normalizedAnchor");
            let anchor = anchor.unwrap_or(Point::new(0.5, 0.5));
            let hold = Hold {
                anchor: Point::new(anchor.x.clamp(0.0, 1.0), anchor.y.clamp(0.0, 1.0)),
                is_exact: props.flag("isExact", false),
                is_precise: props.flag("isPrecise", false),
                snap: props.style("snap", Snap::None),
            };
            Some((side, hold))
        };
        let held = record.inner("props").and_then(read);
        let (Some(from), Some(to), Some((side, hold))) = (from, to, held) else {
            record.note(Problem::Unusable("ends"));
            return None;
        };
        Some(Self {
            id: id.to_owned(),
            from,
            to,
            side,
            hold,
        })
    }
}

impl Line {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            points: points(props),
            spline: props.style("spline", Spline::Line),
            dash: props.style("dash", Dash::Draw),
            size: props.style("size", Size::M),
            color: props.color("color"),
            scale: props.factor("scale"),
        }
    }
}

/// Points in a map by their ids, each with its place in the order.
fn points(props: &mut Fields<'_>) -> Vec<Point> {
    let Some(map) = props.raw("points") else {
        return Vec::new();
    };
    let Some(map) = map.as_object() else {
        props.note(Problem::BadField("points"));
        return Vec::new();
    };
    let far = props.reader().limits.coordinate;
    let read = |(id, point): (&str, &Value<'_>)| {
        let number = |name| finite(point.get(name)?).filter(|number| number.abs() <= far);
        let index = cut(point.get("index")?.as_str()?, MOST_INDEX_BYTES).to_owned();
        Some((index, id.to_owned(), Point::new(number("x")?, number("y")?)))
    };
    let most = props.reader().points;
    let mut points: Vec<_> = map.iter().filter_map(read).take(most).collect();
    if points.len() < map.len() {
        props.note(Problem::Cut("points"));
    }
    props.reader().points -= points.len();
    points.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    points.dedup_by(|next, first| next.0 == first.0);
    points.into_iter().map(|(_, _, point)| point).collect()
}

/// Bytes of a place in an order. Editors write some ten; each insertion at one spot may add a byte.
pub(crate) const MOST_INDEX_BYTES: usize = 1_000;
