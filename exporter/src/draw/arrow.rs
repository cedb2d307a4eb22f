//! Arrows: routed to what they are tied to, and drawn.
//!
//! Knows bindings and the outlines of their targets. The rule: the stored ends of a tied arrow are stale and are not looked
//! at.

use kurbo::{Affine, Point, Rect, Size as Extent};
use scrible_board::connector::{Arrow as Props, Terminal, Tie};
use scrible_board::style::{ArrowKind, Arrowhead, Size};
use scrible_board::{Board, Kind, ShapeIndex};

use super::Painter;
use super::label::{self, Ink, Surround};
use super::place::{Places, around, corners};
use crate::geometry::arrow::clip::clip;
use crate::geometry::arrow::elbow::{self, Elbow, ElbowEnd, ElbowTarget, side};
use crate::geometry::arrow::heads::{Cut, Head, Inside, Which, head};
use crate::geometry::arrow::label::{Label as Slot, PADDING, Reserve, place};
use crate::geometry::arrow::{
    self, Aim, Arrow, Body, End, Relation, Stop, TEXT_PADDING, Target, aims, anchor,
};
use crate::geometry::outline::Ends;
use crate::geometry::path::Rounding;
use crate::geometry::pen::Pen;
use crate::geometry::stroke_width;
use crate::scene::{Group, Mark, PathMark};
use crate::text::Fonts;
use crate::text::label::{Label, arrow_label};

/// An arrow that is drawn, in its own space.
#[derive(Debug, Clone)]
pub struct Routed {
    /// Where it runs.
    pub body: Body,
    /// What stands at its ends.
    pub heads: Vec<Head>,
    /// Its text before its scale, and the box that it is given with its padding.
    pub label: Option<(Label, Rect)>,
}

impl Routed {
    /// What bounds go by.
    pub fn geometry(&self) -> Vec<Point> {
        let mut points = self.body.flattened();
        points.extend(self.label.iter().flat_map(|(_, rect)| corners(*rect)));
        points
    }
}

/// Routes an arrow. `None` when it has no length.
pub(super) fn route(
    board: &Board,
    at: ShapeIndex,
    props: &Props,
    places: &Places<'_>,
    fonts: &Fonts,
) -> Option<Routed> {
    let from_page = board.shape(at).transform.inverse();
    let ends = [
        (&props.start, props.head_start),
        (&props.end, props.head_end),
    ];
    let held = ends.map(|(end, head)| held(board, end, head, places, from_page));
    let body = match props.kind {
        ArrowKind::Arc => bent(props, ends, &held, places),
        ArrowKind::Elbow => angled(props, ends, &held),
    }?;
    let width = stroke_width(props.size) * props.scale;
    let heads = [Which::Start, Which::End].into_iter().zip(ends);
    let heads = heads.filter_map(|(which, (_, kind))| head(&body, which, kind, width));
    let heads = heads.collect();
    let label = labelled(props, &body, held.each_ref().map(Option::is_some), fonts);
    Some(Routed { body, heads, label })
}

/// What an end is tied to, in the arrow's space.
struct Held<'a> {
    tie: &'a Tie,
    outline: Vec<Point>,
    /// In the target's own space.
    bounds: Rect,
    to_arrow: Affine,
    clip: Option<Vec<Point>>,
    /// Stroke width of the target before its scale, and its scale.
    stroke: (f64, f64),
}

fn held<'a>(
    board: &Board,
    end: &'a Terminal,
    head: Arrowhead,
    places: &Places<'_>,
    from_page: Affine,
) -> Option<Held<'a>> {
    let tie = end.tie.as_ref()?;
    let shape = board.shape(tie.to);
    let bounds = places.local_bounds(tie.to)?;
    let to_arrow = from_page * shape.transform;
    let rough = corners(bounds);
    let own: &[Point] = match (&shape.kind, head) {
        (Kind::Text(_), Arrowhead::None) => &corners(bounds.inflate(TEXT_PADDING, 0.0)),
        // Nothing is tied to an arrow, unless by someone who writes records by hand.
        (Kind::Group | Kind::Arrow(_), _) => &rough,
        _ => places.target(tie.to).unwrap_or(&rough),
    };
    let frame = board.clips(tie.to).next();
    let clip = frame.map(|frame| {
        let to_arrow = from_page * board.shape(frame).transform;
        let corners = places.at(frame).outline.iter();
        corners.map(|at| to_arrow * *at).collect()
    });
    Some(Held {
        tie,
        outline: own.iter().map(|at| to_arrow * *at).collect(),
        bounds,
        to_arrow,
        clip,
        stroke: stroke_of(&shape.kind),
    })
}

/// Stroke width before its scale, px, and scale.
fn stroke_of(kind: &Kind) -> (f64, f64) {
    let sized = |size: Size, scale: f64| (stroke_width(size), scale);
    match kind {
        Kind::Geo(it) => sized(it.size, it.scale),
        Kind::Text(it) => sized(it.size, it.scale),
        Kind::Note(it) => sized(it.size, it.scale),
        Kind::Draw(it) => sized(it.size, it.stroke.scale),
        Kind::Highlight(it) => sized(it.size, it.stroke.scale),
        Kind::Line(it) => sized(it.size, it.scale),
        Kind::Arrow(it) => sized(it.size, it.scale),
        _ => (0.0, 1.0),
    }
}

impl Held<'_> {
    fn aim(&self) -> Aim {
        match self.tie.hold.is_precise {
            true => Aim::Anchor,
            false => Aim::Centre,
        }
    }

    fn stop(&self) -> Stop {
        match self.tie.hold.is_exact {
            true => Stop::Point,
            false => Stop::Outline,
        }
    }
}

type Terminals<'a> = [(&'a Terminal, Arrowhead); 2];

fn bent(
    props: &Props,
    ends: Terminals<'_>,
    held: &[Option<Held<'_>>; 2],
    places: &Places<'_>,
) -> Option<Body> {
    let relation = match held {
        [Some(start), Some(end)] if start.tie.to == end.tie.to => Relation::Same,
        [Some(start), Some(end)] => {
            let bounds = |held: &Held<'_>| places.page_bounds(held.tie.to);
            Relation::between(bounds(start)?, bounds(end)?)
        }
        _ => Relation::Safe,
    };
    let aim = |held: &Option<Held<'_>>| held.as_ref().map_or(Aim::Centre, Held::aim);
    let aims = aims(relation, [aim(&held[0]), aim(&held[1])]);
    let [start, end] = [0, 1].map(|at| {
        let (terminal, head) = ends[at];
        let Some(held) = &held[at] else {
            return End {
                point: terminal.point,
                head,
                target: None,
            };
        };
        End {
            point: held.to_arrow * anchor(held.bounds, held.tie.hold.anchor, aims[at]),
            head,
            target: Some(Target {
                outline: &held.outline,
                ends: Ends::Closed,
                stop: held.stop(),
                stroke: held.stroke.0,
                clip: held.clip.as_deref(),
            }),
        }
    });
    arrow::route(&Arrow {
        start,
        end,
        relation,
        bend: props.bend,
        size: props.size,
        scale: props.scale,
    })
}

fn angled(props: &Props, ends: Terminals<'_>, held: &[Option<Held<'_>>; 2]) -> Option<Body> {
    let [start, end] = [0, 1].map(|at| {
        let (terminal, head) = ends[at];
        let Some(held) = &held[at] else {
            return ElbowEnd {
                aim: terminal.point,
                head,
                target: None,
            };
        };
        let hold = &held.tie.hold;
        ElbowEnd {
            aim: held.to_arrow * anchor(held.bounds, hold.anchor, held.aim()),
            head,
            target: Some(ElbowTarget {
                bounds: held.to_arrow.transform_rect_bbox(held.bounds),
                side: hold.is_precise.then(|| side(hold.anchor)).flatten(),
                outline: &held.outline,
                stop: held.stop(),
                stroke: held.stroke.0 * held.stroke.1,
            }),
        }
    });
    elbow::route(&Elbow {
        start,
        end,
        middle: props.elbow_mid_point,
        size: props.size,
        scale: props.scale,
    })
}

fn labelled(
    props: &Props,
    body: &Body,
    is_tied: [bool; 2],
    fonts: &Fonts,
) -> Option<(Label, Rect)> {
    if props.text.is_empty() {
        return None;
    }
    let scale = props.scale;
    let room = around(body.flattened())?;
    let style = label::style(props.font, props.size, label::MIDDLE, label::MIDDLE);
    let room = (room.width() / scale, room.height() / scale);
    let label = arrow_label(fonts, &props.text, &style, room);
    let heads = [props.head_start, props.head_end];
    let ends = [0, 1].map(|at| match is_tied[at] || heads[at] != Arrowhead::None {
        true => Reserve::Kept,
        false => Reserve::Free,
    });
    let slot = Slot {
        size: Extent::new(label.width, label.height) * scale
            + Extent::new(2.0 * PADDING, 2.0 * PADDING) * scale,
        position: props.label_position,
        ends,
        stroke: props.size,
        scale,
    };
    let rect = place(body, &slot)?;
    Some((label, rect))
}

impl Painter<'_> {
    pub(super) fn arrow(&mut self, id: &str, props: &Props, routed: &Routed) -> Vec<Mark> {
        let color = self.theme.shades(&props.color).solid;
        let pen = Pen {
            dash: props.dash,
            width: stroke_width(props.size) * props.scale,
            seed: id,
        };
        let mut marks = Vec::new();
        let box_ = routed.label.as_ref().map(|(_, rect)| *rect);
        let is_cut = box_.is_some() || routed.heads.iter().any(|head| head.cut == Cut::Cut);
        let cut = match is_cut {
            true => clip(&routed.body, box_, &routed.heads, props.scale),
            false => None,
        };
        let runs = pen.stroke(&routed.body.outline()).into_iter();
        let runs = runs.map(|run| {
            let mark = PathMark::new(&run.path, Rounding::FourDigits);
            Mark::Path(mark.stroked(color, pen.width, run.dashes))
        });
        marks.push(Mark::Group(Group {
            transform: Affine::IDENTITY,
            clip: cut,
            words: None,
            marks: runs.collect(),
        }));
        for head in &routed.heads {
            if head.inside == Inside::Filled {
                let inside = || Some(head.path.clone());
                self.filled(props.fill, &props.color, inside, &mut marks);
            }
        }
        for head in &routed.heads {
            let mark = PathMark::new(&head.path, Rounding::Full);
            marks.push(Mark::Path(mark.stroked(color, pen.width, None)));
        }
        if let Some((label, rect)) = &routed.label {
            let ink = Ink {
                color: self.theme.shades(&props.label_color).solid,
                surround: Surround::Outlined,
            };
            let size = Extent::new(label.width, label.height) * props.scale;
            let corner = rect.center() - (size / 2.0).to_vec2();
            let transform = Affine::translate(corner.to_vec2()) * Affine::scale(props.scale);
            marks.extend(self.written(&label.layout, ink, transform));
        }
        marks
    }
}
