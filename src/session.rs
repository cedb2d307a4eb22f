//! One connection's stay in a room: reads its messages, sends what it has not heard, keeps it alive, and says why it ended.
//!
//! One task polled by hand: read what is there, take what the room has, feed every frame, flush once. Nothing queues here: a slow
//! socket is simply not fed, and its seat in the room lags. The few frames that a session makes itself (greeting, answers,
//! keepalive) stand in `out`, and while that or the room's echoes for this session are full, the socket is not read.
//! Knows no HTTP and no close codes: it returns a [`Leave`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use scrible_wire::{Malformed, Message, Messages, Missing, StateVector, awareness, message};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::access::Role;
use crate::room::{Answered, Author, Carrier, End, Membership, Offered, Refused};
use crate::socket::Socket;
use crate::telemetry::{Label, Received, Sent, Verdict};

/// Bytes of own frames above which the socket is not read. What a last message causes may come on top.
const OUT_BYTES: usize = 256 << 10;
/// Bytes taken from the room at once.
const PULL_BYTES: usize = 64 << 10;
/// Messages read before the task sends, and turns before it lets others run.
const READS_PER_TURN: usize = 64;
const TURNS: usize = 8;
/// Answers made from more than this are encoded off the async threads.
const INLINE_ANSWER_BYTES: usize = 128 << 10;
/// How long a connection may take to send its step 1.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a large answer is remembered at least, so that what a client hands back of it is known for that.
const ANSWERED_FOR: Duration = Duration::from_secs(60);
/// How long a socket may accept not a single byte while there is something to send.
const WRITE_STALL: Duration = Duration::from_secs(45);

/// The timers of a session.
#[derive(Debug, Clone, Copy)]
pub struct SessionConfig {
    /// Between two WebSocket pings. A connection from which nothing came for two of these and 5 s is dead.
    pub ping_interval: Duration,
    /// After this long without a message to the client an empty awareness message is sent, because Yjs clients drop a
    /// socket that is silent for 30 s and do not count pings.
    pub keepalive: Duration,
    /// On shutdown, sessions end one after another over this time.
    pub stagger: Duration,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// The client closed the connection.
    Left,
    /// The connection broke, or nothing came from it for too long.
    Gone,
    /// The client broke the y-websocket protocol.
    Protocol(String),
    /// The client broke the WebSocket protocol.
    WebSocket(String),
    /// An update that no room could keep.
    InvalidUpdate(String),
    /// A message above the size limit.
    TooLarge(usize),
    /// No step 1 in time.
    Silent,
    /// The room cannot go on; everyone must load it anew.
    RoomFailed(String),
    /// Too much waits to be stored.
    Backlog,
    /// The session fell so far behind that it must sync anew.
    Behind,
    /// The server is stopping.
    Shutdown,
}

/// A session under way.
pub struct Session<'a> {
    socket: &'a mut Socket,
    membership: Membership,
    role: Role,
    config: SessionConfig,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    /// State vectors of step 1s that wait for the answer before them, as they came: decoded they are larger. While any waits, the
    /// socket is not read.
    asking: VecDeque<Vec<u8>>,
    /// A step 1 is to be sent, and everybody's presence. Made when they are sent: a frame may ask for either a thousand times.
    owes_step1: bool,
    owes_presence: bool,
    /// The answer that is being made.
    answer: Option<JoinHandle<Result<Vec<Bytes>, Malformed>>>,
    /// What is still to be sent of the answer: mostly memory that all newcomers share. Nothing is taken from the room before.
    answering: VecDeque<Bytes>,
    /// What the last answer brings, if it was a large one, and until when that is remembered.
    answered: Option<(Answered, Instant)>,
    joined: bool,
    /// The room's echoes for this session were full when it last looked.
    full: bool,
    /// A step 1 was sent because of an early update, and no step 2 has come since.
    asked: bool,
    /// What the room lacked when this session last left something out of a step 2: once it is there, ask again.
    waiting: Option<Missing>,
    told_read_only: bool,
    written: Written,
    clocks: Clockwork,
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    session: Author,
}

/// What this session has written and not yet counted.
#[derive(Debug, Default)]
struct Written {
    /// Messages that were fed to the socket, by kind.
    messages: [u32; Sent::VALUES.len()],
    /// When the oldest update of others was taken that is not flushed yet.
    oldest: Option<Instant>,
    /// When the last answer to a step 1 had gone out. What was taken before that waited for the answer, not for the server.
    answered: Option<Instant>,
}

/// When this session last did what its timers watch.
#[derive(Debug)]
struct Clockwork {
    opened: Instant,
    received: Instant,
    sent: Instant,
    pinged: Instant,
    ping_due: bool,
    /// Bytes that the socket had accepted when it was last seen to make progress, and when that was.
    progress: (u64, Instant),
    /// Bytes that had come when the timer last looked.
    read: u64,
    blocked: bool,
    close_at: Option<Instant>,
}

impl<'a> Session<'a> {
    /// A session of an admitted connection in an opened room.
    pub fn new(
        socket: &'a mut Socket,
        session: Author,
        membership: Membership,
        role: Role,
        config: SessionConfig,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let clocks = Clockwork {
            opened: now,
            received: now,
            sent: now,
            pinged: now,
            ping_due: false,
            progress: (0, now),
            read: 0,
            blocked: false,
            close_at: None,
        };
        Self {
            socket,
            membership,
            role,
            config,
            out: VecDeque::new(),
            out_bytes: 0,
            asking: VecDeque::new(),
            owes_step1: true,
            owes_presence: true,
            answer: None,
            answering: VecDeque::new(),
            answered: None,
            joined: false,
            full: false,
            asked: false,
            waiting: None,
            told_read_only: false,
            written: Written::default(),
            clocks,
            timer: Box::pin(tokio::time::sleep_until(now)),
            stop: Box::pin(stop.cancelled_owned()),
            session,
        }
    }

    /// Runs the session to its end; leaves the room.
    pub async fn run(mut self) -> Leave {
        std::future::poll_fn(|cx| {
            let polled = self.poll(cx);
            self.count_written();
            polled
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Leave> {
        let now = Instant::now();
        if self.clocks.close_at.is_none() && self.stop.as_mut().poll(cx).is_ready() {
            self.clocks.close_at = Some(now + stagger(self.session, self.config.stagger));
            self.timer.as_mut().reset(now);
        }
        if let Err(leave) = self.poll_timer(now, cx) {
            return Poll::Ready(leave);
        }
        for _ in 0..TURNS {
            let turn = self
                .poll_read(now, cx)
                .and_then(|read| Ok(read | self.poll_write(now, cx)?));
            match turn {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(leave) => return Poll::Ready(leave),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads what has arrived, unless this session owes too much. True when something was read.
    fn poll_read(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Leave> {
        let mut progress = false;
        for _ in 0..READS_PER_TURN {
            if !self.asking.is_empty() || self.out_bytes > OUT_BYTES || self.full {
                break;
            }
            let frame = match Pin::new(&mut *self.socket).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return Err(Leave::Left),
                Poll::Ready(Some(frame)) => frame.map_err(broken)?,
            };
            progress = true;
            self.clocks.received = now;
            match frame {
                Frame::Binary(payload) => self.handle_frame(&payload, now)?,
                Frame::Text(_) => {
                    return Err(Leave::Protocol(
                        "a text frame: y-websocket sends binary frames only".into(),
                    ));
                }
                Frame::Close(_) => return Err(Leave::Left),
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
        Ok(progress)
    }

    fn handle_frame(&mut self, frame: &[u8], now: Instant) -> Result<(), Leave> {
        for message in Messages::new(frame) {
            let message = message.map_err(protocol)?;
            let shared = self.membership.room().shared();
            shared.metrics.updates.received.count(received(&message));
            match message {
                Message::SyncStep1(theirs) => {
                    self.asking.push_back(theirs.to_vec());
                    self.join()?;
                }
                Message::SyncStep2(update) => {
                    self.membership.answered();
                    self.offer(update, Carrier::Step2)?;
                }
                Message::Update(update) => self.offer(update, Carrier::Update)?,
                Message::Awareness(body) => {
                    let limits = &shared.config.limits;
                    let entries = awareness::parse(body, limits).map_err(protocol)?;
                    self.membership.hear(&entries, now);
                }
                Message::QueryAwareness => self.owes_presence = true,
                Message::Auth(_) => {}
                Message::Unknown(kind) => {
                    tracing::debug!(kind, "message of an unknown type ignored")
                }
            }
        }
        Ok(())
    }

    /// Answers the next step 1, unless an answer is still under way.
    fn join(&mut self) -> Result<(), Leave> {
        if self.answer.is_some() || !self.answering.is_empty() {
            return Ok(());
        }
        let Some(theirs) = self.asking.pop_front() else {
            return Ok(());
        };
        let shared = self.membership.room().shared().clone();
        let theirs = StateVector::decode(&theirs, &shared.config.limits).map_err(protocol)?;
        let (answer, to) = self.membership.join(theirs.clone());
        if answer.weight() > INLINE_ANSWER_BYTES {
            let answered = Answered { from: theirs, to };
            self.answered = Some((answered, Instant::now() + ANSWERED_FOR));
        }
        if answer.weight() > INLINE_ANSWER_BYTES && !answer.is_ready() {
            let tasks = shared.tasks.clone();
            self.answer = Some(tasks.spawn_blocking(move || answer.encode(&shared.config.limits)));
        } else {
            let frames = answer.encode(&shared.config.limits).map_err(unanswerable)?;
            self.answering.extend(frames);
        }
        self.joined = true;
        Ok(())
    }

    fn offer(&mut self, update: &[u8], carrier: Carrier) -> Result<(), Leave> {
        if self.role < Role::Editor {
            return self.overhear(update);
        }
        let answered = self.answered.as_ref().map(|(answered, _)| answered);
        let offered = self.membership.offer(update, carrier, answered);
        self.count_update(verdict(&offered));
        let offered = offered.map_err(refused)?;
        self.full = offered.full;
        match carrier {
            // What a client itself is waiting for it cannot send; it is asked again once the room has it.
            Carrier::Step2 => {
                self.asked = false;
                self.waiting = offered.missing;
            }
            Carrier::Update if offered.missing.is_some() && !self.asked => {
                self.asked = true;
                self.owes_step1 = true;
            }
            Carrier::Update => {}
        }
        Ok(())
    }

    /// A read-only session's update: nothing of it is taken. Said once, because such a client sees its own edits and nobody else does.
    fn overhear(&mut self, update: &[u8]) -> Result<(), Leave> {
        let news = self.membership.brings_news(update);
        self.count_update(if news.is_ok() {
            Verdict::ReadOnly
        } else {
            Verdict::Malformed
        });
        if news.map_err(refused)? && !self.told_read_only {
            self.told_read_only = true;
            self.send(message::permission_denied("you may read this room, not change it").into());
        }
        Ok(())
    }

    /// Sends what there is. True when the session should look again at once.
    fn poll_write(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Leave> {
        let mut fed = false;
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(encoded) = Pin::new(answer).poll(cx)
        {
            self.answer = None;
            let frames = encoded
                .map_err(|error| Leave::RoomFailed(error.to_string()))?
                .map_err(unanswerable)?;
            self.answering.extend(frames);
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
            if let Some(taken) = self.written.oldest.take() {
                let shared = self.membership.room().shared();
                shared.metrics.updates.fan_out.time(taken.elapsed());
            }
        }
        Ok(fed)
    }

    /// What to send next: own frames, then the answer, then what the room has.
    fn next_frame(&mut self, cx: &mut Context<'_>) -> Result<Option<Bytes>, Leave> {
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
                if self.answering.is_empty() {
                    self.written.answered = Some(Instant::now());
                    self.join()?;
                }
                return Ok(Some(frame));
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

    fn pull(&mut self, cx: &mut Context<'_>) -> Result<(), Leave> {
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

    fn count_update(&self, verdict: Verdict) {
        let shared = self.membership.room().shared();
        shared.metrics.updates.verdicts.count(verdict);
    }

    /// Counts what this turn has written, once for each kind instead of once for each message.
    fn count_written(&mut self) {
        let sent = &self.membership.room().shared().metrics.updates.sent;
        for kind in Sent::ALL {
            match std::mem::take(&mut self.written.messages[kind.index()]) {
                0 => {}
                many => sent.add(*kind, u64::from(many)),
            }
        }
    }

    fn send(&mut self, frame: Bytes) {
        self.out_bytes += frame.len();
        self.out.push_back(frame);
    }

    fn note_blocked(&mut self, blocked: bool, now: Instant) {
        let written = self.socket.get_ref().written();
        if !blocked || !self.clocks.blocked || written > self.clocks.progress.0 {
            self.clocks.progress = (written, now);
        }
        self.clocks.blocked = blocked;
    }

    /// Does what is due and sets the timer to what is due next.
    fn poll_timer(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), Leave> {
        if self.timer.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        let clocks = &mut self.clocks;
        if clocks.close_at.is_some_and(|at| at <= now) {
            return Err(Leave::Shutdown);
        }
        if !self.joined && now >= clocks.opened + HANDSHAKE {
            return Err(Leave::Silent);
        }
        let dead_after = self.config.ping_interval * 2 + Duration::from_secs(5);
        let stream = self.socket.get_ref();
        // A large message may take long to come, and no pong fits into it; and what is not read cannot be heard.
        let deaf = self.full || !self.asking.is_empty() || self.out_bytes > OUT_BYTES;
        if stream.read() > clocks.read || deaf {
            clocks.read = stream.read();
            clocks.received = now;
        }
        if stream.written() > clocks.progress.0 {
            clocks.progress = (stream.written(), now);
        }
        // Whoever takes what is sent lives, too.
        let alive = if clocks.blocked {
            clocks.received.max(clocks.progress.1)
        } else {
            clocks.received
        };
        if now >= alive + dead_after {
            return Err(Leave::Gone);
        }
        if clocks.blocked && now >= clocks.progress.1 + WRITE_STALL {
            return Err(Leave::Gone);
        }
        if self.answer.is_none()
            && self.answering.is_empty()
            && self
                .answered
                .as_ref()
                .is_some_and(|(_, until)| *until <= now)
        {
            self.answered = None;
        }
        if now >= clocks.pinged + self.config.ping_interval {
            clocks.pinged = now;
            clocks.ping_due = true;
        }
        if now >= clocks.sent + self.config.keepalive {
            // Not more than one: where the socket takes nothing, a keepalive cannot help.
            clocks.sent = now;
            if self.out.is_empty() {
                self.send(Bytes::from_static(message::KEEPALIVE));
            }
        }
        let clocks = &self.clocks;
        let next = [
            Some(alive + dead_after),
            Some(clocks.pinged + self.config.ping_interval),
            Some(clocks.sent + self.config.keepalive),
            clocks.close_at,
        ];
        self.timer.as_mut().reset(
            next.into_iter()
                .flatten()
                .min()
                .expect("some timer always runs"),
        );
        // Registers the new deadline with this task.
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

/// Where in the closing time a session ends: spread evenly by its number, so that clients do not all return at once.
fn stagger(session: Author, over: Duration) -> Duration {
    // The fractional part of multiples of the golden ratio fills an interval evenly for any run of numbers.
    let share = session.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    over.mul_f64(share as f64 / f64::from(u32::MAX))
}

fn broken(error: tungstenite::Error) -> Leave {
    use tungstenite::Error;
    use tungstenite::error::{CapacityError, ProtocolError};
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Leave::Left,
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Leave::TooLarge(size),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_) => Leave::Gone,
        error => Leave::WebSocket(error.to_string()),
    }
}

fn received(message: &Message<'_>) -> Received {
    match message {
        Message::SyncStep1(_) => Received::Step1,
        Message::SyncStep2(_) => Received::Step2,
        Message::Update(_) => Received::Update,
        Message::Awareness(_) => Received::Awareness,
        Message::QueryAwareness => Received::Query,
        Message::Auth(_) | Message::Unknown(_) => Received::Other,
    }
}

/// A frame holds one message, and its head says which.
fn sent(frame: &[u8]) -> Sent {
    match Messages::new(frame).next() {
        Some(Ok(Message::SyncStep1(_))) => Sent::Step1,
        Some(Ok(Message::SyncStep2(_))) => Sent::Step2,
        Some(Ok(Message::Update(_))) => Sent::Update,
        Some(Ok(Message::Awareness(_))) => Sent::Awareness,
        _ => Sent::Denied,
    }
}

fn verdict(offered: &Result<Offered, Refused>) -> Verdict {
    match offered {
        Ok(offered) => match (offered.appended, offered.missing.is_some()) {
            (true, false) => Verdict::New,
            (true, true) => Verdict::PartlyEarly,
            (false, false) => Verdict::Known,
            (false, true) => Verdict::Early,
        },
        Err(Refused::Malformed(_)) => Verdict::Malformed,
        Err(Refused::Backlog) => Verdict::Backlog,
        Err(Refused::Ended(_) | Refused::Behind) => Verdict::Ended,
    }
}

fn protocol(error: Malformed) -> Leave {
    Leave::Protocol(error.to_string())
}

fn unanswerable(error: Malformed) -> Leave {
    Leave::RoomFailed(format!("its content could not be merged: {error}"))
}

fn refused(refused: Refused) -> Leave {
    match refused {
        Refused::Malformed(error) => Leave::InvalidUpdate(error.to_string()),
        Refused::Backlog => Leave::Backlog,
        Refused::Behind => Leave::Behind,
        Refused::Ended(End::Failed | End::Unloaded) => {
            Leave::RoomFailed("it must be loaded anew".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_sessions_end_spread_over_the_closing_time() {
        let over = Duration::from_secs(1);
        let mut delays: Vec<_> = (1..=100).map(|session| stagger(session, over)).collect();
        delays.sort_unstable();
        assert!(*delays.last().unwrap() <= over);
        let widest = delays
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap();
        assert!(widest < Duration::from_millis(30), "{widest:?}");
    }
}
