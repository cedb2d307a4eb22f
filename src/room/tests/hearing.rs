//! Who hears what, when: entries, echoes, what is known, early or held back.

use super::*;

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
