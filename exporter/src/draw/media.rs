//! Pictures, and the glyphs that are pictures.
//!
//! Knows which of the scene's pictures a mark shows. The rule: what is shown twice is kept once.

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
        let pictures = &mut self.scene.pictures;
        let known = pictures.iter().position(|it| **it == *url);
        known.unwrap_or_else(|| {
            pictures.push(url.into());
            pictures.len() - 1
        })
    }
}
