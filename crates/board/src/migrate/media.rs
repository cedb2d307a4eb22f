//! Pictures, videos, bookmarks, embeds and assets of older editors.
//!
//! Knows their props only. The rule: as in the module above.

use super::{default, link, owned_text, rename};
use crate::value::{Object, Value};

pub(super) fn asset(record: &mut Object<'_>) {
    let kind = owned_text(record, "type");
    let Some(props) = record.get_mut("props").and_then(Value::as_object_mut) else {
        return;
    };
    match &*kind {
        "image" | "video" => {
            rename(props, "width", "w");
            rename(props, "height", "h");
            default(props, "isAnimated", (kind == "video").into());
            default(props, "mimeType", Value::Null);
        }
        "bookmark" => {
            for name in ["title", "description", "image", "favicon"] {
                default(props, name, "".into());
            }
        }
        _ => {}
    }
}

pub(super) fn image(props: &mut Object<'_>) {
    link(props);
    for (name, value) in [
        ("playing", true.into()),
        ("assetId", Value::Null),
        ("crop", Value::Null),
        ("flipX", false.into()),
        ("flipY", false.into()),
        ("altText", "".into()),
    ] {
        default(props, name, value);
    }
}

pub(super) fn video(props: &mut Object<'_>) {
    link(props);
    for (name, value) in [
        ("time", 0.into()),
        ("playing", true.into()),
        ("autoplay", true.into()),
        ("assetId", Value::Null),
        ("altText", "".into()),
    ] {
        default(props, name, value);
    }
}

pub(super) fn bookmark(props: &mut Object<'_>) {
    link(props);
    default(props, "assetId", Value::Null);
}

pub(super) fn embed(props: &mut Object<'_>) {
    for gone in ["overridePermissions", "tmpOldUrl", "doesResize"] {
        props.remove(gone);
    }
}
