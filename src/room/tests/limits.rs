//! What a room has place for, and whose clock a session writes under.

use super::*;

fn holding(capacity: Capacity) -> Arc<Room> {
    let config = RoomsConfig {
        capacity,
        ..RoomsConfig::for_tests()
    };
    room_with(Arc::new(RoomsShared::new(config, Arc::new(Alone))))
}

fn refused(member: &Membership, update: &[u8]) -> Refused {
    member.offer(update, Carrier::Update, None).unwrap_err()
}

/// What a provider sends first.
fn announce(member: &mut Membership, client: u64) {
    let state = AwarenessEntry {
        client,
        clock: 1,
        state: Some(b"{}"),
    };
    assert!(member.hear(&[state], Instant::now()));
}

/// A struct that stands for something deleted, so many clocks long: what takes another client's clocks away in 8 bytes.
fn forged(client: u8, clock: u8, length: u8) -> Vec<u8> {
    vec![1, 1, client, clock, 0, length, 0]
}

#[test]
fn l2_a_full_room_takes_deletions_and_what_it_knows_and_nothing_else() {
    let room = holding(Capacity {
        bytes: 1_000,
        ..Capacity::default()
    });
    let (ann, _) = enter(&room, 1, &[]);
    assert!(room.scarce().is_none());
    let mut clock = 0;
    while ann.offer(&typed(10, clock), Carrier::Update, None).is_ok() {
        clock += 1;
    }
    assert!(clock > 3, "{clock}");
    assert!(room.scarce().is_some_and(|why| why.contains("1000")));
    assert_eq!(refused(&ann, &typed(10, clock)), Refused::Full(Full::Bytes));
    assert!(!offer(&ann, &typed(10, 0)).appended);
    assert!(offer(&ann, &deleted(10, 0)).appended);
    assert_eq!(ann.state_vector().get(10), u32::from(clock));
}

#[test]
fn l3_a_room_with_as_many_client_ids_as_it_may_have_goes_on_with_those() {
    let room = holding(Capacity {
        clients: 5,
        ..Capacity::default()
    });
    let (ann, _) = enter(&room, 1, &[]);
    assert!(offer(&ann, &typed(10, 0)).appended);
    // One of these two is there already.
    assert!(offer(&ann, &of_two_clients()).appended);
    assert!(room.scarce().is_none());
    for client in [12, 13, 14] {
        assert!(offer(&ann, &typed(client, 0)).appended);
    }
    assert_eq!(refused(&ann, &typed(15, 0)), Refused::Full(Full::Clients));
    assert!(offer(&ann, &typed(10, 1)).appended);
    assert!(room.scarce().is_some_and(|why| why.contains("client ids")));
}

#[tokio::test]
async fn l4_an_edit_whose_clock_somebody_else_has_taken_is_refused_and_named() {
    let room = room();
    let (mut ann, _) = enter(&room, 1, &[]);
    let (mallory, _) = enter(&room, 2, &[]);
    announce(&mut ann, 10);
    assert!(offer(&ann, &typed(10, 0)).appended);
    assert!(offer(&mallory, &forged(10, 1, 100)).appended);
    // Without a word it would be lost: Yjs ignores the second of two structs with one clock.
    let conflict = Refused::Conflict {
        client: 10,
        by: Some(2),
    };
    assert_eq!(refused(&ann, &typed(10, 1)), conflict);
    assert_eq!(ann.state_vector().get(10), 101);
    // What she sent before is no conflict, and what she writes under another id is none either.
    assert!(!offer(&ann, &typed(10, 0)).appended);
    assert!(offer(&ann, &typed(30, 0)).appended);
}

#[tokio::test]
async fn l4_an_edit_that_a_sibling_tab_has_handed_on_is_no_conflict() {
    let room = room();
    let (mut ann, _) = enter(&room, 1, &[]);
    let (sibling, _) = enter(&room, 2, &[]);
    announce(&mut ann, 10);
    assert!(offer(&sibling, &typed(10, 0)).appended);
    assert!(!offer(&ann, &typed(10, 0)).appended);
    assert!(offer(&sibling, &typed(10, 1)).appended);
    assert!(!offer(&ann, &typed(10, 1)).appended);
    assert!(offer(&ann, &typed(10, 2)).appended);
    // What the room had when she came is her own from before.
    let (mut again, _) = enter(&room, 3, &[(10, 3)]);
    drop(ann);
    let state = AwarenessEntry {
        client: 10,
        clock: 5,
        state: Some(b"{}"),
    };
    again.hear(&[state], Instant::now());
    assert!(!offer(&again, &typed(10, 2)).appended);
}

#[tokio::test]
async fn r4_a_log_that_grows_faster_than_it_is_compacted_is_merged_in_memory() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let (bob, _) = enter(&room, 2, &[]);
    let updates: Vec<_> = (0..21).map(large).collect();
    let base_end = || room.state.lock().log.base().end;
    for update in &updates[..20] {
        assert!(offer(&ann, update).appended);
        commit(&room);
    }
    assert_eq!(base_end(), 0, "8 MB");
    assert!(offer(&ann, &updates[20]).appended);
    commit(&room);
    room.shared().tasks.close();
    room.shared().tasks.wait().await;
    assert_eq!(base_end(), 21, "8.4 MB");
    assert_eq!(heard(&bob), updates, "who has not heard them, does");
    let content = answer(&seated(&room, 3), &[]);
    assert!(content.iter().map(Bytes::len).sum::<usize>() > 21 * 400_000);
}
