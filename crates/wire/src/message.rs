//! The messages of the y-websocket protocol, around the bytes that they carry.
//!
//! Does not look inside of updates, state vectors or awareness. The rule: a frame may bring several messages, but only
//! ever one is sent per frame, because released clients read the first and drop the rest without a word.

use crate::malformed::{Malformed, Reason};
use crate::varint::{Reader, write_number, write_var_bytes};

/// More messages in one frame than this are an attack: honest clients send one, rarely a handful.
pub const MESSAGES_PER_FRAME: usize = 1_024;

/// An awareness message without entries: data that keeps a socket alive in the eyes of a client, and changes nothing.
pub const KEEPALIVE: &[u8] = &[AWARENESS as u8, 1, 0];

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

/// One message of a frame, with the bytes that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// "This is what I have, send me the rest": a state vector.
    SyncStep1(&'a [u8]),
    /// The answer to step 1: an update.
    SyncStep2(&'a [u8]),
    /// A change: an update.
    Update(&'a [u8]),
    /// Awareness entries, see [`crate::awareness::parse`].
    Awareness(&'a [u8]),
    /// Everything after the type. Clients do not send it.
    Auth(&'a [u8]),
    /// "Send me all awareness states."
    QueryAwareness,
    /// A type that is not known. Its length can't be, so it ends the frame.
    Unknown(u64),
}

/// The messages of one frame, in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    reader: Reader<'a>,
    read: usize,
    done: bool,
}

impl<'a> Messages<'a> {
    /// Reads a frame. An empty one is malformed.
    pub fn new(frame: &'a [u8]) -> Self {
        Messages {
            reader: Reader::new(frame),
            read: 0,
            done: false,
        }
    }

    fn read(&mut self) -> Result<Message<'a>, Malformed> {
        let start = self.reader.at();
        if self.read == MESSAGES_PER_FRAME {
            return Err(Reason::TooMany.at(start));
        }
        let reader = &mut self.reader;
        match reader.number()? {
            SYNC => {
                let at = reader.at();
                let message = match reader.number()? {
                    STEP_1 => Message::SyncStep1,
                    STEP_2 => Message::SyncStep2,
                    UPDATE => Message::Update,
                    _ => return Err(Reason::SubType.at(at)),
                };
                let at = reader.at();
                match reader.var_bytes()? {
                    [] => Err(Reason::Empty.at(at)),
                    bytes => Ok(message(bytes)),
                }
            }
            AWARENESS => reader.var_bytes().map(Message::Awareness),
            AUTH => Ok(Message::Auth(reader.rest())),
            QUERY_AWARENESS => Ok(Message::QueryAwareness),
            unknown => {
                self.done = true;
                Ok(Message::Unknown(unknown))
            }
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        // A lone zero after a complete message: @y/websocket 4 appends one to a reply for each update it was sent.
        let over = match self.reader.remaining() {
            0 => true,
            1 => self.reader.clone().byte() == Ok(0),
            _ => false,
        };
        if self.done || (self.read > 0 && over) {
            return None;
        }
        let message = self.read();
        self.read += 1;
        self.done |= message.is_err();
        Some(message)
    }
}

/// Frames a state vector as step 1.
pub fn step1(state_vector: &[u8]) -> Vec<u8> {
    framed(&[SYNC, STEP_1], state_vector)
}

/// Frames an update as the answer to step 1.
pub fn step2(update: &[u8]) -> Vec<u8> {
    framed(&[SYNC, STEP_2], update)
}

/// Frames an update as a change.
pub fn update(update: &[u8]) -> Vec<u8> {
    framed(&[SYNC, UPDATE], update)
}

/// Frames awareness entries as [`crate::awareness::encode`] writes them.
pub fn awareness(body: &[u8]) -> Vec<u8> {
    framed(&[AWARENESS], body)
}

/// Frames the request for all awareness states. A client answers with everything that it holds, not with its own only.
pub fn query_awareness() -> Vec<u8> {
    vec![QUERY_AWARENESS as u8]
}

/// Frames a refusal. Clients print the reason and do nothing else: only the close code stops them.
pub fn permission_denied(reason: &str) -> Vec<u8> {
    framed(&[AUTH, 0], reason.as_bytes())
}

fn framed(head: &[u64], body: &[u8]) -> Vec<u8> {
    // A length takes at most 8 bytes here.
    let mut out = Vec::with_capacity(head.len() + 8 + body.len());
    for tag in head {
        write_number(&mut out, *tag);
    }
    write_var_bytes(&mut out, body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frame: &[u8]) -> Vec<Result<Message<'_>, Reason>> {
        Messages::new(frame)
            .map(|m| m.map_err(|e| e.reason))
            .collect()
    }

    #[test]
    fn what_is_framed_is_read_back() {
        assert_eq!(read(&step1(&[0])), [Ok(Message::SyncStep1(&[0]))]);
        assert_eq!(read(&step2(&[0, 0])), [Ok(Message::SyncStep2(&[0, 0]))]);
        assert_eq!(read(&update(&[0, 0])), [Ok(Message::Update(&[0, 0]))]);
        assert_eq!(read(&awareness(&[0])), [Ok(Message::Awareness(&[0]))]);
        assert_eq!(read(&query_awareness()), [Ok(Message::QueryAwareness)]);
        assert_eq!(
            read(&permission_denied("no")),
            [Ok(Message::Auth(&[0, 2, b'n', b'o']))]
        );
        assert_eq!(read(KEEPALIVE), [Ok(Message::Awareness(&[0]))]);
        assert_eq!(awareness(&[0]), KEEPALIVE);
        let long = vec![7; 70_000];
        assert_eq!(read(&update(&long)), [Ok(Message::Update(&long))]);
    }

    #[test]
    fn several_messages_in_a_frame_are_all_read() {
        let frame = [step1(&[0]), query_awareness(), update(&[0, 0])].concat();
        assert_eq!(
            read(&frame),
            [
                Ok(Message::SyncStep1(&[0])),
                Ok(Message::QueryAwareness),
                Ok(Message::Update(&[0, 0]))
            ]
        );
    }

    #[test]
    fn a_stray_zero_at_the_end_is_tolerated() {
        let mut frame = update(&[0, 0]);
        frame.push(0);
        assert_eq!(read(&frame), [Ok(Message::Update(&[0, 0]))]);
        frame.push(0);
        assert_eq!(
            read(&frame),
            [Ok(Message::Update(&[0, 0])), Err(Reason::Truncated)]
        );
        let mut other = update(&[0, 0]);
        other.push(1);
        assert_eq!(read(&other).last(), Some(&Err(Reason::Truncated)));
    }

    #[test]
    fn empty_frames_and_empty_bodies_are_malformed() {
        assert_eq!(read(&[]), [Err(Reason::Truncated)]);
        assert_eq!(read(&[0]), [Err(Reason::Truncated)]);
        assert_eq!(read(&[0, 0, 0]), [Err(Reason::Empty)]);
        assert_eq!(read(&[0, 1, 0]), [Err(Reason::Empty)]);
        assert_eq!(read(&[0, 2, 0]), [Err(Reason::Empty)]);
        assert_eq!(read(&[0, 2, 5, 0, 0]), [Err(Reason::Truncated)]);
    }

    #[test]
    fn an_unknown_type_ends_the_frame_and_an_unknown_subtype_is_malformed() {
        let frame = [&step1(&[0])[..], &[102, 1, 2, 3]].concat();
        assert_eq!(
            read(&frame),
            [Ok(Message::SyncStep1(&[0])), Ok(Message::Unknown(102))]
        );
        assert_eq!(read(&[0, 3, 1, 0]), [Err(Reason::SubType)]);
    }

    #[test]
    fn an_error_ends_the_frame() {
        let frame = [&[0, 3][..], &step1(&[0])].concat();
        assert_eq!(read(&frame), [Err(Reason::SubType)]);
    }

    #[test]
    fn messages_in_a_frame_are_capped() {
        let frame = [3; MESSAGES_PER_FRAME + 1];
        assert!(read(&frame[1..]).iter().all(Result::is_ok));
        assert_eq!(read(&frame).last(), Some(&Err(Reason::TooMany)));
        assert_eq!(read(&frame).len(), MESSAGES_PER_FRAME + 1);
    }
}
