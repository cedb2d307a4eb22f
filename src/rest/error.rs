//! What is answered to a request that was not granted: `application/problem+json` (RFC 9457) with a stable code.
//!
//! The only place that knows which refusal is which status. The rule: a cause that is not the client's business goes to the log under the
//! request's id, and not into the answer.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{Method, StatusCode};
use warp::reply::{Reply, Response};

use crate::access::Denied;
use crate::room::BadName;
use crate::service::{Refusal, ServiceError};

/// Why a request was not granted.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Hint,
    /// For the log.
    cause: Option<String>,
}

/// What a header says besides.
#[derive(Debug)]
enum Hint {
    None,
    /// How the address may be asked.
    Allowed(String),
    /// With what.
    Bearer,
    /// In how many seconds.
    After(u64),
}

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Always `about:blank`: `code` tells problems apart.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// What the status is called.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is the matter, for programs. It stays the same from version to version.
    #[schema(example = "room-not-found")]
    code: &'static str,
    /// What is the matter, for people.
    detail: &'a str,
    /// Also in the header `X-Request-Id`, and in the server's log.
    request_id: &'a str,
}

impl Problem {
    /// With a status, a code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            hint: Hint::None,
            cause: None,
        }
    }

    /// A request that makes no sense.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", detail)
    }

    /// An address that there is, asked for in a way that there is not.
    pub fn method_not_allowed(allowed: &[Method]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
        let allowed = allowed.join(", ");
        let detail = format!("this address answers {allowed}");
        Self {
            hint: Hint::Allowed(allowed),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        }
    }

    /// Too much is going on.
    pub fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).after(5)
    }

    fn after(mut self, seconds: u64) -> Self {
        self.hint = Hint::After(seconds.max(1));
        self
    }

    fn because(mut self, cause: String) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The answer. What someone should look at is logged.
    pub fn into_response(self, request_id: &str) -> Response {
        if self.status.is_server_error() {
            let cause = self.cause.as_deref().unwrap_or(&self.detail);
            tracing::warn!(request_id, status = self.status.as_u16(), code = self.code, %cause, "request failed");
        }
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            request_id,
        };
        let mut response = warp::reply::json(&body).into_response();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        match self.hint {
            Hint::None => {}
            Hint::Allowed(methods) => {
                let methods = HeaderValue::from_str(&methods).ok();
                headers.extend(methods.map(|methods| (ALLOW, methods)));
            }
            Hint::Bearer => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Hint::After(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
        }
        response
    }
}

impl From<BadName> for Problem {
    fn from(bad: BadName) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-room-name", bad.to_string())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let (status, code) = match denied {
            Denied::NoCredentials => (StatusCode::UNAUTHORIZED, "no-credentials"),
            Denied::BadToken(_) => (StatusCode::UNAUTHORIZED, "bad-token"),
            Denied::DeadGrant(_) => (StatusCode::UNAUTHORIZED, "dead-grant"),
            Denied::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Denied::Blocked => (StatusCode::FORBIDDEN, "blocked"),
            Denied::ForeignPage => (StatusCode::FORBIDDEN, "foreign-page"),
            Denied::Deleted => (StatusCode::GONE, "room-deleted"),
            Denied::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"),
            Denied::Undecided => (StatusCode::SERVICE_UNAVAILABLE, "undecided"),
        };
        let problem = Self::new(status, code, denied.to_string());
        match status {
            StatusCode::UNAUTHORIZED => Self {
                hint: Hint::Bearer,
                ..problem
            },
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => problem.after(5),
            _ => problem,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::RoomNotFound => (StatusCode::NOT_FOUND, "room-not-found"),
            Refusal::InviteNotFound => (StatusCode::NOT_FOUND, "invite-not-found"),
            Refusal::GrantNotFound => (StatusCode::NOT_FOUND, "grant-not-found"),
            Refusal::AssetNotFound => (StatusCode::NOT_FOUND, "asset-not-found"),
            Refusal::AssetExists => (StatusCode::CONFLICT, "asset-exists"),
            Refusal::AssetsFull { .. } => (StatusCode::CONFLICT, "assets-full"),
            Refusal::AssetKind(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
            Refusal::AssetTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Refusal::ClientNotFound => (StatusCode::NOT_FOUND, "client-not-found"),
            Refusal::ExportNotFound => (StatusCode::NOT_FOUND, "export-not-found"),
            Refusal::ExportsKept => (StatusCode::FORBIDDEN, "export-forbidden"),
            Refusal::TooManyExports => (StatusCode::TOO_MANY_REQUESTS, "too-many-exports"),
            Refusal::NotDrawable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-drawable"),
            Refusal::TooOften { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-often"),
            Refusal::RoomExists => (StatusCode::CONFLICT, "room-exists"),
            Refusal::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
            Refusal::NotDeleted => (StatusCode::CONFLICT, "room-not-deleted"),
            Refusal::WrongPassword => (StatusCode::FORBIDDEN, "wrong-password"),
            Refusal::InviteGiven => (StatusCode::CONFLICT, "invite-given"),
            Refusal::InviteInvalid => (StatusCode::FORBIDDEN, "invite-invalid"),
            Refusal::InviteUsedUp => (StatusCode::GONE, "invite-used-up"),
            Refusal::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"),
            Refusal::Incomplete { .. } => (StatusCode::CONFLICT, "update-incomplete"),
            Refusal::SecretTold => (StatusCode::UNPROCESSABLE_ENTITY, "secret-in-update"),
            Refusal::Full => (StatusCode::CONFLICT, "room-full"),
            Refusal::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid-request"),
        };
        let problem = Self::new(status, code, refusal.to_string());
        match refusal {
            Refusal::TooManyAttempts { retry_after } | Refusal::TooOften { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                problem.after(seconds)
            }
            Refusal::TooManyExports => problem.after(5),
            _ => problem,
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Denied(denied) => denied.into(),
            ServiceError::Refused(refusal) => refusal.into(),
            ServiceError::NotFound(sentence) => {
                Self::new(StatusCode::NOT_FOUND, "version-not-found", sentence)
            }
            ServiceError::Unavailable(cause) => {
                Self::busy("this cannot be done at the moment; try again later").because(cause)
            }
            ServiceError::Unreadable(cause) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "unreadable",
                "what is stored cannot be read; the operator finds the reason in the log",
            )
            .because(cause),
        }
    }
}
