//! The card of a bookmark.
//!
//! Knows where its parts stand, to the hundredth px of the editor's export. Leaves out the button that the editor puts over the
//! picture, which is for clicking. The rule: the words have their room first, the picture what is left.

use std::sync::Arc;

use kurbo::{BezPath, Point, Rect, Size};
use scrible_board::media::Bookmark;
use scrible_board::record::WebPage;

use super::theme::{Colors, colors};
use super::words::{DESCRIPTION, TITLE, words};
use super::{BORDER, Card, CardSetup, FAVICON, LINK_MARGIN, PADDING, Piece, SIGN};
use crate::picture::{Embedded, covering};

/// What is known of the page behind a bookmark.
#[derive(Debug, Clone, Default)]
pub struct BookmarkParts<'a> {
    /// The record; none where the asset is missing.
    pub page: Option<&'a WebPage>,
    /// Its picture, if it was found.
    pub image: Option<Arc<Embedded>>,
    /// Its icon, if it was found.
    pub favicon: Option<Arc<Embedded>>,
}

const CORNER: f64 = 6.0;
/// Below the title; a second line reaches into it.
const TITLE_PADDING: f64 = 4.0;
const TITLE_MOST: f64 = 51.2;
const DESCRIPTION_MARGIN: f64 = 4.0;

/// The card of a bookmark: its picture, title and description, and where it leads. Empty where there is no room.
pub fn bookmark(setup: CardSetup<'_>, bookmark: &Bookmark, parts: &BookmarkParts<'_>) -> Card {
    let colors = colors(setup.theme);
    let Some(mut card) = Card::new(Size::new(bookmark.w, bookmark.h), CORNER, colors.border) else {
        return Card::default();
    };
    let whole = Rect::new(0.0, 0.0, bookmark.w, bookmark.h);
    let inner = whole.inset(-BORDER);
    card.clip = Some(inner.to_rounded_rect(CORNER - BORDER));
    card.fill(inner, colors.panel);
    let width = (inner.width() - 2.0 * PADDING).max(1.0);
    let words = |text: &str, style| words(setup.fonts, text, style, width);

    let has_image = parts.page.is_none_or(|page| !page.image.is_empty());
    let title = parts.page.and_then(|page| words(&page.title, TITLE));
    let description = parts
        .page
        .filter(|_| has_image)
        .and_then(|page| words(&page.description, DESCRIPTION));
    let title_height = title
        .as_ref()
        .map_or(0.0, |title| (title.height + TITLE_PADDING).min(TITLE_MOST));
    let description_height = description.as_ref().map_or(0.0, |text| {
        text.height + 2.0 * DESCRIPTION_MARGIN + LINK_MARGIN
    });
    let icon = if parts.favicon.is_some() {
        FAVICON
    } else {
        SIGN
    };
    let copy_height = 2.0 * PADDING + title_height + description_height + icon;

    let top = if has_image {
        (inner.y1 - copy_height).max(inner.y0)
    } else {
        inner.y0
    };
    // Boxes have whole px, as a browser draws them; texts stand where they were laid out.
    let split = top.round();
    if has_image {
        card.image(Rect { y1: split, ..inner }, parts.image.as_ref(), &colors);
    }
    let copy = Rect { y0: split, ..inner };
    card.fill(copy, colors.copy);
    let left = copy.x0 + PADDING;
    let mut text_top = top + PADDING;
    if let Some(layout) = title {
        card.text(Point::new(left, text_top), layout, colors.text);
        text_top += title_height;
    }
    if let Some(layout) = description {
        card.text(
            Point::new(left, text_top + DESCRIPTION_MARGIN),
            layout,
            colors.text,
        );
    }
    // The link keeps to the bottom, unless there is no room for all.
    let link = Point::new(
        left,
        (copy.y1 - PADDING - icon).max(top + copy_height - PADDING - icon),
    );
    card.link(setup, &bookmark.url, link, parts.favicon.as_ref(), width);
    card
}

impl Card {
    /// A picture over an edge of one px, or a hollow box, with a line below.
    fn image(&mut self, rect: Rect, picture: Option<&Arc<Embedded>>, colors: &Colors) {
        if rect.height() < 2.0 * BORDER {
            return;
        }
        let mut edge = BezPath::new();
        let middle = rect.inset(-BORDER / 2.0);
        edge.move_to((middle.x0, middle.y0));
        edge.line_to((middle.x1, middle.y0));
        edge.line_to((middle.x1, middle.y1));
        edge.line_to((middle.x0, middle.y1));
        edge.close_path();
        self.inside.push(Piece::Lines {
            path: edge,
            width: BORDER,
            shade: colors.edge,
        });
        let shown = Rect {
            y1: rect.y1 - BORDER,
            ..rect
        };
        match picture.and_then(|picture| Some((picture, covering(shown, picture)?))) {
            Some((picture, place)) => {
                let picture = Arc::clone(picture);
                self.inside.push(Piece::Picture { picture, place });
            }
            None => self.fill(rect, colors.hollow),
        }
        self.fill(
            Rect {
                y0: shown.y1,
                ..rect
            },
            colors.hollow,
        );
    }
}
