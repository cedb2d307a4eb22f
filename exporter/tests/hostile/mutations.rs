//! Boards that an editor wrote, with some of their values replaced by what hurts.
//!
//! `SCRIBLE_MUTATIONS` is how many boards are tried, `SCRIBLE_SEED` where they begin; a failure names its seed, and
//! `SCRIBLE_SEED=<that> SCRIBLE_MUTATIONS=1` tries it again.

use std::path::Path;

use scrible_exporter::options::{Background, Options, Padding, PageChoice};
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

use super::{draw, try_read};

/// Boards that are tried when nobody asks for more.
const TRIED: u64 = 150;
/// Records of a board are cut down to this many, so that many boards can be tried.
const MOST_RECORDS: usize = 40;

const BOARDS: [&str; 9] = [
    "../crates/board/tests/data/boards/frames",
    "../crates/board/tests/data/boards/groups-nested",
    "../crates/board/tests/data/boards/opacity-zorder",
    "../crates/board/tests/data/boards/yjs-duplicate-keys",
    "../crates/board/tests/data/layouts/board-mixed",
    "tests/data/board-retro",
    "tests/data/notes-text",
    "tests/data/text-rich",
    "tests/data/geo-label-overflow",
];

fn records(folder: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("records.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut whole: Value = serde_json::from_str(&text).unwrap();
    let store = whole["store"].take();
    store.as_object().unwrap().values().cloned().collect()
}

struct Spoiler(fastrand::Rng);

impl Spoiler {
    fn number(&mut self) -> Value {
        let numbers = [
            0.0, -0.0, 1.0, -1.0, 0.5, 1e-9, 1e-300, 1e5, -1e5, 1e9, 9.99e9, 1e10, -1e10, 1e11,
            1e308, -1e308, 100.0, 3.0e3,
        ];
        match self.0.u8(0..4) {
            0 => json!(self.0.f64() * 1e4 - 5e3),
            1 => json!(self.0.i64(-1000..1000)),
            _ => json!(numbers[self.0.usize(0..numbers.len())]),
        }
    }

    fn word(&mut self, ids: &[String]) -> Value {
        let words = [
            "",
            "draw",
            "solid",
            "dashed",
            "dotted",
            "none",
            "pattern",
            "fill",
            "cloud",
            "star",
            "ellipse",
            "elbow",
            "arc",
            "cubic",
            "xl",
            "s",
            "mono",
            "start",
            "geo",
            "arrow",
            "line",
            "highlight",
            "note",
            "frame",
            "group",
            "text",
            "image",
            "\u{202e}\u{0}\u{ffff}",
            "😀 日本 م",
            "</svg><script>",
            "a0",
            "zzzzzzzz",
            "page:page",
        ];
        if self.0.bool() && !ids.is_empty() {
            return json!(ids[self.0.usize(0..ids.len())]);
        }
        json!(words[self.0.usize(0..words.len())])
    }

    fn anything(&mut self, ids: &[String]) -> Value {
        match self.0.u8(0..8) {
            0 => Value::Null,
            1 => json!(self.0.bool()),
            2 => json!([]),
            3 => json!({}),
            4 | 5 => self.word(ids),
            _ => self.number(),
        }
    }

    /// Replaces one value somewhere inside.
    fn spoil(&mut self, value: &mut Value, ids: &[String]) {
        match value {
            Value::Object(fields) if !fields.is_empty() && self.0.u8(0..20) > 0 => {
                let at = self.0.usize(0..fields.len());
                let (_, field) = fields.iter_mut().nth(at).unwrap();
                self.spoil(field, ids);
            }
            Value::Array(entries) if !entries.is_empty() && self.0.u8(0..20) > 0 => {
                let at = self.0.usize(0..entries.len());
                match self.0.u8(0..8) {
                    0 => drop(entries.remove(at)),
                    1 => entries.push(entries[at].clone()),
                    _ => self.spoil(&mut entries[at], ids),
                }
            }
            Value::Number(_) if self.0.u8(0..8) > 0 => *value = self.number(),
            Value::String(_) if self.0.u8(0..8) > 0 => *value = self.word(ids),
            Value::Bool(flag) => *flag = !*flag,
            _ => *value = self.anything(ids),
        }
    }

    fn board(&mut self, original: &[Value]) -> Vec<Value> {
        let is_shape = |record: &Value| record["typeName"] == "shape";
        let mut records: Vec<Value> = original.to_vec();
        self.0.shuffle(&mut records);
        let mut left = MOST_RECORDS;
        records.retain(|record| {
            let stays = !is_shape(record) || left > 0;
            left -= usize::from(stays && is_shape(record));
            stays
        });
        let ids: Vec<String> = records
            .iter()
            .filter_map(|it| it["id"].as_str().map(str::to_owned))
            .collect();
        for _ in 0..self.0.usize(1..12) {
            let at = self.0.usize(0..records.len());
            let record = &mut records[at];
            if !record.is_object() {
                continue;
            }
            match self.0.u8(0..12) {
                // A board whose shapes are all lost shows nothing.
                _ if !is_shape(record) && self.0.u8(0..4) > 0 => {}
                0 => record["parentId"] = self.word(&ids),
                1 if record["props"].is_object() => record["props"]["scale"] = self.number(),
                2 => record["rotation"] = self.number(),
                3..10 if record["props"].is_object() => self.spoil(&mut record["props"], &ids),
                _ => self.spoil(record, &ids),
            }
        }
        records
    }

    fn options(&mut self) -> Options {
        Options {
            page: PageChoice::First,
            shapes: Vec::new(),
            scale: [1.0, 1.0, 0.1, 2.5, 1e-6][self.0.usize(0..5)],
            padding: [Padding::Auto, Padding::Px(0.0), Padding::Px(7.5)][self.0.usize(0..3)],
            background: [Background::Painted, Background::Transparent][self.0.usize(0..2)],
            theme: [Theme::Light, Theme::Dark][self.0.usize(0..2)],
        }
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

#[test]
fn spoilt_boards_are_drawn_or_refused() {
    let originals = BOARDS.map(records);
    let (first, tried) = (
        from_environment("SCRIBLE_SEED", 0),
        from_environment("SCRIBLE_MUTATIONS", TRIED),
    );
    let mut painted = 0;
    for seed in first..first + tried {
        /// Names the seed when something panics.
        struct Seed(u64);
        impl Drop for Seed {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    eprintln!(
                        "SCRIBLE_SEED={} SCRIBLE_MUTATIONS=1 tries this again",
                        self.0
                    );
                }
            }
        }
        let _seed = Seed(seed);
        let mut spoiler = Spoiler(fastrand::Rng::with_seed(seed));
        let original = &originals[spoiler.0.usize(0..originals.len())];
        let Ok(board) = try_read(&spoiler.board(original)) else {
            continue;
        };
        let options = spoiler.options();
        let started = std::time::Instant::now();
        match draw(&board, &options) {
            Ok(picture) => {
                let parsed = roxmltree::Document::parse(picture.svg.as_ref().unwrap());
                assert!(parsed.is_ok(), "{parsed:?}");
                painted += u64::from(picture.png.is_ok());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if started.elapsed().as_secs() >= 5 {
            println!("seed {seed} took {:?}", started.elapsed());
        }
    }
    assert!(
        tried < 20 || painted > tried / 10,
        "only {painted} of {tried} could be painted"
    );
}
