//! The records of rooms: what a dead node leaves behind counts, once, and what lived is clean.

use std::sync::Arc;

use super::Place;
use crate::{Incarnation, Opening, OpeningEnd, RoomRecord, SetAsideBy, Store, StoreError};

fn opening(node: Incarnation, room: &str, number: u64, alone: bool) -> Opening {
    Opening {
        node,
        room: room.into(),
        number,
        alone,
    }
}

fn outlines(records: &[RoomRecord]) -> Vec<(&str, u32, Option<SetAsideBy>)> {
    let outline = |record: &RoomRecord| (record.deaths, record.set_aside);
    let mut outlines: Vec<_> = records
        .iter()
        .map(|record| (&*record.room, outline(record).0, outline(record).1))
        .collect();
    outlines.sort_unstable_by_key(|(room, ..)| *room);
    outlines
}

/// A node that notes these openings and is gone.
async fn dies(place: &dyn Place, openings: &[(&str, bool)]) {
    let (store, node) = (place.open().await, Incarnation::random());
    store.beat(node).await.expect("the node is noted");
    for (number, (room, alone)) in (1..).zip(openings) {
        let opening = opening(node, room, number, *alone);
        store.note_opening(&opening).await.expect("it is noted");
    }
}

async fn next_node(place: &dyn Place) -> (Arc<dyn Store>, Incarnation, Vec<RoomRecord>) {
    let (store, node) = (place.open().await, Incarnation::random());
    let records = store.beat(node).await.expect("an answer");
    (store, node, records)
}

/// Each death counts once, whoever asks how often.
pub async fn what_a_dead_node_was_opening_has_a_death_on_its_record(place: &dyn Place) {
    dies(place, &[("a", false), ("b", false)]).await;
    let (store, node, records) = next_node(place).await;
    assert_eq!(outlines(&records), [("a", 1, None), ("b", 1, None)]);
    assert!(records[0].time_ms > 1_700_000_000_000);
    assert_eq!(store.beat(node).await.unwrap(), []);
    assert_eq!(store.room_records().await.unwrap(), records);
    assert_eq!(
        store.room_record("a").await.unwrap().as_ref(),
        records.first()
    );
    assert_eq!(store.room_record("A").await.unwrap(), None);
}

/// The third death is the last.
pub async fn a_room_that_died_alone_three_times_is_set_aside(place: &dyn Place) {
    dies(place, &[("bad", false), ("good", false)]).await;
    let (store, _, _) = next_node(place).await;
    drop(store);
    // Once as one of many suspects, which says nothing, and twice alone.
    dies(place, &[("bad", false)]).await;
    dies(place, &[("bad", true)]).await;
    let (store, _, records) = next_node(place).await;
    assert_eq!(outlines(&records), [("bad", 2, None)]);
    drop(store);
    dies(place, &[("bad", true)]).await;
    let (store, _, records) = next_node(place).await;
    let aside = Some(SetAsideBy::Deaths);
    assert_eq!(outlines(&records), [("bad", 3, aside)]);
    let all = store.room_records().await.unwrap();
    assert_eq!(outlines(&all), [("bad", 3, aside), ("good", 1, None)]);
}

/// A node that lives, or has ended in order, leaves no death.
pub async fn a_node_that_lives_or_ends_in_order_leaves_no_death(place: &dyn Place) {
    let (store, node, _) = next_node(place).await;
    store
        .note_opening(&opening(node, "a", 1, true))
        .await
        .unwrap();
    let (other, _, records) = next_node(place).await;
    assert_eq!(records, []);
    drop(other);
    store.end_node(node).await.unwrap();
    store.end_node(node).await.unwrap();
    drop(store);
    assert_eq!(next_node(place).await.2, []);
}

/// Its deaths had another cause; what was not read proves nothing.
pub async fn what_lived_is_clean_and_what_was_not_read_is_as_before(place: &dyn Place) {
    dies(
        place,
        &[("lived", false), ("unread", false), ("both", false)],
    )
    .await;
    let (store, node, _) = next_node(place).await;
    let [lived, unread, again] =
        [("lived", 1), ("unread", 2), ("lived", 3)].map(|(room, n)| opening(node, room, n, true));
    store.note_opening(&lived).await.unwrap();
    store.note_opening(&unread).await.unwrap();
    let ends = [
        (lived.clone(), OpeningEnd::Lived),
        (unread, OpeningEnd::Unread),
    ];
    store.end_openings(&ends).await.unwrap();
    let all = store.room_records().await.unwrap();
    assert_eq!(outlines(&all), [("both", 1, None), ("unread", 1, None)]);
    // Of an opening that began later, the end of an earlier one takes nothing away.
    store.note_opening(&again).await.unwrap();
    store
        .end_openings(&[(lived, OpeningEnd::Lived)])
        .await
        .unwrap();
    drop(store);
    assert_eq!(outlines(&next_node(place).await.2), [("lived", 1, None)]);
}

/// By an operator, and back.
pub async fn a_room_is_set_aside_and_its_record_cleared(place: &dyn Place) {
    dies(place, &[("room", false)]).await;
    let (store, node, _) = next_node(place).await;
    store.set_aside("room".into()).await.unwrap();
    store.set_aside("unknown".into()).await.unwrap();
    let operator = Some(SetAsideBy::Operator);
    let all = store.room_records().await.unwrap();
    assert_eq!(
        outlines(&all),
        [("room", 1, operator), ("unknown", 0, operator)]
    );
    // Also where it was open, and lives.
    let lived = opening(node, "room", 1, true);
    store.note_opening(&lived).await.unwrap();
    store
        .end_openings(&[(lived, OpeningEnd::Lived)])
        .await
        .unwrap();
    let cleared = store.clear_record("room").await.unwrap().unwrap();
    assert_eq!(outlines(&[cleared]), [("room", 1, operator)]);
    assert_eq!(store.room_record("room").await.unwrap(), None);
    assert_eq!(store.clear_record("room").await.unwrap(), None);
    for name in ["", "a\0b"] {
        let refused = store.set_aside(name.into()).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
        let refused = store.note_opening(&opening(node, name, 1, true)).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
    }
    store.close().await;
    assert!(store.beat(node).await.unwrap_err().is_retryable());
    assert!(store.room_record("room").await.unwrap_err().is_retryable());
}
