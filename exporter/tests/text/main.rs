//! Text against what a browser made of the same: sizes, lines, scripts, and that nothing hostile stops it.
//!
//! `tests/data` holds boards with the bounds that the editor measured; the fonts in `tests/data/fonts` are cut down to
//! the characters used here.

mod hostile;
mod measured;
mod scripts;
mod wrapping;

use std::path::{Path, PathBuf};

use scrible_board::{Board, Limits};
use scrible_exporter::text::{
    Align, ExtraFace, Family, Fonts, LongWords, RichText, TextLayout, TextLimits, TextOptions,
    Width, label, lay_out,
};
use serde_json::{Value, json};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn file(path: &str) -> Value {
    let text = std::fs::read_to_string(data().join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The bundled fonts, and one each for Arabic, Chinese and emoji.
fn world_fonts() -> Fonts {
    let face = |name: &str| ExtraFace {
        bytes: std::fs::read(data().join("fonts").join(name))
            .unwrap()
            .into(),
        index: 0,
    };
    Fonts::with(vec![
        face("dejavu-subset.ttf"),
        face("droid-fallback-subset.ttf"),
        face("noto-color-emoji-subset.ttf"),
    ])
    .unwrap()
}

fn options(family: Family, size: f64, width: Width) -> TextOptions {
    TextOptions {
        family,
        size,
        line_height: label::line_height(size),
        align: Align::Start,
        width,
        long_words: LongWords::Break,
        limits: TextLimits::default(),
    }
}

/// A text as records hold it, read as that of a shape on a board.
fn rich(text: &Value) -> RichText {
    let file = json!({"tldrawFileFormatVersion": 1, "records": [
        {"id": "page:p", "typeName": "page", "name": "", "index": "a1"},
        {
            "id": "shape:s", "typeName": "shape", "type": "text", "parentId": "page:p", "index": "a1",
            "x": 0, "y": 0, "props": {"richText": text},
        },
    ]});
    let board = Board::read(file.to_string().as_bytes(), &Limits::default()).unwrap();
    board.shapes()[0].kind.text().unwrap().clone()
}

/// One paragraph; `\n` breaks within it.
fn paragraph(text: &str) -> RichText {
    rich(&json!({"type": "doc", "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]},
    ]}))
}

/// What each line says, from left to right.
fn lines(layout: &TextLayout) -> Vec<String> {
    let line = |line: &scrible_exporter::text::Line| {
        line.runs.iter().map(|run| run.text.as_str()).collect()
    };
    layout.lines.iter().map(line).collect()
}

fn wrapped(fonts: &Fonts, text: &str, options: &TextOptions) -> Vec<String> {
    lines(&lay_out(fonts, &paragraph(text), options))
}
