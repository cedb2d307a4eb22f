//! Why a picture is not drawn, in words for the people of the board.
//!
//! Knows outcomes, not how they came about. The rule: a sentence tells what to do or what is wrong with the file, never an
//! address or a path.

use super::Format;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureProblem {
    /// The shape names no asset.
    #[error("the picture has no file")]
    NoAsset,
    /// The shape names an asset that the board has not.
    #[error("the picture's file is missing from the board")]
    MissingAsset,
    /// The asset is a film, a web page or something unknown.
    #[error("the picture's file is not a picture")]
    NotAPicture,
    /// The asset names no file: it was never uploaded to the end.
    #[error("the picture has not been uploaded to the end")]
    NoSource,
    /// The caller has no file of that name.
    #[error("the picture's file cannot be found")]
    NotFound,
    /// A `data:` URL that is none.
    #[error("the picture's data in the board is damaged")]
    BadDataUrl,
    /// A known format that is not drawn.
    #[error("pictures in {0} format cannot be drawn; PNG, JPEG, GIF, WebP and SVG can")]
    Unsupported(&'static str),
    /// Nothing that we know.
    #[error("the picture's file is not in a picture format that we know")]
    UnknownFormat,
    /// It cannot be read to the end.
    #[error("the {format} picture is damaged: {reason}")]
    Broken {
        /// What it looked like.
        format: Format,
        /// What the decoder said, cut to 200 characters.
        reason: String,
    },
    /// Against the bounds of one picture.
    #[error("the picture is too large: {is} {of}, at most {most} are drawn")]
    TooLarge {
        /// Counted.
        is: u64,
        /// The bound.
        most: u64,
        /// What was counted.
        of: Dimension,
    },
    /// Against the bounds of all pictures together; others may still fit.
    #[error("the board's pictures are too large together: at most {most} {of} are drawn")]
    TooMuch {
        /// The bound.
        most: u64,
        /// What was counted.
        of: Dimension,
    },
}

/// What is counted of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Of the file.
    Bytes,
    /// Width times height.
    Pixels,
    /// Of an SVG.
    Elements,
    /// Of an SVG: elements inside of elements.
    Levels,
    /// Of an SVG: numbers and letters of its paths, texts and styles, each as often as it is drawn.
    Characters,
}

impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Pixels => "pixels",
            Self::Elements => "elements",
            Self::Levels => "levels of elements",
            Self::Characters => "characters",
        })
    }
}

impl PictureProblem {
    pub(super) fn broken(format: Format, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        // A reason quotes the file at times.
        let reason = reason.chars().filter(|c| !c.is_control()).take(200);
        Self::Broken {
            format,
            reason: reason.collect(),
        }
    }

    /// `Err` when there is more than the bound.
    pub(super) fn check(of: Dimension, is: u64, most: u64) -> Result<(), Self> {
        if is > most {
            return Err(Self::TooLarge { is, most, of });
        }
        Ok(())
    }
}
