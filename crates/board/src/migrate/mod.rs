//! Brings records of older editors to the newest form that is known.
//!
//! Knows what changed over the years, one record at a time. The rule: what a record looks like decides, and the version that
//! the document names only where looks cannot, for many documents name none. A record in the newest form stays as it is.

mod connector;
mod ink;
mod label;
mod media;

use std::borrow::Cow;

use crate::rich_text::from_plain;
use crate::schema::Versions;
use crate::value::{Number, Object, Value};

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
pub(crate) enum Upgraded<'d> {
    /// It is in the newest form; so are records that were part of it and now stand on their own.
    Kept(Vec<Value<'d>>),
    /// Editors dropped its kind.
    Dropped,
}

/// Brings a record up to date in place.
pub(crate) fn upgrade<'d>(record: &mut Object<'d>, versions: &Versions) -> Upgraded<'d> {
    match text(record, "typeName") {
        "document" => {
            default(record, "gridSize", 10.into());
            default(record, "name", "".into());
        }
        "asset" => media::asset(record),
        "shape" => return shape(record, versions),
        "binding" => connector::binding(record),
        "user" if is_old_user(record, versions) => return Upgraded::Dropped,
        "page" | "user" => {}
        // An app's own record: its fields are its own business.
        _ => return Upgraded::Kept(Vec::new()),
    }
    default(record, "meta", empty());
    Upgraded::Kept(Vec::new())
}

fn shape<'d>(record: &mut Object<'d>, versions: &Versions) -> Upgraded<'d> {
    let kind = owned_text(record, "type");
    if matches!(&*kind, "icon" | "code") && versions.below("com.tldraw.store", 4) {
        return Upgraded::Dropped;
    }
    if record.get("props").is_none_or(Value::is_null) {
        record.insert("props", empty());
    }
    let id = owned_text(record, "id");
    let mut made = Vec::new();
    let mut old_opacity = None;
    if let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) {
        old_opacity = shape_props((&kind, id), props, versions, &mut made);
    }
    default(record, "opacity", old_opacity.unwrap_or(1.into()));
    default(record, "rotation", 0.into());
    default(record, "isLocked", false.into());
    default(record, "meta", empty());
    Upgraded::Kept(made)
}

/// Gives back the opacity where it was one of the props.
fn shape_props<'d>(
    (kind, id): (&str, Cow<'d, str>),
    props: &mut Object<'d>,
    versions: &Versions,
    made: &mut Vec<Value<'d>>,
) -> Option<Value<'d>> {
    if !KINDS.contains(&kind) {
        // An app's own shape: its props are its own business.
        return None;
    }
    // Opacity was a style once, as text.
    let opacity = props.remove("opacity").map(|old| match &old {
        Value::Text(text) => text.parse().map_or(1.into(), parsed),
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
        "frame" => default(props, "color", "black".into()),
        "image" => media::image(props),
        "video" => media::video(props),
        "bookmark" => media::bookmark(props),
        "embed" => media::embed(props),
        _ => {}
    }
    opacity
}

/// Early documents held records of people without a name or color to show.
fn is_old_user(record: &Object<'_>, versions: &Versions) -> bool {
    versions.below("com.tldraw.user", 1)
        || versions.below("com.tldraw.store", 4)
        || record.has("locale")
}

fn text<'o>(object: &'o Object<'_>, key: &str) -> &'o str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The same, to be kept while the object is changed.
fn owned_text<'d>(object: &Object<'d>, key: &str) -> Cow<'d, str> {
    object.get(key).and_then(Value::to_text).unwrap_or_default()
}

fn empty<'d>() -> Value<'d> {
    Value::Object(Object::default())
}

/// A number that was text; JSON has none for what is not finite.
fn parsed<'d>(number: f64) -> Value<'d> {
    match number.is_finite() {
        true => Value::Number(Number::Float(number)),
        false => Value::Null,
    }
}

/// Puts a field in unless it is there.
fn default<'d>(object: &mut Object<'d>, key: &'static str, value: Value<'d>) {
    if !object.has(key) {
        object.insert(key, value);
    }
}

/// Gives a field a new name, unless something has that name.
fn rename(object: &mut Object<'_>, old: &str, new: &'static str) {
    if let Some(value) = object.remove(old) {
        default(object, new, value);
    }
}

/// Labels were plain text once.
fn rich_text(props: &mut Object<'_>) {
    let old = props.remove("text");
    let text = old.as_ref().and_then(Value::as_str).unwrap_or_default();
    if props.get("richText").is_none_or(Value::is_null) {
        props.insert("richText", from_plain(text));
    }
}

/// Editors refuse addresses that a browser should not follow; older ones wrote whatever was typed.
fn link(props: &mut Object<'_>) {
    let url = text(props, "url");
    let followed = ["http://", "https://", "mailto:"];
    let kept = url.is_empty() || followed.iter().any(|scheme| url.starts_with(scheme));
    if !kept || !props.has("url") {
        props.insert("url", "".into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn up(record: Value, schema: Option<Value>) -> Option<(Value, Vec<Value>)> {
        let text = record.to_string();
        let mut record: crate::value::Value<'_> = serde_json::from_str(&text).unwrap();
        let object = record.as_object_mut().expect("a record is an object");
        match upgrade(object, &Versions::of(schema.as_ref())) {
            Upgraded::Kept(made) => {
                let made = made.iter().map(|value| value.to_serde());
                let made = made.collect();
                Some((record.to_serde(), made))
            }
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
        assert_eq!(after["richText"], from_plain("a\nb").to_serde());
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
        let edited = props("note", json!({"textFirstEditedBy": "a"}));
        assert_eq!(edited["textLastEditedBy"], "a");
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
