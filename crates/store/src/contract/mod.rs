//! What every store owes its callers, one public function a case.
//!
//! Knows the trait and nothing of the store behind it. The rule: a case that only one kind of store could pass does
//! not belong here.
//!
//! A store's own tests call [`store_contract!`](crate::store_contract) with an expression that makes a fresh, empty
//! [`Place`]; it makes one test of each case.

mod batches;
mod concurrency;
mod contents;
mod rooms;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::batches::*;
pub use self::concurrency::*;
pub use self::contents::*;
pub use self::rooms::*;
use crate::{
    Batch, Incarnation, NewUpdate, Receipt, RoomAppend, RoomId, Store, StoreError, StoredRoom,
};

/// Where a store keeps what it keeps; empty at first.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens a store there. Several may be open at once, as by two nodes or before and after a restart.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each case of the contract, each with a fresh place from the expression.
///
/// The caller's crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($place:expr) => {
        $crate::store_contract! { @cases $place;
            a_room_that_was_never_written_is_none
            what_was_appended_is_loaded_in_order
            appending_goes_on_where_it_ended
            many_rooms_in_one_batch
            new_and_known_rooms_in_one_batch
            ids_are_stable_and_differ
            names_differ_by_every_byte
            an_id_of_another_room_is_a_conflict
            an_id_of_no_room_is_a_conflict
            an_empty_list_of_updates_creates_the_room
            everything_is_there_after_opening_again
            a_closed_store_is_unavailable
            an_open_store_can_be_written
            an_empty_batch_counts
            the_same_batch_again_gives_the_same_receipt
            an_older_batch_is_a_conflict
            other_contents_under_a_used_number_are_a_conflict
            numbers_may_skip_and_begin_anywhere
            a_refused_batch_leaves_no_trace
            what_no_database_takes_is_invalid
            a_batch_of_thousands_of_rows
            every_byte_and_no_byte_come_back
            a_megabyte_comes_back
            twenty_megabytes_come_back
            any_author_and_any_time_are_taken
            nodes_interleave_on_one_room
            nodes_interleave_on_shared_rooms_in_any_order
            the_same_batch_sent_twice_at_once_is_stored_once
            a_dropped_append_is_settled_by_sending_it_again
            a_load_sees_whole_batches_only
        }
    };
    (@cases $place:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = $place;
                $crate::contract::$case(&place).await;
            }
        )*
    };
}

/// Numbers the batches of one incarnation.
struct Node {
    id: Incarnation,
    number: u64,
}

impl Node {
    fn new() -> Self {
        Self {
            id: Incarnation::random(),
            number: 0,
        }
    }

    fn batch(&mut self, rooms: Vec<RoomAppend>) -> Batch {
        self.number += 1;
        Batch {
            node: self.id,
            number: self.number,
            rooms,
        }
    }
}

fn update(bytes: impl Into<Bytes>) -> NewUpdate {
    NewUpdate {
        bytes: bytes.into(),
        author: None,
        time_ms: 1_700_000_000_000,
    }
}

fn part(room: &str, id: Option<RoomId>, updates: &[&str]) -> RoomAppend {
    RoomAppend {
        room: room.into(),
        id,
        updates: updates.iter().map(|u| update(u.to_string())).collect(),
    }
}

async fn append(store: &dyn Store, batch: &Batch) -> Receipt {
    store.append(batch).await.expect("the batch is taken")
}

/// Sends the batch until the store is available: another handle may be writing.
async fn append_at_last(store: &dyn Store, batch: &Batch) -> Receipt {
    for _ in 0..100 {
        match store.append(batch).await {
            Ok(receipt) => return receipt,
            Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store did not become available");
}

async fn loaded(store: &dyn Store, room: &str) -> StoredRoom {
    let room = store.load(room).await.expect("the room can be loaded");
    room.expect("the room is there")
}

/// The updates as text, after checking that they are numbered from 1 to the head.
fn texts(room: &StoredRoom) -> Vec<String> {
    let seqs: Vec<u64> = room.updates.iter().map(|u| u.seq).collect();
    assert_eq!(seqs, (1..=room.head).collect::<Vec<u64>>());
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("tests append text");
    room.updates.iter().map(|u| text(&u.bytes)).collect()
}

#[cfg(test)]
mod tests {
    struct Memory(crate::MemoryStore);

    #[async_trait::async_trait]
    impl super::Place for Memory {
        async fn open(&self) -> std::sync::Arc<dyn crate::Store> {
            std::sync::Arc::new(self.0.reopen())
        }
    }

    crate::store_contract!(Memory(crate::MemoryStore::new()));

    #[test]
    fn no_case_is_left_out_of_the_macro() {
        let (_, after) = include_str!("mod.rs").split_once("@cases $place;").unwrap();
        let (list, _) = after.split_once('}').unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        let sources = [
            include_str!("rooms.rs"),
            include_str!("batches.rs"),
            include_str!("contents.rs"),
            include_str!("concurrency.rs"),
        ];
        let written = sources.iter().flat_map(|source| {
            let starts = source.split("\npub async fn ").skip(1);
            starts.map(|rest| rest.split('(').next().unwrap())
        });
        assert_eq!(listed, written.collect::<Vec<_>>());
    }
}
