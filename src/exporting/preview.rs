//! A small picture of a room as it is, or of one of its versions, drawn while somebody waits for it.
//!
//! Decides nothing about who may see it, and keeps nothing. The rule: a board with nothing on it has a picture, too.

use bytes::Bytes;
use scrible_exporter::export::Format;
use scrible_exporter::options::Options;
use scrible_exporter::theme::Theme;
use scrible_store::RoomId;

use super::Workshop;
use super::attempt::{Content, Trouble, Wanted};
use crate::doc_worker::export::{BoardChoice, ExportFailure, Fault, Order, Pages};

/// A picture of nothing.
const EMPTY_SVG: &[u8] = br#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#;
/// One pixel that is not there.
const EMPTY_PNG: &[u8] =
    b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
      \x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0b\x49\x44\x41\x54\x78\xda\x63\x60\x00\x02\x00\
      \x00\x05\x00\x01\xe9\xfa\xdc\xd8\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// What a preview is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PreviewWish {
    /// Pixels or paths.
    pub kind: PreviewKind,
    /// px that neither side of the picture is longer than; `None`: however large the board is.
    pub side: Option<u32>,
    /// As the editor looks in the dark.
    pub is_dark: bool,
    /// This version instead of what is there.
    pub version: Option<u64>,
}

/// Pixels or paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PreviewKind {
    /// Paths.
    Svg,
    /// Pixels.
    Png,
}

/// A room's picture, as of one sequence number.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What is in it.
    pub seq: u64,
    /// The file.
    pub bytes: Bytes,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    /// Not of this content, however often it is asked.
    #[error("{why}")]
    Never {
        /// As of this number.
        seq: u64,
        /// A sentence.
        why: String,
    },
    /// Another time there may be one. The cause is for the operator.
    #[error("{0}")]
    NotNow(String),
    /// There is no such room, or not any more.
    #[error("there is no such room")]
    NoRoom,
    /// The room has no such version, or not any more.
    #[error("there is no such version")]
    NoVersion,
}

impl PreviewKind {
    /// The format of the exporter.
    pub fn format(self) -> Format {
        match self {
            Self::Svg => Format::Svg,
            Self::Png => Format::Png,
        }
    }

    fn empty(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Svg => EMPTY_SVG,
            Self::Png => EMPTY_PNG,
        })
    }
}

impl Workshop {
    /// Draws the first page of what is stored of a room, or of a version of it.
    ///
    /// # Errors
    /// [`NoPicture`].
    pub async fn preview(
        &self,
        room_id: RoomId,
        room: &str,
        wish: PreviewWish,
    ) -> Result<Picture, NoPicture> {
        let wanted = Wanted {
            room,
            room_id,
            at_least: 0,
            version: wish.version,
        };
        let read = self.content(&wanted).await;
        let Content { updates, seq } = read.map_err(|trouble| trouble.into_no_picture(0))?;
        let pictures = self.pictures(room_id, room, &updates).await;
        let pictures = pictures.map_err(|trouble| trouble.into_no_picture(seq))?;
        let drawn = self.draw_small(room, wish, updates, pictures).await;
        self.metrics.previews.inc();
        match drawn {
            Ok(bytes) => Ok(Picture { seq, bytes }),
            Err(ExportFailure::Refused(refusal))
                if matches!(refusal.fault, Fault::Empty | Fault::NoBoard) =>
            {
                let bytes = wish.kind.empty();
                Ok(Picture { seq, bytes })
            }
            Err(failure) => Err(Trouble::from(failure).into_no_picture(seq)),
        }
    }

    /// A scale is known only once the size is, and paths tell that at the least cost.
    async fn draw_small(
        &self,
        room: &str,
        wish: PreviewWish,
        updates: Vec<Bytes>,
        pictures: Vec<(String, Bytes)>,
    ) -> Result<Bytes, ExportFailure> {
        let order = |format, scale| Order {
            board: BoardChoice::Room(room.to_owned()),
            format,
            pages: Pages::One,
            options: Options {
                scale,
                theme: match wish.is_dark {
                    true => Theme::Dark,
                    false => Theme::Light,
                },
                ..Options::default()
            },
        };
        let draw = async |format, scale| {
            let drawing =
                self.documents
                    .export(updates.clone(), order(format, scale), pictures.clone());
            let exports = drawing.await?;
            let artifact = exports.files.into_iter().next().map(|file| file.artifact);
            let size = artifact.as_ref().and_then(|artifact| artifact.size);
            let bytes = artifact.map(|artifact| Bytes::from(artifact.bytes));
            Ok::<_, ExportFailure>((bytes.unwrap_or_default(), size))
        };
        let (bytes, size) = draw(Format::Svg, 1.0).await?;
        let longest = size.map_or(1, |size| size.width.max(size.height)).max(1);
        let scale = match wish.side {
            Some(side) if longest <= side => 1.0,
            // A pixel that is only touched is one, too.
            Some(side) => (f64::from(side) - 1.0) / f64::from(longest),
            None => 1.0,
        };
        if wish.kind == PreviewKind::Svg && scale == 1.0 {
            return Ok(bytes);
        }
        let (bytes, _) = draw(wish.kind.format(), scale).await?;
        Ok(bytes)
    }
}
