//! What is built into the program for browsers: the pages' scripts, styles and fonts, under `/assets/`.
//!
//! So the pages work where nothing else can be reached. The rule: a file is kept for good only under the version that its page names, which
//! changes with its bytes.

use std::sync::LazyLock;

use scrible_exporter::text::{Family, Weight, bundled_file};
use sha2::{Digest, Sha256};
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::path::Tail;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

/// What a file is kept for by browsers that asked for this very version.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked for each time whether it is still right.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// A file that is built in.
pub struct Asset {
    /// Below `/assets/`.
    name: &'static str,
    pub(super) bytes: &'static [u8],
    kind: &'static str,
    /// Changes with the bytes: the first half of their SHA-256.
    version: String,
}

static ASSETS: LazyLock<[Asset; 11]> = LazyLock::new(|| {
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
            "dashboard.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/dist/dashboard.js"),
        ),
        Asset::new(
            "dashboard.css",
            "text/css; charset=utf-8",
            include_bytes!("../../web/dist/dashboard.css"),
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

/// `/assets/<file>`.
pub fn route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path("assets")
        .and(warp::get())
        .and(warp::path::tail())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::optional::<String>("if-none-match"))
        .and_then(
            |tail: Tail, query: String, known: Option<String>| async move {
                file(tail.as_str(), &query, known.as_deref()).ok_or_else(warp::reject::not_found)
            },
        )
}

fn file(name: &str, query: &str, known: Option<&str>) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    Some(asset.response(query, known))
}

impl Asset {
    /// `name`: below `/assets/`.
    pub fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
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

    /// The answer to a request. `known`: what the browser says that it has.
    pub fn response(&self, query: &str, known: Option<&str>) -> Response {
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

    #[tokio::test]
    async fn p5_files_are_kept_for_good_under_the_version_that_the_page_names() {
        const TRY: &str = include_str!("../../web/dist/try.html");
        const DASHBOARD: &str = include_str!("../../web/dist/dashboard.html");
        for (page, name) in [
            (TRY, "try.js"),
            (TRY, "try.css"),
            (DASHBOARD, "dashboard.js"),
            (DASHBOARD, "dashboard.css"),
        ] {
            let at = page.find(&format!("/assets/{name}?v=")).unwrap();
            let address = page[at..].split('"').next().unwrap();
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
