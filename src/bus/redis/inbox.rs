//! What Redis has pushed and nobody has read yet.
//!
//! Knows channels and bytes. The one rule: it is bounded, whoever pushes; what does not fit is dropped and counts as missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{Notify, mpsc};

use super::rooms::Rooms;
use crate::telemetry::BusMetrics;

/// Bytes that may wait. A node that is that far behind reads the store instead.
const MAX_BYTES: usize = 8 << 20;
/// Messages that may wait.
const MAX_MESSAGES: usize = 65_536;
/// What a message takes beside its payload, about.
const OVERHEAD: usize = 128;

/// A message on a channel.
#[derive(Debug)]
pub struct Incoming {
    /// As it was subscribed.
    pub channel: String,
    /// Not looked into.
    pub payload: Bytes,
}

/// The end into which is pushed.
#[derive(Debug)]
pub struct Inbox {
    sender: mpsc::Sender<Incoming>,
    bytes: Arc<AtomicUsize>,
    /// Something may have been missed.
    pub missed: Notify,
    rooms: Arc<Rooms>,
    metrics: BusMetrics,
}

/// The end from which is read.
#[derive(Debug)]
pub struct Unread {
    receiver: mpsc::Receiver<Incoming>,
    bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// Both ends.
    pub fn new(rooms: Arc<Rooms>, metrics: BusMetrics) -> (Arc<Self>, Unread) {
        let (sender, receiver) = mpsc::channel(MAX_MESSAGES);
        let bytes = Arc::new(AtomicUsize::new(0));
        let inbox = Self {
            sender,
            bytes: bytes.clone(),
            missed: Notify::new(),
            rooms,
            metrics,
        };
        (Arc::new(inbox), Unread { receiver, bytes })
    }

    /// Takes what one connection pushes; its end is told to `noticed`.
    pub fn of_connection(self: &Arc<Self>, noticed: Arc<Notify>) -> Pusher {
        Pusher {
            inbox: self.clone(),
            noticed,
            ended: AtomicBool::new(false),
            closed: Mutex::new(false),
        }
    }

    fn take(&self, channel: String, payload: Bytes) {
        let size = payload.len() + OVERHEAD;
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = before + size <= MAX_BYTES;
        let taken = fits && self.sender.try_send(Incoming { channel, payload }).is_ok();
        if !taken {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.metrics.overrun.inc();
            self.missed.notify_one();
        }
    }
}

impl Unread {
    /// The next one.
    pub async fn next(&mut self) -> Option<Incoming> {
        let incoming = self.receiver.recv().await?;
        let size = incoming.payload.len() + OVERHEAD;
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        Some(incoming)
    }
}

/// What one connection pushes.
#[derive(Debug)]
pub struct Pusher {
    inbox: Arc<Inbox>,
    noticed: Arc<Notify>,
    ended: AtomicBool,
    /// What an old connection still brings must not end a subscription of the one after it.
    closed: Mutex<bool>,
}

impl Pusher {
    /// Nothing more is taken from this connection.
    pub fn close(&self) {
        *self.closed.lock() = true;
    }

    /// The connection has ended, or does not answer any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.noticed.notify_one();
    }

    /// Whether it has.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Called by the library for everything that is no answer.
    pub fn push(&self, pushed: PushInfo) {
        let closed = self.closed.lock();
        if *closed {
            return;
        }
        let mut parts = pushed.data.into_iter();
        let mut text = || match parts.next() {
            Some(Value::BulkString(bytes)) => Some(bytes),
            _ => None,
        };
        match pushed.kind {
            PushKind::Message | PushKind::SMessage => {
                let (Some(channel), Some(payload)) = (text(), text()) else {
                    return;
                };
                let Ok(channel) = String::from_utf8(channel) else {
                    return;
                };
                self.inbox.take(channel, payload.into());
            }
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                if let Some(channel) = text().and_then(|text| String::from_utf8(text).ok()) {
                    self.inbox.rooms.ended(&channel);
                }
            }
            PushKind::Disconnection => self.end(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::redis::keys::Keys;

    fn rooms() -> Arc<Rooms> {
        Arc::new(Rooms::new(Keys::new("test".to_owned())))
    }

    fn message(channel: &str, payload: Vec<u8>) -> PushInfo {
        PushInfo {
            kind: PushKind::SMessage,
            data: vec![
                Value::BulkString(channel.as_bytes().to_vec()),
                Value::BulkString(payload),
            ],
        }
    }

    #[tokio::test]
    async fn n26_what_nobody_reads_is_bounded_and_counts_as_missed() {
        let metrics = BusMetrics::default();
        let (inbox, mut unread) = Inbox::new(rooms(), metrics.clone());
        let pusher = inbox.of_connection(Arc::new(Notify::new()));
        let mebibyte = || message("a", vec![0; 1 << 20]);
        for _ in 0..20 {
            pusher.push(mebibyte());
        }
        inbox.missed.notified().await;
        assert_eq!(metrics.overrun.get(), 13);
        for _ in 0..7 {
            let incoming = unread.next().await.unwrap();
            assert_eq!(incoming.payload.len(), 1 << 20);
        }
        assert_eq!(inbox.bytes.load(Ordering::Relaxed), 0);
        // There is room again.
        pusher.push(mebibyte());
        unread.next().await.unwrap();
        for _ in 0..MAX_MESSAGES + 1 {
            pusher.push(message("a", Vec::new()));
        }
        inbox.missed.notified().await;
    }

    #[tokio::test]
    async fn odd_pushes_are_left_alone() {
        let metrics = BusMetrics::default();
        let (inbox, mut unread) = Inbox::new(rooms(), metrics);
        let noticed = Arc::new(Notify::new());
        let pusher = inbox.of_connection(noticed.clone());
        for data in [
            vec![],
            vec![Value::Int(1)],
            vec![Value::BulkString(vec![0xff]), Value::BulkString(vec![])],
        ] {
            for kind in [
                PushKind::Message,
                PushKind::SUnsubscribe,
                PushKind::Invalidate,
            ] {
                let data = data.clone();
                pusher.push(PushInfo { kind, data });
            }
        }
        pusher.push(message("a", vec![1]));
        assert_eq!(unread.next().await.unwrap().payload, [1][..]);
        pusher.push(PushInfo {
            kind: PushKind::Disconnection,
            data: Vec::new(),
        });
        noticed.notified().await;
        assert!(pusher.has_ended());
        pusher.close();
        pusher.push(message("a", vec![2]));
        assert_eq!(inbox.bytes.load(Ordering::Relaxed), 0);
    }
}
