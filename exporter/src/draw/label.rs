//! Texts as marks.
//!
//! Knows layouts and colors. The rule: letters become paths, and what is written goes along for those who cannot see it.

use std::sync::Arc;

use kurbo::{Affine, Rect};
use scrible_board::style::{Align as Alignment, Font, Size};

use super::Painter;
use crate::geometry::path::{Element, Path, Rounding};
use crate::scene::{Fill, Group, Mark, Order, PathMark, PictureMark, Remark, Stroke};
use crate::text::label::{Label, LabelStyle, TextSize, VerticalAlign};
use crate::text::{Align, ColorRole, Decoration, DecorationKind, Family, Outline, Run, TextLayout};
use crate::theme::Rgba;

/// Between top and bottom.
pub(super) const MIDDLE: Alignment = Alignment::Middle;

/// Width of what texts are outlined with, px: the editor draws them six times, a px off to each side, in the color of
/// the background.
const OUTLINE: f64 = 2.0;

/// Corner radius of the marker behind words, px.
const MARKER_CORNER: f64 = 2.0;

/// Whether a text stands out from what it crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surround {
    Outlined,
    Plain,
}

/// What a text is drawn with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub color: Rgba,
    pub surround: Surround,
}

/// A shape's choices as the layout takes them.
pub(super) fn style(font: Font, size: Size, align: Alignment, vertical: Alignment) -> LabelStyle {
    LabelStyle {
        family: match font {
            Font::Draw => Family::DRAW,
            Font::Sans => Family::SANS,
            Font::Serif => Family::SERIF,
            Font::Mono => Family::MONO,
        },
        size: match size {
            Size::S => TextSize::S,
            Size::M => TextSize::M,
            Size::L => TextSize::L,
            Size::Xl => TextSize::Xl,
        },
        align: match align {
            Alignment::Start => Align::Start,
            Alignment::Middle => Align::Middle,
            Alignment::End => Align::End,
        },
        vertical: match vertical {
            Alignment::Start => VerticalAlign::Start,
            Alignment::Middle => VerticalAlign::Middle,
            Alignment::End => VerticalAlign::End,
        },
    }
}

impl Painter<'_> {
    /// A text in its place.
    pub(super) fn label(&mut self, label: &Label, ink: Ink) -> Option<Mark> {
        self.written(&label.layout, ink, Affine::translate((label.x, label.y)))
    }

    /// A text whose top left corner a transform moves to its place.
    pub(super) fn written(
        &mut self,
        layout: &TextLayout,
        ink: Ink,
        transform: Affine,
    ) -> Option<Mark> {
        if !layout.missing.is_empty() {
            self.remark(Remark::Characters(layout.missing.clone()));
        }
        let mut marks = Vec::new();
        let mut words = String::new();
        for line in &layout.lines {
            if !words.is_empty() {
                words.push('\n');
            }
            let markers = |it: &&Decoration| it.kind == DecorationKind::Highlight;
            for decoration in line.decorations.iter().filter(markers) {
                marks.extend(self.decoration(decoration, ink));
            }
            for run in &line.runs {
                words.push_str(&run.text);
                let outline = self.lettering.outline(self.fonts, run, transform);
                self.run(run, &outline, ink, &mut marks);
            }
            for decoration in line.decorations.iter().filter(|it| !markers(it)) {
                marks.extend(self.decoration(decoration, ink));
            }
        }
        (!marks.is_empty()).then_some(Mark::Group(Group {
            transform,
            clip: None,
            words: Some(words),
            marks,
        }))
    }

    fn role(&self, role: ColorRole, ink: Ink) -> Rgba {
        match role {
            ColorRole::Text => ink.color,
            ColorRole::Link => self.theme.link(),
        }
    }

    fn run(&mut self, run: &Run, outline: &Outline<'_>, ink: Ink, marks: &mut Vec<Mark>) {
        let color = self.role(run.role, ink);
        let around = |extra: f64| {
            (ink.surround == Surround::Outlined).then(|| Stroke {
                color: self.theme.background(),
                width: OUTLINE + extra,
                dashes: None,
                order: Order::StrokeBelow,
            })
        };
        let bold = run.embolden();
        if !outline.path.is_empty() {
            // No glyph reaches farther out of its line than it is high, nor so far to the sides.
            let hull = Rect::new(
                run.x - 2.0 * run.size,
                run.baseline - 2.0 * run.size,
                run.x + run.width + 2.0 * run.size,
                run.baseline + 2.0 * run.size,
            );
            let written = self.lettering.is_exact(outline);
            let written = written.then(|| Arc::new(run.clone()));
            let letters = |fill: Option<Fill>, stroke: Option<Stroke>| {
                Mark::Path(PathMark {
                    data: outline.path.clone(),
                    hull,
                    fill,
                    stroke,
                    opacity: 1.0,
                    letters: written.clone(),
                })
            };
            let fill = Some(Fill::Plain(color));
            if bold > 0.0 {
                marks.extend(around(bold).map(|stroke| letters(None, Some(stroke))));
                let wider = Stroke {
                    color,
                    width: bold,
                    dashes: None,
                    order: Order::StrokeAbove,
                };
                marks.push(letters(fill, Some(wider)));
            } else {
                marks.push(letters(fill, around(0.0)));
            }
        }
        for image in &outline.images {
            let rect = image.rect;
            let place = Affine::new([rect.w, 0.0, 0.0, rect.h, rect.x, rect.y]);
            let picture = self.small(image.png);
            marks.push(Mark::Picture(PictureMark { picture, place }));
        }
    }

    fn decoration(&self, it: &Decoration, ink: Ink) -> Option<Mark> {
        let color = self.role(it.role, ink);
        let rect = Rect::new(
            it.rect.x,
            it.rect.y,
            it.rect.x + it.rect.w,
            it.rect.y + it.rect.h,
        );
        let mark = |path: Path| PathMark::new(&path, Rounding::FourDigits);
        let outlined = |mark: PathMark| match ink.surround {
            Surround::Plain => mark,
            Surround::Outlined => PathMark {
                stroke: Some(Stroke {
                    color: self.theme.background(),
                    width: OUTLINE,
                    dashes: None,
                    order: Order::StrokeBelow,
                }),
                ..mark
            },
        };
        let mark = match it.kind {
            DecorationKind::Highlight => {
                mark(rounded(rect, MARKER_CORNER)?).filled(Fill::Plain(self.theme.marker()))
            }
            DecorationKind::Underline | DecorationKind::Strike | DecorationKind::Square => {
                outlined(mark(rounded(rect, 0.0)?).filled(Fill::Plain(color)))
            }
            DecorationKind::Disc => {
                outlined(mark(rounded(rect, rect.width() / 2.0)?).filled(Fill::Plain(color)))
            }
            DecorationKind::Circle => {
                mark(rounded(rect, rect.width() / 2.0)?).stroked(color, 1.0, None)
            }
        };
        Some(Mark::Path(mark))
    }
}

/// A box with round corners. `None` when a number is not finite.
pub(super) fn rounded(rect: Rect, corner: f64) -> Option<Path> {
    use crate::geometry::path::{ArcPart, ArcTo, Turn};

    let radius = corner
        .min(rect.width() / 2.0)
        .min(rect.height() / 2.0)
        .max(0.0);
    let Rect { x0, y0, x1, y1 } = rect;
    if radius == 0.0 {
        let line = |x: f64, y: f64| Element::Line((x, y).into());
        return Path::new(vec![
            Element::Move((x0, y0).into()),
            line(x1, y0),
            line(x1, y1),
            line(x0, y1),
            Element::Close,
        ]);
    }
    let legs = [
        [(x1 - radius, y0), (x1, y0 + radius)],
        [(x1, y1 - radius), (x1 - radius, y1)],
        [(x0 + radius, y1), (x0, y1 - radius)],
        [(x0, y0 + radius), (x0 + radius, y0)],
    ];
    let mut elements = vec![Element::Move((x0 + radius, y0).into())];
    for [straight, round] in legs {
        elements.push(Element::Line(straight.into()));
        elements.push(Element::Arc(ArcTo {
            radius,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to: round.into(),
        }));
    }
    elements.push(Element::Close);
    Path::new(elements)
}
