//! Pen strokes and highlights of older editors.
//!
//! Knows the three ways in which points were kept. The rule: points are packed as the editor packs them when it opens such a
//! record, rounding included, or old strokes would be drawn elsewhere.

use serde_json::{Value, json};

use super::{Object, default};
use crate::fields::finite;
use crate::path::{InkPoint, NO_PRESSURE, pack, unpack_halves};

pub(super) fn draw(props: &mut Object) {
    highlight(props);
    default(props, "isClosed", json!(false));
}

pub(super) fn highlight(props: &mut Object) {
    let segments = props.get_mut("segments").and_then(Value::as_array_mut);
    for segment in segments
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if !segment.contains_key("path")
            && let Some(path) = segment.get("points").and_then(path)
        {
            segment.shift_remove("points");
            segment.insert("path".to_owned(), json!(path));
        }
    }
    for name in ["scale", "scaleX", "scaleY"] {
        default(props, name, json!(1));
    }
    default(props, "isPen", json!(false));
}

fn path(points: &Value) -> Option<String> {
    let points = match points {
        Value::Array(list) => list.iter().filter_map(point).collect(),
        Value::String(halves) => unpack_halves(halves).ok()?,
        _ => return None,
    };
    Some(pack(&points))
}

/// `None` for what is no point: the rest of the stroke is worth more.
fn point(point: &Value) -> Option<InkPoint> {
    Some(InkPoint {
        x: finite(point.get("x")?)?,
        y: finite(point.get("y")?)?,
        pressure: point.get("z").and_then(finite).unwrap_or(NO_PRESSURE),
    })
}
