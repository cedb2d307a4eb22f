//! Pictures, videos, bookmarks, embeds and assets of older editors.
//!
//! Knows their props only. The rule: as in the module above.

use serde_json::{Value, json};

use super::{Object, default, link, rename, text};

pub(super) fn asset(record: &mut Object) {
    let kind = text(record, "type").to_owned();
    let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) else {
        return;
    };
    match kind.as_str() {
        "image" | "video" => {
            rename(props, "width", "w");
            rename(props, "height", "h");
            default(props, "isAnimated", json!(kind == "video"));
            default(props, "mimeType", Value::Null);
        }
        "bookmark" => {
            for name in ["title", "description", "image", "favicon"] {
                default(props, name, json!(""));
            }
        }
        _ => {}
    }
}

pub(super) fn image(props: &mut Object) {
    link(props);
    for (name, value) in [
        ("playing", json!(true)),
        ("assetId", Value::Null),
        ("crop", Value::Null),
        ("flipX", json!(false)),
        ("flipY", json!(false)),
        ("altText", json!("")),
    ] {
        default(props, name, value);
    }
}

pub(super) fn video(props: &mut Object) {
    link(props);
    for (name, value) in [
        ("time", json!(0)),
        ("playing", json!(true)),
        ("autoplay", json!(true)),
        ("assetId", Value::Null),
        ("altText", json!("")),
    ] {
        default(props, name, value);
    }
}

pub(super) fn bookmark(props: &mut Object) {
    link(props);
    default(props, "assetId", Value::Null);
}

pub(super) fn embed(props: &mut Object) {
    for gone in ["overridePermissions", "tmpOldUrl", "doesResize"] {
        props.shift_remove(gone);
    }
}
