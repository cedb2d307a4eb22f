//! What a newcomer, or one who comes back, is sent for its step 1, and what a base swap changes about it.

use super::*;

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
    let bob = seated(&room, 2);
    let cid = seated(&room, 3);
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
fn w5_one_large_uncommitted_entry_is_sent_in_parts_too() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    let parts: Vec<_> = (0..8).map(large).collect();
    let whole =
        scrible_wire::merge::merge(parts.iter().map(|p| &p[..]), &Limits::default()).unwrap();
    offer(&ann, &whole);
    let bob = seated(&room, 2);
    assert!(answer(&bob, &[]).len() > 1, "3.2 MB in one message");
}

#[test]
fn w5_no_update_before_the_first_step_1() {
    let room = room();
    let ann = seated(&room, 1);
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
            base: Content::new(&merged, &limits).unwrap(),
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

/// A room that was loaded with four characters of client 10.
fn loaded() -> Arc<Room> {
    standing_on(&(0..4).map(|clock| typed(10, clock)).collect::<Vec<_>>())
}

fn standing_on(rows: &[Vec<u8>]) -> Arc<Room> {
    let doc = StoredDoc {
        id: 1,
        snapshot: None,
        updates: rows.iter().map(|row| Bytes::from(row.clone())).collect(),
    };
    let opened = Opened::read(doc, &Limits::default()).unwrap();
    let name = RoomName::new("demo").unwrap();
    Arc::new(Room::new(name, opened, shared()))
}

/// What the answer to somebody who has nothing brings: clocks, by the rule that nothing in it waits for anything.
fn brought(frames: &[Bytes]) -> Clocks {
    let mut clocks = Clocks::new();
    for message in messages(frames) {
        let (Message::Update(update) | Message::SyncStep2(update)) = message else {
            panic!("{message:?}")
        };
        applies(&mut clocks, &[update.to_vec()]);
    }
    clocks
}

/// Where the answer's bytes are.
fn places(frames: &[Bytes]) -> Vec<*const u8> {
    frames.iter().map(|frame| frame.as_ptr()).collect()
}

#[test]
fn w5_newcomers_to_a_room_at_rest_are_sent_the_same_memory() {
    let room = loaded();
    let (bob, cid) = (seated(&room, 2), seated(&room, 3));
    let (first, second) = (answer(&bob, &[]), answer(&cid, &[]));
    assert!(matches!(messages(&first)[..], [Message::SyncStep2(_)]));
    assert_eq!(places(&first), places(&second));
    assert_eq!(brought(&first).clock(10), 4);
}

#[test]
fn w5_a_newcomer_after_an_edit_is_sent_the_edit_and_one_after_a_base_swap_the_new_base() {
    let room = loaded();
    let (ann, bob) = (seated(&room, 1), seated(&room, 2));
    let before = answer(&bob, &[]);
    offer(&ann, &typed(10, 4));
    offer(&ann, &deleted(10, 0));
    let after = answer(&bob, &[]);
    assert!(matches!(messages(&after)[..], [Message::SyncStep2(_)]));
    let clocks = brought(&after);
    assert_eq!(clocks.clock(10), 5);
    assert_eq!(clocks.deleted().collect::<Vec<_>>(), [(10, vec![(0, 1)])]);
    let end = room.uncommitted(usize::MAX).end;
    room.committed(1, 5, end);
    // As a garbage collector may leave it: the first character is gone for good.
    let collected = [
        &[1, 2, 10, 0, 0, 1][..],
        &[0x84, 10, 0, 4],
        b"bcde",
        &[1, 10, 1, 0, 1],
    ]
    .concat();
    room.compacted(Compacted {
        snapshot: Extent {
            seq: 6,
            bytes: collected.len(),
        },
        base: Content::new(&collected, &Limits::default()).unwrap(),
        listed: false,
        took: Duration::ZERO,
    });
    let swapped = answer(&bob, &[]);
    assert_eq!(messages(&swapped), [Message::SyncStep2(&collected)]);
    assert_eq!(places(&swapped), places(&answer(&ann, &[])));
    assert_eq!(
        messages(&before),
        messages(&answer(&seated(&loaded(), 9), &[])),
        "what was sent stays as it was"
    );
}

#[test]
fn w5_a_small_base_goes_out_in_small_parts_where_what_follows_makes_it_large() {
    let rows: Vec<_> = (0..3).map(filled).collect();
    let room = standing_on(&rows);
    let weight = room.info().bytes;
    let (ann, bob) = (seated(&room, 1), seated(&room, 2));
    assert_eq!(messages(&answer(&bob, &[])).len(), 1, "750 KB");
    for clock in 3..6 {
        offer(&ann, &filled(clock));
    }
    let (first, second) = (answer(&bob, &[]), answer(&ann, &[]));
    assert_eq!(messages(&first).last(), Some(&Message::SyncStep2(&[0, 0])));
    let largest = first.iter().map(Bytes::len).max().unwrap();
    assert!(first.len() > 6 && largest < 300_000, "{largest}");
    assert_eq!(brought(&first).clock(10), 6);
    assert_eq!(
        places(&first)[..3],
        places(&second)[..3],
        "the base's parts are made once"
    );
    let parts = room.info().bytes - weight;
    assert!(parts > 1_500_000, "and counted: {parts}");
}

#[tokio::test]
async fn w5_one_who_comes_back_is_sent_what_it_lacks_however_far_back_it_was() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    for clock in 0..8 {
        offer(&ann, &large(clock));
    }
    offer(&ann, &deleted(10, 3));
    commit(&room);
    room.fold();
    offer(&ann, &typed(10, 8));
    offer(&ann, &typed(20, 0));
    for has in 0..=9 {
        let back = seated(&room, 100 + u64::from(has));
        let frames = answer(&back, &[(10, u32::from(has))]);
        let mut clocks = Clocks::new();
        let before: Vec<_> = (0..has.min(8)).map(large).collect();
        applies(&mut clocks, &before);
        if has == 9 {
            applies(&mut clocks, &[typed(10, 8)]);
        }
        for message in messages(&frames) {
            let (Message::Update(update) | Message::SyncStep2(update)) = message else {
                panic!("{message:?}")
            };
            // What is in it was not there before, and waits for nothing.
            let taken = clocks.take(update, &Limits::default()).unwrap();
            assert!(taken.early.is_none());
            assert!(update.len() < 900_000, "{} bytes at once", update.len());
        }
        assert_eq!((clocks.clock(10), clocks.clock(20)), (9, 1), "from {has}");
        assert_eq!(clocks.deleted().collect::<Vec<_>>(), [(10, vec![(3, 4)])]);
        let last = messages(&frames).pop();
        assert!(matches!(last, Some(Message::SyncStep2(_))));
        assert_eq!(frames.len() == 1, has >= 7, "from {has}: {}", frames.len());
    }
}

#[tokio::test]
async fn w5_of_a_base_that_it_has_one_who_comes_back_is_sent_the_deletions_alone() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    for clock in 0..8 {
        offer(&ann, &large(clock));
    }
    offer(&ann, &deleted(10, 3));
    commit(&room);
    room.fold();
    offer(&ann, &typed(10, 8));
    let back = seated(&room, 2);
    let theirs: StateVector = [(10, 8)].into_iter().collect();
    let made = back.join(theirs).0.make(&Limits::default()).unwrap();
    assert!(made.rest.is_none());
    let [Message::SyncStep2(update)] = messages(&made.messages)[..] else {
        panic!("one step 2")
    };
    let scan = scrible_wire::scan(update, &Limits::default()).unwrap();
    let deletes: Vec<_> = scan.deletes.iter().collect();
    assert_eq!(deletes, [(10, &[(3, 4)][..])]);
    assert_eq!((scan.lists.len(), scan.structs), (1, 1));
}
