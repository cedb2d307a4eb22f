//! The SVG as others will read it: whole in itself, harmless, and with nothing in it that was not escaped.

use std::collections::BTreeSet;
use std::path::Path;

use roxmltree::Document;
use scrible_exporter::options::Options;
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

use super::{page, scene, shape, try_scene, with, write};

const XLINK: &str = "http://www.w3.org/1999/xlink";
const SVG: &str = "http://www.w3.org/2000/svg";

/// Every element that we write.
const ELEMENTS: [&str; 11] = [
    "svg", "g", "defs", "path", "rect", "clipPath", "mask", "pattern", "image", "use", "filter",
];

/// What every SVG of ours has to be; its document.
fn check(svg: &str) -> Document<'_> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    let elements: Vec<_> = document
        .descendants()
        .filter(roxmltree::Node::is_element)
        .collect();
    let ids: Vec<_> = elements
        .iter()
        .filter_map(|it| it.attribute("id"))
        .collect();
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "ids are used once");
    for node in document.descendants() {
        assert!(
            node.is_root()
                || node.is_element()
                || node.text().is_some_and(|it| it.trim().is_empty()),
            "{node:?}"
        );
    }
    for element in elements {
        let tag = element.tag_name();
        assert_eq!(tag.namespace(), Some(SVG));
        assert!(ELEMENTS.contains(&tag.name()), "{}", tag.name());
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(
                !name.starts_with("on") && name != "style" && name != "class",
                "{name}"
            );
            let prefix = (name == "href").then_some(XLINK);
            assert_eq!(attribute.namespace(), prefix, "{name}");
            let referred = value
                .strip_prefix("url(#")
                .and_then(|it| it.strip_suffix(')'));
            assert!(
                referred.is_some() || !value.contains("url(") || name == "aria-label",
                "{name}={value}"
            );
            let referred = match name {
                "href" if !value.starts_with("data:image/") => {
                    Some(value.strip_prefix('#').unwrap_or_else(|| panic!("{value}")))
                }
                "href" => None,
                _ => referred,
            };
            if let Some(id) = referred {
                assert!(unique.contains(id), "{id} is defined nowhere");
            }
        }
    }
    document
}

#[test]
fn boards_of_all_kinds_are_written_whole_and_harmless() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let names = [
        "geo-fill-pattern",
        "text-rich",
        "notes-colors",
        "arrows-labels",
        "highlight",
        "images-crop-flip",
        "images-formats",
        "board-flowchart/../frame-single",
        "legacy-5.0.0",
        "text-scripts",
    ];
    for name in names {
        let doc = std::fs::read(folder.join(name).join("doc.bin")).unwrap();
        let board = scrible_board::Board::read(&doc, &scrible_board::Limits::default()).unwrap();
        for theme in [Theme::Light, Theme::Dark] {
            let options = Options {
                theme,
                ..Options::default()
            };
            let artist = scrible_exporter::draw::Artist {
                fonts: &super::FONTS,
                pictures: &scrible_exporter::picture::NoPictures,
                picture_limits: scrible_exporter::picture::PictureLimits::default(),
                detail: scrible_exporter::picture::Detail::Zoomed,
                stop: scrible_exporter::limits::Stop::never(),
            };
            let scene = scrible_exporter::draw::scene(&board, &options, &artist).unwrap();
            let svg = write(&scene);
            let document = check(&svg);
            assert!(document.descendants().count() > 20);
        }
    }
}

const HOSTILE: [&str; 9] = [
    "</text><script>alert(1)</script>",
    "]]> <![CDATA[ <!-- -->",
    "\" onload=\"alert(1)\" x=\"",
    "' & &amp; &lt; &#0; &bogus; %entity;",
    "\u{0}\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}\u{7f}\u{80}\u{fffe}\u{ffff}\u{202e}",
    "url(file:///etc/passwd) url(http://127.0.0.1/)",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "@import 'http://127.0.0.1/x.css'; <style>*{}</style>",
];

#[test]
fn what_strangers_write_is_written_escaped() {
    for words in HOSTILE {
        let text = json!({"type": "doc", "content": [{"type": "paragraph", "content": [
            {"type": "text", "text": words, "marks": [{"type": "link", "attrs": {"href": words}}, {"type": "highlight"}, {"type": "code"}]}]}]});
        let style = json!({"richText": text, "text": words, "url": words, "color": words, "labelColor": words, "font": words, "fill": words, "dash": words,
            "size": words, "geo": words, "name": words, "align": words, "src": words, "assetId": words, "w": 100, "h": 100,
            "start": {"x": 0, "y": 0}, "end": {"x": 300, "y": 0}});
        let kinds = [
            "geo", "text", "note", "frame", "arrow", "image", "embed", "bookmark", "video", "draw",
            "line", "group", words,
        ];
        let mut records = vec![page("1", words)];
        for (at, kind) in kinds.into_iter().enumerate() {
            let at = format!("{at}");
            records.push(with(
                shape(&at, "page:1", kind, style.clone()),
                json!({"id": format!("shape:{at}{words}"), "meta": {"x": words}}),
            ));
        }
        records.push(json!({"id": words, "typeName": "asset", "type": "image", "props": {"src": words, "w": 9, "h": 9, "mimeType": words, "name": words}}));
        let svg = draw_noted(&records);
        let document = check(&svg);
        let labels: Vec<_> = document
            .descendants()
            .filter_map(|it| it.attribute("aria-label"))
            .collect();
        assert!(labels.len() >= 5, "{labels:?}");
        // What XML cannot hold is left out; all else reads as it was written.
        let kept: String = words
            .chars()
            .filter(|it| !it.is_control() && !matches!(it, '\u{fffe}' | '\u{ffff}'))
            .collect();
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        let is_there = labels.iter().any(|label| letters(label) == letters(&kept));
        assert!(is_there, "{words:?} is not among {labels:?}");
    }
}

/// The SVG of records that have notes.
fn draw_noted(records: &[Value]) -> String {
    let file = json!({"tldrawFileFormatVersion": 1, "records": records}).to_string();
    let board =
        scrible_board::Board::read(file.as_bytes(), &scrible_board::Limits::default()).unwrap();
    let artist = scrible_exporter::draw::Artist {
        fonts: &super::FONTS,
        pictures: &scrible_exporter::picture::NoPictures,
        picture_limits: scrible_exporter::picture::PictureLimits::default(),
        detail: scrible_exporter::picture::Detail::Zoomed,
        stop: scrible_exporter::limits::Stop::never(),
    };
    write(&scrible_exporter::draw::scene(&board, &Options::default(), &artist).unwrap())
}

#[test]
fn words_go_along_for_those_who_cannot_see() {
    let text = json!({"type": "doc", "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "first <line>"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "second"}]}]});
    let records = [
        page("1", ""),
        shape("1", "page:1", "text", json!({"richText": text})),
    ];
    let svg = write(&scene(&records));
    let document = check(&svg);
    let label = document
        .descendants()
        .find(|it| it.attribute("role") == Some("img"))
        .unwrap();
    assert_eq!(label.attribute("aria-label"), Some("first <line>\nsecond"));
    assert_eq!(svg.matches("aria-label").count(), 1);
    assert!(try_scene(&records[..1], &Options::default()).is_err());
}

#[test]
fn a_note_has_the_first_name_of_who_wrote_on_it_last() {
    let labels = |words: &str, by: &str| -> Vec<String> {
        let text = json!({"type": "doc", "content": [{"type": "paragraph", "content": match words {
            "" => json!([]),
            _ => json!([{"type": "text", "text": words}]),
        }}]});
        let records = [
            page("1", ""),
            shape(
                "1",
                "page:1",
                "note",
                json!({"richText": text, "textLastEditedBy": by}),
            ),
            json!({"id": "user:ada", "typeName": "user", "name": "Ada Lovelace", "color": "red"}),
        ];
        let svg = write(&scene(&records));
        let labels = check(&svg);
        let labels = labels.descendants();
        let labels = labels.filter_map(|it| it.attribute("aria-label").map(str::to_owned));
        labels.collect()
    };
    assert_eq!(labels("to do", "ada"), ["to do", "Ada"]);
    assert_eq!(labels("to do", "ben"), ["to do"]);
    assert_eq!(labels("", "ada"), [""; 0]);
}
