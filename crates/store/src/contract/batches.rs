//! Batches: their numbers, their repetition, and what is refused.

use bytes::Bytes;

use super::{Node, Place, append, loaded, part, texts, update};
use crate::{Batch, RoomAppend, StoreError};

/// It is a batch like any other: its number is used up.
pub async fn an_empty_batch_counts(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let earlier = node.batch(vec![part("room", None, &["1"])]);
    let empty = node.batch(vec![]);
    assert_eq!(append(&*store, &empty).await.rooms, []);
    assert_eq!(append(&*store, &empty).await.rooms, []);
    let error = store.append(&earlier).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(store.load("room").await.unwrap(), None);
}

/// Also when another node has written since, by another handle, and after opening again.
pub async fn the_same_batch_again_gives_the_same_receipt(place: &dyn Place) {
    let store = place.open().await;
    let (mut here, mut there) = (Node::new(), Node::new());
    append(&*store, &here.batch(vec![part("a", None, &["0"])])).await;
    let batch = here.batch(vec![
        part("a", None, &["1", "2"]),
        part("b", None, &["1"]),
        part("c", None, &[]),
    ]);
    let receipt = append(&*store, &batch).await;
    assert_eq!(append(&*store, &batch).await, receipt);

    let other = place.open().await;
    let between = there.batch(vec![part("b", None, &["x"]), part("a", None, &["x", "y"])]);
    append(&*other, &between).await;
    assert_eq!(append(&*store, &batch).await, receipt);
    assert_eq!(append(&*other, &batch).await, receipt);
    other.close().await;
    store.close().await;

    let store = place.open().await;
    assert_eq!(append(&*store, &batch).await, receipt);
    assert_eq!(
        texts(&loaded(&*store, "a").await),
        ["0", "1", "2", "x", "y"]
    );
    assert_eq!(texts(&loaded(&*store, "b").await), ["1", "x"]);

    // The ids that the receipt told may be filled in; the batch is still the same.
    let mut with_ids = batch.clone();
    for (part, got) in with_ids.rooms.iter_mut().zip(&receipt.rooms) {
        part.id = Some(got.id);
    }
    assert_eq!(append(&*store, &with_ids).await, receipt);

    let next = append(&*store, &here.batch(vec![part("a", None, &["3"])])).await;
    assert_eq!(next.rooms[0].first_seq, 6);
}

/// Its receipt is forgotten, so nobody can say which rows were its own.
pub async fn an_older_batch_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    let first = node.batch(vec![part("room", None, &["1"])]);
    let second = node.batch(vec![part("room", None, &["2"])]);
    append(&*store, &first).await;
    append(&*store, &second).await;
    let error = store.append(&first).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(texts(&loaded(&*store, "room").await), ["1", "2"]);
    append(&*store, &node.batch(vec![part("room", None, &["3"])])).await;
}

/// They were never stored, so a receipt for them would be a lie.
pub async fn other_contents_under_a_used_number_are_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let batch = Node::new().batch(vec![part("a", None, &["1"]), part("b", None, &["1"])]);
    append(&*store, &batch).await;
    let others = [
        vec![part("a", None, &["1", "2"]), part("b", None, &["1"])],
        vec![part("a", None, &["1"])],
        vec![],
    ];
    for rooms in others {
        let other = Batch { rooms, ..batch };
        let error = store.append(&other).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    assert_eq!(texts(&loaded(&*store, "a").await), ["1"]);
}

/// 0 is a number, and so is the highest.
pub async fn numbers_may_skip_and_begin_anywhere(place: &dyn Place) {
    let store = place.open().await;
    let node = Node::new().id;
    let numbers = [0, 1, 5, 1 << 40, i64::MAX.cast_unsigned()];
    let mut expected = Vec::new();
    for number in numbers {
        let text = number.to_string();
        let rooms = vec![part("room", None, &[&text])];
        let batch = Batch {
            node,
            number,
            rooms,
        };
        let receipt = append(&*store, &batch).await;
        assert_eq!(append(&*store, &batch).await, receipt);
        expected.push(text);
    }
    assert_eq!(texts(&loaded(&*store, "room").await), expected);
}

/// The same number can be used for the batch that is put right.
pub async fn a_refused_batch_leaves_no_trace(place: &dyn Place) {
    let store = place.open().await;
    let mut node = Node::new();
    append(&*store, &node.batch(vec![part("a", None, &["1"])])).await;
    let mut batch = node.batch(vec![part("a", None, &["2"]), part("", None, &["2"])]);
    let error = store.append(&batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    batch.rooms[1] = part("b", Some(crate::RoomId(99)), &["2"]);
    let error = store.append(&batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(texts(&loaded(&*store, "a").await), ["1"]);
    batch.rooms[1] = part("b", None, &["2"]);
    let receipt = append(&*store, &batch).await;
    assert_eq!(receipt.rooms[0].first_seq, 2);
    assert_eq!(texts(&loaded(&*store, "a").await), ["1", "2"]);
    assert_eq!(texts(&loaded(&*store, "b").await), ["2"]);
}

/// All stores refuse the same, whatever their database could do.
pub async fn what_no_database_takes_is_invalid(place: &dyn Place) {
    let store = place.open().await;
    let good = || part("good", None, &["1"]);
    let mut anonymous = part("room", None, &["1"]);
    anonymous.updates[0].author = Some("a\0b".into());
    let huge = RoomAppend {
        room: "room".into(),
        id: None,
        updates: vec![update(Bytes::from(vec![0; (1 << 29) + 1]))],
    };
    let batches = [
        vec![good(), part("", None, &["1"])],
        vec![good(), part("a\0b", None, &["1"])],
        vec![
            good(),
            part("twice", None, &["1"]),
            part("twice", None, &[]),
        ],
        vec![good(), anonymous],
        vec![good(), huge],
    ];
    for rooms in batches {
        let error = store.append(&Node::new().batch(rooms)).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    }
    let too_high = Batch {
        node: Node::new().id,
        number: i64::MAX.cast_unsigned() + 1,
        rooms: vec![good()],
    };
    let error = store.append(&too_high).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert_eq!(store.load("good").await.unwrap(), None);
    assert_eq!(store.load("twice").await.unwrap(), None);
}
