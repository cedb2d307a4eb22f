//! The API under `/api`: takes requests apart, asks the services, and answers in JSON.
//!
//! What there is stands in one table, [`routes`]. The one rule: every answer, also a refusal, has a request id, and is a finished reply.

mod assets;
mod call;
mod documents;
mod events;
pub mod exports;
mod intake;
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

use bytes::Buf;
use futures_util::Stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::Response;

use self::call::{Answer, Call};
pub use self::call::{LIMIT, MAX_LIMIT};
use self::events::Events;
use self::intake::{Intake, Taken, collect};
use self::routes::{ROUTES, Route, Takes, Who, fits};
use super::error::Problem;
use super::{cors, openapi};
use crate::access::{self, Denied, From, Knock};
use crate::room::Address;
use crate::service::Services;
use crate::socket::{TooSlow, Visitor};

/// The largest JSON body.
const MAX_JSON_BYTES: usize = 64 << 10;
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
    uploads: Intake,
    /// Apart: people paste when they like, and all of a class at once.
    pictures: Intake,
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
            uploads: Intake::new(max_upload_bytes),
            pictures: Intake::new(services.files().limits.bytes),
            services,
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
        let intake = match route.takes {
            Takes::Bytes => Some(&self.uploads),
            Takes::Picture => Some(&self.pictures),
            Takes::Nothing | Takes::Json(_) | Takes::MaybeJson(_) => None,
        };
        let limit = intake.map_or(MAX_JSON_BYTES, Intake::limit);
        let taken = match (intake, &route.method) {
            (_, &Method::GET) => Taken::nothing(),
            _ if is_longer(&head.headers, limit) => return Err(too_large(limit)),
            (Some(intake), _) => intake.take(body).await?,
            (None, _) => collect(body, limit, None).await?,
        };
        let _turn = match intake {
            Some(intake) => Some(intake.turn().await?),
            None => None,
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
            body: taken.bytes.clone(),
        };
        (route.run)(call).await
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

/// Whether a body says before it comes that it is.
fn is_longer(headers: &HeaderMap, limit: usize) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length > limit)
}

fn too_large(limit: usize) -> Problem {
    let why = format!("the body has more than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", why)
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
