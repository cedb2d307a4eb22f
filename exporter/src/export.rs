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
use crate::text::Fonts;
use crate::{png, svg};

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
    /// With the fonts that are built in.
    pub fn bundled() -> Self {
        Self {
            fonts: Fonts::bundled(),
            limits: Limits::default(),
        }
    }

    /// Makes a file. What is no picture holds the whole board, whatever the options say.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn export(
        &self,
        board: &Board,
        format: Format,
        options: &Options,
        stop: Stop<'_>,
    ) -> Result<Artifact, ExportError> {
        match format {
            Format::Json => Ok(whole(snapshot(board, stop)?)),
            Format::Tldr => Ok(whole(board.to_tldr())),
            Format::Svg | Format::Png => self.picture(board, format, options, stop),
        }
    }

    fn picture(
        &self,
        board: &Board,
        format: Format,
        options: &Options,
        stop: Stop<'_>,
    ) -> Result<Artifact, ExportError> {
        let fonts = &self.fonts;
        let scene = draw::scene(board, options, &Artist { fonts, stop })?;
        let text = svg::write(&scene, &self.limits, &stop)?;
        let bytes = match format {
            Format::Png => png::paint(&text, &self.limits, &stop)?,
            _ => text.into_bytes(),
        };
        let pixels = |length: f64| length.round().max(1.0) as u32;
        Ok(Artifact {
            bytes,
            size: Some(PictureSize {
                width: pixels(scene.size.0),
                height: pixels(scene.size.1),
            }),
            missing: scene.missing,
        })
    }
}

fn whole(text: String) -> Artifact {
    Artifact {
        bytes: text.into_bytes(),
        size: None,
        missing: Vec::new(),
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
