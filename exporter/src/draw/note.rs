//! Sticky notes.
//!
//! Knows their paper, shadow and writing, and the name of who wrote on them last. The rule: all of it is drawn before the
//! note's scale.

use kurbo::{Affine, Rect};
use scrible_board::label::{NOTE_SIDE, Note};
use scrible_board::style::{Color, ThemeColor};

use super::Painter;
use super::label::{Ink, Surround, rounded};
use super::media::Caster;
use crate::error::ExportError;
use crate::geometry::path::Rounding;
use crate::scene::{Fill, Mark, PathMark};
use crate::text::label::{Label, line_height};
use crate::text::{Align, Family, LongWords, RichText, TextLimits, TextOptions, Width, lay_out};
use crate::theme::Theme;

/// Corner radius, px.
const CORNER: f64 = 1.0;

/// Font size of the last writer's name, px.
const NAME: f64 = 11.0;
/// Room to the right of it, px.
const NAME_RIGHT: f64 = 8.0;
/// Room below it, px.
const NAME_BOTTOM: f64 = 4.0;
/// The widest name, as a share of the note.
const NAME_WIDTH: f64 = 0.6;
/// Opacity of it.
const NAME_OPACITY: f64 = 0.6;

impl Painter<'_> {
    pub(super) fn note(
        &mut self,
        note: &Note,
        label: Option<&Label>,
    ) -> Result<Vec<Mark>, ExportError> {
        let shades = self.theme.shades(&note.color);
        let rect = Rect::new(0.0, 0.0, NOTE_SIDE, NOTE_SIDE + note.grow_y);
        let mut marks = Vec::new();
        if self.theme == Theme::Light {
            marks.push(self.shadow(Caster::Note, rect.size())?);
        }
        let paper = rounded(rect, CORNER).map(|path| PathMark::new(&path, Rounding::FourDigits));
        marks.extend(paper.map(|paper| Mark::Path(paper.filled(Fill::Plain(shades.note)))));
        let color = match note.label_color {
            Color::Theme(ThemeColor::Black) => shades.note_text,
            _ => self.theme.shades(&note.label_color).solid,
        };
        let ink = Ink {
            color,
            surround: Surround::Plain,
        };
        marks.extend(label.and_then(|label| self.label(label, ink)));
        // Nobody has written nothing.
        marks.extend(label.and_then(|_| self.last_writer(note, rect, ink)));
        Ok(marks)
    }

    fn last_writer(&mut self, note: &Note, rect: Rect, mut ink: Ink) -> Option<Mark> {
        let id = format!("user:{}", note.last_edited_by.as_ref()?);
        let name = self
            .board
            .users()
            .get(&id)?
            .name
            .split_whitespace()
            .next()?;
        let limits = TextLimits::default();
        let options = TextOptions {
            family: Family::SANS,
            size: NAME,
            line_height: line_height(NAME),
            align: Align::Start,
            width: Width::Auto,
            long_words: LongWords::Overflow,
            limits,
        };
        let lay = |name: &str| lay_out(self.fonts, &RichText::from(name), &options);
        let mut layout = lay(name);
        if layout.width > rect.width() * NAME_WIDTH {
            let fits = |letters: &usize| {
                let cut: String = name.chars().take(*letters).collect();
                lay(&format!("{cut}…")).width <= rect.width() * NAME_WIDTH
            };
            let letters: Vec<usize> = (1..200).collect();
            let most = letters.partition_point(|letters| fits(letters));
            let cut: String = name.chars().take(most).collect();
            layout = lay(&format!("{cut}…"));
        }
        let x = rect.x1 - NAME_RIGHT - layout.width;
        let y = rect.y1 - NAME_BOTTOM - layout.height;
        ink.color.alpha = (255.0 * NAME_OPACITY) as u8;
        self.written(&layout, ink, Affine::translate((x, y)))
    }
}
