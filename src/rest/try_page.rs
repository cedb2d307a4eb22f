//! `GET /try/<room>`: a small canvas for whoever has no front end yet.
//!
//! The page is the same for every room and for
//! everybody; who may be in a room is decided by the room's socket. The rule: it may load from here only, and runs no script that
//! does not lie in a file of its own.

use std::sync::LazyLock;

use warp::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use warp::http::{StatusCode, uri::Authority};
use warp::path::FullPath;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::built_in::Asset;
use crate::room::Address;

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "try.html",
        "text/html; charset=utf-8",
        include_bytes!("../../web/dist/try.html"),
    )
});

/// `/try/<room>`.
pub fn route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path("try")
        .and(warp::get())
        .and(warp::path::full())
        .and(warp::header::optional::<String>("host"))
        .and(warp::header::optional::<String>("if-none-match"))
        .map(
            |path: FullPath, host: Option<String>, known: Option<String>| {
                page(path.as_str(), host.as_deref(), known.as_deref())
            },
        )
}

fn page(path: &str, host: Option<&str>, known: Option<&str>) -> Response {
    let name = path
        .strip_prefix("/try")
        .map_or(path, |rest| rest.strip_prefix('/').unwrap_or(rest));
    if let Err(reason) = Address::from_encoded(name) {
        let sentence = format!("/try/ is followed by the name of a board: {reason}\n");
        return warp::reply::with_status(sentence, StatusCode::BAD_REQUEST).into_response();
    }
    let mut response = PAGE.response("", known);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy(host));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Nothing from elsewhere. `'self'` alone does not let every browser open a socket here, so its address is named.
fn policy(host: Option<&str>) -> HeaderValue {
    let sockets = host
        .filter(|host| host.parse::<Authority>().is_ok())
        .filter(|host| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        })
        .map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("made of ASCII letters and signs only")
}

#[cfg(test)]
mod tests {
    use super::*;

    use http_body_util::BodyExt;

    fn text<'a>(answer: &'a Response, name: &str) -> &'a str {
        answer.headers()[name].to_str().unwrap()
    }

    async fn body(answer: Response) -> bytes::Bytes {
        answer.into_body().collect().await.unwrap().to_bytes()
    }

    fn markup() -> &'static str {
        std::str::from_utf8(PAGE.bytes).unwrap()
    }

    #[tokio::test]
    async fn p3_the_page_is_for_names_that_a_room_may_have() {
        for path in [
            "/try/plans",
            "/try/a/b",
            "/try/a%2Fb",
            "/try/%E2%9C%8F",
            "/try/plans~gABCDEFGHIJKLMNOPQRSTUV",
        ] {
            let answer = page(path, Some("localhost:3001"), None);
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(body(answer).await, PAGE.bytes);
        }
        for path in [
            "/try",
            "/try/",
            "/try/ws/a",
            "/try/api",
            "/try/a/../b",
            "/try/%zz",
        ] {
            let answer = page(path, Some("localhost:3001"), None);
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
        }
    }

    #[test]
    fn p4_the_page_loads_and_reaches_nothing_elsewhere() {
        let of = |host| {
            let answer = page("/try/plans", host, None);
            text(&answer, "content-security-policy").to_owned()
        };
        let policy = of(Some("localhost:3001"));
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("connect-src 'self' ws://localhost:3001 wss://localhost:3001; "));
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        for host in [None, Some("a.example;script-src *"), Some("*"), Some("a b")] {
            let policy = of(host);
            assert!(policy.contains("connect-src 'self'; "), "{policy}");
        }

        assert!(!markup().contains("<style") && !markup().contains("://"));
        assert_eq!(markup().matches("<script").count(), 1);
        assert!(markup().contains("<script type=\"module\" src=\"/assets/try.js?v="));
    }
}
