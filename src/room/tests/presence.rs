//! Awareness in a room.

use super::*;

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
