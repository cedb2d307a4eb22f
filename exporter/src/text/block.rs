//! A block made ready for lines: its styles, its direction, its indent, and its clusters.
//!
//! Holds what the editor's style sheet says of headings and lists. Knows nothing of widths.

use std::collections::HashMap;
use std::ops::Range;

use scrible_board::rich_text::{Direction, Marks};
use unicode_bidi::{Direction as BidiDirection, get_base_direction_full};

use super::flow::Flow;
use super::fonts::{FaceId, FaceQuery, Family, Slant, Weight};
use super::layout::LongWords;
use super::lines::LineRules;
use super::rich::Block;
use super::shape::{Cluster, Digits, ShapeStyle};

/// Line height of a heading, as a multiple of its size.
const HEADING_LINE: f64 = 1.35;
/// Sizes of headings 1 to 6, as multiples of the text's size.
const HEADING_SIZES: [f64; 6] = [2.0, 1.5, 1.17, 1.0, 0.83, 0.67];
/// Space above and below a heading, px; adjoining spaces become the larger one.
const HEADING_MARGINS: (f64, f64) = (5.0, 10.0);
/// Left padding of a list with one, two and three digits in its numbers, in widths of "0".
const LIST_PADDING: [f64; 3] = [1.625, 2.625, 3.625];
/// CSS `tab-size`, in spaces.
const TAB_SPACES: f64 = 2.0;

/// A style of a block: what shapes it, and what only colours it.
pub(super) struct Style {
    pub shape: ShapeStyle,
    pub marks: Marks,
    /// The face that lines are measured by.
    pub face: FaceId,
}

/// A block shaped, but not yet cut into lines.
pub(super) struct Prepared<'t> {
    pub block: &'t Block<'t>,
    /// Style 0 is the block's own.
    pub styles: Vec<Style>,
    /// What shaping has to know of them.
    shapes: Vec<ShapeStyle>,
    pub text: String,
    /// Where each span ends (bytes), and its style.
    ends: Vec<(usize, u16)>,
    /// What stands between forced breaks.
    pub segments: Vec<Vec<Cluster>>,
    pub direction: Direction,
    /// px.
    pub indent: f64,
    pub line_height: f64,
    /// Above and below, px.
    pub margins: (f64, f64),
}

impl Flow<'_> {
    pub(super) fn prepare<'t>(&mut self, block: &'t Block<'t>) -> Prepared<'t> {
        let heading = block
            .heading
            .map(|level| HEADING_SIZES[usize::from(level.clamp(1, 6)) - 1]);
        let size = self.options.size * heading.unwrap_or(1.0);
        let mut styles = vec![self.style(&Marks::default(), size, heading.is_some())];
        let mut known = HashMap::new();
        let mut text = String::new();
        let mut ends = Vec::with_capacity(block.spans.len());
        for span in &block.spans {
            let style = *known.entry(span.marks).or_insert_with(|| {
                // More styles than can be numbered fall back on the block's own.
                let next = u16::try_from(styles.len()).unwrap_or(0);
                if next > 0 {
                    styles.push(self.style(span.marks, size, heading.is_some()));
                }
                next
            });
            text.push_str(&span.text);
            ends.push((text.len(), style));
        }
        let direction =
            block
                .direction
                .unwrap_or_else(|| match get_base_direction_full(text.as_str()) {
                    BidiDirection::Rtl => Direction::RightToLeft,
                    _ => Direction::LeftToRight,
                });
        let zero = self.fonts.zero(
            self.fonts.primary(self.query(&Marks::default(), false)),
            self.options.size,
        );
        let indent = block
            .lists
            .iter()
            .map(|list| match list.items {
                10..100 => LIST_PADDING[1],
                100.. => LIST_PADDING[2],
                _ => LIST_PADDING[0],
            })
            .sum::<f64>()
            * zero;
        let mut prepared = Prepared {
            block,
            shapes: styles.iter().map(|style| style.shape).collect(),
            styles,
            text,
            ends,
            segments: Vec::new(),
            direction,
            indent,
            line_height: match heading {
                Some(_) => (size * HEADING_LINE * 64.0).floor() / 64.0,
                None => self.options.line_height,
            },
            margins: match heading {
                Some(_) => HEADING_MARGINS,
                None => (0.0, 0.0),
            },
        };
        let mut ranges = Vec::new();
        let mut start = 0;
        for line in prepared.text.split('\n') {
            ranges.push(start..start + line.len());
            start += line.len() + 1;
        }
        // A break at the very end opens no line.
        if ranges.len() > 1 && ranges.last().is_some_and(Range::is_empty) {
            ranges.pop();
        }
        for range in ranges {
            let clusters = self.shape(&prepared, range);
            prepared.segments.push(clusters);
        }
        prepared
    }

    /// Shapes a part of a block; its clusters count bytes from the start of the block.
    pub(super) fn shape(&mut self, block: &Prepared<'_>, range: Range<usize>) -> Vec<Cluster> {
        let part = &block.text[range.clone()];
        let mut span = block.ends.partition_point(|(end, _)| *end <= range.start);
        let style_of: Vec<u16> = part
            .char_indices()
            .map(|(at, _)| {
                while block.ends[span].0 <= range.start + at {
                    span += 1;
                }
                block.ends[span].1
            })
            .collect();
        let mut clusters = self
            .shaper
            .shape(part, &block.shapes, &style_of, block.direction);
        for cluster in &mut clusters {
            cluster.bytes = cluster.bytes.start + range.start..cluster.bytes.end + range.start;
        }
        clusters
    }

    pub(super) fn style(&self, marks: &Marks, size: f64, heading: bool) -> Style {
        let query = self.query(marks, heading);
        Style {
            shape: ShapeStyle {
                query,
                size,
                digits: Digits::Natural,
            },
            marks: marks.clone(),
            face: self.fonts.primary(query),
        }
    }

    pub(super) fn rules(&self, block: &Prepared<'_>, wrap: Option<f64>) -> LineRules {
        let style = &block.styles[0];
        let space = self.fonts.space(style.face, style.shape.size).max(0.01);
        LineRules {
            width: wrap.map(|px| (px - block.indent).max(0.0)),
            tab: space * TAB_SPACES,
            least_tab: space / 2.0,
            break_words: self.options.long_words == LongWords::Break,
        }
    }

    fn query(&self, marks: &Marks, heading: bool) -> FaceQuery {
        FaceQuery {
            family: if marks.code {
                Family::MONO
            } else {
                self.options.family
            },
            weight: if marks.bold || heading {
                Weight::Bold
            } else {
                Weight::Normal
            },
            slant: if marks.italic {
                Slant::Italic
            } else {
                Slant::Upright
            },
        }
    }
}
