//! `/api/rooms/{room}/preview.svg` and `/preview.png`: small pictures of a room as it is, or of one of its versions.

use warp::http::StatusCode;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH,
};
use warp::reply::Reply;

use super::call::{Answer, Call, raw};
use crate::exporting::{PreviewKind, PreviewWish};
use crate::rest::error::Problem;
use crate::service::Preview;

/// px of a picture's longer side, at least and at most.
pub const LEAST_WIDTH: u32 = 16;
/// See [`LEAST_WIDTH`].
pub const MOST_WIDTH: u32 = 2048;
/// px, where nobody says.
const WIDTH: u32 = 512;
/// What a browser lets an SVG do that it opens by itself: nothing.
const POLICY: &str =
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox";

/// `GET /api/rooms/{room}/preview.svg`
pub async fn svg(call: Call) -> Answer {
    let mut response = preview(call, PreviewKind::Svg, None, "image/svg+xml").await?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// `GET /api/rooms/{room}/preview.png`
pub async fn png(call: Call) -> Answer {
    preview(call, PreviewKind::Png, Some(WIDTH), "image/png").await
}

async fn preview(call: Call, kind: PreviewKind, usual: Option<u32>, media: &'static str) -> Answer {
    let wish = PreviewWish {
        kind,
        side: width(&call)?.or(usual),
        is_dark: call.flag("dark")?,
        version: version(&call)?,
    };
    let lines = call.headers.get_all(IF_NONE_MATCH).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let known: Vec<_> = lines
        .flat_map(|line| line.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .collect();
    let showing = call
        .services
        .preview(call.room()?, &call.knock, wish, &known);
    let (tag, bytes) = match showing.await? {
        Preview::Unchanged(tag) => (tag, None),
        Preview::Picture(tag, bytes) => (tag, Some(bytes)),
    };
    let mut response = match bytes {
        Some(bytes) => raw(bytes, media),
        None => StatusCode::NOT_MODIFIED.into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    // Whoever shows it again asks whether it has changed.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

fn width(call: &Call) -> Result<Option<u32>, Problem> {
    let Some(width) = call.parameter("width") else {
        return Ok(None);
    };
    let width = width.parse().ok();
    let width = width.filter(|width| (LEAST_WIDTH..=MOST_WIDTH).contains(width));
    width.map(Some).ok_or_else(|| {
        Problem::invalid(format!(
            "`width` is a number from {LEAST_WIDTH} to {MOST_WIDTH}"
        ))
    })
}

fn version(call: &Call) -> Result<Option<u64>, Problem> {
    let version = call.parameter("version").map(|version| version.parse());
    let version = version.transpose();
    version.map_err(|_| Problem::invalid("`version` is the number of a version"))
}
