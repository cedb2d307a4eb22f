//! Each shape of a page laid out: its text measured, its arrow routed, its outline in its own space.
//!
//! Knows what the geometry of a shape is, which bounds and arrows go by; no colors. The rule: arrows come last, since they
//! are drawn to the outlines of others, and never to one another's.

use std::cell::{Cell, RefCell};
use std::f64::consts::TAU;

use kurbo::{Affine, Ellipse, Point, Rect, Shape as _, Vec2};
use scrible_board::label::{Geo as GeoProps, NOTE_SIDE, Note as NoteProps, Text as TextProps};
use scrible_board::media::Image;
use scrible_board::style::{Dash, Spline};
use scrible_board::{Board, Extent, Kind, Outlines, ShapeIndex};

use super::arrow::{self, Routed};
use super::{Artist, label};
use crate::error::ExportError;
use crate::geometry::geo::{Geo, Mirror};
use crate::geometry::ink::{self, Drawing};
use crate::geometry::line;
use crate::geometry::outline::Outline;
use crate::text::Fonts;
use crate::text::label::{Label, geo_label, note_label, text_shape};

/// Characters of a page. Each takes about a hundred bytes until the picture is done.
const MOST_LETTERS: usize = 4_000_000;

/// How far a shape may reach on its page, px to both sides of zero: a scale that fits is above the least.
const MOST_REACH: f64 = 1e11;

/// Points of outlines that the arrows of a page are held against, in all: a second's work.
const MOST_POINTS: usize = 50_000_000;

/// A shape laid out.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// What its drawing is made of.
    pub body: Body<'a>,
    /// Its geometry, flattened, in its own space: what bounds and arrows go by. Empty for a group.
    pub outline: Vec<Point>,
}

/// What the drawing of a shape is made of.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// A geometric shape, before its scale.
    Geo(PlacedGeo<'a>),
    /// A text, before its scale.
    Text(Label),
    /// A note with its text, if there is any, before its scale.
    Note(Option<Label>),
    /// A stroke.
    Ink(Drawing),
    /// A line.
    Line(Outline),
    /// An arrow; `None` when it has no length.
    Arrow(Option<Routed>),
    /// All else follows from the props.
    Props,
}

/// A geometric shape, before its scale.
#[derive(Debug, Clone)]
pub struct PlacedGeo<'a> {
    /// The shape.
    pub geo: Geo<'a>,
    /// Its outline.
    pub outline: Outline,
    /// Its text, if there is any.
    pub label: Option<Label>,
}

/// The shapes of one page, laid out.
pub struct Places<'a> {
    /// Index of the first.
    first: usize,
    places: Vec<Place<'a>>,
    /// Around each, so that what is looked at often is not measured often. Groups are measured when someone asks.
    bounds: RefCell<Vec<Option<Bounds>>>,
    /// Points of outlines that arrows may still be held against.
    points: Cell<usize>,
    board: &'a Board,
}

/// Around the geometry of a shape, px.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    /// In its own space.
    local: Rect,
    /// On its page.
    page: Rect,
}

impl<'a> Places<'a> {
    /// Lays out all shapes of a page.
    ///
    /// # Errors
    /// When it is told to stop, or when there is more text than is kept.
    pub fn of(board: &'a Board, page: usize, artist: &Artist<'_>) -> Result<Self, ExportError> {
        let mut places = Vec::new();
        let mut bounds = Vec::new();
        let mut letters = 0;
        for at in board.page_shapes(page) {
            artist.stop.check()?;
            let place = place(board, at, artist.fonts);
            letters += place.body.letters();
            if letters > MOST_LETTERS {
                return Err(ExportError::TooMuchText {
                    limit: MOST_LETTERS,
                });
            }
            bounds.push(Bounds::of(board, at, &place.outline));
            places.push(place);
        }
        let mut places = Self {
            first: board.page_shapes(page).next().map_or(0, ShapeIndex::get),
            places,
            bounds: RefCell::new(bounds),
            points: Cell::new(MOST_POINTS),
            board,
        };
        for at in board.page_shapes(page) {
            let Kind::Arrow(arrow) = &board.shape(at).kind else {
                continue;
            };
            artist.stop.check()?;
            let routed = arrow::route(board, at, arrow, &places, artist.fonts);
            let outline = routed.as_ref().map_or_else(
                || vec![arrow.start.point, arrow.end.point],
                Routed::geometry,
            );
            places.put(
                at,
                Place {
                    outline,
                    body: Body::Arrow(routed),
                },
            );
        }
        Ok(places)
    }

    /// A shape of the page.
    ///
    /// # Panics
    /// With a shape of another page.
    pub fn at(&self, at: ShapeIndex) -> &Place<'a> {
        &self.places[at.get() - self.first]
    }

    /// Around the geometry of a shape on its page, px; of a group, around that of its children.
    pub fn page_bounds(&self, at: ShapeIndex) -> Option<Rect> {
        Some(self.bounds(at)?.page)
    }

    /// Around the geometry of a shape in its own space, px.
    pub fn local_bounds(&self, at: ShapeIndex) -> Option<Rect> {
        match &self.board.shape(at).kind {
            // Around the round ones as well, whose corners do not reach all of it.
            Kind::Image(image) => Some(Rect::new(0.0, 0.0, image.w, image.h)),
            _ => Some(self.bounds(at)?.local),
        }
    }

    /// The outline of a shape for an arrow that is tied to it. `None` when arrows have looked at so many points that from here
    /// on they have to do with bounds.
    pub(super) fn target(&self, at: ShapeIndex) -> Option<&[Point]> {
        let outline = &self.at(at).outline;
        let left = self.points.get().checked_sub(outline.len())?;
        self.points.set(left);
        Some(outline)
    }

    fn bounds(&self, at: ShapeIndex) -> Option<Bounds> {
        let number = at.get() - self.first;
        let known = self.bounds.borrow()[number];
        if known.is_some() || self.board.shape(at).kind != Kind::Group {
            return known;
        }
        let bounds = Bounds {
            local: self.board.local_bounds(at, self)?,
            page: self.board.page_bounds(at, self)?,
        };
        self.bounds.borrow_mut()[number] = Some(bounds);
        Some(bounds)
    }

    /// Replaces a place. Groups around it that were measured before grow with it.
    fn put(&mut self, at: ShapeIndex, place: Place<'a>) {
        let shape = self.board.shape(at);
        let bounds = self.bounds.get_mut();
        let around_groups = self.board.ancestors(at);
        let groups = around_groups.take_while(|group| self.board.shape(*group).kind == Kind::Group);
        for group in groups {
            let to_group = self.board.shape(group).transform.inverse() * shape.transform;
            let to_page = shape.transform;
            if let Some(known) = &mut bounds[group.get() - self.first] {
                for point in &place.outline {
                    known.local = known.local.union_pt(to_group * *point);
                    known.page = known.page.union_pt(to_page * *point);
                }
            }
        }
        bounds[at.get() - self.first] = Bounds::of(self.board, at, &place.outline);
        self.places[at.get() - self.first] = place;
    }
}

impl Bounds {
    fn of(board: &Board, at: ShapeIndex, outline: &[Point]) -> Option<Self> {
        let transform = board.shape(at).transform;
        let page = around(outline.iter().map(|at| transform * *at))?;
        let sides = [page.x0, page.y0, page.x1, page.y1];
        // Written so that NaN is too far.
        let is_near = sides.iter().all(|side| side.abs() <= MOST_REACH);
        let local = around(outline.iter().copied())?;
        is_near.then_some(Self { local, page })
    }
}

impl Body<'_> {
    /// Characters that were laid out.
    fn letters(&self) -> usize {
        let label = match self {
            Self::Geo(geo) => geo.label.as_ref(),
            Self::Text(label) => Some(label),
            Self::Note(label) => label.as_ref(),
            _ => None,
        };
        let lines = label.iter().flat_map(|label| &label.layout.lines);
        let runs = lines.flat_map(|line| &line.runs);
        runs.map(|run| run.glyphs.len()).sum()
    }
}

impl Outlines for Places<'_> {
    fn outline(&self, _: &Board, at: ShapeIndex) -> Option<Vec<Point>> {
        Some(self.at(at).outline.clone())
    }
}

/// Around points. `None` without any.
pub(super) fn around(points: impl IntoIterator<Item = Point>) -> Option<Rect> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let start = Rect::from_points(first, first);
    Some(points.fold(start, |rect, point| rect.union_pt(point)))
}

/// The corners of a box, clockwise.
pub(super) fn corners(rect: Rect) -> [Point; 4] {
    [
        Point::new(rect.x0, rect.y0),
        Point::new(rect.x1, rect.y0),
        Point::new(rect.x1, rect.y1),
        Point::new(rect.x0, rect.y1),
    ]
}

fn place<'a>(board: &'a Board, at: ShapeIndex, fonts: &Fonts) -> Place<'a> {
    let shape = board.shape(at);
    match &shape.kind {
        Kind::Geo(geo) => of_geo(&shape.id, geo, fonts),
        Kind::Text(text) => of_text(text, fonts),
        Kind::Note(note) => of_note(note, fonts),
        Kind::Draw(draw) => Place {
            outline: ink::draw_geometry(draw),
            body: Body::Ink(ink::draw(&shape.id, draw)),
        },
        Kind::Highlight(highlight) => Place {
            outline: ink::highlight_geometry(highlight),
            body: Body::Ink(ink::highlight(&shape.id, highlight)),
        },
        Kind::Line(props) => {
            let outline = line::outline(&props.points, props.spline);
            let flat = outline.subpaths.iter().flat_map(|it| it.flattened());
            Place {
                outline: match props.spline {
                    Spline::Line => props.points.clone(),
                    Spline::Cubic => flat.collect(),
                },
                body: Body::Line(outline),
            }
        }
        Kind::Image(Image {
            w,
            h,
            crop: Some(crop),
            ..
        }) if crop.is_circle => Place {
            outline: round(*w, *h),
            body: Body::Props,
        },
        _ => Place {
            outline: match board.extent(at) {
                Extent::Exact(rect) | Extent::Rough(rect) => corners(rect).to_vec(),
                Extent::Children | Extent::Unknown => Vec::new(),
            },
            body: Body::Props,
        },
    }
}

/// How far apart the corners of a round outline are, px, and the least number of them.
const STEP: f64 = 20.0;
const LEAST_CORNERS: f64 = 8.0;

/// The ellipse in a box as the editor flattens it: corners at equal angles from the right on.
fn round(w: f64, h: f64) -> Vec<Point> {
    let ellipse = Ellipse::new((w / 2.0, h / 2.0), (w / 2.0, h / 2.0), 0.0);
    let corners = (ellipse.perimeter(0.1) / STEP).ceil();
    // Lengths of shapes are bounded where they are read, so there are not many.
    let corners = corners.max(LEAST_CORNERS) as u32;
    let turn = TAU / f64::from(corners);
    let at = |corner: u32| {
        let (sin, cos) = (turn * f64::from(corner)).sin_cos();
        ellipse.center() + Vec2::new(cos * w / 2.0, sin * h / 2.0)
    };
    (0..corners).map(at).collect()
}

fn of_geo<'a>(id: &'a str, props: &'a GeoProps, fonts: &Fonts) -> Place<'a> {
    let geo = Geo::of(id, props);
    let outline = geo.outline();
    // Bounds are those of the canvas, where a shape is laid out at its scale.
    let canvas = Geo {
        id,
        kind: props.geo,
        w: props.w,
        h: props.h + props.grow_y,
        mirror: Mirror {
            x: props.flip_x,
            y: props.flip_y,
        },
        dash: Dash::Solid,
        size: props.size,
        scale: props.scale,
    };
    let flat = canvas
        .outline()
        .filled()
        .flat_map(|it| it.flattened())
        .collect();
    let style = label::style(props.font, props.size, props.align, props.vertical_align);
    let label =
        (!props.text.is_empty()).then(|| geo_label(fonts, &props.text, &style, (geo.w, geo.h)));
    Place {
        outline: flat,
        body: Body::Geo(PlacedGeo {
            geo,
            outline,
            label,
        }),
    }
}

fn of_text<'a>(text: &TextProps, fonts: &Fonts) -> Place<'a> {
    let style = label::style(text.font, text.size, text.align, label::MIDDLE);
    let width = (!text.auto_size).then(|| text.w / text.scale);
    let label = text_shape(fonts, &text.text, &style, width);
    let size = Rect::new(0.0, 0.0, label.width, label.height);
    Place {
        outline: corners(Affine::scale(text.scale).transform_rect_bbox(size)).to_vec(),
        body: Body::Text(label),
    }
}

fn of_note<'a>(note: &NoteProps, fonts: &Fonts) -> Place<'a> {
    let style = label::style(note.font, note.size, note.align, note.vertical_align);
    let ratio = note.font_size_adjustment.unwrap_or(1.0);
    let label =
        (!note.text.is_empty()).then(|| note_label(fonts, &note.text, &style, ratio, note.grow_y));
    let size = Rect::new(0.0, 0.0, NOTE_SIDE, NOTE_SIDE + note.grow_y);
    Place {
        outline: corners(Affine::scale(note.scale).transform_rect_bbox(size)).to_vec(),
        body: Body::Note(label),
    }
}
