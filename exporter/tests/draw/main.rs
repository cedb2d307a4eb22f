//! What of a board is drawn, in which order, and how it is written down.
//!
//! The boards are written here record by record, so that each test says all that it depends on.

mod choice;
mod order;
mod view;
mod written;

use std::sync::LazyLock;

use scrible_board::{Board, Limits as BoardLimits};
use scrible_exporter::draw::{self, Artist};
use scrible_exporter::error::ExportError;
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::Options;
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::scene::{Layer, Mark, Scene};
use scrible_exporter::svg;
use scrible_exporter::text::Fonts;
use scrible_exporter::theme::Rgba;
use serde_json::{Value, json};

static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::bundled);

/// A page; pages are in the order of their ids.
fn page(id: &str, name: &str) -> Value {
    json!({"id": format!("page:{id}"), "typeName": "page", "name": name, "index": format!("a{id}")})
}

/// A shape in a page or another shape; siblings are in the order of their ids.
fn shape(id: &str, parent: &str, kind: &str, props: Value) -> Value {
    json!({
        "id": format!("shape:{id}"), "typeName": "shape", "type": kind, "parentId": parent, "index": format!("a{id}"),
        "x": 0, "y": 0, "props": props,
    })
}

/// A shape with some of its own fields set.
fn with(mut shape: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        shape[name] = value.clone();
    }
    shape
}

/// A plain box of 100 by 100.
fn square(id: &str, parent: &str, color: &str) -> Value {
    let props = json!({"w": 100, "h": 100, "dash": "solid", "fill": "fill", "color": color});
    shape(id, parent, "geo", props)
}

/// A stroke of the highlighter from corner to corner of a box of 100 by 100.
fn highlight(id: &str, parent: &str) -> Value {
    let points = json!([{"x": 0, "y": 0, "z": 0.5}, {"x": 100, "y": 100, "z": 0.5}]);
    let segments = json!([{"type": "free", "points": points}]);
    shape(
        id,
        parent,
        "highlight",
        json!({"segments": segments, "isComplete": true}),
    )
}

fn read(records: &[Value]) -> Board {
    let file = json!({"tldrawFileFormatVersion": 1, "records": records}).to_string();
    let board = Board::read(file.as_bytes(), &BoardLimits::default()).unwrap();
    assert_eq!(board.notes(), []);
    board
}

fn try_scene(records: &[Value], options: &Options) -> Result<Scene, ExportError> {
    draw_until(records, options, Stop::never())
}

fn draw_until(records: &[Value], options: &Options, stop: Stop<'_>) -> Result<Scene, ExportError> {
    let artist = Artist {
        fonts: &FONTS,
        pictures: &NoPictures,
        picture_limits: PictureLimits::default(),
        detail: Detail::Zoomed,
        stop,
    };
    draw::scene(&read(records), options, &artist)
}

fn scene(records: &[Value]) -> Scene {
    try_scene(records, &Options::default()).unwrap()
}

fn write(scene: &Scene) -> String {
    svg::write(scene, &Limits::default(), &Stop::never()).unwrap()
}

/// The colors that layers are filled with, from the bottom up.
fn fills(scene: &Scene) -> Vec<Rgba> {
    scene.layers.iter().filter_map(fill).collect()
}

fn fill(layer: &Layer) -> Option<Rgba> {
    layer.marks.iter().find_map(|mark| match mark {
        Mark::Path(path) => match path.fill {
            Some(scrible_exporter::scene::Fill::Plain(color)) => Some(color),
            _ => None,
        },
        _ => None,
    })
}
