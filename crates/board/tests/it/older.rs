//! Documents of older editors, against what a current editor makes of them.

use std::collections::BTreeMap;

use scrible_board::{Board, Kind};
use serde_json::{Value, json};

use crate::{board, by_id, read, store};

const VERSIONS: [&str; 5] = ["2.0.0-alpha.19", "2.4.6", "3.15.5", "4.2.0", "5.0.0"];

/// Names that the editor draws at random: those of bindings and of points on lines.
fn without_random_names(records: BTreeMap<String, Value>) -> Vec<Value> {
    let mut records: Vec<_> = records.into_values().collect();
    for record in &mut records {
        if record["typeName"] == "binding" {
            record["id"] = json!("");
        }
        let points = record
            .get_mut("props")
            .and_then(|props| props.get_mut("points"));
        if let Some(Value::Object(points)) = points {
            let mut places: Vec<_> = std::mem::take(points).into_iter().collect();
            places.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (place, (_, point)) in places.into_iter().enumerate() {
                points.insert(place.to_string(), json!([point["x"], point["y"]]));
            }
        }
    }
    records.sort_by_key(Value::to_string);
    records
}

fn drawn(board: &Board) -> Vec<(String, &'static str)> {
    let with_text = |kind: &Kind| kind.text().is_some_and(|text| !text.is_empty());
    let shapes = board.shapes().iter();
    let named = shapes.map(|shape| {
        let text = if with_text(&shape.kind) { "text" } else { "" };
        (shape.kind.name().to_owned(), text)
    });
    named.collect()
}

#[test]
fn records_of_every_version_become_what_the_editor_makes_of_them() {
    for version in VERSIONS {
        let board = board(&format!("legacy/{version}/doc.bin"));
        let expected = store(&format!("legacy/{version}/records.json"));
        assert_eq!(
            without_random_names(by_id(board.records())),
            without_random_names(expected),
            "{version}"
        );
        assert_eq!(board.notes(), [], "{version}");
    }
}

#[test]
fn all_versions_give_one_typed_board() {
    let first = board("legacy/5.0.0/doc.bin");
    assert!(first.shapes().len() > 15);
    for version in VERSIONS {
        let other = board(&format!("legacy/{version}/doc.bin"));
        assert_eq!(drawn(&other), drawn(&first), "{version}");
        let ties = |board: &Board| {
            let shapes = board.shapes().iter();
            let ends = shapes.filter_map(|shape| match &shape.kind {
                Kind::Arrow(arrow) => Some((arrow.start.tie.clone(), arrow.end.tie.clone())),
                _ => None,
            });
            ends.collect::<Vec<_>>()
        };
        let (one, other) = (ties(&first), ties(&other));
        assert_eq!(one, other, "{version}");
        assert_eq!(one.iter().filter(|(_, end)| end.is_some()).count(), 2);
    }
}

#[test]
fn without_a_schema_the_form_of_the_records_tells_their_age() {
    for version in VERSIONS {
        let document = board(&format!("legacy/{version}/doc.bin"));
        let file: Value = serde_json::from_str(&document.to_tldr()).unwrap();
        let bare = json!({"tldrawFileFormatVersion": 1, "records": file["records"]});
        let bare = read(bare.to_string().as_bytes());
        assert_eq!(bare.origin().schema, None);
        assert_eq!(bare.shapes(), document.shapes(), "{version}");
    }
}
