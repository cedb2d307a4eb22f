//! Frames: their paper, border and name.
//!
//! Knows on which side the name stands. The rule: a frame that is drawn alone has neither border nor name, and the paper behind.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use kurbo::{Affine, Rect};
use scrible_board::ShapeIndex;
use scrible_board::media::Frame;

use super::Painter;
use super::label::{Ink, Surround, rounded};
use crate::geometry::path::Rounding;
use crate::scene::{Fill, Group, Mark, PathMark};
use crate::text::label::heading;

/// Font size of a name, px.
const NAME: f64 = 12.0;
/// Height of the pill around a name, px.
const PILL: f64 = 24.0;
/// From the top of the pill to the frame, px.
const PILL_ABOVE: f64 = 30.0;
/// From the pill's sides to the name, px.
const PILL_PADDING: f64 = 6.0;
/// Corner radius of the pill, px.
const PILL_CORNER: f64 = 4.0;
/// What stands for no name.
const NAMELESS: &str = "Frame";

impl Painter<'_> {
    pub(super) fn frame(&mut self, at: ShapeIndex, frame: &Frame) -> Vec<Mark> {
        let rect = Rect::new(0.0, 0.0, frame.w, frame.h);
        let paper = rounded(rect, 0.0).map(|path| PathMark::new(&path, Rounding::FourDigits));
        let Some(paper) = paper else {
            return Vec::new();
        };
        let paper = paper.filled(Fill::Plain(self.theme.frame()));
        if self.choice.only_frame(self.board) == Some(at) {
            return vec![Mark::Path(paper)];
        }
        let paper = paper.stroked(self.theme.frame_border(), 1.0, None);
        let mut marks = vec![Mark::Path(paper)];
        marks.extend(self.name(at, frame));
        marks
    }

    fn name(&mut self, at: ShapeIndex, frame: &Frame) -> Option<Mark> {
        let coeffs = self.board.shape(at).transform.as_coeffs();
        let turn = coeffs[1].atan2(coeffs[0]);
        let side = (((turn.rem_euclid(TAU) + FRAC_PI_4) / FRAC_PI_2).floor() as i64).rem_euclid(4);
        let (to, turns, edge) = match side {
            0 => ((0.0, 0.0), 0.0, frame.w),
            1 => ((0.0, frame.h), 3.0, frame.h),
            2 => ((frame.w, frame.h), 2.0, frame.w),
            _ => ((frame.w, 0.0), 1.0, frame.h),
        };
        let transform = Affine::translate(to) * Affine::rotate(turns * FRAC_PI_2);
        let name = match frame.name.trim() {
            "" => NAMELESS,
            _ => &frame.name,
        };
        self.lettering
            .stand(self.board.shape(at).transform * transform);
        let layout = heading(self.fonts, name, NAME, edge - 2.0 * PILL_PADDING);
        // Browsers count in 1/64 px, and round the letters down where they round the box of a text up.
        let letters = layout.lines.iter().flat_map(|line| &line.runs);
        let letters: f64 = letters.map(|run| run.width).sum();
        let letters = (letters * 64.0).floor() / 64.0;
        let width = edge.min(letters + 2.0 * PILL_PADDING);
        let pill = Rect::new(
            -PILL_PADDING,
            -PILL_ABOVE,
            width - PILL_PADDING,
            PILL - PILL_ABOVE,
        );
        let color = self.theme.background();
        let pill = PathMark::new(&rounded(pill, PILL_CORNER)?, Rounding::FourDigits);
        let pill = pill.filled(Fill::Plain(color)).stroked(color, 1.0, None);
        let mut marks = vec![Mark::Path(pill)];
        let ink = Ink {
            color: self.theme.frame_name(),
            surround: Surround::Plain,
        };
        // The middle of the name's letters stands a little above that of the pill.
        let top = -PILL_ABOVE + (PILL - layout.height) / 2.0;
        marks.extend(self.written(&layout, ink, Affine::translate((0.0, top))));
        Some(Mark::Group(Group {
            transform,
            clip: None,
            words: None,
            marks,
        }))
    }
}
