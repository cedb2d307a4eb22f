//! Scripts beyond Latin: directions, faces that stand in for others, emoji.

use scrible_exporter::text::{Direction, Family, Fonts, Run, TextLayout, Width, lay_out};

use super::{options, paragraph, rich, world_fonts};

fn layout(fonts: &Fonts, text: &str) -> TextLayout {
    lay_out(
        fonts,
        &paragraph(text),
        &options(Family::SANS, 24.0, Width::Fixed(600.0)),
    )
}

fn families<'f>(fonts: &'f Fonts, runs: &[Run]) -> Vec<&'f str> {
    runs.iter().map(|run| fonts.family_name(run.face)).collect()
}

#[test]
fn right_to_left_text_begins_at_the_right() {
    let fonts = world_fonts();
    let layout = layout(&fonts, "مرحبا بالعالم  ");
    let line = &layout.lines[0];
    assert_eq!(line.direction, Direction::RightToLeft);
    assert!((line.x + line.width - 600.0).abs() < 1e-6, "{line:?}");
    // From left to right: the spaces of the end, the second word, the first one; text is in the order of reading.
    let words: Vec<&str> = line
        .runs
        .iter()
        .map(|run| run.text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(words.concat(), "بالعالممرحبا");
    assert!(
        line.runs
            .iter()
            .filter(|run| !run.text.trim().is_empty())
            .all(|run| run.right_to_left)
    );
    assert!(layout.missing.is_empty());
}

#[test]
fn letters_of_arabic_join() {
    let fonts = world_fonts();
    let glyphs = |text: &str| -> Vec<u32> {
        let layout = layout(&fonts, text);
        layout.lines[0]
            .runs
            .iter()
            .flat_map(|run| run.glyphs.iter().map(|glyph| glyph.id))
            .collect()
    };
    // The same letter by itself and between others.
    let alone = glyphs("ب");
    assert!(!glyphs("ببب").contains(&alone[0]));
}

#[test]
fn a_latin_word_within_right_to_left_text_keeps_its_direction() {
    let fonts = world_fonts();
    let layout = layout(&fonts, "مرحبا Hello 12 بالعالم");
    let line = &layout.lines[0];
    let latin = line
        .runs
        .iter()
        .find(|run| run.text.contains("Hello"))
        .unwrap();
    assert!(!latin.right_to_left);
    let first = line
        .runs
        .iter()
        .find(|run| run.text.contains("مرحبا"))
        .unwrap();
    let last = line
        .runs
        .iter()
        .find(|run| run.text.contains("بالعالم"))
        .unwrap();
    assert!(last.x < latin.x && latin.x < first.x);
    let mut x = line.x;
    for run in &line.runs {
        assert!((run.x - x).abs() < 1e-6, "runs touch");
        x += run.width;
    }
}

#[test]
fn chinese_and_japanese_wrap_between_characters_but_not_before_punctuation() {
    let fonts = world_fonts();
    let narrow = lay_out(
        &fonts,
        &paragraph("日本語の「テキスト」。"),
        &options(Family::DRAW, 24.0, Width::Fixed(96.5)),
    );
    assert_eq!(super::lines(&narrow), ["日本語の", "「テキス", "ト」。"]);
}

#[test]
fn faces_are_asked_in_turn() {
    let fonts = world_fonts();
    let layout = layout(&fonts, "latin 日本 ქართ ✓");
    let families = families(&fonts, &layout.lines[0].runs);
    for family in ["ibm plex sans", "droid sans fallback", "dejavu sans"] {
        assert!(families.contains(&family), "{families:?}");
    }
    assert!(layout.missing.is_empty(), "{:?}", layout.missing);
}

#[test]
fn what_no_face_has_is_told() {
    let fonts = Fonts::bundled();
    let layout = layout(&fonts, "a日b日本");
    assert_eq!(layout.missing, ['日', '本']);
    // Its place is kept by a box.
    assert!(
        layout.lines[0]
            .runs
            .iter()
            .any(|run| run.glyphs.iter().any(|glyph| glyph.id == 0))
    );
}

#[test]
fn emoji_are_runs_of_their_own_with_pictures() {
    let fonts = world_fonts();
    let layout = layout(&fonts, "go 🚀😀 now ❤\u{fe0f}");
    let runs = &layout.lines[0].runs;
    let emoji: Vec<&Run> = runs
        .iter()
        .filter(|run| fonts.family_name(run.face) == "noto color emoji")
        .collect();
    assert_eq!(
        emoji
            .iter()
            .map(|run| run.text.as_str())
            .collect::<Vec<_>>(),
        ["🚀😀", "❤\u{fe0f}"]
    );
    let outline = fonts.outline(emoji[0]);
    assert_eq!((outline.images.len(), outline.path.as_str()), (2, ""));
    for image in &outline.images {
        assert!(image.png.starts_with(b"\x89PNG"));
        let rect = image.rect;
        // About as large as the text, and on its line.
        assert!(
            rect.w > 20.0 && rect.w < 36.0 && rect.y > -8.0 && rect.y + rect.h < 40.0,
            "{rect:?}"
        );
    }
    assert!(outline.images[0].rect.x < outline.images[1].rect.x);
    let latin = fonts.outline(&runs[0]);
    assert!(latin.images.is_empty() && latin.path.starts_with('M'));
}

#[test]
fn a_family_of_joined_emoji_is_one_glyph() {
    let fonts = world_fonts();
    let layout = layout(&fonts, "👨\u{200d}👩\u{200d}👧");
    assert_eq!(layout.lines[0].runs.len(), 1);
    assert_eq!(layout.lines[0].runs[0].glyphs.len(), 1);
}

#[test]
fn a_face_that_is_not_bold_is_made_so() {
    let fonts = world_fonts();
    let value = serde_json::json!({"type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "日", "marks": [{"type": "bold"}, {"type": "italic"}]},
        {"type": "text", "text": "a", "marks": [{"type": "bold"}, {"type": "italic"}]},
    ]}]});
    let layout = lay_out(
        &fonts,
        &rich(&value),
        &options(Family::SANS, 24.0, Width::Auto),
    );
    let runs = &layout.lines[0].runs;
    assert!(
        runs[0].imitate_bold
            && runs[0].imitate_italic
            && runs[0].embolden() > 0.7
            && runs[0].embolden() < 1.0
    );
    assert!(!runs[1].imitate_bold && !runs[1].imitate_italic && runs[1].embolden() == 0.0);
}
