//! What a room asks of journal and compaction, whom it refuses, and how it ends.

use super::*;

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
fn j3_a_reader_that_reconnects_is_no_writer() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    room.shared()
        .uncommitted_bytes
        .store(17 << 20, Ordering::Relaxed);
    assert!(ann.offer(&[0, 0], Carrier::Step2, None).is_ok());
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
