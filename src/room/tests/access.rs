//! Who is told that who may be in a room has changed, and who is sent out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// Counts how often a session's task was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn times(member: &Membership) -> u64 {
    member.listen(Waker::noop()).times
}

fn shows(member: &mut Membership, client: u64) {
    let entry = AwarenessEntry {
        client,
        clock: 1,
        state: Some(b"{}"),
    };
    member.hear(&[entry], Instant::now());
}

#[test]
fn x1_every_session_is_woken_whatever_it_is_doing() {
    let room = room();
    // One waits for entries, one never asked for any.
    let ((ann, _), bob) = (enter(&room, 1, &[]), seated(&room, 2));
    assert_eq!(heard(&ann), Vec::<Vec<u8>>::new());
    let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    for (member, woken) in [&ann, &bob].into_iter().zip(&woken) {
        assert_eq!(member.listen(&woken.clone().into()).times, 0);
    }
    let mark = room.access_mark();
    room.access_changed();
    assert_ne!(room.access_mark(), mark);
    assert_eq!(ann.access_mark(), mark, "it came before");
    assert_eq!([times(&ann), times(&bob)], [1, 1]);
    for woken in woken {
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
    let (late, _) = enter(&room, 3, &[]);
    assert_eq!(
        (times(&late), late.access_mark()),
        (0, room.access_mark()),
        "it was judged by what is there now"
    );
}

#[test]
fn x7_no_two_rooms_have_the_same_mark() {
    let shared = shared();
    let (one, other) = (room_with(shared.clone()), room_with(shared));
    let mut marks = vec![one.access_mark(), other.access_mark()];
    one.access_changed();
    other.access_changed();
    marks.extend([one.access_mark(), other.access_mark()]);
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), 4);
}

#[test]
fn x9_another_version_in_the_store_is_a_change_and_so_is_the_first() {
    let room = room();
    let (ann, _) = enter(&room, 1, &[]);
    for (version, rings) in [(0, 0), (0, 0), (3, 1), (3, 1), (4, 2), (0, 3), (0, 3)] {
        room.access_stored(version);
        assert_eq!(times(&ann), rings, "{version}");
    }
}

#[tokio::test]
async fn x5_who_calls_an_id_its_own_is_sent_out_and_not_who_forwards_it() {
    let room = room();
    let mut members: Vec<_> = (1..=3)
        .map(|session| enter(&room, session, &[]).0)
        .collect();
    shows(&mut members[0], 10);
    shows(&mut members[1], 11);
    shows(&mut members[2], 12);
    // The second brings a sibling of which nobody else has heard.
    shows(&mut members[1], 20);
    let sent_out = |members: &[Membership]| -> Vec<bool> {
        let all = members.iter();
        all.map(|member| member.listen(Waker::noop()).sent_out)
            .collect()
    };
    room.send_out(99);
    assert_eq!(sent_out(&members), [false, false, false]);
    room.send_out(12);
    assert_eq!(sent_out(&members), [false, false, true]);
    room.send_out(20);
    assert_eq!(sent_out(&members), [false, true, true]);
}
