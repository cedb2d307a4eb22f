//! Boards that are large or absurd as a whole.

use std::time::{Duration, Instant};

use scrible_exporter::error::ExportError;
use scrible_exporter::options::{Options, Padding};
use serde_json::{Value, json};

use super::{Picture, draw, draw_within, read};

/// A page and what is to be on it.
struct Records(Vec<Value>);

impl Records {
    fn new() -> Self {
        let page = json!({"id": "page:p", "typeName": "page", "name": "Page", "index": "a1"});
        Self(vec![page])
    }

    /// A shape on the page; its number is its place among its siblings.
    fn shape(&mut self, kind: &str, at: (f64, f64), props: Value) -> String {
        self.inside("page:p", kind, at, props)
    }

    fn inside(&mut self, parent: &str, kind: &str, at: (f64, f64), props: Value) -> String {
        let number = self.0.len();
        let id = format!("shape:{number}");
        self.0.push(json!({
            "id": id, "typeName": "shape", "type": kind, "parentId": parent, "index": format!("b{number:07}"),
            "x": at.0, "y": at.1, "props": props,
        }));
        id
    }

    fn last(&mut self) -> &mut Value {
        self.0.last_mut().unwrap()
    }

    fn bind(&mut self, arrow: &str, terminal: &str, to: &str) {
        let number = self.0.len();
        self.0.push(json!({
            "id": format!("binding:{number}"), "typeName": "binding", "type": "arrow", "fromId": arrow, "toId": to,
            "props": {"terminal": terminal, "normalizedAnchor": {"x": 0.5, "y": 0.5}, "isExact": false, "isPrecise": true},
        }));
    }

    fn draw(&self) -> Result<Picture, ExportError> {
        self.draw_with(&Options::default())
    }

    fn draw_with(&self, options: &Options) -> Result<Picture, ExportError> {
        draw(&read(&self.0), options)
    }

    /// Draws at a scale that fits, which is the one that is offered when the board does not fit as it is.
    fn draw_fitting(&self) -> (f64, Picture) {
        let picture = self.draw().unwrap();
        let Err(ExportError::TooManyPixels { fits, .. }) = picture.png else {
            assert!(picture.png.is_ok(), "{:?}", picture.png.err());
            return (1.0, picture);
        };
        let options = Options {
            scale: fits,
            ..Options::default()
        };
        let picture = self.draw_with(&options).unwrap();
        assert!(picture.png.is_ok(), "{fits}: {:?}", picture.png.err());
        (fits, picture)
    }
}

/// How many of something there are. Without optimisation a tenth has to do.
fn many(count: u32) -> u32 {
    match cfg!(debug_assertions) {
        true => count / 10,
        false => count,
    }
}

fn text(words: &str) -> Value {
    json!({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]})
}

#[test]
fn coordinates_at_the_ends_of_the_range() {
    for number in [1e308, -1e308, 1e10, -1e10, 9.9e9, 1e-300] {
        let mut records = Records::new();
        for kind in [
            "geo", "text", "note", "frame", "group", "line", "arrow", "draw", "image",
        ] {
            records.shape(kind, (number, 0.0), json!({"w": 100, "h": 100}));
            records.shape(
                kind,
                (0.0, number),
                json!({"w": number, "h": number, "scale": number, "growY": number}),
            );
            records.last()["rotation"] = json!(number);
        }
        records.shape("geo", (0.0, 0.0), json!({}));
        records.draw_fitting();
    }
}

#[test]
fn sizes_of_nothing_and_of_all() {
    for (w, h) in [
        (0.0, 0.0),
        (-5.0, -5.0),
        (1e10, 0.0),
        (0.0, 1e10),
        (1e10, 1e10),
        (1e-9, 1e-9),
    ] {
        for dash in ["draw", "solid", "dashed", "dotted", "none"] {
            let mut records = Records::new();
            for kind in [
                "rectangle",
                "cloud",
                "ellipse",
                "star",
                "heart",
                "x-box",
                "oval",
            ] {
                let props = json!({"geo": kind, "w": w, "h": h, "dash": dash, "fill": "pattern", "richText": text("words")});
                records.shape("geo", (0.0, 0.0), props);
            }
            records.draw_fitting();
        }
    }
}

#[test]
fn scales_of_nothing_and_of_all() {
    for scale in [0.0, -1.0, 1e-12, 1e-3, 1e3, 1e6, 1e10] {
        let mut records = Records::new();
        for (at, kind) in ["geo", "text", "note", "arrow", "line", "draw"]
            .into_iter()
            .enumerate()
        {
            let at = (at as f64 * 200.0, 0.0);
            let props = json!({"w": 100, "h": 100, "scale": scale, "fill": "pattern", "richText": text("words"),
                "start": {"x": 0, "y": 0}, "end": {"x": 90, "y": 90}});
            records.shape(kind, at, props);
        }
        records.draw_fitting();
    }
}

#[test]
fn a_hatch_of_any_scale_in_a_small_picture() {
    for scale in [100.0, 3e3, 1e5, 1e9] {
        let mut records = Records::new();
        records.shape(
            "geo",
            (0.0, 0.0),
            json!({"w": 100, "h": 100, "scale": scale, "fill": "pattern"}),
        );
        let picture = records.draw().unwrap();
        assert!(picture.png.is_ok(), "{:?}", picture.png.err());
    }
}

#[test]
fn strokes_a_million_px_long() {
    let mut records = Records::new();
    for dash in ["draw", "solid", "dashed", "dotted"] {
        for size in ["s", "xl"] {
            let points = json!([{"x": 0, "y": 0, "z": 0.5}, {"x": 1e6, "y": 10, "z": 0.5}, {"x": 0, "y": 1e3, "z": 0.5}]);
            let segments =
                json!([{"type": "straight", "points": points}, {"type": "free", "points": points}]);
            records.shape(
                "draw",
                (0.0, 0.0),
                json!({"segments": segments, "dash": dash, "size": size, "isComplete": true}),
            );
            let ends = json!({"a": {"id": "a", "index": "a1", "x": 0, "y": 0}, "b": {"id": "b", "index": "a2", "x": 1e6, "y": 1e3}});
            records.shape(
                "line",
                (0.0, 0.0),
                json!({"points": ends, "dash": dash, "size": size}),
            );
            let props = json!({"start": {"x": 0, "y": 0}, "end": {"x": 1e6, "y": 0}, "bend": 1e4, "dash": dash, "size": size});
            records.shape("arrow", (0.0, 0.0), props);
        }
    }
    records.draw_fitting();
}

#[test]
fn many_dotted_outlines_of_the_whole_board() {
    let mut records = Records::new();
    for _ in 0..many(2_000) {
        records.shape(
            "geo",
            (0.0, 0.0),
            json!({"w": 1e10, "h": 1e10, "dash": "dotted", "size": "s"}),
        );
    }
    records.draw_fitting();
}

#[test]
fn a_text_of_a_megabyte() {
    for words in [
        "word ".repeat(many(20_000) as usize),
        "w".repeat(many(100_000) as usize),
        "\u{645}".repeat(many(100_000) as usize),
    ] {
        let mut records = Records::new();
        records.shape(
            "geo",
            (0.0, 0.0),
            json!({"w": 500, "h": 100, "richText": text(&words)}),
        );
        records.shape(
            "text",
            (0.0, 0.0),
            json!({"autoSize": true, "richText": text(&words)}),
        );
        records.shape("note", (0.0, 0.0), json!({"richText": text(&words)}));
        records.shape(
            "frame",
            (0.0, 0.0),
            json!({"w": 300, "h": 300, "name": words}),
        );
        records.shape("arrow", (0.0, 0.0), json!({"start": {"x": 0, "y": 0}, "end": {"x": 900, "y": 90}, "richText": text(&words)}));
        records.draw_fitting();
    }
}

#[test]
fn a_hundred_thousand_groups_or_frames_in_each_other() {
    for kind in ["group", "frame"] {
        let mut records = Records::new();
        let mut parent = "page:p".to_owned();
        for _ in 0..many(100_000) {
            parent = records.inside(&parent, kind, (0.1, 0.1), json!({"w": 900, "h": 900}));
        }
        records.inside(&parent, "geo", (0.0, 0.0), json!({}));
        records.shape("geo", (0.0, 0.0), json!({}));
        records.draw_fitting();
    }
}

#[test]
fn many_chains_of_frames() {
    let mut records = Records::new();
    for chain in 0..many(20) {
        let mut parent = "page:p".to_owned();
        for turn in 0..60 {
            parent = records.inside(
                &parent,
                "frame",
                (f64::from(chain), 0.0),
                json!({"w": 900, "h": 900}),
            );
            records.last()["rotation"] = json!(0.001 * f64::from(turn));
            records.inside(&parent, "highlight", (0.0, 0.0), json!({"segments": [{"type": "free", "points": [{"x": 0, "y": 0}, {"x": 9, "y": 9}]}]}));
        }
    }
    records.draw_fitting();
}

#[test]
fn a_frame_in_frames_with_very_many_shapes() {
    let mut records = Records::new();
    let mut parent = "page:p".to_owned();
    for _ in 0..250 {
        parent = records.inside(&parent, "frame", (0.0, 0.0), json!({"w": 900, "h": 900}));
    }
    for at in 0..many(50_000) {
        records.inside(
            &parent,
            "geo",
            (f64::from(at % 300), f64::from(at / 300)),
            json!({"w": 5, "h": 5, "dash": "solid"}),
        );
    }
    records.draw_fitting();
}

#[test]
fn a_board_of_circles_of_parents() {
    let mut records = Records::new();
    for at in 0..10_000 {
        let next = (at + 1) % 10_000;
        records.0.push(json!({"id": format!("shape:c{at}"), "typeName": "shape", "type": "frame", "parentId": format!("shape:c{next}"),
            "index": "a1", "x": 0, "y": 0, "props": {}}));
    }
    records.shape("geo", (0.0, 0.0), json!({}));
    records.draw_fitting();
}

#[test]
fn two_hundred_thousand_shapes() {
    let mut records = Records::new();
    for at in 0..many(200_000) {
        let place = (f64::from(at % 500) * 12.0, f64::from(at / 500) * 12.0);
        records.shape(
            "geo",
            place,
            json!({"w": 10, "h": 10, "dash": "solid", "fill": "solid"}),
        );
        records.last()["opacity"] = json!(0.5);
    }
    let (_, picture) = records.draw_fitting();
    assert!(picture.svg.unwrap().len() > 100 * many(200_000) as usize);
}

#[test]
fn arrows_tied_to_themselves_to_arrows_and_in_circles() {
    let mut records = Records::new();
    let props = json!({"start": {"x": 0, "y": 0}, "end": {"x": 90, "y": 90}, "kind": "arc"});
    let one = records.shape("arrow", (0.0, 0.0), props.clone());
    let two = records.shape("arrow", (50.0, 0.0), props.clone());
    let three = records.shape(
        "arrow",
        (50.0, 50.0),
        json!({"kind": "elbow", "end": {"x": 9, "y": 9}}),
    );
    for (from, to) in [(&one, &one), (&one, &two), (&two, &three), (&three, &one)] {
        for terminal in ["start", "end"] {
            records.bind(from, terminal, to);
        }
    }
    records.draw_fitting();
}

#[test]
fn ten_thousand_arrows_to_a_group_of_very_many() {
    let mut records = Records::new();
    let group = records.shape("group", (0.0, 0.0), json!({}));
    for at in 0..many(20_000) {
        let place = (f64::from(at % 200) * 5.0, f64::from(at / 200) * 5.0);
        records.inside(
            &group,
            "draw",
            place,
            json!({"segments": [{"type": "free", "points": [{"x": 0, "y": 0}, {"x": 9, "y": 9}]}]}),
        );
    }
    for at in 0..many(10_000) {
        let kind = ["arc", "elbow"][at as usize % 2];
        let props =
            json!({"start": {"x": -500, "y": -500}, "end": {"x": 90, "y": 90}, "kind": kind});
        let arrow = records.shape("arrow", (0.0, f64::from(at)), props);
        records.bind(&arrow, "end", &group);
    }
    records.draw_fitting();
}

#[test]
fn ten_thousand_arrows_to_a_stroke_of_very_many_points() {
    let mut records = Records::new();
    let points: Vec<_> = (0..many(50_000))
        .map(|at| json!({"x": f64::from(at % 777), "y": f64::from(at % 555)}))
        .collect();
    let stroke = records.shape(
        "draw",
        (0.0, 0.0),
        json!({"segments": [{"type": "free", "points": points}]}),
    );
    for at in 0..many(10_000) {
        let props = json!({"start": {"x": -500, "y": -500}, "end": {"x": 90, "y": 90}});
        let arrow = records.shape("arrow", (0.0, f64::from(at)), props);
        records.bind(&arrow, "end", &stroke);
        records.bind(&arrow, "start", &stroke);
    }
    records.draw_fitting();
}

#[test]
fn highlights_in_very_many_frames() {
    let mut records = Records::new();
    let segments = json!([{"type": "free", "points": [{"x": 0, "y": 0}, {"x": 900, "y": 900}]}]);
    for at in 0..many(1_000) {
        let frame = records.shape("frame", (f64::from(at), 0.0), json!({"w": 100, "h": 100}));
        records.inside(
            &frame,
            "highlight",
            (0.0, 0.0),
            json!({"segments": segments}),
        );
        records.shape(
            "highlight",
            (0.0, f64::from(at)),
            json!({"segments": segments}),
        );
    }
    records.draw_fitting();
}

#[test]
fn walls_of_shapes_over_a_large_picture_are_stopped_in_time() {
    let side = f64::from(many(9_000)) + 400.0;
    let mut records = Records::new();
    for _ in 0..many(20_000) {
        let props = json!({"w": side, "h": side, "dash": "solid", "fill": "solid"});
        records.shape("geo", (0.0, 0.0), props);
        records.last()["opacity"] = json!(0.5);
    }
    let started = Instant::now();
    let patience = Duration::from_secs(5);
    let picture = draw_within(patience, &read(&records.0), &Options::default()).unwrap();
    assert_eq!(picture.png, Err(ExportError::Stopped));
    assert!(started.elapsed() < 6 * patience, "{:?}", started.elapsed());
}

#[test]
fn a_shape_much_larger_than_the_frame_around_it() {
    let mut records = Records::new();
    let frame = records.shape("frame", (0.0, 0.0), json!({"w": 9_000, "h": 9_000}));
    for kind in ["geo", "note", "text"] {
        let props =
            json!({"w": 1e6, "h": 1e6, "scale": 1e4, "fill": "pattern", "richText": text("words")});
        records.inside(&frame, kind, (-5e5, -5e5), props);
        records.last()["opacity"] = json!(0.5);
    }
    records.draw_fitting();
}

#[test]
fn very_many_notes_of_many_heights() {
    let mut records = Records::new();
    for at in 0..many(20_000) {
        let place = (f64::from(at % 100) * 220.0, f64::from(at / 100) * 220.0);
        records.shape(
            "note",
            place,
            json!({"growY": at % 500, "richText": text("😀")}),
        );
    }
    records.draw_fitting();
}

#[test]
fn a_picture_too_large_names_a_scale_that_fits() {
    for (side, scale) in [
        (40_000.0, 1.0),
        (100_000.0, 3.0),
        (1e7, 0.5),
        (9e9, 1.0),
        (2_000.0, 99.0),
    ] {
        let mut records = Records::new();
        records.shape("geo", (0.0, 0.0), json!({"w": side, "h": side}));
        let options = Options {
            scale,
            ..Options::default()
        };
        let picture = records.draw_with(&options).unwrap();
        let error = picture.png.unwrap_err();
        let ExportError::TooManyPixels { fits, .. } = error else {
            panic!("{error}")
        };
        assert!(
            error
                .to_string()
                .contains(&format!("a scale of {fits} fits"))
        );
        assert!(fits > 0.0 && fits < scale);
        let at = |scale: f64| {
            let options = Options {
                scale,
                ..Options::default()
            };
            records.draw_with(&options).unwrap().png
        };
        assert!(at(fits).is_ok(), "{fits}");
        // Nor is it much smaller than it has to be.
        assert!(at(fits * 1.2).is_err(), "{fits}");
    }
}

#[test]
fn options_that_cannot_be_are_named() {
    let mut records = Records::new();
    records.shape("geo", (0.0, 0.0), json!({}));
    for number in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let wrong = [
            (
                "scale",
                Options {
                    scale: number,
                    ..Options::default()
                },
            ),
            (
                "padding",
                Options {
                    padding: Padding::Px(number),
                    ..Options::default()
                },
            ),
        ];
        for (option, options) in wrong {
            let Err(error) = records.draw_with(&options) else {
                panic!("{option} of {number} was taken")
            };
            assert!(
                matches!(error, ExportError::Option { name, .. } if name == option),
                "{error}"
            );
        }
    }
}
