//! What goes out of a session: its own frames, the answer to a step 1, and what the room has.
//!
//! The rule: nothing is taken from the room before the socket has taken what was taken before.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Sink;
use scrible_wire::message;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::outcome::{broken, refused, sent, unanswerable};
use super::{Leave, Session};
use crate::point;
use crate::telemetry::{Label, Sent};

/// Bytes taken from the room at once.
const PULL_BYTES: usize = 64 << 10;

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
        let mut fed = false;
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(encoded) = Pin::new(answer).poll(cx)
        {
            self.answer = None;
            let made = encoded
                .map_err(|error| Leave::RoomFailed(error.to_string()))?
                .map_err(unanswerable)?;
            self.made(made);
        }
        loop {
            match Pin::new(&mut *self.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready.map_err(broken)?,
                Poll::Pending => {
                    self.note_blocked(true, now);
                    return Ok(false);
                }
            }
            if std::mem::take(&mut self.clocks.ping_due) {
                Pin::new(&mut *self.socket)
                    .start_send(Frame::Ping(Bytes::new()))
                    .map_err(broken)?;
            }
            let Some(frame) = self.next_frame(cx)? else {
                break;
            };
            self.written.messages[sent(&frame).index()] += 1;
            Pin::new(&mut *self.socket)
                .start_send(Frame::Binary(frame))
                .map_err(broken)?;
            self.clocks.sent = now;
            fed = true;
        }
        let flushed = Pin::new(&mut *self.socket).poll_flush(cx);
        self.note_blocked(flushed.is_pending(), now);
        if let Poll::Ready(flushed) = flushed {
            flushed.map_err(broken)?;
            point::reach("session", "flushed");
            if let Some(taken) = self.written.oldest.take() {
                let shared = self.membership.room().shared();
                shared.metrics.updates.fan_out.time(taken.elapsed());
            }
        }
        Ok(fed)
    }

    /// What to send next: own frames, then the answer, then what the room has.
    pub(super) fn next_frame(&mut self, cx: &mut Context<'_>) -> Result<Option<Bytes>, Leave> {
        if self.out.is_empty() {
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
            if let Some(answer) = self.unmade.take() {
                self.make_answer(answer)?;
                if self.answer.is_some() {
                    // Nobody waits for it yet: come back to do so.
                    cx.waker().wake_by_ref();
                }
                return self.next_frame(cx);
            }
            if self.answer.is_some() {
                return Ok(None);
            }
            self.pull(cx)?;
        }
        let frame = self.out.pop_front();
        self.out_bytes -= frame.as_ref().map_or(0, Bytes::len);
        Ok(frame)
    }

    pub(super) fn pull(&mut self, cx: &mut Context<'_>) -> Result<(), Leave> {
        if self
            .waiting
            .as_ref()
            .is_some_and(|missing| self.membership.has(missing))
        {
            self.waiting = None;
            self.owes_step1 = true;
            cx.waker().wake_by_ref();
            return Ok(());
        }
        let pulled = self
            .membership
            .pull(PULL_BYTES, &mut self.out, cx.waker())
            .map_err(refused)?;
        self.full = pulled.full;
        self.out_bytes = self.out.iter().map(Bytes::len).sum();
        let heard = pulled.heard.filter(|at| Some(*at) >= self.written.answered);
        self.written.oldest = self.written.oldest.or(heard);
        Ok(())
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
