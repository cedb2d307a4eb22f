//! A board's rich text as a row of blocks, ready to be laid out: lists opened up, what has no glyph left out.
//!
//! Knows nothing of JSON, fonts or widths. The rule: any text is taken; beyond [`TextLimits`] it is cut, and says so.

use std::borrow::Cow;

use scrible_board::rich_text::{self, Direction, Inline, Item, Marks, RichText};

/// How much of one text is taken. What lies beyond is cut off, and the layout says so.
#[derive(Clone, Copy, Debug)]
pub struct TextLimits {
    /// Characters of one text.
    pub chars: usize,
    /// Blocks (paragraphs, headings, items) of one text.
    pub blocks: usize,
    /// Changes of style in one text.
    pub spans: usize,
    /// Lists within lists.
    pub depth: usize,
    /// Lines of one laid out text.
    pub lines: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        Self {
            chars: 100_000,
            blocks: 10_000,
            spans: 20_000,
            depth: 32,
            lines: 20_000,
        }
    }
}

/// Which limit a text was cut at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// [`TextLimits::chars`].
    Chars,
    /// [`TextLimits::blocks`].
    Blocks,
    /// [`TextLimits::spans`].
    Spans,
    /// [`TextLimits::depth`]: deeper lists were flattened away.
    Depth,
    /// [`TextLimits::lines`].
    Lines,
}

/// The blocks of a text, from top to bottom.
#[derive(Debug, Default)]
pub(super) struct Row<'t> {
    /// Paragraphs, headings and items.
    pub blocks: Vec<Block<'t>>,
    /// The first limit that was met.
    pub cut: Option<Cut>,
}

/// What stands on lines of its own.
#[derive(Debug, Default)]
pub(super) struct Block<'t> {
    /// Its text, in order; `\n` within it is a forced break.
    pub spans: Vec<Span<'t>>,
    /// 1 to 6 for a heading.
    pub heading: Option<u8>,
    /// Where it is not to be guessed from the text.
    pub direction: Option<Direction>,
    /// The lists that it stands in, the outermost first.
    pub lists: Vec<List>,
    /// What stands before the first block of a list's item.
    pub marker: Option<Marker>,
}

/// A list around a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// Items are numbered.
    pub ordered: bool,
    /// How many items it has.
    pub items: usize,
}

/// What stands before a list's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// A bullet; the depth among bullet lists, from 0, says which.
    Bullet(usize),
    /// The item's number.
    Number(i64),
}

/// A stretch of text in one style.
#[derive(Debug)]
pub(super) struct Span<'t> {
    /// Never empty.
    pub text: Cow<'t, str>,
    /// Its looks.
    pub marks: &'t Marks,
}

/// The looks of a forced break, which has none.
static PLAIN: Marks = Marks {
    bold: false,
    italic: false,
    strike: false,
    underline: false,
    code: false,
    highlight: false,
    link: None,
};

impl<'t> Row<'t> {
    pub(super) fn of(text: &'t RichText, limits: &TextLimits) -> Self {
        let mut walk = Walk {
            limits,
            row: Self::default(),
            chars: 0,
            spans: 0,
        };
        walk.blocks(&text.blocks, &[], None);
        walk.row
    }
}

/// A text on its way into a row.
struct Walk<'t, 'l> {
    limits: &'l TextLimits,
    row: Row<'t>,
    /// Taken so far.
    chars: usize,
    /// Taken so far.
    spans: usize,
}

impl<'t> Walk<'t, '_> {
    fn cut(&mut self, cut: Cut) {
        self.row.cut.get_or_insert(cut);
    }

    /// Blocks that stand in these lists, the first of them behind the marker.
    fn blocks(
        &mut self,
        blocks: &'t [rich_text::Block],
        lists: &[List],
        mut marker: Option<Marker>,
    ) {
        for block in blocks {
            let marker = marker.take();
            let mut begun = Block {
                lists: lists.to_vec(),
                marker,
                ..Block::default()
            };
            match block {
                rich_text::Block::Paragraph(line) => self.line(begun, line),
                rich_text::Block::Heading { level, line } => {
                    begun.heading = Some((*level).clamp(1, 6));
                    self.line(begun, line);
                }
                rich_text::Block::BulletList(items) => self.list(items, lists, None),
                rich_text::Block::OrderedList { start, items } => {
                    self.list(items, lists, Some(*start));
                }
            }
        }
    }

    /// Items, numbered from `start` or else with bullets, in a list within `lists`.
    fn list(&mut self, items: &'t [Item], lists: &[List], start: Option<i64>) {
        let mut lists = lists.to_vec();
        if lists.len() >= self.limits.depth {
            self.cut(Cut::Depth);
        } else {
            lists.push(List {
                ordered: start.is_some(),
                items: items.len(),
            });
        }
        let bullets = lists.iter().filter(|list| !list.ordered).count();
        for (number, item) in items.iter().enumerate() {
            let marker = match start {
                Some(start) => Marker::Number(start.saturating_add(number as i64)),
                None => Marker::Bullet(bullets.saturating_sub(1)),
            };
            let before = self.row.blocks.len();
            self.blocks(&item.blocks, &lists, Some(marker));
            if self.row.blocks.len() == before && self.row.cut.is_none() {
                // An item without a paragraph still shows its marker.
                self.begin(Block {
                    lists: lists.clone(),
                    marker: Some(marker),
                    ..Block::default()
                });
            }
        }
    }

    fn line(&mut self, block: Block<'t>, line: &'t rich_text::Line) {
        let begun = self.begin(Block {
            direction: line.direction,
            ..block
        });
        if !begun {
            return;
        }
        for inline in &line.inlines {
            match inline {
                Inline::Text { text, marks } => self.push(text, marks),
                Inline::Break => self.push("\n", &PLAIN),
            }
        }
    }

    fn begin(&mut self, block: Block<'t>) -> bool {
        if self.row.blocks.len() >= self.limits.blocks {
            self.cut(Cut::Blocks);
            return false;
        }
        self.row.blocks.push(block);
        true
    }

    /// Appends to the last block.
    fn push(&mut self, text: &'t str, marks: &'t Marks) {
        let mut text = shown(text);
        if let Some((end, _)) = text.char_indices().nth(self.limits.chars - self.chars) {
            self.cut(Cut::Chars);
            match &mut text {
                Cow::Borrowed(text) => *text = &text[..end],
                Cow::Owned(text) => text.truncate(end),
            }
        }
        self.chars += text.chars().count();
        let Some(block) = self.row.blocks.last_mut().filter(|_| !text.is_empty()) else {
            return;
        };
        let same = block.spans.last().is_some_and(|last| last.marks == marks);
        if !same && self.spans >= self.limits.spans {
            return self.cut(Cut::Spans);
        }
        self.spans += usize::from(!same);
        block.spans.push(Span { text, marks });
    }
}

/// Text without control characters, which have no glyph; the separators of Unicode break lines as `\n` does.
fn shown(text: &str) -> Cow<'_, str> {
    let shown = |character: char| match character {
        '\n' | '\t' => Some(character),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        _ if character.is_control() => None,
        _ => Some(character),
    };
    match text.chars().all(|it| shown(it) == Some(it)) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().filter_map(shown).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, marks: Marks) -> Inline {
        Inline::Text {
            text: text.to_owned(),
            marks,
        }
    }

    fn paragraph(inlines: Vec<Inline>) -> rich_text::Block {
        rich_text::Block::Paragraph(rich_text::Line {
            direction: None,
            inlines,
        })
    }

    fn row(text: &RichText) -> Row<'_> {
        Row::of(text, &TextLimits::default())
    }

    fn words(row: &Row<'_>) -> String {
        let block = |block: &Block<'_>| block.spans.iter().map(|it| it.text.as_ref()).collect();
        row.blocks
            .iter()
            .map(block)
            .collect::<Vec<String>>()
            .join("|")
    }

    #[test]
    fn marks_and_breaks_become_spans() {
        let bold = Marks {
            bold: true,
            ..Marks::default()
        };
        let plain = Marks::default;
        let text = RichText {
            blocks: vec![
                paragraph(vec![
                    run("a", plain()),
                    run("b", bold),
                    Inline::Break,
                    run("c", plain()),
                ]),
                paragraph(vec![]),
            ],
        };
        let row = row(&text);
        assert_eq!(words(&row), "ab\nc|");
        let bold: Vec<_> = row.blocks[0].spans.iter().map(|it| it.marks.bold).collect();
        assert_eq!(bold, [false, true, false, false]);
    }

    #[test]
    fn lists_nest_and_number_from_their_start() {
        let line = |text: &str| paragraph(vec![run(text, Marks::default())]);
        let item = |blocks: Vec<rich_text::Block>| Item { blocks };
        let inner = rich_text::Block::OrderedList {
            start: 7,
            items: vec![item(vec![line("b")]), item(vec![line("c")])],
        };
        let outer = vec![item(vec![line("a"), inner]), item(vec![])];
        let text = RichText {
            blocks: vec![rich_text::Block::BulletList(outer)],
        };
        let row = row(&text);
        let markers: Vec<_> = row
            .blocks
            .iter()
            .map(|block| (block.marker, block.lists.len()))
            .collect();
        assert_eq!(
            markers,
            [
                (Some(Marker::Bullet(0)), 1),
                (Some(Marker::Number(7)), 2),
                (Some(Marker::Number(8)), 2),
                (Some(Marker::Bullet(0)), 1),
            ]
        );
    }

    #[test]
    fn limits_cut_and_say_so() {
        let limits = TextLimits {
            chars: 5,
            blocks: 2,
            spans: 1,
            ..TextLimits::default()
        };
        let cut = |text: &RichText| {
            let row = Row::of(text, &limits);
            (words(&row), row.cut)
        };
        let plain = |text: &str| cut(&RichText::from(text));
        assert_eq!(plain("abcdefgh"), ("abcde".to_owned(), Some(Cut::Chars)));
        assert_eq!(plain("ab\u{7}cdéfgh").0, "abcdé");
        assert_eq!(plain("\n\nc"), ("|".to_owned(), Some(Cut::Blocks)));
        assert_eq!(plain("a\n"), ("a|".to_owned(), None));
        let code = Marks {
            code: true,
            ..Marks::default()
        };
        let styles = |second: &Marks| RichText {
            blocks: vec![paragraph(vec![
                run("a", code.clone()),
                run("b", second.clone()),
            ])],
        };
        assert_eq!(cut(&styles(&code)), ("ab".to_owned(), None));
        let other = styles(&Marks::default());
        assert_eq!(cut(&other), ("a".to_owned(), Some(Cut::Spans)));
    }

    #[test]
    fn control_characters_are_left_out() {
        let text = RichText::from("a\u{0}b\u{7f}\tc\r\u{2028}");
        assert_eq!(words(&row(&text)), "ab\tc\n");
    }
}
