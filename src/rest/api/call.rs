//! One request to the API, taken apart: who asks, for what, with what.
//!
//! Knows HTTP and JSON, not what is asked. The one rule: nothing of a request is believed beyond its form here; who may do what is the
//! services' to say.

use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use warp::http::header::HeaderValue;
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::{Reply, Response};

use super::events::Events;
use crate::access::Knock;
use crate::rest::error::Problem;
use crate::room::RoomName;
use crate::service::Services;

/// How many of a list are shown where nobody says; [`MAX_LIMIT`] at most.
pub const LIMIT: u32 = 50;
/// How many of a list are shown at most.
pub const MAX_LIMIT: u32 = 200;
/// Of an idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A request.
pub struct Call {
    /// What can be asked.
    pub services: Arc<Services>,
    /// Who watches.
    pub events: Arc<Events>,
    /// Who asks.
    pub knock: Knock,
    /// The room in the address.
    pub room: Option<RoomName>,
    /// What follows it there, as it came.
    pub number: Option<String>,
    /// How it asks.
    pub method: Method,
    /// Behind the `?`.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of it.
    pub body: Bytes,
}

/// What a handler makes of a call.
pub type Answer = Result<Response, Problem>;

impl Call {
    /// The room that is asked for.
    pub fn room(&self) -> Result<&RoomName, Problem> {
        let none = || Problem::invalid("the address names no room");
        self.room.as_ref().ok_or_else(none)
    }

    /// The number in the address.
    pub fn number<T: std::str::FromStr>(&self) -> Result<T, Problem> {
        let number = self.number.as_deref().unwrap_or_default();
        // Otherwise `+1` and `01` would be other names for 1.
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = number.parse().ok().filter(|_| is_plain);
        parsed.ok_or_else(|| Problem::invalid("the address ends in something that is no number"))
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Where it says what it found it may say a password.
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => "is not what this address takes",
                _ => "is not valid JSON",
            };
            Problem::invalid(format!("the body {what} (line {line}, column {column})"))
        })
    }

    /// The body as JSON, or what is usual where there is none.
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        match self.body.is_empty() {
            true => Ok(T::default()),
            false => self.json(),
        }
    }

    /// A parameter of the query; of several the last.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let parameters = form_urlencoded::parse(self.query.as_bytes());
        let found = parameters.filter(|(key, _)| key == name).last();
        found.map(|(_, value)| value.into_owned())
    }

    /// A parameter that is `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.parameter(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid(format!("`{name}` is true or false"))),
        }
    }

    /// How many of a list are wanted.
    pub fn limit(&self) -> Result<u32, Problem> {
        let Some(limit) = self.parameter("limit") else {
            return Ok(LIMIT);
        };
        let limit = limit
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit.ok_or_else(|| Problem::invalid(format!("`limit` is a number from 1 to {MAX_LIMIT}")))
    }

    /// Where the list goes on.
    pub fn cursor(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = self.parameter("cursor") else {
            return Ok(None);
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor);
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.filter(|text| !text.contains('\0'));
        text.map(Some).ok_or_else(bad_cursor)
    }

    /// Where a list that goes by numbers goes on.
    pub fn page(&self) -> Result<scrible_store::Page, Problem> {
        let before = self.cursor()?.map(|text| text.parse());
        let before = before.transpose().map_err(|_| bad_cursor())?;
        let limit = self.limit()?;
        Ok(scrible_store::Page { before, limit })
    }

    /// What the client calls this request.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(key) = self.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let key = key.to_str().ok();
        let key = key.filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
        let bad = || Problem::invalid("an Idempotency-Key is 1 to 255 characters of ASCII");
        key.map(Some).ok_or_else(bad)
    }

    /// How this server is reached, by its settings or as the request says.
    pub fn base_url(&self) -> String {
        match &self.services.site().public_url {
            Some(url) => url.as_str().to_owned(),
            None => {
                let host = self.headers.get("host").and_then(|host| host.to_str().ok());
                format!("http://{}", host.unwrap_or("localhost"))
            }
        }
    }
}

/// What points behind an entry of a list.
pub fn cursor_at(place: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(place)
}

/// An answer in JSON.
pub fn ok(body: &impl serde::Serialize) -> Response {
    warp::reply::json(body).into_response()
}

/// An answer in JSON, for something that is there now.
pub fn created(body: &impl serde::Serialize) -> Response {
    warp::reply::with_status(warp::reply::json(body), StatusCode::CREATED).into_response()
}

/// An answer that says all by its status.
pub fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// An answer that is ready as it is.
pub fn raw(body: Bytes, kind: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert("content-type", kind);
    response
}

fn bad_cursor() -> Problem {
    Problem::invalid("`cursor` is none that this server gave")
}
