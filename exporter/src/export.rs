//! One way to every format: from a board to the bytes of a file.
//!
//! Knows which parts make which format; no files and no arguments. The rule: whoever wants a picture comes through here, so
//! that all get the same one.

use std::str::FromStr;

use scrible_board::Board;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::draw::{self, Artist};
use crate::error::ExportError;
use crate::limits::{Limits, Stop};
use crate::options::{Options, PageChoice};
use crate::pdf::{Book, MOST_PX, Setup, Sketch};
use crate::picture::{Detail, PictureLimits, Pictures};
use crate::png::two_digits;
use crate::scene::{Remark, Scene};
use crate::text::Fonts;
use crate::{png, svg};

/// Missing characters that are told.
const MOST_MISSING: usize = 64;

/// What a board becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A picture of paths.
    Svg,
    /// A picture of pixels.
    Png,
    /// A page of paths and text, or several.
    Pdf,
    /// All records of the board in the newest form, as a snapshot `{"schema": …, "store": {"<id>": …}}`.
    Json,
    /// All records of the board as they were written, as a file that the editor opens.
    Tldr,
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; there are svg, png, pdf, json and tldr")]
pub struct UnknownFormat(pub String);

/// A file of one of the formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Of a picture.
    pub size: Option<PictureSize>,
    /// How many pages it has, where it may have several.
    pub pages: Option<usize>,
    /// Characters that no font has, each once, the first few: they were drawn as boxes.
    pub missing: Vec<char>,
    /// What was left out or made smaller and why, a sentence each.
    pub left_out: Vec<String>,
}

/// How large a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSize {
    /// px.
    pub width: u32,
    /// px.
    pub height: u32,
}

/// A PDF of a whole board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged {
    /// The file.
    pub artifact: Artifact,
    /// Pages of the board without anything on them, which it has not: their places, from 0.
    pub empty: Vec<usize>,
}

/// Makes files of boards.
pub struct Exporter {
    /// All that text is drawn with.
    pub fonts: Fonts,
    /// How much a file may cost.
    pub limits: Limits,
    /// How much the pictures on a board may cost.
    pub picture_limits: PictureLimits,
}

/// What to make of a board.
#[derive(Clone, Copy)]
pub struct Commission<'a> {
    /// What it becomes.
    pub format: Format,
    /// How it is drawn. What is no picture holds the whole board, whatever these say.
    pub options: &'a Options,
    /// Files that the board only names.
    pub pictures: &'a dyn Pictures,
    /// Asked now and then.
    pub stop: Stop<'a>,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Svg, Self::Png, Self::Pdf, Self::Json, Self::Tldr];

    /// What people call it, which is also how its files end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Tldr => "tldr",
        }
    }

    /// What HTTP calls it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Pdf => "application/pdf",
            Self::Json => "application/json",
            Self::Tldr => "application/vnd.tldraw+json",
        }
    }

    /// Whether it shows a page, and options say how; otherwise it holds the whole board.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Svg | Self::Png | Self::Pdf)
    }

    /// Whether one file has room for all pages of a board.
    pub fn is_paged(self) -> bool {
        self == Self::Pdf
    }
}

/// By its name, in any case.
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter();
        let mut named = known.filter(|format| format.name().eq_ignore_ascii_case(name));
        named.next().ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

impl Exporter {
    /// With the usual limits.
    pub fn with(fonts: Fonts) -> Self {
        Self {
            fonts,
            limits: Limits::default(),
            picture_limits: PictureLimits::default(),
        }
    }

    /// Makes a file.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn export(&self, board: &Board, wanted: Commission<'_>) -> Result<Artifact, ExportError> {
        match wanted.format {
            Format::Json => Ok(whole(snapshot(board, wanted.stop)?.into_bytes())),
            Format::Tldr => Ok(whole(board.to_tldr().into_bytes())),
            Format::Pdf => self
                .pdf(board, wanted, std::slice::from_ref(&wanted.options.page))
                .map(|it| it.artifact),
            Format::Svg | Format::Png => self.picture(board, wanted),
        }
    }

    /// Makes a PDF with a page for each of the board's pages that has something on it, whatever the options say about
    /// pages and the format.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn export_paged(
        &self,
        board: &Board,
        wanted: Commission<'_>,
    ) -> Result<Paged, ExportError> {
        let pages: Vec<_> = (1..=board.pages().len()).map(PageChoice::Number).collect();
        self.pdf(board, wanted, &pages)
    }

    fn picture(&self, board: &Board, wanted: Commission<'_>) -> Result<Artifact, ExportError> {
        let Commission { options, stop, .. } = wanted;
        let detail = match wanted.format {
            Format::Png => Detail::Shown,
            _ => Detail::Zoomed,
        };
        let scene = draw::scene(board, options, &self.artist(wanted, detail))?;
        let bytes = match wanted.format {
            Format::Png => png::paint(&scene, &self.limits, &stop)?,
            _ => svg::write(&scene, &self.limits, &stop)?.into_bytes(),
        };
        let mut artifact = whole(bytes);
        artifact.size = Some(PictureSize::of(&scene));
        for remark in scene.remarks {
            artifact.heed(remark);
        }
        Ok(artifact)
    }

    fn pdf(
        &self,
        board: &Board,
        wanted: Commission<'_>,
        pages: &[PageChoice],
    ) -> Result<Paged, ExportError> {
        let title = match (&board.document().name[..], board.pages()) {
            ("", [only]) => &only.name,
            (name, _) => name,
        };
        let setup = Setup {
            fonts: &self.fonts,
            limits: &self.limits,
            title,
        };
        match self.bound(board, wanted, pages, Book::new(setup)) {
            Err(ExportError::Font(_)) => self.bound(board, wanted, pages, Book::outlined(setup)),
            done => done,
        }
    }

    /// Draws pages into a book.
    fn bound(
        &self,
        board: &Board,
        wanted: Commission<'_>,
        pages: &[PageChoice],
        mut book: Book<'_>,
    ) -> Result<Paged, ExportError> {
        let artist = self.artist(wanted, Detail::Zoomed);
        let mut artifact = whole(Vec::new());
        let (mut empty, mut drawn, mut nothing) = (Vec::new(), 0, ExportError::NoPages);
        for (at, page) in pages.iter().enumerate() {
            let options = Options {
                page: page.clone(),
                ..wanted.options.clone()
            };
            let scene = match draw::scene(board, &options, &artist) {
                Err(error @ ExportError::Empty { .. }) => {
                    empty.push(at);
                    nothing = error;
                    continue;
                }
                scene => scene?,
            };
            // Where there are several, they are all there are.
            let name = board.pages().get(at).map_or("", |page| &page.name);
            let sketch = Sketch {
                name,
                scene: &scene,
            };
            let fitted = book.page(sketch, &wanted.stop)?;
            if fitted.scale < 1.0 {
                let which = match pages.len() {
                    1 => "the page".to_owned(),
                    _ => format!("page {}", at + 1),
                };
                artifact.left_out.push(format!(
                    "{which} is drawn at {} of its size, because a page of a PDF has no more than {MOST_PX} px in one direction",
                    two_digits(fitted.scale)
                ));
            }
            artifact.size = Some(PictureSize::of(&scene));
            drawn += 1;
            for remark in scene.remarks {
                artifact.heed(remark);
            }
        }
        if drawn == 0 {
            return Err(nothing);
        }
        wanted.stop.check()?;
        artifact.bytes = book.finish()?;
        artifact.pages = Some(drawn);
        if drawn > 1 {
            artifact.size = None;
        }
        Ok(Paged { artifact, empty })
    }

    fn artist<'a>(&'a self, wanted: Commission<'a>, detail: Detail) -> Artist<'a> {
        Artist {
            fonts: &self.fonts,
            pictures: wanted.pictures,
            picture_limits: self.picture_limits.clone(),
            detail,
            stop: wanted.stop,
        }
    }
}

impl PictureSize {
    fn of(scene: &Scene) -> Self {
        let pixels = |length: f64| length.round().max(1.0) as u32;
        Self {
            width: pixels(scene.size.0),
            height: pixels(scene.size.1),
        }
    }
}

impl Artifact {
    fn heed(&mut self, remark: Remark) {
        match remark {
            Remark::Picture { shape, problem } => {
                self.left_out.push(format!("{shape}: {problem}"));
            }
            Remark::Characters(characters) => {
                for character in characters {
                    if self.missing.len() < MOST_MISSING && !self.missing.contains(&character) {
                        self.missing.push(character);
                    }
                }
            }
        }
    }
}

fn whole(bytes: Vec<u8>) -> Artifact {
    Artifact {
        bytes,
        size: None,
        pages: None,
        missing: Vec::new(),
        left_out: Vec::new(),
    }
}

fn snapshot(board: &Board, stop: Stop<'_>) -> Result<String, ExportError> {
    let json = |value: &Value| serde_json::to_string(value).expect("all keys of a value are texts");
    let mut file = format!(r#"{{"schema":{},"store":{{"#, json(&board.records_schema()));
    for (at, record) in board.records().enumerate() {
        stop.check()?;
        if at > 0 {
            file.push(',');
        }
        file.push_str(&json(&record["id"]));
        file.push(':');
        file.push_str(&json(&record));
    }
    file.push_str("}}");
    Ok(file)
}
