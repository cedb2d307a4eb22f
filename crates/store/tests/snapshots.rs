//! Snapshots in SQLite files: files of earlier versions, damaged pages, and what stands in the tables.
//!
//! What every store owes is in the contract suite. The rule: a room that was stored is whole or refused, never empty.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use scrible_store::{
    AS_OF_THE_FIRST_MIGRATION, Batch, Builder, Incarnation, NewSnapshot, NewUpdate, RoomAppend,
    RoomId, SqliteOptions, SqliteStore, Store, StoreError, Trim, execute_raw,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("rooms.db")
    }

    async fn store(&self) -> SqliteStore {
        let file = self.file();
        SqliteStore::open(file.to_str().unwrap(), SqliteOptions::default())
            .await
            .unwrap()
    }

    /// One number out of the file.
    async fn number(&self, sql: &'static str) -> i64 {
        let url = format!("sqlite:{}", self.file().display());
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        let number = sqlx::query_scalar(sql).fetch_one(&mut conn).await;
        conn.close().await.unwrap();
        number.unwrap()
    }
}

async fn append(store: &SqliteStore, room: &str, updates: Vec<Bytes>) -> RoomId {
    let update = |bytes| NewUpdate {
        bytes,
        author: None,
        time_ms: 42,
    };
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: vec![RoomAppend {
            room: room.into(),
            id: None,
            updates: updates.into_iter().map(update).collect(),
        }],
    };
    store.append(&batch).await.unwrap().rooms[0].unwrap().id
}

fn snapshot(room: RoomId, version: u64, seq: u64, data: Bytes) -> NewSnapshot {
    NewSnapshot {
        room,
        version,
        seq,
        data,
        state_vector: Bytes::from_static(b"vector"),
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 42,
    }
}

fn texts(n: u64) -> Vec<Bytes> {
    (1..=n).map(|n| n.to_string().into()).collect()
}

#[tokio::test]
async fn a_file_of_the_first_version_is_migrated_and_loads() {
    let folder = Folder::new();
    let store = folder.store().await;
    let id = append(&store, "room", texts(5)).await;
    store.close().await;
    execute_raw(&folder.file(), AS_OF_THE_FIRST_MIGRATION).await;

    let store = folder.store().await;
    assert_eq!(
        store.migrations_run(),
        [
            "0002 snapshots",
            "0003 dead letters",
            "0004 room records",
            "0005 access",
            "0006 exports",
            "0007 sizes and keys"
        ]
    );
    assert_eq!(append(&store, "room", texts(2)).await, id);
    let room = store.load("room").await.unwrap().unwrap();
    assert_eq!((room.head, room.updates.len(), room.base), (7, 7, None));
    let none = "SELECT count(*) FROM room_updates WHERE checksum IS NULL";
    assert_eq!(
        folder.number(none).await,
        5,
        "new rows have one, old ones none"
    );
    for version in [1, 2] {
        let new = snapshot(id, version, 6, Bytes::from_static(b"base"));
        store.add_snapshot(&new).await.unwrap();
    }
    let (room, rows, versions) = (id, 1..=6, Vec::new());
    let trimmed = store
        .trim(&Trim {
            room,
            rows,
            versions,
        })
        .await
        .unwrap();
    assert_eq!(trimmed.rows, 6);
    let room = store.load("room").await.unwrap().unwrap();
    assert_eq!(
        (room.base.unwrap().info.version, room.updates.len()),
        (2, 1)
    );
}

/// A page in the middle of the newest snapshot's data becomes noise.
fn spoil_page(file: &Path, marker: u8, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let pages = bytes.chunks_exact_mut(4096);
    let mut of_it = pages.filter(|page| page[8..].iter().all(|byte| *byte == marker));
    of_it
        .nth(at)
        .expect("the data has so many pages")
        .fill(0xa5);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_page_of_a_snapshot_costs_that_snapshot_only() {
    let folder = Folder::new();
    let store = folder.store().await;
    let id = append(&store, "room", texts(6)).await;
    for (version, marker) in [(1, b'a'), (2, b'b'), (3, b'c')] {
        let data = Bytes::from(vec![marker; 300_000]);
        let new = snapshot(id, version, 2 * version, data);
        store.add_snapshot(&new).await.unwrap();
    }
    store.close().await;
    spoil_page(&folder.file(), b'c', 30);
    let store = folder.store().await;
    // Again and again: the connections stay usable.
    for _ in 0..9 {
        store.load("room").await.unwrap();
    }
    let room = store.load("room").await.unwrap().unwrap();
    let base = room.base.unwrap();
    assert_eq!(
        (base.info.version, base.data[0], room.updates.len()),
        (2, b'b', 2)
    );
    assert_eq!(
        (room.passed_over.len(), room.passed_over[0].version),
        (1, 3)
    );
    let error = store.snapshot("room", 3).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    // Without its bytes it can be told, and the next one takes its place.
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.snapshots.len(), all.next_version()), (3, 4));
    let new = snapshot(id, 4, 6, Bytes::from_static(b"base"));
    store.add_snapshot(&new).await.unwrap();
    let room = store.load("room").await.unwrap().unwrap();
    assert_eq!(
        (room.base.unwrap().info.version, room.updates.len()),
        (4, 0)
    );
}

#[tokio::test]
async fn what_makes_no_sense_in_a_snapshot_is_passed_over() {
    for damage in [
        "seq = 9223372036854775807",
        "size = 0",
        "checksum = checksum + 1",
        "data = x''",
    ] {
        let folder = Folder::new();
        let store = folder.store().await;
        let id = append(&store, "room", texts(3)).await;
        let data = Bytes::from_static(b"base");
        store.add_snapshot(&snapshot(id, 1, 2, data)).await.unwrap();
        let sql = format!("UPDATE room_snapshots SET {damage}");
        execute_raw(&folder.file(), &sql).await;
        let room = store.load("room").await.unwrap().unwrap();
        assert_eq!((room.base, room.updates.len()), (None, 3), "{damage}");
        assert_eq!(room.passed_over.len(), 1, "{damage}");
    }
}

#[tokio::test]
async fn a_room_whose_head_fell_behind_its_snapshots_is_refused_and_not_empty() {
    for damage in [
        "UPDATE room_heads SET head = 0; DELETE FROM room_updates",
        "UPDATE room_heads SET head = 0; DELETE FROM room_updates; UPDATE room_snapshots SET size = 0",
        "UPDATE room_heads SET head = 1",
        "DELETE FROM room_heads",
    ] {
        let folder = Folder::new();
        let store = folder.store().await;
        let id = append(&store, "room", texts(3)).await;
        for version in [1, 2] {
            let new = snapshot(id, version, 3, Bytes::from_static(b"base"));
            store.add_snapshot(&new).await.unwrap();
        }
        execute_raw(&folder.file(), damage).await;
        match store.load("room").await {
            Err(StoreError::Corrupt { room, .. }) => assert_eq!(room, "room"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_label_that_is_no_text_any_more_costs_no_doc() {
    let folder = Folder::new();
    let store = folder.store().await;
    let id = append(&store, "room", texts(3)).await;
    let data = Bytes::from_static(b"base");
    store.add_snapshot(&snapshot(id, 1, 3, data)).await.unwrap();
    execute_raw(
        &folder.file(),
        "UPDATE room_snapshots SET label = CAST(x'41ff' AS TEXT)",
    )
    .await;
    let base = store.load("room").await.unwrap().unwrap().base.unwrap();
    assert_eq!(base.info.label.as_deref(), Some("A\u{fffd}"));
}

#[tokio::test]
async fn what_is_told_of_snapshots_is_read_without_their_bytes() {
    let folder = Folder::new();
    let store = folder.store().await;
    let id = append(&store, "room", texts(1)).await;
    for version in 1..=3 {
        let data = Bytes::from(vec![b'a' + version as u8; 300_000]);
        store
            .add_snapshot(&snapshot(id, version, 1, data))
            .await
            .unwrap();
    }
    store.close().await;
    for marker in [b'b', b'c', b'd'] {
        spoil_page(&folder.file(), marker, 3);
    }
    let store = folder.store().await;
    let all = store.snapshots("room").await.unwrap().unwrap();
    assert_eq!((all.snapshots.len(), all.unreadable.len()), (3, 0));
    let room = store.load("room").await.unwrap().unwrap();
    assert_eq!((room.base, room.updates.len()), (None, 1));
}
