//! What every store owes its callers, one public function a case.
//!
//! Knows the trait and nothing of the store behind it. The rule: a case that only one kind of store could pass does
//! not belong here.
//!
//! A store's own tests call [`store_contract!`](crate::store_contract) with an expression that makes a fresh, empty
//! [`Place`]; it makes one test of each case.

mod assets;
mod batches;
mod concurrency;
mod contents;
mod damage;
mod dead_letters;
mod directory;
mod exports;
mod leases;
mod records;
mod rooms;
mod since;
mod snapshots;
mod trimming;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::assets::*;
pub use self::batches::*;
pub use self::concurrency::*;
pub use self::contents::*;
pub use self::damage::*;
pub use self::dead_letters::*;
pub use self::directory::*;
pub use self::exports::*;
pub use self::leases::*;
pub use self::records::*;
pub use self::rooms::*;
pub use self::since::*;
pub use self::snapshots::*;
pub use self::trimming::*;
use crate::{
    Batch, Builder, Incarnation, NewSnapshot, NewUpdate, RoomAppend, RoomId, RoomReceipt,
    SnapshotDamage, Store, StoreError, StoredRoom,
};

/// Where a store keeps what it keeps; empty at first.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens a store there. Several may be open at once, as by two nodes or before and after a restart.
    async fn open(&self) -> Arc<dyn Store>;

    /// How many rows are stored there of each kind, past every store.
    async fn rows(&self) -> BTreeMap<String, u64>;

    /// Damages what is stored there, past every store.
    async fn damage(&self, damage: Damage);
}

/// What can become of what is stored, through no fault of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Of a snapshot.
    Snapshot {
        /// The name.
        room: String,
        /// Which.
        version: u64,
        /// What happens to it.
        kind: SnapshotDamage,
    },
    /// Other bytes stand in a row.
    Row {
        /// The name.
        room: String,
        /// Which.
        seq: u64,
    },
    /// A row is not there any more.
    RowGone {
        /// The name.
        room: String,
        /// Which.
        seq: u64,
    },
}

/// Makes a test of each case of the contract, each with a fresh place from the expression. After `list`, an array of names and
/// futures instead, for a harness of the caller's own.
///
/// The caller's crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($place:expr) => {
        $crate::store_contract! { @each tests $place }
    };
    (list $place:expr) => {
        $crate::store_contract! { @each list $place }
    };
    (@each $what:ident $place:expr) => {
        $crate::store_contract! { @$what $place;
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
            a_room_loads_from_its_newest_snapshot
            a_snapshot_may_cover_nothing_or_everything
            loading_below_a_version_passes_over_it_and_newer_ones
            snapshots_are_told_newest_first
            a_snapshot_comes_back_byte_for_byte
            a_snapshot_that_does_not_fit_in_is_a_conflict
            what_no_database_takes_is_invalid_in_a_snapshot
            a_snapshot_can_become_a_version_later
            a_version_can_be_taken_back
            rooms_have_snapshots_of_their_own
            what_is_trimmed_is_gone_and_nothing_else
            a_trim_that_would_leave_too_little_is_a_conflict
            thousands_of_rows_are_trimmed
            appending_goes_on_after_trimming
            a_load_sees_whole_rooms_while_they_are_compacted
            a_damaged_newest_snapshot_falls_back_without_loss
            an_older_base_without_its_rows_is_corrupt
            a_damaged_row_is_corrupt_and_named
            a_damaged_snapshot_stands_in_nobodys_way
            a_damaged_snapshot_does_not_cover_what_is_trimmed
            heads_are_told_of_rooms_that_exist
            heads_of_a_thousand_rooms_are_told
            what_is_new_is_what_stands_behind_a_number
            what_is_new_comes_in_parts_of_about_so_many_bytes
            what_is_new_may_be_thousands_of_rows
            what_is_new_and_was_trimmed_comes_as_a_snapshot
            what_is_new_passes_over_damaged_snapshots
            damaged_rows_are_nothing_new
            what_is_new_has_no_hole_while_a_room_is_compacted
            a_lease_has_one_holder_until_it_is_given_back
            a_lease_is_for_one_task_of_one_room
            a_lease_that_ran_out_can_be_taken
            a_lease_of_no_room_or_for_too_long_is_refused
            dead_letters_come_back_as_they_were
            a_room_has_a_hundred_dead_letters_at_most
            there_are_a_thousand_dead_letters_at_most
            dead_letters_have_sixteen_megabytes_at_most
            what_no_database_takes_is_invalid_in_a_dead_letter
            what_a_dead_node_was_opening_has_a_death_on_its_record
            a_room_that_died_alone_three_times_is_set_aside
            a_node_that_lives_or_ends_in_order_leaves_no_death
            what_lived_is_clean_and_what_was_not_read_is_as_before
            a_room_is_set_aside_and_its_record_cleared
            a_room_is_made_once
            a_room_that_was_drawn_in_is_nobodys
            a_key_makes_a_repeated_request_harmless
            one_key_makes_one_room
            a_key_is_one_requests_until_it_is_known_what_became_of_it
            what_is_changed_of_a_room_is_there_and_nothing_else
            a_room_is_deleted_and_comes_back
            what_a_room_takes_is_told
            what_no_database_takes_is_invalid_in_the_directory
            rooms_are_listed_by_the_bytes_of_their_names
            rooms_are_searched_letter_by_letter
            rooms_are_listed_for_whom_they_are_visible
            invites_come_back_newest_first_and_are_revoked_once
            an_invite_gets_another_secret
            a_dead_invite_leads_nowhere
            fifty_who_use_an_invite_at_once_are_counted
            one_person_takes_one_use_of_an_invite
            an_earlier_grant_that_is_alive_and_no_less_is_given_again
            what_was_revoked_gets_another_epoch_and_loses_its_link
            a_password_leads_in_as_long_as_it_is_the_same
            grants_are_listed_and_revoked_by_room
            facts_are_those_of_one_person_and_one_room
            who_is_blocked_is_told_until_then
            a_thousand_are_kept_out_of_a_room_at_most
            stays_are_noted_at_beginning_and_end
            a_room_has_a_thousand_stays_at_most
            a_purged_room_leaves_nothing
            a_purged_name_is_free_for_another_room
            others_are_written_while_a_large_room_is_purged
            a_room_is_purged_again_and_again_while_it_is_written
            an_export_is_added_once_and_comes_back_as_it_was
            a_room_has_no_more_exports_waiting_than_it_may
            no_more_exports_are_kept_than_may
            exports_are_listed_newest_first_by_room
            what_no_store_takes_is_invalid_in_an_export
            fifty_claimers_take_two_hundred_exports_once_each
            exports_are_claimed_in_the_order_in_which_they_fell_due
            a_claim_that_ended_gives_an_export_to_another
            an_export_whose_workers_die_has_failed
            exports_of_a_deleted_room_wait_until_it_is_back
            an_export_is_completed_once
            what_may_go_well_another_time_is_tried_again
            what_is_given_back_has_not_counted
            a_cancelled_export_is_nobodys
            exports_are_counted_where_they_are
            a_deleted_export_leaves_its_objects
            exports_expire_in_their_order
            a_purged_room_leaves_its_objects
            the_bell_rings_for_what_became_of_an_export
            an_asset_is_noted_once_by_its_name
            names_of_assets_differ_by_every_byte
            a_rooms_assets_take_no_more_than_they_may
            assets_are_listed_newest_first_by_room
            what_no_store_takes_is_invalid_in_an_asset
        }
    };
    (@list $place:expr; $($case:ident)*) => {
        [$((
            stringify!($case),
            Box::pin(async {
                let place = $place;
                $crate::contract::$case(&place).await;
            }) as $crate::contract::Case,
        )),*]
    };
    (@tests $place:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = $place;
                $crate::contract::$case(&place).await;
            }
        )*
    };
}

/// One case on a place of its own.
pub type Case = Pin<Box<dyn Future<Output = ()> + Send>>;

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

/// A receipt that leaves nothing out.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    rooms: Vec<RoomReceipt>,
}

/// Where nobody else writes.
async fn append(store: &dyn Store, batch: &Batch) -> Whole {
    let receipt = store.append(batch).await.expect("the batch is taken");
    let rooms = receipt.rooms.into_iter().collect::<Option<Vec<_>>>();
    let rooms = rooms.expect("nobody else holds a room");
    Whole { rooms }
}

/// Sends the batch until the store is available, and what another writer held once more.
async fn append_at_last(store: &dyn Store, node: &mut Node, rooms: Vec<RoomAppend>) -> Whole {
    let mut told = vec![None; rooms.len()];
    while told.contains(&None) {
        let left: Vec<usize> = (0..told.len()).filter(|&nth| told[nth].is_none()).collect();
        let batch = node.batch(left.iter().map(|&nth| rooms[nth].clone()).collect());
        let receipt = until_available(|| store.append(&batch)).await;
        for (nth, got) in left.into_iter().zip(receipt.rooms) {
            told[nth] = got;
        }
    }
    let rooms = told.into_iter().flatten().collect();
    Whole { rooms }
}

/// Sends this very batch until the store has an answer.
async fn settle(store: &dyn Store, batch: &Batch) -> Whole {
    let receipt = until_available(|| store.append(batch)).await;
    let rooms = receipt.rooms.into_iter().collect::<Option<Vec<_>>>();
    let rooms = rooms.expect("nobody else holds a room");
    Whole { rooms }
}

/// Tries until the store is available.
async fn until_available<T, F>(mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..100 {
        match attempt().await {
            Ok(done) => return done,
            Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store did not become available");
}

/// A room with so many rows, each with its own number as text.
async fn doc(store: &dyn Store, room: &str, rows: u64) -> RoomId {
    let texts: Vec<String> = (1..=rows).map(|seq| seq.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batch = Node::new().batch(vec![part(room, None, &texts)]);
    append(store, &batch).await.rooms[0].id
}

/// A snapshot of such a room: its data is the text `1-seq`.
fn snapshot_of(room: RoomId, version: u64, seq: u64) -> NewSnapshot {
    NewSnapshot {
        room,
        version,
        seq,
        data: format!("1-{seq}").into(),
        state_vector: format!("vector {seq}").into(),
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 1_700_000_000_000,
    }
}

/// The base and the updates as text, after checking that they are the right ones up to the head.
fn contents(room: &StoredRoom) -> Vec<String> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("tests store text");
    let mut contents = Vec::new();
    let mut next = 1;
    if let Some(base) = &room.base {
        let seq = base.info.seq;
        assert_eq!(text(&base.data), format!("1-{seq}"));
        assert_eq!(text(&base.state_vector), format!("vector {seq}"));
        contents.push(text(&base.data));
        next = seq + 1;
    }
    for update in &room.updates {
        assert_eq!((update.seq, text(&update.bytes)), (next, next.to_string()));
        contents.push(text(&update.bytes));
        next += 1;
    }
    assert_eq!(next, room.head + 1);
    contents
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

/// Bytes without pattern, the same at every run.
fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let words = (0..len.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    struct Memory(crate::MemoryStore);

    #[async_trait::async_trait]
    impl super::Place for Memory {
        async fn open(&self) -> std::sync::Arc<dyn crate::Store> {
            std::sync::Arc::new(self.0.reopen())
        }

        async fn rows(&self) -> super::BTreeMap<String, u64> {
            self.0.count_rows()
        }

        async fn damage(&self, damage: super::Damage) {
            use super::Damage;
            match damage {
                Damage::Snapshot {
                    room,
                    version,
                    kind,
                } => {
                    self.0.damage_snapshot(&room, version, kind);
                }
                Damage::Row { room, seq } => self.0.damage_row(&room, seq),
                Damage::RowGone { room, seq } => self.0.remove_row(&room, seq),
            }
        }
    }

    crate::store_contract!(Memory(crate::MemoryStore::new()));

    #[test]
    fn no_case_is_left_out_of_the_macro() {
        let (_, after) = include_str!("mod.rs").split_once("@$what $place;").unwrap();
        let (list, _) = after.split_once('}').unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        let sources = [
            include_str!("rooms.rs"),
            include_str!("batches.rs"),
            include_str!("contents.rs"),
            include_str!("concurrency.rs"),
            include_str!("snapshots.rs"),
            include_str!("trimming.rs"),
            include_str!("damage.rs"),
            include_str!("since.rs"),
            include_str!("leases.rs"),
            include_str!("dead_letters.rs"),
            include_str!("records.rs"),
            include_str!("directory/rooms.rs"),
            include_str!("directory/listing.rs"),
            include_str!("directory/invites.rs"),
            include_str!("directory/grants.rs"),
            include_str!("directory/facts.rs"),
            include_str!("directory/stays.rs"),
            include_str!("directory/purging.rs"),
            include_str!("exports/adding.rs"),
            include_str!("exports/claiming.rs"),
            include_str!("exports/ending.rs"),
            include_str!("exports/leaving.rs"),
            include_str!("exports/bell.rs"),
            include_str!("assets.rs"),
        ];
        let written = sources.iter().flat_map(|source| {
            let starts = source.split("\npub async fn ").skip(1);
            starts.map(|rest| rest.split('(').next().unwrap())
        });
        assert_eq!(listed, written.collect::<Vec<_>>());
    }
}
