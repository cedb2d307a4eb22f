//! The rules of a room as lists of events and what must follow. Updates are forged byte by byte, as a client would write them.

mod access;
mod answers;
mod ending;
mod hearing;
mod limits;
mod nodes;
mod others;
mod presence;

use std::collections::VecDeque;
use std::task::Waker;

use scrible_wire::awareness::Entry as AwarenessEntry;
use scrible_wire::{Message, Messages, Missing, StateVector, Taking};

use super::*;
use crate::access::Identity;
use crate::bus::Alone;

/// An update of `client` that appends one character at `clock` to the text `t`.
fn typed(client: u8, clock: u8) -> Vec<u8> {
    let mut update = vec![1, 1, client, clock];
    match clock.checked_sub(1) {
        // String content with a left origin, or at the start of the root `t`.
        Some(left) => update.extend([0x84, client, left]),
        None => update.extend([0x04, 1, 1, b't']),
    }
    update.extend([1, b'a' + clock, 0]);
    update
}

/// At the place of [`typed`], so many bytes of binary: kind 3 instead of 4.
fn binary(clock: u8, bytes: usize) -> Vec<u8> {
    let mut update = typed(10, clock);
    update[4] -= 1;
    update.truncate(update.len() - 3);
    scrible_wire::varint::write_var_bytes(&mut update, &vec![1; bytes]);
    update.push(0);
    update
}

/// More than a part of an answer.
fn large(clock: u8) -> Vec<u8> {
    binary(clock, 400_000)
}

/// Not quite a part of an answer.
fn filled(clock: u8) -> Vec<u8> {
    binary(clock, 250_000)
}

/// The first characters of clients 11 and 10 in one update, as a sibling tab would forward it.
fn of_two_clients() -> Vec<u8> {
    vec![
        2, 1, 11, 0, 0x04, 1, 1, b't', 1, b'p', 1, 10, 0, 0x04, 1, 1, b't', 1, b'a', 0,
    ]
}

/// An update that deletes one character.
fn deleted(client: u8, clock: u8) -> Vec<u8> {
    vec![0, 1, client, 1, clock, 1]
}

/// An update of `client` that inserts after a character of another client.
fn typed_after(client: u8, other: u8, clock: u8) -> Vec<u8> {
    vec![1, 1, client, 0, 0x84, other, clock, 1, b'x', 0]
}

fn shared() -> Arc<RoomsShared> {
    Arc::new(RoomsShared::new(RoomsConfig::for_tests(), Arc::new(Alone)))
}

fn room() -> Arc<Room> {
    room_with(shared())
}

fn room_with(shared: Arc<RoomsShared>) -> Arc<Room> {
    Arc::new(Room::new(
        RoomName::new("demo").unwrap(),
        Opened::default(),
        shared,
    ))
}

/// A session that has not joined.
fn seated(room: &Arc<Room>, session: Author) -> Membership {
    room.enter(session, Identity::default()).unwrap()
}

/// A session that has joined with a state vector.
fn enter(room: &Arc<Room>, session: Author, has: &[(u64, u32)]) -> (Membership, Vec<u8>) {
    let member = seated(room, session);
    let answer = join(&member, has);
    (member, answer)
}

fn join(member: &Membership, has: &[(u64, u32)]) -> Vec<u8> {
    let frames = answer(member, has);
    let [Message::SyncStep2(update)] = &messages(&frames)[..] else {
        panic!("one step 2")
    };
    update.to_vec()
}

fn answer(member: &Membership, has: &[(u64, u32)]) -> Vec<Bytes> {
    let theirs: StateVector = has.iter().copied().collect();
    let (mut rest, mut messages) = (Some(member.join(theirs).0), Vec::new());
    while let Some(answer) = rest {
        let made = answer.make(&Limits::default()).unwrap();
        messages.extend(made.messages);
        rest = made.rest;
    }
    messages
}

/// One message a frame.
fn messages(frames: &[Bytes]) -> Vec<Message<'_>> {
    let single = |frame| {
        let mut messages = Messages::new(frame);
        let first = messages.next().unwrap().unwrap();
        assert!(messages.next().is_none());
        first
    };
    frames.iter().map(|frame| single(frame)).collect()
}

/// The updates that a session hears now.
fn heard(member: &Membership) -> Vec<Vec<u8>> {
    let mut out = VecDeque::new();
    member.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    out.iter()
        .map(|frame| match Messages::new(frame).next() {
            Some(Ok(Message::Update(update))) => update.to_vec(),
            other => panic!("an update, not {other:?}"),
        })
        .collect()
}

/// What the journal would do.
fn commit(room: &Arc<Room>) {
    let taken = room.uncommitted(usize::MAX);
    let first_seq = room.state.lock().log.committed() + 1;
    room.committed(1, first_seq, taken.end);
}

fn offer(member: &Membership, update: &[u8]) -> Offered {
    member.offer(update, Carrier::Update, None).unwrap()
}

/// Applies what a client hears to clocks that stand for its doc; panics where something would be pending.
fn applies(clocks: &mut Clocks, updates: &[Vec<u8>]) {
    for update in updates {
        let taken = clocks.take(update, &Limits::default()).unwrap();
        assert_eq!(taken.early, None, "a gap: {update:?}");
    }
}
