//! Pen strokes and highlights of older editors.
//!
//! Knows the three ways in which points were kept. The rule: points are packed as the editor packs them when it opens such a
//! record, rounding included, or old strokes would be drawn elsewhere.

use super::default;
use crate::fields::finite;
use crate::path::{InkPoint, NO_PRESSURE, pack, unpack_halves};
use crate::value::{Object, Value};

pub(super) fn draw(props: &mut Object<'_>) {
    highlight(props);
    default(props, "isClosed", false.into());
}

pub(super) fn highlight(props: &mut Object<'_>) {
    let segments = props.get_mut("segments").and_then(Value::as_list_mut);
    for segment in segments
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if !segment.has("path")
            && let Some(path) = segment.get("points").and_then(path)
        {
            segment.remove("points");
            segment.insert("path", path.into());
        }
    }
    for name in ["scale", "scaleX", "scaleY"] {
        default(props, name, 1.into());
    }
    default(props, "isPen", false.into());
}

fn path(points: &Value<'_>) -> Option<String> {
    let points = match points {
        Value::List(list) => list.iter().filter_map(point).collect(),
        Value::Text(halves) => unpack_halves(halves).ok()?,
        _ => return None,
    };
    Some(pack(&points))
}

/// `None` for what is no point: the rest of the stroke is worth more.
fn point(point: &Value<'_>) -> Option<InkPoint> {
    Some(InkPoint {
        x: finite(point.get("x")?)?,
        y: finite(point.get("y")?)?,
        pressure: point.get("z").and_then(finite).unwrap_or(NO_PRESSURE),
    })
}
