//! Looking through a database file room by room: everything is told, damage included, as of one moment.

use std::path::{Path, PathBuf};

use scrible_store::{
    Batch, Builder, Incarnation, InspectedRow, Inspection, NewSnapshot, NewUpdate, RoomAppend,
    RoomId, SqliteOptions, SqliteStore, Store, Trim, execute_raw,
};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("rooms.db")
    }
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(text(file), SqliteOptions::default())
        .await
        .unwrap()
}

fn text(file: &Path) -> &str {
    file.to_str().unwrap()
}

async fn append(store: &SqliteStore, room: &str, updates: &[&str]) {
    let update = |text: &&str| NewUpdate {
        bytes: text.to_string().into(),
        author: None,
        time_ms: 42,
    };
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: vec![RoomAppend {
            room: room.into(),
            id: None,
            updates: updates.iter().map(update).collect(),
        }],
    };
    store.append(&batch).await.unwrap();
}

fn snapshot(version: u64, seq: u64) -> NewSnapshot {
    NewSnapshot {
        room: RoomId(1),
        version,
        seq,
        data: "data".into(),
        state_vector: "vector".into(),
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 42,
    }
}

async fn all_rows(inspection: &mut Inspection) -> Vec<InspectedRow> {
    let mut all = Vec::new();
    loop {
        let rows = inspection.next_rows().await.unwrap();
        if rows.is_empty() {
            return all;
        }
        all.extend(rows);
    }
}

#[tokio::test]
async fn b7_inspection_tells_each_row_and_snapshot_and_what_is_wrong_with_it() {
    let folder = Folder::new();
    let database = folder.file();
    let store = open(&database).await;
    append(&store, "room", &["1", "2", "3", "4", "5"]).await;
    append(&store, "sound", &["1"]).await;
    for version in 1..=3 {
        store
            .add_snapshot(&snapshot(version, version + 1))
            .await
            .unwrap();
    }
    store.close().await;
    execute_raw(
        &database,
        "DELETE FROM room_updates WHERE room = 1 AND seq = 3; \
         UPDATE room_updates SET bytes = x'00' WHERE room = 1 AND seq = 4; \
         UPDATE room_snapshots SET data = x'00' WHERE version = 2; \
         DELETE FROM room_heads WHERE room = 2",
    )
    .await;
    let mut inspection = Inspection::open(text(&database)).await.unwrap();
    assert_eq!(inspection.integrity().await.unwrap(), [""; 0]);
    assert_eq!(inspection.strays().await.unwrap(), [""; 0]);
    for again in [false, true] {
        let room = match again {
            false => inspection.next_room().await,
            true => inspection.again().await,
        };
        let room = room.unwrap().unwrap();
        assert_eq!((&*room.name, &room.head), ("room", &Ok(5)));
        assert_eq!(
            (room.rows, &room.versions),
            (Some((1, 5)), &Ok(vec![3, 2, 1]))
        );
        let mut versions = Vec::new();
        while let Some((version, found)) = inspection.next_snapshot().await.unwrap() {
            versions.push((version, found.is_ok()));
        }
        assert_eq!(versions, [(3, true), (2, false), (1, true)]);
        let rows = all_rows(&mut inspection).await;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.seq, row.found.is_ok()))
            .collect();
        assert_eq!(rows, [(1, true), (2, true), (4, false), (5, true)]);
    }
    let room = inspection.next_room().await.unwrap().unwrap();
    assert_eq!(room.head.unwrap_err(), "its head is missing");
    assert_eq!((&*room.name, room.versions), ("sound", Ok(vec![])));
    assert_eq!(all_rows(&mut inspection).await.len(), 1);
    assert_eq!(inspection.next_room().await.unwrap(), None);
    inspection.close().await;
}

#[tokio::test]
async fn b7_inspection_reads_a_room_as_of_one_moment() {
    let folder = Folder::new();
    let database = folder.file();
    let store = open(&database).await;
    let large = "x".repeat(400_000);
    append(&store, "room", &[&*large; 9]).await;
    let mut inspection = Inspection::open(text(&database)).await.unwrap();
    inspection.next_room().await.unwrap().unwrap();
    let first = inspection.next_rows().await.unwrap();
    assert!((1..9).contains(&first.len()), "a few at a time");
    append(&store, "room", &["10"]).await;
    for version in [1, 2] {
        store.add_snapshot(&snapshot(version, 10)).await.unwrap();
    }
    let (room, rows, versions) = (RoomId(1), 1..=10, Vec::new());
    store
        .trim(&Trim {
            room,
            rows,
            versions,
        })
        .await
        .unwrap();
    assert_eq!(first.len() + all_rows(&mut inspection).await.len(), 9);
    assert_eq!(inspection.again().await.unwrap().unwrap().rows, None);
}

#[tokio::test]
async fn b7_inspection_goes_as_far_as_broken_pages_let_it() {
    let folder = Folder::new();
    let database = folder.file();
    let store = open(&database).await;
    let large = "x".repeat(500);
    append(&store, "room", &vec![&*large; 2000]).await;
    store.close().await;
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40960].fill(0xa5);
    std::fs::write(&database, bytes).unwrap();
    let mut inspection = Inspection::open(text(&database)).await.unwrap();
    assert!(!inspection.integrity().await.unwrap().is_empty());
    let room = inspection.next_room().await.unwrap().unwrap();
    assert_eq!((&*room.name, &room.head), ("room", &Ok(2000)));
    let rows = all_rows(&mut inspection).await;
    let damaged = rows.iter().position(|row| row.found.is_err()).unwrap();
    assert!(
        (1..2000).contains(&damaged),
        "those before it are sound: {damaged}"
    );
    assert!(
        rows.last().unwrap().found.is_err(),
        "the list ends where it cannot be read"
    );
}
