//! An outline: what geometric shapes, lines and arrow bodies are made of before a style is laid over it.
//!
//! Knows straight lines and cubics, where a sub-path closes, which of its parts a drawn style may move, and how it is
//! flattened for hits; no widths and no random numbers. The rule: the order of the commands is the order in which random
//! numbers are spent, so it is part of the shape.

use std::f64::consts::FRAC_PI_2;

use kurbo::{CubicBez, Line, ParamCurve, ParamCurveDeriv, Point, Rect, Vec2};

pub use super::ellipse::EllipseArc;

use super::ellipse::Centred;
use super::path::{Element, Path};
use super::unit;

/// Sub-paths of one shape. What is filled comes first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    /// In order.
    pub subpaths: Vec<Subpath>,
}

/// A run of lines and cubics from a start.
#[derive(Debug, Clone, PartialEq)]
pub struct Subpath {
    /// Where it begins.
    pub start: Point,
    /// How far a drawn style may move the start.
    pub start_freedom: Freedom,
    /// In order; the last one of a closed sub-path leads back to the start.
    pub commands: Vec<Command>,
    /// Whether the last command closes it.
    pub ends: Ends,
    /// What it is besides a stroke.
    pub role: Role,
    /// How dashes begin and end; `None` for the usual way.
    pub dash_ends: [Option<DashEnd>; 2],
}

/// A line or a cubic from where the command before ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Command {
    /// Where it ends.
    pub to: Point,
    /// How it goes there.
    pub kind: CommandKind,
    /// How far a drawn style may move its end.
    pub freedom: Freedom,
}

/// How a command goes to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CommandKind {
    /// Straight.
    Line,
    /// Over two control points.
    Cubic {
        /// Both control points.
        controls: [Point; 2],
        /// Where the curve comes from.
        piece: Piece,
        /// Straight pieces for hits.
        flat: usize,
    },
}

/// Where a cubic comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// It stands for itself or begins an arc.
    First,
    /// It goes on with the arc of the cubic before: dashes run through.
    Continued,
}

/// Whether a sub-path is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Two ends.
    Open,
    /// The last command leads to the start.
    Closed,
}

/// What a sub-path is besides a stroke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Filled, and what arrows stop at.
    Filled,
    /// A stroke only.
    Stroke,
}

/// What a drawn style may do to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freedom {
    /// Move it and round it off.
    Free,
    /// Round it off.
    Still,
    /// Nothing.
    Rigid,
}

/// How a run of dashes begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DashEnd {
    /// With half a dash beyond the end.
    Outset,
    /// Without a dash.
    Skip,
    /// With a dash.
    Flush,
}

/// Length and directions of a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// px.
    pub(super) length: f64,
    /// At the start. Of a line: backwards; of a cubic: forwards.
    pub(super) start: Vec2,
    /// At the end: backwards.
    pub(super) end: Vec2,
}

impl Outline {
    /// A closed shape with straight sides.
    pub fn polygon(points: &[Point]) -> Self {
        let subpath = points.split_first().map(|(first, rest)| {
            let mut subpath = Subpath::new(*first, Role::Filled);
            for point in rest {
                subpath.line(*point);
            }
            subpath.close();
            subpath
        });
        Self {
            subpaths: subpath.into_iter().collect(),
        }
    }

    /// Without any style, as one path. `None` when it is not finite.
    pub fn plain(&self) -> Option<Path> {
        Path::new(self.subpaths.iter().flat_map(Subpath::elements).collect())
    }

    /// What is filled, without any style.
    pub fn plain_fill(&self) -> Option<Path> {
        let filled = self.filled().flat_map(Subpath::elements).collect();
        Path::new(filled).filter(|path| !path.is_empty())
    }

    /// The sub-paths that are filled.
    pub fn filled(&self) -> impl Iterator<Item = &Subpath> {
        self.subpaths
            .iter()
            .filter(|subpath| subpath.role == Role::Filled)
    }

    /// Around it as it is flattened for hits, which is what the editor takes for the bounds of a shape, px. `None` when it is
    /// empty.
    pub fn bounds(&self) -> Option<Rect> {
        around(self.subpaths.iter().flat_map(Subpath::flattened))
    }

    /// All points through a function, in place.
    pub fn map(&mut self, mut by: impl FnMut(Point) -> Point) {
        for subpath in &mut self.subpaths {
            subpath.start = by(subpath.start);
            for command in &mut subpath.commands {
                command.to = by(command.to);
                if let CommandKind::Cubic { controls, .. } = &mut command.kind {
                    *controls = controls.map(&mut by);
                }
            }
        }
    }
}

impl Subpath {
    /// One that has only a start yet.
    pub fn new(start: Point, role: Role) -> Self {
        Self {
            start,
            start_freedom: Freedom::Free,
            commands: Vec::new(),
            ends: Ends::Open,
            role,
            dash_ends: [None, None],
        }
    }

    /// An open stroke through points; `None` when there are none.
    pub fn open(points: &[Point]) -> Option<Self> {
        let (first, rest) = points.split_first()?;
        let mut subpath = Self::new(*first, Role::Stroke);
        for point in rest {
            subpath.line(*point);
        }
        Some(subpath)
    }

    /// Where it has come to.
    pub fn end(&self) -> Point {
        self.commands
            .last()
            .map_or(self.start, |command| command.to)
    }

    /// Goes straight to a point.
    pub fn line(&mut self, to: Point) {
        self.push(to, CommandKind::Line);
    }

    /// Goes to a point over two control points.
    pub fn cubic(&mut self, controls: [Point; 2], to: Point) {
        let flat = FLAT_PIECES;
        let piece = Piece::First;
        self.push(
            to,
            CommandKind::Cubic {
                controls,
                piece,
                flat,
            },
        );
    }

    /// Goes to a point over an arc, in at most four cubics.
    pub fn arc(&mut self, arc: EllipseArc) {
        let from = self.end();
        let Some(arc) = Centred::new(from, arc) else {
            if from != arc.to {
                self.line(arc.to);
            }
            return;
        };
        let pieces = (arc.sweep.abs() / FRAC_PI_2).ceil().clamp(1.0, 4.0);
        let step = arc.sweep / pieces;
        let handle = 4.0 / 3.0 * (step / 4.0).tan();
        let long = arc.radii.x.max(arc.radii.y) * arc.sweep.abs();
        let flat = ((long / 20.0).ceil().clamp(8.0, MOST_FLAT) / pieces).ceil() as usize;
        for at in 0..pieces as usize {
            let begin = arc.start + step * at as f64;
            let end = begin + step;
            let controls = [
                arc.at(begin) + arc.direction(begin) * handle,
                arc.at(end) - arc.direction(end) * handle,
            ];
            let piece = if at == 0 {
                Piece::First
            } else {
                Piece::Continued
            };
            self.push(
                arc.at(end),
                CommandKind::Cubic {
                    controls,
                    piece,
                    flat,
                },
            );
        }
    }

    /// Leads back to the start, unless it is there.
    pub fn close(&mut self) {
        let gap = self.end() - self.start;
        if gap.x.abs() >= CLOSED || gap.y.abs() >= CLOSED || self.commands.is_empty() {
            self.line(self.start);
        }
        self.ends = Ends::Closed;
    }

    /// The commands, each with the point that it begins at.
    pub fn pieces(&self) -> impl Iterator<Item = (Point, &Command)> {
        let ends = self.commands.iter().map(|command| command.to);
        std::iter::once(self.start).chain(ends).zip(&self.commands)
    }

    /// As the elements of a path.
    pub fn elements(&self) -> Vec<Element> {
        let mut elements = vec![Element::Move(self.start)];
        elements.extend(self.commands.iter().map(Command::element));
        if self.ends == Ends::Closed
            && let Some(last @ Element::Line(_)) = elements.last_mut()
        {
            *last = Element::Close;
        }
        elements
    }

    /// As straight lines, for hits. Its first point stands again at the end of a closed one.
    pub fn flattened(&self) -> Vec<Point> {
        let mut points = vec![self.start];
        for (from, command) in self.pieces() {
            if let CommandKind::Cubic { controls, flat, .. } = command.kind {
                let curve = CubicBez::new(from, controls[0], controls[1], command.to);
                points.extend((1..flat).map(|at| curve.eval(at as f64 / flat as f64)));
            }
            points.push(command.to);
        }
        points
    }

    fn push(&mut self, to: Point, kind: CommandKind) {
        self.commands.push(Command {
            to,
            kind,
            freedom: Freedom::Free,
        });
    }
}

impl Command {
    /// As the element of a path.
    pub fn element(&self) -> Element {
        match self.kind {
            CommandKind::Line => Element::Line(self.to),
            CommandKind::Cubic { controls, .. } => {
                Element::Cubic(controls[0], controls[1], self.to)
            }
        }
    }

    pub(super) fn measure(&self, from: Point) -> Measure {
        match self.kind {
            CommandKind::Line => {
                let back = unit(from - self.to);
                let length = Line::new(from, self.to).length();
                Measure {
                    length,
                    start: back,
                    end: back,
                }
            }
            CommandKind::Cubic {
                controls: [one, two],
                ..
            } => Measure {
                length: cubic_length(CubicBez::new(from, one, two, self.to)),
                start: unit(one - from),
                end: unit(two - self.to),
            },
        }
    }
}

/// px in both directions: nearer ends are one.
const CLOSED: f64 = 1e-6;

/// Straight pieces for a cubic that is no arc.
const FLAT_PIECES: usize = 10;

/// Straight pieces for an arc, enough for 10,000 px. Where an arc is longer, they are longer too, and a shape of many arcs
/// still fits into memory.
pub(super) const MOST_FLAT: f64 = 512.0;

/// Abscissae and weights of the estimate that the editor makes, with its few digits: dashes are fitted to this length, not to
/// the true one.
const GAUSS: [(f64, f64); 6] = [
    (0.1252, 0.2491),
    (0.3678, 0.2335),
    (0.5873, 0.2032),
    (0.7699, 0.1601),
    (0.9041, 0.1069),
    (0.9816, 0.0472),
];

fn cubic_length(curve: CubicBez) -> f64 {
    let speed = curve.deriv();
    let mut sum = 0.0;
    for (abscissa, weight) in GAUSS {
        for abscissa in [-abscissa, abscissa] {
            sum += weight * speed.eval((abscissa + 1.0) / 2.0).to_vec2().hypot();
        }
    }
    sum / 2.0
}

/// Around points. `None` without any.
pub(super) fn around(points: impl IntoIterator<Item = Point>) -> Option<Rect> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let start = Rect::from_points(first, first);
    Some(points.fold(start, |rect, at| rect.union_pt(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::path::{ArcPart, Turn};

    fn quarter(part: ArcPart, turn: Turn) -> Subpath {
        let mut subpath = Subpath::new(Point::new(10.0, 0.0), Role::Stroke);
        let radii = Vec2::splat(10.0);
        let to = Point::new(0.0, 10.0);
        subpath.arc(EllipseArc {
            radii,
            part,
            turn,
            to,
        });
        subpath
    }

    fn middle(subpath: &Subpath) -> Point {
        let path = Path::new(subpath.elements()).unwrap();
        path.at(path.length() / 2.0).unwrap()
    }

    #[test]
    fn arcs_take_the_side_and_the_way_that_they_are_told() {
        let s = 50f64.sqrt();
        let cases = [
            (ArcPart::Small, Turn::Clockwise, Point::new(s, s)),
            (ArcPart::Large, Turn::Counterclockwise, Point::new(-s, -s)),
            (
                ArcPart::Small,
                Turn::Counterclockwise,
                Point::new(10.0 - s, 10.0 - s),
            ),
            (
                ArcPart::Large,
                Turn::Clockwise,
                Point::new(10.0 + s, 10.0 + s),
            ),
        ];
        for (part, turn, there) in cases {
            let arc = quarter(part, turn);
            assert!(middle(&arc).distance(there) < 0.02, "{part:?} {turn:?}");
            let pieces = if part == ArcPart::Small { 1 } else { 3 };
            assert_eq!(arc.commands.len(), pieces);
        }
    }

    #[test]
    fn arcs_that_are_none_are_lines_or_nothing() {
        let mut subpath = Subpath::new(Point::ZERO, Role::Stroke);
        let radii = Vec2::new(0.0, 5.0);
        let arc = |to| EllipseArc {
            radii,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to,
        };
        subpath.arc(arc(Point::ZERO));
        assert_eq!(subpath.commands.len(), 0);
        subpath.arc(arc(Point::new(1.0, 1.0)));
        assert_eq!(subpath.commands[0].kind, CommandKind::Line);
        // A radius that does not reach becomes half a circle.
        let radii = Vec2::splat(1.0);
        let to = Point::new(21.0, 1.0);
        subpath.arc(EllipseArc {
            radii,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to,
        });
        let highest = subpath
            .flattened()
            .into_iter()
            .fold(f64::INFINITY, |y, at| y.min(at.y));
        assert!((highest + 9.0).abs() < 1e-2, "{highest}");
    }

    #[test]
    fn closing_adds_a_line_only_where_there_is_a_gap() {
        let mut open = Subpath::new(Point::ZERO, Role::Filled);
        open.line(Point::new(1.0, 0.0));
        open.line(Point::new(0.0, 1.0));
        let mut closed = open.clone();
        closed.line(Point::new(1e-7, 0.0));
        open.close();
        closed.close();
        assert_eq!((open.commands.len(), closed.commands.len()), (3, 3));
        assert_eq!(open.elements().last(), Some(&Element::Close));
    }
}
