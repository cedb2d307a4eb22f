//! Rooms in a database file, what can happen to them there, and what the program says of that.

use bytes::Bytes;
use scrible_store::{
    Batch, Builder, Incarnation, NewSnapshot, NewUpdate, RoomAppend, RoomId, SqliteOptions,
    SqliteStore, Store, StoreError, StoredRoom, Trim, execute_raw,
};
use scrible_wire::{Clocks, Limits, merge};
use serde_json::Value;

use crate::client::typed;
use crate::program::{Place, Said};

/// A room of two people: ann (10) and ben (20) write in turn, so row n is ann's where n is odd.
pub fn row(seq: u64) -> Vec<u8> {
    let clock = ((seq - 1) / 2) as u8;
    typed(if seq % 2 == 1 { 10 } else { 20 }, clock)
}

/// Rows one to seq as one update, with its state vector.
pub fn merged(seq: u64) -> (Bytes, Bytes) {
    let rows: Vec<Vec<u8>> = (1..=seq).map(row).collect();
    let data = merge::merge(rows.iter().map(|row| &row[..]), &Limits::default()).unwrap();
    let vector = clocks(&data).state_vector().encode();
    (data.into(), vector.into())
}

pub fn clocks(update: &[u8]) -> Clocks {
    let mut clocks = Clocks::new();
    let taken = clocks.take(update, &Limits::default()).unwrap();
    assert_eq!(taken.early, None);
    clocks
}

pub fn snapshot(room: RoomId, version: u64, seq: u64) -> NewSnapshot {
    let (data, state_vector) = merged(seq);
    NewSnapshot {
        room,
        version,
        seq,
        data,
        state_vector,
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 42,
    }
}

pub async fn open(place: &Place) -> SqliteStore {
    let file = place.database();
    SqliteStore::open(file.to_str().unwrap(), SqliteOptions::default())
        .await
        .unwrap()
}

/// A room with so many rows, and snapshots numbered from 1 that cover so many of them.
pub async fn fill(place: &Place, room: &str, rows: u64, covered: &[u64]) -> RoomId {
    let store = open(place).await;
    let update = |seq| NewUpdate {
        bytes: row(seq).into(),
        author: None,
        time_ms: 42,
    };
    let rooms = vec![RoomAppend {
        room: room.into(),
        id: None,
        updates: (1..=rows).map(update).collect(),
    }];
    let (node, number) = (Incarnation::random(), 1);
    let batch = Batch {
        node,
        number,
        rooms,
    };
    let id = store.append(&batch).await.unwrap().rooms[0].unwrap().id;
    for (version, seq) in (1..).zip(covered) {
        store
            .add_snapshot(&snapshot(id, version, *seq))
            .await
            .unwrap();
    }
    store.close().await;
    id
}

pub async fn trim(place: &Place, room: RoomId, last: u64) {
    let store = open(place).await;
    let (rows, versions) = (1..=last, Vec::new());
    store
        .trim(&Trim {
            room,
            rows,
            versions,
        })
        .await
        .unwrap();
    store.close().await;
}

pub async fn spoil(place: &Place, sql: &str) {
    execute_raw(&place.database(), sql).await;
}

pub async fn load(place: &Place, room: &str) -> Result<StoredRoom, StoreError> {
    let store = open(place).await;
    let room = store.load(room).await;
    store.close().await;
    room.map(Option::unwrap)
}

/// What the room holds: base and rows in order, nothing early.
pub async fn content(place: &Place, room: &str) -> Clocks {
    let stored = load(place, room).await.unwrap();
    let mut clocks = Clocks::new();
    let base = stored.base.into_iter().map(|base| base.data);
    for update in base.chain(stored.updates.into_iter().map(|row| row.bytes)) {
        let taken = clocks.take(&update, &Limits::default()).unwrap();
        assert_eq!(taken.early, None);
    }
    clocks
}

pub fn lines(said: &Said) -> Vec<Value> {
    let lines = said.out.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The lines of one kind.
pub fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

pub fn clean(place: &Place) -> Vec<Value> {
    let said = place.run(&["check", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    lines(&said)
}
