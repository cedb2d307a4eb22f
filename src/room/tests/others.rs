//! What other nodes store of a room that is open here.

use std::task::Context;

use super::*;
use crate::bus::{Commit, Told};

fn stored(first_seq: u64, updates: &[Vec<u8>]) -> Commit {
    let updates = updates.iter().map(|update| Bytes::copy_from_slice(update));
    Commit {
        stored_as: 1,
        first_seq,
        updates: Told::Whole(updates.collect()),
    }
}

fn told(first_seq: u64, count: u64) -> Commit {
    Commit {
        updates: Told::Count(count),
        ..stored(first_seq, &[])
    }
}

fn rows(head: u64, snapshot: Option<(u64, Vec<u8>)>, updates: &[(u64, Vec<u8>)]) -> Rows {
    Rows {
        stored_as: 1,
        head,
        snapshot: snapshot.map(|(seq, bytes)| (seq, bytes.into())),
        updates: updates
            .iter()
            .map(|(seq, update)| (*seq, Bytes::copy_from_slice(update)))
            .collect(),
    }
}

fn take(room: &Arc<Room>, rows: Rows) {
    room.take_stored(room.applied(), Some(rows));
}

/// Whether the room has lined up because it lacks something.
fn lined_up(room: &Arc<Room>) -> bool {
    let mut next = std::pin::pin!(room.shared().behind.next());
    let mut cx = Context::from_waker(Waker::noop());
    next.as_mut().poll(&mut cx).is_ready()
}

#[test]
fn n3_what_another_node_stored_is_heard_here_at_once_and_stored_no_more() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let (bob, _) = enter(&room, 2, &[]);
    room.stored_elsewhere(&stored(1, &[typed(20, 0), typed(20, 1)]));
    assert_eq!(heard(&ann), [typed(20, 0), typed(20, 1)]);
    assert_eq!(heard(&bob).len(), 2);
    assert!(room.uncommitted(usize::MAX).updates.is_empty());
    assert_eq!((room.applied(), room.unstored()), (2, 0));
    assert_eq!(room.uncommitted(usize::MAX).stored_as, Some(1));
    // Again, and this node's own come back from the bus: nothing happens.
    room.stored_elsewhere(&stored(1, &[typed(20, 0), typed(20, 1)]));
    assert!(heard(&ann).is_empty() && !lined_up(&room));
}

#[test]
fn n1_n3_an_echo_waits_for_its_own_commit_whatever_others_store_meanwhile() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let (bob, _) = enter(&room, 2, &[]);
    offer(&ann, &typed(10, 0));
    room.stored_elsewhere(&stored(1, &[typed(20, 0)]));
    offer(&ann, &typed(10, 1));
    assert_eq!(heard(&bob), [typed(10, 0), typed(20, 0), typed(10, 1)]);
    assert_eq!(heard(&ann), [typed(20, 0)]);
    let taken = room.uncommitted(1);
    assert_eq!(taken.updates, [typed(10, 0)]);
    // Another node was faster once more.
    room.committed(1, 3, taken.end);
    assert_eq!(heard(&ann), [typed(10, 0)]);
    assert_eq!(room.applied(), 1);
    assert!(lined_up(&room), "row 2 is lacking");
    room.stored_elsewhere(&stored(2, &[typed(20, 1)]));
    assert_eq!(room.applied(), 3);
    assert_eq!(heard(&ann), [typed(20, 1)]);
    let taken = room.uncommitted(usize::MAX);
    assert_eq!(taken.updates, [typed(10, 1)]);
    room.committed(1, 4, taken.end);
    assert_eq!(heard(&ann), [typed(10, 1)]);
    assert_eq!((room.applied(), room.unstored()), (4, 0));
    assert!(room.caught_up());
}

#[test]
fn n3_what_came_by_both_nodes_is_in_the_log_once() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let (bob, _) = enter(&room, 2, &[]);
    // Ann has moved here and brings what the other node is about to store.
    offer(&ann, &typed(10, 0));
    room.stored_elsewhere(&stored(1, &[typed(10, 0), typed(10, 1)]));
    assert_eq!(heard(&bob), [typed(10, 0), typed(10, 1)]);
    assert_eq!(heard(&ann), [typed(10, 1)]);
    let taken = room.uncommitted(usize::MAX);
    assert_eq!(taken.updates, [typed(10, 0)]);
    room.committed(1, 3, taken.end);
    assert_eq!(heard(&ann), [typed(10, 0)]);
    assert_eq!((room.applied(), room.caught_up()), (3, true));
}

#[test]
fn n2_n4_a_gap_is_served_to_nobody_and_closed_from_the_store() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    room.stored_elsewhere(&stored(3, &[typed(20, 2)]));
    assert!(heard(&ann).is_empty() && lined_up(&room) && !room.caught_up());
    assert!(!lined_up(&room), "once is enough");
    let (_bob, answer) = enter(&room, 2, &[]);
    assert_eq!(answer, [0, 0]);
    take(
        &room,
        rows(3, None, &[(1, typed(20, 0)), (2, typed(20, 1))]),
    );
    assert_eq!(heard(&ann), [typed(20, 0), typed(20, 1), typed(20, 2)]);
    assert!(room.caught_up());
    // Larger than the bus carries.
    room.stored_elsewhere(&told(4, 1));
    assert!(lined_up(&room));
    room.take_recent(3, &[typed(20, 3).into()]);
    assert!(room.caught_up());
    assert_eq!(heard(&ann), [typed(20, 3)]);
}

#[test]
fn n4_where_the_lacking_rows_were_compacted_the_snapshot_closes_the_gap() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    room.stored_elsewhere(&stored(1, &[typed(20, 0)]));
    assert_eq!(heard(&ann), [typed(20, 0)]);
    let all = [typed(20, 0), typed(20, 1), typed(20, 2)];
    let snapshot = scrible_wire::merge::merge(all.iter().map(|u| &u[..]), &Limits::default());
    room.heard_of(1, 4, 1);
    take(
        &room,
        rows(4, Some((3, snapshot.unwrap())), &[(4, typed(20, 3))]),
    );
    let mut clocks = Clocks::new();
    applies(&mut clocks, &[typed(10, 0), typed(20, 0)]);
    applies(&mut clocks, &heard(&ann));
    assert_eq!(clocks.clock(20), 4);
    assert_eq!((room.applied(), room.unstored()), (4, 1));
    let taken = room.uncommitted(usize::MAX);
    room.committed(1, 5, taken.end);
    assert_eq!(heard(&ann), [typed(10, 0)]);
}

#[test]
fn n1_a_receipt_that_comes_after_its_rows_were_read_is_still_an_echo() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    let taken = room.uncommitted(usize::MAX);
    // The commit happened, its answer is on its way, and the store is asked meanwhile.
    room.heard_of(1, 1, 0);
    take(&room, rows(1, None, &[(1, typed(10, 0))]));
    assert!(room.caught_up() && heard(&ann).is_empty());
    room.committed(1, 1, taken.end);
    assert_eq!(heard(&ann), [typed(10, 0)]);
    assert_eq!((room.applied(), room.caught_up()), (1, true));
}

#[test]
fn n6_a_row_that_makes_no_sense_ends_the_room_and_its_sessions_sync_anew() {
    for bad in [vec![9, 9, 9], typed_after(22, 21, 5)] {
        let room = room();
        let (ann, _) = enter(&room, 1, &[]);
        offer(&ann, &typed(10, 0));
        room.stored_elsewhere(&stored(1, &[typed(20, 0), bad.clone()]));
        let pulled = ann.pull(usize::MAX, &mut VecDeque::new(), Waker::noop());
        assert_eq!(pulled, Err(Refused::Ended(End::Failed)));
        let waiting = room.shared().uncommitted_bytes.load(Ordering::Relaxed);
        assert_eq!(waiting, 0);
        assert!(room.caught_up(), "nobody need look after it");
    }
}

#[test]
fn n6_a_room_is_loaded_anew_where_the_store_was_set_back_or_the_room_made_anew() {
    let set_back = |room: &Arc<Room>| room.take_stored(2, Some(rows(1, None, &[])));
    let deleted = |room: &Arc<Room>| room.take_stored(2, None);
    let made_anew = |room: &Arc<Room>| room.heard_of(9, 2, 2);
    let seen_set_back = |room: &Arc<Room>| room.heard_of(1, 1, 2);
    for change in [
        set_back as fn(&Arc<Room>),
        seen_set_back,
        deleted,
        made_anew,
    ] {
        let room = room();
        room.stored_elsewhere(&stored(1, &[typed(20, 0), typed(20, 1)]));
        change(&room);
        assert_eq!(room.state.lock().end, Some(End::Failed));
    }
}

#[test]
fn n7_numbers_that_do_not_exist_are_forgotten_once_the_store_was_asked() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    room.stored_elsewhere(&told(i64::MAX as u64, u64::MAX));
    assert!(lined_up(&room) && !room.caught_up());
    take(&room, rows(0, None, &[]));
    assert!(room.caught_up());
    room.stored_elsewhere(&stored(1, &[typed(20, 0)]));
    assert_eq!(heard(&ann), [typed(20, 0)]);
}

#[test]
fn k2_a_room_stands_on_a_base_once_it_has_heard_all_that_is_in_it() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    offer(&ann, &typed(10, 0));
    room.stored_elsewhere(&stored(1, &[typed(20, 0)]));
    room.stored_elsewhere(&told(2, 1));
    let compacted = |seq, updates: &[Vec<u8>]| {
        let limits = Limits::default();
        let merged = scrible_wire::merge::merge(updates.iter().map(|u| &u[..]), &limits).unwrap();
        room.compacted(Compacted {
            snapshot: Extent { seq, bytes: 1 },
            base: Content::new(&merged, &limits).unwrap(),
            listed: false,
            took: Duration::ZERO,
        });
        let state = room.state.lock();
        (state.log.base().seq, state.log.base().end)
    };
    let both = [typed(20, 0), typed(20, 1)];
    assert_eq!(compacted(2, &both), (0, 0), "row 2 was not heard");
    room.stored_elsewhere(&stored(2, &both[1..]));
    // Ann's entry stands before both and is in no snapshot: theirs stay behind it, and are in the base as well.
    assert_eq!(compacted(2, &both), (2, 0));
    let (_, answer) = enter(&room, 3, &[]);
    let mut clocks = Clocks::new();
    applies(&mut clocks, &[answer]);
    assert_eq!((clocks.clock(10), clocks.clock(20)), (1, 2));
    let taken = room.uncommitted(usize::MAX);
    room.committed(1, 3, taken.end);
    assert_eq!(compacted(1, &both[..1]), (2, 0), "never an older one");
    let all = [&both[..], &[typed(10, 0)]].concat();
    assert_eq!(compacted(3, &all), (3, 3));
}
