//! Pictures as they are drawn in the end, and that nothing hostile stops or slips through.
//!
//! Drawn by resvg, compared with what the image library says of the same pixels.

mod drawn;
mod hostile;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use kurbo::Size;
use scrible_exporter::picture::{
    Detail, Embedded, NoPictures, PictureLimits, PictureProblem, PictureSetup, PictureStore,
    Pictures,
};
use scrible_exporter::text::Fonts;

static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::bundled);

struct File<'b>(&'b [u8]);

impl Pictures for File<'_> {
    fn bytes(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        Some(self.0.into())
    }
}

fn limits() -> PictureLimits {
    PictureLimits {
        pixels: 1_000_000,
        ..PictureLimits::default()
    }
}

/// A file as a board shows it.
fn show(bytes: &[u8], shown: Size, detail: Detail) -> Result<Arc<Embedded>, PictureProblem> {
    let file = File(bytes);
    let mut store = PictureStore::new(PictureSetup {
        pictures: &file,
        fonts: &FONTS,
        limits: limits(),
        detail,
    });
    store.picture("file", shown)
}

fn open(bytes: &[u8]) -> Result<Arc<Embedded>, PictureProblem> {
    show(bytes, Size::new(1e6, 1e6), Detail::Shown)
}

#[test]
fn a_board_without_files_asks_nobody() {
    let mut store = PictureStore::new(PictureSetup {
        pictures: &NoPictures,
        fonts: &FONTS,
        limits: limits(),
        detail: Detail::Shown,
    });
    let found = store.picture("/etc/passwd", Size::new(1.0, 1.0));
    assert_eq!(found, Err(PictureProblem::NotFound));
}
