//! What attackers do. Each goes on until it is told to stop, and comes back when it is sent away.
//!
//! They do not measure. The rule: what becomes of each connection is counted, under its close code or its HTTP status.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use scrible_wire::varint::write_number;
use scrible_wire::{awareness, message};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Case, Target};
use crate::load::forged::append;

type Socket = WebSocketStream<TcpStream>;

/// How often something became of a connection, or was done.
#[derive(Clone, Default)]
pub struct Fates(Arc<Mutex<BTreeMap<String, usize>>>);

impl Fates {
    fn note(&self, fate: impl Into<String>) {
        let mut fates = self.0.lock().expect("nobody panics with it");
        *fates.entry(fate.into()).or_default() += 1;
    }

    /// All of them.
    pub fn take(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }
}

/// After being sent away or refused.
const COME_BACK: Duration = Duration::from_millis(200);
/// How long the end of a connection is waited for when all is over.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Carries out a case until it is stopped.
pub async fn attack(case: Case, target: Target) {
    let mut attackers = JoinSet::new();
    let count = match case {
        Case::NeverReading | Case::SlowReaders => {
            attackers.spawn(again(0, target.clone(), busy_room));
            50
        }
        Case::Awareness => 4,
        Case::Writer | Case::ClientIds => 1,
        Case::Reconnects | Case::Slowloris => 2000,
        Case::Oversized | Case::Fragments => 8,
        Case::Passwords => match set_password(&target).await {
            Ok(()) => 200,
            Err(error) => return target.fates.note(format!("no password set: {error}")),
        },
    };
    for number in 1..=count {
        let target = target.clone();
        match case {
            Case::NeverReading => attackers.spawn(again(number, target, never_read)),
            Case::SlowReaders => attackers.spawn(again(number, target, read_slowly)),
            Case::Awareness => attackers.spawn(again(number, target, flood_awareness)),
            Case::Writer => attackers.spawn(again(number, target, write_fast)),
            Case::Reconnects => attackers.spawn(again(number, target, join_and_leave)),
            Case::Slowloris => attackers.spawn(again(number, target, dribble)),
            Case::Oversized => attackers.spawn(again(number, target, send_oversized)),
            Case::Fragments => attackers.spawn(again(number, target, never_finish)),
            Case::ClientIds => attackers.spawn(again(number, target, bring_clients)),
            Case::Passwords => attackers.spawn(again(number, target, try_passwords)),
        };
    }
    attackers.join_all().await;
}

/// One attacker, over and over.
async fn again<F: Future<Output = Result<()>> + Send>(
    number: usize,
    target: Target,
    attack: fn(usize, Target) -> F,
) {
    while !target.stop.is_cancelled() {
        let done = target
            .stop
            .run_until_cancelled(attack(number, target.clone()))
            .await;
        match done {
            None => target.fates.note("still connected"),
            Some(Ok(())) => {}
            Some(Err(error)) => target.fates.note(fate(&error)),
        }
        target.stop.run_until_cancelled(sleep(COME_BACK)).await;
    }
}

/// How a connection ended, in a word.
fn fate(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Error>() {
        Some(Error::Http(response)) => format!("HTTP {}", response.status().as_u16()),
        Some(
            Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_),
        ) => "gone".into(),
        Some(_) => "broken".into(),
        None => match error.downcast_ref::<std::io::Error>() {
            Some(_) => "gone".into(),
            None => error.to_string(),
        },
    }
}

/// A connection from an address of its own (the storm) or from one that all attackers share.
async fn stream(number: usize, target: &Target, own: bool) -> Result<TcpStream> {
    let number = if own { number } else { 0 };
    let host = Ipv4Addr::new(127, 0, 1 + (number / 250) as u8, 2 + (number % 250) as u8);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((host, 0)))?;
    let stream = socket.connect(target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connect(stream: TcpStream, target: &Target) -> Result<Socket> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .max_frame_size(None)
        .max_message_size(None);
    let url = format!("ws://{}/{}", target.address, target.room);
    let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    Ok(socket)
}

/// A connection that has sent its step 1.
async fn join(number: usize, target: &Target) -> Result<Socket> {
    let mut socket = connect(stream(number, target, false).await?, target).await?;
    send(&mut socket, message::step1(&[0])).await?;
    Ok(socket)
}

/// Gives the room a password, as whoever runs a server without settings may.
async fn set_password(target: &Target) -> Result<()> {
    let stream = TcpStream::connect(target.address).await?;
    let path = format!("/api/rooms/{}", target.room);
    let body = r#"{"password":"a password that nobody guesses"}"#;
    match request(
        &mut BufStream::new(stream),
        target,
        &format!("PATCH {path}"),
        body,
    )
    .await?
    {
        200 => Ok(()),
        status => bail!("HTTP {status}"),
    }
}

/// One connection after another, each used until it is closed.
async fn try_passwords(number: usize, target: Target) -> Result<()> {
    let mut stream = BufStream::new(stream(number, &target, true).await?);
    let line = format!("POST /api/rooms/{}/join", target.room);
    for guess in 0.. {
        let body = format!(r#"{{"password":"guess {guess}"}}"#);
        let status = request(&mut stream, &target, &line, &body).await?;
        target.fates.note(format!("HTTP {status}"));
        if status == 200 {
            bail!("let in by a wrong password");
        }
    }
    Ok(())
}

/// Sends a request with a body in JSON and reads the whole answer; its status.
async fn request(
    stream: &mut BufStream<TcpStream>,
    target: &Target,
    line: &str,
    body: &str,
) -> Result<u16> {
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        target.address,
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.flush().await?;
    let mut text = String::new();
    stream.read_line(&mut text).await?;
    let status = text
        .split_whitespace()
        .nth(1)
        .and_then(|it| it.parse().ok());
    let Some(status) = status else {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    };
    let mut length = 0;
    loop {
        text.clear();
        stream.read_line(&mut text).await?;
        if text.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(status)
}

async fn send(socket: &mut Socket, message: Vec<u8>) -> Result<()> {
    Ok(socket.send(Frame::Binary(message.into())).await?)
}

/// Reads to the end; the error is how it ended.
async fn read_on(mut socket: SplitStream<Socket>) -> Result<()> {
    while let Some(frame) = socket.next().await {
        if let Frame::Close(close) = frame? {
            let code = close.map_or(1005, |close| close.code.into());
            bail!("{code}");
        }
    }
    bail!("gone")
}

/// Reads and writes at once, until one of them ends.
async fn both<F: Future<Output = Result<()>>>(
    socket: Socket,
    write: impl FnOnce(SplitSink<Socket, Frame>) -> F,
) -> Result<()> {
    let (sink, stream) = socket.split();
    let mut reading = std::pin::pin!(read_on(stream));
    tokio::select! {
        ended = &mut reading => ended,
        // A socket that cannot be written to any more mostly says why.
        failed = write(sink) => match timeout(LAST_WORDS, reading).await {
            Ok(ended) => ended,
            Err(_) => failed,
        },
    }
}

/// A client id that no attacker had before.
fn id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A mebibyte a second of edits, so that those who do not read fall behind.
async fn busy_room(number: usize, target: Target) -> Result<()> {
    write_steadily(number, target, Duration::from_millis(15), 16 << 10).await
}

async fn write_fast(number: usize, target: Target) -> Result<()> {
    write_steadily(number, target, Duration::from_micros(200), 100).await
}

async fn write_steadily(
    number: usize,
    target: Target,
    every: Duration,
    bytes: usize,
) -> Result<()> {
    let socket = join(number, &target).await?;
    let fates = target.fates.clone();
    both(socket, |mut sink| async move {
        let client = id();
        let mut due = interval(every);
        for clock in 0.. {
            due.tick().await;
            let update = message::update(&append(client, clock, bytes));
            sink.send(Frame::Binary(update.into())).await?;
            fates.note("updates");
        }
        Ok(())
    })
    .await
}

async fn never_read(number: usize, target: Target) -> Result<()> {
    let mut socket = join(number, &target).await?;
    target.stop.cancelled().await;
    // What had come before the server gave up is in the kernel's buffer.
    loop {
        match timeout(LAST_WORDS, socket.next()).await {
            Ok(Some(Ok(Frame::Close(Some(close))))) => bail!("{}", u16::from(close.code)),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) => bail!("gone"),
            Err(_) => bail!("still connected"),
        }
    }
}

/// A kilobyte a second.
async fn read_slowly(number: usize, target: Target) -> Result<()> {
    let mut socket = join(number, &target).await?;
    let mut due = interval(Duration::from_millis(100));
    let mut buffer = [0; 100];
    loop {
        due.tick().await;
        if socket.get_mut().read(&mut buffer).await? == 0 {
            bail!("gone");
        }
    }
}

async fn flood_awareness(number: usize, target: Target) -> Result<()> {
    let socket = join(number, &target).await?;
    both(socket, |mut sink| async move {
        let client = id();
        for clock in 1.. {
            let state = format!(r#"{{"cursor":{{"x":{clock},"y":{clock}}}}}"#);
            let entry = awareness::Entry {
                client,
                clock,
                state: Some(state.as_bytes()),
            };
            let body = awareness::encode([entry].into_iter());
            sink.send(Frame::Binary(message::awareness(&body).into()))
                .await?;
        }
        Ok(())
    })
    .await
}

async fn join_and_leave(number: usize, target: Target) -> Result<()> {
    let mut socket = connect(stream(number, &target, true).await?, &target).await?;
    send(&mut socket, message::step1(&[0])).await?;
    // Step 1, perhaps people, and step 2.
    let answered = async {
        while let Some(frame) = socket.next().await {
            match frame? {
                Frame::Close(Some(close)) => bail!("{}", u16::from(close.code)),
                Frame::Binary(bytes) if bytes.starts_with(&[0, 1]) => return Ok(()),
                _ => {}
            }
        }
        bail!("gone")
    };
    match timeout(Duration::from_secs(30), answered).await {
        Ok(answered) => answered?,
        Err(_) => bail!("no answer in 30 s"),
    }
    target.fates.note("joined");
    // Gone without a word, as after a cut line.
    drop(socket);
    Ok(())
}

async fn dribble(number: usize, target: Target) -> Result<()> {
    let mut stream = stream(number, &target, false).await?;
    let request = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\nCookie: {}",
        target.room,
        "a".repeat(1000)
    );
    let mut answer = [0; 64];
    for byte in request.bytes() {
        stream.write_all(&[byte]).await?;
        match timeout(Duration::from_millis(500), stream.read(&mut answer)).await {
            Err(_) => {}
            Ok(Ok(0)) | Ok(Err(_)) => bail!("gone"),
            Ok(Ok(read)) => {
                let answer = String::from_utf8_lossy(&answer[..read]);
                bail!("HTTP {}", answer.split(' ').nth(1).unwrap_or("?"));
            }
        }
    }
    bail!("never sent away")
}

async fn send_oversized(number: usize, target: Target) -> Result<()> {
    let mut socket = join(number, &target).await?;
    if number.is_multiple_of(2) {
        // A masked binary frame of a terabyte.
        let header = [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        socket.get_mut().write_all(&header).await?;
        let (_, reading) = socket.split();
        return read_on(reading).await;
    }
    let update = message::update(&append(id(), 1, 60 << 20));
    both(socket, |mut sink| async move {
        Ok(sink.send(Frame::Binary(update.into())).await?)
    })
    .await
}

async fn never_finish(number: usize, target: Target) -> Result<()> {
    let mut socket = join(number, &target).await?;
    // A binary fragment first, then continuations of 64 KiB, masked with zeros.
    let piece = vec![7; 64 << 10];
    for first in [true].into_iter().chain(std::iter::repeat(false)) {
        let mut frame = vec![if first { 0x02 } else { 0x00 }, 0xff];
        frame.extend((piece.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(&piece);
        if socket.get_mut().write_all(&frame).await.is_err() {
            break;
        }
    }
    let (_, reading) = socket.split();
    timeout(Duration::from_secs(8), read_on(reading)).await?
}

/// A million of them in four updates, and another million each second after.
async fn bring_clients(number: usize, target: Target) -> Result<()> {
    let socket = join(number, &target).await?;
    both(socket, |mut sink| async move {
        let mut due = interval(Duration::from_secs(1));
        for round in 0_u64.. {
            due.tick().await;
            for part in 0..4 {
                let first = (1 << 40) + (round * 4 + part) * 250_000;
                let update = message::update(&clients(first, 250_000));
                sink.send(Frame::Binary(update.into())).await?;
            }
        }
        Ok(())
    })
    .await
}

/// An update of so many clients with a collected struct each.
fn clients(first: u64, count: u64) -> Vec<u8> {
    let mut update = Vec::new();
    write_number(&mut update, count);
    for client in (first..first + count).rev() {
        update.push(1);
        write_number(&mut update, client);
        update.extend([0, 0, 1]);
    }
    update.push(0);
    update
}
