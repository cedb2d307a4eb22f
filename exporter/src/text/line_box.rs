//! One line: its height, where it begins, its runs from left to right, and what is drawn with them.
//!
//! Follows the line boxes of CSS. Knows what stands on its line, nothing of the lines around it.

use std::ops::Range;

use scrible_board::rich_text::{Direction, Marks};

use super::block::{Prepared, Style};
use super::decoration::{self, Decorated};
use super::flow::{Flow, advance, ceil_64};
use super::layout::{Align, ColorRole, Glyph, Line, Run};
use super::lines::visual_order;
use super::rich::Marker;
use super::shape::{Cluster, ClusterKind, Digits, ShapeStyle};

/// How many missing characters are told.
const MAX_MISSING: usize = 16;

/// One line's clusters, in logical order.
pub(super) struct LineClusters<'c> {
    pub clusters: &'c [Cluster],
    /// The white space at its end.
    pub hanging: Range<usize>,
    /// The line ends because it is full, not because the text does.
    pub wraps: bool,
}

impl Flow<'_> {
    pub(super) fn place_line(
        &mut self,
        block: &Prepared<'_>,
        line: &LineClusters<'_>,
        marker: Option<Marker>,
        y: &mut f64,
    ) {
        let clusters = line.clusters;
        let base = u8::from(block.direction == Direction::RightToLeft);
        let order = visual_order(clusters, line.hanging.clone(), base);
        let hanging = advance(&clusters[line.hanging.clone()]);
        let all = advance(clusters);
        let room = (self.layout.width - block.indent).max(0.0);
        // White space before a forced break or the end hangs only as far as it does not fit.
        let hanging = if line.wraps {
            hanging
        } else {
            hanging.min((all - room).max(0.0))
        };
        let width = all - hanging;
        let (above, below) = self.extents(block, clusters);
        let mut placed = Line {
            top: *y,
            height: above + below,
            baseline: *y + above,
            x: block.indent + self.offset(block, room - width),
            width,
            direction: block.direction,
            runs: Vec::new(),
            decorations: Vec::new(),
        };
        let mut pen = match block.direction {
            Direction::LeftToRight => placed.x,
            Direction::RightToLeft => placed.x - hanging,
        };
        if let Some(marker) = marker {
            self.place_marker(block, marker, &mut placed);
        }
        let first_run = placed.runs.len();
        let mut sources: Vec<(u16, Range<usize>)> = Vec::new();
        let mut last: Option<&Cluster> = None;
        let mut stretch = pen;
        for place in order {
            let cluster = &clusters[place];
            if last.is_some_and(|last| last.style != cluster.style) {
                pen = stretch + ceil_64(pen - stretch);
                stretch = pen;
            }
            let joins = last.is_some_and(|last| {
                let next = match cluster.level % 2 {
                    0 => cluster.bytes.start == last.bytes.end,
                    _ => cluster.bytes.end == last.bytes.start,
                };
                next && cluster.face == last.face
                    && cluster.style == last.style
                    && cluster.level % 2 == last.level % 2
            });
            if !joins {
                let style = &block.styles[usize::from(cluster.style)];
                placed
                    .runs
                    .push(self.new_run(style, cluster, pen, placed.baseline));
                sources.push((cluster.style, cluster.bytes.clone()));
            }
            let run = placed.runs.last_mut().expect("a run was begun");
            let (_, bytes) = sources.last_mut().expect("a run was begun");
            *bytes = bytes.start.min(cluster.bytes.start)..bytes.end.max(cluster.bytes.end);
            for glyph in &cluster.glyphs {
                run.glyphs.push(Glyph {
                    id: glyph.id,
                    x: pen + glyph.x,
                    y: placed.baseline + glyph.y,
                    bytes: (cluster.bytes.start, cluster.bytes.end),
                });
                if glyph.id == 0 && cluster.kind == ClusterKind::Text {
                    tell_missing(&mut self.layout.missing, &block.text[cluster.bytes.clone()]);
                }
            }
            if cluster.glyphs.is_empty() && cluster.kind == ClusterKind::Text {
                joined_by(&mut run.glyphs, cluster);
            }
            pen += cluster.advance;
            run.width = pen - run.x;
            last = Some(cluster);
        }
        for (run, (_, bytes)) in placed.runs[first_run..].iter_mut().zip(&sources) {
            run.text = block.text[bytes.clone()].to_owned();
            for glyph in &mut run.glyphs {
                glyph.bytes = (glyph.bytes.0 - bytes.start, glyph.bytes.1 - bytes.start);
            }
        }
        let decorated = placed.runs[first_run..]
            .iter()
            .zip(sources)
            .map(|(run, (style, _))| {
                let style = &block.styles[usize::from(style)];
                Decorated {
                    run,
                    marks: &style.marks,
                    face: style.face,
                    size: style.shape.size,
                }
            });
        let mut decorations = decoration::of_runs(self.fonts, decorated);
        placed.decorations.append(&mut decorations);
        self.layout.reach = self.layout.reach.max(placed.x + placed.width);
        *y += placed.height;
        self.layout.lines.push(placed);
    }

    fn new_run(&self, style: &Style, cluster: &Cluster, x: f64, baseline: f64) -> Run {
        let query = style.shape.query;
        let (imitate_bold, imitate_italic) = self.fonts.imitates(cluster.face, query);
        Run {
            face: cluster.face,
            size: style.shape.size,
            weight: query.weight,
            slant: query.slant,
            imitate_bold,
            imitate_italic,
            role: match style.marks.link {
                Some(_) => ColorRole::Link,
                None => ColorRole::Text,
            },
            x,
            baseline,
            width: 0.0,
            right_to_left: cluster.level % 2 == 1,
            text: String::new(),
            glyphs: Vec::new(),
            link: style.marks.link.clone(),
        }
    }

    /// How far a line reaches above and below its baseline: the block's own style, and every other style on the line.
    fn extents(&self, block: &Prepared<'_>, clusters: &[Cluster]) -> (f64, f64) {
        let mut seen = vec![0];
        for cluster in clusters {
            if !seen.contains(&cluster.style) {
                seen.push(cluster.style);
            }
        }
        let (mut above, mut below) = (f64::MIN, f64::MIN);
        for style in seen {
            let style = &block.styles[usize::from(style)];
            let (ascent, descent) = self.fonts.whole_extents(style.face, style.shape.size);
            let leading = ((block.line_height - ascent - descent) / 2.0).floor();
            above = above.max(ascent + leading);
            below = below.max(block.line_height - ascent - leading);
        }
        (above, below)
    }

    /// Where a line begins that leaves `free` px; lists are always at the left.
    fn offset(&self, block: &Prepared<'_>, free: f64) -> f64 {
        let right = block.direction == Direction::RightToLeft;
        if free < 0.0 {
            return if right { free } else { 0.0 };
        }
        let align = if block.block.lists.is_empty() {
            self.options.align
        } else {
            Align::Start
        };
        match (align, right && block.block.lists.is_empty()) {
            (Align::Middle, _) => free / 2.0,
            (Align::Start, false) | (Align::End, true) => 0.0,
            (Align::End, false) | (Align::Start, true) => free,
        }
    }

    fn place_marker(&mut self, block: &Prepared<'_>, marker: Marker, line: &mut Line) {
        let style = self.style(&Marks::default(), self.options.size, false);
        match marker {
            Marker::Bullet(depth) => {
                line.decorations.push(decoration::bullet(
                    self.fonts,
                    style.face,
                    self.options.size,
                    depth,
                    (block.indent, line.baseline),
                ));
            }
            Marker::Number(number) => {
                let text = format!("{number}. ");
                let shape = ShapeStyle {
                    digits: Digits::Tabular,
                    ..style.shape
                };
                let clusters = self.shaper.shape(
                    &text,
                    &[shape],
                    &vec![0; text.len()],
                    Direction::LeftToRight,
                );
                let mut pen = block.indent - advance(&clusters);
                for cluster in &clusters {
                    if line.runs.is_empty() {
                        line.runs
                            .push(self.new_run(&style, cluster, pen, line.baseline));
                    }
                    let run = line.runs.last_mut().expect("a run was begun");
                    let from = run.text.len();
                    run.text.push_str(&text[cluster.bytes.clone()]);
                    run.glyphs.extend(cluster.glyphs.iter().map(|glyph| Glyph {
                        id: glyph.id,
                        x: pen + glyph.x,
                        y: line.baseline + glyph.y,
                        bytes: (from, from + cluster.bytes.len()),
                    }));
                    pen += cluster.advance;
                    run.width = pen - run.x;
                }
            }
        }
    }
}

/// A letter without a glyph of its own: that of the letters before it, a ligature, stands for it, too.
fn joined_by(glyphs: &mut [Glyph], letter: &Cluster) {
    let Some(bytes) = glyphs.last().map(|glyph| glyph.bytes) else {
        return;
    };
    if bytes.1 != letter.bytes.start {
        return;
    }
    let of_it = glyphs.iter_mut().rev();
    for glyph in of_it.take_while(|glyph| glyph.bytes == bytes) {
        glyph.bytes.1 = letter.bytes.end;
    }
}

fn tell_missing(missing: &mut Vec<char>, words: &str) {
    for character in words.chars() {
        if missing.len() < MAX_MISSING && !missing.contains(&character) {
            missing.push(character);
        }
    }
}
