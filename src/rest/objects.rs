//! `GET /objects/<key>`: what a signed link to a file leads to, where files are in a folder of this server.
//!
//! Knows links, not what they lead to. The rule: without a signature that is good nobody learns whether there is a file.

use std::sync::Arc;
use std::time::SystemTime;

use scrible_objects::{BadLink, Key, ObjectError};
use warp::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, REFERRER_POLICY,
};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::path::Tail;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::View;
use super::serve::{Asked, Told, serve};

/// Links end by their time; whoever fetched the file by one may look at it again for a minute without asking.
const CACHE: &str = "private, max-age=60";

/// The route.
pub fn route(
    view: impl Filter<Extract = (Arc<View>,), Error = std::convert::Infallible> + Clone + Send + Sync,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path("objects")
        .and(warp::get().or(warp::head()).unify())
        .and(warp::method())
        .and(warp::path::tail())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(view)
        .then(
            |method, key: Tail, query: String, headers, view: Arc<View>| async move {
                answer(&view, (key.as_str(), &query), &method, &headers).await
            },
        )
}

async fn answer(
    view: &View,
    (key, query): (&str, &str),
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let objects = view.objects.objects();
    let Some(signer) = objects.signer() else {
        return told(StatusCode::NOT_FOUND, "files are not served here");
    };
    let checked = match key.parse::<Key>() {
        Ok(key) => signer
            .verify(&key, query, SystemTime::now())
            .map(|disposition| (key, disposition)),
        Err(_) => Err(BadLink::Forged),
    };
    let (key, disposition) = match checked {
        Ok(good) => good,
        Err(bad) => return told(StatusCode::FORBIDDEN, &bad.to_string()),
    };
    let with = Told {
        etag: None,
        content_type: None,
        disposition,
        cache: CACHE,
    };
    let mut response = match serve(&**objects, &key, &Asked { method, headers }, with).await {
        Ok(response) => response,
        Err(ObjectError::NotFound(_)) => {
            return told(StatusCode::NOT_FOUND, "the file is not there any more");
        }
        Err(error) => {
            tracing::warn!(%key, %error, "a file cannot be given out");
            let why = "the file cannot be read at the moment; try again later";
            return told(StatusCode::SERVICE_UNAVAILABLE, why);
        }
    };
    let headers = response.headers_mut();
    // Whoever has the link may have the file, whatever page it is.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = HeaderValue::from_static("Content-Disposition, Content-Range, ETag");
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn told(status: StatusCode, sentence: &str) -> Response {
    let mut response = warp::reply::with_status(format!("{sentence}\n"), status).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert("cache-control", no_store);
    response
}
