//! Room names: the one function that turns what a client put into its URL into the name of a room.
//!
//! Yjs providers concatenate the name to the server's URL without encoding it, so a name arrives with any number of
//! slashes and partly percent-encoded by the URL parser. It is decoded exactly once, here; every other part of the server
//! (journal, REST, bus) uses the result. Names are compared byte by byte: `a` and `A`, NFC and NFD are different rooms.
//!
//! Behind a name may stand what lets somebody in, as `~g` and 22 characters of base64url. The rule: it is cut off here, and no room is called so.

use std::fmt;
use std::sync::Arc;

use crate::access::Secret;

/// The longest room name, in bytes of its decoded UTF-8 form.
pub const MAX_NAME_BYTES: usize = 255;

/// First path segments that belong to the server itself and can never begin a room name.
pub const RESERVED: [&str; 9] = [
    "api", "assets", "docs", "health", "join", "metrics", "objects", "try", "ws",
];

/// What stands between a name and the secret of a link.
const LINK: &str = "~g";
/// 128 bits in base64url.
const LINK_SECRET_CHARACTERS: usize = 22;

/// What stood in an address: a room, and what was behind its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The room.
    pub room: RoomName,
    /// The secret of a link.
    pub link: Option<Secret>,
}

impl Address {
    /// What a request path asks for. A room is mounted at `/<room>` and at `/ws/<room>`.
    ///
    /// # Errors
    /// See [`RoomName::new`]; in addition, percent-encoding must be complete and must decode to UTF-8.
    pub fn from_path(path: &str) -> Result<Self, BadName> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let raw = match path.strip_prefix("ws") {
            Some("") => "",
            Some(rest) => rest.strip_prefix('/').unwrap_or(path),
            None => path,
        };
        Self::from_encoded(raw)
    }

    /// What a percent-encoded name says, as it stands in a path behind a mount point.
    ///
    /// # Errors
    /// As [`from_path`](Self::from_path).
    pub fn from_encoded(raw: &str) -> Result<Self, BadName> {
        let bytes = raw.as_bytes();
        let complete = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'%')
            .all(|(at, _)| {
                bytes
                    .get(at + 1..at + 3)
                    .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            });
        if !complete {
            return Err(BadName::Encoding);
        }
        let decoded = percent_encoding::percent_decode_str(raw)
            .decode_utf8()
            .map_err(|_| BadName::Encoding)?;
        let (name, link) = match split_link(&decoded) {
            Some((name, link)) => (name, Some(Secret::new(link))),
            None => (&*decoded, None),
        };
        let room = RoomName::new(name)?;
        Ok(Self { room, link })
    }

    /// As a front end takes it for the name of a room, the secret in clear.
    pub fn reveal(&self) -> String {
        match &self.link {
            Some(link) => format!("{}{LINK}{}", self.room, link.reveal()),
            None => self.room.to_string(),
        }
    }
}

/// A name and the secret behind it.
fn split_link(name: &str) -> Option<(&str, &str)> {
    let at = name.len().checked_sub(LINK_SECRET_CHARACTERS)?;
    // In the middle of a character there is no secret behind it either.
    let (before, secret) = name.split_at_checked(at)?;
    let is_secret = secret
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    before
        .strip_suffix(LINK)
        .filter(|_| is_secret)
        .map(|name| (name, secret))
}

/// A canonical room name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Takes a decoded name after checking it.
    ///
    /// # Errors
    /// Says what is wrong with the name in a sentence for the person who chose it.
    pub fn new(name: &str) -> Result<Self, BadName> {
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(BadName::TooLong(name.len()));
        }
        if name.chars().any(char::is_control) {
            return Err(BadName::Control);
        }
        if name
            .split('/')
            .any(|segment| segment == "." || segment == "..")
        {
            return Err(BadName::Dots);
        }
        if split_link(name).is_some() {
            return Err(BadName::Link);
        }
        let first = name.split('/').next().unwrap_or_default();
        match RESERVED.iter().find(|reserved| **reserved == first) {
            Some(reserved) => Err(BadName::Reserved(reserved)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text, for records that outlive the room.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Escaped, so that a name cannot forge a line of a log.
impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Why a room name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing after the mount point.
    #[error("the room name is empty: connect to /<room>")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("the room name has {0} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong(usize),
    /// NUL, newline and their like.
    #[error("the room name has a control character; use printable characters")]
    Control,
    /// `.` or `..` as a segment.
    #[error("the room name has a segment `.` or `..`; use another name")]
    Dots,
    /// It would be taken for another name and what stands behind it.
    #[error("the room name ends like a link, in `~g` and 22 characters; use another name")]
    Link,
    /// The first segment belongs to the server.
    #[error("a room name cannot begin with `{0}/`, which the server uses itself; use another name")]
    Reserved(&'static str),
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the room name is not valid percent-encoded UTF-8")]
    Encoding,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Result<String, BadName> {
        Address::from_path(path).map(|address| address.room.to_string())
    }

    #[test]
    fn w1_one_name_for_all_spellings_of_a_room() {
        for (path, expected) in [
            ("/demo", "demo"),
            ("/ws/demo", "demo"),
            ("/x/y/z", "x/y/z"),
            ("/ws/x/y/z", "x/y/z"),
            ("/a%2Fb", "a/b"),
            ("/a+b%20c", "a+b c"),
            ("/%C5%BColw", "żolw"),
            ("/wsx", "wsx"),
            ("/a//b/", "a//b/"),
            ("/a%252Fb", "a%2Fb"),
        ] {
            assert_eq!(name(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn w2_bad_names_are_refused_with_a_reason() {
        for (path, expected) in [
            ("/", BadName::Empty),
            ("/ws", BadName::Empty),
            ("/ws/", BadName::Empty),
            ("/a%00b", BadName::Control),
            ("/a%0Ab", BadName::Control),
            ("/a%C2%85b", BadName::Control),
            ("/a/../b", BadName::Dots),
            ("/%2e%2e%2fb", BadName::Dots),
            ("/a%", BadName::Encoding),
            ("/a%4", BadName::Encoding),
            ("/a%zz", BadName::Encoding),
            ("/a%FF", BadName::Encoding),
            ("/api", BadName::Reserved("api")),
            ("/%61pi/x", BadName::Reserved("api")),
            ("/ws/health/x", BadName::Reserved("health")),
            ("/ws/ws/x", BadName::Reserved("ws")),
        ] {
            assert_eq!(name(path), Err(expected), "{path}");
        }
        assert_eq!(
            name(&format!("/{}", "a".repeat(256))),
            Err(BadName::TooLong(256))
        );
        assert!(name(&format!("/{}", "a".repeat(255))).is_ok());
    }

    #[test]
    fn u11_a_link_is_cut_off_at_the_very_end_and_nowhere_else() {
        let secret = "AZaz09-_AZaz09-_AZaz09";
        let split = |path: &str| {
            let address = Address::from_path(path)?;
            let link = address.link.as_ref().map(|link| link.reveal().to_owned());
            Ok((address.room.to_string(), link))
        };
        let with = |room: &str| Ok((room.to_owned(), Some(secret.to_owned())));
        let without = |room: String| Ok((room, None));
        assert_eq!(split(&format!("/demo~g{secret}")), with("demo"));
        assert_eq!(split(&format!("/ws/x/y%7Eg{secret}")), with("x/y"));
        assert_eq!(split(&format!("/%C5%BC~g{secret}")), with("ż"));
        assert_eq!(
            split(&format!("/demo~h{secret}")),
            without(format!("demo~h{secret}"))
        );
        assert_eq!(
            split(&format!("/demo~g{secret}A")),
            without(format!("demo~g{secret}A"))
        );
        assert_eq!(
            split(&format!("/demo~g{}", &secret[1..])),
            without(format!("demo~g{}", &secret[1..]))
        );
        assert_eq!(
            split(&format!("/demo~g{secret}/")),
            without(format!("demo~g{secret}/"))
        );
        assert_eq!(
            split(&format!("/demo~g+{}", &secret[1..])),
            without(format!("demo~g+{}", &secret[1..]))
        );
        assert_eq!(split("/żżżżżżżżżżżżż"), without("ż".repeat(13)));
        // Two of them: the name of a room would end like a link.
        assert_eq!(
            split(&format!("/demo~g{secret}~g{secret}")),
            Err(BadName::Link)
        );
        assert_eq!(split(&format!("/~g{secret}")), Err(BadName::Empty));
        assert_eq!(
            split(&format!("/api~g{secret}")),
            Err(BadName::Reserved("api"))
        );
        assert_eq!(
            RoomName::new(&format!("demo~g{secret}")),
            Err(BadName::Link)
        );
        let shown = format!("{:?}", Address::from_path(&format!("/demo~g{secret}")));
        assert!(!shown.contains(secret), "{shown}");
    }
}
