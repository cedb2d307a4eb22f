//! Cards as marks: what stands for web pages and films.
//!
//! Knows where the parts of a card are found on the board. The rule: a part that cannot be found leaves the others as they
//! are.

use std::sync::Arc;

use kurbo::{Affine, BezPath, RoundedRect, Shape as _, Size};
use scrible_board::media::{Bookmark, Embed, Video};
use scrible_board::record::WebPage;
use scrible_board::{AssetKind, ShapeIndex};

use super::Painter;
use super::label::{Ink, Surround};
use super::media::Caster;
use crate::card::{self, BookmarkParts, Card, CardSetup, FAVICON, Piece};
use crate::error::ExportError;
use crate::geometry::path::{Path, Rounding};
use crate::picture::{Embedded, PictureProblem};
use crate::scene::{Fill, Group, Mark, PathMark};
use crate::theme::Rgba;

/// How far paths may be from their curves, px.
const ACCURACY: f64 = 1e-2;

impl<'a> Painter<'a> {
    pub(super) fn bookmark(
        &mut self,
        at: ShapeIndex,
        bookmark: &'a Bookmark,
    ) -> Result<Vec<Mark>, ExportError> {
        let asset = bookmark
            .asset
            .as_ref()
            .and_then(|id| self.board.assets().get(id));
        let page = match asset.map(|asset| &asset.kind) {
            Some(AssetKind::Bookmark(page)) => Some(page),
            _ => None,
        };
        let density = self.density(at);
        let shown = Size::new(bookmark.w, bookmark.h) * density;
        let icon = Size::new(FAVICON, FAVICON) * density;
        let parts = BookmarkParts {
            page,
            image: self.part(at, page, |page| &page.image, shown),
            favicon: self.part(at, page, |page| &page.favicon, icon),
        };
        let card = card::bookmark(self.card_setup(), bookmark, &parts);
        self.card(card, Size::new(bookmark.w, bookmark.h))
    }

    pub(super) fn embed(&mut self, embed: &Embed) -> Result<Vec<Mark>, ExportError> {
        let card = card::embed(self.card_setup(), embed);
        self.card(card, Size::new(embed.w, embed.h))
    }

    pub(super) fn video(&mut self, video: &Video) -> Result<Vec<Mark>, ExportError> {
        let asset = video
            .asset
            .as_ref()
            .and_then(|id| self.board.assets().get(id));
        match asset.map(|asset| &asset.kind) {
            Some(AssetKind::Video(file)) if file.src.is_some() => {
                self.card(card::video(video), Size::new(video.w, video.h))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn card_setup(&self) -> CardSetup<'a> {
        CardSetup {
            fonts: self.fonts,
            theme: self.theme,
        }
    }

    fn part(
        &mut self,
        at: ShapeIndex,
        page: Option<&'a WebPage>,
        src: impl Fn(&'a WebPage) -> &'a String,
        shown: Size,
    ) -> Option<Arc<Embedded>> {
        match self.store.picture(src(page?), shown) {
            Ok(picture) => Some(picture),
            Err(PictureProblem::NoSource) => None,
            Err(problem) => {
                self.left_out(at, problem);
                None
            }
        }
    }

    fn card(&mut self, card: Card, size: Size) -> Result<Vec<Mark>, ExportError> {
        let mut marks = match card.is_raised {
            true => vec![self.shadow(Caster::Card, size)?],
            false => Vec::new(),
        };
        marks.extend(self.pieces(&card.frame));
        let inside = self.pieces(&card.inside);
        marks.push(Mark::Group(Group {
            transform: Affine::IDENTITY,
            clip: card
                .clip
                .and_then(|clip| Path::from_bez(&clip.to_path(ACCURACY))),
            words: None,
            marks: inside,
        }));
        Ok(marks)
    }

    fn pieces(&mut self, pieces: &[Piece]) -> Vec<Mark> {
        pieces
            .iter()
            .filter_map(|piece| self.piece(piece))
            .collect()
    }

    fn piece(&mut self, piece: &Piece) -> Option<Mark> {
        match piece {
            Piece::Box { shape, shade } => filled(&outline(shape), *shade),
            Piece::Filled { path, shade } => filled(path, *shade),
            Piece::Lines { path, width, shade } => {
                let mark = PathMark::new(&Path::from_bez(path)?, Rounding::FourDigits);
                Some(Mark::Path(mark.stroked(*shade, *width, None)))
            }
            Piece::Picture { picture, place } => self.placed(picture, *place),
            Piece::Text { at, layout, shade } => {
                let ink = Ink {
                    color: *shade,
                    surround: Surround::Plain,
                };
                self.written(layout, ink, Affine::translate(at.to_vec2()))
            }
        }
    }
}

fn outline(shape: &RoundedRect) -> BezPath {
    shape.to_path(ACCURACY)
}

fn filled(path: &BezPath, color: Rgba) -> Option<Mark> {
    let mark = PathMark::new(&Path::from_bez(path)?, Rounding::FourDigits);
    Some(Mark::Path(mark.filled(Fill::Plain(color))))
}
