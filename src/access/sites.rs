//! The addresses under which people meet this server and its front ends.
//!
//! Knows how a room is put into an address, not who may come in. The rule: a room's name cannot change where an address leads.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::Origin;

/// What stands for the room in the address of a front end.
const ROOM: &str = "{room}";
/// What JavaScript's `encodeURIComponent` leaves.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Where this server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    origin: Origin,
}

impl PublicUrl {
    /// `https://` or `http://`, a host, perhaps a path; no query and no password.
    pub fn parse(text: &str) -> Option<Self> {
        let url = web(text)?;
        let plain = url.query().is_none() && url.fragment().is_none();
        let origin = Origin::of(&url).filter(|_| plain)?;
        Some(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            origin,
        })
    }

    /// The address, without a `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The origin of pages that this server shows.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether browsers reach it by TLS.
    pub fn is_https(&self) -> bool {
        self.url.starts_with("https:")
    }
}

/// Where people go who have been let in: an address with `{room}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontendUrl {
    pattern: String,
    origin: Origin,
}

impl FrontendUrl {
    /// `https://` or `http://`, a host that is no part of `{room}`, and `{room}` somewhere behind it.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.contains(ROOM) {
            return None;
        }
        let url = web(&text.replace(ROOM, "a"))?;
        let other = web(&text.replace(ROOM, "b"))?;
        let origin =
            Origin::of(&url).filter(|origin| Origin::of(&other).as_ref() == Some(origin))?;
        Some(Self {
            pattern: text.to_owned(),
            origin,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Where it leads.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address for a room, or for `room~g…`.
    pub fn fill(&self, room: &str) -> String {
        let room = utf8_percent_encode(room, COMPONENT).to_string();
        self.pattern.replace(ROOM, &room)
    }
}

fn web(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.has_host();
    is_web.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u14_a_room_fills_an_address_and_leads_nowhere_else() {
        let url = FrontendUrl::parse("https://draw.example/b/{room}?x={room}#{room}").unwrap();
        assert_eq!(url.origin().as_str(), "https://draw.example");
        assert_eq!(
            url.fill("a/b ?#&=%ż~gAZaz09-_"),
            "https://draw.example/b/X?x=X#X"
                .replace('X', "a%2Fb%20%3F%23%26%3D%25%C5%BC~gAZaz09-_")
        );
        for text in [
            "https://draw.example/",
            "https://{room}.draw.example/",
            "https://draw.example:{room}/",
            "https://{room}@draw.example/",
            "javascript:{room}",
            "//draw.example/{room}",
            "ftp://draw.example/{room}",
        ] {
            assert_eq!(FrontendUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_public_address_is_one_of_the_web() {
        let url = PublicUrl::parse("https://Boards.example:443/").unwrap();
        assert_eq!(
            (url.as_str(), url.is_https()),
            ("https://boards.example", true)
        );
        let url = PublicUrl::parse("http://10.0.0.1:3001/boards/").unwrap();
        assert_eq!(
            (url.as_str(), url.is_https()),
            ("http://10.0.0.1:3001/boards", false)
        );
        assert_eq!(url.origin().as_str(), "http://10.0.0.1:3001");
        for text in [
            "boards.example",
            "ws://boards.example",
            "https://a:b@boards.example",
            "https://boards.example?x",
        ] {
            assert_eq!(PublicUrl::parse(text), None, "{text}");
        }
    }
}
