//! Arrows, bindings and lines of older editors.
//!
//! Knows their props only. The rule: a binding that is made here has an id that follows from the arrow's, so that the same
//! bytes give the same records.

use std::borrow::Cow;

use super::{default, empty, rich_text, text};
use crate::order::Keys;
use crate::value::{Object, Value};

pub(super) fn arrow<'d>(id: Cow<'d, str>, props: &mut Object<'d>, made: &mut Vec<Value<'d>>) {
    rich_text(props);
    for side in ["start", "end"] {
        terminal(id.clone(), side, props, made);
    }
    for (name, value) in [
        ("kind", "arc".into()),
        ("elbowMidPoint", Value::float(0.5)),
        ("labelPosition", Value::float(0.5)),
        ("labelColor", "black".into()),
        ("scale", 1.into()),
    ] {
        default(props, name, value);
    }
}

/// An end said itself what it was tied to, before bindings were records.
fn terminal<'d>(
    id: Cow<'d, str>,
    side: &'static str,
    props: &mut Object<'d>,
    made: &mut Vec<Value<'d>>,
) {
    let Some(end) = props.get_mut(side).and_then(Value::as_object_mut) else {
        return;
    };
    match text(end, "type") {
        "binding" => {
            let field =
                |name: &str, otherwise: Value<'d>| end.get(name).cloned().unwrap_or(otherwise);
            let middle = Value::from([("x", Value::float(0.5)), ("y", Value::float(0.5))]);
            let own = id.strip_prefix("shape:").unwrap_or(&id);
            let held = Value::from([
                ("terminal", side.into()),
                ("normalizedAnchor", field("normalizedAnchor", middle)),
                ("isExact", field("isExact", false.into())),
                ("isPrecise", field("isPrecise", false.into())),
                ("snap", "none".into()),
            ]);
            made.push(Value::from([
                ("id", format!("binding:{own}-{side}").into()),
                ("typeName", "binding".into()),
                ("type", "arrow".into()),
                ("fromId", Value::Text(id)),
                ("toId", field("boundShapeId", Value::Null)),
                ("props", held),
                ("meta", empty()),
            ]));
            props.insert(side, [("x", 0.into()), ("y", 0.into())].into());
        }
        "point" => {
            end.remove("type");
        }
        _ => {}
    }
}

pub(super) fn binding(record: &mut Object<'_>) {
    if text(record, "type") != "arrow" {
        return;
    }
    if let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) {
        for name in ["isExact", "isPrecise"] {
            default(props, name, false.into());
        }
        default(props, "snap", "none".into());
    }
}

/// Points were handles first, then for a short time a list.
pub(super) fn line(props: &mut Object<'_>) {
    let handles = props.remove("handles");
    let list = match (props.get_mut("points"), handles) {
        (Some(Value::List(list)), _) => std::mem::take(list),
        (None, Some(Value::Object(handles))) => {
            let handles = handles.into_fields().into_iter();
            let mut list: Vec<_> = handles.map(|(_, handle)| handle).collect();
            list.sort_by(|one, other| index(one).cmp(index(other)));
            list
        }
        _ => {
            default(props, "scale", 1.into());
            return;
        }
    };
    let points = Keys::default().zip(list).map(|(key, point)| {
        let number = |name| point.get(name).cloned().unwrap_or(Value::Null);
        let point = Value::from([
            ("id", key.clone().into()),
            ("index", key.clone().into()),
            ("x", number("x")),
            ("y", number("y")),
        ]);
        (Cow::Owned(key), point)
    });
    let points = Object::of_different(points.collect());
    props.insert("points", Value::Object(points));
    default(props, "scale", 1.into());
}

fn index<'v>(handle: &'v Value<'_>) -> &'v str {
    handle
        .get("index")
        .and_then(Value::as_str)
        .unwrap_or_default()
}
