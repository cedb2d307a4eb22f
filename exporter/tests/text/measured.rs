//! Sizes as the editor measured them.

use scrible_exporter::text::label::{
    LabelStyle, TextSize, VerticalAlign, arrow_label, geo_label, geo_label_room, note_growth,
    text_shape,
};
use scrible_exporter::text::{Align, Family, RichText};
use serde_json::Value;

use super::{file, rich, world_fonts};

/// How far a size may be off, px.
const TOLERANCE: f64 = 0.5;

struct Shape {
    id: String,
    kind: String,
    props: Value,
    text: RichText,
    /// px, of the scaled shape.
    bounds: (f64, f64),
}

fn shapes(document: &str) -> Vec<Shape> {
    let records = file(&format!("{document}/records.json"));
    let bounds = file(&format!("{document}/bounds.json"));
    let mut shapes = Vec::new();
    for (id, record) in records["store"].as_object().unwrap() {
        let props = &record["props"];
        if record["typeName"] != "shape" || props["richText"].is_null() {
            continue;
        }
        let local = &bounds[id]["local"];
        shapes.push(Shape {
            id: id.clone(),
            kind: record["type"].as_str().unwrap().to_owned(),
            props: props.clone(),
            text: rich(&props["richText"]),
            bounds: (local[2].as_f64().unwrap(), local[3].as_f64().unwrap()),
        });
    }
    shapes
}

fn style(props: &Value) -> LabelStyle {
    LabelStyle {
        family: match props["font"].as_str().unwrap() {
            "draw" => Family::DRAW,
            "sans" => Family::SANS,
            "serif" => Family::SERIF,
            "mono" => Family::MONO,
            other => panic!("font {other}"),
        },
        size: match props["size"].as_str().unwrap() {
            "s" => TextSize::S,
            "m" => TextSize::M,
            "l" => TextSize::L,
            "xl" => TextSize::Xl,
            other => panic!("size {other}"),
        },
        align: Align::Start,
        vertical: VerticalAlign::Middle,
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Compares every text shape of a document; says how many there were.
fn text_shapes_match(document: &str) -> usize {
    let fonts = world_fonts();
    let mut compared = 0;
    for shape in shapes(document).iter().filter(|shape| shape.kind == "text") {
        let scale = number(&shape.props["scale"]);
        let width = (shape.props["autoSize"] == false).then(|| number(&shape.props["w"]) / scale);
        let label = text_shape(&fonts, &shape.text, &style(&shape.props), width);
        let ours = (label.width * scale, label.height * scale);
        assert!(
            (ours.0 - shape.bounds.0).abs() <= TOLERANCE
                && (ours.1 - shape.bounds.1).abs() <= TOLERANCE,
            "{}: {ours:?}, measured by the editor {:?}: {:?}",
            shape.id,
            shape.bounds,
            shape.text.plain()
        );
        compared += 1;
    }
    compared
}

#[test]
fn fonts_and_sizes() {
    assert_eq!(text_shapes_match("text-fonts-sizes"), 16);
}

#[test]
fn marks_headings_and_lists() {
    assert_eq!(text_shapes_match("text-rich"), 7);
}

#[test]
fn scripts_and_emoji() {
    assert_eq!(text_shapes_match("text-scripts"), 16);
}

#[test]
fn scales_spaces_tabs_and_long_words() {
    assert_eq!(text_shapes_match("text-transform"), 14);
}

#[test]
fn wrapping_at_a_width() {
    assert_eq!(text_shapes_match("text-wrap-align"), 15);
}

#[test]
fn geo_shapes_grow_with_their_labels() {
    let fonts = world_fonts();
    let all = shapes("geo-label-overflow");
    assert_eq!(all.len(), 23);
    for shape in all {
        let (width, height) = (number(&shape.props["w"]), number(&shape.props["h"]));
        let (_, room) = geo_label_room(&fonts, &shape.text, &style(&shape.props), width);
        let stored = number(&shape.props["growY"]);
        assert!(
            ((room - height).max(0.0) - stored).abs() < TOLERANCE,
            "{}: {room}, grown by {stored}",
            shape.id
        );
        // A label that a shape has grown for fits it.
        let label = geo_label(
            &fonts,
            &shape.text,
            &style(&shape.props),
            (width, height + stored),
        );
        assert!(label.y >= 15.5, "{}: {}", shape.id, label.y);
    }
}

#[test]
fn notes_grow_and_shrink_their_font() {
    let fonts = world_fonts();
    let mut grown = 0;
    let mut shrunk = 0;
    for document in ["notes-text", "board-retro"] {
        for shape in shapes(document).iter().filter(|shape| shape.kind == "note") {
            let scale = number(&shape.props["scale"]);
            let (ratio, growth) = note_growth(&fonts, &shape.text, &style(&shape.props));
            let stored = (
                number(&shape.props["fontSizeAdjustment"]),
                number(&shape.props["growY"]) / scale,
            );
            assert!(
                (ratio - stored.0).abs() < 1e-6 && (growth - stored.1).abs() < TOLERANCE,
                "{}: {ratio} {growth}, stored {stored:?}",
                shape.id
            );
            grown += usize::from(growth > 0.0);
            shrunk += usize::from(ratio < 1.0);
        }
    }
    assert_eq!((grown, shrunk), (10, 1));
}

#[test]
fn an_arrow_gives_its_label_what_room_it_has() {
    let fonts = world_fonts();
    let style = LabelStyle {
        family: Family::DRAW,
        size: TextSize::S,
        align: Align::Middle,
        vertical: VerticalAlign::Middle,
    };
    let label = |text: &str, body| {
        let label = arrow_label(&fonts, &RichText::from(text), &style, body);
        (label.width, label.height)
    };
    // As measured by the editor: 65.875 x 24 beside an arrow of 260 x 50.
    let (width, height) = label("label 0", (260.0, 50.0));
    assert!(
        (width - 65.875).abs() < TOLERANCE && height == 24.0,
        "{width} {height}"
    );
    // An upright arrow wraps at 16 times the font size.
    let (width, height) = label("vertical with a much longer label that wraps", (0.0, 300.0));
    assert!(
        (width - 288.0).abs() < TOLERANCE && height == 48.0,
        "{width} {height}"
    );
    // A short one leaves 64 px.
    assert_eq!(label("too long for it", (60.0, 0.0)).0, 64.0);
}

#[test]
fn a_line_is_as_high_as_its_faces_need() {
    // Shantell Sans and IBM Plex Mono round to other ascents at 24 px, so that a line with both has 33 px.
    let fonts = world_fonts();
    let shape = shapes("text-rich")
        .into_iter()
        .find(|shape| shape.id.ends_with("a-0"))
        .unwrap();
    let label = text_shape(&fonts, &shape.text, &style(&shape.props), None);
    assert_eq!(label.height, 33.0);
}
