//! Writes scenes as pages of a PDF.
//!
//! Lines stay lines and letters are text in embedded fonts, which can be found and marked; where that would look otherwise,
//! they are outlines. Wraps the PDF library, which never gets to see files, addresses or the clock: the same scenes give the same
//! bytes. The rule: what is written is counted before it is, and a page that a viewer would not show is made to fit.

mod hatch;
mod images;
mod letters;
mod path;
mod shadow;
mod sheet;

use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::Point;
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::{Document, SerializeSettings};
use kurbo::{Affine, Rect};

use self::images::Images;
use self::letters::{Faces, Lettering};
use self::sheet::Sheet;
use crate::error::ExportError;
use crate::limits::{Limits, Stop};
use crate::scene::{Layer, Mark, Scene};
use crate::text::Fonts;

/// pt for each px: CSS has 96 px to the inch.
const PT: f64 = 0.75;

/// The longest side of a page that viewers show, pt.
const MOST_SIDE: f64 = 14_400.0;

/// The same in px.
pub const MOST_PX: u32 = 19_200;

/// The shortest, pt.
const LEAST_SIDE: f64 = 3.0;

/// How far a layer may reach from its page, pt; one that reaches farther is thousands of times as large.
const MOST_REACH: f64 = 1e8;

/// What a path costs beside its data, bytes.
const PATH_BYTES: usize = 128;

/// A PDF on its way.
pub struct Book<'f> {
    document: Document,
    faces: Faces<'f>,
    images: Images,
    limits: Limits,
    /// Bytes of all that was drawn so far, before it is compressed.
    written: usize,
    /// Their names.
    pages: Vec<String>,
}

/// What a PDF is made with.
#[derive(Clone, Copy)]
pub struct Setup<'a, 'f> {
    /// Those that the scenes were laid out with.
    pub fonts: &'f Fonts,
    /// Bounds.
    pub limits: &'a Limits,
    /// Shown by viewers; none when empty.
    pub title: &'a str,
}

/// A page to be drawn.
#[derive(Clone, Copy)]
pub struct Sketch<'a> {
    /// In its contents, where there are several.
    pub name: &'a str,
    /// What is on it.
    pub scene: &'a Scene,
}

/// How much smaller a page is than it was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// 1 when it is as large.
    pub scale: f64,
}

impl<'f> Book<'f> {
    /// Without pages yet.
    pub fn new(setup: Setup<'_, 'f>) -> Self {
        Self::lettered(setup, Lettering::Text)
    }

    /// The same with letters as outlines alone, for when a font cannot be embedded: [`ExportError::Font`].
    pub fn outlined(setup: Setup<'_, 'f>) -> Self {
        Self::lettered(setup, Lettering::Outlines)
    }

    fn lettered(setup: Setup<'_, 'f>, lettering: Lettering) -> Self {
        let settings = SerializeSettings {
            enable_tagging: false,
            ..SerializeSettings::default()
        };
        let mut document = Document::new_with(settings);
        let metadata = Metadata::new().creator("Scrible".to_owned());
        document.set_metadata(match setup.title {
            "" => metadata,
            title => metadata.title(title.to_owned()),
        });
        Self {
            document,
            faces: Faces::new(setup.fonts, lettering),
            images: Images::default(),
            limits: setup.limits.clone(),
            written: 0,
            pages: Vec::new(),
        }
    }

    /// Draws a page.
    ///
    /// # Errors
    /// When the limits do not allow it, or when it is told to stop. The book is of no use then.
    pub fn page(&mut self, sketch: Sketch<'_>, stop: &Stop<'_>) -> Result<Fitted, ExportError> {
        let Sketch { name, scene } = sketch;
        if self.pages.len() >= self.limits.pages {
            let limit = self.limits.pages;
            return Err(ExportError::TooManyPages { limit });
        }
        self.pages.push(name.to_owned());
        let (width, height) = (scene.size.0 * PT, scene.size.1 * PT);
        let scale = (MOST_SIDE / width.max(height)).min(1.0);
        let (across, down) = (width * scale, height * scale);
        let side = |length: f64| length.clamp(LEAST_SIDE, MOST_SIDE) as f32;
        let (wide, high) = (side(across), side(down));
        let settings = PageSettings::from_wh(wide, high).ok_or_else(no_page)?;
        let view = scene.view;
        let base = Affine::scale_non_uniform(across / view.width(), down / view.height())
            * Affine::translate(-view.origin().to_vec2());
        let near = Rect::new(0.0, 0.0, across, down).inflate(MOST_REACH, MOST_REACH);
        let mut page = self.document.start_page_with(settings);
        let mut surface = page.surface();
        if let Some(color) = scene.background {
            let [red, green, blue] = color.rgb;
            let sheet = path::rect(Rect::new(0.0, 0.0, f64::from(wide), f64::from(high)));
            surface.set_fill(Some(Fill {
                paint: krilla::color::rgb::Color::new(red, green, blue).into(),
                opacity: sheet::normal(color.opacity()),
                rule: FillRule::NonZero,
            }));
            surface.draw_path(&sheet.ok_or_else(no_page)?);
        }
        let mut sheet = Sheet {
            scene,
            surface,
            faces: &mut self.faces,
            images: &mut self.images,
            base,
        };
        for layer in &scene.layers {
            stop.check()?;
            self.written += sheet.cost(&layer.marks);
            if self.written > self.limits.pdf_bytes {
                let limit = self.limits.pdf_bytes;
                return Err(ExportError::PdfTooLarge { limit });
            }
            if reaches(layer, base, near) {
                sheet.layer(layer);
            }
        }
        Ok(Fitted { scale })
    }

    /// The whole file.
    ///
    /// # Errors
    /// When it is larger than the limit, or [`ExportError::Font`].
    pub fn finish(mut self) -> Result<Vec<u8>, ExportError> {
        if self.pages.len() > 1 {
            let mut contents = Outline::new();
            for (at, name) in self.pages.iter().enumerate() {
                let top = XyzDestination::new(at, Point::from_xy(0.0, 0.0));
                contents.push_child(OutlineNode::new(name.clone(), top));
            }
            self.document.set_outline(contents);
        }
        let file = self.document.finish().map_err(|error| match error {
            KrillaError::Font(_, why) => ExportError::Font(why),
            other => ExportError::Drawing(other.to_string()),
        })?;
        let limit = self.limits.pdf_bytes;
        match file.len() <= limit {
            true => Ok(file),
            false => Err(ExportError::PdfTooLarge { limit }),
        }
    }
}

impl Sheet<'_, '_, '_> {
    /// About as many bytes as marks take before they are compressed. A picture that is there already takes none.
    fn cost(&self, marks: &[Mark]) -> usize {
        let picture = |at: usize| {
            let url = &self.scene.pictures[at];
            PATH_BYTES + if self.images.knows(url) { 0 } else { url.len() }
        };
        let of_each = marks.iter().map(|mark| match mark {
            Mark::Path(path) => path.data.len() + PATH_BYTES,
            Mark::Picture(it) => picture(it.picture),
            Mark::Shadow(it) => it.rim.iter().map(|part| picture(part.picture)).sum(),
            Mark::Group(group) => self.cost(&group.marks) + PATH_BYTES,
        });
        of_each.sum()
    }
}

fn reaches(layer: &Layer, base: Affine, near: Rect) -> bool {
    let hull = layer.hull().map(|hull| base.transform_rect_bbox(hull));
    hull.is_some_and(|hull| near.union(hull) == near)
}

fn no_page() -> ExportError {
    ExportError::Drawing("its page has no size".to_owned())
}
