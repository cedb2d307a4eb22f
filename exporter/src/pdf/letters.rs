//! Letters as text that can be found, marked and copied.
//!
//! Knows runs and the faces that they were laid out with; colors and places are others'. The rule: text is written only where
//! it looks exactly as its outlines do; elsewhere `None`, and the outlines are drawn.

use std::collections::HashMap;
use std::sync::Arc;

use krilla::Data;
use krilla::geom::Point;
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use kurbo::Affine;
use skrifa::raw::TableProvider;
use skrifa::{FontRef, MetadataProvider, Tag};

use crate::text::{FaceId, Fonts, Run, SHEAR};

/// Faces with any of these look otherwise in a PDF than outlined: they have colors, pictures or several shapes.
const OTHERWISE: [&[u8; 4]; 7] = [
    b"COLR", b"SVG ", b"CBDT", b"EBDT", b"sbix", b"fvar", b"CFF2",
];

/// What a maker of fonts forbids, in `OS/2`: to embed, or to embed a part alone.
const EMBEDDING_FORBIDDEN: u16 = 0x0002;
const SUBSETTING_FORBIDDEN: u16 = 0x0100;

/// Whether letters are written as text at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lettering {
    /// Where that looks the same.
    Text,
    /// Never.
    Outlines,
}

/// The faces of a document.
pub(super) struct Faces<'f> {
    fonts: &'f Fonts,
    lettering: Lettering,
    known: HashMap<FaceId, Option<Font>>,
}

/// A run ready to be written.
pub(super) struct Written<'r> {
    font: Font,
    run: &'r Run,
    glyphs: Vec<KrillaGlyph>,
    /// To be drawn within, in the space of the run.
    pub shear: Affine,
}

impl<'f> Faces<'f> {
    pub fn new(fonts: &'f Fonts, lettering: Lettering) -> Self {
        Self {
            fonts,
            lettering,
            known: HashMap::new(),
        }
    }

    /// `None` where only the outlines look right.
    pub fn write<'r>(&mut self, run: &'r Run) -> Option<Written<'r>> {
        let shears = run.imitate_italic;
        let is_level = run.glyphs.iter().all(|glyph| glyph.y == run.baseline);
        if shears && (!is_level || run.imitate_bold) {
            return None;
        }
        let font = self.font(run.face)?;
        let ends = run.glyphs.iter().skip(1).map(|glyph| glyph.x);
        let ends = ends.chain([run.x + run.width]);
        let glyphs = run.glyphs.iter().zip(ends).map(|(glyph, end)| {
            let (from, to) = glyph.bytes;
            run.text.get(from..to)?;
            let of_size = |px: f64| (px / run.size) as f32;
            Some(KrillaGlyph::new(
                GlyphId::new(glyph.id),
                of_size(end - glyph.x),
                0.0,
                of_size(run.baseline - glyph.y),
                0.0,
                from..to,
                None,
            ))
        });
        Some(Written {
            font,
            run,
            glyphs: glyphs.collect::<Option<_>>()?,
            shear: match shears {
                true => {
                    let shear = f64::from(SHEAR);
                    Affine::new([1.0, 0.0, -shear, 1.0, shear * run.baseline, 0.0])
                }
                false => Affine::IDENTITY,
            },
        })
    }

    fn font(&mut self, face: FaceId) -> Option<Font> {
        if self.lettering == Lettering::Outlines {
            return None;
        }
        let fonts = self.fonts;
        let known = self.known.entry(face);
        known.or_insert_with(|| font(fonts, face)).clone()
    }
}

impl Written<'_> {
    /// Writes it with the fill and stroke of the surface.
    pub fn draw(&self, surface: &mut Surface<'_>) {
        let Some(first) = self.run.glyphs.first() else {
            return;
        };
        let start = Point::from_xy(first.x as f32, self.run.baseline as f32);
        let (text, size) = (&self.run.text, self.run.size as f32);
        surface.draw_glyphs(start, &self.glyphs, self.font.clone(), text, size, false);
    }
}

fn font(fonts: &Fonts, face: FaceId) -> Option<Font> {
    let (file, index) = fonts.file(face);
    let font = FontRef::from_index(file.data(), index).ok()?;
    let has = |tag: &[u8; 4]| font.table_data(Tag::new(tag)).is_some();
    let forbids = |bits: u16| font.os2().is_ok_and(|it| it.fs_type() & bits != 0);
    if OTHERWISE.into_iter().any(has)
        || forbids(EMBEDDING_FORBIDDEN | SUBSETTING_FORBIDDEN)
        || font.outline_glyphs().format().is_none()
    {
        return None;
    }
    let bytes: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(file);
    Font::new(Data::from(bytes), index)
}
