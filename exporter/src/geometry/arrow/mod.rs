//! Arrows: where their bodies run and what is drawn of them.
//!
//! An arrow is handed its two ends, each with the outline of what it is tied to, all in the arrow's own space; [`route`] finds
//! the body (of those with right angles [`elbow::route`] does), [`Body`] says what is drawn of it, [`heads`] draws its ends and [`clip`] what of the body shows. It knows no
//! boards, no bindings and no text. The rule: stored ends of tied arrows are stale, so whoever calls works out the terminals
//! first, with [`Relation`], [`aims`] and [`anchor`].

mod arc;
pub mod clip;
pub mod elbow;
mod grid;
pub mod heads;
mod hits;
pub mod label;
mod straight;

use kurbo::{Point, Rect};
use scrible_board::style::{Arrowhead, Size};

use super::outline::{EllipseArc, Ends, Freedom, Outline, Role, Subpath};
use super::path::{ArcPart, Turn};
use super::{sane, sane_point, stroke_width};

pub use arc::Arc;

/// An arrow that is straight or an arc, in its own space.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow<'a> {
    /// Where it comes from.
    pub start: End<'a>,
    /// Where it goes.
    pub end: End<'a>,
    /// What the two targets are to each other.
    pub relation: Relation,
    /// How far the middle is from the straight line, px, signed.
    pub bend: f64,
    /// Stroke width.
    pub size: Size,
    /// Multiplies stroke, gaps and heads.
    pub scale: f64,
}

/// An end of an arrow before it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct End<'a> {
    /// The end that is stored, or where a tie aims at.
    pub point: Point,
    /// What stands there.
    pub head: Arrowhead,
    /// What it is tied to.
    pub target: Option<Target<'a>>,
}

/// What an end is tied to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target<'a> {
    /// Its outline, flattened; labels and inner lines left out.
    pub outline: &'a [Point],
    /// Whether the outline has an inside.
    pub ends: Ends,
    /// Where the end stops.
    pub stop: Stop,
    /// Width of its stroke before its scale, px; zero for what has none.
    pub stroke: f64,
    /// What of it shows, a polygon; `None` for all.
    pub clip: Option<&'a [Point]>,
}

/// Where a tied end stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Before the outline.
    Outline,
    /// At the very point that it aims at.
    Point,
}

/// What the targets of the two ends are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Neither is in the other, or not both ends are tied.
    Safe,
    /// They are the same shape.
    Same,
    /// The target of the end lies within that of the start.
    StartContainsEnd,
    /// The target of the start lies within that of the end.
    EndContainsStart,
}

/// Where in its target a tied end aims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// At the anchor.
    Anchor,
    /// At the centre, whatever the anchor.
    Centre,
}

/// Where an arrow runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Straight.
    Straight {
        /// From here.
        start: Point,
        /// To there.
        end: Point,
    },
    /// Along a circle.
    Arc(Arc),
    /// Along straight legs with right angles between them, from the first point to the last, at least two.
    Elbow(Vec<Point>),
}

/// The gap between an arrow and what it is tied to, px.
const GAP: f64 = 10.0;

/// What the outline of a text has more at its left and right for an end without a head, px.
pub const TEXT_PADDING: f64 = 10.0;

/// What is less bent is straight, px.
const LEAST_BEND: f64 = 8.0;

impl Relation {
    /// Of two different targets with these bounds on their page.
    pub fn between(start: Rect, end: Rect) -> Self {
        let within = |outer: Rect, inner: Rect| {
            outer.x0 < inner.x0 && outer.y0 < inner.y0 && outer.x1 > inner.x1 && outer.y1 > inner.y1
        };
        if within(start, end) {
            Self::StartContainsEnd
        } else if within(end, start) {
            Self::EndContainsStart
        } else {
            Self::Safe
        }
    }
}

/// Where the two ends aim, from what their ties say: where targets overlap, the anchor counts in any case.
pub fn aims(relation: Relation, [start, end]: [Aim; 2]) -> [Aim; 2] {
    match relation {
        Relation::Safe => [start, end],
        Relation::Same => [Aim::Anchor, Aim::Anchor],
        Relation::StartContainsEnd => [Aim::Anchor, end],
        Relation::EndContainsStart => [start, Aim::Anchor],
    }
}

/// The point that a tie aims at in the bounds of its target. An anchor is given in shares of them.
pub fn anchor(bounds: Rect, anchor: Point, aim: Aim) -> Point {
    if aim == Aim::Centre {
        return bounds.center();
    }
    let share = |share: f64| share.clamp(0.001, 0.999);
    Point::new(
        bounds.x0 + bounds.width() * share(anchor.x),
        bounds.y0 + bounds.height() * share(anchor.y),
    )
}

/// Where an arrow runs. `None` when it has no length, or a number is not finite.
pub fn route(arrow: &Arrow<'_>) -> Option<Body> {
    let ends = [&arrow.start, &arrow.end];
    let targets = ends.iter().filter_map(|end| end.target.as_ref());
    let are_sane = targets.clone().all(|target| {
        let clip = target.clip.unwrap_or_default();
        sane(&[target.stroke])
            && target
                .outline
                .iter()
                .chain(clip)
                .all(|point| sane_point(*point))
    });
    let is_sane = are_sane
        && sane(&[arrow.bend, arrow.scale])
        && ends.iter().all(|end| sane_point(end.point));
    if !is_sane {
        return None;
    }
    let arc = (arrow.bend.abs() >= LEAST_BEND * arrow.scale)
        .then(|| arc::route(arrow))
        .flatten();
    let body = arc.map_or_else(|| straight::route(arrow), Body::Arc);
    let (start, end) = (body.start(), body.end());
    let is_long = (start.x - end.x).abs() > 1e-4 || (start.y - end.y).abs() > 1e-4;
    (is_long && sane_point(start) && sane_point(end)).then_some(body)
}

impl Arrow<'_> {
    /// Both ends are tied and stop before their outlines.
    fn stops_twice(&self) -> bool {
        self.start.stops() && self.end.stops()
    }

    /// How far each end stays away from its outline, and the least distance of the two ends, px.
    fn gaps(&self) -> ([f64; 2], f64) {
        let width = stroke_width(self.size);
        let mut least = GAP * self.scale;
        let container = match self.relation {
            Relation::Safe => [false, false],
            Relation::Same => [true, true],
            Relation::StartContainsEnd => [true, false],
            Relation::EndContainsStart => [false, true],
        };
        let ends = [(&self.start, container[0]), (&self.end, container[1])];
        let gaps = ends.map(|(end, is_container)| match &end.target {
            Some(target) if end.stops() && !is_container && end.head != Arrowhead::None => {
                let stroke = width / 2.0 + target.stroke / 2.0;
                least += stroke * self.scale;
                (GAP + stroke) * self.scale
            }
            _ => 0.0,
        });
        (gaps, least)
    }
}

impl End<'_> {
    fn stops(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.stop == Stop::Outline)
    }
}

impl Body {
    /// Where it begins.
    pub fn start(&self) -> Point {
        match self {
            Self::Straight { start, .. } => *start,
            Self::Arc(arc) => arc.start,
            Self::Elbow(points) => points.first().copied().unwrap_or_default(),
        }
    }

    /// Where it ends.
    pub fn end(&self) -> Point {
        match self {
            Self::Straight { end, .. } => *end,
            Self::Arc(arc) => arc.end,
            Self::Elbow(points) => points.last().copied().unwrap_or_default(),
        }
    }

    /// px.
    pub fn length(&self) -> f64 {
        match self {
            Self::Straight { start, end } => start.distance(*end),
            Self::Arc(arc) => arc.length,
            Self::Elbow(points) => points
                .windows(2)
                .map(|pair| pair[0].distance(pair[1]))
                .sum(),
        }
    }

    /// As straight lines, for hits, bounds and places along it.
    pub fn flattened(&self) -> Vec<Point> {
        match self {
            Self::Straight { start, end } => vec![*start, *end],
            Self::Arc(arc) => arc.flattened(),
            Self::Elbow(points) => points.clone(),
        }
    }

    /// What is stroked, to be drawn with the arrow's pen and cut by its [`clip`].
    pub fn outline(&self) -> Outline {
        let subpath = match self {
            Self::Straight { start, end } => rigid(*start, |subpath| subpath.line(*end)),
            Self::Arc(arc) => rigid(arc.start, |subpath| subpath.arc(arc.command())),
            Self::Elbow(points) => {
                let Some(mut subpath) = Subpath::open(points) else {
                    return Outline::default();
                };
                subpath.start_freedom = Freedom::Still;
                if let Some(last) = subpath.commands.last_mut() {
                    last.freedom = Freedom::Still;
                }
                subpath
            }
        };
        Outline {
            subpaths: vec![subpath],
        }
    }
}

/// A hand draws these twice as well, but in the same place.
fn rigid(start: Point, draw: impl FnOnce(&mut Subpath)) -> Subpath {
    let mut subpath = Subpath::new(start, Role::Stroke);
    draw(&mut subpath);
    subpath.start_freedom = Freedom::Rigid;
    for command in &mut subpath.commands {
        command.freedom = Freedom::Rigid;
    }
    subpath
}

impl Arc {
    fn command(&self) -> EllipseArc {
        EllipseArc {
            radii: kurbo::Vec2::splat(self.radius),
            part: if self.length > std::f64::consts::PI * self.radius {
                ArcPart::Large
            } else {
                ArcPart::Small
            },
            turn: self.turn,
            to: self.end,
        }
    }

    /// The share of the circle from one angle to another in the arc's direction, radians, 0 to a whole turn.
    fn angle(turn: Turn, from: f64, to: f64) -> f64 {
        let grown = (to - from).rem_euclid(std::f64::consts::TAU);
        match turn {
            Turn::Clockwise => grown,
            Turn::Counterclockwise => std::f64::consts::TAU - grown,
        }
    }
}
