//! What lies above what, what shows through, and what frames cut off.

use scrible_exporter::error::ExportError;
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::Options;
use scrible_exporter::scene::{Mark, Scene};
use scrible_exporter::{png, svg};
use serde_json::{Value, json};

use super::{draw_until, fill, highlight, page, scene, shape, square, with, write};

#[test]
fn highlights_lie_below_all_of_their_page_or_frame_and_once_more_in_place() {
    let records = [
        page("1", ""),
        square("1", "page:1", "red"),
        highlight("2", "page:1"),
        shape("3", "page:1", "frame", json!({"w": 100, "h": 100})),
        square("1in", "shape:3", "green"),
        highlight("2in", "shape:3"),
        square("4", "page:1", "blue"),
    ];
    let scene = scene(&records);
    let kinds = scene.layers.iter().map(|layer| match &layer.marks[..] {
        [Mark::Path(path)] if path.opacity < 1.0 => format!("highlight {}", path.opacity),
        _ if layer.clip.is_some() => "inside".to_owned(),
        marks if marks.iter().any(|mark| matches!(mark, Mark::Group(_))) => "frame".to_owned(),
        _ => "square".to_owned(),
    });
    let kinds: Vec<_> = kinds.collect();
    let expected = [
        "highlight 0.82",
        "square",
        "highlight 0.35",
        "frame",
        "highlight 0.82",
        "inside",
        "highlight 0.35",
        "square",
    ];
    assert_eq!(kinds, expected);
    // Those in the frame are clipped by it.
    let clips: Vec<_> = scene.layers.iter().map(|layer| layer.clip).collect();
    assert_eq!(
        clips,
        [None, None, None, None, Some(0), Some(0), Some(0), None]
    );
}

#[test]
fn opacities_multiply_and_what_is_not_to_be_seen_is_left_out() {
    let half = |shape: Value| with(shape, json!({"opacity": 0.5}));
    let records = [
        page("1", ""),
        half(shape("1", "page:1", "group", json!({}))),
        half(shape("2", "shape:1", "group", json!({}))),
        half(square("3", "shape:2", "red")),
        square("4", "shape:2", "blue"),
        with(square("5", "page:1", "green"), json!({"opacity": 0})),
        square("6", "page:1", "yellow"),
    ];
    let scene = scene(&records);
    let opacities: Vec<_> = scene.layers.iter().map(|layer| layer.opacity).collect();
    assert_eq!(opacities, [0.125, 0.25, 1.0]);
    let svg = write(&scene);
    assert_eq!(svg.matches(r#"<g opacity="0.125">"#).count(), 1);
    assert_eq!(svg.matches(r#"<g opacity="0.25">"#).count(), 1);
}

#[test]
fn a_path_alone_is_seen_through_without_a_picture_of_its_own() {
    let line = json!({"a": {"id": "a", "index": "a1", "x": 0, "y": 0}, "b": {"id": "b", "index": "a2", "x": 50, "y": 50}});
    let records = [
        page("1", ""),
        with(
            shape(
                "1",
                "page:1",
                "line",
                json!({"points": line, "dash": "solid"}),
            ),
            json!({"opacity": 0.5}),
        ),
        with(highlight("2", "page:1"), json!({"opacity": 0.5})),
    ];
    let svg = write(&scene(&records));
    assert!(!svg.contains(" opacity="), "{svg}");
    assert_eq!(svg.matches(r#"stroke-opacity="0.5""#).count(), 1);
    for opacity in ["0.41", "0.175"] {
        assert_eq!(
            svg.matches(&format!(r#"-opacity="{opacity}""#)).count(),
            1,
            "{svg}"
        );
    }
}

fn clip_of(scene: &Scene, layer: usize) -> Option<kurbo::Rect> {
    scene.clips[scene.layers[layer].clip?].bounds()
}

#[test]
fn frames_in_frames_cut_off_what_is_beyond_any_of_them() {
    let frame = |id: &str, parent: &str, at: (f64, f64)| {
        let frame = shape(id, parent, "frame", json!({"w": 100, "h": 100}));
        with(frame, json!({"x": at.0, "y": at.1}))
    };
    let records = [
        page("1", ""),
        frame("1", "page:1", (0.0, 0.0)),
        frame("2", "shape:1", (50.0, 20.0)),
        square("3", "shape:2", "red"),
        frame("4", "shape:2", (20.0, 20.0)),
        square("5", "shape:4", "blue"),
        frame("6", "shape:4", (500.0, 0.0)),
        square("7", "shape:6", "green"),
        shape(
            "8",
            "shape:4",
            "arrow",
            json!({"start": {"x": 0, "y": 0}, "end": {"x": 400, "y": 0}}),
        ),
    ];
    let scene = scene(&records);
    let clips: Vec<_> = (0..scene.layers.len())
        .map(|layer| clip_of(&scene, layer))
        .collect();
    let rect = |x0, y0, x1, y1| Some(kurbo::Rect::new(x0, y0, x1, y1));
    assert_eq!(
        clips,
        [
            None,
            rect(0.0, 0.0, 100.0, 100.0),
            rect(50.0, 20.0, 100.0, 100.0),
            rect(50.0, 20.0, 100.0, 100.0),
            rect(70.0, 40.0, 100.0, 100.0),
            // The sixth stands beyond the fourth, but its border and name are cut by that, not hidden; what is in it is.
            rect(70.0, 40.0, 100.0, 100.0),
            // Arrows reach out of frames.
            None,
        ]
    );
}

#[test]
fn the_same_input_gives_the_same_bytes_in_whatever_order_it_was_kept() {
    let mut records = vec![page("1", "")];
    for at in 0..12 {
        let id = format!("{at:02}");
        let place =
            json!({"x": 20 * at, "y": 7 * at, "rotation": 0.1 * f64::from(at), "opacity": 0.9});
        records.push(with(square(&id, "page:1", "red"), place));
        records.push(highlight(&format!("h{id}"), &format!("shape:{id}")));
        records.push(shape(
            &format!("t{id}"),
            "page:1",
            "text",
            json!({"richText": {"type": "doc", "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": format!("word {at}")}]}]}}),
        ));
        records.push(shape(
            &format!("x{id}"),
            "page:1",
            "arrow",
            json!({"end": {"x": 90, "y": 0}}),
        ));
        records.push(json!({"id": format!("binding:{id}"), "typeName": "binding", "type": "arrow", "fromId": format!("shape:x{id}"),
            "toId": format!("shape:{id}"), "props": {"terminal": "end", "normalizedAnchor": {"x": 0.5, "y": 0.5}, "isExact": false, "isPrecise": false}}));
    }
    let first = write(&scene(&records));
    assert_eq!(write(&scene(&records)), first);
    records.reverse();
    assert_eq!(write(&scene(&records)), first);
    records.sort_unstable_by_key(|record| record["id"].to_string());
    assert_eq!(write(&scene(&records)), first);
}

#[test]
fn each_stage_stops_when_it_is_told_to() {
    let mut records = vec![page("1", "")];
    records.extend((0..50).map(|at| square(&format!("{at:02}"), "page:1", "red")));
    let asked = std::cell::Cell::new(0);
    let after = |most: usize| {
        let asked = &asked;
        asked.set(0);
        move || {
            asked.set(asked.get() + 1);
            asked.get() > most
        }
    };
    let draw = |most: usize| {
        let is_time = after(most);
        draw_until(&records, &Options::default(), Stop::when(&is_time))
    };
    for most in [0, 10, 60] {
        assert_eq!(draw(most).err(), Some(ExportError::Stopped), "{most}");
    }
    let scene = draw(usize::MAX).unwrap();
    assert!(asked.get() >= 2 * 50, "each shape is laid out and drawn");
    assert!(fill(&scene.layers[0]).is_some());
    for most in [0, 25] {
        let is_time = after(most);
        let written = svg::write(&scene, &Limits::default(), &Stop::when(&is_time));
        assert_eq!(written, Err(ExportError::Stopped));
    }
    let is_time = after(0);
    let painted = png::paint(&scene, &Limits::default(), &Stop::when(&is_time));
    assert_eq!(painted, Err(ExportError::Stopped));
}

#[test]
fn limits_are_named_when_they_are_met() {
    let scene = scene(&[page("1", ""), square("1", "page:1", "red")]);
    let limits = Limits {
        svg_bytes: 100,
        pixels: 1_000,
        side: 50,
        ..Limits::default()
    };
    let error = svg::write(&scene, &limits, &Stop::never()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the picture needs more than 100 bytes of SVG; draw fewer shapes at a time"
    );
    let error = png::paint(&scene, &limits, &Stop::never()).unwrap_err();
    let (w, h) = scene.size;
    let expected = format!(
        "the picture would have {w} x {h} pixels, more than 1000 in all or 50 in one direction; a scale of 0.3 fits"
    );
    assert_eq!(error.to_string(), expected);
}
