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
