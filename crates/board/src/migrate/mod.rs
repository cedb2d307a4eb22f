//! Brings records of older editors to the newest form that is known.
//!
//! Knows what changed over the years, one record at a time. The rule: what a record looks like decides, and the version that
//! the document names only where looks cannot, for many documents name none. A record in the newest form stays as it is.

mod connector;
mod ink;
mod label;
mod media;

use serde_json::{Map, Value, json};

use crate::rich_text::from_plain;
use crate::schema::Versions;

type Object = Map<String, Value>;

/// The editor's own types of shapes.
const KINDS: [&str; 13] = [
    "geo",
    "note",
    "text",
    "draw",
    "highlight",
    "arrow",
    "line",
    "frame",
    "group",
    "image",
    "video",
    "bookmark",
    "embed",
];

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Upgraded {
    /// It is in the newest form; so are records that were part of it and now stand on their own.
    Kept(Vec<Value>),
    /// Editors dropped its kind.
    Dropped,
}

/// Brings a record up to date in place.
pub(crate) fn upgrade(record: &mut Object, versions: &Versions) -> Upgraded {
    match text(record, "typeName") {
        "document" => {
            default(record, "gridSize", json!(10));
            default(record, "name", json!(""));
        }
        "asset" => media::asset(record),
        "shape" => return shape(record, versions),
        "binding" => connector::binding(record),
        "user" if is_old_user(record, versions) => return Upgraded::Dropped,
        "page" | "user" => {}
        // An app's own record: its fields are its own business.
        _ => return Upgraded::Kept(Vec::new()),
    }
    default(record, "meta", json!({}));
    Upgraded::Kept(Vec::new())
}

fn shape(record: &mut Object, versions: &Versions) -> Upgraded {
    let kind = text(record, "type").to_owned();
    if matches!(kind.as_str(), "icon" | "code") && versions.below("com.tldraw.store", 4) {
        return Upgraded::Dropped;
    }
    if record.get("props").is_none_or(Value::is_null) {
        record.insert("props".to_owned(), json!({}));
    }
    let id = text(record, "id").to_owned();
    let mut made = Vec::new();
    let mut old_opacity = None;
    if let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) {
        old_opacity = shape_props((&kind, &id), props, versions, &mut made);
    }
    default(record, "opacity", old_opacity.unwrap_or(json!(1)));
    default(record, "rotation", json!(0));
    default(record, "isLocked", json!(false));
    default(record, "meta", json!({}));
    Upgraded::Kept(made)
}

/// Gives back the opacity where it was one of the props.
fn shape_props(
    (kind, id): (&str, &str),
    props: &mut Object,
    versions: &Versions,
    made: &mut Vec<Value>,
) -> Option<Value> {
    if !KINDS.contains(&kind) {
        // An app's own shape: its props are its own business.
        return None;
    }
    // Opacity was a style once, as text.
    let opacity = props.shift_remove("opacity").map(|old| match &old {
        Value::String(text) => text.parse().map_or(json!(1), |number: f64| json!(number)),
        _ => old,
    });
    match kind {
        "geo" => label::geo(props, versions),
        "note" => label::note(props, versions),
        "text" => label::text(props),
        "draw" => ink::draw(props),
        "highlight" => ink::highlight(props),
        "arrow" => connector::arrow(id, props, made),
        "line" => connector::line(props),
        "frame" => default(props, "color", json!("black")),
        "image" => media::image(props),
        "video" => media::video(props),
        "bookmark" => media::bookmark(props),
        "embed" => media::embed(props),
        _ => {}
    }
    opacity
}

/// Early documents held records of people without a name or color to show.
fn is_old_user(record: &Object, versions: &Versions) -> bool {
    versions.below("com.tldraw.user", 1)
        || versions.below("com.tldraw.store", 4)
        || record.contains_key("locale")
}

fn text<'o>(object: &'o Object, key: &str) -> &'o str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Puts a field in unless it is there.
fn default(object: &mut Object, key: &str, value: Value) {
    if !object.contains_key(key) {
        object.insert(key.to_owned(), value);
    }
}

/// Gives a field a new name, unless something has that name.
fn rename(object: &mut Object, old: &str, new: &str) {
    if let Some(value) = object.shift_remove(old) {
        default(object, new, value);
    }
}

/// Labels were plain text once.
fn rich_text(props: &mut Object) {
    let old = props.shift_remove("text");
    let text = old.as_ref().and_then(Value::as_str).unwrap_or_default();
    if props.get("richText").is_none_or(Value::is_null) {
        props.insert("richText".to_owned(), from_plain(text));
    }
}

/// Editors refuse addresses that a browser should not follow; older ones wrote whatever was typed.
fn link(props: &mut Object) {
    let url = text(props, "url");
    let followed = ["http://", "https://", "mailto:"];
    let kept = url.is_empty() || followed.iter().any(|scheme| url.starts_with(scheme));
    if !kept || !props.contains_key("url") {
        props.insert("url".to_owned(), json!(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(record: Value, schema: Option<Value>) -> Option<(Value, Vec<Value>)> {
        let Value::Object(mut object) = record else {
            panic!("a record is an object")
        };
        match upgrade(&mut object, &Versions::of(schema.as_ref())) {
            Upgraded::Kept(made) => Some((Value::Object(object), made)),
            Upgraded::Dropped => None,
        }
    }

    fn shape(kind: &str, props: Value) -> Value {
        json!({"id": "shape:x", "typeName": "shape", "type": kind, "x": 0, "y": 0, "props": props})
    }

    /// The props after the upgrade, without a schema.
    fn props(kind: &str, before: Value) -> Value {
        up(shape(kind, before), None).unwrap().0["props"].take()
    }

    fn schema(sequence: &str, version: u64) -> Option<Value> {
        Some(json!({"schemaVersion": 2, "sequences": {
            "com.tldraw.store": 5, "com.tldraw.user": 1, sequence: version,
        }}))
    }

    #[test]
    fn opacity_moves_from_the_props_to_the_shape() {
        let (record, _) = up(shape("geo", json!({"opacity": "0.5"})), None).unwrap();
        assert_eq!(record["opacity"], 0.5);
        assert_eq!(record["props"].get("opacity"), None);
        let (own, _) = up(shape("card", json!({"opacity": "0.5"})), None).unwrap();
        assert_eq!(own["props"]["opacity"], "0.5");
    }

    #[test]
    fn labels_become_rich_text_and_old_alignments_legacy() {
        let after = props("geo", json!({"text": "a\nb", "align": "start"}));
        assert_eq!(after["richText"], from_plain("a\nb"));
        assert_eq!(after.get("text"), None);
        assert_eq!(after["align"], "start", "no schema, so not taken for old");
        let old = schema("com.tldraw.shape.geo", 5);
        let (record, _) = up(shape("geo", json!({"align": "start"})), old).unwrap();
        assert_eq!(record["props"]["align"], "start-legacy");
        assert_eq!(
            props("text", json!({"align": "justify"}))["textAlign"],
            "start"
        );
    }

    #[test]
    fn font_sizes_of_old_notes_are_unknown_ratios() {
        let adjusted = |before: Value| {
            props("note", json!({"fontSizeAdjustment": before}))["fontSizeAdjustment"].take()
        };
        assert_eq!(adjusted(json!(0)), 1);
        assert_eq!(adjusted(json!(16)), Value::Null);
        assert_eq!(adjusted(json!(0.75)), 0.75);
        assert_eq!(adjusted(Value::Null), Value::Null);
        assert_eq!(props("note", json!({}))["fontSizeAdjustment"], 1);
        let edited = props("note", json!({"textFirstEditedBy": "user:a"}));
        assert_eq!(edited["textLastEditedBy"], "user:a");
    }

    #[test]
    fn tied_ends_become_bindings() {
        let tied = json!({"type": "binding", "boundShapeId": "shape:t", "normalizedAnchor": {"x": 0.1, "y": 0.2}, "isExact": true});
        let before = json!({"start": tied, "end": {"type": "point", "x": 5, "y": 6}, "text": ""});
        let (record, made) = up(shape("arrow", before), None).unwrap();
        assert_eq!(record["props"]["start"], json!({"x": 0, "y": 0}));
        assert_eq!(record["props"]["end"], json!({"x": 5, "y": 6}));
        assert_eq!(
            made,
            [json!({
                "id": "binding:x-start", "typeName": "binding", "type": "arrow", "fromId": "shape:x", "toId": "shape:t",
                "props": {
                    "terminal": "start", "normalizedAnchor": {"x": 0.1, "y": 0.2}, "isExact": true, "isPrecise": false, "snap": "none",
                },
                "meta": {},
            })]
        );
    }

    #[test]
    fn handles_and_lists_of_a_line_become_points_in_order() {
        let handle = |index: &str, x: u8| json!({"id": "h", "type": "vertex", "index": index, "x": x, "y": 0});
        let handles = json!({"handles": {"end": handle("a2", 3), "start": handle("a1", 1), "handle:a1V": handle("a1V", 2)}});
        let expected = json!({
            "a1": {"id": "a1", "index": "a1", "x": 1, "y": 0},
            "a2": {"id": "a2", "index": "a2", "x": 2, "y": 0},
            "a3": {"id": "a3", "index": "a3", "x": 3, "y": 0},
        });
        let after = props("line", handles);
        assert_eq!(after["points"], expected);
        assert_eq!(after.get("handles"), None);
        let list = json!({"points": [{"x": 1, "y": 0}, {"x": 2, "y": 0}, {"x": 3, "y": 0}]});
        assert_eq!(props("line", list)["points"], expected);
    }

    #[test]
    fn points_of_a_stroke_are_packed() {
        let before = json!({"segments": [
            {"type": "free", "points": [{"x": 1, "y": 2, "z": 0.5}, {"x": 1.33, "y": 2.77}]},
            {"type": "free", "points": []},
        ]});
        let after = props("highlight", before);
        assert_eq!(
            after["segments"],
            json!([{"type": "free", "path": "AACAPwAAAEAAAAA/SDUpOgAA"}, {"type": "free", "path": ""}])
        );
        assert_eq!((&after["scaleX"], &after["scale"]), (&json!(1), &json!(1)));
    }

    #[test]
    fn kinds_that_editors_dropped_are_dropped() {
        let old = || schema("com.tldraw.store", 1);
        assert_eq!(up(shape("icon", json!({})), old()), None);
        assert!(up(shape("icon", json!({})), None).is_some(), "an app's own");
        let user =
            |extra: &str| json!({"id": "user:a", "typeName": "user", "name": "A", extra: "x"});
        assert_eq!(up(user("locale"), None), None);
        assert_eq!(up(user("color"), old()), None);
        assert!(up(user("color"), schema("com.tldraw.page", 1)).is_some());
    }

    #[test]
    fn addresses_that_no_browser_should_follow_are_emptied() {
        for (before, after) in [
            ("javascript:alert(1)", ""),
            ("x", ""),
            ("", ""),
            ("https://example.org", "https://example.org"),
        ] {
            assert_eq!(props("image", json!({"url": before}))["url"], after);
        }
    }

    #[test]
    fn a_record_in_the_newest_form_stays_as_it_is() {
        let kinds = [
            "geo",
            "note",
            "text",
            "draw",
            "highlight",
            "arrow",
            "line",
            "frame",
            "image",
            "video",
            "bookmark",
        ];
        for kind in kinds {
            let (once, _) = up(shape(kind, json!({})), None).unwrap();
            let (twice, made) = up(once.clone(), None).unwrap();
            assert_eq!(
                (once.to_string(), made.len()),
                (twice.to_string(), 0),
                "{kind}"
            );
        }
    }
}
