//! Nothing that a document can hold stops the layout or makes a number that cannot be written down.

use scrible_board::rich_text::{Block, Item};
use scrible_exporter::text::label::{
    LabelStyle, TextSize, VerticalAlign, arrow_label, geo_label, note_growth, text_shape,
};
use scrible_exporter::text::{
    Align, Cut, Family, Fonts, RichText, TextLayout, TextLimits, Width, lay_out,
};
use serde_json::{Value, json};

use super::{options, world_fonts};

/// A small generator of numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 24] = [
            "a", "word ", "-", " ", "\t", "\n", "日", "。", "م", "ش", "\u{202e}", "\u{2066}",
            "\u{2069}", "\u{200d}", "\u{301}", "😀", "🇩", "\u{fe0f}", "ffi", "\u{0}", "\u{ad}",
            "\u{200b}", "한", "12",
        ];
        (0..self.roll(24))
            .map(|_| PARTS[self.roll(PARTS.len())])
            .collect()
    }

    fn value(&mut self) -> Value {
        match self.roll(8) {
            0 => Value::Null,
            1 => json!(-1),
            2 => json!(1e300),
            3 => json!(self.text()),
            4 => json!([]),
            5 => json!({"type": "text", "text": self.text()}),
            6 => {
                json!({"type": "orderedList", "attrs": {"start": i64::MAX}, "content": [{"type": "listItem"}, {}]})
            }
            _ => json!([{"type": "bold"}, {"type": "code"}, {"type": "link"}, 7]),
        }
    }

    /// Replaces a value somewhere in the tree, or doubles or drops one.
    fn spoil(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) if self.roll(12) > 0 && !fields.is_empty() => {
                let key = fields.keys().nth(self.roll(fields.len())).cloned().unwrap();
                self.spoil(&mut fields[&key]);
            }
            Value::Array(entries) if self.roll(12) > 0 && !entries.is_empty() => {
                let place = self.roll(entries.len());
                match self.roll(6) {
                    0 => drop(entries.remove(place)),
                    1 => entries.push(entries[place].clone()),
                    _ => self.spoil(&mut entries[place]),
                }
            }
            _ => *value = self.value(),
        }
    }
}

fn check(fonts: &Fonts, layout: &TextLayout) {
    let mut below = 0.0;
    assert!(layout.width.is_finite() && layout.height.is_finite());
    for line in &layout.lines {
        assert!(line.top >= below - 1e-6, "lines lie below each other");
        below = line.top + line.height;
        for run in &line.runs {
            assert!(run.x.is_finite() && run.width.is_finite() && run.baseline.is_finite());
            let path = fonts.outline(run).path;
            assert!(!path.contains("NaN") && !path.contains("inf"));
        }
    }
    assert!(below <= layout.height + 1e-6);
}

#[test]
fn spoilt_documents_are_laid_out() {
    let fonts = world_fonts();
    let records = super::file("text-rich/records.json");
    let texts: Vec<Value> = records["store"]
        .as_object()
        .unwrap()
        .values()
        .map(|record| record["props"]["richText"].clone())
        .filter(|text| !text.is_null())
        .collect();
    let mut dice = Dice(20);
    let mut with_text = 0;
    for round in 0..1500 {
        let mut value = texts[dice.roll(texts.len())].clone();
        for _ in 0..=dice.roll(4) {
            dice.spoil(&mut value);
        }
        let text = super::rich(&value);
        with_text += usize::from(!text.is_empty());
        let family = [Family::DRAW, Family::SANS, Family::MONO][round % 3];
        let width = [
            Width::Auto,
            Width::Fixed(dice.roll(300) as f64),
            Width::AtMost(40.0),
        ][dice.roll(3)];
        check(
            &fonts,
            &lay_out(&fonts, &text, &options(family, 20.0, width)),
        );
    }
    assert!(with_text > 1000, "{with_text}");
}

#[test]
fn random_characters_are_laid_out() {
    let fonts = world_fonts();
    let mut dice = Dice(7);
    for _ in 0..1500 {
        let mut text = dice.text();
        for _ in 0..dice.roll(6) {
            text.extend(char::from_u32(dice.roll(0x11_0000) as u32));
        }
        let text = super::paragraph(&text);
        let width = Width::Fixed(dice.roll(200) as f64);
        check(
            &fonts,
            &lay_out(&fonts, &text, &options(Family::DRAW, 18.0, width)),
        );
    }
}

#[test]
fn sizes_that_are_no_sizes_are_made_ones() {
    let fonts = Fonts::bundled();
    let text = super::paragraph("some text");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 0.0, 1e300] {
        check(
            &fonts,
            &lay_out(
                &fonts,
                &text,
                &options(Family::SANS, bad, Width::Fixed(bad)),
            ),
        );
        check(
            &fonts,
            &lay_out(
                &fonts,
                &text,
                &options(Family::SANS, 20.0, Width::AtMost(bad)),
            ),
        );
        let style = LabelStyle {
            family: Family::DRAW,
            size: TextSize::M,
            align: Align::Start,
            vertical: VerticalAlign::Middle,
        };
        check(&fonts, &text_shape(&fonts, &text, &style, Some(bad)).layout);
        check(&fonts, &geo_label(&fonts, &text, &style, (bad, bad)).layout);
        check(
            &fonts,
            &arrow_label(&fonts, &text, &style, (bad, bad)).layout,
        );
    }
}

#[test]
fn the_longest_text_ends() {
    let fonts = Fonts::bundled();
    let limits = TextLimits::default();
    // One word, a letter or two a line; then one line of changing direction.
    let word = RichText::from("a".repeat(limits.chars + 5).as_str());
    let layout = lay_out(
        &fonts,
        &word,
        &options(Family::DRAW, 20.0, Width::Fixed(30.0)),
    );
    assert_eq!(
        (layout.lines.len(), layout.cut),
        (limits.lines, Some(Cut::Chars))
    );
    let mixed = RichText::from("אa ".repeat(limits.chars / 3).as_str());
    let layout = lay_out(&fonts, &mixed, &options(Family::DRAW, 20.0, Width::Auto));
    assert_eq!(layout.lines.len(), 1);
    let style = LabelStyle {
        family: Family::DRAW,
        size: TextSize::Xl,
        align: Align::Middle,
        vertical: VerticalAlign::Middle,
    };
    let (ratio, growth) = note_growth(&fonts, &word, &style);
    assert!(ratio < 1.0 && growth > 100_000.0);
}

#[test]
fn deep_lists_are_flattened() {
    // Deeper than any that a board is read with.
    let mut text = RichText::from("deep");
    for _ in 0..40 {
        let item = Item {
            blocks: text.blocks,
        };
        text.blocks = vec![Block::BulletList(vec![item])];
    }
    let options = options(Family::SANS, 20.0, Width::Auto);
    let layout = lay_out(&Fonts::bundled(), &text, &options);
    let line = &layout.lines[0];
    assert_eq!(
        (line.runs[0].text.as_str(), layout.cut),
        ("deep", Some(Cut::Depth))
    );
}
