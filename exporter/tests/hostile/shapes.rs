//! Single shapes that nobody drew: whatever is absurd gives nothing, or something finite and bounded.

use kurbo::{Affine, Point, Rect, Size as Extent};
use scrible_board::InkPoint;
use scrible_board::ink::{Draw, Highlight, Segment, Stroke};
use scrible_board::style::{Arrowhead, Color, Dash, Fill, GeoKind, SegmentKind, Size, Spline};
use scrible_exporter::geometry::arrow::elbow::{self, Elbow, ElbowEnd, ElbowTarget};
use scrible_exporter::geometry::arrow::label::{Label, Reserve, place, wrap_width};
use scrible_exporter::geometry::arrow::{
    Aim, Arrow, Body, End, Relation, Stop, Target, anchor, clip, heads, route,
};
use scrible_exporter::geometry::dash::{DashArray, Run};
use scrible_exporter::geometry::geo::{Geo, Mirror};
use scrible_exporter::geometry::ink::{self, Ink};
use scrible_exporter::geometry::line;
use scrible_exporter::geometry::outline::{Ends, Outline};
use scrible_exporter::geometry::path::{Path, Rounding};
use scrible_exporter::geometry::pen::Pen;

/// Elements of one path of a few points: a long straight stroke has the most.
const MOST_ELEMENTS: usize = 40_000;

struct Source(fastrand::Rng);

impl Source {
    fn number(&mut self) -> f64 {
        match self.0.u8(0..24) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => 0.0,
            4 => -0.0,
            5 => f64::MAX,
            6 => f64::MIN_POSITIVE,
            7 => 1e10,
            8 => -1e10,
            9 => 1e-12,
            10 => 1.0,
            11 => 10f64.powf(self.0.f64() * 40.0 - 20.0),
            12 => f64::from_bits(self.0.u64(..)),
            13..16 => (self.0.f64() * 20.0).round() * 10.0,
            _ => self.0.f64() * 600.0 - 200.0,
        }
    }

    /// Mostly what a board has, for absurd numbers everywhere only show that nothing is drawn.
    fn length(&mut self) -> f64 {
        if self.0.u8(0..6) == 0 {
            self.number()
        } else {
            1.0 + self.0.f64() * 400.0
        }
    }

    fn factor(&mut self) -> f64 {
        if self.0.u8(0..6) == 0 {
            self.number()
        } else {
            [0.5, 1.0, 1.7][self.0.usize(0..3)]
        }
    }

    fn point(&mut self) -> Point {
        if self.0.u8(0..8) == 0 {
            Point::new(self.number(), self.number())
        } else {
            Point::new(self.0.f64() * 500.0, self.0.f64() * 500.0)
        }
    }

    fn points(&mut self) -> Vec<Point> {
        (0..self.0.usize(0..12)).map(|_| self.point()).collect()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.usize(0..all.len())]
    }

    fn flag(&mut self) -> bool {
        self.0.bool()
    }
}

/// What was drawn at all: a test that draws nothing shows nothing.
#[derive(Default, Debug)]
struct Drawn {
    runs: usize,
    fills: usize,
    inks: usize,
    bodies: usize,
    labels: usize,
}

fn check_path(path: &Path) {
    assert!(
        path.elements().len() <= MOST_ELEMENTS,
        "{}",
        path.elements().len()
    );
    let bounds = path.bounds().unwrap();
    assert!(bounds.is_finite());
    for rounding in [Rounding::FourDigits, Rounding::Hundredths, Rounding::Full] {
        let svg = path.to_svg(rounding);
        assert!(!svg.contains("NaN") && !svg.contains("nfinity"), "{svg}");
    }
}

fn check_dashes(dashes: DashArray) {
    let all = [dashes.dash, dashes.gap, dashes.offset];
    assert!(all.iter().all(|it| it.is_finite()), "{dashes:?}");
}

fn check_runs(runs: &[Run]) {
    assert!(runs.len() <= MOST_ELEMENTS);
    for run in runs {
        check_path(&run.path);
        if let Some(dashes) = run.dashes {
            check_dashes(dashes);
        }
    }
}

fn check_outline(outline: &Outline, pen: &Pen<'_>, drawn: &mut Drawn) {
    let runs = pen.stroke(outline);
    check_runs(&runs);
    drawn.runs += usize::from(!runs.is_empty());
    if let Some(fill) = pen.fill(outline) {
        check_path(&fill);
        drawn.fills += 1;
    }
}

fn geo(source: &mut Source, drawn: &mut Drawn) -> Vec<Point> {
    let geo = Geo {
        id: source.of(&["", "shape:a", "shape:ñ漢😀"]),
        kind: source.of(GeoKind::ALL),
        w: source.length(),
        h: source.length(),
        mirror: Mirror {
            x: source.flag(),
            y: source.flag(),
        },
        dash: source.of(Dash::ALL),
        size: source.of(Size::ALL),
        scale: source.factor(),
    };
    let outline = geo.outline();
    let mut pen = geo.pen();
    if source.0.u8(0..4) == 0 {
        pen.width = source.number();
    }
    check_outline(&outline, &pen, drawn);
    outline
        .filled()
        .next()
        .map(|it| it.flattened())
        .unwrap_or_default()
}

fn stroke(source: &mut Source) -> Stroke {
    let segments = (0..source.0.usize(0..3)).map(|_| Segment {
        kind: source.of(SegmentKind::ALL),
        points: (0..source.0.usize(0..30))
            .map(|_| {
                let Point { x, y } = source.point();
                InkPoint {
                    x,
                    y,
                    pressure: if source.flag() { 0.5 } else { source.number() },
                }
            })
            .collect(),
    });
    Stroke {
        segments: segments.collect(),
        is_complete: source.flag(),
        is_pen: source.flag(),
        scale: source.factor(),
        scale_x: source.factor(),
        scale_y: source.factor(),
    }
}

fn free_hand(source: &mut Source, drawn: &mut Drawn) {
    let drawing = if source.flag() {
        let draw = Draw {
            stroke: stroke(source),
            color: Color::BLACK,
            fill: source.of(Fill::ALL),
            dash: source.of(Dash::ALL),
            size: source.of(Size::ALL),
            is_closed: source.flag(),
        };
        ink::draw("shape:a", &draw)
    } else {
        let highlight = Highlight {
            stroke: stroke(source),
            color: Color::BLACK,
            size: source.of(Size::ALL),
        };
        ink::highlight("shape:a", &highlight)
    };
    if let Some(fill) = &drawing.fill {
        check_path(fill);
        drawn.fills += 1;
    }
    match &drawing.ink {
        None => return,
        Some(Ink::Shape(path)) => check_path(path),
        Some(Ink::Line {
            path,
            width,
            dashes,
        }) => {
            check_path(path);
            assert!(width.is_finite() && *width >= 0.0);
            if let Some(dashes) = dashes {
                check_dashes(*dashes);
            }
        }
        Some(Ink::Dot { path, width }) => {
            check_path(path);
            assert!(width.is_finite() && *width >= 0.0);
        }
    }
    drawn.inks += 1;
}

fn arrow(source: &mut Source, drawn: &mut Drawn) {
    let outlines = [geo(source, drawn), source.points()];
    let clips = [source.points(), source.points()];
    let ends = [0, 1].map(|_| {
        let at = source.0.usize(0..2);
        let target = source.flag().then(|| Target {
            outline: &outlines[at],
            ends: source.of(&[Ends::Open, Ends::Closed]),
            stop: source.of(&[Stop::Outline, Stop::Point]),
            stroke: source.length(),
            clip: source.flag().then_some(&clips[at][..]),
        });
        End {
            point: source.point(),
            head: source.of(Arrowhead::ALL),
            target,
        }
    });
    let [start, end] = ends;
    let kinds = [start.head, end.head];
    let arrow = Arrow {
        start,
        end,
        relation: source.of(&[
            Relation::Safe,
            Relation::Same,
            Relation::StartContainsEnd,
            Relation::EndContainsStart,
        ]),
        bend: if source.flag() { 0.0 } else { source.number() },
        size: source.of(Size::ALL),
        scale: source.factor(),
    };
    let body = match source.0.u8(0..6) {
        0 => Some(Body::Elbow(source.points())),
        1 | 2 => elbow(source, &outlines[0], kinds),
        _ => route(&arrow),
    };
    let Some(body) = body else {
        return;
    };
    let pen = Pen {
        dash: source.of(Dash::ALL),
        width: source.length(),
        seed: "shape:a",
    };
    check_outline(&body.outline(), &pen, drawn);
    let which = [heads::Which::Start, heads::Which::End];
    let heads: Vec<_> = which
        .into_iter()
        .zip(kinds)
        .filter_map(|(which, kind)| heads::head(&body, which, kind, pen.width))
        .collect();
    for head in &heads {
        check_path(&head.path);
    }
    let label = Label {
        size: Extent::new(source.length(), source.length()),
        position: source.number(),
        ends: [Reserve::Kept, source.of(&[Reserve::Kept, Reserve::Free])],
        stroke: arrow.size,
        scale: arrow.scale,
    };
    let place = place(&body, &label);
    assert!(place.is_none_or(|place| place.is_finite()));
    drawn.labels += usize::from(place.is_some());
    if let Some(clip) = clip::clip(&body, place, &heads, arrow.scale) {
        check_path(&clip);
    }
    let _ = wrap_width(&body, source.number(), source.number());
    let bounds = Rect::from_points(source.point(), source.point());
    let _ = anchor(
        bounds,
        source.point(),
        source.of(&[Aim::Anchor, Aim::Centre]),
    );
    drawn.bodies += 1;
}

fn elbow(source: &mut Source, outline: &[Point], [one, two]: [Arrowhead; 2]) -> Option<Body> {
    let mut end = |head| ElbowEnd {
        aim: source.point(),
        head,
        target: source.flag().then(|| ElbowTarget {
            bounds: Rect::from_points(source.point(), source.point()),
            side: elbow::side(Point::new(source.0.f64(), source.0.f64())).filter(|_| source.flag()),
            outline,
            stop: source.of(&[Stop::Outline, Stop::Point]),
            stroke: source.length(),
        }),
    };
    let (start, end) = (end(one), end(two));
    let elbow = Elbow {
        start,
        end,
        middle: source.number(),
        size: source.of(Size::ALL),
        scale: source.factor(),
    };
    let body = elbow::route(&elbow)?;
    let points = body.flattened();
    assert!((2..100).contains(&points.len()), "{}", points.len());
    Some(body)
}

fn path(source: &mut Source, path: &Path) {
    let by = Affine::new(std::array::from_fn(|_| source.number()));
    for transform in [
        by,
        Affine::rotate(source.number()),
        Affine::scale(source.number()),
    ] {
        if let Some(path) = path.transformed(transform) {
            check_path(&path);
        }
    }
    assert!(path.length().is_finite());
    let at = path.at(source.number());
    assert!(at.is_none_or(|at| at.is_finite()));
}

#[test]
fn twenty_thousand_absurd_shapes_are_drawn_bounded_or_not_at_all() {
    let mut source = Source(fastrand::Rng::with_seed(7));
    let mut drawn = Drawn::default();
    for at in 0..20_000 {
        match at % 4 {
            0 => {
                let outline = Outline::polygon(&geo(&mut source, &mut drawn));
                if at % 16 == 0
                    && let Some(plain) = outline
                        .plain()
                        .filter(|it| (1..200).contains(&it.elements().len()))
                {
                    path(&mut source, &plain);
                }
            }
            1 => {
                let points = source.points();
                let outline = line::outline(&points, source.of(Spline::ALL));
                let pen = Pen {
                    dash: source.of(Dash::ALL),
                    width: source.length(),
                    seed: "shape:a",
                };
                check_outline(&outline, &pen, &mut drawn);
            }
            2 => free_hand(&mut source, &mut drawn),
            _ => arrow(&mut source, &mut drawn),
        }
    }
    // A third or more of each kind is drawn, or the numbers were too absurd to show anything.
    let Drawn {
        runs,
        fills,
        inks,
        bodies,
        labels,
    } = drawn;
    assert!(runs > 5_000 && fills > 2_000 && inks > 2_000, "{drawn:?}");
    assert!(bodies > 1_500 && labels > 1_000, "{drawn:?}");
}
