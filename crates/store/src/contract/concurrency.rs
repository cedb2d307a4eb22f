//! Several nodes, tasks and handles at once.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Node, Place, append_at_last, loaded, part, settle, texts};
use crate::{Batch, Store};

const TASKS: usize = 4;
const BATCHES: usize = 25;

/// Numbers without gap or duplicate, each node's updates in its own order, receipts that tell the truth.
pub async fn nodes_interleave_on_one_room(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&stores[task % 2]);
        tasks.spawn(async move {
            let mut node = Node::new();
            let mut told = Vec::new();
            for i in 0..BATCHES {
                let batch_texts: Vec<String> =
                    (0..=i % 3).map(|j| format!("{task}:{i}:{j}")).collect();
                let refs: Vec<&str> = batch_texts.iter().map(String::as_str).collect();
                let rooms = vec![part("room", None, &refs)];
                let receipt = append_at_last(&*store, &mut node, rooms).await;
                told.extend((receipt.rooms[0].first_seq..).zip(batch_texts));
            }
            told
        });
    }
    let mut told: Vec<(u64, String)> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let mine = done.unwrap();
        assert!(mine.is_sorted(), "a node's later update has a lower number");
        told.extend(mine);
    }
    told.sort_unstable();
    let room = loaded(&*stores[0], "room").await;
    let stored: Vec<(u64, String)> = (1..).zip(texts(&room)).collect();
    assert_eq!(stored, told);
}

/// Batches that name the same rooms in opposite orders do not block each other for good.
pub async fn nodes_interleave_on_shared_rooms_in_any_order(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let names = ["a", "b", "c", "d", "e"];
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&stores[task % 2]);
        tasks.spawn(async move {
            let mut node = Node::new();
            for i in 0..BATCHES {
                let mut names = names;
                names.rotate_left((task * 2 + i) % 5);
                if (task + i) % 2 == 0 {
                    names.reverse();
                }
                let text = format!("{task}:{i}");
                let parts = names.iter().map(|name| part(name, None, &[&text]));
                append_at_last(&*store, &mut node, parts.collect()).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for name in names {
        let mut by_task: HashMap<String, Vec<usize>> = HashMap::new();
        for text in texts(&loaded(&*stores[1], name).await) {
            let (task, i) = text.split_once(':').unwrap();
            by_task
                .entry(task.into())
                .or_default()
                .push(i.parse().unwrap());
        }
        assert_eq!(by_task.len(), TASKS);
        for order in by_task.values() {
            assert_eq!(*order, (0..BATCHES).collect::<Vec<_>>());
        }
    }
}

/// A retry may overtake the COMMIT whose answer it did not get.
pub async fn the_same_batch_sent_twice_at_once_is_stored_once(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let mut node = Node::new();
    for i in 0..BATCHES {
        let text = i.to_string();
        let batch = Arc::new(node.batch(vec![part("room", None, &[&text])]));
        let mut tasks = JoinSet::new();
        for store in &stores {
            let (store, batch) = (Arc::clone(store), Arc::clone(&batch));
            tasks.spawn(async move { settle(&*store, &batch).await });
        }
        let receipts = tasks.join_all().await;
        assert_eq!(receipts[0], receipts[1]);
        assert_eq!(receipts[0].rooms[0].first_seq, i as u64 + 1);
    }
    let expected: Vec<String> = (0..BATCHES).map(|i| i.to_string()).collect();
    assert_eq!(texts(&loaded(&*stores[0], "room").await), expected);
}

/// Dropped after any number of polls: all of it or nothing is stored, and the store goes on.
pub async fn a_dropped_append_is_settled_by_sending_it_again(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let mut expected = Vec::new();
    for polls in 0..60 {
        let text = polls.to_string();
        let rooms = vec![part("a", None, &[&text, "+"]), part("b", None, &[&text])];
        let batch = node.batch(rooms);
        drop_after(polls, &*store, &batch).await;
        let receipt = settle(&*store, &batch).await;
        assert_eq!(receipt.rooms[0].first_seq, expected.len() as u64 + 1);
        expected.extend([text, "+".to_owned()]);
    }
    assert_eq!(texts(&loaded(&*store, "a").await), expected);
    assert_eq!(loaded(&*store, "b").await.head, 60);
}

/// Polls the append so many times, each time when it asked for it, and drops it.
async fn drop_after(polls: usize, store: &dyn Store, batch: &Batch) {
    let mut append = std::pin::pin!(store.append(batch));
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        append.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Head and rows are of the same moment while others write.
pub async fn a_load_sees_whole_batches_only(place: &dyn Place) {
    let (store, reader) = (place.open().await, place.open().await);
    let mut node = Node::new();
    append_at_last(&*store, &mut node, vec![part("room", None, &[])]).await;
    let writing = tokio::spawn(async move {
        for _ in 0..4 * BATCHES {
            let rooms = vec![part("room", None, &["1", "2", "3"])];
            append_at_last(&*store, &mut node, rooms).await;
        }
    });
    let last = 3 * 4 * BATCHES as u64;
    let mut seen = 0;
    while seen < last {
        let room = loaded(&*reader, "room").await;
        assert!(room.head % 3 == 0, "a batch was torn at {}", room.head);
        assert!(room.head >= seen, "the room went back in time");
        assert_eq!(texts(&room).len() as u64, room.head);
        seen = room.head;
        // Let the writer have the thread; a failed writer would otherwise leave this loop running.
        tokio::task::yield_now().await;
        assert!(!writing.is_finished() || loaded(&*reader, "room").await.head == last);
    }
    writing.await.unwrap();
}
