//! Every format through the one way that callers take.

use std::borrow::Cow;
use std::cell::Cell;

use scrible_board::{Board, Limits};
use scrible_exporter::error::ExportError;
use scrible_exporter::export::{Artifact, Commission, Exporter, Format, PictureSize};
use scrible_exporter::limits::Stop;
use scrible_exporter::options::{Options, Padding};
use scrible_exporter::picture::{NoPictures, Pictures};
use scrible_exporter::text::Fonts;
use serde_json::{Value, json};

const RETRO: &[u8] = include_bytes!("data/board-retro/records.json");
const SCRIPTS: &[u8] = include_bytes!("data/text-scripts/records.json");

fn board(bytes: &[u8]) -> Board {
    Board::read(bytes, &Limits::default()).unwrap()
}

fn export(board: &Board, format: Format, options: &Options) -> Result<Artifact, ExportError> {
    let wanted = Commission {
        format,
        options,
        pictures: &NoPictures,
        stop: Stop::never(),
    };
    Exporter::with(Fonts::bundled()).export(board, wanted)
}

/// Width and height as a PNG's head says them.
fn size_in(png: &[u8]) -> PictureSize {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    PictureSize {
        width: number(16),
        height: number(20),
    }
}

#[test]
fn pictures_say_how_large_they_are() {
    let board = board(RETRO);
    let options = Options {
        scale: 0.5,
        ..Options::default()
    };
    let svg = export(&board, Format::Svg, &options).unwrap();
    let png = export(&board, Format::Png, &options).unwrap();
    let size = png.size.unwrap();
    assert_eq!(svg.size, Some(size));
    assert_eq!(size_in(&png.bytes), size);
    let head = format!(r#"width="{}" height="{}""#, size.width, size.height);
    let text = String::from_utf8(svg.bytes).unwrap();
    assert!(text.starts_with("<svg ") && text.contains(&head), "{head}");
}

#[test]
fn records_come_out_as_files_that_hold_the_same_board() {
    let board = board(RETRO);
    let options = Options::default();
    for (format, marked) in [
        (Format::Json, "store"),
        (Format::Tldr, "tldrawFileFormatVersion"),
    ] {
        let artifact = export(&board, format, &options).unwrap();
        assert_eq!(artifact.size, None);
        let value: Value = serde_json::from_slice(&artifact.bytes).unwrap();
        assert!(value.get(marked).is_some());
        let again = self::board(&artifact.bytes);
        assert_eq!(again.shapes(), board.shapes());
        assert_eq!(again.records_schema(), board.records_schema());
    }
    let snapshot = export(&board, Format::Json, &options).unwrap();
    let snapshot: Value = serde_json::from_slice(&snapshot.bytes).unwrap();
    for record in board.records() {
        let id = record["id"].as_str().unwrap();
        assert_eq!(snapshot["store"][id], record);
    }
}

#[test]
fn what_no_font_has_and_what_no_file_is_there_for_is_told() {
    let scripts = export(&board(SCRIPTS), Format::Svg, &Options::default()).unwrap();
    assert!(scripts.missing.contains(&'日'), "{:?}", scripts.missing);
    assert!(!scripts.missing.contains(&'a'));
    let asset = json!({"id": "asset:a", "typeName": "asset", "type": "image", "props": {"src": "one", "w": 1, "h": 1}});
    let image = json!({
        "id": "shape:i", "typeName": "shape", "type": "image", "parentId": "page:p", "index": "a1", "x": 0, "y": 0,
        "props": {"w": 50, "h": 50, "assetId": "asset:a"}
    });
    let page = json!({"id": "page:p", "typeName": "page", "name": "", "index": "a1"});
    let file = json!({"schema": {"schemaVersion": 2, "sequences": {}}, "store": {"a": asset, "i": image, "p": page}});
    let board = board(file.to_string().as_bytes());
    let options = Options::default();
    let without = export(&board, Format::Svg, &options).unwrap();
    let told = "shape:i: the picture's file cannot be found";
    assert_eq!(without.left_out, [told]);

    struct One(Vec<u8>);
    impl Pictures for One {
        fn bytes(&self, src: &str) -> Option<Cow<'_, [u8]>> {
            (src == "one").then_some(Cow::Borrowed(&self.0))
        }
    }
    let small = Options {
        scale: 0.1,
        padding: Padding::Px(0.0),
        ..Options::default()
    };
    let one = export(&self::board(RETRO), Format::Png, &small).unwrap();
    let with = Commission {
        format: Format::Svg,
        options: &options,
        pictures: &One(one.bytes),
        stop: Stop::never(),
    };
    let with = Exporter::with(Fonts::bundled()).export(&board, with);
    let with = with.unwrap();
    assert_eq!(with.left_out, [""; 0]);
    let text = String::from_utf8(with.bytes).unwrap();
    assert!(text.contains("data:image/png;base64,"));
}

#[test]
fn a_scale_that_is_said_to_fit_does() {
    let board = board(RETRO);
    let at = |scale: f64| {
        let options = Options {
            scale,
            ..Options::default()
        };
        let mut exporter = Exporter::with(Fonts::bundled());
        exporter.limits.pixels = 40_000;
        let wanted = Commission {
            format: Format::Png,
            options: &options,
            pictures: &NoPictures,
            stop: Stop::never(),
        };
        exporter.export(&board, wanted)
    };
    for scale in [100.0, 3.0, 1.0] {
        let Err(ExportError::TooManyPixels { fits, .. }) = at(scale) else {
            panic!("{scale} fits");
        };
        let size = at(fits).unwrap().size.unwrap();
        let pixels = size.width * size.height;
        assert!((20_000..=40_000).contains(&pixels), "{fits}: {pixels}");
    }
}

#[test]
fn numbers_that_cannot_be_drawn_with_are_refused_with_what_can() {
    let board = board(RETRO);
    for (options, why) in [
        (
            Options {
                scale: f64::NAN,
                ..Options::default()
            },
            "scale must be from 0.00000001 to 100, not NaN",
        ),
        (
            Options {
                padding: Padding::Px(-1.0),
                ..Options::default()
            },
            "padding must be from 0 to 100000, not -1",
        ),
    ] {
        let error = export(&board, Format::Svg, &options).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

#[test]
fn it_stops_when_it_is_told_to() {
    let board = board(RETRO);
    for format in [Format::Svg, Format::Png, Format::Pdf, Format::Json] {
        let asked = Cell::new(0);
        let enough = || {
            asked.set(asked.get() + 1);
            asked.get() > 3
        };
        let wanted = Commission {
            format,
            options: &Options::default(),
            pictures: &NoPictures,
            stop: Stop::when(&enough),
        };
        let stopped = Exporter::with(Fonts::bundled()).export(&board, wanted);
        assert_eq!(stopped, Err(ExportError::Stopped));
        assert_eq!(asked.get(), 4);
    }
}

#[test]
fn formats_are_known_by_their_names() {
    for format in Format::ALL {
        assert_eq!(format.name().to_uppercase().parse(), Ok(format));
    }
    let error = "gif".parse::<Format>().unwrap_err();
    let why = "\"gif\" is no format; there are svg, png, pdf, json and tldr";
    assert_eq!(error.to_string(), why);
}
