//! Free-hand strokes: pen, mouse and highlighter.
//!
//! A stroke goes through three stages: the points as they were drawn ([`points()`]), the centre line that follows them a little
//! late ([`centre()`]), and what is drawn around it ([`outline`], [`open_line`], [`closed_line`]). Knows the editor's settings
//! for each use; no colors.
//! The rule: the cost of a stroke grows with its points and with nothing else.
//!
//! The way from points to an outline is that of perfect-freehand (MIT licence, Copyright (c) 2021 Stephen Ruiz Ltd), with
//! the changes of the editor.

mod centre;
mod paths;
mod points;
mod tracks;

use std::f64::consts::FRAC_PI_2;

use kurbo::{Point, Vec2};
use scrible_board::InkPoint;
use scrible_board::ink::{Draw, Highlight, Stroke};
use scrible_board::style::{Dash, Fill, SegmentKind, Size};

use super::dash::{DashArray, Pattern};
use super::path::Path;
use super::random::Random;
use super::{sane, stroke_width};

pub use points::points;

/// What a free-hand shape looks like, in its own space.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawing {
    /// Lies below and is filled with the fill's color.
    pub fill: Option<Path>,
    /// In the stroke's color.
    pub ink: Option<Ink>,
}

/// What is drawn in the color of a stroke.
#[derive(Debug, Clone, PartialEq)]
pub enum Ink {
    /// A shape to fill, without a stroke.
    Shape(Path),
    /// A line to stroke with round caps and joins.
    Line {
        /// The line.
        path: Path,
        /// px.
        width: f64,
        /// The pattern along it; `None` for a whole line.
        dashes: Option<DashArray>,
    },
    /// A dot to fill and to stroke.
    Dot {
        /// A small circle.
        path: Path,
        /// px.
        width: f64,
    },
}

/// How points become a stroke.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Width at a pressure of a half, px.
    pub size: f64,
    /// How much pressure makes of the width, 0 to 1.
    pub thinning: f64,
    /// How far the line stays behind the points, 0 to 1.
    pub streamline: f64,
    /// Distance between points of the outline, in widths.
    pub smoothing: f64,
    /// Where pressure comes from.
    pub pressure: Pressure,
    /// What is made of it.
    pub easing: Easing,
    /// Whether the last point stays where it was drawn.
    pub end: End,
}

/// Where pressure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// The points.
    Measured,
    /// Their speed: the faster, the less.
    Simulated,
}

/// From a share of the width to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Easing {
    /// The same.
    Linear,
    /// A quarter of a sine.
    Sine,
    /// Of a pen: a third of a sine.
    Pen,
}

/// Whether a stroke has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The pen was lifted, or the last segment is straight.
    Complete,
    /// More is to come.
    Open,
}

/// What moves over the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Without pressure.
    Mouse,
    /// With pressure.
    Pen,
}

impl Settings {
    /// Of a pen stroke in a style, with a width, px.
    pub fn draw(dash: Dash, tool: Tool, width: f64, end: End) -> Self {
        let late = 0.64 + ((width - 9.0) / (16.0 - 9.0)).clamp(0.0, 1.0) * (0.74 - 0.64);
        let plain = Self {
            size: width,
            thinning: 0.0,
            streamline: late,
            smoothing: 0.62,
            pressure: Pressure::Measured,
            easing: Easing::Linear,
            end,
        };
        match (dash, tool) {
            (Dash::Draw, Tool::Mouse) => Self {
                thinning: 0.5,
                pressure: Pressure::Simulated,
                easing: Easing::Sine,
                ..plain
            },
            (Dash::Draw, Tool::Pen) => Self {
                size: 1.0 + 1.2 * width,
                thinning: 0.62,
                streamline: 0.62,
                easing: Easing::Pen,
                ..plain
            },
            _ => plain,
        }
    }

    /// Of a pen stroke of a width, px, for its bounds: how it is dashed or pressed makes no difference.
    pub fn geometry(tool: Tool, width: f64, end: End) -> Self {
        let plain = Self::draw(Dash::Solid, tool, width, end);
        match tool {
            Tool::Mouse => plain,
            Tool::Pen => Self {
                streamline: 0.62,
                ..plain
            },
        }
    }

    /// Of a highlighter of a width, px.
    pub fn highlight(width: f64, end: End) -> Self {
        Self {
            size: width + 1.0,
            thinning: 0.0,
            streamline: 0.5,
            smoothing: 0.5,
            pressure: Pressure::Measured,
            easing: Easing::Sine,
            end,
        }
    }

    fn is_sane(&self) -> bool {
        sane(&[self.size]) && self.size > 0.0
    }
}

impl Easing {
    fn of(self, share: f64) -> f64 {
        match self {
            Self::Linear => share,
            Self::Sine => (share * FRAC_PI_2).sin(),
            Self::Pen => 0.65 * share + 0.35 * (share * FRAC_PI_2).sin(),
        }
    }
}

/// A pen stroke of a shape with that id.
pub fn draw(id: &str, draw: &Draw) -> Drawing {
    let points = points(&draw.stroke);
    let tool = tool(&draw.stroke);
    let base = (stroke_width(draw.size) + 1.0) * draw.stroke.scale;
    let width = match (draw.dash, tool) {
        (Dash::Draw, Tool::Mouse) => dot_width(id, &points, base),
        _ => base,
    };
    let settings = Settings::draw(draw.dash, tool, width, end(&draw.stroke));
    if !(sane(&[width]) && width > 0.0) {
        return Drawing::default();
    }
    let is_filled = draw.is_closed && draw.fill != Fill::None;
    let fill = if is_filled && points.len() > 1 {
        closed_line(&points, &settings)
    } else {
        None
    };
    let ink = match draw.dash {
        Dash::None => None,
        Dash::Draw => outline(&points, &settings).map(Ink::Shape),
        Dash::Solid | Dash::Dashed | Dash::Dotted => {
            let path = if is_filled {
                closed_line(&points, &settings)
            } else {
                open_line(&points, &settings)
            };
            let steps = points.windows(2);
            let length = steps
                .map(|pair| (pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y))
                .sum();
            let pattern = Pattern::of(draw.dash);
            let dashes = pattern.and_then(|pattern| pattern.loose(length, width));
            let line = path.map(|path| Ink::Line {
                path,
                width,
                dashes,
            });
            line.or_else(|| dot(&points, 0.5).map(|path| Ink::Dot { path, width }))
        }
    };
    Drawing { fill, ink }
}

/// A highlighter's stroke of a shape with that id.
pub fn highlight(id: &str, highlight: &Highlight) -> Drawing {
    let points = points(&highlight.stroke);
    let base = highlight_width(highlight.size) * highlight.stroke.scale;
    let width = match tool(&highlight.stroke) {
        Tool::Mouse => dot_width(id, &points, base),
        Tool::Pen => base,
    };
    let settings = Settings::highlight(width, end(&highlight.stroke));
    if !(sane(&[width]) && width > 0.0) {
        return Drawing::default();
    }
    let line = open_line(&points, &settings).map(|path| Ink::Line {
        path,
        width,
        dashes: None,
    });
    let ink = line.or_else(|| dot(&points, 0.1).map(|path| Ink::Dot { path, width }));
    Drawing { fill: None, ink }
}

/// What bounds of a pen stroke go by: its centre line, or around a dot.
pub fn draw_geometry(draw: &Draw) -> Vec<Point> {
    let points = points(&draw.stroke);
    let width = (stroke_width(draw.size) + 1.0) * draw.stroke.scale;
    let settings = Settings::geometry(tool(&draw.stroke), width, end(&draw.stroke));
    around_dot(&draw.stroke, &points, width).unwrap_or_else(|| centre(&points, &settings))
}

/// What bounds of a highlighter's stroke go by: an outline of its line, or around a dot.
pub fn highlight_geometry(highlight: &Highlight) -> Vec<Point> {
    let points = points(&highlight.stroke);
    let width = highlight_width(highlight.size) * highlight.stroke.scale;
    around_dot(&highlight.stroke, &points, width / 2.0)
        .unwrap_or_else(|| polygon(&points, &Settings::highlight(width, end(&highlight.stroke))))
}

/// The corners around a stroke that is no longer than a dot of this radius, px.
fn around_dot(stroke: &Stroke, points: &[InkPoint], radius: f64) -> Option<Vec<Point>> {
    let at = |point: &InkPoint| Point::new(point.x, point.y);
    let bounds = super::outline::around(points.iter().map(at))?;
    let is_dot = bounds.width() < 2.0 * radius && bounds.height() < 2.0 * radius;
    let around = Vec2::splat(radius);
    let first = points.first().map(at)?;
    let is_dot = is_dot && stroke.segments.len() == 1 && sane(&[radius]);
    is_dot.then(|| vec![first - around, first + around])
}

/// Width of the highlighter's line before `scale`, px: a little more than a line of text of that size.
pub fn highlight_width(size: Size) -> f64 {
    let font = match size {
        Size::S => 18.0,
        Size::M => 24.0,
        Size::L => 36.0,
        Size::Xl => 44.0,
    };
    1.12 * font
}

/// The centre line through points.
pub fn centre(points: &[InkPoint], settings: &Settings) -> Vec<Point> {
    if !settings.is_sane() {
        return Vec::new();
    }
    centre::ingest(points, settings)
        .iter()
        .map(|it| it.at)
        .collect()
}

/// The centre line as an open path. `None` for less than two points.
pub fn open_line(points: &[InkPoint], settings: &Settings) -> Option<Path> {
    paths::open(&centre(points, settings))
}

/// The centre line as a closed path. `None` for less than two points.
pub fn closed_line(points: &[InkPoint], settings: &Settings) -> Option<Path> {
    paths::closed(&centre(points, settings))
}

/// The outline of a stroke whose width follows the pressure. `None` without points.
pub fn outline(points: &[InkPoint], settings: &Settings) -> Option<Path> {
    if !settings.is_sane() {
        return None;
    }
    let centre = centre::ingest(points, settings);
    paths::outline(&centre, settings)
}

/// A polygon around a stroke of even width. Its bounds are those that the editor takes for a highlighter's stroke, whose
/// elbows it does not care for.
pub fn polygon(points: &[InkPoint], settings: &Settings) -> Vec<Point> {
    if !settings.is_sane() {
        return Vec::new();
    }
    tracks::polygon(&centre::ingest(points, settings), settings)
}

/// A circle around the first point. `None` without points.
fn dot(points: &[InkPoint], radius: f64) -> Option<Path> {
    let first = points.first()?;
    paths::circle(Point::new(first.x, first.y), radius)
}

/// A single point has a width of its own, so that no two dots look alike.
fn dot_width(id: &str, points: &[InkPoint], width: f64) -> f64 {
    match points {
        [_] => width + Random::seeded(&[id]).number() * width / 6.0,
        _ => width,
    }
}

fn tool(stroke: &Stroke) -> Tool {
    if stroke.is_pen {
        Tool::Pen
    } else {
        Tool::Mouse
    }
}

fn end(stroke: &Stroke) -> End {
    let last = stroke.segments.last().map(|segment| segment.kind);
    if stroke.is_complete || last == Some(SegmentKind::Straight) {
        End::Complete
    } else {
        End::Open
    }
}
