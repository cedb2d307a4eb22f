//! Where lines end. Expected lines are those of Chromium 156 with the same fonts.

use scrible_exporter::text::label::{
    LabelStyle, TextSize, VerticalAlign, geo_label, heading, text_shape,
};
use scrible_exporter::text::{
    Align, Cut, DecorationKind, Direction, Family, Fonts, RichText, TextLayout, TextOptions, Width,
    lay_out,
};
use serde_json::json;

use super::{lines, options, paragraph, rich, wrapped};

#[test]
fn lines_end_where_a_browser_ends_them() {
    let fonts = Fonts::bundled();
    let cases: [(Family, f64, f64, &str, &[&str]); 8] = [
        (
            Family::MONO,
            22.0,
            120.0,
            "1/2 https://example.com/path?x=1&y=2 (paren)",
            &[
                "1/2 ",
                "https://e",
                "xample.co",
                "m/path?",
                "x=1&y=2 ",
                "(paren)",
            ],
        ),
        (
            Family::DRAW,
            22.0,
            90.0,
            "supercalifragilisticexpialidocious [1]",
            &["superca", "lifragili", "sticexpi", "alidocio", "us [1]"],
        ),
        // Letters of this face change with the ones before: what is left of a word may fit once it begins a line.
        (Family::DRAW, 18.0, 30.0, "coffee", &["cof", "fee"]),
        (Family::DRAW, 18.0, 29.0, "coffee", &["cof", "fe", "e"]),
        (Family::DRAW, 18.0, 32.0, "merge", &["me", "rge"]),
        (
            Family::DRAW,
            18.0,
            28.0,
            "Supercalifragilisticexpialidocious",
            &[
                "Su", "pe", "rc", "ali", "fra", "gil", "ist", "ice", "xpi", "ali", "do", "cio",
                "us",
            ],
        ),
        (
            Family::SANS,
            18.0,
            30.0,
            "Supercalifragilistic",
            &["Su", "per", "cali", "fra", "gili", "stic"],
        ),
        (Family::DRAW, 18.0, 40.0, "   a\tb", &["   a\t", "b"]),
    ];
    for (family, size, width, text, expected) in cases {
        let got = wrapped(&fonts, text, &options(family, size, Width::Fixed(width)));
        assert_eq!(got, expected, "{text:?} at {width} px");
    }
}

#[test]
fn white_space_is_kept() {
    let fonts = Fonts::bundled();
    let width = |text: &str| {
        lay_out(
            &fonts,
            &paragraph(text),
            &options(Family::DRAW, 18.0, Width::Auto),
        )
        .width
    };
    // Measured by Chromium.
    assert!((width("   lead trail   ") - 125.6875).abs() < 0.02);
    assert!((width("   lead trail") - 107.171875).abs() < 0.02);
    // A tab reaches the next of the stops, two spaces apart: 0.6 em each here.
    let mono = |text: &str| {
        lay_out(
            &fonts,
            &paragraph(text),
            &options(Family::MONO, 20.0, Width::Auto),
        )
        .width
    };
    assert!((mono("tabs\tare\there") - 14.0 * 12.0).abs() < 0.02);
}

#[test]
fn forced_breaks_make_lines_and_the_last_one_makes_none() {
    let fonts = Fonts::bundled();
    let auto = options(Family::SANS, 20.0, Width::Auto);
    assert_eq!(wrapped(&fonts, "a\n\nb\n", &auto), ["a", "", "b"]);
    assert_eq!(wrapped(&fonts, "\n", &auto), [""]);
    let empty = lay_out(&fonts, &RichText::from(""), &auto);
    assert_eq!((empty.lines.len(), empty.height), (1, 27.0));
}

fn aligned(text: &str, align: Align) -> TextLayout {
    let options = TextOptions {
        align,
        ..options(Family::DRAW, 18.0, Width::Fixed(100.0))
    };
    lay_out(&Fonts::bundled(), &paragraph(text), &options)
}

#[test]
fn white_space_at_the_end_hangs_over_only_where_a_line_wraps() {
    // Where Chromium puts the lines of this text: x of the first letter.
    let text = "one two three four  \nfive   \nsix";
    let begins = |align: Align| -> Vec<f64> {
        aligned(text, align)
            .lines
            .iter()
            .map(|line| line.x)
            .collect()
    };
    for (align, expected) in [
        (Align::Middle, [11.421875, 0.0, 23.453125, 37.75]),
        (Align::End, [22.859375, 0.0, 46.90625, 75.5]),
    ] {
        for (got, expected) in begins(align).into_iter().zip(expected) {
            assert!(
                (got - expected).abs() < 0.05,
                "{align:?}: {got}, {expected}"
            );
        }
    }
}

#[test]
fn text_with_a_direction_begins_at_its_side() {
    let fonts = Fonts::bundled();
    let value = json!({"type": "doc", "content": [
        {"type": "paragraph", "attrs": {"dir": "rtl"}, "content": [{"type": "text", "text": "latin"}]},
    ]});
    let text = rich(&value);
    let layout = lay_out(
        &fonts,
        &text,
        &options(Family::SANS, 20.0, Width::Fixed(200.0)),
    );
    let line = &layout.lines[0];
    assert_eq!(line.direction, Direction::RightToLeft);
    assert!((line.x + line.width - 200.0).abs() < 1e-6);
}

#[test]
fn lists_are_indented_and_stay_at_the_left() {
    let item = |text: &str| json!({"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]});
    let value = json!({"type": "doc", "content": [
        {"type": "bulletList", "content": [item("a")]},
        {"type": "orderedList", "content": (0..10).map(|_| item("b")).collect::<Vec<_>>()},
    ]});
    let text = rich(&value);
    let options = TextOptions {
        align: Align::Middle,
        ..options(Family::MONO, 20.0, Width::Fixed(200.0))
    };
    let layout = lay_out(&Fonts::bundled(), &text, &options);
    // A "0" is 12 px wide.
    assert_eq!(layout.lines[0].x, 1.625 * 12.0);
    assert_eq!(layout.lines[0].decorations[0].kind, DecorationKind::Disc);
    assert_eq!(layout.lines[1].x, 2.625 * 12.0);
    let marker = &layout.lines[10].runs[0];
    assert_eq!(marker.text, "10. ");
    assert!((marker.x + marker.width - layout.lines[10].x).abs() < 1e-6);
}

#[test]
fn marks_are_drawn_on_whole_px() {
    let value = json!({"type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "a", "marks": [{"type": "strike"}]},
        {"type": "text", "text": "b", "marks": [{"type": "strike"}, {"type": "bold"}]},
        {"type": "text", "text": "c", "marks": [{"type": "highlight"}]},
        {"type": "text", "text": "d", "marks": [{"type": "link", "attrs": {"href": "https://example.com"}}]},
    ]}]});
    let text = rich(&value);
    let layout = lay_out(
        &Fonts::bundled(),
        &text,
        &options(Family::DRAW, 24.0, Width::Auto),
    );
    let line = &layout.lines[0];
    let kinds: Vec<DecorationKind> = line
        .decorations
        .iter()
        .map(|decoration| decoration.kind)
        .collect();
    // The strike over two runs is one.
    assert_eq!(
        kinds,
        [
            DecorationKind::Strike,
            DecorationKind::Highlight,
            DecorationKind::Underline
        ]
    );
    // As in the editor's own picture at 24 px: baseline at 24, strike 2 px from 15, underline 2 px from 26.
    assert_eq!(
        (line.decorations[0].rect.y, line.decorations[0].rect.h),
        (15.0, 2.0)
    );
    assert_eq!(
        (line.decorations[2].rect.y, line.decorations[2].rect.h),
        (26.0, 2.0)
    );
    assert_eq!(line.runs[3].link.as_deref(), Some("https://example.com"));
}

#[test]
fn labels_stand_where_their_shape_puts_them() {
    let fonts = Fonts::bundled();
    let at = |vertical: VerticalAlign, height: f64| {
        let style = LabelStyle {
            family: Family::SANS,
            size: TextSize::S,
            align: Align::Middle,
            vertical,
        };
        geo_label(&fonts, &paragraph("a"), &style, (100.0, height)).y
    };
    assert_eq!(at(VerticalAlign::Start, 190.0), 16.0);
    assert_eq!(at(VerticalAlign::Middle, 190.0), 83.0);
    assert_eq!(at(VerticalAlign::End, 190.0), 150.0);
    // Too low a shape: the text stands out above and below.
    assert_eq!(at(VerticalAlign::Middle, 10.0), -7.0);
}

#[test]
fn an_empty_text_shape_has_its_least_size() {
    let style = LabelStyle {
        family: Family::DRAW,
        size: TextSize::M,
        align: Align::Start,
        vertical: VerticalAlign::Middle,
    };
    let label = text_shape(&Fonts::bundled(), &paragraph(""), &style, None);
    assert_eq!((label.width, label.height), (16.0, 32.0));
}

#[test]
fn a_heading_ends_in_an_ellipsis() {
    let fonts = Fonts::bundled();
    let say = |text: &str, width: f64| lines(&heading(&fonts, text, 12.0, width)).concat();
    assert_eq!(say("Frame", 100.0), "Frame");
    let cut = say("A frame with a long name", 60.0);
    assert!(
        cut.ends_with('…') && "A frame with a long name".starts_with(cut.trim_end_matches('…')),
        "{cut}"
    );
    assert!(heading(&fonts, "A frame with a long name", 12.0, 60.0).width <= 60.0);
    assert_eq!(say("Frame", 0.0), "…");
}

#[test]
fn too_many_lines_are_cut_with_a_note() {
    let mut few = options(Family::SANS, 20.0, Width::Fixed(100.0));
    few.limits.lines = 3;
    let layout = lay_out(&Fonts::bundled(), &paragraph("a\nb\nc\nd"), &few);
    assert_eq!((layout.lines.len(), layout.cut), (3, Some(Cut::Lines)));
    assert_eq!(layout.height, 81.0);
}
