//! Follows the frames that a client sends, byte by byte, and hands large ones on in slices.
//!
//! The WebSocket library keeps room for the whole of the largest frame that a connection ever sent, for as long as the connection lives: one
//! pasted photo, 13 MB for hours. A frame in slices is the same message in fragments (RFC 6455, section 5.4), so it never has more than a slice in
//! its buffer. Checks nothing: what breaks the protocol still does in slices. The one rule: a head is handed on whole or not at all.

use tokio::io::ReadBuf;

/// The largest frame that is handed on as it is. A multiple of four, so that the mask is the same for each slice.
pub const SLICE: u64 = 16 << 10;
/// The largest head of a slice: flags, a length of two bytes, the mask.
const SLICE_HEAD: usize = 8;

/// The longest payload that a ping may have.
const LONGEST_PING: u64 = 125;

/// Where in its frames a client is.
#[derive(Debug)]
pub struct Frames {
    /// A longer frame is left to the library, which refuses it by its head.
    max_message: u64,
    /// Payload of the frame or slice under way that has not come.
    left: u64,
    /// Whether that is content, and not a control frame.
    is_content: bool,
    /// Whether it ends its message.
    is_last: bool,
    /// The frame that is being sliced.
    slicing: Option<Slicing>,
    /// Bytes of the message under way that were handed on.
    message: usize,
    /// Bytes of pings that were handed on since somebody last asked.
    pings: usize,
}

#[derive(Debug)]
struct Slicing {
    /// The first byte of the next slice's head, without the mark of a last frame.
    flags: u8,
    is_last: bool,
    mask: Option<[u8; 4]>,
    /// What is in no slice yet.
    rest: u64,
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poured {
    /// So many of them were handed on.
    pub used: usize,
    /// More would have been, had there been more allowed.
    pub wants: bool,
}

struct Head {
    flags: u8,
    mask: Option<[u8; 4]>,
    /// Of the payload.
    length: u64,
    /// Of the head itself.
    size: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[flags, second], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*length).into(), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest)
            }
            short => (short.into(), rest),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (mask, rest) = rest.split_first_chunk()?;
            (Some(*mask), rest)
        };
        Some(Self {
            flags,
            mask,
            length,
            size: bytes.len() - rest.len(),
        })
    }

    fn is_content(&self) -> bool {
        self.flags & 0x08 == 0
    }

    fn is_last(&self) -> bool {
        self.flags & 0x80 != 0
    }

    fn is_ping(&self) -> bool {
        self.flags & 0x0f == 9
    }
}

impl Frames {
    /// Before the first frame.
    pub fn new(max_message: usize) -> Self {
        Self {
            max_message: max_message as u64,
            left: 0,
            is_content: false,
            is_last: false,
            slicing: None,
            message: 0,
            pings: 0,
        }
    }

    /// Bytes of the message under way that were handed on; 0 between two messages.
    pub fn message(&self) -> usize {
        self.message
    }

    /// Bytes of pings that were handed on since this was last asked.
    pub fn take_pings(&mut self) -> usize {
        std::mem::take(&mut self.pings)
    }

    /// Hands on as much of `input` as there is room for, and of content not more than is allowed. Stops at a head that is not complete.
    pub fn pour(&mut self, input: &[u8], out: &mut ReadBuf<'_>, mut allowed: usize) -> Poured {
        let mut used = 0;
        let wants = loop {
            let rest = &input[used..];
            if self.left > 0 {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let mut many = rest.len().min(left).min(out.remaining());
                if many == 0 {
                    break false;
                }
                if self.is_content {
                    many = many.min(allowed);
                    if many == 0 {
                        break true;
                    }
                    allowed -= many;
                    self.message += many;
                }
                out.put_slice(&rest[..many]);
                used += many;
                self.left -= many as u64;
                self.end_if_whole();
            } else if self.slicing.is_some() {
                if out.remaining() < SLICE_HEAD {
                    break false;
                }
                self.begin_slice(out);
            } else {
                let Some(head) = Head::parse(rest) else {
                    break false;
                };
                if out.remaining() < head.size.max(SLICE_HEAD) {
                    break false;
                }
                used += head.size;
                self.begin_frame(&head, &rest[..head.size], out);
            }
        };
        Poured { used, wants }
    }

    fn begin_frame(&mut self, head: &Head, bytes: &[u8], out: &mut ReadBuf<'_>) {
        self.is_content = head.is_content();
        if head.is_ping() {
            // A longer one is refused and not answered, so nobody must wait for its pong.
            self.pings += head.size + head.length.min(LONGEST_PING) as usize;
        }
        if head.length > SLICE && head.length <= self.max_message {
            self.slicing = Some(Slicing {
                flags: head.flags & 0x7f,
                is_last: head.is_last(),
                mask: head.mask,
                rest: head.length,
            });
            self.begin_slice(out);
        } else {
            out.put_slice(bytes);
            self.left = head.length;
            self.is_last = head.is_last();
            self.end_if_whole();
        }
    }

    fn begin_slice(&mut self, out: &mut ReadBuf<'_>) {
        let Some(mut slicing) = self.slicing.take() else {
            return;
        };
        let length = slicing.rest.min(SLICE);
        slicing.rest -= length;
        self.left = length;
        self.is_last = slicing.is_last && slicing.rest == 0;
        let last = if self.is_last { 0x80 } else { 0 };
        let masked = if slicing.mask.is_some() { 0x80 } else { 0 };
        match u8::try_from(length) {
            Ok(short) if short < 126 => out.put_slice(&[slicing.flags | last, masked | short]),
            _ => {
                out.put_slice(&[slicing.flags | last, masked | 126]);
                out.put_slice(&(length as u16).to_be_bytes());
            }
        }
        if let Some(mask) = slicing.mask {
            out.put_slice(&mask);
        }
        if slicing.rest > 0 {
            // A continuation.
            slicing.flags = 0;
            self.slicing = Some(slicing);
        }
    }

    fn end_if_whole(&mut self) {
        if self.left == 0 && self.is_content && self.is_last {
            self.message = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
    use tokio_tungstenite::tungstenite::{Message, WebSocket};

    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![flags];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            middle @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
        frame
    }

    fn bytes(many: usize) -> Vec<u8> {
        (0..many).map(|at| (at % 251) as u8).collect()
    }

    /// What is handed on of bytes that come `many` at a time, into a buffer with so much `room`.
    fn poured(frames: &mut Frames, sent: &[u8], many: usize, room: usize) -> Vec<u8> {
        let (mut all, mut waiting) = (Vec::new(), Vec::new());
        for part in sent.chunks(many) {
            waiting.extend_from_slice(part);
            loop {
                let mut space = vec![0; room];
                let mut out = ReadBuf::new(&mut space);
                let poured = frames.pour(&waiting, &mut out, usize::MAX);
                waiting.drain(..poured.used);
                all.extend_from_slice(out.filled());
                if out.filled().is_empty() {
                    break;
                }
            }
        }
        assert!(waiting.is_empty());
        all
    }

    fn read_by_library(sent: Vec<u8>) -> Vec<Message> {
        let config = WebSocketConfig::default()
            .max_frame_size(Some(SLICE as usize))
            .max_message_size(Some(1 << 20));
        let stream = Cursor::new(sent);
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        std::iter::from_fn(|| socket.read().ok()).collect()
    }

    #[test]
    fn l17_large_frames_become_the_same_message_in_slices_however_they_come() {
        let sizes = [
            0,
            1,
            125,
            126,
            SLICE as usize,
            SLICE as usize + 1,
            SLICE as usize + 126,
            65_535,
            65_536,
            200_001,
        ];
        let mut sent = Vec::new();
        let mut wanted = Vec::new();
        for size in sizes {
            sent.extend(frame(0x82, &bytes(size)));
            sent.extend(frame(0x8a, b"pong"));
            wanted.push(Message::Binary(bytes(size).into()));
            wanted.push(Message::Pong("pong".into()));
        }
        // Fragments with a control frame between.
        sent.extend(frame(0x02, &bytes(40_000)));
        sent.extend(frame(0x8a, b"between"));
        sent.extend(frame(0x80, &bytes(40_000)));
        wanted.push(Message::Pong("between".into()));
        wanted.push(Message::Binary(
            [bytes(40_000), bytes(40_000)].concat().into(),
        ));
        for (many, room) in [
            (1, 14),
            (7, 4_096),
            (4_096, 14),
            (4_096, 4_096),
            (sent.len(), 100),
        ] {
            let mut frames = Frames::new(1 << 20);
            let handed_on = poured(&mut frames, &sent, many, room);
            assert!(read_by_library(handed_on) == wanted, "{many} {room}");
            assert_eq!(frames.message(), 0);
        }
    }

    #[test]
    fn l17_small_frames_and_refused_heads_are_handed_on_as_they_are() {
        let mut sent = frame(0x82, &bytes(SLICE as usize));
        sent.extend(frame(0x89, b""));
        sent.extend(frame(0xc2, b"reserved bit"));
        // 2^63 bytes to come.
        sent.extend([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(poured(&mut Frames::new(1 << 20), &sent, 1_000, 64), sent);
    }

    #[test]
    fn l17_a_message_counts_until_its_last_fragment_and_control_frames_do_not() {
        let mut frames = Frames::new(1 << 20);
        let mut counts = Vec::new();
        for sent in [
            frame(0x02, &bytes(100)),
            frame(0x89, &bytes(50)),
            frame(0x00, &bytes(30_000)),
            frame(0x00, b""),
            frame(0x80, b""),
            frame(0x82, &bytes(10)),
        ] {
            poured(&mut frames, &sent, 4_096, 4_096);
            counts.push(frames.message());
        }
        assert_eq!(counts, [100, 100, 30_100, 30_100, 0, 0]);
        assert_eq!(frames.take_pings(), 56);
        poured(&mut frames, &frame(0x89, &bytes(50_000)), 4_096, 4_096);
        assert_eq!(frames.take_pings(), 8 + 125);
        assert_eq!(frames.take_pings(), 0);
    }

    #[test]
    fn l17_not_more_content_is_handed_on_than_is_allowed() {
        let sent = frame(0x82, &bytes(1_000));
        let mut frames = Frames::new(1 << 20);
        let mut space = [0; 4_096];
        let mut out = ReadBuf::new(&mut space);
        let first = frames.pour(&sent, &mut out, 300);
        assert_eq!(
            first,
            Poured {
                used: 308,
                wants: true
            }
        );
        let second = frames.pour(&sent[308..], &mut out, 0);
        assert_eq!(
            second,
            Poured {
                used: 0,
                wants: true
            }
        );
        frames.pour(&sent[308..], &mut out, 700);
        assert_eq!(out.filled(), sent);
    }
}
