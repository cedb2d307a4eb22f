//! A file as an answer: whole, in part, or only that it has not changed.
//!
//! Knows ranges, validators and what a browser must be told of strangers' files; not who may have one. The rule: what could run something in
//! a browser is answered so that it cannot.

use scrible_objects::{ByteRange, ContentType, Disposition, Key, ObjectError, ObjectInfo, Objects};
use sync_wrapper::SyncStream;
use warp::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::{Reply, Response};

/// Kinds of files that browsers only show. All others, SVG and HTML among them, could bring scripts along.
const INERT: [&str; 11] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/quicktime",
    "application/pdf",
    "application/json",
    "application/octet-stream",
];
/// Nothing runs, nothing is loaded, and the page is of no origin.
const HARMLESS: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox";

/// How a file is asked for.
pub struct Asked<'a> {
    /// `GET` or `HEAD`.
    pub method: &'a Method,
    /// With ranges and validators, if any.
    pub headers: &'a HeaderMap,
}

/// What is said of a file beside what the place knows of it.
pub struct Told {
    /// What tells its content from all others, quoted; `None`: made from size and time.
    pub etag: Option<String>,
    /// Instead of the type that the place has.
    pub content_type: Option<ContentType>,
    /// Instead of the disposition that the place has.
    pub disposition: Option<Disposition>,
    /// For how long and for whom it may be kept.
    pub cache: &'static str,
}

/// Answers with a file.
///
/// # Errors
/// [`ObjectError`]; that no byte is in the range that was asked for is an answer, too.
pub async fn serve(
    objects: &dyn Objects,
    key: &Key,
    asked: &Asked<'_>,
    told: Told,
) -> Result<Response, ObjectError> {
    let mut known = None;
    let etag = match &told.etag {
        Some(etag) => etag.clone(),
        None => {
            let info = objects.head(key).await?;
            let etag = etag_of(&info);
            known = Some(info);
            etag
        }
    };
    if text(asked.headers, &IF_NONE_MATCH).is_some_and(|tags| names(tags, &etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        mark(&mut response, &etag, &told);
        return Ok(response);
    }
    let (info, mut response) = if asked.method == Method::HEAD {
        let info = match known {
            Some(info) => info,
            None => objects.head(key).await?,
        };
        let mut response = StatusCode::OK.into_response();
        let length = HeaderValue::from(info.size);
        response.headers_mut().insert(CONTENT_LENGTH, length);
        (info, response)
    } else {
        // A part of what it is now fits to nothing but what it was then.
        let is_same = text(asked.headers, &IF_RANGE).is_none_or(|tag| tag == etag);
        let range = text(asked.headers, &RANGE).filter(|_| is_same);
        let range = range.and_then(byte_range);
        let object = match objects.get(key, range).await {
            Err(ObjectError::OutOfRange { size }) => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                insert(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
                return Ok(response);
            }
            other => other?,
        };
        let (info, part) = (object.info, object.range);
        let contents = SyncStream::new(object.contents);
        let mut response = warp::reply::stream(contents).into_response();
        let length = HeaderValue::from(part.end - part.start);
        response.headers_mut().insert(CONTENT_LENGTH, length);
        if range.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = part.end.saturating_sub(1);
            let told = format!("bytes {}-{last}/{}", part.start, info.size);
            insert(&mut response, CONTENT_RANGE, &told);
        }
        (info, response)
    };
    let kind = told.content_type.as_ref().unwrap_or(&info.content_type);
    insert(&mut response, CONTENT_TYPE, kind.as_str());
    let disposition = told.disposition.as_ref().or(info.disposition.as_ref());
    if let Some(disposition) = disposition {
        insert(&mut response, CONTENT_DISPOSITION, disposition.as_str());
    }
    if !INERT.contains(&kind.as_str()) {
        insert(&mut response, CONTENT_SECURITY_POLICY, HARMLESS);
    }
    mark(&mut response, &etag, &told);
    Ok(response)
}

/// What every answer about a file says.
fn mark(response: &mut Response, etag: &str, told: &Told) {
    insert(response, ETAG, etag);
    insert(response, CACHE_CONTROL, told.cache);
    insert(response, ACCEPT_RANGES, "bytes");
    insert(response, X_CONTENT_TYPE_OPTIONS, "nosniff");
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Files are replaced whole, and no two of one name at one instant.
fn etag_of(info: &ObjectInfo) -> String {
    let since = info.modified.duration_since(std::time::UNIX_EPOCH);
    let modified = since.unwrap_or_default().as_nanos();
    format!("\"{modified:x}-{:x}\"", info.size)
}

/// Whether `If-None-Match` names a tag; weak ones count.
fn names(tags: &str, etag: &str) -> bool {
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The one range that is asked for. Where there are several, or it makes no sense, the whole is as right an answer.
fn byte_range(header: &str) -> Option<ByteRange> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    match (first, last) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::Between(first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use scrible_objects::{Body, MemoryObjects, NewObject};

    use super::*;

    const ETAG_HERE: &str = "\"abc\"";

    async fn ask(kind: &str, asked: &[(&'static str, &str)]) -> (u16, HeaderMap, Bytes) {
        let (objects, key): (_, Key) = (MemoryObjects::new(), "a/b".parse().unwrap());
        let object = NewObject {
            body: Body::Bytes(Bytes::from_static(b"0123456789")),
            content_type: ContentType::try_from(kind).unwrap(),
            disposition: Disposition::inline("b"),
        };
        objects.put(&key, object).await.unwrap();
        let mut headers = HeaderMap::new();
        let mut method = Method::GET;
        for (name, value) in asked {
            match *name {
                "method" => method = value.parse().unwrap(),
                name => {
                    headers.insert(name, value.parse().unwrap());
                }
            }
        }
        let asked = Asked {
            method: &method,
            headers: &headers,
        };
        let told = Told {
            etag: Some(ETAG_HERE.to_owned()),
            content_type: None,
            disposition: None,
            cache: "private",
        };
        let response = serve(&objects, &key, &asked, told).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, body)
    }

    #[tokio::test]
    async fn m4_a_file_comes_whole_or_in_part_and_only_if_it_is_news() {
        for (asked, status, body, range) in [
            (&[][..], 200, "0123456789", None),
            (&[("range", "bytes=2-4")], 206, "234", Some("bytes 2-4/10")),
            (&[("range", "bytes=7-")], 206, "789", Some("bytes 7-9/10")),
            (&[("range", "bytes=-2")], 206, "89", Some("bytes 8-9/10")),
            (&[("range", "bytes=8-99")], 206, "89", Some("bytes 8-9/10")),
            (&[("range", "bytes=10-")], 416, "", Some("bytes */10")),
            // What makes no sense, and several at once.
            (&[("range", "bytes=4-2")], 200, "0123456789", None),
            (&[("range", "bytes=1-2,4-5")], 200, "0123456789", None),
            (&[("range", "lines=1-2")], 200, "0123456789", None),
            (&[("range", "bytes=+1-2")], 200, "0123456789", None),
            (
                &[("range", "bytes=0-0"), ("if-range", ETAG_HERE)],
                206,
                "0",
                Some("bytes 0-0/10"),
            ),
            (
                &[("range", "bytes=0-0"), ("if-range", "\"x\"")],
                200,
                "0123456789",
                None,
            ),
            (&[("if-none-match", ETAG_HERE)], 304, "", None),
            (&[("if-none-match", "\"x\", W/\"abc\"")], 304, "", None),
            (&[("if-none-match", "\"x\"")], 200, "0123456789", None),
            (&[("method", "HEAD")], 200, "", None),
            (&[("method", "HEAD"), ("if-none-match", "*")], 304, "", None),
        ] {
            let (got, headers, bytes) = ask("image/png", asked).await;
            assert_eq!((got, &bytes[..]), (status, body.as_bytes()), "{asked:?}");
            let told = headers
                .get(CONTENT_RANGE)
                .map(|value| value.to_str().unwrap());
            assert_eq!(told, range, "{asked:?}");
            if status != 416 {
                assert_eq!(headers[ETAG], ETAG_HERE);
                assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            }
            if status == 200 {
                assert_eq!(headers[CONTENT_LENGTH], "10");
                assert_eq!(headers[CONTENT_DISPOSITION], "inline; filename=\"b\"");
            }
        }
    }

    #[tokio::test]
    async fn m5_what_could_run_something_is_kept_from_it() {
        for kind in [
            "image/svg+xml",
            "text/html",
            "text/html; charset=utf-8",
            "text/xml",
        ] {
            let (_, headers, _) = ask(kind, &[]).await;
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"));
        }
        let (_, headers, _) = ask("application/pdf", &[]).await;
        // Viewers of browsers do not start in a sandbox.
        assert!(!headers.contains_key(CONTENT_SECURITY_POLICY));
    }
}
