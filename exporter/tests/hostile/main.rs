//! What nobody drew: shapes, boards and records that are meant to hurt.
//!
//! The rule of all of it: something finite in bounded time, or an error that says what would be right; never a panic.

mod boards;
mod mutations;
mod shapes;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use scrible_board::{Board, BoardError, Limits as BoardLimits};
use scrible_exporter::draw::{self, Artist};
use scrible_exporter::error::ExportError;
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::Options;
use scrible_exporter::pdf::{Book, Setup, Sketch};
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::scene::Scene;
use scrible_exporter::text::Fonts;
use scrible_exporter::{png, svg};
use serde_json::{Value, json};

static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::bundled);

/// After this long a picture is given up. Everything here takes a small part of it, even on a busy machine and without
/// optimisation; work that grows with the square of a board's size takes much more.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of a PDF that is read again: the reader takes its time.
const MOST_READ: usize = 1 << 20;

/// A board drawn in all formats.
struct Picture {
    svg: Result<String, ExportError>,
    png: Result<Vec<u8>, ExportError>,
    pdf: Result<Vec<u8>, ExportError>,
}

fn read(records: &[Value]) -> Board {
    try_read(records).unwrap()
}

fn try_read(records: &[Value]) -> Result<Board, BoardError> {
    let file = json!({"tldrawFileFormatVersion": 1, "records": records}).to_string();
    Board::read(file.as_bytes(), &BoardLimits::default())
}

/// Large pictures take long without optimisation.
fn limits() -> Limits {
    let all = Limits::default();
    match cfg!(debug_assertions) {
        true => Limits {
            pixels: all.pixels / 50,
            ..all
        },
        false => all,
    }
}

/// Draws a board within [`PATIENCE`].
fn draw(board: &Board, options: &Options) -> Result<Picture, ExportError> {
    let picture = draw_within(PATIENCE, board, options);
    let stopped = Some(&ExportError::Stopped);
    if let Ok(picture) = &picture {
        assert_ne!(picture.svg.as_ref().err(), stopped);
        assert_ne!(picture.png.as_ref().err(), stopped);
        assert_ne!(picture.pdf.as_ref().err(), stopped);
    }
    assert_ne!(picture.as_ref().err(), stopped);
    picture
}

fn draw_within(
    patience: Duration,
    board: &Board,
    options: &Options,
) -> Result<Picture, ExportError> {
    let started = Instant::now();
    let is_late = || started.elapsed() > patience;
    let stop = Stop::when(&is_late);
    let artist = Artist {
        fonts: &FONTS,
        pictures: &NoPictures,
        picture_limits: PictureLimits::default(),
        detail: Detail::Shown,
        stop,
    };
    let limits = limits();
    let lap = |what: &str| {
        if std::env::var_os("SCRIBLE_SHOW_TIMES").is_some() {
            println!("  {what} after {:?}", started.elapsed());
        }
    };
    let scene = draw::scene(board, options, &artist)?;
    lap("scene");
    let svg = svg::write(&scene, &limits, &stop);
    lap("SVG");
    if let Ok(svg) = &svg {
        assert!(!svg.contains("NaN") && !svg.contains("nfinity"));
    }
    let png = png::paint(&scene, &limits, &stop);
    lap("PNG");
    let artist = Artist {
        detail: Detail::Zoomed,
        ..artist
    };
    let scene = draw::scene(board, options, &artist);
    lap("its scene");
    let pdf = scene.and_then(|scene| bound(&scene, &limits, &stop));
    lap("PDF");
    Ok(Picture { svg, png, pdf })
}

fn bound(scene: &Scene, limits: &Limits, stop: &Stop<'_>) -> Result<Vec<u8>, ExportError> {
    let mut book = Book::new(Setup {
        fonts: &FONTS,
        limits,
        title: "hostile",
    });
    let name = "page";
    book.page(Sketch { name, scene }, stop)?;
    let file = book.finish()?;
    if file.len() < MOST_READ {
        let read = lopdf::Document::load_mem(&file).unwrap();
        let page = read.page_iter().next().unwrap();
        let content = read.get_page_content(page);
        let written = String::from_utf8_lossy(&content);
        assert!(!written.contains("NaN") && !written.contains("inf"));
    }
    Ok(file)
}
