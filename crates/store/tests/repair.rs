//! Mending of SQLite files: what goes is set aside, the room loads, or nothing happened.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use scrible_store::{
    Batch, Builder, Incarnation, Inspection, MendedRow, Mending, NewSnapshot, NewUpdate, Repair,
    RoomAppend, RoomId, SetAside, SqliteOptions, SqliteStore, Store, StoreError, StoredRoom,
    execute_raw,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

const ROOM: RoomId = RoomId(1);

struct Folder(TempDir);

impl Folder {
    /// With a database: five rows in "room", snapshots of two and four of them.
    async fn filled() -> Self {
        let folder = Self(TempDir::new().unwrap());
        let store = folder.store().await;
        let update = |seq: u64| NewUpdate {
            bytes: seq.to_string().into(),
            author: Some("ann".into()),
            time_ms: 42,
        };
        let rooms = vec![RoomAppend {
            room: "room".into(),
            id: None,
            updates: (1..=5).map(update).collect(),
        }];
        let (node, number) = (Incarnation::random(), 1);
        let batch = Batch {
            node,
            number,
            rooms,
        };
        assert_eq!(
            store.append(&batch).await.unwrap().rooms[0].unwrap().id,
            ROOM
        );
        store.add_snapshot(&snapshot(1, 2)).await.unwrap();
        store.add_snapshot(&snapshot(2, 4)).await.unwrap();
        store.close().await;
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("rooms.db")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(text(&self.file()), SqliteOptions::default())
            .await
            .unwrap()
    }

    async fn repair(&self) -> Repair {
        Repair::open(text(&self.file())).await.unwrap()
    }

    async fn load(&self) -> Result<StoredRoom, StoreError> {
        let store = self.store().await;
        let room = store.load("room").await;
        store.close().await;
        room.map(Option::unwrap)
    }

    /// What is set aside: kind, number, reason, about, bytes.
    async fn set_aside(&self) -> Vec<(String, i64, String, String, Vec<u8>)> {
        let url = format!("sqlite:{}", self.file().display());
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        let found = sqlx::query_as(
            "SELECT kind, number, reason, about, bytes FROM room_damaged ORDER BY id",
        )
        .fetch_all(&mut conn)
        .await;
        conn.close().await.unwrap();
        found.unwrap()
    }
}

fn text(file: &Path) -> &str {
    file.to_str().unwrap()
}

fn snapshot(version: u64, seq: u64) -> NewSnapshot {
    NewSnapshot {
        room: ROOM,
        version,
        seq,
        data: format!("1-{seq}").into(),
        state_vector: Bytes::from_static(b"\x01\x02"),
        listed: true,
        builder: Builder::Doc,
        note: None,
        label: Some("before the \"talk\"".into()),
        author: None,
        time_ms: 42,
    }
}

fn nothing() -> Mending {
    Mending {
        room: ROOM,
        head: None,
        snapshots: Vec::new(),
        rows: Vec::new(),
        covered: 0,
        base: None,
    }
}

fn row(seq: u64, bytes: Option<&'static [u8]>) -> MendedRow {
    MendedRow {
        seq,
        reason: format!("row {seq} is wrong"),
        bytes: bytes.map(Bytes::from_static),
    }
}

#[tokio::test]
async fn b9_what_is_mended_loads_and_what_went_is_set_aside_with_all_that_stood_there() {
    let folder = Folder::filled().await;
    execute_raw(
        &folder.file(),
        "UPDATE room_snapshots SET data = x'00' WHERE version = 2; \
         UPDATE room_updates SET bytes = x'ff00' WHERE seq = 3; DELETE FROM room_updates WHERE seq = 4; \
         DELETE FROM room_heads",
    )
    .await;
    folder.load().await.unwrap_err();
    let mut repair = folder.repair().await;
    let mending = Mending {
        head: Some(5),
        snapshots: vec![SetAside {
            version: 2,
            reason: "it is wrong".to_owned(),
        }],
        rows: vec![row(3, Some(b"three")), row(4, Some(b""))],
        base: Some(snapshot(3, 5)),
        ..nothing()
    };
    repair.mend(&mending).await.unwrap();
    repair.close().await;

    let room = folder.load().await.unwrap();
    assert_eq!((room.head, room.base.unwrap().info.version), (5, 3));
    let store = folder.store().await;
    let older = store.load_below("room", 3).await.unwrap().unwrap();
    let rows: Vec<_> = older.updates.iter().map(|row| &row.bytes[..]).collect();
    assert_eq!(rows, [&b"three"[..], b"", b"5"]);
    assert_eq!(
        store
            .snapshots("room")
            .await
            .unwrap()
            .unwrap()
            .next_version(),
        4
    );
    store.close().await;

    let aside = folder.set_aside().await;
    let told: Vec<_> = aside
        .iter()
        .map(|a| (&*a.0, a.1, &*a.2, &a.4[..]))
        .collect();
    assert_eq!(
        told,
        [
            ("snapshot", 2, "it is wrong", &b"\0"[..]),
            ("row", 3, "row 3 is wrong", b"\xff\0"),
        ]
    );
    for (about, expected) in [
        (
            &aside[0].3,
            &[
                "\"seq\":4",
                "\"label\":\"before the \\\"talk\\\"\"",
                "\"0102\"",
            ][..],
        ),
        (&aside[1].3, &["\"author\":\"ann\"", "\"time_ms\":42"]),
    ] {
        assert!(expected.iter().all(|part| about.contains(part)), "{about}");
    }
    let mut inspection = Inspection::open(text(&folder.file())).await.unwrap();
    assert_eq!(inspection.next_room().await.unwrap().unwrap().set_aside, 2);
}

#[tokio::test]
async fn b9_a_mending_after_which_the_room_would_not_load_changes_nothing() {
    let folder = Folder::filled().await;
    let before = folder.load().await.unwrap();
    let aside = |version| SetAside {
        version,
        reason: String::new(),
    };
    for mending in [
        Mending {
            rows: vec![row(5, None)],
            ..nothing()
        },
        Mending {
            head: Some(9),
            ..nothing()
        },
        Mending {
            covered: 5,
            ..nothing()
        },
        Mending {
            snapshots: vec![aside(2)],
            ..nothing()
        },
        Mending {
            base: Some(snapshot(4, 5)),
            ..nothing()
        },
        Mending {
            base: Some(snapshot(2, 5)),
            ..nothing()
        },
        Mending {
            base: Some(snapshot(3, 6)),
            ..nothing()
        },
        Mending {
            room: RoomId(7),
            ..nothing()
        },
    ] {
        let mut repair = folder.repair().await;
        repair.mend(&mending).await.unwrap_err();
        repair.close().await;
        assert_eq!(folder.load().await.unwrap(), before, "{mending:?}");
        assert_eq!(folder.set_aside().await, []);
    }
}

#[tokio::test]
async fn b9_repair_has_the_database_for_itself() {
    let folder = Folder::filled().await;
    let store = folder.store().await;
    let refused = Repair::open(text(&folder.file())).await.map(drop);
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 5);
    store.close().await;
    let reader = Inspection::open(text(&folder.file())).await.unwrap();
    assert!(Repair::open(text(&folder.file())).await.is_err());
    reader.close().await;

    let mut repair = folder.repair().await;
    assert!(Inspection::open(text(&folder.file())).await.is_err());
    for _ in 0..2 {
        let opened = SqliteStore::open(text(&folder.file()), SqliteOptions::default()).await;
        let error = opened.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        // Also between two rooms.
        repair.mend(&nothing()).await.unwrap();
        assert!(repair.inspection().next_room().await.is_ok());
    }
    repair.close().await;
    assert_eq!(folder.load().await.unwrap().head, 5);
}

#[tokio::test]
async fn b9_what_is_no_database_of_ours_is_not_repaired() {
    let temp = TempDir::new().unwrap();
    let file = temp.path().join("rooms.db");
    let error = Repair::open(text(&file)).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("no database at"), "{error}");
    assert!(!file.exists());
    let letter = "a letter to my aunt".repeat(100);
    std::fs::write(&file, &letter).unwrap();
    let error = Repair::open(text(&file)).await.map(drop).unwrap_err();
    assert!(
        error.to_string().contains("not a SQLite database"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), letter);
}
