//! The faces that text is drawn with: the bundled ones, and those that a caller hands over for other scripts.
//!
//! Knows files of glyphs and which of them has a character; knows nothing of paragraphs. Never looks for a font by
//! itself: the same bytes must give the same picture on every machine.

use std::sync::{Arc, Mutex, PoisonError};

use fontique::Blob;
use skrifa::charmap::MappingIndex;
use skrifa::instance::LocationRef;
use skrifa::metrics::Metrics;
use skrifa::prelude::Size;
use skrifa::raw::TableProvider;
use skrifa::{FontRef, GlyphId, MetadataProvider, Tag};

/// The most faces that a caller may hand over.
pub const MAX_EXTRA_FACES: usize = 256;
/// The largest font file that is taken, in bytes.
pub const MAX_FACE_BYTES: usize = 64 << 20;

/// A group of faces that belong together and differ in weight and slant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family(u16);

impl Family {
    /// tldraw's hand-written face: Shantell Sans Informal.
    pub const DRAW: Self = Self(0);
    /// IBM Plex Sans, "normal" being Medium.
    pub const SANS: Self = Self(1);
    /// IBM Plex Serif, "normal" being Medium.
    pub const SERIF: Self = Self(2);
    /// IBM Plex Mono, "normal" being Medium.
    pub const MONO: Self = Self(3);
    /// Arimo, which has Arial's widths. Only upright and regular.
    pub const ARIAL: Self = Self(4);

    /// The bundled family that stands in for what `self` has not.
    fn generic(self) -> Self {
        match self {
            Self::SERIF => Self::SERIF,
            Self::MONO => Self::MONO,
            _ => Self::SANS,
        }
    }
}

/// One face among a [`Fonts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaceId(u16);

/// Upright or slanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Slant {
    /// Roman.
    #[default]
    Upright,
    /// Italic or oblique.
    Italic,
}

/// Normal or bold, the two weights that a board can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Weight {
    /// The family's plain weight.
    #[default]
    Normal,
    /// CSS 700.
    Bold,
}

/// A font file that the caller hands over.
#[derive(Clone)]
pub struct ExtraFace {
    /// The file: TrueType or OpenType, not compressed.
    pub bytes: Arc<[u8]>,
    /// Which face of a collection; 0 for a single font.
    pub index: u32,
}

/// Why a font was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FontError {
    /// Not a font, or one without the tables that text needs.
    #[error("font {number} cannot be read: {reason}")]
    Unreadable {
        /// Its place in the caller's list, from 0.
        number: usize,
        /// What was missing.
        reason: &'static str,
    },
    /// The file is larger than [`MAX_FACE_BYTES`].
    #[error("font {number} has {size} bytes, more than {MAX_FACE_BYTES}")]
    TooLarge {
        /// Its place in the caller's list, from 0.
        number: usize,
        /// Its size in bytes.
        size: usize,
    },
    /// More than [`MAX_EXTRA_FACES`].
    #[error("{0} fonts were given, more than {MAX_EXTRA_FACES}")]
    TooMany(usize),
}

/// What a look-up in the chain of fallbacks asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaceQuery {
    /// The family to begin with.
    pub family: Family,
    /// Normal or bold.
    pub weight: Weight,
    /// Upright or italic.
    pub slant: Slant,
}

/// All faces, and the order in which they are asked.
pub struct Fonts {
    faces: Vec<Face>,
    /// Family names in lower case, in the order of their first face; the bundled ones come first.
    families: Vec<String>,
    /// Engines that nobody shapes with at the moment, as many as there ever were at once. What they have found out about a face takes longer
    /// than to shape a short text with it.
    engines: Mutex<Vec<parley_engine::Shaper>>,
}

pub(super) struct Face {
    pub(super) data: Blob<u8>,
    pub(super) index: u32,
    family: Family,
    bold: bool,
    italic: bool,
    /// Holds pictures of its glyphs, as most emoji fonts do. (COLR layers are not drawn: such a face shows its plain outlines.)
    pub(super) colour: bool,
    map: MappingIndex,
    /// Font units of a font size of 1.
    pub(super) per_em: f64,
    /// Distances from the baseline for a font size of 1, both positive.
    ascent: f64,
    descent: f64,
    /// Advance of a space and of the digit 0 for a font size of 1.
    space: f64,
    zero: f64,
}

const BUNDLED: [(Family, bool, bool, &[u8]); 17] = {
    macro_rules! face {
        ($family:ident, $bold:literal, $italic:literal, $file:literal) => {
            (
                Family::$family,
                $bold,
                $italic,
                include_bytes!(concat!("../../fonts/", $file)).as_slice(),
            )
        };
    }
    [
        face!(DRAW, false, false, "Shantell_Sans-Informal_Regular.ttf"),
        face!(
            DRAW,
            false,
            true,
            "Shantell_Sans-Informal_Regular_Italic.ttf"
        ),
        face!(DRAW, true, false, "Shantell_Sans-Informal_Bold.ttf"),
        face!(DRAW, true, true, "Shantell_Sans-Informal_Bold_Italic.ttf"),
        face!(SANS, false, false, "IBMPlexSans-Medium.ttf"),
        face!(SANS, false, true, "IBMPlexSans-MediumItalic.ttf"),
        face!(SANS, true, false, "IBMPlexSans-Bold.ttf"),
        face!(SANS, true, true, "IBMPlexSans-BoldItalic.ttf"),
        face!(SERIF, false, false, "IBMPlexSerif-Medium.ttf"),
        face!(SERIF, false, true, "IBMPlexSerif-MediumItalic.ttf"),
        face!(SERIF, true, false, "IBMPlexSerif-Bold.ttf"),
        face!(SERIF, true, true, "IBMPlexSerif-BoldItalic.ttf"),
        face!(MONO, false, false, "IBMPlexMono-Medium.ttf"),
        face!(MONO, false, true, "IBMPlexMono-MediumItalic.ttf"),
        face!(MONO, true, false, "IBMPlexMono-Bold.ttf"),
        face!(MONO, true, true, "IBMPlexMono-BoldItalic.ttf"),
        face!(ARIAL, false, false, "Arimo-Regular.ttf"),
    ]
};

const BUNDLED_FAMILIES: [&str; 5] = [
    "shantell sans informal",
    "ibm plex sans",
    "ibm plex serif",
    "ibm plex mono",
    "arimo",
];

/// The file of an upright bundled face, for those who show text in the same letters by other means; where a family has no bold
/// face, its plain one. None for a family that is not bundled.
pub fn bundled_file(family: Family, weight: Weight) -> Option<&'static [u8]> {
    let file = |wanted: bool| {
        BUNDLED
            .iter()
            .find(|(of, bold, italic, _)| (*of, *bold, *italic) == (family, wanted, false))
    };
    file(weight == Weight::Bold)
        .or_else(|| file(false))
        .map(|(_, _, _, bytes)| *bytes)
}

impl Fonts {
    /// The bundled faces alone: Latin, Cyrillic, some Greek and Hebrew.
    pub fn bundled() -> Self {
        Self::with(Vec::new()).expect("no font of the caller's can be wrong where there is none")
    }

    /// The bundled faces and the caller's. Where a family lacks a character, the caller's families are asked in the
    /// order in which they first appear here.
    pub fn with(extra: Vec<ExtraFace>) -> Result<Self, FontError> {
        if extra.len() > MAX_EXTRA_FACES {
            return Err(FontError::TooMany(extra.len()));
        }
        let mut fonts = Self {
            faces: Vec::with_capacity(BUNDLED.len() + extra.len()),
            families: BUNDLED_FAMILIES.map(str::to_owned).to_vec(),
            engines: Mutex::default(),
        };
        for (family, bold, italic, bytes) in BUNDLED {
            let mut face =
                Face::read(Blob::new(Arc::new(bytes)), 0).expect("bundled fonts are whole");
            (face.family, face.bold, face.italic) = (family, bold, italic);
            fonts.faces.push(face);
        }
        for (number, face) in extra.into_iter().enumerate() {
            let size = face.bytes.len();
            if size > MAX_FACE_BYTES {
                return Err(FontError::TooLarge { number, size });
            }
            let mut read = Face::read(Blob::new(Arc::new(face.bytes)), face.index)
                .map_err(|reason| FontError::Unreadable { number, reason })?;
            let name = read.family_name().unwrap_or_else(|| format!("#{number}"));
            let known = fonts.families.iter().position(|family| *family == name);
            let place = known.unwrap_or_else(|| {
                fonts.families.push(name);
                fonts.families.len() - 1
            });
            read.family = Family(u16::try_from(place).expect("families are no more than faces"));
            fonts.faces.push(read);
        }
        Ok(fonts)
    }

    /// An engine to shape with, to be put back afterwards.
    pub(super) fn take_engine(&self) -> parley_engine::Shaper {
        let engines = self.engines.lock();
        let free = engines.unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_default()
    }

    pub(super) fn put_back(&self, engine: parley_engine::Shaper) {
        let engines = self.engines.lock();
        let mut engines = engines.unwrap_or_else(PoisonError::into_inner);
        engines.push(engine);
    }

    /// The family of this name, in any case, among all faces.
    pub fn family(&self, name: &str) -> Option<Family> {
        let name = name.to_lowercase();
        let place = self.families.iter().position(|family| *family == name)?;
        Some(Family(u16::try_from(place).ok()?))
    }

    /// The face that decides about lines: the first of the family's best match.
    pub fn primary(&self, query: FaceQuery) -> FaceId {
        self.best(query.family, query)
            .first()
            .or(self.best(query.family.generic(), query).first())
            .copied()
            .expect("every bundled family has faces")
    }

    /// The faces to be asked for a character, the best one first, each once.
    pub(super) fn chain(&self, query: FaceQuery) -> Vec<FaceId> {
        let bundled = BUNDLED_FAMILIES.len();
        let extra = (bundled..self.families.len()).map(|place| Family(place as u16));
        let rest = [
            Family::SANS,
            Family::ARIAL,
            Family::MONO,
            Family::SERIF,
            Family::DRAW,
        ];
        let families = [query.family, query.family.generic()]
            .into_iter()
            .chain(extra)
            .chain(rest);
        let mut chain: Vec<FaceId> = Vec::new();
        for family in families {
            for face in self.best(family, query) {
                if !chain.contains(&face) {
                    chain.push(face);
                }
            }
        }
        chain
    }

    /// The faces of a family that come closest in weight and slant; several when a family is cut by character range.
    fn best(&self, family: Family, query: FaceQuery) -> Vec<FaceId> {
        let miss = |face: &Face| {
            u8::from(face.italic != (query.slant == Slant::Italic)) * 2
                + u8::from(face.bold != (query.weight == Weight::Bold))
        };
        let of_family = || {
            self.faces
                .iter()
                .enumerate()
                .filter(move |(_, face)| face.family == family)
        };
        let Some(least) = of_family().map(|(_, face)| miss(face)).min() else {
            return Vec::new();
        };
        of_family()
            .filter(|(_, face)| miss(face) == least)
            .map(|(place, _)| FaceId(place as u16))
            .collect()
    }

    pub(super) fn face(&self, id: FaceId) -> &Face {
        &self.faces[usize::from(id.0)]
    }

    /// The files of all faces, each once.
    pub(crate) fn files(&self) -> impl Iterator<Item = Blob<u8>> {
        let mut seen = std::collections::HashSet::new();
        self.faces
            .iter()
            .filter(move |face| seen.insert(face.data.id()))
            .map(|face| face.data.clone())
    }

    /// The file of a face, and its place in that.
    pub(crate) fn file(&self, id: FaceId) -> (Blob<u8>, u32) {
        let face = self.face(id);
        (face.data.clone(), face.index)
    }

    pub(super) fn find(&self, data: &Blob<u8>, index: u32) -> Option<FaceId> {
        let place = self
            .faces
            .iter()
            .position(|face| face.data.id() == data.id() && face.index == index)?;
        Some(FaceId(place as u16))
    }

    /// The name of a face's family, in lower case.
    pub fn family_name(&self, id: FaceId) -> &str {
        &self.families[usize::from(self.face(id).family.0)]
    }

    /// Whether the face lacks the weight or slant asked for, so that it has to be imitated.
    pub(super) fn imitates(&self, id: FaceId, query: FaceQuery) -> (bool, bool) {
        let face = self.face(id);
        (
            query.weight == Weight::Bold && !face.bold && !face.colour,
            query.slant == Slant::Italic && !face.italic && !face.colour,
        )
    }

    /// Ascent and descent in whole px, rounded as browsers round them before they place a line.
    pub(super) fn whole_extents(&self, id: FaceId, size: f64) -> (f64, f64) {
        let face = self.face(id);
        (
            (face.ascent * size + 0.5).floor(),
            (face.descent * size + 0.5).floor(),
        )
    }

    /// Ascent in px, as the font has it.
    pub(super) fn ascent(&self, id: FaceId, size: f64) -> f64 {
        self.face(id).ascent * size
    }

    /// Width of a space in px.
    pub(super) fn space(&self, id: FaceId, size: f64) -> f64 {
        self.face(id).space * size
    }

    /// Width of the digit 0 in px, CSS's `ch`.
    pub(super) fn zero(&self, id: FaceId, size: f64) -> f64 {
        self.face(id).zero * size
    }
}

impl Face {
    /// Reads what layout needs, and makes sure that later steps need not fail.
    fn read(data: Blob<u8>, index: u32) -> Result<Self, &'static str> {
        let font = FontRef::from_index(data.data(), index).map_err(|_| "no font file")?;
        let head = font.head().map_err(|_| "no head table")?;
        font.maxp().map_err(|_| "no maxp table")?;
        font.hmtx().map_err(|_| "no hmtx table")?;
        let per_em = f64::from(head.units_per_em());
        if !(16.0..=16384.0).contains(&per_em) {
            return Err("units per em out of range");
        }
        if !font.charmap().has_map() {
            return Err("no character map");
        }
        let metrics = Metrics::new(&font, Size::unscaled(), LocationRef::default());
        let widths = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let advance = |glyph: Option<GlyphId>| glyph.and_then(|glyph| widths.advance_width(glyph));
        let half = per_em as f32 / 2.0;
        let space = advance(font.charmap().map(' ')).unwrap_or(half);
        let zero = advance(font.charmap().map('0')).unwrap_or(half);
        let attributes = font.attributes();
        let colour = [b"CBDT", b"sbix"]
            .into_iter()
            .any(|tag| font.table_data(Tag::new(tag)).is_some());
        Ok(Self {
            map: MappingIndex::new(&font),
            family: Family::SANS,
            bold: attributes.weight.value() >= 600.0,
            italic: attributes.style != skrifa::attribute::Style::Normal,
            colour,
            per_em,
            ascent: f64::from(metrics.ascent) / per_em,
            descent: f64::from(-metrics.descent) / per_em,
            space: f64::from(space) / per_em,
            zero: f64::from(zero) / per_em,
            data,
            index,
        })
    }

    /// The font's tables.
    pub(super) fn font(&self) -> FontRef<'_> {
        FontRef::from_index(self.data.data(), self.index).expect("was read before")
    }

    pub(super) fn has(&self, character: char) -> bool {
        self.map
            .charmap(&self.font())
            .map(character)
            .is_some_and(|glyph| glyph != GlyphId::NOTDEF)
    }

    fn family_name(&self) -> Option<String> {
        use skrifa::string::StringId;
        let font = self.font();
        [StringId::TYPOGRAPHIC_FAMILY_NAME, StringId::FAMILY_NAME]
            .into_iter()
            .find_map(|id| font.localized_strings(id).english_or_first())
            .map(|name| name.chars().take(128).collect::<String>().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: FaceQuery = FaceQuery {
        family: Family::DRAW,
        weight: Weight::Normal,
        slant: Slant::Upright,
    };

    #[test]
    fn every_bundled_family_has_its_weights_and_slants() {
        let fonts = Fonts::bundled();
        for family in [Family::DRAW, Family::SANS, Family::SERIF, Family::MONO] {
            for weight in [Weight::Normal, Weight::Bold] {
                for slant in [Slant::Upright, Slant::Italic] {
                    let query = FaceQuery {
                        family,
                        weight,
                        slant,
                    };
                    assert_eq!(fonts.imitates(fonts.primary(query), query), (false, false));
                }
            }
        }
        assert_eq!(fonts.family("IBM Plex Mono"), Some(Family::MONO));
        assert_eq!(fonts.family("Comic Sans"), None);
    }

    #[test]
    fn a_chain_begins_with_its_family_and_names_each_face_once() {
        let fonts = Fonts::bundled();
        let chain = fonts.chain(PLAIN);
        assert_eq!(chain[0], fonts.primary(PLAIN));
        let mut once = chain.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), chain.len());
        assert_eq!(fonts.family_name(chain[1]), "ibm plex sans");
    }

    #[test]
    fn what_is_no_font_is_refused() {
        let refuse = |bytes: Vec<u8>| {
            Fonts::with(vec![ExtraFace {
                bytes: bytes.into(),
                index: 0,
            }])
            .err()
        };
        assert!(matches!(
            refuse(Vec::new()),
            Some(FontError::Unreadable { number: 0, .. })
        ));
        assert!(matches!(
            refuse(b"not a font".to_vec()),
            Some(FontError::Unreadable { .. })
        ));
        let (.., whole) = BUNDLED[4];
        assert!(refuse(whole[..200].to_vec()).is_some());
    }
}
