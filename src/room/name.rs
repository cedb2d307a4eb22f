//! Room names: the one function that turns what a client put into its URL into the name of a room.
//!
//! Yjs providers concatenate the name to the server's URL without encoding it, so a name arrives with any number of
//! slashes and partly percent-encoded by the URL parser. It is decoded exactly once, here; every other part of the server
//! (journal, REST, bus) uses the result. Names are compared byte by byte: `a` and `A`, NFC and NFD are different rooms.

use std::fmt;
use std::sync::Arc;

/// The longest room name, in bytes of its decoded UTF-8 form.
pub const MAX_NAME_BYTES: usize = 255;

/// First path segments that belong to the server itself and can never begin a room name.
pub const RESERVED: [&str; 8] = [
    "api", "assets", "docs", "health", "join", "metrics", "try", "ws",
];

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
        let first = name.split('/').next().unwrap_or_default();
        match RESERVED.iter().find(|reserved| **reserved == first) {
            Some(reserved) => Err(BadName::Reserved(reserved)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name of the room that a request path asks for. A room is mounted at `/<room>` and at `/ws/<room>`.
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
        Self::new(&decoded)
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
        RoomName::from_path(path).map(|name| name.to_string())
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
}
