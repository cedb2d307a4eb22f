//! Blocks flow into lines, one below the other, as in a browser's column of text.
//!
//! Decides how wide the text is and where words break; what a block is made of is `block`'s, what a line looks like is
//! `line_box`'s. A text is walked once: what is placed stays.

use scrible_board::rich_text::RichText;

use super::block::Prepared;
use super::fonts::Fonts;
use super::layout::{TextLayout, TextOptions, Width};
use super::line_box::LineClusters;
use super::lines::{LineRules, cut_line, fits};
use super::rich::{Cut, Row};
use super::shape::{Cluster, ClusterKind, Shaper};

/// A text on its way into lines.
pub(super) struct Flow<'a> {
    pub fonts: &'a Fonts,
    pub options: TextOptions,
    pub shaper: Shaper<'a>,
    pub layout: TextLayout,
}

impl<'a> Flow<'a> {
    pub(super) fn new(fonts: &'a Fonts, options: &TextOptions) -> Self {
        let finite = |px: f64, least: f64| {
            if px.is_finite() {
                px.clamp(least, 1e6)
            } else {
                least
            }
        };
        let mut options = *options;
        options.size = finite(options.size, 0.01).min(10_000.0);
        options.line_height = finite(options.line_height, 0.0);
        options.width = match options.width {
            Width::Auto => Width::Auto,
            Width::Fixed(px) => Width::Fixed(finite(px, 0.0)),
            Width::AtMost(px) => Width::AtMost(finite(px, 0.0)),
        };
        Self {
            fonts,
            options,
            shaper: Shaper::new(fonts),
            layout: TextLayout::default(),
        }
    }

    pub(super) fn run(mut self, text: &RichText) -> TextLayout {
        let row = Row::of(text, &self.options.limits);
        self.layout.cut = row.cut;
        let mut blocks: Vec<Prepared<'_>> =
            row.blocks.iter().map(|block| self.prepare(block)).collect();
        let mut widest: f64 = 0.0;
        if !matches!(self.options.width, Width::Fixed(_)) {
            for block in &mut blocks {
                let rules = self.rules(block, None);
                for clusters in &mut block.segments {
                    cut_line(clusters, 0, &rules);
                    widest = widest.max(block.indent + advance(clusters));
                }
            }
        }
        let widest = ceil_64(widest);
        let wrap = match self.options.width {
            Width::Auto => None,
            Width::Fixed(px) => Some(px),
            Width::AtMost(px) => (widest > px).then_some(px),
        };
        self.layout.width = wrap.unwrap_or(widest);
        let mut y = 0.0;
        let mut margin = 0.0;
        for mut block in blocks {
            y += block.margins.0.max(margin);
            margin = block.margins.1;
            if !self.place_block(&mut block, wrap, &mut y) {
                self.layout.cut.get_or_insert(Cut::Lines);
                break;
            }
        }
        self.layout.height = y + margin;
        self.shaper.end();
        self.layout
    }

    /// Places a block's lines from `y` on and moves `y` past them. False when there are too many lines.
    fn place_block(&mut self, block: &mut Prepared<'_>, wrap: Option<f64>, y: &mut f64) -> bool {
        let rules = self.rules(block, wrap);
        let mut segments = std::mem::take(&mut block.segments);
        let mut marker = block.block.marker;
        for clusters in &mut segments {
            let mut start = 0;
            let mut begins_in_word = false;
            loop {
                if self.layout.lines.len() >= self.options.limits.lines {
                    return false;
                }
                if begins_in_word {
                    self.shape_rest_of_word(block, clusters, start, &rules);
                }
                let mut cut = cut_line(clusters, start, &rules);
                let ends_in_word = cut.hanging.is_empty() && cut.clusters.end < clusters.len();
                let mut old = &clusters[cut.clusters.clone()];
                let mut anew = self.shape_ends(block, old, begins_in_word, ends_in_word);
                // A part of a word may be wider by itself than it was within the word.
                while cut.breaks_word
                    && old.len() > 1
                    && anew
                        .as_deref()
                        .is_some_and(|anew| too_wide(anew, old, &rules))
                {
                    cut.clusters.end -= 1;
                    cut.hanging = cut.clusters.end..cut.clusters.end;
                    old = &clusters[cut.clusters.clone()];
                    anew = self.shape_ends(block, old, begins_in_word, ends_in_word);
                }
                let own = anew.as_deref().unwrap_or(old);
                let line = LineClusters {
                    clusters: own,
                    hanging: own.len() - cut.hanging.len()..own.len(),
                    wraps: cut.clusters.end < clusters.len(),
                };
                self.place_line(block, &line, marker.take(), y);
                begins_in_word = ends_in_word;
                start = cut.clusters.end;
                if start >= clusters.len() {
                    break;
                }
            }
        }
        true
    }

    /// Where what is left of a broken word would fit a line when shaped by itself, it is: letters may depend on the ones
    /// before. Where it would not, lines are cut by the widths of the whole word, as browsers do.
    fn shape_rest_of_word(
        &mut self,
        block: &Prepared<'_>,
        clusters: &mut Vec<Cluster>,
        start: usize,
        rules: &LineRules,
    ) {
        let Some(width) = rules.width else { return };
        // Letters vary by much less than this; so a word of many lines is not shaped once for each.
        let far = width * 1.25 + 8.0;
        let mut end = start;
        let mut old = 0.0;
        while end < clusters.len()
            && clusters[end].kind == ClusterKind::Text
            && (end == start || !clusters[end].break_before)
        {
            old += clusters[end].advance;
            end += 1;
            if old > far {
                return;
            }
        }
        if let Some(anew) = self.shape_word(block, &clusters[start..end])
            && fits(advance(&anew), width)
        {
            clusters.splice(start..end, anew);
        }
    }

    /// A line's clusters, its first and last word shaped without what stands on other lines.
    fn shape_ends(
        &mut self,
        block: &Prepared<'_>,
        line: &[Cluster],
        begins_in_word: bool,
        ends_in_word: bool,
    ) -> Option<Vec<Cluster>> {
        let gap = |cluster: &Cluster| cluster.kind != ClusterKind::Text;
        let first = line.iter().position(gap).unwrap_or(line.len());
        let last = line.iter().rposition(gap).map_or(0, |gap| gap + 1);
        match (begins_in_word, ends_in_word) {
            (false, false) => None,
            (true, true) if first == line.len() => self.shape_word(block, line),
            (true, true) => {
                let mut anew = self.shape_word(block, &line[..first])?;
                anew.extend_from_slice(&line[first..last]);
                anew.extend(self.shape_word(block, &line[last..])?);
                Some(anew)
            }
            (true, false) => {
                let mut anew = self.shape_word(block, &line[..first])?;
                anew.extend_from_slice(&line[first..]);
                Some(anew)
            }
            (false, true) => {
                let mut anew = line[..last].to_vec();
                anew.extend(self.shape_word(block, &line[last..])?);
                Some(anew)
            }
        }
    }

    /// Shapes a word by itself, unless it is of a script whose direction comes from the paragraph or whose letters stay
    /// joined over a break.
    fn shape_word(&mut self, block: &Prepared<'_>, word: &[Cluster]) -> Option<Vec<Cluster>> {
        if word.iter().any(|cluster| cluster.level != 0) {
            return None;
        }
        let anew = self.shape(block, word.first()?.bytes.start..word.last()?.bytes.end);
        anew.iter()
            .all(|cluster| cluster.level == 0)
            .then_some(anew)
    }
}

/// Whether a part of a word has to give up its last letter. Browsers do not look when its first letter is drawn
/// otherwise than within the word: then all of it is taken to depend on what stood before.
fn too_wide(anew: &[Cluster], old: &[Cluster], rules: &LineRules) -> bool {
    let glyphs = |clusters: &[Cluster]| clusters[0].glyphs.first().map(|glyph| glyph.id);
    rules.width.is_some_and(|width| !fits(advance(anew), width)) && glyphs(anew) == glyphs(old)
}

/// How wide clusters are side by side, px. Browsers round every stretch of one style up to what they count in.
pub(super) fn advance(clusters: &[Cluster]) -> f64 {
    let stretches = clusters.chunk_by(|one, next| one.style == next.style);
    let wide = stretches.map(|it| it.iter().map(|cluster| cluster.advance).sum::<f64>());
    wide.map(ceil_64).sum()
}

/// Rounds up to what browsers count in, 1/64 px; sums of their advances are a little off.
pub(super) fn ceil_64(px: f64) -> f64 {
    (px * 64.0 - 1e-3).ceil() / 64.0
}
