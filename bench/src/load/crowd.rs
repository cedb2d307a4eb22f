//! Thousands of clients on one thread: sockets, frames, and the protocol up to the point where a client has joined.
//!
//! Does not know what is measured. The one rule: nothing waits for one connection, and a measurement that does not get on ends by itself,
//! because whatever turns the crowd fails once its time is up.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use scrible_wire::{Message, Messages, message};

use super::frames::{Frame, Framer, write_binary, write_close, write_pong};
use crate::peers::{Dialect, Door};

/// What is read at once.
const READ: usize = 256 << 10;
/// Sockets that are looked at in one turn.
const EVENTS: usize = 1024;
/// An answer to the upgrade is shorter.
const ANSWER: usize = 16 << 10;

/// A message that somebody heard.
pub struct Heard<'a> {
    /// Whose socket it came by.
    pub who: usize,
    /// When it was read.
    pub at: Instant,
    /// What it says.
    pub message: Message<'a>,
}

/// Hears everything that comes to a crowd.
pub trait Ear {
    /// Is told of a message, and may have the one who heard it answer.
    fn hear(&mut self, heard: &Heard<'_>, mouth: &mut Mouth<'_>) -> Result<()>;
}

/// Hears nothing.
pub struct Nobody;

impl Ear for Nobody {
    fn hear(&mut self, _: &Heard<'_>, _: &mut Mouth<'_>) -> Result<()> {
        Ok(())
    }
}

/// Where somebody speaks.
pub struct Mouth<'a> {
    out: &'a mut Vec<u8>,
    dialect: &'a Dialect,
}

impl Mouth<'_> {
    /// Sends a message, soon.
    pub fn say(&mut self, message: &[u8]) {
        match self.dialect {
            Dialect::Plain => write_binary(self.out, message),
            named @ Dialect::Named(_) => write_binary(self.out, &named.wrap(message)),
        }
    }
}

/// Many clients.
pub struct Crowd {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    people: Vec<Person>,
    scratch: Vec<u8>,
    /// Whoever has something to send that no event will come for.
    unsent: Vec<usize>,
    until: Instant,
    joined: usize,
    /// Who was closed, and why.
    gone: Vec<(usize, String)>,
}

struct Person {
    stream: TcpStream,
    dialect: Dialect,
    state: State,
    framer: Framer,
    /// What is not sent yet, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// The socket was full, and an event will say when it is not.
    blocked: bool,
    waiting: bool,
    begun: Instant,
    joined: Option<Instant>,
    joined_bytes: usize,
}

enum State {
    /// Has asked for the upgrade.
    Upgrading {
        answer: Vec<u8>,
        state_vector: Vec<u8>,
    },
    Open,
    Gone,
}

impl Crowd {
    /// Nobody yet. Whatever is to be done with them fails after `until`.
    pub fn new(until: Instant) -> Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
            people: Vec::new(),
            scratch: vec![0; READ],
            unsent: Vec::new(),
            until,
            joined: 0,
            gone: Vec::new(),
        })
    }

    /// Begins to connect somebody who has what a state vector says, and is known by the number from now on.
    pub fn connect(&mut self, door: &Door, state_vector: &[u8]) -> Result<usize> {
        let (address, path) = place(&door.url)?;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error).with_context(|| format!("connect to {address}")),
        }
        let who = self.people.len();
        let events = EventFlags::IN | EventFlags::OUT;
        epoll::add(&self.epoll, &socket, EventData::new_u64(who as u64), events)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.people.push(Person {
            stream,
            dialect: door.dialect.clone(),
            state: State::Upgrading {
                answer: Vec::new(),
                state_vector: state_vector.to_vec(),
            },
            framer: Framer::default(),
            out: request.into_bytes(),
            sent: 0,
            // Until it is connected.
            blocked: true,
            waiting: false,
            begun: Instant::now(),
            joined: None,
            joined_bytes: 0,
        });
        Ok(who)
    }

    /// Connects somebody and waits until it has joined.
    pub fn join(&mut self, door: &Door, state_vector: &[u8], ear: &mut impl Ear) -> Result<usize> {
        let who = self.connect(door, state_vector)?;
        while self.people[who].joined.is_none() {
            self.turn(Duration::from_secs(1), ear)?;
            self.all_here()?;
        }
        Ok(who)
    }

    /// Connects somebody by each door, with at most `at_once` on their way, and waits until all have joined.
    pub fn join_all(&mut self, doors: &[&Door], at_once: usize, ear: &mut impl Ear) -> Result<()> {
        let mut doors = doors.iter();
        let before = self.joined;
        let mut begun = 0;
        loop {
            while begun - (self.joined - before) < at_once
                && let Some(door) = doors.next()
            {
                self.connect(door, &[0])?;
                begun += 1;
            }
            if self.joined - before == begun {
                return Ok(());
            }
            self.turn(Duration::from_secs(1), ear)?;
            self.all_here()?;
        }
    }

    /// Hears what has come, waiting at most `patience` for anything, and sends what there is to send.
    pub fn turn(&mut self, patience: Duration, ear: &mut impl Ear) -> Result<()> {
        self.flush();
        let now = Instant::now();
        ensure!(now < self.until, "it was not done in time");
        let patience = patience.min(self.until - now);
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&patience),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for sockets"),
        }
        for at in 0..self.events.len() {
            let event = self.events[at];
            let (who, flags) = (event.data.u64() as usize, event.flags);
            if flags.contains(EventFlags::OUT) {
                self.unblock(who)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(who, ear)?;
            }
        }
        self.flush();
        Ok(())
    }

    /// Turns for so long, or until nothing has come for as long as that.
    pub fn turn_for(&mut self, time: Duration, ear: &mut impl Ear) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left, ear)?;
        }
        Ok(())
    }

    /// Has somebody say something with the next turn.
    pub fn say(&mut self, who: usize, message: &[u8]) {
        let person = &mut self.people[who];
        if let State::Gone = person.state {
            return;
        }
        let mut mouth = Mouth {
            out: &mut person.out,
            dialect: &person.dialect,
        };
        mouth.say(message);
        self.will_send(who);
    }

    /// Somebody leaves, as a browser does.
    pub fn leave(&mut self, who: usize) {
        let person = &mut self.people[who];
        if let State::Gone = person.state {
            return;
        }
        write_close(&mut person.out);
        person.send().ok();
        self.end(who);
    }

    /// Everybody's line is cut.
    pub fn cut_all(&mut self) {
        for who in 0..self.people.len() {
            self.end(who);
        }
    }

    /// How many have been connected so far; the next one has this number.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// How long somebody took from connecting to having what the room holds, and how many bytes of updates that was.
    pub fn stay(&self, who: usize) -> Option<(Duration, usize)> {
        let person = &self.people[who];
        Some((person.joined? - person.begun, person.joined_bytes))
    }

    /// An error if somebody was closed.
    pub fn all_here(&self) -> Result<()> {
        match self.gone.first() {
            Some((who, why)) => bail!(
                "{} of {} were closed, first client {who}: {why}",
                self.gone.len(),
                self.people.len()
            ),
            None => Ok(()),
        }
    }

    fn will_send(&mut self, who: usize) {
        let person = &mut self.people[who];
        if !person.blocked && !person.waiting {
            person.waiting = true;
            self.unsent.push(who);
        }
    }

    fn flush(&mut self) {
        while let Some(who) = self.unsent.pop() {
            self.people[who].waiting = false;
            self.send(who);
        }
    }

    fn send(&mut self, who: usize) {
        let person = &mut self.people[who];
        if let State::Gone = person.state {
            return;
        }
        match person.send() {
            Ok(all) => {
                if all == person.blocked {
                    person.blocked = !all;
                    let wanted = match all {
                        true => EventFlags::IN,
                        false => EventFlags::IN | EventFlags::OUT,
                    };
                    let data = EventData::new_u64(who as u64);
                    if let Err(error) = epoll::modify(&self.epoll, &person.stream, data, wanted) {
                        self.lost(who, error.to_string());
                    }
                }
            }
            Err(error) => self.lost(who, error.to_string()),
        }
    }

    fn unblock(&mut self, who: usize) -> Result<()> {
        if let State::Gone = self.people[who].state {
            return Ok(());
        }
        if let Some(error) = self.people[who].stream.take_error()? {
            self.lost(who, error.to_string());
            return Ok(());
        }
        self.send(who);
        Ok(())
    }

    fn read(&mut self, who: usize, ear: &mut impl Ear) -> Result<()> {
        if let State::Gone = self.people[who].state {
            return Ok(());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let read = self.people[who].stream.read(&mut scratch);
        let at = Instant::now();
        let heard = match read {
            Ok(0) => Err(Lost("the line was cut".into())),
            Ok(bytes) => self.take(who, &scratch[..bytes], at, ear)?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(Lost(error.to_string())),
        };
        self.scratch = scratch;
        match heard {
            Ok(()) => {
                if !self.people[who].out.is_empty() {
                    self.will_send(who);
                }
            }
            Err(Lost(why)) => self.lost(who, why),
        }
        Ok(())
    }

    fn take(
        &mut self,
        who: usize,
        mut bytes: &[u8],
        at: Instant,
        ear: &mut impl Ear,
    ) -> Result<Result<(), Lost>> {
        let person = &mut self.people[who];
        if let State::Upgrading {
            answer,
            state_vector,
        } = &mut person.state
        {
            let had = answer.len();
            answer.extend(bytes);
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                ensure!(answer.len() < ANSWER, "an endless answer to the upgrade");
                return Ok(Ok(()));
            };
            if !answer.starts_with(b"HTTP/1.1 101") {
                let line = answer
                    .split(|byte| *byte == b'\r')
                    .next()
                    .unwrap_or_default();
                return Ok(Err(Lost(String::from_utf8_lossy(line).into_owned())));
            }
            bytes = &bytes[end + 4 - had..];
            let first = message::step1(state_vector);
            for hello in person.dialect.hello() {
                write_binary(&mut person.out, &hello);
            }
            write_binary(&mut person.out, &person.dialect.wrap(&first));
            person.state = State::Open;
        }
        let Person {
            dialect,
            framer,
            out,
            joined,
            joined_bytes,
            ..
        } = person;
        let mut heard = Ok(());
        let mut lost = None;
        let framed = framer.read(bytes, |frame| match frame {
            Frame::Binary(frame) => {
                let Some(payload) = dialect.unwrap(frame) else {
                    return;
                };
                let mut mouth = Mouth { out, dialect };
                for message in Messages::new(payload) {
                    let message = match message {
                        Ok(message) => message,
                        Err(error) => {
                            heard = Err(anyhow::anyhow!("a message that is none: {error}"));
                            return;
                        }
                    };
                    if let Message::SyncStep1(_) = message {
                        // There is nothing that the server lacks.
                        mouth.say(&message::step2(&[0, 0]));
                    }
                    if joined.is_none() {
                        match message {
                            Message::SyncStep2(update) => {
                                *joined_bytes += update.len();
                                *joined = Some(at);
                                self.joined += 1;
                            }
                            Message::Update(update) => *joined_bytes += update.len(),
                            _ => {}
                        }
                    }
                    let told = ear.hear(&Heard { who, at, message }, &mut mouth);
                    if let Err(error) = told {
                        heard = Err(error);
                        return;
                    }
                }
            }
            Frame::Ping(payload) => write_pong(out, payload),
            Frame::Close(reason) => lost = Some(Lost(format!("closed with {reason}"))),
        });
        heard?;
        framed?;
        Ok(match lost {
            Some(lost) => Err(lost),
            None => Ok(()),
        })
    }

    fn lost(&mut self, who: usize, why: String) {
        self.gone.push((who, why));
        self.end(who);
    }

    fn end(&mut self, who: usize) {
        let person = &mut self.people[who];
        if let State::Gone = person.state {
            return;
        }
        person.state = State::Gone;
        person.out = Vec::new();
        person.sent = 0;
        // It is closed by the kernel as well as by us, and no event comes any more.
        epoll::delete(&self.epoll, &person.stream).ok();
        person.stream.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// The connection is over, and why.
struct Lost(String);

impl Person {
    /// Whether all has gone.
    fn send(&mut self) -> std::io::Result<bool> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(bytes) => self.sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                // What has not come to be yet.
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(true)
    }
}

/// Address and path of `ws://address/path`.
fn place(url: &str) -> Result<(SocketAddr, &str)> {
    let rest = url
        .strip_prefix("ws://")
        .with_context(|| format!("{url} is no ws://"))?;
    let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let address = address.replace("localhost", "127.0.0.1");
    let address = address
        .parse()
        .with_context(|| format!("{url} has no address"))?;
    Ok((address, path))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    use tokio_tungstenite::tungstenite::{Message as Sent, accept};

    use super::*;
    use crate::load::forged::{FIRST_WRITER, append};
    use crate::load::{Nobody, Tally, Window};

    fn crowd() -> Crowd {
        Crowd::new(Instant::now() + Duration::from_secs(10)).unwrap()
    }

    /// A listener, and the door to it.
    fn listen() -> (TcpListener, Door) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/room", listener.local_addr().unwrap());
        let dialect = Dialect::Plain;
        (listener, Door { url, dialect })
    }

    /// Two join and are given a board in two parts; what the first sends goes to the second, who is pinged before and sent away after it.
    fn server(listener: TcpListener) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let mut sockets = Vec::new();
            for _ in 0..2 {
                let mut socket = accept(listener.accept().unwrap().0).unwrap();
                let first = socket.read().unwrap().into_data();
                assert_eq!(first[..], message::step1(&[0]));
                for part in [
                    message::step1(&[0]),
                    message::update(&[0; 70_000]),
                    message::step2(&[0, 0]),
                ] {
                    socket.send(Sent::Binary(part.into())).unwrap();
                }
                let answer = socket.read().unwrap().into_data();
                assert_eq!(answer[..], message::step2(&[0, 0]));
                sockets.push(socket);
            }
            let update = sockets[0].read().unwrap();
            let second = &mut sockets[1];
            second.send(Sent::Ping(vec![1, 2].into())).unwrap();
            assert_eq!(second.read().unwrap(), Sent::Pong(vec![1, 2].into()));
            second.send(update).unwrap();
            let away = CloseFrame {
                code: 1013.into(),
                reason: "too slow".into(),
            };
            second.close(Some(away)).unwrap();
            // Until the other one is gone, too.
            while sockets[0].read().is_ok() {}
        })
    }

    #[test]
    fn a_crowd_joins_hears_answers_and_knows_who_was_sent_away() {
        let (listener, door) = listen();
        let server = server(listener);
        let mut crowd = crowd();
        let mut tally = Tally::new(Window::Open);
        tally.add_room(2, 1);
        crowd.join_all(&[&door], 1, &mut Nobody).unwrap();
        assert_eq!(crowd.join(&door, &[0], &mut Nobody).unwrap(), 1);
        assert_eq!(crowd.stay(1).unwrap().1, 70_002);
        let (client, number) = tally.next_of(0, Instant::now()).unwrap();
        assert_eq!((client, number), (FIRST_WRITER, 0));
        crowd.say(0, &message::update(&append(client, number, 100)));
        while crowd.all_here().is_ok() {
            crowd.turn(Duration::from_secs(1), &mut tally).unwrap();
        }
        assert_eq!((tally.delivered.updates, tally.missing()), (1, 0));
        let gone = crowd.all_here().unwrap_err().to_string();
        assert_eq!(
            gone,
            "1 of 2 were closed, first client 1: closed with 1013 too slow"
        );
        crowd.leave(0);
        server.join().unwrap();
    }

    #[test]
    fn who_is_not_let_in_knows_why() {
        let (listener, door) = listen();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(socket.read(&mut request).unwrap() > 0);
            socket.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
        });
        let why = crowd().join(&door, &[0], &mut Nobody).unwrap_err();
        assert!(why.to_string().ends_with("HTTP/1.1 403 Forbidden"), "{why}");
        server.join().unwrap();
    }

    #[test]
    fn who_waits_for_nothing_is_told_when_time_is_up() {
        let (_listener, door) = listen();
        let until = Instant::now() + Duration::from_millis(20);
        let mut crowd = Crowd::new(until).unwrap();
        let why = crowd.join(&door, &[0], &mut Nobody).unwrap_err();
        assert_eq!(why.to_string(), "it was not done in time");
    }

    #[test]
    fn a_url_is_an_address_and_a_path() {
        let address = "127.0.0.1:80".parse().unwrap();
        assert_eq!(
            place("ws://127.0.0.1:80/a/b?c=d").unwrap(),
            (address, "/a/b?c=d")
        );
        assert_eq!(place("ws://localhost:80").unwrap(), (address, "/"));
        assert!(place("http://127.0.0.1:80/").is_err());
        assert!(place("ws://nobody/").is_err());
    }
}
