//! `GET /join/<room>`: the page on which a person gives a password or an invite, and goes on to the board.
//!
//! It knows the name in its address and nothing of rooms: every name has the same page, so it tells nobody which rooms there are. What may
//! be said of a room its script asks of `/api`. The rule: nothing secret is in the page or in an address that it sends; the secret of an
//! invite stands behind `#`, which a browser keeps to itself.

mod markup;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::Markup;
use sha2::{Digest as _, Sha256};
use warp::http::StatusCode;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::path::FullPath;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::room::Address;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page's own style and script and nothing else, told by their hashes; no frame around it; no form that sends itself, which
/// would put a password into an address where the script does not run.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        hash(SCRIPT),
        hash(STYLE)
    );
    HeaderValue::from_str(&policy).expect("hashes in base64 are visible ASCII")
});

/// The route of the page.
pub fn route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path("join")
        .and(warp::get())
        .and(warp::path::full())
        .map(|path: FullPath| page(path.as_str()))
}

/// The page for a path `/join/<room>`: 200 for every name that a room can have, 400 with the reason for others.
pub fn page(path: &str) -> Response {
    let name = path.strip_prefix("/join").unwrap_or(path);
    let (markup, status) = match Address::from_path(name) {
        Ok(address) => (markup::door(address.room.as_str()), StatusCode::OK),
        Err(why) => (markup::no_room(&why.to_string()), StatusCode::BAD_REQUEST),
    };
    answer(markup, status)
}

fn answer(markup: Markup, status: StatusCode) -> Response {
    let page = warp::reply::html(markup.into_string());
    let mut response = warp::reply::with_status(page, status).into_response();
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn get(path: &str) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = page(path).into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (parts.status, parts.headers, text)
    }

    #[tokio::test]
    async fn y11_every_name_has_the_same_page() {
        let (_, headers, text) = get("/join/plans").await;
        for room in [
            "zebra",
            "zebra/x",
            "zebra%2Fx",
            "%C5%BColw",
            "room%20with%20spaces",
        ] {
            let (status, other_headers, other) = get(&format!("/join/{room}")).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(headers, other_headers);
            let name = Address::from_path(&format!("/{room}")).unwrap().room;
            assert_eq!(other.replace(name.as_str(), "plans"), text, "{room}");
        }
        let (_, _, link) = get("/join/plans~gAAECAwQFBgcICQoLDA0ODw").await;
        assert_eq!(link, text, "the page has no secret in it");
    }

    #[tokio::test]
    async fn y11_a_name_that_no_room_can_have_is_told_so() {
        for room in ["", "/", "/api/x", "/a%00b", "/a%FF", "/../x"] {
            let (status, headers, text) = get(&format!("/join{room}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{room}");
            assert!(headers.contains_key(CONTENT_SECURITY_POLICY));
            assert!(text.contains("No room can have this name"));
            assert!(!text.contains("<script"));
        }
    }

    #[tokio::test]
    async fn y12_the_page_runs_nothing_but_its_own_script() {
        let (_, headers, text) = get("/join/plans").await;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        for (tag, kind) in [("script", "script-src"), ("style", "style-src")] {
            let inside = text
                .split_once(&format!("<{tag}>"))
                .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")))
                .unwrap()
                .0;
            assert!(policy.contains(&format!("{kind} '{}'", hash(inside))));
            assert_eq!(text.matches(&format!("<{tag}")).count(), 1);
        }
        assert!(!text.contains(" style=") && !text.contains(" onclick="));
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    }

    #[tokio::test]
    async fn p2_a_name_in_the_page_is_text() {
        let (status, _, text) =
            get("/join/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%20onload=x").await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            text.contains("data-room=\"&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=x\"")
        );
        assert_eq!(text.matches("<script").count(), 1);
    }
}
