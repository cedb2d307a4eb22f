//! A client that sends any bytes at all after its handshake, and reads frames.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing under test takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
/// The mark of a last frame.
pub const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A masked frame: flags and opcode, and the payload.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0x80, payload.len() as u64);
    frame.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame without a mask.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// A head that announces so many bytes and a mask.
pub fn announces(first: u8, bytes: u64) -> Vec<u8> {
    let mut head = head(first, 0x80, bytes);
    head.extend(MASK);
    head
}

fn head(first: u8, mask: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..126 => head.push(mask | length as u8),
        126..65_536 => {
            head.push(mask | 126);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(mask | 127);
            head.extend(length.to_be_bytes());
        }
    }
    head
}

/// A close frame with a code.
pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A handshake for a room, with additional header lines.
pub fn handshake(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

pub struct Raw {
    pub stream: TcpStream,
    /// Read beyond the last frame.
    ahead: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = handshake("/demo", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut raw = Self {
            stream,
            ahead: Vec::new(),
        };
        let end = raw.until_found(b"\r\n\r\n").await;
        let head = String::from_utf8(raw.ahead.drain(..end).collect()).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    async fn until_found(&mut self, wanted: &[u8]) -> usize {
        loop {
            let windows = self.ahead.windows(wanted.len());
            if let Some(at) = windows.enumerate().find(|(_, part)| *part == wanted) {
                return at.0 + wanted.len();
            }
            assert!(self.more().await, "the connection ended");
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await;
        read.expect("bytes in time").is_ok_and(|read| read > 0)
    }

    /// Sends bytes. The server may have had enough before they are out.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
    }

    /// The opcode and the payload of the next frame; `None` at the end of the connection.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(((first, payload), size)) = parse(&self.ahead) {
                let found = (first & 0x0f, payload);
                self.ahead.drain(..size);
                return Some(found);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The code with which the server closes; `Some(None)` for a close without one, `None` if the connection just ends.
    pub async fn closed(&mut self) -> Option<Option<u16>> {
        while let Some((opcode, payload)) = self.next().await {
            if opcode == CLOSE {
                return Some(payload.first_chunk().map(|code| u16::from_be_bytes(*code)));
            }
        }
        None
    }

    /// Waits until the server has answered a ping that is sent now.
    pub async fn answers(&mut self) {
        self.send(&frame(FIN | PING, b"are you there?")).await;
        while self.next().await.expect("still connected") != (PONG, b"are you there?".to_vec()) {}
    }

    /// Waits for "permission denied", which comes before a bad client is held and closed.
    pub async fn denied(&mut self) {
        while let Some((opcode, payload)) = self.next().await {
            if opcode == BINARY && payload.starts_with(&[2, 0]) {
                return;
            }
        }
        panic!("the connection ended");
    }
}

/// A frame of a server, if it is whole: its first byte and payload, and its size.
fn parse(bytes: &[u8]) -> Option<((u8, Vec<u8>), usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length) as usize, rest)
        }
        short => (usize::from(short), rest),
    };
    let payload = rest.get(..length)?;
    let size = bytes.len() - rest.len() + length;
    Some(((first, payload.to_vec()), size))
}
