//! The rules of a room as lists of events and what must follow. Updates are forged byte by byte, as a client would write them.

use std::collections::VecDeque;
use std::task::Waker;

use scrible_wire::awareness::Entry as AwarenessEntry;
use scrible_wire::{Message, Messages, Missing, StateVector, Taking};

use super::*;
use crate::access::Identity;

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

/// At the place of [`typed`], 400 KB of binary: kind 3 instead of 4.
fn large(clock: u8) -> Vec<u8> {
    let mut update = typed(10, clock);
    update[4] -= 1;
    update.truncate(update.len() - 3);
    scrible_wire::varint::write_number(&mut update, 400_000);
    update.resize(update.len() + 400_000, 1);
    update.push(0);
    update
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
    let config = RoomsConfig {
        limits: Limits::default(),
        awareness_interval: Duration::from_millis(40),
        idle: Duration::from_secs(30),
        max_uncommitted_bytes: 16 << 20,
        compaction: CompactionConfig::default(),
        version_interval: Duration::from_secs(300),
    };
    Arc::new(RoomsShared::new(config))
}

fn room() -> Arc<Room> {
    Arc::new(Room::new(
        RoomName::new("demo").unwrap(),
        Opened::default(),
        shared(),
    ))
}

/// A session that has joined with a state vector.
fn enter(room: &Arc<Room>, session: Author, has: &[(u64, u32)]) -> (Membership, Vec<u8>) {
    let member = room.enter(session, Identity::default()).unwrap();
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
    member.join(theirs).0.encode(&Limits::default()).unwrap()
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

#[test]
fn r5_an_update_reaches_others_at_once_and_its_author_after_the_commit() {
    let room = room();
    let ((ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    assert!(offer(&ann, &typed(10, 0)).appended);
    assert_eq!(heard(&bob), [typed(10, 0)]);
    assert_eq!(heard(&ann), Vec::<Vec<u8>>::new());
    commit(&room);
    assert_eq!(heard(&ann), [typed(10, 0)]);
    assert_eq!(heard(&bob), Vec::<Vec<u8>>::new());
}

#[test]
fn r6_a_known_update_is_echoed_after_the_commit_and_a_known_step_2_is_not() {
    let room = room();
    let ((ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    offer(&ann, &typed(10, 0));
    heard(&bob);
    assert!(!offer(&bob, &typed(10, 0)).appended);
    assert!(
        !bob.offer(&typed(10, 0), Carrier::Step2, None)
            .unwrap()
            .appended
    );
    assert_eq!(
        heard(&bob),
        Vec::<Vec<u8>>::new(),
        "what it repeats is not stored yet"
    );
    commit(&room);
    assert_eq!(heard(&bob), [typed(10, 0)]);
    assert_eq!(room.unstored(), 0, "nothing was journaled twice");
}

#[test]
fn r6_an_answer_that_is_handed_back_while_it_is_being_sent_is_not_echoed() {
    let room = room();
    let ((ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    offer(&ann, &typed(10, 0));
    offer(&ann, &typed(10, 1));
    commit(&room);
    heard(&bob);
    let answered = Answered {
        from: [(10, 1)].into_iter().collect(),
        to: [(10, 2)].into_iter().collect(),
    };
    let echoes = |update: &[u8]| {
        bob.offer(update, Carrier::Update, Some(&answered)).unwrap();
        heard(&bob).len()
    };
    assert_eq!(echoes(&typed(10, 1)), 0, "it came with the answer");
    assert_eq!(
        echoes(&typed(10, 0)),
        1,
        "it did not: the client had it before"
    );
    offer(&ann, &deleted(10, 0));
    commit(&room);
    heard(&bob);
    assert_eq!(
        echoes(&deleted(10, 0)),
        1,
        "deletes name no ids that an answer could bring"
    );
}

#[test]
fn r7_ids_that_a_joining_client_already_has_are_held_back_until_they_are_stored() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    commit(&room);
    offer(&ann, &typed(10, 1));
    offer(&ann, &deleted(10, 0));
    offer(&ann, &typed_after(11, 10, 1));
    drop(ann);
    // The same client returns on another socket before the commit.
    let (back, answer) = enter(&room, 2, &[(10, 2)]);
    let answer = scrible_wire::scan(&answer, &Limits::default()).unwrap();
    assert_eq!(
        answer
            .lists
            .iter()
            .map(|list| list.client)
            .collect::<Vec<_>>(),
        [11],
        "only what it lacks"
    );
    assert!(answer.deletes.is_empty(), "not even its deletes");
    assert_eq!(heard(&back), Vec::<Vec<u8>>::new());
    commit(&room);
    assert_eq!(heard(&back), [typed(10, 1), deleted(10, 0)]);
    // A client that has nothing wrote nothing: it gets everything.
    offer(&back, &typed(10, 2));
    offer(&back, &deleted(10, 1));
    let (_fresh, answer) = enter(&room, 3, &[]);
    let answer = scrible_wire::scan(&answer, &Limits::default()).unwrap();
    assert_eq!(answer.lists.iter().map(|list| list.end).max(), Some(3));
    assert!(!answer.deletes.is_empty());
}

#[test]
fn r7_what_follows_on_a_held_entry_waits_with_it() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    // One entry of two clients, as a sibling tab would forward it; the joiner has one of the two.
    let both = of_two_clients();
    offer(&ann, &both);
    offer(&ann, &typed(11, 1));
    let (back, answer) = enter(&room, 2, &[(10, 1)]);
    assert_eq!(
        answer,
        [0, 0],
        "the second entry of client 11 would leave a gap"
    );
    commit(&room);
    assert_eq!(heard(&back), [both, typed(11, 1)]);
}

#[test]
fn r9_a_partly_known_update_is_cut_to_what_is_new() {
    let room = room();
    let ((ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    offer(&ann, &typed(10, 0));
    heard(&bob);
    // Clock 0 again and clock 1 with it, in one string.
    let longer = [1, 1, 10, 0, 0x04, 1, 1, b't', 2, b'a', b'b', 0];
    assert!(offer(&ann, &longer).appended);
    assert_eq!(heard(&bob), [typed(10, 1)]);
}

#[test]
fn r10_an_early_update_is_not_taken_and_blocks_nothing() {
    let room = room();
    let ((ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    let offered = offer(&bob, &typed_after(11, 10, 0));
    assert_eq!(
        offered,
        Offered {
            appended: false,
            missing: Some(Missing {
                client: 10,
                clock: 1
            }),
            full: false
        }
    );
    let missing = offered.missing.unwrap();
    assert!(!bob.has(&missing));
    offer(&ann, &typed(10, 0));
    assert!(bob.has(&missing), "now it may be asked again");
    assert!(offer(&bob, &typed_after(11, 10, 0)).appended);
}

#[test]
fn r4_folding_changes_nothing_that_a_session_hears() {
    let room = room();
    let ((ann, _), (slow, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    for clock in 0..20 {
        offer(&ann, &typed(10, clock));
    }
    commit(&room);
    room.fold();
    offer(&ann, &typed(10, 20));
    assert_eq!(
        heard(&slow),
        (0..=20).map(|clock| typed(10, clock)).collect::<Vec<_>>(),
        "the laggard misses nothing"
    );
    room.fold();
    let (_fresh, answer) = enter(&room, 3, &[]);
    let answer = scrible_wire::scan(&answer, &Limits::default()).unwrap();
    assert_eq!(
        answer
            .lists
            .iter()
            .map(|list| (list.start, list.end))
            .collect::<Vec<_>>(),
        [(0, 21)]
    );
}

#[tokio::test]
async fn w5_a_large_board_goes_out_in_parts_that_newcomers_share() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    for clock in 0..8 {
        offer(&ann, &large(clock));
    }
    offer(&ann, &deleted(10, 7));
    commit(&room);
    room.fold();
    offer(&ann, &typed(10, 8));
    let bob = room.enter(2, Identity::default()).unwrap();
    let cid = room.enter(3, Identity::default()).unwrap();
    let (first, second) = (answer(&bob, &[]), answer(&cid, &[]));
    let parts = messages(&first);
    assert_eq!(
        parts.last(),
        Some(&Message::SyncStep2(&[0, 0])),
        "it ends with a step 2"
    );
    assert!(parts.len() > 8);
    let mut clocks = Clocks::new();
    for part in &parts[..parts.len() - 1] {
        let Message::Update(part) = part else {
            panic!("parts are updates")
        };
        let taken = clocks.take(part, &Limits::default()).unwrap();
        assert_eq!(
            (taken.entry, taken.early),
            (Taking::Whole, None),
            "each is complete with what came before"
        );
    }
    assert_eq!(clocks.clock(10), 9);
    assert_eq!(clocks.deleted().collect::<Vec<_>>(), [(10, vec![(7, 8)])]);
    assert!(
        first
            .iter()
            .zip(&second)
            .take(8)
            .all(|(a, b)| a.as_ptr() == b.as_ptr()),
        "one memory for all newcomers"
    );
    // Whoever has most of it gets the rest in one piece, and much of it in parts again.
    assert_eq!(messages(&answer(&bob, &[(10, 7)])).len(), 1);
    assert!(messages(&answer(&bob, &[(10, 2)])).len() > 4);
}

#[test]
fn j3_beyond_the_bound_writers_are_refused_and_after_the_commit_taken_again() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    room.shared()
        .uncommitted_bytes
        .store(17 << 20, Ordering::Relaxed);
    assert_eq!(
        ann.offer(&typed(10, 0), Carrier::Update, None),
        Err(Refused::Backlog)
    );
    room.shared().uncommitted_bytes.store(0, Ordering::Relaxed);
    assert!(offer(&ann, &typed(10, 0)).appended);
}

#[test]
fn o3_a_room_ends_only_while_it_is_empty_and_stored() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    drop(ann);
    assert!(!room.end_if_idle(), "something waits for the journal");
    commit(&room);
    assert!(room.end_if_idle());
    assert_eq!(
        room.enter(2, Identity::default()).err(),
        Some(Refused::Ended(End::Unloaded))
    );
}

#[test]
fn j5_a_room_that_the_store_refuses_ends_for_everyone_in_it() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    room.fail();
    assert_eq!(
        ann.pull(1, &mut VecDeque::new(), Waker::noop()),
        Err(Refused::Ended(End::Failed))
    );
    assert_eq!(room.shared().uncommitted_bytes.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a2_awareness_goes_out_by_a_tick_and_only_the_latest() {
    let room = room();
    let ((mut ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    for clock in 1..=10 {
        let entry = AwarenessEntry {
            client: 10,
            clock,
            state: Some(b"{}"),
        };
        ann.hear(&[entry], Instant::now());
    }
    let mut out = VecDeque::new();
    bob.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    assert!(out.is_empty(), "not before the tick");
    tokio::time::sleep(Duration::from_millis(41)).await;
    bob.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    assert_eq!(out.len(), 1);
    let Some(Ok(Message::Awareness(body))) = Messages::new(&out[0]).next() else {
        panic!("an awareness message")
    };
    let entries = scrible_wire::awareness::parse(body, &Limits::default()).unwrap();
    assert_eq!(
        entries
            .iter()
            .map(|entry| (entry.client, entry.clock))
            .collect::<Vec<_>>(),
        [(10, 10)]
    );
}

#[test]
fn s2_a_viewer_is_told_whether_it_brings_news() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    assert!(ann.brings_news(&typed(10, 0)).unwrap());
    offer(&ann, &typed(10, 0));
    assert!(!ann.brings_news(&typed(10, 0)).unwrap());
    assert!(matches!(
        ann.brings_news(&[9, 9]),
        Err(Refused::Malformed(_))
    ));
}

/// Applies what a client hears to clocks that stand for its doc; panics where something would be pending.
fn applies(clocks: &mut Clocks, updates: &[Vec<u8>]) {
    for update in updates {
        let taken = clocks.take(update, &Limits::default()).unwrap();
        assert_eq!(taken.early, None, "a gap: {update:?}");
    }
}

#[test]
fn r8_no_gap_after_a_reconnect_while_nothing_is_stored() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    offer(&ann, &typed(10, 1));
    // Bob had heard the first entry, lost his connection and comes back.
    let mut doc = Clocks::new();
    applies(&mut doc, &[typed(10, 0)]);
    let (bob, answer) = enter(&room, 2, &[(10, 1)]);
    applies(&mut doc, &[answer]);
    offer(&ann, &typed(10, 2));
    applies(&mut doc, &heard(&bob));
}

#[test]
fn r8_no_gap_when_another_client_builds_on_a_held_entry() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let both = of_two_clients();
    offer(&ann, &both);
    offer(&ann, &typed_after(12, 11, 0));
    let mut doc = Clocks::new();
    applies(&mut doc, &[typed(10, 0)]);
    let (_back, answer) = enter(&room, 2, &[(10, 1)]);
    applies(&mut doc, &[answer]);
}

#[test]
fn r8_no_gap_by_a_live_entry_behind_a_held_one() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let both = of_two_clients();
    offer(&ann, &both);
    let mut doc = Clocks::new();
    applies(&mut doc, &[typed(10, 0)]);
    let (back, answer) = enter(&room, 2, &[(10, 1)]);
    applies(&mut doc, &[answer]);
    offer(&ann, &typed(11, 1));
    applies(&mut doc, &heard(&back));
}

#[test]
fn r7_a_late_update_of_the_old_socket_is_not_told_to_the_new_one_before_its_commit() {
    let room = room();
    let (old, _) = enter(&room, 1, &[]);
    // The client has written clock 0, which still stands in the old socket's buffer, and reconnects.
    let (new, _) = enter(&room, 2, &[(10, 1)]);
    offer(&old, &typed(10, 0));
    assert_eq!(
        heard(&new),
        Vec::<Vec<u8>>::new(),
        "its own ids, not stored"
    );
}

#[tokio::test(start_paused = true)]
async fn w6_a_query_loses_no_farewell() {
    let room = room();
    let ((mut ann, _), (bob, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    let say = |clock| AwarenessEntry {
        client: 10,
        clock,
        state: Some(b"{}"),
    };
    ann.hear(&[say(1)], Instant::now());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut out = VecDeque::new();
    bob.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    assert_eq!(out.len(), 1, "bob sees ann");
    out.clear();
    drop(ann);
    // Within the tick bob asks for all.
    assert_eq!(bob.presence(), None);
    tokio::time::sleep(Duration::from_millis(100)).await;
    bob.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    assert_eq!(out.len(), 1, "bob must hear that ann has left");
}

#[tokio::test(start_paused = true)]
async fn a3_an_observer_that_relays_does_not_take_away_a_peer() {
    let room = room();
    let ((mut ann, _), (mut observer, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    let say = |clock, state| AwarenessEntry {
        client: 10,
        clock,
        state,
    };
    ann.hear(&[say(5, Some(&b"{}"[..]))], Instant::now());
    observer.answered();
    // The observer has no state of its own; like every y-websocket client it sends back what it was sent.
    observer.presence();
    observer.hear(&[say(5, Some(&b"{}"[..]))], Instant::now());
    let mut out = VecDeque::new();
    observer.pull(usize::MAX, &mut out, Waker::noop()).unwrap();
    let farewells = out.len();
    // And sends back the farewell.
    observer.hear(&[say(5, None)], Instant::now());
    assert_eq!((farewells, room.info().people), (0, 1));
}

#[test]
fn j5_a_failed_room_goes_once_it_is_empty() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    room.fail();
    drop(ann);
    assert!(room.is_over());
    assert_eq!(
        room.unstored(),
        0,
        "nobody waits for what can never be stored"
    );
}

#[test]
fn w5_one_large_uncommitted_entry_is_sent_in_parts_too() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let parts: Vec<_> = (0..8).map(large).collect();
    let whole =
        scrible_wire::merge::merge(parts.iter().map(|p| &p[..]), &Limits::default()).unwrap();
    offer(&ann, &whole);
    let bob = room.enter(2, Identity::default()).unwrap();
    assert!(answer(&bob, &[]).len() > 1, "3.2 MB in one message");
}

#[test]
fn j3_a_reader_that_reconnects_is_no_writer() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    room.shared()
        .uncommitted_bytes
        .store(17 << 20, Ordering::Relaxed);
    assert!(ann.offer(&[0, 0], Carrier::Step2, None).is_ok());
}

#[test]
fn w5_no_update_before_the_first_step_1() {
    let room = room();
    let ann = room.enter(1, Identity::default()).unwrap();
    offer(&ann, &typed(10, 0));
    commit(&room);
    assert_eq!(heard(&ann), Vec::<Vec<u8>>::new());
}

#[test]
fn k4_a_base_swap_changes_nothing_that_a_session_hears() {
    let room = room();
    let ((ann, _), (slow, _)) = (enter(&room, 1, &[]), enter(&room, 2, &[]));
    for clock in 0..6 {
        offer(&ann, &typed(10, clock));
    }
    commit(&room);
    offer(&ann, &typed(10, 6));
    // A snapshot of the first four rows, made elsewhere: as a garbage collector may leave it, with other bytes.
    let rows: Vec<_> = (0..4).map(|clock| typed(10, clock)).collect();
    let limits = Limits::default();
    let merged = scrible_wire::merge::merge(rows.iter().map(|row| &row[..]), &limits).unwrap();
    let stand = |seq, listed| {
        room.compacted(Compacted {
            snapshot: Extent {
                seq,
                bytes: merged.len(),
            },
            base: FramedUpdate::parts(&merged, &limits).unwrap(),
            listed,
            took: Duration::ZERO,
        });
    };
    stand(4, false);
    assert_eq!(room.state.lock().log.base().end, 4);
    assert_eq!(
        heard(&slow),
        (0..=6).map(|clock| typed(10, clock)).collect::<Vec<_>>()
    );
    let (_fresh, answer) = enter(&room, 3, &[]);
    let answer = scrible_wire::scan(&answer, &limits).unwrap();
    assert_eq!(
        answer
            .lists
            .iter()
            .map(|list| (list.start, list.end))
            .collect::<Vec<_>>(),
        [(0, 7)]
    );
    // One that covers what the journal has not reported, and one that is older than the base, change nothing.
    stand(7, false);
    stand(3, false);
    assert_eq!(room.state.lock().log.base().end, 4);
}

#[test]
fn k2_rows_of_somebody_else_keep_a_room_on_its_own_base() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    let end = room.uncommitted(usize::MAX).end;
    room.committed(1, 5, end);
    room.compacted(Compacted {
        snapshot: Extent { seq: 5, bytes: 1 },
        base: FramedUpdate::parts(&typed(10, 0), &Limits::default()).unwrap(),
        listed: true,
        took: Duration::ZERO,
    });
    assert_eq!(room.state.lock().log.base().end, 0);
}

#[tokio::test]
async fn k5_compaction_is_asked_for_once_and_a_version_when_a_changed_room_ends() {
    let mut shared = shared();
    Arc::get_mut(&mut shared).unwrap().config.compaction.rows = 3;
    let room = Arc::new(Room::new(
        RoomName::new("demo").unwrap(),
        Opened::default(),
        shared,
    ));
    let (ann, _) = enter(&room, 1, &[]);
    for clock in 0..5 {
        offer(&ann, &typed(10, clock));
        commit(&room);
    }
    let queue = &room.shared().compaction;
    assert_eq!(queue.next().await.1, Why::Size);
    queue.done(room.name());
    assert_eq!(queue.pending(), 0, "asked once");
    room.not_compacted(Duration::ZERO);
    drop(ann);
    assert!(room.end_if_idle());
    assert_eq!(queue.next().await.1, Why::Unload);
}
