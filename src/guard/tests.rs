//! Nodes that die while they open rooms, in memory and in no time.

use scrible_store::{MemoryStore, Quarantine};
use tokio::task::yield_now;

use super::*;

/// A node that has started, on its own handle of a store.
async fn node(place: &MemoryStore) -> Arc<Guard> {
    let guard = Guard::new(Arc::new(place.reopen()), Arc::default());
    guard.start().await;
    guard
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

async fn deaths(place: &MemoryStore, room: &str) -> u32 {
    let record = place.room_record(room).await.unwrap();
    record.map_or(0, |record| record.deaths)
}

#[tokio::test]
async fn q3_what_lived_or_was_not_read_or_ended_in_order_leaves_nothing() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    first.begin(&room("lived")).await.unwrap().lives();
    first.end_what_is_over().await;
    drop(first.begin(&room("unread")).await.unwrap());
    first.end_what_is_over().await;
    let reading = first.begin(&room("fatal")).await.unwrap();
    first.end_what_is_over().await;
    // It ends in the middle of that.
    drop((reading, first));
    let second = node(&place).await;
    let records = place.room_records().await.unwrap();
    assert_eq!((records.len(), &*records[0].room), (1, "fatal"));
    let ordered = second.begin(&room("ordered")).await.unwrap();
    second.end().await;
    drop((ordered, second));
    drop(node(&place).await);
    assert_eq!(deaths(&place, "ordered").await, 0);
}

#[tokio::test]
async fn q3_where_nothing_can_be_noted_rooms_open_all_the_same() {
    let place = MemoryStore::new();
    let store = Arc::new(place.reopen());
    let guard = Guard::new(store.clone(), Arc::default());
    store.close().await;
    guard.start().await;
    guard.begin(&room("demo")).await.unwrap().lives();
    guard.end_what_is_over().await;
    // It is tried again, until somebody opens the room once more.
    assert_eq!(guard.state.lock().watched.len(), 1);
    guard.end().await;
}

#[tokio::test]
async fn q4_a_suspect_is_opened_alone_and_clears_itself_by_living() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    for name in ["good", "bad"] {
        first.begin(&room(name)).await.unwrap().lives();
    }
    drop(first);
    let second = node(&place).await;
    let reading = second.begin(&room("good")).await.unwrap();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.begin(&room("bad")).await.map(Watch::lives) }
    });
    // Others do not wait.
    second.begin(&room("new")).await.unwrap().lives();
    second.end_what_is_over().await;
    yield_now().await;
    assert!(!waiting.is_finished());
    reading.lives();
    second.end_what_is_over().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(
        (deaths(&place, "good").await, deaths(&place, "bad").await),
        (0, 1)
    );
    drop(second);
    drop(node(&place).await);
    assert_eq!(
        (deaths(&place, "good").await, deaths(&place, "bad").await),
        (0, 2)
    );
}

#[tokio::test]
async fn q5_the_third_death_sets_a_room_aside_until_it_is_released() {
    let place = MemoryStore::new();
    for _ in 0..3 {
        let guard = node(&place).await;
        guard.begin(&room("bad")).await.unwrap().lives();
    }
    let guard = node(&place).await;
    assert_eq!(guard.marks.all().len(), 1);
    let Err(OpenError::SetAside(sentence)) = guard.begin(&room("bad")).await else {
        panic!("it is opened");
    };
    assert!(sentence.contains("ended the server"), "{sentence}");
    guard.begin(&room("other")).await.unwrap().lives();
    place.clear_record("bad").await.unwrap();
    guard.begin(&room("bad")).await.unwrap().lives();
    assert_eq!(guard.marks.all(), []);
    guard.end_what_is_over().await;
    drop(guard);
    drop(node(&place).await);
    assert_eq!(deaths(&place, "bad").await, 0);
}

#[tokio::test]
async fn q5_an_operator_sets_a_room_aside_while_it_waits_for_its_turn() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    for name in ["a", "b"] {
        first.begin(&room(name)).await.unwrap().lives();
    }
    drop(first);
    let second = node(&place).await;
    let reading = second.begin(&room("a")).await.unwrap();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.begin(&room("b")).await.map(Watch::lives) }
    });
    yield_now().await;
    place.set_aside("b".into()).await.unwrap();
    reading.lives();
    second.end_what_is_over().await;
    let refused = waiting.await.unwrap();
    assert!(matches!(refused, Err(OpenError::SetAside(why)) if why.contains("operator")));
    // The turn that it had is free again.
    place.clear_record("b").await.unwrap();
    second.begin(&room("b")).await.unwrap().lives();
}

#[tokio::test]
async fn q4_the_next_suspect_waits_until_the_note_of_the_last_is_gone() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    let reading = [
        first.begin(&room("good")).await.unwrap(),
        first.begin(&room("bad")).await.unwrap(),
    ];
    drop((reading, first));
    let second = node(&place).await;
    second.begin(&room("good")).await.unwrap().lives();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.begin(&room("bad")).await }
    });
    for _ in 0..10 {
        yield_now().await;
    }
    // Were the bad room read now, its death would be one of the good room as well, and one that counts.
    assert!(!waiting.is_finished());
    second.end_what_is_over().await;
    let reading = waiting.await.unwrap().unwrap();
    drop((reading, second));
    drop(node(&place).await);
    assert_eq!(
        (deaths(&place, "good").await, deaths(&place, "bad").await),
        (0, 2)
    );
}
