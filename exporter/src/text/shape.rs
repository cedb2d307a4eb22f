//! One stretch of text without forced breaks, shaped into clusters that lines can be built of.
//!
//! Wraps the text engine: it finds scripts, directions, places to break and glyphs; the face of every character is
//! chosen here. Knows nothing of widths and lines.

use std::collections::HashMap;
use std::ops::Range;

use fontique::Synthesis;
use parlance::{FontFeature, Tag};
use parley_engine::break_overrides::CHROMIUM_LINE_BREAK_OVERRIDE;
use parley_engine::itemize::{Item, Segment};
use parley_engine::shape::{CharCluster, Coverage, Whitespace};
use parley_engine::{
    Analysis, AnalysisDataSources, AnalysisOptions, Analyzer, BaseDirection, FontInstanceRef,
    FontSelector, ShapeOptions, ShapedText,
};
use scrible_board::rich_text::Direction;

use super::fonts::{FaceId, FaceQuery, Fonts};

/// What shaping has to know of a style.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ShapeStyle {
    pub query: FaceQuery,
    /// px.
    pub size: f64,
    pub digits: Digits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Digits {
    #[default]
    Natural,
    /// All of one width, as before the items of a list.
    Tabular,
}

/// Text between two places where a line may be cut even in need.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// Bytes of the text.
    pub bytes: Range<usize>,
    /// px.
    pub advance: f64,
    pub kind: ClusterKind,
    /// A line may end before it.
    pub break_before: bool,
    /// Odd levels run right to left.
    pub level: u8,
    pub face: FaceId,
    pub style: u16,
    /// In the order of painting, left to right. Those of a ligature are all with its first letter.
    pub glyphs: Vec<ShapedGlyph>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClusterKind {
    Text,
    /// Kept, but hangs over the end of a line.
    Space,
    /// As a space; its advance depends on where it stands.
    Tab,
}

/// A glyph, relative to the start of its cluster on the baseline; y grows downwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShapedGlyph {
    pub id: u32,
    pub x: f64,
    pub y: f64,
}

/// Shapes texts; keeps what can be used again.
pub(super) struct Shaper<'a> {
    fonts: &'a Fonts,
    analyzer: Analyzer,
    analysis: Analysis,
    engine: parley_engine::Shaper,
    shaped: ShapedText,
    chains: HashMap<FaceQuery, Vec<FaceId>>,
}

impl<'a> Shaper<'a> {
    pub fn new(fonts: &'a Fonts) -> Self {
        Self {
            fonts,
            analyzer: Analyzer::new(),
            analysis: Analysis::new(),
            engine: fonts.take_engine(),
            shaped: ShapedText::new(),
            chains: HashMap::new(),
        }
    }

    /// Puts the engine back for the next text.
    pub fn end(self) {
        self.fonts.put_back(self.engine);
    }

    /// Shapes `text`, whose characters have the style of `styles` that `style_of` names, one entry a character.
    pub fn shape(
        &mut self,
        text: &str,
        styles: &[ShapeStyle],
        style_of: &[u16],
        direction: Direction,
    ) -> Vec<Cluster> {
        if text.is_empty() {
            return Vec::new();
        }
        let options = AnalysisOptions {
            base_direction: match direction {
                Direction::LeftToRight => BaseDirection::Ltr,
                Direction::RightToLeft => BaseDirection::Rtl,
            },
            line_break_override: Some(CHROMIUM_LINE_BREAK_OVERRIDE),
            ..AnalysisOptions::default()
        };
        self.analyzer.analyze(text, &options, &mut self.analysis);
        let select = Select {
            fonts: self.fonts,
            chains: &mut self.chains,
            styles,
            synthesis: Synthesis::default(),
            sources: AnalysisDataSources::new(),
        };
        let items = items(styles, style_of);
        self.engine.shape_text(
            text,
            &self.analysis,
            style_of,
            items,
            select,
            &mut self.shaped,
        );
        self.clusters(styles)
    }

    fn clusters(&self, styles: &[ShapeStyle]) -> Vec<Cluster> {
        let mut clusters = Vec::with_capacity(self.shaped.characters().len());
        for (number, run) in self.shaped.runs().iter().enumerate() {
            let font = &self.shaped.fonts()[run.font_index].font;
            let face = self
                .fonts
                .find(&font.data, font.index)
                .expect("faces were chosen among these fonts");
            let slice = self.shaped.run_slice(number as u32);
            let level = run.bidi_level.to_u8();
            for atom in slice.atoms_start() {
                let first = atom.characters()[0];
                let kind = match first.whitespace {
                    Whitespace::Tab => ClusterKind::Tab,
                    Whitespace::Space => ClusterKind::Space,
                    _ => ClusterKind::Text,
                };
                let mut cluster = Cluster {
                    bytes: slice.text_byte_range(atom.char_range()),
                    advance: 0.0,
                    kind,
                    break_before: atom.is_soft_wrap_opportunity_before(),
                    level,
                    face,
                    style: first.style_index,
                    glyphs: Vec::new(),
                };
                if kind != ClusterKind::Tab {
                    let size = styles[usize::from(cluster.style)].size;
                    let range = atom.shaped_clusters_range();
                    let mut place = |part: u32| {
                        for glyph in slice.shaped_cluster_glyphs(part) {
                            let advance = self.fonts.picture_advance(face, glyph.id, size);
                            let advance = advance.unwrap_or(f64::from(glyph.advance));
                            cluster.glyphs.push(ShapedGlyph {
                                id: glyph.id,
                                x: cluster.advance + f64::from(glyph.x),
                                y: f64::from(glyph.y),
                            });
                            cluster.advance += advance;
                        }
                    };
                    match level % 2 {
                        0 => range.for_each(&mut place),
                        _ => range.rev().for_each(&mut place),
                    }
                }
                // A ligature may be broken between its letters, if need be: its line is then shaped anew. Joined scripts
                // are not.
                let letters: Vec<_> = atom.graphemes_start().collect();
                if letters.len() < 2 || level % 2 == 1 {
                    clusters.push(cluster);
                    continue;
                }
                let share = cluster.advance / letters.len() as f64;
                for letter in letters {
                    clusters.push(Cluster {
                        bytes: slice.text_byte_range(letter.char_range()),
                        advance: share,
                        break_before: letter.is_soft_wrap_opportunity_before(),
                        glyphs: std::mem::take(&mut cluster.glyphs),
                        ..cluster
                    });
                }
            }
        }
        clusters
    }
}

/// Splits where the size or the digits change; the engine itself splits where the face does.
fn items<'a>(
    styles: &'a [ShapeStyle],
    style_of: &'a [u16],
) -> impl Iterator<Item = Item<'static>> + 'a {
    const TABULAR: &[FontFeature] = &[FontFeature::new(Tag::new(b"tnum"), 1)];
    let of = |place: usize| &styles[usize::from(style_of[place])];
    let same = |a: &ShapeStyle, b: &ShapeStyle| a.size == b.size && a.digits == b.digits;
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < style_of.len()).then(|| {
            let mut end = start + 1;
            while end < style_of.len() && same(of(start), of(end)) {
                end += 1;
            }
            let item = Item {
                char_end: end as u32,
                options: ShapeOptions {
                    font_size: of(start).size as f32,
                    language: None,
                    features: match of(start).digits {
                        Digits::Natural => &[],
                        Digits::Tabular => TABULAR,
                    },
                    variations: &[],
                },
            };
            start = end;
            item
        })
    })
}

struct Select<'a> {
    fonts: &'a Fonts,
    chains: &'a mut HashMap<FaceQuery, Vec<FaceId>>,
    styles: &'a [ShapeStyle],
    synthesis: Synthesis,
    sources: AnalysisDataSources,
}

impl FontSelector for Select<'_> {
    fn select_font(
        &mut self,
        _: &Segment,
        _: &ShapeOptions<'_>,
        cluster: &mut CharCluster,
    ) -> Option<FontInstanceRef<'_>> {
        let style = &self.styles[usize::from(cluster.style_index())];
        let fonts = self.fonts;
        let chain = &*self
            .chains
            .entry(style.query)
            .or_insert_with(|| fonts.chain(style.query));
        let mut best = (chain[0], Coverage::NONE);
        let emoji = cluster.is_emoji();
        // Emoji are asked of faces with colours first, all else of them last.
        let in_order = |colour: bool| {
            chain
                .iter()
                .filter(move |id| fonts.face(**id).colour == colour)
        };
        for id in in_order(emoji).chain(in_order(!emoji)) {
            let coverage = cluster
                .calculate_coverage(|character| fonts.face(*id).has(character), &self.sources);
            if coverage > best.1 {
                best = (*id, coverage);
                if coverage.is_complete() {
                    break;
                }
            }
        }
        let face = self.fonts.face(best.0);
        Some(FontInstanceRef {
            data: &face.data,
            index: face.index,
            synthesis: &self.synthesis,
        })
    }
}
