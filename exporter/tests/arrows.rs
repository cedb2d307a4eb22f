//! The arrows of the editor's own exports against this crate: bodies, heads and what is cut out of bodies.

use std::fs;
use std::path::Path as FilePath;

use kurbo::{Affine, Point, Rect};
use scrible_board::style::{Arrowhead, Dash, GeoKind, Size};
use scrible_exporter::geometry::arrow::elbow::{self, Elbow, ElbowEnd, ElbowTarget, side};
use scrible_exporter::geometry::arrow::heads::{Head, Which, head};
use scrible_exporter::geometry::arrow::label::{Label, Reserve, place};
use scrible_exporter::geometry::arrow::{
    Aim, Arrow, Body, End, Relation, Stop, TEXT_PADDING, Target, aims, anchor, clip, route,
};
use scrible_exporter::geometry::geo::{Geo, Mirror};
use scrible_exporter::geometry::outline::Ends;
use scrible_exporter::geometry::path::{ArcTo, Element, Path, Rounding};
use scrible_exporter::geometry::pen::Pen;
use scrible_exporter::geometry::stroke_width;
use serde_json::Value;

fn data() -> Vec<Value> {
    let mut arrows = read("arrows.json");
    arrows.extend(read("elbows.json"));
    arrows
}

fn read(name: &str) -> Vec<Value> {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn numbers<const N: usize>(value: &Value) -> [f64; N] {
    std::array::from_fn(|at| number(&value[at]))
}

fn point(value: &Value) -> Point {
    let [x, y] = numbers(value);
    Point::new(x, y)
}

fn rect(value: &Value) -> Rect {
    let [x, y, w, h] = numbers(value);
    Rect::new(x, y, x + w, y + h)
}

fn size(value: &Value) -> Size {
    *Size::ALL
        .iter()
        .find(|it| it.name() == text(value))
        .unwrap()
}

fn dash(value: &Value) -> Dash {
    *Dash::ALL
        .iter()
        .find(|it| it.name() == text(value))
        .unwrap()
}

fn head_kind(value: &Value) -> Arrowhead {
    *Arrowhead::ALL
        .iter()
        .find(|it| it.name() == text(value))
        .unwrap()
}

/// A target in the arrow's space.
struct Held {
    outline: Vec<Point>,
    bounds: Rect,
    to_arrow: Affine,
    clip: Option<Vec<Point>>,
}

fn held(arrow: &Value, name: &str) -> Option<Held> {
    let target = arrow["targets"].get(name)?;
    let from_page = Affine::new(numbers(&arrow["m"])).inverse();
    let to_arrow = from_page * Affine::new(numbers(&target["m"]));
    let props = &target["props"];
    let corners = |it: Rect| {
        [
            (it.x0, it.y0),
            (it.x1, it.y0),
            (it.x1, it.y1),
            (it.x0, it.y1),
        ]
    };
    let mut bounds = rect(&target["bounds"]);
    let mut outline = corners(bounds).map(Point::from).to_vec();
    let has_head = arrow["heads"][usize::from(name == "end")] != "none";
    if target["type"] == "text" && !has_head {
        outline = corners(bounds.inflate(TEXT_PADDING, 0.0))
            .map(Point::from)
            .to_vec();
    }
    if target["type"] == "geo" {
        let geo = Geo {
            id: text(&target["id"]),
            kind: *GeoKind::ALL
                .iter()
                .find(|it| it.name() == text(&props["geo"]))
                .unwrap(),
            w: number(&props["w"]),
            h: number(&props["h"]) + number(&props["growY"]),
            mirror: Mirror {
                x: props["flipX"] == true,
                y: props["flipY"] == true,
            },
            dash: dash(&props["dash"]),
            size: size(&props["size"]),
            scale: number(&props["scale"]),
        };
        outline = geo.outline().filled().next().unwrap().flattened();
        let first = Rect::from_points(outline[0], outline[0]);
        bounds = outline.iter().fold(first, |rect, at| rect.union_pt(*at));
    }
    let clip = target.get("clips").map(|clips| {
        let frame = &clips[0];
        let from_frame = from_page * Affine::new(numbers(&frame["m"]));
        let box_ = Rect::new(0.0, 0.0, number(&frame["w"]), number(&frame["h"]));
        corners(box_)
            .map(|at| from_frame * Point::from(at))
            .to_vec()
    });
    let outline = outline.into_iter().map(|at| to_arrow * at).collect();
    Some(Held {
        outline,
        bounds,
        to_arrow,
        clip,
    })
}

fn body(arrow: &Value) -> Option<Body> {
    if arrow["kind"] == "elbow" {
        return elbow_body(arrow);
    }
    let targets = ["start", "end"].map(|name| held(arrow, name));
    let named = |name: &str| arrow["targets"].get(name);
    let relation = match (named("start"), named("end")) {
        (Some(start), Some(end)) if start["id"] == end["id"] => Relation::Same,
        (Some(start), Some(end)) => Relation::between(rect(&start["page"]), rect(&end["page"])),
        _ => Relation::Safe,
    };
    let aim = |name| match named(name) {
        Some(target) if target["isPrecise"] == true => Aim::Anchor,
        _ => Aim::Centre,
    };
    let aims = aims(relation, [aim("start"), aim("end")]);
    let [start, end] = [0, 1].map(|at| {
        let name = ["start", "end"][at];
        let head = head_kind(&arrow["heads"][at]);
        let Some(held) = &targets[at] else {
            return End {
                point: point(&arrow[name]),
                head,
                target: None,
            };
        };
        let target = &arrow["targets"][name];
        let there = anchor(held.bounds, point(&target["anchor"]), aims[at]);
        let stroke = target["props"]
            .get("size")
            .map_or(0.0, |it| stroke_width(size(it)));
        let stop = if target["isExact"] == true {
            Stop::Point
        } else {
            Stop::Outline
        };
        let target = Target {
            outline: &held.outline,
            ends: Ends::Closed,
            stop,
            stroke,
            clip: held.clip.as_deref(),
        };
        End {
            point: held.to_arrow * there,
            head,
            target: Some(target),
        }
    });
    route(&Arrow {
        start,
        end,
        relation,
        bend: number(&arrow["bend"]),
        size: size(&arrow["size"]),
        scale: number(&arrow["scale"]),
    })
}

/// The numbers of a path, whatever stands between them.
fn of_path(path: &str) -> Vec<f64> {
    let parts = path.split(|it: char| it.is_ascii_alphabetic() && it != 'e' || " ,\n".contains(it));
    parts
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().unwrap())
        .collect()
}

fn farthest(one: &[f64], two: &[f64]) -> f64 {
    if one.len() != two.len() {
        return f64::INFINITY;
    }
    one.iter()
        .zip(two)
        .map(|(one, two)| (one - two).abs())
        .fold(0.0, f64::max)
}

/// Half a unit of the fourth digit, to which the editor rounds bodies, for either of the two.
const ROUNDED: f64 = 1.01e-4;

#[test]
fn bodies_are_the_editors() {
    let arrows = data();
    let mut compared = 0;
    for arrow in &arrows {
        let body = body(arrow).unwrap();
        let pen = Pen {
            dash: dash(&arrow["dash"]),
            width: stroke_width(size(&arrow["size"])) * number(&arrow["scale"]),
            seed: text(&arrow["of"]).split_once(' ').unwrap().1,
        };
        let runs = pen.stroke(&body.outline());
        let got: Vec<_> = runs
            .iter()
            .map(|run| run.path.to_svg(Rounding::FourDigits))
            .collect();
        let wanted: Vec<_> = arrow["body"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(got.len(), wanted.len(), "{}", arrow["of"]);
        for (got, wanted) in got.iter().zip(wanted) {
            let apart = farthest(&of_path(got), &of_path(wanted));
            assert!(
                apart <= ROUNDED,
                "{}: {apart}\n   got {got}\nwanted {wanted}",
                arrow["of"]
            );
        }
        compared += usize::from(!got.is_empty());
    }
    assert_eq!((arrows.len(), compared), (306, 286));
}

/// As the editor writes heads: circles have relative ends.
fn of_head(path: &Path) -> Vec<f64> {
    match path.elements() {
        [Element::Move(start), Element::Arc(one), Element::Arc(two)] => {
            let arc = |from: Point, arc: &ArcTo| {
                [
                    arc.radius,
                    arc.radius,
                    0.0,
                    1.0,
                    0.0,
                    arc.to.x - from.x,
                    0.0,
                ]
            };
            let mut numbers = vec![start.x, start.y];
            numbers.extend(arc(*start, one));
            numbers.extend(arc(one.to, two));
            numbers
        }
        _ => of_path(&path.to_svg(Rounding::Full)),
    }
}

fn heads(arrow: &Value, body: &Body) -> Vec<Head> {
    let width = stroke_width(size(&arrow["size"])) * number(&arrow["scale"]);
    let ends = [Which::Start, Which::End].into_iter().enumerate();
    ends.filter_map(|(at, which)| head(body, which, head_kind(&arrow["heads"][at]), width))
        .collect()
}

#[test]
fn heads_are_the_editors() {
    let mut compared = 0;
    for arrow in data() {
        let got = heads(&arrow, &body(&arrow).unwrap());
        // Fills come first and are the same paths.
        let all: Vec<_> = arrow["drawnHeads"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        let wanted = &all[all.len() - got.len()..];
        for (got, wanted) in got.iter().zip(wanted) {
            // Unrounded; ends come from hits on outlines, which are taken in another way.
            let apart = farthest(&of_head(&got.path), &of_path(wanted));
            assert!(
                apart <= 1e-6,
                "{}: {apart}\n   got {:?}\nwanted {wanted}",
                arrow["of"],
                got.path
            );
            compared += 1;
        }
        if arrow["fill"] == "none" {
            assert_eq!(all.len(), got.len(), "{}", arrow["of"]);
        }
    }
    assert_eq!(compared, 324);
}

/// The box of the label in a clip: after the outer box, with round corners.
fn label_box(clip: &str) -> Option<Rect> {
    let corners = clip.contains('C').then(|| of_path(clip))?;
    let hole: Vec<_> = corners[8..8 + 34]
        .chunks(2)
        .map(|it| Point::new(it[0], it[1]))
        .collect();
    let first = Rect::from_points(hole[0], hole[0]);
    Some(hole.iter().fold(first, |rect, at| rect.union_pt(*at)))
}

#[test]
fn what_is_cut_out_of_bodies_is_the_editors() {
    let mut labels = 0;
    for arrow in data() {
        let body = body(&arrow).unwrap();
        let heads = heads(&arrow, &body);
        let wanted = text(&arrow["clip"]);
        let label = label_box(wanted);
        let got = clip::clip(&body, label, &heads, number(&arrow["scale"])).unwrap();
        let got = of_path(&got.to_svg(Rounding::FourDigits));
        // The heads come after the boxes; they are compared unrounded elsewhere.
        let boxes = if label.is_some() { 8 + 34 } else { 8 };
        let apart = farthest(&got[..boxes], &of_path(wanted)[..boxes]);
        // The label's box is known to four digits, and so are its corners, once more.
        assert!(
            apart <= 2.0 * ROUNDED,
            "{}: {apart}\n   got {got:?}\nwanted {wanted}",
            arrow["of"]
        );
        labels += usize::from(label.is_some());
    }
    assert_eq!(labels, 43);
}

#[test]
fn labels_stand_where_the_editor_puts_them() {
    let mut compared = 0;
    for arrow in data() {
        let Some(wanted) = label_box(text(&arrow["clip"])) else {
            continue;
        };
        let body = body(&arrow).unwrap();
        let reserve = |at: usize| {
            let is_tied = arrow["targets"].get(["start", "end"][at]).is_some();
            if is_tied || arrow["heads"][at] != "none" {
                Reserve::Kept
            } else {
                Reserve::Free
            }
        };
        let label = Label {
            size: wanted.size(),
            position: number(&arrow["labelPosition"]),
            ends: [reserve(0), reserve(1)],
            stroke: size(&arrow["size"]),
            scale: number(&arrow["scale"]),
        };
        let got = place(&body, &label).unwrap();
        let apart = got.center().distance(wanted.center());
        assert!(apart <= ROUNDED, "{}: {apart} {label:?}", arrow["of"]);
        compared += 1;
    }
    assert_eq!(compared, 43);
}

fn elbow_body(arrow: &Value) -> Option<Body> {
    let targets = ["start", "end"].map(|name| held(arrow, name));
    let [start, end] = [0, 1].map(|at| {
        let name = ["start", "end"][at];
        let head = head_kind(&arrow["heads"][at]);
        let Some(held) = &targets[at] else {
            return ElbowEnd {
                aim: point(&arrow[name]),
                head,
                target: None,
            };
        };
        let target = &arrow["targets"][name];
        let of_anchor = point(&target["anchor"]);
        let is_precise = target["isPrecise"] == true;
        let aim = if is_precise { Aim::Anchor } else { Aim::Centre };
        let props = &target["props"];
        let stroke = props
            .get("size")
            .map_or(0.0, |it| stroke_width(size(it)) * number(&props["scale"]));
        ElbowEnd {
            aim: held.to_arrow * anchor(held.bounds, of_anchor, aim),
            head,
            target: Some(ElbowTarget {
                bounds: held.to_arrow.transform_rect_bbox(held.bounds),
                side: is_precise.then(|| side(of_anchor)).flatten(),
                outline: &held.outline,
                stop: if target["isExact"] == true {
                    Stop::Point
                } else {
                    Stop::Outline
                },
                stroke,
            }),
        }
    });
    elbow::route(&Elbow {
        start,
        end,
        middle: number(&arrow["elbowMidPoint"]),
        size: size(&arrow["size"]),
        scale: number(&arrow["scale"]),
    })
}
