//! What goes out of a session: its own frames, the answer to a step 1, and what the room has.
//!
//! The rule: nothing is taken from the room before the socket has taken what was taken before.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Sink;
use scrible_wire::message;
use tokio::time::Instant;

use super::outcome::{broken, refused, sent, unanswerable};
use super::{Leave, Session};
use crate::point;
use crate::room::Outlet;
use crate::socket::Socket;
use crate::telemetry::{Label, Sent};

/// Bytes taken from the room at once, and handed to the socket before it is to take them. One message may come on top.
const PULL_BYTES: usize = 64 << 10;

/// A session's socket, as the room sees it.
struct Hearer<'a>(&'a mut Socket);

impl Outlet for Hearer<'_> {
    fn put(&mut self, message: &Bytes) {
        self.0.get_mut().put_message(message);
    }
}

/// What this session has written and not yet counted.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Messages that were fed to the socket, by kind.
    messages: [u32; Sent::VALUES.len()],
    /// When the oldest update of others was taken that is not flushed yet.
    oldest: Option<Instant>,
    /// When the last answer to a step 1 had gone out. What was taken before that waited for the answer, not for the server.
    answered: Option<Instant>,
}

impl Session<'_> {
    /// Sends what there is. True when the session should look again at once.
    pub(super) fn poll_write(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Leave> {
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(encoded) = Pin::new(answer).poll(cx)
        {
            self.answer = None;
            let made = encoded
                .map_err(|error| Leave::RoomFailed(error.to_string()))?
                .map_err(unanswerable)?;
            self.made(made);
        }
        if self.socket.get_ref().unsent() > 0 && self.flush(now, cx)?.is_pending() {
            return Ok(false);
        }
        if std::mem::take(&mut self.clocks.ping_due) {
            self.socket.get_mut().put_ping();
        }
        let mut fed = false;
        while self.socket.get_ref().unsent() < PULL_BYTES && self.feed(cx)? {
            self.clocks.sent = now;
            fed = true;
        }
        if self.flush(now, cx)?.is_ready() {
            point::reach("session", "flushed");
            if let Some(taken) = self.written.oldest.take() {
                let shared = self.membership.room().shared();
                shared.metrics.updates.fan_out.time(taken.elapsed());
            }
        }
        Ok(fed)
    }

    fn flush(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<Poll<()>, Leave> {
        let flushed = Pin::new(&mut *self.socket).poll_flush(cx);
        self.note_blocked(flushed.is_pending(), now);
        match flushed {
            Poll::Ready(flushed) => flushed.map(Poll::Ready).map_err(broken),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Hands the socket what is to be sent next: an own frame, else one of the answer, else what the room has. False when there is nothing.
    fn feed(&mut self, cx: &mut Context<'_>) -> Result<bool, Leave> {
        if let Some(frame) = self.next_frame(cx)? {
            self.written.messages[sent(&frame).index()] += 1;
            self.socket.get_mut().put_message(&frame);
            return Ok(true);
        }
        if self.answer.is_some() {
            return Ok(false);
        }
        self.pull(cx)
    }

    /// What to send before anything of the room.
    fn next_frame(&mut self, cx: &mut Context<'_>) -> Result<Option<Bytes>, Leave> {
        if let Some(frame) = self.out.pop_front() {
            self.out_bytes -= frame.len();
            return Ok(Some(frame));
        }
        if std::mem::take(&mut self.owes_step1) {
            let state_vector = self.membership.state_vector();
            return Ok(Some(message::step1(&state_vector.encode()).into()));
        }
        if std::mem::take(&mut self.owes_presence)
            && let Some(presence) = self.membership.presence()
        {
            return Ok(Some(presence));
        }
        if let Some(frame) = self.answering.pop_front() {
            if self.answering.is_empty() && self.unmade.is_none() {
                self.written.answered = Some(Instant::now());
                self.join()?;
            }
            return Ok(Some(frame));
        }
        let Some(answer) = self.unmade.take() else {
            return Ok(None);
        };
        self.make_answer(answer)?;
        if self.answer.is_some() {
            // Nobody waits for it yet: come back to do so.
            cx.waker().wake_by_ref();
        }
        self.next_frame(cx)
    }

    /// Hands the socket what the room has. False when that is nothing.
    fn pull(&mut self, cx: &mut Context<'_>) -> Result<bool, Leave> {
        if self
            .waiting
            .as_ref()
            .is_some_and(|missing| self.membership.has(missing))
        {
            self.waiting = None;
            self.owes_step1 = true;
            return Ok(true);
        }
        let mut outlet = Hearer(&mut *self.socket);
        let pulled = self
            .membership
            .pull(PULL_BYTES, &mut outlet, cx.waker())
            .map_err(refused)?;
        self.full = pulled.full;
        let heard = pulled.heard;
        self.written.messages[Sent::Update.index()] += heard.updates;
        self.written.messages[Sent::Awareness.index()] += heard.presence;
        let oldest = heard.oldest.filter(|at| Some(*at) >= self.written.answered);
        self.written.oldest = self.written.oldest.or(oldest);
        Ok(!heard.is_nothing())
    }

    /// Bytes that wait to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.out_bytes + self.socket.get_ref().unsent()
    }

    /// Counts what this turn has written, once for each kind instead of once for each message.
    pub(super) fn count_written(&mut self) {
        let sent = &self.membership.room().shared().metrics.updates.sent;
        for kind in Sent::ALL {
            match std::mem::take(&mut self.written.messages[kind.index()]) {
                0 => {}
                many => sent.add(*kind, u64::from(many)),
            }
        }
    }

    pub(super) fn send(&mut self, frame: Bytes) {
        self.out_bytes += frame.len();
        self.out.push_back(frame);
    }

    pub(super) fn note_blocked(&mut self, blocked: bool, now: Instant) {
        let written = self.socket.get_ref().written();
        if !blocked || !self.clocks.blocked || written > self.clocks.progress.0 {
            self.clocks.progress = (written, now);
        }
        self.clocks.blocked = blocked;
    }
}
