//! One connection's stay in a room: reads its messages, sends what it has not heard, keeps it alive, and says why it ended.
//!
//! One task polled by hand: read what is there, take what the room has, feed every frame, flush once. Nothing queues here: a slow
//! socket is simply not fed, and its seat in the room lags. The few frames that a session makes itself (greeting, answers,
//! keepalive) stand in `out`, and while that or the room's echoes for this session are full, the socket is not read.
//! Knows no HTTP and no close codes: it returns a [`Leave`].
//!
//! Here is what comes in and the life of it all; `outbox` is what goes out, `clockwork` the timers, `pace` how fast a client may send, `standing` whether it may still be here,
//! `outcome` what things are called outside.

mod clockwork;
mod outbox;
mod outcome;
mod pace;
mod standing;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use scrible_wire::{Malformed, Message, Messages, Missing, StateVector, awareness, message};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::access::{Denied, Role};
use crate::point;
use crate::room::{Answer, Answered, Author, Carrier, Full, Made, Membership, Refused};
use crate::socket::Socket;
use crate::telemetry::{DeadLetterKind, Verdict};
use clockwork::{Clockwork, stagger};
use outbox::Written;
use outcome::{broken, protocol, received, refused, unanswerable, verdict};
pub use pace::PaceConfig;
use pace::{Pace, Worth};
pub use standing::Standing;

/// Bytes of own frames above which the socket is not read. What a last message causes may come on top.
const OUT_BYTES: usize = 256 << 10;
/// Messages read before the task sends, and turns before it lets others run.
const READS_PER_TURN: usize = 64;
const TURNS: usize = 8;
/// The most messages in one frame. Clients send one or two.
const MESSAGES_PER_FRAME: usize = 1_000;
/// A larger frame is handled where no other task waits for the thread.
const INLINE_FRAME_BYTES: usize = 128 << 10;
/// Answers made from more than this are encoded off the async threads.
const INLINE_ANSWER_BYTES: usize = 128 << 10;
/// How long a large answer is remembered at least, so that what a client hands back of it is known for that.
const ANSWERED_FOR: Duration = Duration::from_secs(60);

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
    /// How fast a client may send.
    pub pace: PaceConfig,
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
    /// What the client sent has in it what it was let in by.
    SecretTold,
    /// The room holds as much as it may.
    RoomFull(Full),
    /// Somebody else writes under the client id that this client calls its own.
    Conflict,
    /// A message above the size limit.
    TooLarge(usize),
    /// No step 1 in time.
    Silent,
    /// A large message came too slowly while others waited for the memory.
    Slow,
    /// The room cannot go on; everyone must load it anew.
    RoomFailed(String),
    /// Too much waits to be stored.
    Backlog,
    /// The session fell so far behind that it must sync anew.
    Behind,
    /// Who it speaks for may not be in the room any more.
    Denied(Denied),
    /// It may do more, or less, than it was let in for.
    RoleChanged,
    /// What it was let in by has expired.
    Expired,
    /// The server is stopping.
    Shutdown,
}

/// A session under way.
pub struct Session<'a> {
    socket: &'a mut Socket,
    membership: Membership,
    standing: Standing,
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
    answer: Option<JoinHandle<Result<Made, Malformed>>>,
    /// What is made of the answer and still to be sent: memory that all newcomers share, or a part. Nothing is taken from the room before.
    answering: VecDeque<Bytes>,
    /// What is still to be made of the answer, once that is sent.
    unmade: Option<Answer>,
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
    pace: Pace,
    written: Written,
    clocks: Clockwork,
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    session: Author,
}

/// Runs the session to its end; dropping it leaves the room.
impl Future for Session<'_> {
    type Output = Leave;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Leave> {
        let polled = self.poll_once(cx);
        self.count_written();
        polled
    }
}

impl<'a> Session<'a> {
    /// A session of an admitted connection in an opened room.
    pub fn new(
        socket: &'a mut Socket,
        membership: Membership,
        standing: Standing,
        config: SessionConfig,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let clocks = Clockwork::new(now);
        let session = membership.session();
        Self {
            socket,
            membership,
            standing,
            config,
            out: VecDeque::new(),
            out_bytes: 0,
            asking: VecDeque::new(),
            owes_step1: true,
            owes_presence: true,
            answer: None,
            answering: VecDeque::new(),
            unmade: None,
            answered: None,
            joined: false,
            full: false,
            asked: false,
            waiting: None,
            told_read_only: false,
            pace: Pace::new(&config.pace),
            written: Written::default(),
            clocks,
            timer: Box::pin(tokio::time::sleep_until(now)),
            stop: Box::pin(stop.cancelled_owned()),
            session,
        }
    }

    fn poll_once(&mut self, cx: &mut Context<'_>) -> Poll<Leave> {
        let now = Instant::now();
        if self.clocks.close_at.is_none() && self.stop.as_mut().poll(cx).is_ready() {
            self.clocks.close_at = Some(now + stagger(self.session, self.config.stagger));
            self.timer.as_mut().reset(now);
        }
        // Before anything is read: what comes after the decision is not taken.
        let stays = self
            .poll_standing(now, cx)
            .and_then(|()| self.poll_timer(now, cx));
        if let Err(leave) = stays {
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

    fn poll_standing(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), Leave> {
        let rung = self.membership.listen(cx.waker());
        let room = self.membership.room();
        self.standing.poll(rung, room, now, cx)?;
        if let Some(due) = self
            .standing
            .due()
            .filter(|due| *due < self.timer.deadline())
        {
            self.timer.as_mut().reset(due);
        }
        Ok(())
    }

    /// Reads what has arrived, unless this session owes too much. True when something was read.
    fn poll_read(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Leave> {
        let mut progress = false;
        for _ in 0..READS_PER_TURN {
            if !self.asking.is_empty() || self.unsent() > OUT_BYTES || self.full {
                break;
            }
            if let Err(met) = self.pace.pay(self.socket.get_ref().read(), now) {
                if let Some(limit) = met {
                    self.membership.room().shared().metrics.limits.count(limit);
                }
                self.wake_after_pause(cx);
                break;
            }
            let is_large = self.socket.get_ref().unfinished() > INLINE_FRAME_BYTES;
            let socket = Pin::new(&mut *self.socket);
            // The buffer of a large message grows by being copied.
            let frame = match aside(is_large, || socket.poll_next(cx)) {
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

    /// Handles the messages of a frame; a large one where no other task waits for this thread. Whatever they make the code do costs this session alone,
    /// or, where the room was in the middle of a change, its room a reload.
    fn handle_frame(&mut self, frame: &[u8], now: Instant) -> Result<(), Leave> {
        let handled = aside(frame.len() > INLINE_FRAME_BYTES, || {
            let handle = AssertUnwindSafe(|| self.handle_messages(frame, now));
            std::panic::catch_unwind(handle)
        });
        handled.unwrap_or_else(|_| {
            let room = self.membership.room();
            tracing::error!(room = ?room.name(), "a message made the code panic that took it");
            if !self.standing.own_secrets().are_in(frame) {
                let (letters, kind) = (&room.shared().dead_letters, DeadLetterKind::Panic);
                letters.record(room.name(), kind, "the code that took it panicked", frame);
            }
            room.fail_if_torn();
            Err(Leave::RoomFailed("a message could not be handled".into()))
        })
    }

    fn handle_messages(&mut self, frame: &[u8], now: Instant) -> Result<(), Leave> {
        for (at, message) in Messages::new(frame).enumerate() {
            if at == MESSAGES_PER_FRAME {
                return Err(Leave::Protocol(format!(
                    "more than {MESSAGES_PER_FRAME} messages in one frame"
                )));
            }
            let message = message.map_err(protocol)?;
            let shared = self.membership.room().shared();
            shared.metrics.updates.received.count(received(&message));
            match message {
                Message::SyncStep1(theirs) => {
                    self.asking.push_back(theirs.to_vec());
                    self.join()?;
                    self.pace.handled(Worth::Message);
                }
                Message::SyncStep2(update) => {
                    self.membership.answered();
                    self.offer(update, Carrier::Step2)?;
                }
                Message::Update(update) => self.offer(update, Carrier::Update)?,
                Message::Awareness(body) => {
                    self.check_secrets(body)?;
                    let limits = &shared.config.limits;
                    let entries = awareness::parse(body, limits).map_err(protocol)?;
                    let changed = self.membership.hear(&entries, now);
                    if let Some(own) = self.membership.own_client() {
                        self.standing.seen_as(own);
                    }
                    self.pace.handled(worth(changed));
                }
                Message::QueryAwareness => {
                    self.owes_presence = true;
                    self.pace.handled(Worth::Message);
                }
                Message::Auth(_) => self.pace.handled(Worth::Message),
                Message::Unknown(kind) => {
                    tracing::debug!(kind, "message of an unknown type ignored");
                    self.pace.handled(Worth::Message);
                }
            }
        }
        Ok(())
    }

    fn is_answering(&self) -> bool {
        self.answer.is_some() || self.unmade.is_some() || !self.answering.is_empty()
    }

    /// Answers the next step 1, unless an answer is still under way.
    fn join(&mut self) -> Result<(), Leave> {
        if self.is_answering() {
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
        self.joined = true;
        self.make_answer(answer)
    }

    /// Makes the next messages of an answer, elsewhere where that takes time.
    fn make_answer(&mut self, answer: Answer) -> Result<(), Leave> {
        let shared = self.membership.room().shared().clone();
        if answer.is_ready() || answer.weight() <= INLINE_ANSWER_BYTES {
            self.made(answer.make(&shared.config.limits).map_err(unanswerable)?);
            return Ok(());
        }
        let tasks = shared.tasks.clone();
        self.answer = Some(tasks.spawn(async move {
            let turn = shared.answering.clone().acquire_owned().await;
            let tasks = shared.tasks.clone();
            let making = tasks.spawn_blocking(move || {
                let _turn = turn;
                answer.make(&shared.config.limits)
            });
            making
                .await
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }));
        Ok(())
    }

    fn made(&mut self, made: Made) {
        self.answering.extend(made.messages);
        self.unmade = made.rest;
    }

    fn offer(&mut self, update: &[u8], carrier: Carrier) -> Result<(), Leave> {
        point::reach("update", "received");
        if let Err(leave) = self.check_secrets(update) {
            self.count_update(Verdict::Giveaway);
            return Err(leave);
        }
        if self.standing.role() < Role::Editor {
            return self.overhear(update);
        }
        let answered = self.answered.as_ref().map(|(answered, _)| answered);
        let offered = self.membership.offer(update, carrier, answered);
        self.count_update(verdict(&offered));
        let offered = offered.map_err(|error| self.refuse(error, update))?;
        self.pace
            .handled(worth(offered.appended || offered.missing.is_some()));
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

    /// Before anything of a message is taken, shown or kept: what a client was let in by is not for the room.
    fn check_secrets(&self, payload: &[u8]) -> Result<(), Leave> {
        if !self.standing.own_secrets().are_in(payload) {
            return Ok(());
        }
        self.standing
            .on_record("secret_in_update", self.membership.room());
        Err(Leave::SecretTold)
    }

    /// A read-only session's update: nothing of it is taken. Said once, because such a client sees its own edits and nobody else does.
    fn overhear(&mut self, update: &[u8]) -> Result<(), Leave> {
        self.pace.handled(Worth::Message);
        let news = self.membership.brings_news(update);
        self.count_update(if news.is_ok() {
            Verdict::ReadOnly
        } else {
            Verdict::Malformed
        });
        if news.map_err(|error| self.refuse(error, update))? && !self.told_read_only {
            self.told_read_only = true;
            self.standing
                .on_record("update_refused", self.membership.room());
            self.send(message::permission_denied("you may read this room, not change it").into());
        }
        Ok(())
    }

    /// Keeps what no room could, and says how to leave.
    fn refuse(&self, error: Refused, update: &[u8]) -> Leave {
        let kind = match error {
            Refused::Malformed(_) => Some(DeadLetterKind::MalformedUpdate),
            Refused::Full(_) => Some(DeadLetterKind::RoomFull),
            Refused::Conflict { .. } => Some(DeadLetterKind::ClockConflict),
            Refused::Backlog | Refused::Ended(_) | Refused::Behind => None,
        };
        let room = self.membership.room();
        if let Refused::Conflict { client, by } = error {
            let (room, session) = (room.name(), self.session);
            tracing::warn!(
                ?room,
                session,
                client,
                by,
                "an edit was written at a clock that another session has taken"
            );
        }
        if matches!(error, Refused::Malformed(_)) {
            self.standing.on_record("update_refused", room);
        }
        if let Some(kind) = kind {
            let letters = &room.shared().dead_letters;
            letters.record(room.name(), kind, &error.to_string(), update);
        }
        refused(error)
    }

    fn count_update(&self, verdict: Verdict) {
        let shared = self.membership.room().shared();
        shared.metrics.updates.verdicts.count(verdict);
    }
}

fn worth(did_something: bool) -> Worth {
    if did_something {
        Worth::Message
    } else {
        Worth::Relay
    }
}

/// Does what may take long where no other task waits for the thread.
fn aside<T>(may_take_long: bool, work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread if may_take_long => tokio::task::block_in_place(work),
        _ => work(),
    }
}
