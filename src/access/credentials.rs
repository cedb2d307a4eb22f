//! Where requests carry what proves who sends them, and what browsers say of them.
//!
//! The rule: what is taken out here is a secret from then on, and stands in no log; and what stands there twice is in doubt.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};

use super::origin::{is_loopback_host, is_loopback_origin};
use super::{Credentials, From, Gate, Knock, Secret};

/// The session cookie where people come by TLS. Browsers take it from this very host and over TLS alone.
pub const SECURE_COOKIE: &str = "__Host-scrible";
/// The session cookie elsewhere.
pub const PLAIN_COOKIE: &str = "scrible";
/// What a session cookie's secret has: 128 bits in base64url.
const COOKIE_CHARACTERS: usize = 22;
/// What browsers say of a request whose page is of the same origin, and pages cannot.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request, as far as it says who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What stands behind the `?` of its address, where a token may stand there; else `None`.
    pub query: Option<&'a str>,
    /// What stood behind the room's name.
    pub link: Option<&'a Secret>,
    /// The address of the client.
    pub peer: IpAddr,
    /// Whether it comes from this machine, not through anything.
    pub is_local: bool,
}

impl Knock {
    /// Who sends a request, by all that it carries.
    pub fn of(gate: &(impl Gate + ?Sized), request: &Request<'_>) -> Self {
        let headers = request.headers;
        let host = only(headers, &HOST);
        let origin = match headers.contains_key(ORIGIN) {
            // More than one, or one that is no text, is from nowhere that we know.
            true => Some(only(headers, &ORIGIN).unwrap_or("null")),
            false => None,
        };
        // From pages of the very origin that they ask, browsers send no `Origin` where they only read.
        let same_origin = only(headers, &FETCH_SITE) == Some("same-origin");
        let is_known_as = |scheme| {
            let own = host.map(|host| format!("{scheme}://{host}"));
            own.is_some_and(|own| gate.page(Some(&own), host) == From::KnownPage)
        };
        let from = match gate.page(origin, host) {
            From::NoPage if same_origin && ["https", "http"].into_iter().any(is_known_as) => {
                From::KnownPage
            }
            from => from,
        };
        Self {
            credentials: Credentials {
                token: bearer(headers).or_else(|| token_of_query(request.query?)),
                link: request.link.cloned(),
                cookie: cookie(headers, gate.cookie()),
            },
            from,
            peer: request.peer,
            is_local: request.is_local && sits_here(headers),
        }
    }
}

/// Whether a request that comes from this machine, not through anything, is of somebody who sits at it: a page elsewhere can make the browser of
/// this machine knock here, and point its own name at it; it cannot make it hide where it is from.
pub fn sits_here(headers: &HeaderMap) -> bool {
    let is_here = |origin| only(headers, origin).is_some_and(is_loopback_origin);
    only(headers, &HOST).is_some_and(is_loopback_host)
        && (!headers.contains_key(ORIGIN) || is_here(&ORIGIN))
}

/// The header's value, where there is one and only one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok())?
}

/// Other schemes are no business of ours: a proxy before us may ask for a password.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let values = headers.get_all(AUTHORIZATION).into_iter();
    let mut tokens = values.filter_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    tokens.next().map(Secret::new)
}

/// `?token=`. Of several the last counts, because providers append theirs; and a room's name may have brought a `?` of its own.
fn token_of_query(query: &str) -> Option<Secret> {
    let parts = query
        .split('?')
        .flat_map(|part| form_urlencoded::parse(part.as_bytes()));
    let token = parts.filter(|(key, _)| key == "token").last();
    let token = token.filter(|(_, token)| !token.is_empty());
    token.map(|(_, token)| Secret::new(&token))
}

/// The session cookie; none where somebody has set a second one beside it.
fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let value = values.next()?;
    let is_one = values.all(|other| other == value) && value.len() == COOKIE_CHARACTERS;
    is_one.then(|| Secret::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::OpenGate;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn knock(list: &[(&'static str, &str)], query: Option<&str>) -> Knock {
        let request = Request {
            headers: &headers(list),
            query,
            link: None,
            peer: PEER,
            is_local: true,
        };
        Knock::of(&OpenGate, &request)
    }

    fn shown(secret: &Option<Secret>) -> Option<&str> {
        secret.as_ref().map(Secret::reveal)
    }

    #[test]
    fn u2_a_token_comes_in_a_header_or_behind_the_question_mark() {
        for (list, query, token) in [
            (&[("authorization", "Bearer abc")][..], None, Some("abc")),
            (
                &[("authorization", "bearer  abc ")],
                Some("token=x"),
                Some("abc"),
            ),
            (&[("authorization", "Basic abc")], None, None),
            (
                &[("authorization", "Basic abc")],
                Some("token=x"),
                Some("x"),
            ),
            (&[("authorization", "Bearer")], None, None),
            (&[], Some("token=a.b-_c"), Some("a.b-_c")),
            (&[], Some("x=1&token=a&y"), Some("a")),
            (&[], Some("token=a&token=b"), Some("b")),
            // A room's name with a question mark in it, and what the provider appends.
            (&[], Some("x=1?token=a"), Some("a")),
            (&[], Some("?token=a"), Some("a")),
            (&[], Some("token="), None),
            (&[], Some("Token=a"), None),
            (&[], Some(""), None),
            (&[], None, None),
        ] {
            let knock = knock(list, query);
            assert_eq!(shown(&knock.credentials.token), token, "{list:?} {query:?}");
        }
    }

    #[test]
    fn u5_one_cookie_of_the_right_name_and_length_is_taken() {
        let one = "AZaz09-_AZaz09-_AZaz09";
        let other = "BZaz09-_AZaz09-_AZaz09";
        for (lines, cookie) in [
            (vec![format!("scrible={one}")], Some(one)),
            (vec![format!("a=b; scrible={one};c=d")], Some(one)),
            (vec!["a=b".to_owned(), format!("scrible={one}")], Some(one)),
            (vec![format!("scrible={one}; scrible={one}")], Some(one)),
            (vec![format!("scrible={one}; scrible={other}")], None),
            (vec![format!("__Host-scrible={one}")], None),
            (vec![format!("xscrible={one}")], None),
            (vec!["scrible=short".to_owned()], None),
            (vec![format!("scrible={one}x")], None),
            (vec![], None),
        ] {
            let list: Vec<_> = lines.iter().map(|line| ("cookie", line.as_str())).collect();
            let knock = knock(&list, None);
            assert_eq!(shown(&knock.credentials.cookie), cookie, "{lines:?}");
        }
    }

    #[test]
    fn u6_who_sits_at_this_machine_is_told_from_pages_that_make_his_browser_knock() {
        for (list, is_local) in [
            (&[("host", "localhost:3001")][..], true),
            (
                &[("host", "127.0.0.1"), ("origin", "http://localhost:5173")],
                true,
            ),
            (
                &[("host", "localhost"), ("origin", "https://evil.example")],
                false,
            ),
            (&[("host", "localhost"), ("origin", "null")], false),
            (
                &[
                    ("host", "localhost"),
                    ("origin", "http://localhost"),
                    ("origin", "http://localhost"),
                ],
                false,
            ),
            (&[("host", "evil.example")], false),
            (&[("host", "localhost"), ("host", "localhost")], false),
            (&[], false),
        ] {
            assert_eq!(knock(list, None).is_local, is_local, "{list:?}");
        }
        let elsewhere = Request {
            headers: &headers(&[("host", "localhost")]),
            query: None,
            link: None,
            peer: PEER,
            is_local: false,
        };
        assert!(!Knock::of(&OpenGate, &elsewhere).is_local);
    }
}
