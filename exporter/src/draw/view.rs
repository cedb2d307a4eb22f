//! What of the page a picture shows.
//!
//! Knows bounds and px. Bounds are those of geometry: strokes and labels may stand out, so the editor adds 32 px and then
//! takes away the rows and columns that stayed empty. The rule: a side is never cut farther than to the geometry.

use kurbo::{Affine, Insets, Rect};
use scrible_board::{Board, Kind, ShapeIndex};

use super::choice::{Choice, title};
use super::place::Places;
use crate::error::ExportError;
use crate::margin::{self, Canvas};
use crate::options::{Options, Padding};
use crate::scene::Scene;

/// Around everything, px of the board.
const PADDING: f64 = 32.0;

/// What a picture shows before it is trimmed.
pub(super) struct View {
    /// With padding.
    pub whole: Rect,
    /// px on each side that may be trimmed.
    trimmed: f64,
}

impl View {
    pub fn of(
        board: &Board,
        choice: &Choice,
        places: &Places<'_>,
        options: &Options,
    ) -> Result<Self, ExportError> {
        let (bounds, fills) = bounds(board, choice, places).ok_or_else(|| ExportError::Empty {
            page: title(board, choice.page),
        })?;
        let (padding, trimmed) = match options.padding {
            Padding::Auto if fills || choice.only_frame(board).is_some() => (0.0, 0.0),
            Padding::Auto => (PADDING, PADDING),
            Padding::Px(px) => (px, 0.0),
        };
        Ok(Self {
            whole: bounds.inflate(padding, padding),
            trimmed,
        })
    }

    /// From the page to the pixels on which the whole is painted.
    pub fn to_pixels(&self, options: &Options) -> Affine {
        let (w, h) = pixels(self.whole, options.scale);
        let scale = Affine::scale_non_uniform(w / self.whole.width(), h / self.whole.height());
        scale * Affine::translate(-self.whole.origin().to_vec2())
    }

    /// Sets what the scene shows, and its size.
    pub fn trim(&self, scene: &mut Scene, options: &Options) {
        let whole = self.whole;
        // The editor draws the whole on as many pixels as fit, and counts those.
        let (w, h) = pixels(whole, options.scale);
        let empty = match self.trimmed > 0.0 {
            true => margin::empty(
                scene,
                &Canvas {
                    view: whole,
                    pixels: (w, h),
                    most: (self.trimmed * options.scale).floor(),
                },
            ),
            false => Insets::ZERO,
        };
        let (across, down) = (whole.width() / w, whole.height() / h);
        scene.view = Rect::new(
            whole.x0 + empty.x0 * across,
            whole.y0 + empty.y0 * down,
            whole.x1 - empty.x1 * across,
            whole.y1 - empty.y1 * down,
        );
        scene.size = (w - empty.x_value(), h - empty.y_value());
    }
}

/// Whole pixels for a rectangle.
fn pixels(rect: Rect, scale: f64) -> (f64, f64) {
    // Sums of places and sizes may miss a whole number by a little.
    let whole = |length: f64| (length * scale + 1e-6).floor().max(1.0);
    (whole(rect.width()), whole(rect.height()))
}

/// Around the geometry of all that is drawn, as far as frames show it, and whether one frame or picture holds all the rest.
fn bounds(board: &Board, choice: &Choice, places: &Places<'_>) -> Option<(Rect, bool)> {
    if let Some(frame) = choice.only_frame(board) {
        return Some((places.page_bounds(frame)?, true));
    }
    let mut all: Option<Rect> = None;
    let mut holder: Option<Rect> = None;
    for at in board.page_shapes(choice.page) {
        if !choice.holds(at) || board.shape(at).kind == Kind::Group {
            continue;
        }
        let Some(bounds) = places
            .page_bounds(at)
            .and_then(|it| shown(board, places, at, it))
        else {
            continue;
        };
        all = Some(all.map_or(bounds, |all| all.union(bounds)));
        if matches!(board.shape(at).kind, Kind::Frame(_) | Kind::Image(_)) {
            let larger = holder.is_none_or(|holder| bounds.area() > holder.area());
            holder = if larger { Some(bounds) } else { holder };
        }
    }
    let all = all?;
    // Lines have no area but are there.
    let all = Rect::new(
        all.x0,
        all.y0,
        all.x1.max(all.x0 + 1.0),
        all.y1.max(all.y0 + 1.0),
    );
    Some((all, holder == Some(all)))
}

/// What frames leave of the bounds of a shape.
fn shown(board: &Board, places: &Places<'_>, at: ShapeIndex, bounds: Rect) -> Option<Rect> {
    board.clips(at).try_fold(bounds, |bounds, frame| {
        let clip = places.page_bounds(frame)?;
        let apart = bounds.x0 > clip.x1
            || bounds.x1 < clip.x0
            || bounds.y0 > clip.y1
            || bounds.y1 < clip.y0;
        (!apart).then(|| bounds.intersect(clip))
    })
}
