//! A client of the API of a running server: sends a request, and gives the answer or why there is none.
//!
//! Knows HTTP and the form of problems, not what is asked. The rule: the token goes to the server that was named and to no other, so
//! no redirect is followed.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::table::shown;
use crate::access::{Secret, is_loopback_name};
use crate::tls;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long all of a request may take: a room may have to be closed on other nodes first.
const DEADLINE: Duration = Duration::from_secs(60);
/// A page of the longest names and titles is a fraction of this.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Of a list, in one request: as many as the server gives.
const PAGE: &str = "200";

/// A server, and who asks it.
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    server: String,
    token: Option<Secret>,
}

/// Why a request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The server said so.
    #[error("{0}")]
    Refused(Refused),
    /// No server was reached, or none of ours.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// What a server says of a request that it does not grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// For people.
    pub detail: String,
    /// What the server's log calls the request.
    pub request_id: String,
    /// In how many seconds it may be asked again.
    pub retry_after: Option<u64>,
    /// Whether a token was shown.
    pub with_token: bool,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    request_id: String,
}

impl Client {
    /// Of a server by its address.
    ///
    /// # Errors
    /// What is no address, and a token that cannot be sent.
    pub fn new(server: &str, token: Option<Secret>) -> Result<Self> {
        let url = address(server)?;
        tls::ready();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("scrible/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(DEADLINE);
        if url.scheme() == "http" {
            // A machine without authorities can ask a plain server as well.
            builder = builder.tls_certs_only([]);
        }
        if is_this_machine(&url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| match error.is_builder() {
            true => anyhow!(error).context(
                "no authorities for certificates are known here: name a file of them (PEM) in SSL_CERT_FILE",
            ),
            false => anyhow!(error),
        })?;
        Ok(Self {
            http,
            server: url.as_str().trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// Whether it shows a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Sends a request with a body, or without one, and gives what is answered; `null` where that is nothing.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failed> {
        let request = self.http.request(method, format!("{}{path}", self.server));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let request = self.authorized(request)?;
        let response = request.send().await.map_err(|error| self.broken(error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(self.redirected(&response).into());
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|after| after.to_str().ok()?.parse().ok());
        let answer = self.read(response).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        if status.is_success()
            && let Ok(answer) = serde_json::from_slice(&answer)
        {
            return Ok(answer);
        }
        match serde_json::from_slice::<Problem>(&answer) {
            Ok(problem) if !status.is_success() => Err(Failed::Refused(Refused {
                status: status.as_u16(),
                code: shown(&problem.code),
                detail: shown(&problem.detail),
                request_id: shown(&problem.request_id),
                retry_after,
                with_token: self.token.is_some(),
            })),
            _ => Err(self.something_else(status, kind.as_deref()).into()),
        }
    }

    /// All of a list, page by page: what stands under `items` in the answers.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn all(
        &self,
        path: &str,
        query: &[(&str, &str)],
        items: &str,
    ) -> Result<Vec<Value>, Failed> {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut asked = form_urlencoded::Serializer::new(String::new());
            asked.append_pair("limit", PAGE).extend_pairs(query);
            if let Some(cursor) = &cursor {
                asked.append_pair("cursor", cursor);
            }
            let path = format!("{path}?{}", asked.finish());
            let mut page = self.ask(Method::GET, &path, None).await?;
            let Some(Value::Array(more)) = page.get_mut(items).map(Value::take) else {
                return Err(self.other_version(items).into());
            };
            let next = page["next"].as_str().map(str::to_owned);
            // A server that goes around in circles shall not keep us.
            if next.is_some() && (more.is_empty() || next == cursor) {
                return Err(self.other_version("next").into());
            }
            found.extend(more);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// An answer as what it should be.
    ///
    /// # Errors
    /// Another version of the server says it otherwise.
    pub fn read_as<T: for<'de> Deserialize<'de>>(&self, answer: &Value) -> Result<T> {
        T::deserialize(answer).map_err(|error| self.other_version(&error.to_string()))
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder> {
        let Some(token) = &self.token else {
            return Ok(request);
        };
        let value = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
        // What was wrong with it would show it.
        let mut value = value
            .ok()
            .context("the token holds characters that no token has")?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.broken(error))? {
            ensure!(
                whole.len() + part.len() <= MAX_ANSWER_BYTES,
                "{} answers with more than {MAX_ANSWER_BYTES} bytes, which is not what was asked for",
                self.server
            );
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }

    fn broken(&self, error: reqwest::Error) -> anyhow::Error {
        let server = &self.server;
        // It would name the whole address once more.
        let error = error.without_url();
        if let Some(trouble) = tls::trouble(&error) {
            return anyhow!("{server}: {trouble}");
        }
        if error.is_timeout() {
            return anyhow!("{server} did not answer in time; try again in a moment");
        }
        let root = root(&error);
        if error.is_connect() {
            return anyhow!(
                "nobody answers at {server} ({root}): start the server with `scrible`, or name it with --server"
            );
        }
        let hint = self.hint_of_tls();
        anyhow!("{server} does not answer as a web server does ({root}){hint}")
    }

    fn redirected(&self, response: &Response) -> anyhow::Error {
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let to = location.and_then(|location| response.url().join(location).ok());
        let to = to.map_or("elsewhere".to_owned(), |to| {
            format!("to {}", to.origin().ascii_serialization())
        });
        anyhow!(
            "{} redirects {to}, and a token is not carried on: if that is right, name it with --server",
            self.server
        )
    }

    fn something_else(&self, status: StatusCode, kind: Option<&str>) -> anyhow::Error {
        let what = kind.map_or("nothing".to_owned(), shown);
        let hint = match status {
            StatusCode::BAD_REQUEST => self.hint_of_tls(),
            _ => "",
        };
        anyhow!(
            "at {} there is no Scrible server, or a proxy answers for it: status {}, {what} instead of JSON{hint}",
            self.server,
            status.as_u16()
        )
    }

    /// Servers that speak TLS answer to plain HTTP in all manners.
    fn hint_of_tls(&self) -> &'static str {
        match self.server.starts_with("http:") {
            true => "; if it speaks TLS, write https://",
            false => "",
        }
    }

    fn other_version(&self, what: &str) -> anyhow::Error {
        anyhow!(
            "the answer of {} is not understood ({what}): this command and the server should be of the same version",
            self.server
        )
    }
}

impl Failed {
    /// For the person who typed the command; `takes` is what somebody needs to be allowed to do this.
    pub fn told(self, takes: &str) -> anyhow::Error {
        match self {
            Self::Refused(refused) => match refused.remedy(takes) {
                Some(remedy) => anyhow!("{refused}; {remedy}"),
                None => anyhow!("{refused}"),
            },
            Self::Broken(error) => error,
        }
    }

    /// Whether the server said so with this code.
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refused) if refused.code == code)
    }
}

impl Refused {
    fn remedy(&self, takes: &str) -> Option<String> {
        let show = "name a token in SCRIBLE_TOKEN or with --token; `scrible token` makes one";
        Some(match self.code.as_str() {
            "no-credentials" => show.to_owned(),
            "forbidden" | "room-deleted" if !self.with_token => {
                format!("this takes {takes}: {show}")
            }
            "forbidden" => format!("this takes {takes}"),
            "bad-token" => {
                "get a fresh one; `scrible token` makes one where the server's key is set"
                    .to_owned()
            }
            "room-exists" => "take another name".to_owned(),
            "room-deleted" => {
                "`scrible room restore` brings it back, for its owner and for admins".to_owned()
            }
            "foreign-host" => "name the server with --server as SCRIBLE_PUBLIC_URL does".to_owned(),
            _ => match (self.retry_after, self.status) {
                (Some(seconds), _) => format!("try again in {seconds} s"),
                (None, 500..) => "try again in a moment".to_owned(),
                (None, _) => return None,
            },
        })
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            code,
            detail,
            request_id,
            ..
        } = self;
        write!(f, "{detail} ({status} {code}, request {request_id})")
    }
}

/// What an error comes down to.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The address of a server, if it is one.
fn address(server: &str) -> Result<Url> {
    // Whoever writes a password there shall not find it on the screen.
    ensure!(
        !server.contains('@'),
        "the address of a server holds no user and no password: show a token (SCRIBLE_TOKEN)"
    );
    let wrong = || {
        format!(
            "{server:?} is no address of a server; it looks like https://host or http://host:port"
        )
    };
    let url = Url::parse(server).with_context(wrong)?;
    let is_ours = matches!(url.scheme(), "http" | "https") && url.has_host();
    ensure!(
        is_ours && url.query().is_none() && url.fragment().is_none(),
        wrong()
    );
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default();
    is_loopback_name(name.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h19_what_is_no_address_is_told_and_a_password_in_it_is_not() {
        for server in [
            "h:1",
            "ws://h:1",
            "http://",
            "http://h/?a",
            "http://h/#a",
            "",
        ] {
            let told = format!("{:#}", address(server).unwrap_err());
            assert!(told.contains("looks like https://host"), "{told}");
        }
        for server in ["http://me:planted@h", "me:planted@h"] {
            let told = format!("{:#}", address(server).unwrap_err());
            assert!(
                told.contains("SCRIBLE_TOKEN") && !told.contains("planted"),
                "{told}"
            );
        }
        let client = Client::new("http://h:1/under/", None).unwrap();
        assert_eq!(client.server, "http://h:1/under");
        for (server, local) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:1", true),
            ("http://localhost.example", false),
            ("https://10.0.0.1", false),
        ] {
            assert_eq!(
                is_this_machine(&address(server).unwrap()),
                local,
                "{server}"
            );
        }
    }

    #[test]
    fn h15_what_a_server_refuses_is_told_with_what_to_do() {
        let refused = |code: &str, with_token, retry_after| {
            let refused = Refused {
                status: 403,
                code: code.to_owned(),
                detail: "you may not".to_owned(),
                request_id: "0f".to_owned(),
                retry_after,
                with_token,
            };
            Failed::Refused(refused).told("a crown").to_string()
        };
        for (told, wanted) in [
            (
                refused("forbidden", true, None),
                "(403 forbidden, request 0f); this takes a crown",
            ),
            (
                refused("forbidden", false, None),
                "a crown: name a token in SCRIBLE_TOKEN",
            ),
            (
                refused("no-credentials", false, None),
                "`scrible token` makes one",
            ),
            (refused("bad-token", true, None), "get a fresh one"),
            (
                refused("too-many-attempts", true, Some(6)),
                "try again in 6 s",
            ),
            (
                refused("room-deleted", true, None),
                "`scrible room restore`",
            ),
        ] {
            assert!(
                told.starts_with("you may not (") && told.contains(wanted),
                "{told}"
            );
        }
        assert_eq!(
            refused("odd", true, None),
            "you may not (403 odd, request 0f)"
        );
    }

    #[tokio::test]
    async fn h20_a_token_that_cannot_be_sent_is_not_shown() {
        let client =
            Client::new("http://127.0.0.1:1", Some(Secret::new("planted\ntoken"))).unwrap();
        let failed = client.ask(Method::GET, "/", None).await.unwrap_err();
        let told = format!("{failed} {failed:?}");
        assert!(
            told.contains("no token has") && !told.contains("planted"),
            "{told}"
        );
    }
}
