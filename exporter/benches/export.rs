//! How long a board takes on its way into a picture: as a scene, and from there as SVG and PNG.
//!
//! The boards are those of the golden tests and of the bench of exports. Reading them is measured beside the crate that does it.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use scrible_board::Board;
use scrible_exporter::draw::{self, Artist};
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::Options;
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::scene::Scene;
use scrible_exporter::text::Fonts;
use scrible_exporter::{png, svg};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of 50 shapes, of handwriting, and of a thousand shapes, at a fifth of its size.
const BOARDS: [Subject; 3] = [
    Subject {
        path: "../bench/boards/board-50.bin",
        scale: 1.0,
    },
    Subject {
        path: "tests/data/golden/board-handwriting/doc.bin",
        scale: 1.0,
    },
    Subject {
        path: "tests/data/golden/board-1000/doc.bin",
        scale: 0.2,
    },
];

static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::bundled);

fn main() {
    divan::main();
}

/// A board, and at which scale it is drawn.
#[derive(Debug)]
struct Subject {
    path: &'static str,
    scale: f64,
}

impl Subject {
    fn board(&self) -> Board {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.path);
        Board::read(&fs::read(path).unwrap(), &Default::default()).unwrap()
    }

    fn scene(&self, board: &Board, detail: Detail) -> Scene {
        let options = Options {
            scale: self.scale,
            ..Options::default()
        };
        let artist = Artist {
            fonts: &FONTS,
            pictures: &NoPictures,
            picture_limits: PictureLimits::default(),
            detail,
            stop: Stop::never(),
        };
        draw::scene(board, &options, &artist).unwrap()
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = Path::new(self.path).parent().and_then(Path::file_name);
        let file = Path::new(self.path).file_stem();
        let name = folder.filter(|folder| *folder != "boards").or(file);
        write!(f, "{}", name.unwrap_or_default().display())
    }
}

/// All that text is drawn with, as every worker loads it once.
#[divan::bench]
fn fonts() -> Fonts {
    Fonts::bundled()
}

#[divan::bench(args = BOARDS)]
fn scene(bencher: Bencher, subject: &Subject) {
    let board = subject.board();
    bencher
        .counter(ItemsCount::new(board.shapes().len()))
        .bench(|| subject.scene(black_box(&board), Detail::Zoomed));
}

/// MB of SVG.
#[divan::bench(args = BOARDS)]
fn to_svg(bencher: Bencher, subject: &Subject) {
    let board = subject.board();
    let scene = subject.scene(&board, Detail::Zoomed);
    let write = || svg::write(black_box(&scene), &Limits::default(), &Stop::never()).unwrap();
    bencher
        .counter(ItemsCount::new(board.shapes().len()))
        .counter(BytesCount::new(write().len()))
        .bench(write);
}

/// MB of pixels, of four bytes each.
#[divan::bench(args = BOARDS, sample_count = 20)]
fn to_png(bencher: Bencher, subject: &Subject) {
    let board = subject.board();
    let scene = subject.scene(&board, Detail::Shown);
    let (width, height) = scene.size;
    bencher
        .counter(ItemsCount::new(board.shapes().len()))
        .counter(BytesCount::new(4 * (width * height) as usize))
        .bench(|| png::paint(black_box(&scene), &Limits::default(), &Stop::never()).unwrap());
}
