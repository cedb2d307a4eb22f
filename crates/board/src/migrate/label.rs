//! Geo shapes, notes and texts of older editors.
//!
//! Knows their props only. The rule: as in the module above.

use serde_json::{Value, json};

use super::{Object, default, link, rename, rich_text};
use crate::schema::Versions;

pub(super) fn geo(props: &mut Object, versions: &Versions) {
    justified(props, "align");
    if versions.below("com.tldraw.shape.geo", 6) {
        legacy(props);
    }
    rich_text(props);
    link(props);
    for (name, value) in [
        ("growY", json!(0)),
        ("labelColor", json!("black")),
        ("verticalAlign", json!("middle")),
        ("scale", json!(1)),
        ("flipX", json!(false)),
        ("flipY", json!(false)),
    ] {
        default(props, name, value);
    }
}

pub(super) fn note(props: &mut Object, versions: &Versions) {
    justified(props, "align");
    if versions.below("com.tldraw.shape.note", 3) {
        legacy(props);
    }
    rich_text(props);
    link(props);
    rename(props, "textFirstEditedBy", "textLastEditedBy");
    font_size(props, versions);
    for (name, value) in [
        ("growY", json!(0)),
        ("labelColor", json!("black")),
        ("verticalAlign", json!("middle")),
        ("scale", json!(1)),
        ("textLastEditedBy", Value::Null),
    ] {
        default(props, name, value);
    }
}

pub(super) fn text(props: &mut Object) {
    rename(props, "align", "textAlign");
    justified(props, "textAlign");
    rich_text(props);
    default(props, "scale", json!(1));
}

/// It was a size in px once, 0 for none, and is a share of the size now.
fn font_size(props: &mut Object, versions: &Versions) {
    let in_px = versions.below("com.tldraw.shape.note", 12);
    let share = match props.get("fontSizeAdjustment") {
        None => json!(1),
        Some(value) => match value.as_f64() {
            Some(0.0) => json!(1),
            Some(size) if in_px || size > 1.0 => Value::Null,
            _ => return,
        },
    };
    props.insert("fontSizeAdjustment".to_owned(), share);
}

/// Before an alignment of labels was a choice of its own, it followed the shape's width.
fn legacy(props: &mut Object) {
    if let Some(Value::String(align)) = props.get_mut("align")
        && ["start", "middle", "end"].contains(&align.as_str())
    {
        align.push_str("-legacy");
    }
}

/// Justified text was never drawn as such.
fn justified(props: &mut Object, name: &str) {
    if props.get(name).is_some_and(|align| align == "justify") {
        props.insert(name.to_owned(), json!("start"));
    }
}
