//! WebSocket frames (RFC 6455) as a client writes them and reads them: enough for servers that keep to the rules, and nothing more.
//!
//! Does not know what is in them. The one rule: what is not understood is an error, never skipped, because a skipped frame would look like
//! a lost one.

use anyhow::{Result, bail, ensure};

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole binary message, put together where it came in fragments.
    Binary(&'a [u8]),
    /// Wants to be answered.
    Ping(&'a [u8]),
    /// The end, with the server's reason.
    Close(String),
}

/// Makes frames of bytes that come in pieces of any size.
#[derive(Debug, Default)]
pub struct Framer {
    /// The beginning of a frame whose end has not come.
    begun: Vec<u8>,
    /// A message of which fragments have come; its last has not.
    fragments: Option<Vec<u8>>,
}

struct Head {
    first: u8,
    /// Where its payload begins.
    at: usize,
    /// Where the frame ends.
    end: usize,
}

impl Framer {
    /// Hands on what `bytes` complete.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<()> {
        // Only as much is copied as completes what has begun: the rest is read where it is.
        while !self.begun.is_empty() && !bytes.is_empty() {
            let lacks = match head(&self.begun)? {
                Some(head) => head.end - self.begun.len(),
                None => 1,
            };
            let (now, later) = bytes.split_at(lacks.min(bytes.len()));
            self.begun.extend(now);
            bytes = later;
            if let Some(head) = head(&self.begun)?
                && head.end == self.begun.len()
            {
                let mut begun = std::mem::take(&mut self.begun);
                self.frame(head.first, &begun[head.at..], &mut each)?;
                // A board is read once; what is kept for each of thousands is what small frames need.
                begun.clear();
                begun.shrink_to(1 << 10);
                self.begun = begun;
            }
        }
        while let Some(head) = head(bytes)?
            && head.end <= bytes.len()
        {
            self.frame(head.first, &bytes[head.at..head.end], &mut each)?;
            bytes = &bytes[head.end..];
        }
        self.begun.extend(bytes);
        Ok(())
    }

    #[inline]
    fn frame(&mut self, first: u8, payload: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<()> {
        let last = first & FIN != 0;
        match first & 0x0f {
            BINARY if last && self.fragments.is_none() => each(Frame::Binary(payload)),
            BINARY if self.fragments.is_none() => self.fragments = Some(payload.to_vec()),
            CONTINUATION => {
                let Some(fragments) = &mut self.fragments else {
                    bail!("a fragment of nothing");
                };
                fragments.extend(payload);
                if last && let Some(whole) = self.fragments.take() {
                    each(Frame::Binary(&whole));
                }
            }
            BINARY => bail!("a message in the middle of another"),
            TEXT => bail!("text: {}", String::from_utf8_lossy(payload)),
            CLOSE => {
                let (code, reason) = payload.split_at(payload.len().min(2));
                let code = code
                    .iter()
                    .fold(0, |code, byte| code << 8 | u16::from(*byte));
                each(Frame::Close(format!(
                    "{code} {}",
                    String::from_utf8_lossy(reason)
                )));
            }
            PING => each(Frame::Ping(payload)),
            PONG => {}
            other => bail!("a frame of kind {other}"),
        }
        Ok(())
    }
}

/// The head of the frame that `bytes` begin with, if it is all there.
#[inline]
fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    ensure!(first & RESERVED == 0, "a frame with reserved bits");
    ensure!(second & MASKED == 0, "a masked frame from a server");
    let wide = match second {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(length) = rest.get(..wide) else {
        return Ok(None);
    };
    let length = match wide {
        0 => usize::from(*second),
        _ => length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    ensure!(length < 1 << 40, "a frame of {length} bytes");
    let at = 2 + wide;
    Ok(Some(Head {
        first: *first,
        at,
        end: at + length,
    }))
}

/// Writes a binary message as one frame.
pub fn write_binary(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, BINARY, payload);
}

/// Writes the answer to a ping.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, payload);
}

/// Writes a farewell without a reason, as browsers do.
pub fn write_close(out: &mut Vec<u8>) {
    write(out, CLOSE, &[]);
}

fn write(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.push(FIN | kind);
    match payload.len() {
        short @ 0..126 => out.push(MASKED | short as u8),
        middle @ 126..65_536 => {
            out.push(MASKED | 126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    // A mask is a must; one of zeros leaves the bytes as they are, and a server has the same work with it.
    out.extend([0; 4]);
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            middle @ 126..65_536 => {
                frame.push(126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }

    /// What comes out when it comes in pieces of so many bytes.
    fn read(bytes: &[u8], piece: usize) -> Result<Vec<String>> {
        let mut framer = Framer::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            framer.read(piece, |frame| {
                out.push(match frame {
                    Frame::Binary(bytes) => format!("{} {:?}", bytes.len(), bytes.last()),
                    Frame::Ping(bytes) => format!("ping {bytes:?}"),
                    Frame::Close(reason) => format!("close {reason}"),
                });
            })?;
        }
        Ok(out)
    }

    #[test]
    fn frames_are_the_same_in_pieces_of_any_size() {
        let bytes = [
            server(0x82, &[7; 3]),
            server(0x82, &[]),
            server(0x89, b"hi"),
            server(0x82, &[8; 300]),
            server(0x02, &[1; 10]),
            server(0x8a, &[]),
            server(0x00, &[2; 200]),
            server(0x80, &[3; 70_000]),
            server(0x82, &[9; 70_000]),
            server(0x88, &[3, 0xf5, b'n', b'o']),
        ]
        .concat();
        let whole = read(&bytes, bytes.len()).unwrap();
        assert_eq!(
            whole,
            [
                "3 Some(7)",
                "0 None",
                "ping [104, 105]",
                "300 Some(8)",
                "70210 Some(3)",
                "70000 Some(9)",
                "close 1013 no"
            ]
        );
        for piece in [1, 2, 3, 7, 64, 1000, 70_001] {
            assert_eq!(read(&bytes, piece).unwrap(), whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_no_server_may_send_is_an_error() {
        for bad in [
            server(0x81, b"text"),
            server(0x80, b"rest"),
            server(0xc2, b"deflated"),
            server(0x83, b"kind"),
            [server(0x02, b"begun"), server(0x82, b"whole")].concat(),
            vec![0x82, 0x81, 0, 0, 0, 0, 1],
        ] {
            assert!(read(&bad, bad.len()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_is_masked_and_whole() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            write_binary(&mut out, &vec![5; length]);
            // Without the mask it is what a server would write.
            let mut plain = server(0x82, &vec![5; length]);
            let at = out.len() - length - 4;
            assert_eq!(out.drain(at..at + 4).collect::<Vec<_>>(), [0; 4]);
            plain[1] |= 0x80;
            assert_eq!(out, plain);
        }
    }
}
