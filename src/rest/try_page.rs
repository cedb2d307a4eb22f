//! `GET /try/<room>`: a small canvas for whoever has no front end yet, and its files under `/assets/`.
//!
//! Everything is built into the program, so it works where nothing else can be reached. The page is the same for every room and for
//! everybody; who may be in a room is decided by the room's socket. The rule: it may load from here only, and runs no script that
//! does not lie in a file of its own.

use std::sync::LazyLock;

use scrible_exporter::text::{Family, Weight, bundled_file};
use sha2::{Digest, Sha256};
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{StatusCode, uri::Authority};
use warp::path::{FullPath, Tail};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::room::Address;

/// What a file is kept for by browsers that asked for this very version.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked for each time whether it is still right.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// A file that is built in.
struct Asset {
    /// Below `/assets/`.
    name: &'static str,
    bytes: &'static [u8],
    kind: &'static str,
    /// Changes with the bytes: the first half of their SHA-256.
    version: String,
}

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "try.html",
        "text/html; charset=utf-8",
        include_bytes!("../../web/dist/try.html"),
    )
});

static ASSETS: LazyLock<[Asset; 9]> = LazyLock::new(|| {
    let font = |name, family, weight| {
        let bytes = bundled_file(family, weight).expect("these families are bundled");
        Asset::new(name, "font/ttf", bytes)
    };
    [
        Asset::new(
            "try.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/dist/try.js"),
        ),
        Asset::new(
            "try.css",
            "text/css; charset=utf-8",
            include_bytes!("../../web/dist/try.css"),
        ),
        Asset::new(
            "try-licences.txt",
            "text/plain; charset=utf-8",
            include_bytes!("../../web/dist/try-licences.txt"),
        ),
        font("fonts/draw.ttf", Family::DRAW, Weight::Normal),
        font("fonts/draw-bold.ttf", Family::DRAW, Weight::Bold),
        font("fonts/sans.ttf", Family::SANS, Weight::Normal),
        font("fonts/sans-bold.ttf", Family::SANS, Weight::Bold),
        font("fonts/serif.ttf", Family::SERIF, Weight::Normal),
        font("fonts/mono.ttf", Family::MONO, Weight::Normal),
    ]
});

/// `/try/<room>` and `/assets/<file>`.
pub fn route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let etag = warp::header::optional::<String>("if-none-match");
    let page = warp::path("try")
        .and(warp::get())
        .and(warp::path::full())
        .and(warp::header::optional::<String>("host"))
        .and(etag)
        .map(
            |path: FullPath, host: Option<String>, known: Option<String>| {
                page(path.as_str(), host.as_deref(), known.as_deref())
            },
        );
    let files = warp::path("assets")
        .and(warp::get())
        .and(warp::path::tail())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(etag)
        .and_then(
            |tail: Tail, query: String, known: Option<String>| async move {
                file(tail.as_str(), &query, known.as_deref()).ok_or_else(warp::reject::not_found)
            },
        );
    page.or(files).unify()
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

fn file(name: &str, query: &str, known: Option<&str>) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    Some(asset.response(query, known))
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

impl Asset {
    fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let version = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            name,
            bytes,
            kind,
            version,
        }
    }

    /// `known` is what the browser says that it has.
    fn response(&self, query: &str, known: Option<&str>) -> Response {
        let tag = format!("\"{}\"", self.version);
        let current = known.is_some_and(|tags| {
            tags.split(',')
                .any(|each| each.trim() == tag || each.trim() == format!("W/{tag}"))
        });
        let mut response = if current {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.bytes.into_response()
        };
        let asked_for = query
            .strip_prefix("v=")
            .is_some_and(|version| version == self.version);
        let set = [
            (CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (CACHE_CONTROL, if asked_for { FOR_GOOD } else { ASK_AGAIN }),
            (
                ETAG,
                HeaderValue::try_from(tag).expect("hexadecimal digits in quotes"),
            ),
        ];
        for (name, value) in set {
            response.headers_mut().insert(name, value);
        }
        response
    }
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

    /// What lies at an address below `/assets/`, as a browser would ask for it.
    fn get(address: &str, known: Option<&str>) -> Option<Response> {
        let path = address.strip_prefix("/assets/").unwrap();
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        file(name, query, known)
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

    #[tokio::test]
    async fn p5_files_are_kept_for_good_under_the_version_that_the_page_names() {
        for name in ["try.js", "try.css"] {
            let at = markup().find(&format!("/assets/{name}?v=")).unwrap();
            let address = markup()[at..].split('"').next().unwrap();
            let answer = get(address, None).unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert!(
                text(&answer, "cache-control").contains("immutable"),
                "{address}"
            );
            assert_eq!(text(&answer, "x-content-type-options"), "nosniff");

            let plain = get(&format!("/assets/{name}"), None).unwrap();
            assert_eq!(text(&plain, "cache-control"), "no-cache");
            let tag = text(&plain, "etag").to_owned();
            for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
                let again = get(&format!("/assets/{name}"), Some(&known)).unwrap();
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
                assert!(body(again).await.is_empty());
            }
        }
        let old = get("/assets/try.js?v=0000", None).unwrap();
        assert_eq!(text(&old, "cache-control"), "no-cache");
        assert!(get("/assets/nothing", None).is_none());
    }

    #[test]
    fn p5_all_fonts_that_the_styles_name_are_there() {
        let styles = ASSETS.iter().find(|asset| asset.name == "try.css").unwrap();
        let styles = std::str::from_utf8(styles.bytes).unwrap();
        let fonts: Vec<_> = styles.split("url(").skip(1).collect();
        assert_eq!(fonts.len(), 6);
        for font in fonts {
            let address = font.split(')').next().unwrap().trim_matches(['"', '\'']);
            let answer = get(address, None).unwrap_or_else(|| panic!("{address}"));
            let kinds: Vec<_> = answer.headers().get_all("content-type").iter().collect();
            assert_eq!(kinds, ["font/ttf"], "{address}");
        }
    }
}
