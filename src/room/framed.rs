//! An update and the message that carries it, in one piece of memory: framed once, sent to every socket, stored without the frame.
//!
//! Also says how large a message should be: Yjs clients give up on a socket that brings no *whole* message for 30 s, so what is
//! large goes out in parts.

use std::sync::Arc;

use bytes::Bytes;
use scrible_wire::{Limits, Malformed, message, split};

/// Above this many bytes, content is sent in parts.
pub const WHOLE_BYTES: usize = 1 << 20;
/// About the size of a part, in bytes. A single struct is never cut.
pub const PART_BYTES: usize = 256 << 10;

/// An update, framed as a y-websocket message.
#[derive(Debug, Clone)]
pub struct FramedUpdate {
    frame: Bytes,
    /// Where the update begins in the frame.
    at: usize,
}

impl FramedUpdate {
    /// Frames an update as an `update` message.
    pub fn new(update: &[u8]) -> Self {
        Self::within(message::update(update), update)
    }

    /// Frames an update as a step 2.
    pub fn step2(update: &[u8]) -> Self {
        Self::within(message::step2(update), update)
    }

    /// A message that ends with the update.
    fn within(message: Vec<u8>, update: &[u8]) -> Self {
        Self {
            at: message.len() - update.len(),
            frame: message.into(),
        }
    }

    /// Frames an update in parts of about 256 KiB, each applicable after those before it.
    ///
    /// # Errors
    /// Where the update does not scan.
    pub fn parts(update: &[u8], limits: &Limits) -> Result<Arc<[Self]>, Malformed> {
        let parts = split::split(update, PART_BYTES, limits)?;
        // Each part's first form is freed as soon as its framed one is there.
        Ok(parts.into_iter().map(|part| Self::new(&part)).collect())
    }

    /// The message for the socket.
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The update alone. Shares memory.
    pub fn update(&self) -> Bytes {
        self.frame.slice(self.at..)
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.frame.len()
    }
}
