//! SVG pictures, read and written anew.
//!
//! What a stranger's SVG says is taken apart into paths, gradients and filters, and only those are written: no script, style,
//! animation, text or outside reference survives, and every viewer draws the same. Knows the bundled fonts, for text becomes
//! outlines. HTML inside of SVG is not drawn. The rule: nothing is opened, and nothing is unfolded before it is weighed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kurbo::Size;
use usvg::fontdb::{self, Database};
use usvg::roxmltree::{Document, ParsingOptions};
use usvg::{
    FontResolver, FontStyle, ImageHrefResolver, ImageKind, Indent, Options, Tree, WriteOptions,
};

use super::embed::embed;
use super::guard::guarded;
use super::raster::Raster;
use super::{
    Detail, Dimension, Embedded, Fit, Format, Mime, Orientation, PictureLimits, PictureProblem,
    seal, weight,
};
use crate::text::Fonts;

/// Nodes of the file itself, text included, for each element that the limits allow.
const NODES_PER_ELEMENT: u64 = 8;
/// What shares of the size of an SVG without size refer to, px.
const DEFAULT_SIZE: (f32, f32) = (300.0, 150.0);
/// Beyond these a filter takes minutes.
const MOST_MORPHOLOGY: f32 = 32.0;
const MOST_OCTAVES: u32 = 16;
const MOST_KERNEL: u32 = 15;
const MOST_PRIMITIVES: usize = 1000;
/// The family of the hand-written face, as its file names it.
const HAND: &str = "Shantell Sans Informal";

/// What an SVG is read with.
pub(super) struct Reader<'a> {
    pub limits: &'a PictureLimits,
    pub fonts: Arc<Database>,
    /// What the drawing is for.
    pub detail: Detail,
    /// Pixels that pictures inside of it may have together.
    pub pixels: u64,
}

/// An SVG to be embedded, and how many pixels the pictures inside of it have.
pub(super) fn read(bytes: &[u8], reader: &Reader<'_>) -> Result<(Embedded, u64), PictureProblem> {
    let broken = |reason: &dyn std::fmt::Display| PictureProblem::broken(Format::Svg, reason);
    let text = std::str::from_utf8(bytes).map_err(|error| broken(&error))?;
    let nodes = reader.limits.elements.saturating_mul(NODES_PER_ELEMENT);
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let parsing = ParsingOptions {
        // Drawing programs name their namespaces by entities.
        allow_dtd: true,
        nodes_limit: nodes,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text.trim_start_matches('\u{feff}'), parsing)
        .map_err(|error| broken(&error))?;
    weight::check(&document, reader.limits)?;
    let left = AtomicU64::new(reader.pixels);
    let tree =
        Tree::from_xmltree(&document, &options(reader, &left)).map_err(|error| broken(&error))?;
    check_filters(&tree)?;
    let written = write(&tree);
    PictureProblem::check(
        Dimension::Bytes,
        written.len() as u64,
        reader.limits.bytes as u64,
    )?;
    let written = seal::seal(&written, nodes)
        .ok_or_else(|| broken(&"it names its parts in a way that cannot be kept"))?;
    let root = document.root_element();
    let is_fixed = |side| {
        root.attribute(side)
            .is_some_and(|length: &str| !length.contains('%'))
    };
    let stretches = root.attribute("viewBox").is_none() && is_fixed("width") && is_fixed("height");
    let embedded = Embedded {
        mime: Mime::Svg,
        bytes: Arc::new(written.into_bytes()),
        stored: Size::new(
            f64::from(tree.size().width()),
            f64::from(tree.size().height()),
        ),
        orientation: Orientation::UPRIGHT,
        fit: if stretches { Fit::Fill } else { Fit::Contain },
    };
    Ok((embedded, reader.pixels - left.into_inner()))
}

/// The bundled fonts and the caller's, under the names that pictures may ask for.
pub(super) fn database(fonts: &Fonts) -> Arc<Database> {
    let mut database = Database::new();
    for data in fonts.files() {
        database.load_font_source(fontdb::Source::Binary(Arc::new(data)));
    }
    Arc::new(database)
}

fn options<'a>(reader: &'a Reader<'_>, left: &'a AtomicU64) -> Options<'a> {
    Options {
        default_size: usvg::Size::from_wh(DEFAULT_SIZE.0, DEFAULT_SIZE.1)
            .expect("both are above zero"),
        font_family: "serif".to_owned(),
        fontdb: Arc::clone(&reader.fonts),
        font_resolver: FontResolver {
            select_font: Box::new(|font, database| select(font, database)),
            ..FontResolver::default()
        },
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(move |_, data, _| inner(&data, reader, left)),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    }
}

/// A picture inside of an SVG: of pixels, within the limits and made as those of the board are, or none.
fn inner(data: &[u8], reader: &Reader<'_>, left: &AtomicU64) -> Option<ImageKind> {
    let format = Format::of(data).ok()?;
    let picture = guarded(format, || {
        let raster = Raster::open(format, data, reader.limits)?;
        let pixels = raster.pixels();
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(pixels)
        })
        .map_err(|_| PictureProblem::broken(format, "others have used up all pixels"))?;
        let (_, picture) = embed(raster, data, 0, reader.detail)?;
        Ok(picture)
    })
    .ok()?;
    match picture.mime {
        Mime::Png => Some(ImageKind::PNG(picture.bytes)),
        Mime::Jpeg => Some(ImageKind::JPEG(picture.bytes)),
        Mime::Svg => None,
    }
}

/// The nearest of the fonts: by name, then by what kind of face the name stands for.
fn select(font: &usvg::Font, database: &Database) -> Option<fontdb::ID> {
    let style = match font.style() {
        FontStyle::Normal => fontdb::Style::Normal,
        FontStyle::Italic => fontdb::Style::Italic,
        FontStyle::Oblique => fontdb::Style::Oblique,
    };
    // Arimo is upright and regular alone.
    let is_plain = font.weight() < 600 && style == fontdb::Style::Normal;
    let sans = if is_plain { "Arimo" } else { "IBM Plex Sans" };
    let mut families: Vec<&str> = Vec::new();
    for family in font.families() {
        let stands_for = match family {
            usvg::FontFamily::Serif => Some("IBM Plex Serif"),
            usvg::FontFamily::SansSerif => Some(sans),
            usvg::FontFamily::Monospace => Some("IBM Plex Mono"),
            usvg::FontFamily::Cursive | usvg::FontFamily::Fantasy => Some(HAND),
            usvg::FontFamily::Named(name) => {
                families.push(name);
                match name.to_lowercase().as_str() {
                    "courier" | "courier new" | "consolas" | "menlo" | "monaco" => {
                        Some("IBM Plex Mono")
                    }
                    "times" | "times new roman" | "georgia" => Some("IBM Plex Serif"),
                    "arial" | "helvetica" => Some(sans),
                    _ => None,
                }
            }
        };
        families.extend(stands_for);
    }
    families.push(sans);
    let families: Vec<_> = families.into_iter().map(fontdb::Family::Name).collect();
    database.query(&fontdb::Query {
        families: &families,
        weight: fontdb::Weight(font.weight()),
        style,
        ..fontdb::Query::default()
    })
}

fn check_filters(tree: &Tree) -> Result<(), PictureProblem> {
    use usvg::filter::Kind;
    let primitives = || tree.filters().iter().flat_map(|filter| filter.primitives());
    let costly = primitives().any(|primitive| match primitive.kind() {
        Kind::Morphology(fe) => fe.radius_x().get().max(fe.radius_y().get()) > MOST_MORPHOLOGY,
        Kind::Turbulence(fe) => fe.num_octaves() > MOST_OCTAVES,
        Kind::ConvolveMatrix(fe) => fe.matrix().columns().max(fe.matrix().rows()) > MOST_KERNEL,
        _ => false,
    });
    if costly || primitives().count() > MOST_PRIMITIVES {
        return Err(PictureProblem::broken(
            Format::Svg,
            "its filters are beyond measure",
        ));
    }
    Ok(())
}

fn write(tree: &Tree) -> String {
    let written = tree.to_string(&WriteOptions {
        indent: Indent::None,
        // Enough for a picture of one px shown on a thousand.
        coordinates_precision: 6,
        attributes_indent: Indent::None,
        ..WriteOptions::default()
    });
    let rest = written.strip_prefix("<svg").expect("the root comes first");
    // Without it, browsers would not keep its proportions.
    let (width, height) = (tree.size().width(), tree.size().height());
    format!("<svg viewBox=\"0 0 {width} {height}\"{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_svg(text: &str) -> Result<(String, Embedded, u64), PictureProblem> {
        let limits = PictureLimits::default();
        let reader = Reader {
            limits: &limits,
            fonts: database(&Fonts::bundled()),
            detail: Detail::Shown,
            pixels: 1000,
        };
        let (picture, pixels) = read(text.as_bytes(), &reader)?;
        let written = String::from_utf8(picture.bytes.to_vec()).unwrap();
        Ok((written, picture, pixels))
    }

    fn svg(attributes: &str, body: &str) -> String {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' {attributes}>{body}</svg>"
        )
    }

    #[test]
    fn sizes_are_those_of_the_root_or_else_of_what_is_drawn() {
        let cases = [
            ("width='40' height='20'", (40.0, 20.0), Fit::Fill),
            ("viewBox='5 5 24 12'", (24.0, 12.0), Fit::Contain),
            (
                "width='1in' height='2cm' viewBox='0 0 1 1'",
                (96.0, 75.59),
                Fit::Contain,
            ),
            // As large as what is in it: a browser would take the size of the box, which nobody knows here.
            ("", (9.0, 9.0), Fit::Contain),
            ("width='40'", (9.0, 9.0), Fit::Contain),
        ];
        for (attributes, (width, height), fit) in cases {
            let (_, picture, _) =
                read_svg(&svg(attributes, "<rect width='9' height='9'/>")).unwrap();
            assert!(
                (picture.stored.width - width).abs() < 0.01,
                "{attributes}: {:?}",
                picture.stored
            );
            assert!(
                (picture.stored.height - height).abs() < 0.01,
                "{attributes}"
            );
            assert_eq!(picture.fit, fit, "{attributes}");
        }
    }

    #[test]
    fn text_becomes_outlines_in_the_nearest_face() {
        let drawn = |family: &str, weight: &str| {
            let text =
                format!("<text y='20' font-family='{family}' font-weight='{weight}'>Ag</text>");
            let (written, ..) = read_svg(&svg("width='40' height='20'", &text)).unwrap();
            assert!(
                written.contains("<path") && !written.contains("<text"),
                "{written}"
            );
            written
        };
        assert_eq!(drawn("Arial", "400"), drawn("sans-serif", "400"));
        assert_eq!(
            drawn("Nothing Known, monospace", "400"),
            drawn("Courier New", "400")
        );
        assert_eq!(drawn("Nothing Known", "400"), drawn("Arial", "400"));
        assert_eq!(drawn("Times", "700"), drawn("serif", "bold"));
        assert_ne!(drawn("serif", "400"), drawn("sans-serif", "400"));
        assert_ne!(drawn("sans-serif", "700"), drawn("sans-serif", "400"));
        assert_ne!(drawn("cursive", "400"), drawn("sans-serif", "400"));
    }

    #[test]
    fn filters_beyond_measure_are_refused() {
        let filtered = |primitive: &str| {
            let body = format!(
                "<filter id='f'>{primitive}</filter><rect width='9' height='9' filter='url(#f)'/>"
            );
            read_svg(&svg("width='9' height='9'", &body)).map(|_| ())
        };
        assert_eq!(filtered("<feGaussianBlur stdDeviation='3'/>"), Ok(()));
        assert_eq!(filtered("<feMorphology radius='2'/>"), Ok(()));
        assert!(filtered("<feMorphology radius='999'/>").is_err());
        assert!(filtered("<feTurbulence baseFrequency='1' numOctaves='999999'/>").is_err());
        assert!(filtered(&"<feOffset dx='1'/>".repeat(1001)).is_err());
    }
}
