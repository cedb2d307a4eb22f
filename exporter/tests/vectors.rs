//! What the editor itself gives, piece by piece: every list of `tests/data` against this crate.

use std::fs;
use std::path::Path as FilePath;

use kurbo::{Point, Shape as _};
use scrible_board::style::{Dash, GeoKind, Size, Spline};
use scrible_board::{Board, InkPoint, Kind, Limits};
use scrible_exporter::geometry::dash::{Pattern, Run};
use scrible_exporter::geometry::geo::{Geo, Mirror};
use scrible_exporter::geometry::ink::{self, End, Pressure, Settings, Tool};
use scrible_exporter::geometry::outline::DashEnd;
use scrible_exporter::geometry::path::{Path, Rounding};
use scrible_exporter::geometry::pen::Pen;
use scrible_exporter::geometry::random::Random;
use scrible_exporter::geometry::{line, stroke_width};
use serde_json::Value;

fn data(name: &str) -> Value {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn size(value: &Value) -> Size {
    *Size::ALL
        .iter()
        .find(|size| size.name() == text(value))
        .unwrap()
}

fn dash(value: &Value) -> Dash {
    *Dash::ALL
        .iter()
        .find(|dash| dash.name() == text(value))
        .unwrap()
}

fn assert_stroke(got: &[Run], wanted: &Value, what: &str) {
    let svg = |run: &Run| run.path.to_svg(Rounding::FourDigits);
    match wanted {
        Value::Null => assert!(got.is_empty(), "{what}: no stroke"),
        Value::String(wanted) => {
            assert_eq!(got.len(), 1, "{what}");
            assert_eq!(got[0].dashes, None, "{what}");
            assert_eq!(&svg(&got[0]), wanted, "{what}");
        }
        wanted => {
            let wanted = list(wanted);
            assert_eq!(got.len(), wanted.len(), "{what}: runs");
            for (got, wanted) in got.iter().zip(wanted) {
                assert_eq!(svg(got), text(&wanted["d"]), "{what}");
                let dashes = got.dashes.unwrap();
                let array = text(&wanted["dasharray"])
                    .split(' ')
                    .map(|it| it.parse::<f64>().unwrap());
                let wanted: Vec<f64> = array
                    .chain([text(&wanted["dashoffset"]).parse().unwrap()])
                    .collect();
                for (got, wanted) in [dashes.dash, dashes.gap, dashes.offset].iter().zip(wanted) {
                    // The last bits: square roots and sums of a curve's length are taken in another way.
                    assert!(
                        (got - wanted).abs() <= 1e-14 * wanted.abs(),
                        "{what}: {got} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn random_numbers_are_the_editors() {
    let data = data("rng.json");
    assert_eq!(list(&data).len(), 6);
    for case in list(&data) {
        let mut random = Random::seeded(&[text(&case["seed"])]);
        for wanted in list(&case["first16"]) {
            assert_eq!(random.number(), number(wanted), "{}", case["seed"]);
        }
    }
}

#[test]
fn geometric_shapes_are_the_editors() {
    let data = data("geo.json");
    assert_eq!(list(&data).len(), 300);
    for case in list(&data) {
        let flag = |name: &str| case.get(name).is_some_and(|it| it == &Value::Bool(true));
        let kind = *GeoKind::ALL
            .iter()
            .find(|kind| kind.name() == text(&case["geo"]))
            .unwrap();
        let geo = Geo {
            id: text(&case["id"]),
            kind,
            w: number(&case["w"]),
            h: number(&case["h"]),
            mirror: Mirror {
                x: flag("flipX"),
                y: flag("flipY"),
            },
            dash: dash(&case["dash"]),
            size: size(&case["size"]),
            scale: case.get("scale").map_or(1.0, number),
        };
        // The vectors follow the canvas, which multiplies the width; exports scale the drawing.
        let pen = Pen {
            width: number(&case["strokeWidth"]),
            ..geo.pen()
        };
        let outline = geo.outline();
        let what = format!("{} {}x{} {}", geo.id, geo.w, geo.h, geo.size.name());
        let fill = pen.fill(&outline).unwrap().to_svg(Rounding::FourDigits);
        assert_eq!(fill, text(&case["fill"]), "{what}");
        assert_stroke(&pen.stroke(&outline), &case["stroke"], &what);
    }
}

#[test]
fn lines_are_the_editors() {
    let data = data("lines.json");
    assert_eq!(list(&data).len(), 64);
    for case in list(&data) {
        let point = |it: &Value| Point::new(number(&it["x"]), number(&it["y"]));
        let points: Vec<_> = list(&case["points"]).iter().map(point).collect();
        let spline = match text(&case["spline"]) {
            "line" => Spline::Line,
            _ => Spline::Cubic,
        };
        let pen = Pen {
            dash: dash(&case["dash"]),
            width: stroke_width(size(&case["size"])),
            seed: text(&case["id"]),
        };
        let outline = line::outline(&points, spline);
        let what = format!("{} {} {}", pen.seed, case["spline"], case["dash"]);
        assert_stroke(&pen.stroke(&outline), &case["stroke"], &what);
        assert_eq!(pen.fill(&outline), None);
    }
}

#[test]
fn dashes_are_the_editors() {
    let data = data("dash.json");
    assert_eq!(list(&data).len(), 216);
    for case in list(&data) {
        let pattern = Pattern::of(dash(&case["style"])).unwrap();
        let end = |name: &str| match text(&case[name]) {
            "outset" => DashEnd::Outset,
            "skip" => DashEnd::Skip,
            "none" => DashEnd::Flush,
            other => panic!("{other}"),
        };
        let fit = pattern.fit(
            number(&case["L"]),
            number(&case["W"]),
            [end("start"), end("end")],
        );
        let array: Vec<f64> = text(&case["strokeDasharray"])
            .split(' ')
            .map(|it| it.parse().unwrap())
            .collect();
        let offset: f64 = text(&case["strokeDashoffset"]).parse().unwrap();
        // Bit for bit: the operations are few and in the same order.
        assert_eq!(
            [fit.dash, fit.gap, fit.offset],
            [array[0], array[1], offset],
            "{case}"
        );
    }
}

#[test]
fn straight_segments_are_drawn_as_the_editor_draws_them() {
    let data = data("straight-segments.json");
    assert_eq!(list(&data).len(), 3);
    for case in list(&data) {
        let record = serde_json::json!([
            {"id": "page:p", "typeName": "page", "name": "", "index": "a1"},
            {"id": "shape:s", "typeName": "shape", "type": "draw", "parentId": "page:p", "index": "a1", "x": 0, "y": 0,
             "props": {"segments": [{"type": "straight", "path": case["path"]}]}}
        ]);
        let file = serde_json::json!({
            "tldrawFileFormatVersion": 1,
            "schema": {"schemaVersion": 2, "sequences": {}},
            "records": record
        });
        let board = Board::read(file.to_string().as_bytes(), &Limits::default()).unwrap();
        let Kind::Draw(draw) = &board.shapes()[0].kind else {
            panic!("{file}");
        };
        let points = ink::points(&draw.stroke);
        let wanted = list(&case["points"]);
        assert_eq!(points.len(), wanted.len(), "{case}");
        for (got, wanted) in points.iter().zip(wanted) {
            for (at, got) in [got.x, got.y, got.pressure].into_iter().enumerate() {
                // The last bits: a direction is taken in another way.
                let wanted = number(&wanted[at]);
                assert!(
                    (got - wanted).abs() <= 1e-14 * wanted.abs().max(1.0),
                    "{case}: {got} {wanted}"
                );
            }
        }
    }
}

/// A circle of two arcs as the editor writes it, which is neither of the two manners of other paths.
fn circle(path: &str) -> Option<[f64; 3]> {
    let rest = path.strip_prefix("M ")?;
    let (centre, rest) = rest.split_once(" m -")?;
    let (x, y) = centre.split_once(' ')?;
    let (radius, _) = rest.split_once(',')?;
    Some([x.parse().ok()?, y.parse().ok()?, radius.parse().ok()?])
}

#[test]
fn free_hand_strokes_are_the_editors() {
    let data = data("freehand.json");
    let cases = list(&data["cases"]);
    assert_eq!(cases.len(), 180);
    let (mut outlines, mut dots, mut polygons) = (0, 0, 0);
    for case in cases {
        let point = |it: &Value| InkPoint {
            x: number(&it["x"]),
            y: number(&it["y"]),
            pressure: number(&it["z"]),
        };
        let points: Vec<_> = list(&data["lists"][text(&case["points"])])
            .iter()
            .map(point)
            .collect();
        let end = match case["isComplete"].as_bool() {
            Some(true) => End::Complete,
            _ => End::Open,
        };
        let width = number(&case["W"]);
        let settings = match text(&case["kind"]) {
            "draw-mouse" => Settings::draw(Dash::Draw, Tool::Mouse, width, end),
            "draw-pen" => Settings::draw(Dash::Draw, Tool::Pen, width, end),
            "solid-mouse" | "geometry-mouse" => {
                Settings::draw(Dash::Solid, Tool::Mouse, width, end)
            }
            "highlight" => Settings::highlight(width, end),
            other => panic!("{other}"),
        };
        let options = &case["options"];
        let numbers = [
            settings.size,
            settings.thinning,
            settings.streamline,
            settings.smoothing,
        ];
        for (name, got) in ["size", "thinning", "streamline", "smoothing"]
            .iter()
            .zip(numbers)
        {
            assert!((got - number(&options[name])).abs() < 1e-12, "{name} {got}");
        }
        assert_eq!(
            settings.pressure == Pressure::Simulated,
            options["simulatePressure"] == true
        );
        let what = format!(
            "{} {} {} {:?}",
            case["points"], case["kind"], case["size"], end
        );
        let centre = ink::centre(&points, &settings);
        let wanted = list(&case["centre"]);
        assert_eq!(centre.len(), wanted.len(), "{what}: centre points");
        for (got, wanted) in centre.iter().zip(wanted) {
            let wanted = Point::new(number(&wanted[0]), number(&wanted[1]));
            // A sum of hundreds of steps.
            assert!(got.distance(wanted) < 1e-10, "{what}: {got} {wanted}");
        }
        let svg =
            |path: Option<Path>| path.map_or(String::new(), |it| it.to_svg(Rounding::Hundredths));
        assert_eq!(
            svg(ink::open_line(&points, &settings)),
            text(&case["centrePath"]),
            "{what}"
        );
        assert_eq!(
            svg(ink::closed_line(&points, &settings)),
            text(&case["centrePathClosed"]),
            "{what}"
        );
        if let Some(wanted) = case.get("polygon") {
            polygons += 1;
            let got = ink::polygon(&points, &settings);
            assert_eq!(got.len(), list(wanted).len(), "{what}: polygon");
            for (got, wanted) in got.iter().zip(list(wanted)) {
                let wanted = Point::new(number(&wanted[0]), number(&wanted[1]));
                assert!(got.distance(wanted) < 1e-9, "{what}: {got} {wanted}");
            }
        }
        let Some(outline) = case.get("outline").map(text) else {
            continue;
        };
        let got = ink::outline(&points, &settings).unwrap();
        if let Some([x, y, radius]) = circle(outline) {
            dots += 1;
            let around = got.bounds().unwrap();
            let wanted = kurbo::Circle::new((x, y), radius).bounding_box();
            // Arcs are measured as cubics, a hundred-thousandth of the radius off.
            let apart = (around.origin() - wanted.origin()).hypot()
                + (around.size() - wanted.size()).to_vec2().hypot();
            assert!(apart < 1e-3, "{what}: {around} {wanted}");
        } else {
            outlines += 1;
            assert_eq!(svg(Some(got)), outline, "{what}");
        }
    }
    assert_eq!((outlines, dots, polygons), (56, 16, 36));
}
