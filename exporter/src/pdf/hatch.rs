//! The hatched fill as a pattern of lines.
//!
//! Knows the cell that is repeated: 8 px of paper with three slits. The rule: neither a mask nor an edge where two cells meet,
//! which viewers draw as a grid of hairlines.

use std::sync::LazyLock;

use krilla::color::rgb;
use krilla::geom::Transform;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule, Pattern};
use krilla::surface::Surface;
use kurbo::{BezPath, Line, Rect, Shape, Stroke, StrokeOpts};

use super::path;
use crate::theme::Rgba;

/// px.
const SIDE: f64 = 8.0;

/// What of a cell is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// The slits.
    Slits,
    /// Everything else.
    Around,
}

/// The lines of the slits, one px wide with round ends.
static SLITS: LazyLock<BezPath> = LazyLock::new(|| {
    let third = 2.0 / 3.0;
    let ends = [(1.0, 3.0), (5.0, 7.0), (9.0, 11.0)];
    let slits = ends.map(|(from, to)| {
        let slit = Line::new((from * third, to * third), (to * third, from * third));
        let style = Stroke::new(1.0).with_caps(kurbo::Cap::Round);
        kurbo::stroke(
            slit.path_elements(0.01),
            &style,
            &StrokeOpts::default(),
            0.001,
        )
    });
    slits.into_iter().flatten().collect()
});

/// A fill of one color in the cells.
pub(super) fn fill(cell: Cell, color: Rgba, opacity: NormalizedF32, on: &mut Surface<'_>) -> Fill {
    let [red, green, blue] = color.rgb;
    let mut builder = on.stream_builder();
    let mut surface = builder.surface();
    let (path, rule) = match cell {
        Cell::Slits => (SLITS.clone(), FillRule::NonZero),
        Cell::Around => {
            let mut path = Rect::new(0.0, 0.0, SIDE, SIDE).to_path(0.1);
            path.extend(SLITS.iter());
            (path, FillRule::EvenOdd)
        }
    };
    surface.set_fill(Some(Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule,
    }));
    surface.draw_path(&path::library(&path).expect("the numbers are ours"));
    surface.finish();
    let pattern = Pattern {
        stream: builder.finish(),
        transform: Transform::identity(),
        width: SIDE as f32,
        height: SIDE as f32,
    };
    Fill {
        paint: pattern.into(),
        opacity,
        rule: FillRule::NonZero,
    }
}
