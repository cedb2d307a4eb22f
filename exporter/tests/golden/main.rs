//! Whole boards drawn, and held to what was accepted before and to what the editor itself exports.
//!
//! Each document in `data/golden` has its accepted picture, and small ones their accepted SVG. A picture that differs leaves
//! `expected | difference | actual` in `target/golden`; `SCRIBLE_ACCEPT=1` takes the new one. Documents with a `truth.png`
//! are also measured against it, with bounds just below what was reached, so that likeness cannot get lost unseen.

mod files;
mod layouts;
mod pictures;
mod raster;
mod truth;

use std::sync::LazyLock;

use scrible_board::{Board, Limits as BoardLimits};
use scrible_exporter::draw::{self, Artist};
use scrible_exporter::error::ExportError;
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::Options;
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::scene::Scene;
use scrible_exporter::svg;
use scrible_exporter::text::{ExtraFace, Fonts};

/// The bundled fonts, and one each for Arabic, Chinese and emoji.
static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let names = [
        "dejavu-subset.ttf",
        "droid-fallback-subset.ttf",
        "noto-color-emoji-subset.ttf",
    ];
    let faces = names.map(|name| ExtraFace {
        bytes: files::bytes(&files::data("fonts").join(name)).into(),
        index: 0,
    });
    Fonts::with(faces.into()).unwrap()
});

/// A board drawn.
fn scene(doc: &[u8], options: &Options) -> Result<Scene, ExportError> {
    let board = Board::read(doc, &BoardLimits::default()).unwrap();
    let artist = Artist {
        fonts: &FONTS,
        pictures: &NoPictures,
        picture_limits: PictureLimits::default(),
        detail: Detail::Shown,
        stop: Stop::never(),
    };
    draw::scene(&board, options, &artist)
}

/// The SVG of a scene.
fn write(scene: &Scene) -> String {
    svg::write(scene, &Limits::default(), &Stop::never()).unwrap()
}
