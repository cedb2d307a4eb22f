//! Nodes that die while they open rooms, in memory and in no time.

use scrible_store::{MemoryStore, Quarantine};
use tokio::task::yield_now;
use tokio::time::advance;

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

/// Lets rooms that were read live until they are beyond suspicion.
async fn live(guard: &Guard) {
    advance(WATCH).await;
    guard.end_what_is_over().await;
}

#[tokio::test(start_paused = true)]
async fn q3_what_lived_or_was_not_read_or_ended_in_order_leaves_nothing() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    first.begin(&room("lived")).await.unwrap().lives();
    live(&first).await;
    drop(first.begin(&room("unread")).await.unwrap());
    first.end_what_is_over().await;
    first.begin(&room("young")).await.unwrap().lives();
    first.end_what_is_over().await;
    drop(first);
    let second = node(&place).await;
    let records = place.room_records().await.unwrap();
    assert_eq!((records.len(), &*records[0].room), (1, "young"));
    let ordered = second.begin(&room("ordered")).await.unwrap();
    second.end().await;
    drop((ordered, second));
    drop(node(&place).await);
    assert_eq!(deaths(&place, "ordered").await, 0);
}

#[tokio::test(start_paused = true)]
async fn q3_where_nothing_can_be_noted_rooms_open_all_the_same() {
    let place = MemoryStore::new();
    let store = Arc::new(place.reopen());
    let guard = Guard::new(store.clone(), Arc::default());
    store.close().await;
    guard.start().await;
    guard.begin(&room("demo")).await.unwrap().lives();
    live(&guard).await;
    // It is tried again, until somebody opens the room once more.
    assert_eq!(guard.state.lock().watched.len(), 1);
    guard.end().await;
}

#[tokio::test(start_paused = true)]
async fn q4_a_suspect_is_opened_alone_and_clears_itself_by_living() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    for name in ["good", "bad"] {
        first.begin(&room(name)).await.unwrap().lives();
    }
    drop(first);
    let second = node(&place).await;
    second.begin(&room("good")).await.unwrap().lives();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.begin(&room("bad")).await.map(Watch::lives) }
    });
    // Others do not wait, and neither does a suspect that is opened again.
    second.begin(&room("new")).await.unwrap().lives();
    second.begin(&room("good")).await.unwrap().lives();
    advance(WATCH - TICK).await;
    second.end_what_is_over().await;
    yield_now().await;
    assert!(!waiting.is_finished());
    live(&second).await;
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

#[tokio::test(start_paused = true)]
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
    live(&guard).await;
    drop(guard);
    drop(node(&place).await);
    assert_eq!(deaths(&place, "bad").await, 0);
}

#[tokio::test(start_paused = true)]
async fn q5_an_operator_sets_a_room_aside_while_it_waits_for_its_turn() {
    let place = MemoryStore::new();
    let first = node(&place).await;
    for name in ["a", "b"] {
        first.begin(&room(name)).await.unwrap().lives();
    }
    drop(first);
    let second = node(&place).await;
    second.begin(&room("a")).await.unwrap().lives();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.begin(&room("b")).await.map(Watch::lives) }
    });
    yield_now().await;
    place.set_aside("b".into()).await.unwrap();
    live(&second).await;
    let refused = waiting.await.unwrap();
    assert!(matches!(refused, Err(OpenError::SetAside(why)) if why.contains("operator")));
    // The turn that it had is free again.
    place.clear_record("b").await.unwrap();
    second.begin(&room("b")).await.unwrap().lives();
}

#[tokio::test(start_paused = true)]
async fn q4_where_everybody_is_suspect_all_have_their_turn_in_a_minute() {
    let place = MemoryStore::new();
    let names: Vec<String> = (0..50).map(|number| format!("room {number}")).collect();
    let mut at_once = Vec::new();
    for _ in 0..2 {
        let guard = node(&place).await;
        at_once.push(guard.turns.available_permits());
        let opening = names.iter().map(|name| {
            let (guard, name) = (guard.clone(), room(name));
            tokio::spawn(async move { guard.begin(&name).await.map(Watch::lives) })
        });
        let opening: Vec<_> = opening.collect();
        while guard.state.lock().watched.len() < at_once[at_once.len() - 1].max(9) {
            yield_now().await;
        }
        opening.iter().for_each(tokio::task::JoinHandle::abort);
        for one in opening {
            drop(one.await);
        }
    }
    assert_eq!(at_once[0], 1);
    // All fifty were open when the first node died; the second opened nine at once, which proves nothing against any.
    let guard = node(&place).await;
    assert_eq!(at_once[1], 9);
    let records = place.room_records().await.unwrap();
    assert_eq!(records.len(), 50);
    assert!(records.iter().all(|record| record.deaths == 1));
    let mut rounds = 0;
    let opening: Vec<_> = names
        .iter()
        .map(|name| {
            let (guard, name) = (guard.clone(), room(name));
            tokio::spawn(async move { guard.begin(&name).await.map(Watch::lives) })
        })
        .collect();
    while !opening.iter().all(tokio::task::JoinHandle::is_finished) {
        rounds += 1;
        for _ in 0..200 {
            yield_now().await;
        }
        live(&guard).await;
        for _ in 0..200 {
            yield_now().await;
        }
    }
    assert!(rounds <= ROUNDS, "{rounds}");
}
