//! The reference: a server that hands each frame to everybody else in its room and does nothing besides.
//!
//! Has no documents, no storage, no limits. What another server takes on top of it is the price of what it does for its users. The one rule:
//! it is as quick as tokio-tungstenite allows on one thread, so everything that waits for a member goes out with one flush.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Beyond this a member is too slow, and is sent away: a hundred times what the benches keep in flight.
const QUEUED_BYTES: usize = 64 << 20;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// The beginning of a sync step 1.
const STEP_1: &[u8] = &[0, 0];
/// A step 2 that brings nothing, for clients that wait for one.
const EMPTY_STEP_2: &[u8] = &[0, 1, 2, 0, 0];

/// Where it listens.
#[derive(Args, Clone)]
pub struct ReferenceConfig {
    /// On 127.0.0.1; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// What goes to one connection.
#[derive(Default)]
struct Member {
    queue: RefCell<VecDeque<Bytes>>,
    queued_bytes: Cell<usize>,
    filled: Notify,
}

/// The members of a room, by numbers.
type Room = Rc<RefCell<HashMap<u64, Rc<Member>>>>;

/// The rooms that anybody was ever in, by their paths.
#[derive(Default, Clone)]
struct Rooms(Rc<RefCell<HashMap<String, Room>>>);

/// Serves until the process is ended; prints its address once it listens.
pub fn run(config: &ReferenceConfig) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], config.port).into())?;
        let listener = socket.listen(BACKLOG)?;
        println!("listening on ws://{}", listener.local_addr()?);
        serve(listener).await
    })
}

async fn serve(listener: TcpListener) -> Result<()> {
    let rooms = Rooms::default();
    let mut numbers = 0..;
    let mut members = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let (rooms, number) = (rooms.clone(), numbers.next().unwrap_or_default());
        members.spawn_local(async move {
            // Whoever hangs up has left.
            member(stream, rooms, number).await.ok();
        });
        while members.try_join_next().is_some() {}
    }
}

async fn member(stream: TcpStream, rooms: Rooms, number: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    // It is the trait's.
    #[allow(clippy::result_large_err)]
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    // Small buffers, as the server has them, so that memory compares; as much is read at once.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(16 << 10);
    let mut socket = accept_hdr_async_with_config(stream, note, Some(config)).await?;
    let (room, own) = (rooms.open(path), Rc::new(Member::default()));
    room.borrow_mut().insert(number, own.clone());
    let _leave = Leave(room.clone(), number);
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Frame::Binary(frame))) if frame.starts_with(STEP_1) => {
                    own.push(&Bytes::from_static(EMPTY_STEP_2));
                }
                Some(Ok(Frame::Binary(frame))) => {
                    let room = room.borrow();
                    let others = room.iter().filter(|(other, _)| **other != number);
                    others.for_each(|(_, other)| other.push(&frame));
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return Ok(()),
                Some(Ok(_)) => {}
            },
            () = own.filled.notified() => {
                if own.queued_bytes.get() > QUEUED_BYTES {
                    return Ok(());
                }
                while let Some(frame) = own.pop() {
                    socket.feed(Frame::Binary(frame)).await?;
                }
                socket.flush().await?;
            }
        }
    }
}

impl Member {
    fn push(&self, frame: &Bytes) {
        // One that is about to be sent away gets no more.
        if self.queued_bytes.get() <= QUEUED_BYTES {
            self.queued_bytes.update(|bytes| bytes + frame.len());
            self.queue.borrow_mut().push_back(frame.clone());
        }
        self.filled.notify_one();
    }

    fn pop(&self) -> Option<Bytes> {
        let frame = self.queue.borrow_mut().pop_front()?;
        self.queued_bytes.update(|bytes| bytes - frame.len());
        Some(frame)
    }
}

impl Rooms {
    fn open(&self, path: String) -> Room {
        self.0.borrow_mut().entry(path).or_default().clone()
    }
}

/// Takes a member out of its room however its connection ends.
struct Leave(Room, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.borrow_mut().remove(&self.1);
    }
}
