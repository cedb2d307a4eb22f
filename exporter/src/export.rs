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
use crate::options::Options;
use crate::picture::{Detail, PictureLimits, Pictures};
use crate::scene::Remark;
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
    /// All records of the board in the newest form, as a snapshot `{"schema": …, "store": {"<id>": …}}`.
    Json,
    /// All records of the board as they were written, as a file that the editor opens.
    Tldr,
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; there are svg, png, json and tldr")]
pub struct UnknownFormat(pub String);

/// A file of one of the formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Of a picture.
    pub size: Option<PictureSize>,
    /// Characters that no font has, each once, the first few: they were drawn as boxes.
    pub missing: Vec<char>,
    /// What was left out and why, a sentence each, the first few.
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
    pub const ALL: [Self; 4] = [Self::Svg, Self::Png, Self::Json, Self::Tldr];

    /// What people call it, which is also how its files end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Json => "json",
            Self::Tldr => "tldr",
        }
    }

    /// What HTTP calls it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Json => "application/json",
            Self::Tldr => "application/vnd.tldraw+json",
        }
    }

    /// Whether it shows a page, and options say how; otherwise it holds the whole board.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Svg | Self::Png)
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
            Format::Json => Ok(whole(snapshot(board, wanted.stop)?)),
            Format::Tldr => Ok(whole(board.to_tldr())),
            Format::Svg => self.picture(board, wanted, Detail::Zoomed),
            Format::Png => self.picture(board, wanted, Detail::Shown),
        }
    }

    fn picture(
        &self,
        board: &Board,
        wanted: Commission<'_>,
        detail: Detail,
    ) -> Result<Artifact, ExportError> {
        let Commission { options, stop, .. } = wanted;
        let artist = Artist {
            fonts: &self.fonts,
            pictures: wanted.pictures,
            picture_limits: self.picture_limits.clone(),
            detail,
            stop,
        };
        let scene = draw::scene(board, options, &artist)?;
        let bytes = match wanted.format {
            Format::Png => png::paint(&scene, &self.limits, &stop)?,
            _ => svg::write(&scene, &self.limits, &stop)?.into_bytes(),
        };
        let pixels = |length: f64| length.round().max(1.0) as u32;
        let mut artifact = Artifact {
            bytes,
            size: Some(PictureSize {
                width: pixels(scene.size.0),
                height: pixels(scene.size.1),
            }),
            missing: Vec::new(),
            left_out: Vec::new(),
        };
        for remark in scene.remarks {
            artifact.heed(remark);
        }
        Ok(artifact)
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

fn whole(text: String) -> Artifact {
    Artifact {
        bytes: text.into_bytes(),
        size: None,
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
