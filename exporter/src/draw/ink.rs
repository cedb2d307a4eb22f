//! Free-hand strokes, highlights and lines.
//!
//! Knows what they are stroked with. The rule: a highlight is drawn twice, below everything and once more in its place.

use scrible_board::ShapeIndex;
use scrible_board::connector::Line;
use scrible_board::ink::{Draw, Highlight};

use super::Painter;
use super::place::Body;
use crate::geometry::ink::{Drawing, Ink};
use crate::geometry::outline::Outline;
use crate::geometry::path::Rounding;
use crate::geometry::pen::Pen;
use crate::geometry::stroke_width;
use crate::scene::{Fill, Mark, PathMark};
use crate::theme::{Filling, Rgba};

/// Opacity of a highlight that lies below everything.
pub(super) const BELOW: f64 = 0.82;
/// Opacity of a highlight in its place.
pub(super) const ABOVE: f64 = 0.35;

impl Painter<'_> {
    pub(super) fn stroke(&self, draw: &Draw, drawing: &Drawing) -> Vec<Mark> {
        let mut marks = Vec::new();
        if let Some(inside) = &drawing.fill
            && let Some(filling) = self.theme.filling(draw.fill, &draw.color)
        {
            let mark = PathMark::new(inside, Rounding::Hundredths);
            match filling {
                Filling::Plain(color) => marks.push(Mark::Path(mark.filled(Fill::Plain(color)))),
                Filling::Hatched(color) => {
                    marks.push(Mark::Path(mark.clone().filled(Fill::Plain(color))));
                    marks.push(Mark::Path(mark.filled(Fill::Hatch)));
                }
            }
        }
        let color = self.theme.shades(&draw.color).solid;
        marks.extend(
            drawing
                .ink
                .as_ref()
                .map(|ink| Mark::Path(inked(ink, color))),
        );
        marks
    }

    pub(super) fn highlight(&self, at: ShapeIndex, props: &Highlight, opacity: f64) -> Vec<Mark> {
        let Body::Ink(Drawing { ink: Some(ink), .. }) = &self.places.at(at).body else {
            return Vec::new();
        };
        let color = self.theme.shades(&props.color).highlight;
        vec![Mark::Path(PathMark {
            opacity,
            ..inked(ink, color)
        })]
    }

    pub(super) fn line(&self, id: &str, line: &Line, outline: &Outline) -> Vec<Mark> {
        let pen = Pen {
            dash: line.dash,
            width: stroke_width(line.size) * line.scale,
            seed: id,
        };
        let color = self.theme.shades(&line.color).solid;
        let runs = pen.stroke(outline).into_iter();
        runs.map(|run| {
            let mark = PathMark::new(&run.path, Rounding::FourDigits);
            Mark::Path(mark.stroked(color, pen.width, run.dashes))
        })
        .collect()
    }
}

fn inked(ink: &Ink, color: Rgba) -> PathMark {
    match ink {
        Ink::Shape(path) => PathMark::new(path, Rounding::Hundredths).filled(Fill::Plain(color)),
        Ink::Line {
            path,
            width,
            dashes,
        } => PathMark::new(path, Rounding::Hundredths).stroked(color, *width, *dashes),
        Ink::Dot { path, width } => PathMark::new(path, Rounding::Full)
            .filled(Fill::Plain(color))
            .stroked(color, *width, None),
    }
}
