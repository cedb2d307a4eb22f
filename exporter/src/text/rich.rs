//! Rich text as boards store it (ProseMirror's JSON) read into blocks of styled spans.
//!
//! Knows nothing of fonts or widths. What it does not know it reads as text: a foreign node loses its looks, never its
//! words. Takes any JSON and never fails; beyond [`TextLimits`] it cuts and says so.

use std::sync::Arc;

use serde_json::Value;

/// How much of one text is taken. What lies beyond is cut off, and [`RichText::cut`] says so.
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

/// A text: its blocks from top to bottom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichText {
    /// Paragraphs, headings and items.
    pub blocks: Vec<Block>,
    /// The first limit that was met.
    pub cut: Option<Cut>,
}

/// What stands on lines of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Its text, in order; `\n` within it is a forced break.
    pub spans: Vec<Span>,
    /// 1 to 6 for a heading.
    pub heading: Option<u8>,
    /// `dir`, where it is not to be guessed from the text.
    pub direction: Option<Direction>,
    /// The lists that it stands in, the outermost first.
    pub lists: Vec<List>,
    /// What stands before the first block of a list's item.
    pub marker: Option<Marker>,
}

/// A list around a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Items are numbered.
    pub ordered: bool,
    /// How many items it has.
    pub items: usize,
}

/// What stands before a list's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A bullet; the depth among bullet lists, from 0, says which.
    Bullet(usize),
    /// The item's number.
    Number(i64),
}

/// Direction of a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

/// A stretch of text in one style.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Never empty.
    pub text: String,
    /// Its looks.
    pub marks: Marks,
}

/// The looks of a [`Span`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Struck through.
    pub strike: bool,
    /// Underlined.
    pub underline: bool,
    /// In the mono face.
    pub code: bool,
    /// On the highlight colour.
    pub highlight: bool,
    /// Where it leads, unchecked: whoever writes it out decides whether to.
    pub link: Option<Arc<str>>,
}

/// JSON nodes may nest this deep; what is deeper is left out.
const MAX_NODE_DEPTH: usize = 64;
/// A link longer than this is no link, in bytes.
const MAX_LINK_BYTES: usize = 8192;

impl RichText {
    /// Text without any marks: every line a paragraph.
    pub fn plain(text: &str, limits: &TextLimits) -> Self {
        let mut reader = Reader::new(limits);
        for line in text.split('\n') {
            if !reader.begin(Block::default()) {
                break;
            }
            reader.push(line, &Marks::default());
        }
        reader.finish()
    }

    /// The text of a `richText` property; a plain string is taken too.
    pub fn from_json(value: &Value, limits: &TextLimits) -> Self {
        if let Value::String(text) = value {
            return Self::plain(text, limits);
        }
        let mut reader = Reader::new(limits);
        reader.node(value, &Place::default(), 0);
        reader.finish()
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.blocks
            .iter()
            .all(|block| block.spans.is_empty() && block.marker.is_none())
    }

    /// The words alone, a line for every block.
    pub fn to_plain(&self) -> String {
        let mut plain = String::new();
        for (number, block) in self.blocks.iter().enumerate() {
            if number > 0 {
                plain.push('\n');
            }
            plain.extend(block.spans.iter().map(|span| span.text.as_str()));
        }
        plain
    }
}

/// Where a node stands.
#[derive(Clone, Default)]
struct Place {
    lists: Vec<List>,
    marker: Option<Marker>,
    direction: Option<Direction>,
}

struct Reader<'a> {
    limits: &'a TextLimits,
    text: RichText,
    chars: usize,
    spans: usize,
}

impl<'a> Reader<'a> {
    fn new(limits: &'a TextLimits) -> Self {
        Self {
            limits,
            text: RichText::default(),
            chars: 0,
            spans: 0,
        }
    }

    fn finish(self) -> RichText {
        self.text
    }

    fn cut(&mut self, cut: Cut) {
        self.text.cut.get_or_insert(cut);
    }

    /// A node that holds blocks, or a block itself.
    fn node(&mut self, node: &Value, place: &Place, depth: usize) {
        if depth > MAX_NODE_DEPTH {
            return self.cut(Cut::Depth);
        }
        let kind = node["type"].as_str().unwrap_or_default();
        let content = node["content"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        match kind {
            "paragraph" => self.block(node, content, place, None),
            "heading" => {
                let level = node["attrs"]["level"].as_u64().unwrap_or(1).clamp(1, 6) as u8;
                self.block(node, content, place, Some(level));
            }
            "bulletList" | "orderedList" => self.list(node, content, place, depth),
            _ if is_inline(node) => self.block(node, std::slice::from_ref(node), place, None),
            _ if content.iter().any(is_inline) => self.block(node, content, place, None),
            _ => {
                let mut place = place.clone();
                for child in content {
                    self.node(child, &place, depth + 1);
                    place.marker = None;
                }
            }
        }
    }

    fn list(&mut self, node: &Value, items: &[Value], place: &Place, depth: usize) {
        let ordered = node["type"] == "orderedList";
        let mut lists = place.lists.clone();
        if lists.len() >= self.limits.depth {
            self.cut(Cut::Depth);
        } else {
            lists.push(List {
                ordered,
                items: items.len(),
            });
        }
        let bullets = lists.iter().filter(|list| !list.ordered).count();
        let first = node["attrs"]["start"].as_i64().unwrap_or(1);
        for (number, item) in items.iter().enumerate() {
            let marker = match ordered {
                true => Marker::Number(first.saturating_add(number as i64)),
                false => Marker::Bullet(bullets.saturating_sub(1)),
            };
            let place = Place {
                lists: lists.clone(),
                marker: Some(marker),
                direction: None,
            };
            let before = self.text.blocks.len();
            self.node(item, &place, depth + 1);
            if self.text.blocks.len() == before && self.text.cut.is_none() {
                // An item without a paragraph still shows its marker.
                self.block(&Value::Null, &[], &place, None);
            }
        }
    }

    fn block(&mut self, node: &Value, content: &[Value], place: &Place, heading: Option<u8>) {
        let direction = match node["attrs"]["dir"].as_str() {
            Some("rtl") => Some(Direction::Rtl),
            Some("ltr") => Some(Direction::Ltr),
            _ => place.direction,
        };
        let begun = self.begin(Block {
            spans: Vec::new(),
            heading,
            direction,
            lists: place.lists.clone(),
            marker: place.marker,
        });
        if begun {
            self.inline(content, 0);
        }
    }

    fn inline(&mut self, content: &[Value], depth: usize) {
        for node in content {
            if let Some(text) = node["text"].as_str() {
                self.push(text, &marks(&node["marks"]));
            } else if node["type"] == "hardBreak" {
                self.push("\n", &Marks::default());
            } else if let Some(inner) = node["content"]
                .as_array()
                .filter(|_| depth < MAX_NODE_DEPTH)
            {
                self.inline(inner, depth + 1);
            }
        }
    }

    fn begin(&mut self, block: Block) -> bool {
        if self.text.blocks.len() >= self.limits.blocks {
            self.cut(Cut::Blocks);
            return false;
        }
        self.text.blocks.push(block);
        true
    }

    /// Appends to the last block.
    fn push(&mut self, text: &str, marks: &Marks) {
        let left = self.limits.chars - self.chars;
        let mut taken = text.chars().filter_map(shown);
        let text: String = taken.by_ref().take(left).collect();
        if taken.next().is_some() {
            self.cut(Cut::Chars);
        }
        self.chars += text.chars().count();
        let Some(block) = self.text.blocks.last_mut().filter(|_| !text.is_empty()) else {
            return;
        };
        match block.spans.last_mut().filter(|last| last.marks == *marks) {
            Some(last) => last.text.push_str(&text),
            None if self.spans >= self.limits.spans => self.cut(Cut::Spans),
            None => {
                self.spans += 1;
                block.spans.push(Span {
                    text,
                    marks: marks.clone(),
                });
            }
        }
    }
}

fn is_inline(node: &Value) -> bool {
    node["text"].is_string() || node["type"] == "hardBreak"
}

/// Control characters have no glyph; the separators of Unicode break lines as `\n` does.
fn shown(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => Some(character),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        _ if character.is_control() => None,
        _ => Some(character),
    }
}

fn marks(value: &Value) -> Marks {
    let mut marks = Marks::default();
    for mark in value.as_array().map(Vec::as_slice).unwrap_or_default() {
        match mark["type"].as_str().unwrap_or_default() {
            "bold" => marks.bold = true,
            "italic" => marks.italic = true,
            "strike" => marks.strike = true,
            "underline" => marks.underline = true,
            "code" => marks.code = true,
            "highlight" => marks.highlight = true,
            "link" => {
                let href = mark["attrs"]["href"].as_str().unwrap_or_default();
                marks.link = Some(
                    if href.len() > MAX_LINK_BYTES {
                        ""
                    } else {
                        href
                    }
                    .into(),
                );
            }
            _ => {}
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> RichText {
        RichText::from_json(&value, &TextLimits::default())
    }

    #[test]
    fn marks_and_breaks_become_spans() {
        let text = read(
            json!({"type": "doc", "content": [{"type": "paragraph", "content": [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "marks": [{"type": "bold"}, {"type": "link", "attrs": {"href": "x:y"}}]},
            {"type": "hardBreak"},
            {"type": "text", "text": "c"},
        ]}, {"type": "paragraph"}]}),
        );
        assert_eq!(text.blocks.len(), 2);
        let spans = &text.blocks[0].spans;
        assert_eq!(spans.len(), 3);
        assert!(spans[1].marks.bold && spans[1].marks.link.as_deref() == Some("x:y"));
        assert_eq!(spans[2].text, "\nc");
        assert!(text.blocks[1].spans.is_empty());
        assert_eq!(text.to_plain(), "ab\nc\n");
    }

    #[test]
    fn lists_nest_and_number_from_their_start() {
        let item = |text: &str| json!({"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]});
        let mut outer = item("a");
        outer["content"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "orderedList", "attrs": {"start": 7}, "content": [item("b"), item("c")]}));
        let text = read(
            json!({"type": "doc", "content": [{"type": "bulletList", "content": [outer, {"type": "listItem"}]}]}),
        );
        let markers: Vec<_> = text
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
    fn foreign_nodes_keep_their_words() {
        let text = read(json!({"type": "doc", "content": [
            {"type": "blockquote", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "said"}]}]},
            {"type": "codeBlock", "content": [{"type": "text", "text": "let x;\nlet y;"}]},
            {"type": "horizontalRule"},
        ]}));
        assert_eq!(text.to_plain(), "said\nlet x;\nlet y;");
    }

    #[test]
    fn limits_cut_and_say_so() {
        let limits = TextLimits {
            chars: 5,
            blocks: 2,
            ..TextLimits::default()
        };
        let text = RichText::plain("abcdefgh", &limits);
        assert_eq!(
            (text.to_plain().as_str(), text.cut),
            ("abcde", Some(Cut::Chars))
        );
        assert_eq!(RichText::plain("a\nb\nc", &limits).cut, Some(Cut::Blocks));
        assert_eq!(RichText::plain("a\nb", &limits).cut, None);
    }

    #[test]
    fn control_characters_are_left_out() {
        let text = RichText::plain("a\u{0}b\u{7f}\tc\r", &TextLimits::default());
        assert_eq!(text.to_plain(), "ab\tc");
    }
}
