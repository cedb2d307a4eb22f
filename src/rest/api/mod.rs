//! The API under `/api`: takes requests apart, asks the services, and answers in JSON.
//!
//! What there is stands in one table, [`routes`]. The one rule: every answer, also a refusal, has a request id, and is a finished reply.

mod assets;
mod call;
mod documents;
mod events;
pub mod exports;
mod invites;
mod join;
mod people;
pub mod previews;
mod rooms;
pub mod routes;
pub mod schemas;
mod snapshots;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::Response;

use self::call::{Answer, Call};
pub use self::call::{LIMIT, MAX_LIMIT};
use self::events::Events;
use self::routes::{ROUTES, Route, Takes, Who, fits};
use super::error::Problem;
use super::{cors, openapi};
use crate::access::{self, Denied, From, Knock};
use crate::room::Address;
use crate::service::Services;
use crate::socket::{TooSlow, Visitor};

/// The largest JSON body.
const MAX_JSON_BYTES: usize = 64 << 10;
/// Files that are taken in at once, each up to the limit of a message in memory; whoever comes on top is told to come again.
const UPLOADS: usize = 4;
/// How long somebody who pastes a picture waits for those before him.
const PICTURE_TURN: Duration = Duration::from_secs(15);
/// What means nothing in a path.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The API of a node.
pub struct Api {
    /// The OpenAPI document.
    pub document: Value,
    services: Arc<Services>,
    /// The largest file, in bytes.
    max_upload_bytes: usize,
    uploads: Semaphore,
    pictures: Semaphore,
    events: Arc<Events>,
}

/// The head of a request.
pub struct Head {
    /// How it asks.
    pub method: Method,
    /// For what, as it came.
    pub path: String,
    /// What is behind the `?`.
    pub query: String,
    /// The rest.
    pub headers: HeaderMap,
    /// Who sends it.
    pub visitor: Visitor,
}

impl Api {
    /// Over the services of a node. Whoever watches it does so until `stop` is cancelled.
    pub fn new(services: Arc<Services>, max_upload_bytes: usize, stop: CancellationToken) -> Self {
        Self {
            document: serde_json::to_value(openapi::document()).unwrap_or_default(),
            services,
            max_upload_bytes,
            uploads: Semaphore::new(UPLOADS),
            pictures: Semaphore::new(UPLOADS),
            events: Events::new(stop),
        }
    }

    /// Answers a request. Never fails: what cannot be done is an answer as well.
    pub async fn answer<B: Buf>(
        &self,
        head: Head,
        body: impl Stream<Item = Result<B, warp::Error>> + Send + Unpin,
    ) -> Response {
        let request_id = request_id();
        let origin = head.headers.get(ORIGIN).cloned();
        let knock = Knock::of(
            self.services.gate(),
            &access::Request {
                headers: &head.headers,
                query: None,
                link: None,
                peer: head.visitor.address,
                is_local: head.visitor.is_local(),
            },
        );
        let from = knock.from;
        let answered = self.try_answer(head, knock, body).await;
        let mut response = answered.unwrap_or_else(|problem| problem.into_response(&request_id));
        cors::mark(&mut response, origin.as_ref(), from);
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert("x-request-id", id);
        }
        // Unless whoever made the answer knows better.
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn try_answer<B: Buf>(
        &self,
        head: Head,
        mut knock: Knock,
        body: impl Stream<Item = Result<B, warp::Error>> + Send + Unpin,
    ) -> Answer {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        if !self.services.gate().serves_host(host) {
            let why = "this server is not reached by this name; the operator can open it to others";
            return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-host", why));
        }
        if knock.from == From::ForeignPage {
            return Err(Denied::ForeignPage.into());
        }
        let fitting = ROUTES
            .iter()
            .filter_map(|route| Some((route, fits(route.path, &head.path)?)));
        let fitting: Vec<_> = fitting.collect();
        let methods: Vec<_> = fitting
            .iter()
            .map(|(route, _)| route.method.clone())
            .collect();
        if methods.is_empty() {
            let why = "there is nothing at this address; /docs says what there is";
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-such-address", why));
        }
        if cors::is_preflight(&head.method, &head.headers) {
            return Ok(cors::preflight(&methods));
        }
        let route = fitting
            .into_iter()
            .find(|(route, _)| route.method == head.method);
        let (route, segments) = route.ok_or_else(|| Problem::method_not_allowed(&methods))?;
        let (mut room, mut number) = (None, None);
        for (segment, is_room) in segments {
            match is_room {
                true => room = Some(Address::from_encoded(segment)?),
                false => number = Some(segment.to_owned()),
            }
        }
        let room = room.map(|Address { room, link }| {
            knock.credentials.link = link;
            room
        });
        check_kind(route, &head.headers, &knock)?;
        // Before anything of a file is taken in.
        if let (Takes::Bytes | Takes::Picture, Who::Has(role), Some(room)) =
            (route.takes, route.who, &room)
        {
            self.services.check(room, &knock, role).await?;
        }
        let _upload = match route.takes {
            Takes::Bytes => Some(self.uploads.try_acquire().map_err(|_| {
                Problem::busy("too many files are being taken in; try again later")
            })?),
            // People paste when they like, and all of a class at once: they wait for each other.
            Takes::Picture => match timeout(PICTURE_TURN, self.pictures.acquire()).await {
                Ok(Ok(permit)) => Some(permit),
                _ => {
                    return Err(Problem::busy(
                        "too many files are being taken in; try again later",
                    ));
                }
            },
            _ => None,
        };
        let body = match route.method {
            Method::GET => Bytes::new(),
            _ => read(body, &head.headers, self.limit(route)).await?,
        };
        let call = Call {
            services: self.services.clone(),
            events: self.events.clone(),
            knock,
            room,
            number,
            method: head.method,
            query: head.query,
            headers: head.headers,
            body,
        };
        (route.run)(call).await
    }

    fn limit(&self, route: &Route) -> usize {
        match route.takes {
            Takes::Bytes => self.max_upload_bytes,
            Takes::Picture => self.services.files().limits.bytes,
            Takes::Nothing | Takes::Json(_) | Takes::MaybeJson(_) => MAX_JSON_BYTES,
        }
    }
}

/// A name as one segment of a path.
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, &KEPT).to_string()
}

/// A browser sends cookies with whatever a page makes it send, and asks nobody before it sends a form. So with a cookie alone what changes
/// something must be JSON.
fn check_kind(route: &Route, headers: &HeaderMap, knock: &Knock) -> Result<(), Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .map(|kind| kind.to_str().unwrap_or_default());
    let essence = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let is_json = essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_empty = kind.is_none()
        && headers
            .get(CONTENT_LENGTH)
            .is_none_or(|length| length == "0");
    let by_cookie = knock.credentials.cookie.is_some() && knock.credentials.token.is_none();
    let takes_json = matches!(route.takes, Takes::Json(_) | Takes::MaybeJson(_));
    // No form sends a PUT, and of scripts those of known pages alone.
    let is_picture = route.takes == Takes::Picture && knock.from == From::KnownPage;
    let must_be_json = takes_json || (by_cookie && route.method != Method::GET && !is_picture);
    match must_be_json && !is_json && !is_empty {
        false => Ok(()),
        true => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "the body must be JSON, with `Content-Type: application/json`; files are taken with a token only",
        )),
    }
}

/// The whole body, if it is not too large.
async fn read<B: Buf>(
    mut body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let why = format!("the body has more than {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", why)
    };
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(part) = body.next().await {
        let mut part = part.map_err(|error| broken(&error))?;
        if whole.len() + part.remaining() > limit {
            return Err(too_large());
        }
        while part.has_remaining() {
            let chunk = part.chunk();
            let taken = chunk.len();
            whole.extend_from_slice(chunk);
            part.advance(taken);
        }
    }
    Ok(whole.freeze())
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            let why = "the body came too slowly";
            return Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", why);
        }
        cause = error.source();
    }
    Problem::invalid("the body broke off")
}

/// Tells one request from all others, in answers and in the log.
fn request_id() -> String {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => format!("{:016x}", u64::from_be_bytes(bytes)),
        Err(_) => "unknown".to_owned(),
    }
}
