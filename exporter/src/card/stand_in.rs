//! What stands for other sites and films.
//!
//! Knows boxes. The rule: it says what is there without showing any of it.

use kurbo::{BezPath, Point, Rect, Size, Vec2};
use scrible_board::media::{Embed, Video};

use super::theme::{colors, solid};
use super::{Card, CardSetup, PADDING, Piece, SIGN, is_sane};
use crate::theme::Rgba;

const EMBED_CORNER: f64 = 8.0;

/// The box of an embed, with the name of the site that it would show.
pub fn embed(setup: CardSetup<'_>, embed: &Embed) -> Card {
    let colors = colors(setup.theme);
    let whole = Rect::new(0.0, 0.0, embed.w, embed.h);
    let Some(mut card) = Card::new(whole.size(), EMBED_CORNER, colors.empty) else {
        return Card::default();
    };
    card.clip = Some(whole.to_rounded_rect(EMBED_CORNER));
    let corner = Point::new(PADDING, embed.h - PADDING - SIGN);
    let width = (embed.w - 2.0 * PADDING).max(1.0);
    card.link(setup, &embed.url, corner, None, width);
    card
}

/// What stands for a film: a dark box with a sign. Only for one that has a file; for others the editor draws nothing.
pub fn video(video: &Video) -> Card {
    let size = Size::new(video.w, video.h);
    if !is_sane(size) {
        return Card::default();
    }
    let whole = size.to_rect();
    let mut card = Card {
        clip: Some(whole.to_rounded_rect(0.0)),
        ..Card::default()
    };
    card.fill(whole, solid([29; 3]));
    // A triangle that points to where the film goes on, its middle in the box's.
    let reach = size.min_side() / 6.0;
    let middle = whole.center();
    let corner = |turn: f64| middle + Vec2::from_angle(turn.to_radians()) * reach;
    let mut path = BezPath::new();
    path.move_to(corner(0.0));
    path.line_to(corner(120.0));
    path.line_to(corner(240.0));
    path.close_path();
    card.inside.push(Piece::Filled {
        path,
        shade: Rgba {
            rgb: [255; 3],
            alpha: 204,
        },
    });
    card
}
