//! The text of labels: paragraphs, headings, lists, and runs of text with marks.
//!
//! Knows the node and mark names of the editor's text, not fonts or widths. The rule: no text is lost: a node of another kind
//! gives the text inside of it.

use std::sync::Arc;

use crate::note::cut;
use crate::value::Value;

/// A whole text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RichText {
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// A stretch of a text that stands on its own lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A paragraph; an empty one is a line high.
    Paragraph(Line),
    /// A heading.
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its text.
        line: Line,
    },
    /// Items with bullets.
    BulletList(Vec<Item>),
    /// Items with numbers.
    OrderedList {
        /// The first number.
        start: i64,
        /// In order.
        items: Vec<Item>,
    },
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// Mostly one paragraph, and lists inside of this one.
    pub blocks: Vec<Block>,
}

/// The runs of a paragraph or heading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The direction, where the author chose one.
    pub direction: Option<Direction>,
    /// In reading order.
    pub inlines: Vec<Inline>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Text in one style, never empty. White space counts.
    Text {
        /// As it was typed.
        text: String,
        /// Its style.
        marks: Marks,
    },
    /// A line break inside of a paragraph.
    Break,
}

/// The style of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Marks {
    /// Heavier.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// Struck through.
    pub strike: bool,
    /// Underlined.
    pub underline: bool,
    /// In the mono font.
    pub code: bool,
    /// On a bright ground.
    pub highlight: bool,
    /// Where a link leads, empty for nowhere. It comes from strangers: check it before it goes anywhere.
    pub link: Option<Arc<str>>,
}

/// Which way a line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As Latin.
    LeftToRight,
    /// As Arabic or Hebrew.
    RightToLeft,
}

/// Bytes of a link's address; a longer one leads nowhere.
const MOST_LINK_BYTES: usize = 8 << 10;

/// How much of a text is read.
pub(crate) struct Bounds {
    /// Bytes of text in all.
    pub(crate) text_bytes: usize,
    /// Nodes inside nodes.
    pub(crate) nesting: usize,
}

impl RichText {
    /// Reads the editor's JSON. `Err` comes with what could be read when something was cut.
    pub(crate) fn read(doc: &Value<'_>, bounds: Bounds) -> Result<Self, Self> {
        let mut reader = Reader { bounds, cut: false };
        let mut blocks = Vec::new();
        reader.blocks(std::slice::from_ref(doc), &mut blocks, 0);
        let text = Self { blocks };
        if reader.cut { Err(text) } else { Ok(text) }
    }

    /// Whether there is nothing to be seen: no text, and no list.
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| match block {
            Block::Paragraph(line) | Block::Heading { line, .. } => line.inlines.is_empty(),
            Block::BulletList(_) | Block::OrderedList { .. } => false,
        })
    }

    /// The text alone, a line for each block.
    pub fn plain(&self) -> String {
        let mut lines = Vec::new();
        plain(&self.blocks, &mut lines);
        lines.join("\n")
    }
}

impl From<&str> for RichText {
    /// Plain text: a paragraph for each line.
    fn from(text: &str) -> Self {
        let paragraph = |line: &str| {
            let run = (!line.is_empty()).then(|| Inline::Text {
                text: line.to_owned(),
                marks: Marks::default(),
            });
            Block::Paragraph(Line {
                direction: None,
                inlines: run.into_iter().collect(),
            })
        };
        Self {
            blocks: text.split('\n').map(paragraph).collect(),
        }
    }
}

/// The editor's JSON for plain text: a paragraph for each line.
pub(crate) fn from_plain<'d>(text: &str) -> Value<'d> {
    let paragraph = |line: &str| {
        if line.is_empty() {
            return Value::from([("type", "paragraph".into())]);
        }
        let run = Value::from([("type", "text".into()), ("text", line.to_owned().into())]);
        Value::from([
            ("type", "paragraph".into()),
            ("content", Value::List(vec![run])),
        ])
    };
    let content = text.split('\n').map(paragraph).collect();
    Value::from([("type", "doc".into()), ("content", Value::List(content))])
}

fn plain(blocks: &[Block], lines: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Paragraph(line) | Block::Heading { line, .. } => {
                let runs = line.inlines.iter().map(|inline| match inline {
                    Inline::Text { text, .. } => text.as_str(),
                    Inline::Break => "\n",
                });
                lines.push(runs.collect());
            }
            Block::BulletList(items) | Block::OrderedList { items, .. } => {
                for item in items {
                    plain(&item.blocks, lines);
                }
            }
        }
    }
}

struct Reader {
    bounds: Bounds,
    cut: bool,
}

impl Reader {
    fn children<'v>(&mut self, node: &'v Value<'v>, depth: usize) -> &'v [Value<'v>] {
        let content = node.get("content").filter(|content| !content.is_null());
        let children = content.and_then(Value::as_list);
        self.cut |= content.is_some() && children.is_none();
        if depth >= self.bounds.nesting && children.is_some_and(|children| !children.is_empty()) {
            self.cut = true;
            return &[];
        }
        children.unwrap_or_default()
    }

    /// The blocks of nodes that stand at a depth. Runs of text that stand outside of any paragraph get one of their own.
    fn blocks(&mut self, nodes: &[Value<'_>], blocks: &mut Vec<Block>, depth: usize) {
        let mut loose = Line::default();
        for node in nodes {
            let block = match kind(node) {
                "paragraph" => Some(Block::Paragraph(self.line(node, depth))),
                "heading" => Some(Block::Heading {
                    level: number(node, "level").unwrap_or(1).clamp(1, 6) as u8,
                    line: self.line(node, depth),
                }),
                "bulletList" => Some(Block::BulletList(self.items(node, depth))),
                "orderedList" => Some(Block::OrderedList {
                    start: number(node, "start").unwrap_or(1),
                    items: self.items(node, depth),
                }),
                _ if is_inline(node) => {
                    self.inline(node, &mut loose);
                    continue;
                }
                _ => None,
            };
            if !loose.inlines.is_empty() {
                blocks.push(Block::Paragraph(std::mem::take(&mut loose)));
            }
            match block {
                Some(block) => blocks.push(block),
                None => {
                    let children = self.children(node, depth);
                    self.blocks(children, blocks, depth + 1);
                }
            }
        }
        if !loose.inlines.is_empty() {
            blocks.push(Block::Paragraph(loose));
        }
    }

    fn items(&mut self, list: &Value<'_>, depth: usize) -> Vec<Item> {
        let mut items = Vec::new();
        for child in self.children(list, depth) {
            let mut blocks = Vec::new();
            self.blocks(std::slice::from_ref(child), &mut blocks, depth + 1);
            items.push(Item { blocks });
        }
        items
    }

    fn line(&mut self, node: &Value<'_>, depth: usize) -> Line {
        let direction = match attribute(node, "dir").and_then(Value::as_str) {
            Some("ltr") => Some(Direction::LeftToRight),
            Some("rtl") => Some(Direction::RightToLeft),
            _ => None,
        };
        let mut line = Line {
            direction,
            inlines: Vec::new(),
        };
        self.runs(node, &mut line, depth);
        line
    }

    fn runs(&mut self, node: &Value<'_>, line: &mut Line, depth: usize) {
        for child in self.children(node, depth) {
            if is_inline(child) {
                self.inline(child, line);
            } else {
                self.runs(child, line, depth + 1);
            }
        }
    }

    fn inline(&mut self, node: &Value<'_>, line: &mut Line) {
        if kind(node) == "hardBreak" {
            line.inlines.push(Inline::Break);
            return;
        }
        let text = node.get("text").and_then(Value::as_str).unwrap_or_default();
        let kept = cut(text, self.bounds.text_bytes);
        self.bounds.text_bytes -= kept.len();
        self.cut |= kept.len() < text.len();
        if !kept.is_empty() {
            line.inlines.push(Inline::Text {
                text: kept.to_owned(),
                marks: marks(node),
            });
        }
    }
}

/// A run of text, of whatever kind, or a break.
fn is_inline(node: &Value<'_>) -> bool {
    kind(node) == "hardBreak" || node.get("text").and_then(Value::as_str).is_some()
}

fn marks(node: &Value<'_>) -> Marks {
    let mut marks = Marks::default();
    let list = node.get("marks").and_then(Value::as_list);
    for mark in list.into_iter().flatten() {
        match kind(mark) {
            "bold" => marks.bold = true,
            "italic" => marks.italic = true,
            "strike" => marks.strike = true,
            "underline" => marks.underline = true,
            "code" => marks.code = true,
            "highlight" => marks.highlight = true,
            "link" => {
                let href = attribute(mark, "href").and_then(Value::as_str);
                let usable = href.filter(|href| href.len() <= MOST_LINK_BYTES);
                marks.link = Some(usable.unwrap_or_default().into());
            }
            _ => {}
        }
    }
    marks
}

fn kind<'v>(node: &'v Value<'_>) -> &'v str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn attribute<'v>(node: &'v Value<'v>, name: &str) -> Option<&'v Value<'v>> {
    node.get("attrs")?.get(name)
}

fn number(node: &Value<'_>, name: &str) -> Option<i64> {
    let number = attribute(node, name)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|float| float as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(doc: &Value) -> Result<RichText, RichText> {
        let text = doc.to_string();
        RichText::read(&serde_json::from_str(&text).unwrap(), BOUNDS)
    }

    const BOUNDS: Bounds = Bounds {
        text_bytes: 1_000,
        nesting: 8,
    };

    fn run(text: &str) -> Inline {
        Inline::Text {
            text: text.to_owned(),
            marks: Marks::default(),
        }
    }

    #[test]
    fn plain_text_becomes_a_paragraph_a_line() {
        let doc = from_plain("two\r\n\n lines ").to_serde();
        assert_eq!(
            doc,
            json!({"type": "doc", "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "two\r"}]},
                {"type": "paragraph"},
                {"type": "paragraph", "content": [{"type": "text", "text": " lines "}]},
            ]})
        );
        let text = read(&doc).unwrap();
        assert_eq!(text.plain(), "two\r\n\n lines ");
        assert!(!text.is_empty());
        assert!(read(&from_plain("").to_serde()).unwrap().is_empty());
        assert_eq!(RichText::from("two\r\n\n lines "), text);
    }

    #[test]
    fn marks_headings_and_lists_are_read() {
        let doc = json!({"type": "doc", "content": [
            {"type": "heading", "attrs": {"level": 9, "dir": "rtl"}, "content": [
                {"type": "text", "text": "H", "marks": [
                    {"type": "bold"}, {"type": "code"}, {"type": "link", "attrs": {"href": "https://example.org"}},
                ]},
                {"type": "hardBreak"},
            ]},
            {"type": "orderedList", "attrs": {"start": 3}, "content": [
                {"type": "listItem", "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "a"}]},
                    {"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "paragraph"}]}]},
                ]},
            ]},
        ]});
        let text = read(&doc).unwrap();
        let marks = Marks {
            bold: true,
            code: true,
            link: Some("https://example.org".into()),
            ..Marks::default()
        };
        let heading = Line {
            direction: Some(Direction::RightToLeft),
            inlines: vec![
                Inline::Text {
                    text: "H".to_owned(),
                    marks,
                },
                Inline::Break,
            ],
        };
        let line = |inlines| {
            Block::Paragraph(Line {
                direction: None,
                inlines,
            })
        };
        let inner = Block::BulletList(vec![Item {
            blocks: vec![line(vec![])],
        }]);
        assert_eq!(
            text.blocks,
            [
                Block::Heading {
                    level: 6,
                    line: heading
                },
                Block::OrderedList {
                    start: 3,
                    items: vec![Item {
                        blocks: vec![line(vec![run("a")]), inner]
                    }]
                },
            ]
        );
        assert!(read(&json!({"type": "doc"})).unwrap().is_empty());
    }

    #[test]
    fn other_nodes_give_their_text() {
        let doc = json!({"type": "doc", "content": [
            {"type": "text", "text": "loose"},
            {"type": "blockquote", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "quoted"}]}]},
            {"type": "horizontalRule"},
            {"type": "codeBlock", "content": [{"type": "text", "text": "let x"}]},
            {"type": "paragraph", "content": [{"type": "emoji", "text": ":)"}, {"text": "!"}]},
            {"type": "mention", "text": "@a"},
            7,
        ]});
        let plain = |doc: &Value| read(doc).unwrap().plain();
        assert_eq!(plain(&doc), "loose\nquoted\nlet x\n:)!\n@a");
        assert_eq!(plain(&doc["content"][1]["content"][0]), "quoted");
        let list = json!({"type": "bulletList", "content": [{"type": "text", "text": "a"}, doc]});
        assert_eq!(plain(&list), format!("a\n{}", plain(&doc)));
    }

    #[test]
    fn links_that_lead_nowhere_stay_links() {
        for (href, link) in [
            (json!("x:y"), "x:y"),
            (json!(null), ""),
            (json!("x".repeat(MOST_LINK_BYTES + 1)), ""),
        ] {
            let run = json!({"type": "text", "text": "a", "marks": [{"type": "link", "attrs": {"href": href}}]});
            let text = read(&json!({"content": [run]})).unwrap();
            let Block::Paragraph(line) = &text.blocks[0] else {
                panic!("{text:?}")
            };
            let Inline::Text { marks, .. } = &line.inlines[0] else {
                panic!("{line:?}")
            };
            assert_eq!(marks.link.as_deref(), Some(link));
        }
    }

    #[test]
    fn deep_and_long_texts_are_cut() {
        let deep = (0..50).fold(
            json!({"type": "paragraph"}),
            |node, _| json!({"type": "blockquote", "content": [node]}),
        );
        assert!(read(&deep).is_err());
        assert!(read(&json!({"content": false})).is_err());
        let long = from_plain(&"é".repeat(900)).to_serde();
        let cut = read(&long).unwrap_err();
        assert_eq!(cut.plain().len(), 1_000);
    }
}
