//! What a line draws besides glyphs: highlights, underlines, strikes and bullets.
//!
//! Thickness and place are those that Chromium takes for `auto`. Knows the runs of one line, nothing of shaping.

use scrible_board::rich_text::Marks;

use super::fonts::{FaceId, Fonts};
use super::layout::{ColorRole, Run};

/// A box, px.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// Something drawn with a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoration {
    /// What it is.
    pub kind: DecorationKind,
    /// Where it is.
    pub rect: Rect,
    /// Which colour it takes; a highlight has its own.
    pub role: ColorRole,
}

/// What a [`Decoration`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecorationKind {
    /// A filled box beneath the text, its corners rounded by 2 px.
    Highlight,
    /// A filled box under the baseline.
    Underline,
    /// A filled box through the text.
    Strike,
    /// A filled circle.
    Disc,
    /// A circle's outline, 1 px thick, its middle on the box.
    Circle,
    /// A filled box.
    Square,
}

/// Space between a bullet and its text, px, as browsers have it.
const BULLET_GAP: f64 = 7.0;

/// A run with what decides about its decorations.
pub(super) struct Decorated<'a> {
    pub run: &'a Run,
    pub marks: &'a Marks,
    /// The style's own face, even where another one had the glyphs.
    pub face: FaceId,
    /// px.
    pub size: f64,
}

/// The decorations of runs that follow each other.
pub(super) fn of_runs<'a>(
    fonts: &Fonts,
    runs: impl Iterator<Item = Decorated<'a>>,
) -> Vec<Decoration> {
    let mut all: Vec<Decoration> = Vec::new();
    for Decorated {
        run,
        marks,
        face,
        size,
    } in runs
    {
        let (ascent, descent) = fonts.whole_extents(face, size);
        let thickness = (size / 10.0).max(1.0);
        let rect = |y: f64, h: f64| Rect {
            x: run.x,
            y,
            w: run.width,
            h,
        };
        // Lines are drawn on whole px, so that they are sharp.
        let line = |y: f64| rect((y + 0.5).floor(), thickness.round());
        let wanted = [
            (
                marks.highlight,
                DecorationKind::Highlight,
                rect(run.baseline - ascent, ascent + descent),
            ),
            (
                marks.underline || marks.link.is_some(),
                DecorationKind::Underline,
                line(run.baseline + (thickness / 2.0).ceil()),
            ),
            (
                marks.strike,
                DecorationKind::Strike,
                line(run.baseline - fonts.ascent(face, size) / 3.0 - thickness / 2.0),
            ),
        ];
        for (_, kind, rect) in wanted.into_iter().filter(|(wanted, ..)| *wanted) {
            let next = Decoration {
                kind,
                rect,
                role: run.role,
            };
            // One box over runs that touch, so that no seam shows.
            let before = all.iter_mut().rev().find(|other| other.kind == kind);
            match before.filter(|other| continues(other, &next)) {
                Some(before) => before.rect.w = rect.x + rect.w - before.rect.x,
                None => all.push(next),
            }
        }
    }
    all
}

/// Runs that touch may leave this between them, px: browsers round stretches of one style up to 1/64 px.
const SEAM: f64 = 1.0 / 64.0 + 1e-3;

fn continues(before: &Decoration, next: &Decoration) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() < 1e-3;
    before.role == next.role
        && (before.rect.x + before.rect.w - next.rect.x).abs() < SEAM
        && close(before.rect.y, next.rect.y)
        && close(before.rect.h, next.rect.h)
}

/// The bullet before an item whose text begins at `at` (x, baseline). `depth` counts bullet lists around it, from 0.
pub(super) fn bullet(
    fonts: &Fonts,
    face: FaceId,
    size: f64,
    depth: usize,
    at: (f64, f64),
) -> Decoration {
    let (ascent, _) = fonts.whole_extents(face, size);
    let offset = (ascent * 2.0 / 3.0).floor();
    let side = ((offset + 1.0) / 2.0).floor();
    Decoration {
        kind: match depth {
            0 => DecorationKind::Disc,
            1 => DecorationKind::Circle,
            _ => DecorationKind::Square,
        },
        rect: Rect {
            x: at.0 - offset - BULLET_GAP,
            y: at.1 - ascent + (3.0 * (ascent - offset) / 2.0).floor(),
            w: side,
            h: side,
        },
        role: ColorRole::Text,
    }
}
