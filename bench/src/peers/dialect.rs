//! How clients of a peer speak: plain y-websocket, or with the document's name before each message.
//!
//! Does not look at what messages say beyond their type. The one rule: what is handed on are the messages of y-websocket.

use scrible_wire::varint::{Reader, write_number, write_var_bytes};

/// Types of y-websocket's messages that are handed on.
const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
/// hocuspocus' type of authentication, and its subtype for a token.
const AUTHENTICATION: u64 = 2;
const TOKEN: u64 = 0;

/// Where a client of a room connects, and how it speaks there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The whole address, with the room where it stands in there.
    pub url: String,
    /// How it speaks.
    pub dialect: Dialect,
}

/// How clients speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// As y-websocket does.
    Plain,
    /// As hocuspocus' provider does: the document's name stands before each message, and a token comes first of all.
    Named(String),
}

impl Dialect {
    /// What is sent before anything else, frame by frame.
    pub fn hello(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Plain => Vec::new(),
            Self::Named(_) => {
                let mut message = Vec::new();
                write_number(&mut message, AUTHENTICATION);
                write_number(&mut message, TOKEN);
                // Where nothing asks who somebody is, no token is as good as any.
                write_var_bytes(&mut message, b"");
                vec![self.wrap(&message)]
            }
        }
    }

    /// A frame with one message.
    pub fn wrap(&self, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        if let Self::Named(name) = self {
            write_var_bytes(&mut frame, name.as_bytes());
        }
        frame.extend_from_slice(message);
        frame
    }

    /// The message of a frame; `None` where it is neither sync nor awareness.
    pub fn unwrap<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let mut reader = Reader::new(frame);
        if let Self::Named(_) = self {
            reader.var_bytes().ok()?;
        }
        let message = &frame[reader.at()..];
        let kind = reader.number().ok()?;
        [SYNC, AWARENESS].contains(&kind).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_1: &[u8] = &[0, 0, 1, 0];
    const EMPTY_STEP_2: &[u8] = &[0, 1, 2, 0, 0];

    #[test]
    fn a_plain_client_says_what_y_websocket_says() {
        let dialect = Dialect::Plain;
        assert!(dialect.hello().is_empty());
        assert_eq!(dialect.wrap(STEP_1), STEP_1);
        assert_eq!(dialect.unwrap(EMPTY_STEP_2), Some(EMPTY_STEP_2));
        assert_eq!(dialect.unwrap(&[1, 1, 0]), Some(&[1, 1, 0][..]));
        // A refusal, a question, y-sweet's echo, nothing.
        for other in [&[2, 0, 1, b'x'][..], &[3], &[102, 1, 7], &[]] {
            assert_eq!(dialect.unwrap(other), None, "{other:?}");
        }
    }
    #[test]
    fn a_named_client_says_its_token_and_the_name_before_everything() {
        let dialect = Dialect::Named("ab".to_owned());
        // Authentication, a token, which is empty.
        assert_eq!(dialect.hello(), [[2, b'a', b'b', 2, 0, 0]]);
        assert_eq!(dialect.wrap(STEP_1), [2, b'a', b'b', 0, 0, 1, 0]);
        let frame = [2, b'a', b'b', 0, 1, 2, 0, 0];
        assert_eq!(dialect.unwrap(&frame), Some(EMPTY_STEP_2));
        // As hocuspocus sent it: an update of client 1, which appends three bytes to the array "a".
        let frame = [
            &[2, b'a', b'b', 0, 2, 13, 1, 1, 1, 0, 3][..],
            &[1, 1, b'a', 3, 9, 8, 7, 0],
        ]
        .concat();
        assert_eq!(dialect.unwrap(&frame), Some(&frame[3..]));
        // "You are authenticated", "your update is applied", a name that is cut, nothing.
        let authenticated = [&[2, b'a', b'b', 2, 2, 10][..], b"read-write"].concat();
        for other in [&authenticated[..], &[2, b'a', b'b', 8, 1], &[2, b'a'], &[]] {
            assert_eq!(dialect.unwrap(other), None, "{other:?}");
        }
    }
}
