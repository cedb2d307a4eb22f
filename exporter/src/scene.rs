//! A picture before it is written: what is drawn where, in order.
//!
//! Knows paths, colors and places in px; no boards, no fonts and no file formats. The rule: a scene is complete, so that
//! every writer makes the same picture of it without asking anyone. What letters are written with goes along with their
//! paths, for a writer that can embed fonts.

use std::sync::Arc;

use kurbo::{Affine, Rect};

use crate::geometry::dash::DashArray;
use crate::geometry::path::{Element, Path, Rounding};
use crate::picture::PictureProblem;
use crate::text::Run;
use crate::theme::Rgba;

/// A whole picture.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What of the page it shows, px.
    pub view: Rect,
    /// Width and height, px of the picture.
    pub size: (f64, f64),
    /// Behind everything; `None` for nothing.
    pub background: Option<Rgba>,
    /// What the gaps of hatched fills show.
    pub paper: Rgba,
    /// Polygons that layers are clipped to, in page space.
    pub clips: Vec<Path>,
    /// Data URLs of the pictures that marks show.
    pub pictures: Vec<Arc<str>>,
    /// What had to be left out.
    pub remarks: Vec<Remark>,
    /// From the bottom up.
    pub layers: Vec<Layer>,
}

/// Something that is not as it should be in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// A picture was left out.
    Picture {
        /// The id of its shape.
        shape: String,
        /// Why.
        problem: PictureProblem,
    },
    /// Characters that no font has are drawn as boxes.
    Characters(Vec<char>),
}

/// What is drawn for one shape.
#[derive(Debug, Clone)]
pub struct Layer {
    /// From its space to the page's.
    pub transform: Affine,
    /// 0 to 1, of each shape: marks of one layer do not show through each other.
    pub opacity: f64,
    /// Index into the scene's clips: only what lies in it shows.
    pub clip: Option<usize>,
    /// From the bottom up.
    pub marks: Vec<Mark>,
}

/// Something drawn.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A path, filled or stroked.
    Path(PathMark),
    /// One of the scene's pictures.
    Picture(PictureMark),
    /// The shadow of a box.
    Shadow(Shadow),
    /// Marks in a space of their own.
    Group(Group),
}

/// A path, filled or stroked or both.
#[derive(Debug, Clone)]
pub struct PathMark {
    /// SVG path data, px.
    pub data: String,
    /// Around it, not always close, px.
    pub hull: Rect,
    /// Drawn first.
    pub fill: Option<Fill>,
    /// Round caps and joins.
    pub stroke: Option<Stroke>,
    /// 0 to 1.
    pub opacity: f64,
    /// The letters whose outlines it is, exactly.
    pub letters: Option<Arc<Run>>,
}

/// What a path is filled with, by the nonzero rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// A color.
    Plain(Rgba),
    /// The scene's paper with slits in it.
    Hatch,
}

/// How a path is stroked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Its color.
    pub color: Rgba,
    /// px.
    pub width: f64,
    /// The pattern along it; none for a whole line.
    pub dashes: Option<DashArray>,
    /// Whether it covers the fill.
    pub order: Order,
}

/// Which of fill and stroke covers the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As SVG has it.
    StrokeAbove,
    /// A stroke that only shows around the fill.
    StrokeBelow,
}

/// A picture in its place.
#[derive(Debug, Clone)]
pub struct PictureMark {
    /// Index into the scene's pictures.
    pub picture: usize,
    /// From the unit square, that the picture fills, to the space of the mark.
    pub place: Affine,
}

/// The shadow of a box: what is drawn of it, and what it stands for.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// The rim, all of it that shows.
    pub rim: Vec<PictureMark>,
    /// The blurred boxes that the rim is a picture of.
    pub casts: Vec<Cast>,
}

/// A black box, blurred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cast {
    /// What is blurred, px.
    pub rect: Rect,
    /// Standard deviation of the blur, px.
    pub deviation: f64,
    /// 0 to 1.
    pub opacity: f64,
}

/// Marks in a space of their own.
#[derive(Debug, Clone)]
pub struct Group {
    /// From their space to the space around.
    pub transform: Affine,
    /// Only what lies in this shows, by the nonzero rule; in the space of the marks.
    pub clip: Option<Path>,
    /// What is written there, for those who cannot see it.
    pub words: Option<String>,
    /// From the bottom up.
    pub marks: Vec<Mark>,
}

impl PathMark {
    /// A path without fill or stroke yet.
    pub fn new(path: &Path, rounding: Rounding) -> Self {
        Self {
            data: path.to_svg(rounding),
            hull: hull(path),
            fill: None,
            stroke: None,
            opacity: 1.0,
            letters: None,
        }
    }

    /// Whether it is painted once: nothing of it shows through another part of it.
    pub fn is_single(&self) -> bool {
        self.fill.is_some() != self.stroke.is_some()
    }

    /// With this fill.
    pub fn filled(self, fill: Fill) -> Self {
        Self {
            fill: Some(fill),
            ..self
        }
    }

    /// With this stroke.
    pub fn stroked(self, color: Rgba, width: f64, dashes: Option<DashArray>) -> Self {
        let order = Order::StrokeAbove;
        let stroke = Stroke {
            color,
            width,
            dashes,
            order,
        };
        Self {
            stroke: Some(stroke),
            ..self
        }
    }
}

impl Layer {
    /// Around all that it draws, not always close, on the page. `None` when it draws nothing.
    pub fn hull(&self) -> Option<Rect> {
        let hulls = self.marks.iter().filter_map(Mark::hull);
        let hull = hulls.reduce(|rect, more| rect.union(more))?;
        Some(self.transform.transform_rect_bbox(hull))
    }
}

impl Mark {
    /// Around it, not always close, in the space that it is in. `None` when it draws nothing.
    fn hull(&self) -> Option<Rect> {
        match self {
            Self::Path(path) => {
                let out = path.stroke.map_or(0.0, |stroke| stroke.width / 2.0);
                Some(path.hull.inflate(out, out))
            }
            Self::Picture(it) => {
                let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
                Some(it.place.transform_rect_bbox(unit))
            }
            Self::Shadow(it) => {
                let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
                let rim = it
                    .rim
                    .iter()
                    .map(|part| part.place.transform_rect_bbox(unit));
                rim.reduce(|rect, more| rect.union(more))
            }
            Self::Group(it) => {
                let hulls = it.marks.iter().filter_map(Self::hull);
                let hull = hulls.reduce(|rect, more| rect.union(more))?;
                Some(it.transform.transform_rect_bbox(hull))
            }
        }
    }
}

/// Around all points of a path, those that only pull at it included.
fn hull(path: &Path) -> Rect {
    let mut rect: Option<Rect> = None;
    let mut add = |points: &[kurbo::Point]| {
        for point in points {
            let at = Rect::from_points(*point, *point);
            rect = Some(rect.map_or(at, |rect| rect.union(at)));
        }
    };
    for element in path.elements() {
        match *element {
            Element::Move(to) | Element::Line(to) => add(&[to]),
            Element::Quad(one, to) => add(&[one, to]),
            Element::Cubic(one, two, to) => add(&[one, two, to]),
            Element::Arc(arc) => {
                let out = kurbo::Vec2::splat(2.0 * arc.radius);
                add(&[arc.to - out, arc.to + out]);
            }
            Element::Close => {}
        }
    }
    rect.unwrap_or_default()
}
