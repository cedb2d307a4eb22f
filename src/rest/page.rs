//! `GET /`: the dashboard.
//!
//! The page is the same for everybody and says nothing of the rooms; what it shows it asks of the API, which decides who may see it. The
//! rule: it may load from here only, and runs no script that does not lie in a file of its own.

use std::sync::LazyLock;

use warp::http::HeaderMap;
use warp::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::built_in::Asset;
use crate::access::sits_here;
use crate::socket::Visitor;

/// Pictures of boards come with a token, so the script fetches them and shows them as what a `blob:` names.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "dashboard.html",
        "text/html; charset=utf-8",
        include_bytes!("../../web/dist/dashboard.html"),
    )
});

/// `/`.
pub fn route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path::end()
        .and(warp::get())
        .and(warp::header::optional::<String>("if-none-match"))
        .map(|known: Option<String>| page(known.as_deref()))
}

/// Whether a visitor may read names of rooms: whoever would own every room of an open server.
pub fn is_local(visitor: &Visitor, headers: &HeaderMap) -> bool {
    visitor.is_local() && sits_here(headers)
}

fn page(known: Option<&str>) -> Response {
    let mut response = PAGE.response("", known);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::TrustedProxies;

    #[test]
    fn p1_rooms_are_listed_only_for_who_sits_at_this_machine() {
        let visitor = |address: [u8; 4], headers: &HeaderMap| {
            TrustedProxies::default().visitor(address.into(), headers)
        };
        let page = ("origin", "http://localhost:5173");
        for (list, listed) in [
            (&[("host", "localhost:3001")][..], true),
            (&[("host", "127.0.0.1")], true),
            (&[("host", "[::1]:3001")], true),
            (&[("host", "app.localhost:80"), page], true),
            (&[("host", "evil.example")], false),
            (&[("host", "localhost.evil.example")], false),
            (&[("host", "10.0.0.1:3001")], false),
            (&[("host", "")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[], false),
            // A page elsewhere that asks by the address of this machine, and what is in doubt.
            (
                &[("host", "localhost"), ("origin", "https://evil.example")],
                false,
            ),
            (&[("host", "localhost"), ("origin", "null")], false),
            (&[("host", "localhost"), page, page], false),
            (&[("host", "localhost"), ("host", "localhost")], false),
            (
                &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.append(*name, value.parse().unwrap());
            }
            let here = visitor([127, 0, 0, 1], &headers);
            assert_eq!(is_local(&here, &headers), listed, "{list:?}");
            let elsewhere = visitor([192, 0, 2, 1], &headers);
            assert!(!is_local(&elsewhere, &headers), "{list:?}");
        }
    }
    #[test]
    fn z6_the_page_loads_from_here_only_and_runs_scripts_from_files_only() {
        let answer = page(None);
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "));
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        assert!(policy.contains("frame-ancestors 'none'"));
        let markup = std::str::from_utf8(PAGE.bytes).unwrap();
        assert!(!markup.contains("<style") && !markup.contains(" style="));
        assert_eq!(markup.matches("<script").count(), 1);
        assert!(markup.contains("<script type=\"module\" src=\"/assets/dashboard.js?v="));
    }
}
