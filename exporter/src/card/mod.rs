//! Cards: what stands for web pages and films, which cannot be drawn.
//!
//! From the props of a shape to boxes, lines, pictures and texts with their places and colors, as the editor's export shows
//! them; in a face without serifs, as on people's screens, where the export has whatever the browser falls back on. Knows no
//! boards, no documents and no output. The one rule not to break: addresses are shown, never followed.

mod bookmark;
mod stand_in;
mod theme;
mod words;

use std::sync::Arc;

use kurbo::{BezPath, Point, Rect, RoundedRect, Size, Vec2};

pub use bookmark::{BookmarkParts, bookmark};
pub use stand_in::{embed, video};

use theme::colors;
use words::{LINK, site, words};

use crate::geometry::MOST_COORDINATE;
use crate::picture::{Embedded, Placement, covering};
use crate::text::{Fonts, TextLayout};
use crate::theme::{Rgba, Theme};

/// A card, in its shape's space, px.
#[derive(Debug, Clone, Default)]
pub struct Card {
    /// Beneath it, from back to front.
    pub frame: Vec<Piece>,
    /// Whether it casts a shadow.
    pub is_raised: bool,
    /// What the pieces inside are clipped to.
    pub clip: Option<RoundedRect>,
    /// On it, from back to front.
    pub inside: Vec<Piece>,
}

/// A piece of a card.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A filled box.
    Box {
        /// Its outline.
        shape: RoundedRect,
        /// Its color.
        shade: Rgba,
    },
    /// Lines.
    Lines {
        /// Where they run.
        path: BezPath,
        /// px; round ends.
        width: f64,
        /// Their color.
        shade: Rgba,
    },
    /// A filled path.
    Filled {
        /// Its outline.
        path: BezPath,
        /// Its color.
        shade: Rgba,
    },
    /// A picture.
    Picture {
        /// What to draw.
        picture: Arc<Embedded>,
        /// Where.
        place: Placement,
    },
    /// A text.
    Text {
        /// Its top left corner.
        at: Point,
        /// Its lines.
        layout: TextLayout,
        /// Its color.
        shade: Rgba,
    },
}

/// What cards are made with.
#[derive(Clone, Copy)]
pub struct CardSetup<'a> {
    /// For their texts.
    pub fonts: &'a Fonts,
    /// For their colors.
    pub theme: Theme,
}

/// The side of a bookmark's icon, px.
pub const FAVICON: f64 = 16.0;

const BORDER: f64 = 1.0;
const PADDING: f64 = 12.0;
const LINK_MARGIN: f64 = 8.0;
/// The side of the sign for "leads elsewhere", px.
const SIGN: f64 = 15.0;

impl Card {
    /// A box of one color; `None` for one that has no size, or no end.
    fn new(size: Size, corner: f64, shade: Rgba) -> Option<Self> {
        if !is_sane(size) {
            return None;
        }
        let shape = size.to_rect().to_rounded_rect(corner);
        let frame = vec![Piece::Box { shape, shade }];
        Some(Self {
            frame,
            is_raised: true,
            ..Self::default()
        })
    }

    fn fill(&mut self, rect: Rect, shade: Rgba) {
        let shape = rect.to_rounded_rect(0.0);
        self.inside.push(Piece::Box { shape, shade });
    }

    fn text(&mut self, at: Point, layout: TextLayout, shade: Rgba) {
        self.inside.push(Piece::Text { at, layout, shade });
    }

    /// An icon, or a sign, and the name of the site beside it.
    fn link(
        &mut self,
        setup: CardSetup<'_>,
        url: &str,
        at: Point,
        icon: Option<&Arc<Embedded>>,
        width: f64,
    ) {
        let shade = colors(setup.theme).text;
        let side = if icon.is_some() { FAVICON } else { SIGN };
        let place = Rect::from_origin_size(at, (side, side));
        match icon.and_then(|icon| Some((icon, covering(place, icon)?))) {
            Some((icon, place)) => {
                let picture = Arc::clone(icon);
                self.inside.push(Piece::Picture { picture, place });
            }
            None => self.inside.push(Piece::Lines {
                path: leads_elsewhere(at),
                width: 1.0,
                shade,
            }),
        }
        let room = (width - side - LINK_MARGIN).max(1.0);
        if let Some(layout) = words(setup.fonts, &site(url), LINK, room) {
            let at = Point::new(
                place.x1 + LINK_MARGIN,
                place.center().y - layout.height / 2.0,
            );
            self.text(at, layout, shade);
        }
    }
}

fn is_sane(size: Size) -> bool {
    // Room for the border at least; NaN has none.
    let sane = |side: f64| side > 2.0 * BORDER && side <= MOST_COORDINATE;
    sane(size.width) && sane(size.height)
}

/// An open box with an arrow out of it, 15 px wide and high.
fn leads_elsewhere(at: Point) -> BezPath {
    let mut path = BezPath::new();
    let to = |x: f64, y: f64| at + Vec2::new(x, y);
    path.move_to(to(7.0, 2.5));
    path.line_to(to(3.5, 2.5));
    path.quad_to(to(2.5, 2.5), to(2.5, 3.5));
    path.line_to(to(2.5, 11.5));
    path.quad_to(to(2.5, 12.5), to(3.5, 12.5));
    path.line_to(to(11.5, 12.5));
    path.quad_to(to(12.5, 12.5), to(12.5, 11.5));
    path.line_to(to(12.5, 8.0));
    path.move_to(to(9.0, 2.5));
    path.line_to(to(12.5, 2.5));
    path.line_to(to(12.5, 6.0));
    path.move_to(to(12.5, 2.5));
    path.line_to(to(6.0, 9.0));
    path
}

#[cfg(test)]
mod tests {
    use scrible_board::media::{Bookmark, Embed, Video};
    use scrible_board::record::WebPage;

    use super::*;
    use crate::picture::{Fit, Mime, Orientation};

    fn picture() -> Arc<Embedded> {
        Arc::new(Embedded {
            mime: Mime::Png,
            bytes: Arc::new(Vec::new()),
            stored: Size::new(400.0, 300.0),
            orientation: Orientation::UPRIGHT,
            fit: Fit::Contain,
        })
    }

    fn page(title: &str, description: &str, image: &str) -> WebPage {
        WebPage {
            title: title.to_owned(),
            description: description.to_owned(),
            image: image.to_owned(),
            favicon: String::new(),
            src: None,
        }
    }

    fn card(h: f64, parts: &BookmarkParts<'_>) -> Card {
        let fonts = Fonts::bundled();
        let setup = CardSetup {
            fonts: &fonts,
            theme: Theme::Light,
        };
        let shape = Bookmark {
            w: 300.0,
            h,
            asset: None,
            url: "https://www.example.com/a/page".to_owned(),
        };
        bookmark(setup, &shape, parts)
    }

    /// Texts with their tops.
    fn texts(card: &Card) -> Vec<(String, f64)> {
        let read = |layout: &TextLayout| {
            let runs = layout.lines.iter().flat_map(|line| &line.runs);
            runs.map(|run| run.text.as_str()).collect::<String>()
        };
        let text = |piece: &Piece| match piece {
            Piece::Text { at, layout, .. } => Some((read(layout), at.y)),
            _ => None,
        };
        card.inside.iter().filter_map(text).collect()
    }

    fn pictures(card: &Card) -> Vec<Rect> {
        let place = |piece: &Piece| match piece {
            Piece::Picture { place, .. } => match place.clip {
                Some(crate::picture::Clip::Rect(rect)) => Some(rect),
                _ => None,
            },
            _ => None,
        };
        card.inside.iter().filter_map(place).collect()
    }

    #[test]
    fn a_bookmark_has_its_parts_where_the_editor_has_them() {
        let page = page(
            "Example Domain — a page title",
            "This domain is for use in illustrative examples in documents. You may use it.",
            "data:",
        );
        let parts = BookmarkParts {
            page: Some(&page),
            image: Some(picture()),
            favicon: Some(picture()),
        };
        let card = card(320.0, &parts);
        // In the editor's export: 196 of picture, its last px a line, below a border of 1.
        let [image, favicon] = pictures(&card)[..] else {
            panic!("two pictures")
        };
        assert_eq!((image.y0, image.y1), (1.0, 196.0));
        assert_eq!((favicon.x0, favicon.y1), (13.0, 307.0));
        let found = texts(&card);
        assert_eq!(found.len(), 3);
        assert!((found[0].1 - 209.4).abs() < 1e-9, "{found:?}");
        assert!((found[1].1 - 243.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found[2].0, "example.com");
    }

    #[test]
    fn without_a_picture_a_bookmark_is_a_title_and_a_link() {
        let plain = page("No image here", "never shown", "");
        let parts = BookmarkParts {
            page: Some(&plain),
            ..BookmarkParts::default()
        };
        let found = texts(&card(101.0, &parts));
        assert_eq!(found[0], ("No image here".to_owned(), 13.0));
        assert_eq!(found[1].0, "example.com");
        // Nothing known at all: a hollow box above the link.
        let unknown = card(320.0, &BookmarkParts::default());
        assert_eq!(texts(&unknown).len(), 1);
        assert!(unknown.inside.iter().any(|piece| matches!(
            piece,
            Piece::Box { shape, shade } if shade.alpha == 11 && shape.rect() == Rect::new(1.0, 1.0, 299.0, 280.0)
        )));
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        let long = page(&"word ".repeat(5000), &"a".repeat(100_000), "data:");
        let parts = BookmarkParts {
            page: Some(&long),
            ..BookmarkParts::default()
        };
        let card = card(320.0, &parts);
        for (text, _) in &texts(&card)[..2] {
            assert!(text.ends_with('…') && text.chars().count() > 20, "{text}");
        }
        let lines = |piece: &Piece| match piece {
            Piece::Text { layout, .. } => Some(layout.lines.len()),
            _ => None,
        };
        assert_eq!(
            card.inside.iter().filter_map(lines).collect::<Vec<_>>(),
            [2, 3, 1]
        );
    }

    #[test]
    fn embeds_films_and_absurd_sizes_are_boxes_or_nothing() {
        let fonts = Fonts::bundled();
        let setup = CardSetup {
            fonts: &fonts,
            theme: Theme::Dark,
        };
        let url = "https://www.youtube.com/watch?v=1".to_owned();
        let shown = embed(
            setup,
            &Embed {
                w: 400.0,
                h: 225.0,
                url: url.clone(),
            },
        );
        assert_eq!(texts(&shown)[0].0, "youtube.com");
        assert!(shown.is_raised && shown.frame.len() == 1);
        for side in [0.0, 1.0, -5.0, f64::NAN, f64::INFINITY] {
            let shown = embed(
                setup,
                &Embed {
                    w: side,
                    h: 9.0,
                    url: url.clone(),
                },
            );
            assert!(shown.frame.is_empty() && shown.inside.is_empty());
            assert!(card(side, &BookmarkParts::default()).inside.is_empty());
        }
        assert!(!card(3.0, &BookmarkParts::default()).inside.is_empty());
        let film = Video {
            w: 320.0,
            h: 180.0,
            asset: None,
            time: 0.0,
            url,
            alt_text: String::new(),
        };
        assert_eq!(video(&film).inside.len(), 2);
        assert!(video(&Video { w: 0.0, ..film }).inside.is_empty());
    }
}
