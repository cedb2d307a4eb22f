//! What pictures show and where shapes are, against what the editor exported and measured.
//!
//! `tests/data/views.json` says which part of the page each picture of the editor shows, and on how many pixels;
//! `outlines.json` holds single shapes with the bounds of their geometry.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kurbo::Rect;
use scrible_board::{Board, Limits};
use scrible_exporter::draw::{self, Artist, Places};
use scrible_exporter::limits::Stop;
use scrible_exporter::options::{Options, PageChoice};
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::text::{ExtraFace, Fonts};
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

/// How far numbers may be off: bounds are stored with four digits, widths of texts count in 1/64 px.
const NEAR: f64 = 0.02;

/// Pictures whose views are off by a pixel at one side: tips of rounded corners, and what shows of a slanted box in the
/// color of the background.
const OFF_BY_ONE: [&str; 3] = ["frames", "yjs-duplicate-keys", "board-mixed"];

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn value(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn artist(fonts: &Fonts) -> Artist<'_> {
    Artist {
        fonts,
        pictures: &NoPictures,
        picture_limits: PictureLimits::default(),
        detail: Detail::Shown,
        stop: Stop::never(),
    }
}

fn fonts() -> Fonts {
    let face = |name: &str| ExtraFace {
        bytes: fs::read(crate_file("tests/data/fonts").join(name))
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

fn tldr(records: Vec<Value>) -> Board {
    let file = json!({"tldrawFileFormatVersion": 1, "records": records});
    Board::read(file.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// A document, or a file of records.
fn board(path: &Path) -> Board {
    if path.extension().is_some_and(|it| it == "bin") {
        return Board::read(&fs::read(path).unwrap(), &Limits::default()).unwrap();
    }
    let records = value(path);
    tldr(
        records["store"]
            .as_object()
            .unwrap()
            .values()
            .cloned()
            .collect(),
    )
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|it| it.as_f64().unwrap()).collect()
}

fn rect(value: &Value) -> Rect {
    let [x, y, w, h] = numbers(value).try_into().unwrap();
    Rect::new(x, y, x + w, y + h)
}

fn apart(one: Rect, other: Rect) -> f64 {
    let sides = [
        one.x0 - other.x0,
        one.y0 - other.y0,
        one.x1 - other.x1,
        one.y1 - other.y1,
    ];
    sides.into_iter().map(f64::abs).fold(0.0, f64::max)
}

#[test]
fn pictures_show_what_the_editor_shows() {
    let fonts = fonts();
    let mut off = BTreeSet::new();
    for row in value(&crate_file("tests/data/views.json"))
        .as_array()
        .unwrap()
    {
        let path = crate_file(row["file"].as_str().unwrap());
        let options = Options {
            page: PageChoice::Number(row["page"].as_u64().unwrap() as usize),
            theme: match row["dark"].as_bool().unwrap() {
                true => Theme::Dark,
                false => Theme::Light,
            },
            ..Options::default()
        };
        let artist = artist(&fonts);
        let scene = draw::scene(&board(&path), &options, &artist).unwrap();
        let (view, pixels) = (rect(&row["view"]), numbers(&row["pixels"]));
        let name = path
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let (w, h) = scene.size;
        assert!(
            (w - pixels[0]).abs() <= 1.0 && (h - pixels[1]).abs() <= 1.0,
            "{name}: {w} x {h}, not {pixels:?}"
        );
        let by = apart(scene.view, view);
        assert!(by < 1.0 + NEAR, "{name}: {:?}, not {view:?}", scene.view);
        if by > NEAR {
            off.insert(name);
        }
    }
    let known = OFF_BY_ONE.map(str::to_owned).into();
    assert!(off.is_subset(&known), "{off:?}");
}

#[test]
fn shapes_are_where_the_editor_measured_them() {
    let fonts = fonts();
    let artist = artist(&fonts);
    let rows = value(&crate_file("tests/data/views.json"));
    let files: BTreeSet<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["file"].as_str().unwrap())
        .collect();
    let mut compared = 0;
    for file in files {
        let path = crate_file(file);
        let bounds = path.with_file_name("bounds.json");
        if !bounds.exists() {
            continue;
        }
        let (board, bounds) = (board(&path), value(&bounds));
        for page in 0..board.pages().len() {
            let places = Places::of(&board, page, &artist).unwrap();
            for at in board.page_shapes(page) {
                let id = &board.shape(at).id;
                for (ours, space) in [
                    (places.page_bounds(at), "page"),
                    (places.local_bounds(at), "local"),
                ] {
                    let (ours, theirs) = (ours.unwrap(), rect(&bounds[id][space]));
                    assert!(
                        apart(ours, theirs) < NEAR,
                        "{id} {space}: {ours:?}, not {theirs:?}"
                    );
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn strokes_of_pens_and_round_pictures_have_the_editors_bounds() {
    let fonts = fonts();
    let artist = artist(&fonts);
    let rows = value(&crate_file("tests/data/outlines.json"));
    for row in rows.as_array().unwrap() {
        let mut record = row["record"].clone();
        record["parentId"] = "page:page".into();
        let page = json!({"id": "page:page", "typeName": "page", "name": "", "index": "a1"});
        let board = tldr(vec![page, record]);
        let places = Places::of(&board, 0, &artist).unwrap();
        let at = board.page_shapes(0).next().unwrap();
        let id = &board.shape(at).id;
        for (ours, space) in [
            (places.page_bounds(at), "page"),
            (places.local_bounds(at), "local"),
        ] {
            let (ours, theirs) = (ours.unwrap(), rect(&row["bounds"][space]));
            assert!(
                apart(ours, theirs) < NEAR,
                "{id} {space}: {ours:?}, not {theirs:?}"
            );
        }
    }
}
