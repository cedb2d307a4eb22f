//! Pictures, and the glyphs that are pictures.
//!
//! Knows which of the scene's pictures a mark shows. The rule: what is shown twice is kept once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Painter;

impl Painter<'_> {
    /// The picture of a glyph, a PNG, among those of the scene.
    pub(super) fn glyph(&mut self, png: &[u8]) -> usize {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(png));
        self.kept(url)
    }

    fn kept(&mut self, url: String) -> usize {
        let next = self.scene.pictures.len();
        let url: Arc<str> = url.into();
        let at = *self.pictures.entry(url.clone()).or_insert(next);
        if at == next {
            self.scene.pictures.push(url);
        }
        at
    }
}
