//! Geometric shapes, and texts that stand alone.
//!
//! Knows what the parts of such a shape are filled and stroked with. The rule: all of it is drawn before the shape's scale.

use scrible_board::label::{Geo, Text};
use scrible_board::style::{Color, Fill as Filled};

use super::Painter;
use super::label::{Ink, Surround};
use super::place::PlacedGeo;
use crate::geometry::path::{Path, Rounding};
use crate::scene::{Fill, Mark, PathMark};
use crate::text::label::Label;
use crate::theme::Filling;

impl Painter<'_> {
    pub(super) fn geo(&mut self, props: &Geo, placed: &PlacedGeo<'_>) -> Vec<Mark> {
        let pen = placed.geo.pen();
        let mut marks = Vec::new();
        let inside = || pen.fill(&placed.outline);
        self.filled(props.fill, &props.color, inside, &mut marks);
        let color = self.theme.shades(&props.color).solid;
        for run in pen.stroke(&placed.outline) {
            let mark = PathMark::new(&run.path, Rounding::FourDigits);
            marks.push(Mark::Path(mark.stroked(color, pen.width, run.dashes)));
        }
        let ink = Ink {
            color: self.theme.shades(&props.label_color).solid,
            surround: Surround::Outlined,
        };
        marks.extend(
            placed
                .label
                .as_ref()
                .and_then(|label| self.label(label, ink)),
        );
        marks
    }

    pub(super) fn text(&mut self, props: &Text, label: &Label) -> Vec<Mark> {
        let ink = Ink {
            color: self.theme.shades(&props.color).solid,
            surround: Surround::Outlined,
        };
        self.label(label, ink).into_iter().collect()
    }

    /// The inside of an outline, which is only asked for where there is a fill.
    pub(super) fn filled(
        &self,
        fill: Filled,
        color: &Color,
        inside: impl FnOnce() -> Option<Path>,
        marks: &mut Vec<Mark>,
    ) {
        let Some(filling) = self.theme.filling(fill, color) else {
            return;
        };
        let Some(inside) = inside() else {
            return;
        };
        let mark = PathMark::new(&inside, Rounding::FourDigits);
        match filling {
            Filling::Plain(color) => marks.push(Mark::Path(mark.filled(Fill::Plain(color)))),
            Filling::Hatched(color) => {
                marks.push(Mark::Path(mark.clone().filled(Fill::Plain(color))));
                marks.push(Mark::Path(mark.filled(Fill::Hatch)));
            }
        }
    }
}
