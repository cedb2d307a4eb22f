//! Geo shapes, notes and texts of older editors.
//!
//! Knows their props only. The rule: as in the module above.

use super::{default, link, rename, rich_text};
use crate::schema::Versions;
use crate::value::{Object, Value};

pub(super) fn geo(props: &mut Object<'_>, versions: &Versions) {
    justified(props, "align");
    if versions.below("com.tldraw.shape.geo", 6) {
        legacy(props);
    }
    rich_text(props);
    link(props);
    for (name, value) in [
        ("growY", 0.into()),
        ("labelColor", "black".into()),
        ("verticalAlign", "middle".into()),
        ("scale", 1.into()),
        ("flipX", false.into()),
        ("flipY", false.into()),
    ] {
        default(props, name, value);
    }
}

pub(super) fn note(props: &mut Object<'_>, versions: &Versions) {
    justified(props, "align");
    if versions.below("com.tldraw.shape.note", 3) {
        legacy(props);
    }
    rich_text(props);
    link(props);
    rename(props, "textFirstEditedBy", "textLastEditedBy");
    font_size(props, versions);
    for (name, value) in [
        ("growY", 0.into()),
        ("labelColor", "black".into()),
        ("verticalAlign", "middle".into()),
        ("scale", 1.into()),
        ("textLastEditedBy", Value::Null),
    ] {
        default(props, name, value);
    }
}

pub(super) fn text(props: &mut Object<'_>) {
    rename(props, "align", "textAlign");
    justified(props, "textAlign");
    rich_text(props);
    default(props, "scale", 1.into());
}

/// It was a size in px once, 0 for none, and is a share of the size now.
fn font_size(props: &mut Object<'_>, versions: &Versions) {
    let in_px = versions.below("com.tldraw.shape.note", 12);
    let share = match props.get("fontSizeAdjustment") {
        None => 1.into(),
        Some(value) => match value.as_f64() {
            Some(0.0) => 1.into(),
            Some(size) if in_px || size > 1.0 => Value::Null,
            _ => return,
        },
    };
    props.insert("fontSizeAdjustment", share);
}

/// Before an alignment of labels was a choice of its own, it followed the shape's width.
fn legacy(props: &mut Object<'_>) {
    if let Some(Value::Text(align)) = props.get_mut("align")
        && ["start", "middle", "end"].contains(&&**align)
    {
        align.to_mut().push_str("-legacy");
    }
}

/// Justified text was never drawn as such.
fn justified(props: &mut Object<'_>, name: &'static str) {
    if props.get(name).and_then(Value::as_str) == Some("justify") {
        props.insert(name, "start".into());
    }
}
