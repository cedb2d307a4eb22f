//! Arrows, bindings and lines of older editors.
//!
//! Knows their props only. The rule: a binding that is made here has an id that follows from the arrow's, so that the same
//! bytes give the same records.

use serde_json::{Value, json};

use super::{Object, default, rich_text, text};
use crate::order::Keys;

pub(super) fn arrow(id: &str, props: &mut Object, made: &mut Vec<Value>) {
    rich_text(props);
    for side in ["start", "end"] {
        terminal(id, side, props, made);
    }
    for (name, value) in [
        ("kind", json!("arc")),
        ("elbowMidPoint", json!(0.5)),
        ("labelPosition", json!(0.5)),
        ("labelColor", json!("black")),
        ("scale", json!(1)),
    ] {
        default(props, name, value);
    }
}

/// An end said itself what it was tied to, before bindings were records.
fn terminal(id: &str, side: &str, props: &mut Object, made: &mut Vec<Value>) {
    let Some(end) = props.get_mut(side).and_then(Value::as_object_mut) else {
        return;
    };
    match text(end, "type") {
        "binding" => {
            let field = |name: &str, otherwise: Value| end.get(name).cloned().unwrap_or(otherwise);
            made.push(json!({
                "id": format!("binding:{}-{side}", id.strip_prefix("shape:").unwrap_or(id)),
                "typeName": "binding",
                "type": "arrow",
                "fromId": id,
                "toId": field("boundShapeId", Value::Null),
                "props": {
                    "terminal": side,
                    "normalizedAnchor": field("normalizedAnchor", json!({"x": 0.5, "y": 0.5})),
                    "isExact": field("isExact", json!(false)),
                    "isPrecise": field("isPrecise", json!(false)),
                    "snap": "none",
                },
                "meta": {},
            }));
            props.insert(side.to_owned(), json!({"x": 0, "y": 0}));
        }
        "point" => {
            end.shift_remove("type");
        }
        _ => {}
    }
}

pub(super) fn binding(record: &mut Object) {
    if text(record, "type") != "arrow" {
        return;
    }
    if let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) {
        for name in ["isExact", "isPrecise"] {
            default(props, name, json!(false));
        }
        default(props, "snap", json!("none"));
    }
}

/// Points were handles first, then for a short time a list.
pub(super) fn line(props: &mut Object) {
    let handles = props.shift_remove("handles");
    let list = match (props.get("points"), handles) {
        (Some(Value::Array(list)), _) => list.clone(),
        (None, Some(Value::Object(handles))) => {
            let mut list: Vec<_> = handles.into_iter().map(|(_, handle)| handle).collect();
            let order = |handle: &Value| handle["index"].as_str().unwrap_or_default().to_owned();
            list.sort_by_key(order);
            list
        }
        _ => {
            default(props, "scale", json!(1));
            return;
        }
    };
    let mut points = Object::new();
    for (key, point) in Keys::default().zip(list) {
        let point = json!({"id": key, "index": key, "x": point["x"], "y": point["y"]});
        points.insert(key, point);
    }
    props.insert("points".to_owned(), Value::Object(points));
    default(props, "scale", json!(1));
}
