//! The directory in a SQLite file: what tools make of it, and what an interrupted purge leaves.
//!
//! The rule: at whatever moment a file is copied, the copy adds up.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use scrible_store::{
    AssetAdded, Assets, Batch, Builder, Claim, DamagedRooms, Directory, Existing, ExportAdded,
    ExportId, ExportLimits, Exports, FactsQuery, Granted, Incarnation, NewAsset, NewExport,
    NewGrant, NewInvite, NewSnapshot, NewUpdate, Role, RoomAppend, SqliteOptions, SqliteStore,
    Stay, Store, WorkerId, back_up, restore,
};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

const NOW: i64 = 1_700_000_000_000;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn open(file: &Path) -> SqliteStore {
    let store = SqliteStore::open(text(file), SqliteOptions::default());
    store.await.unwrap()
}

/// A room with rows, snapshots that cover some of them, and somebody who may come in.
async fn filled(store: &SqliteStore, room: &str, rows: usize) {
    let update = NewUpdate {
        bytes: vec![7; 900].into(),
        author: None,
        time_ms: NOW,
    };
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: vec![RoomAppend {
            room: room.into(),
            id: None,
            updates: vec![update; rows],
        }],
    };
    let id = store.append(&batch).await.unwrap().rooms[0].unwrap().id;
    for version in 1..=3 {
        let snapshot = NewSnapshot {
            room: id,
            version,
            seq: rows as u64 / 4 * version,
            data: "data".into(),
            state_vector: "vector".into(),
            listed: true,
            builder: Builder::Doc,
            note: None,
            label: None,
            author: None,
            time_ms: NOW,
        };
        store.add_snapshot(&snapshot).await.unwrap();
    }
    let invite = NewInvite {
        secret: [1; 32],
        role: Role::Editor,
        label: None,
        created_by: None,
        created_ms: NOW,
        expires_ms: None,
        max_uses: None,
    };
    store.add_invite(room, &invite).await.unwrap();
    let new = NewGrant {
        session: [2; 32],
        name: None,
        time_ms: NOW,
        expires_ms: NOW + 1,
    };
    let granted = store.grant_by_invite(room, &[1; 32], &new).await.unwrap();
    assert!(matches!(granted, Granted::Yes(_)));
    let stay = Stay {
        room: room.into(),
        session: 1,
        identity: None,
        name: None,
        role: Role::Editor,
        client: None,
        joined_ms: NOW,
        left_ms: None,
    };
    store.note_stays(&[stay]).await.unwrap();
    for number in 1..=250 {
        let new = NewExport {
            id: ExportId(number),
            order: (*b"order").into(),
            at_least: 1,
            version: None,
            ordered_by: None,
            time_ms: NOW,
            expires_ms: NOW + 1,
        };
        let added = store
            .add_export(room, &new, &ExportLimits::waiting(1_000))
            .await
            .unwrap();
        assert!(matches!(added, ExportAdded::Yes(_)), "{added:?}");
    }
    let file = NewAsset {
        name: "a.png".into(),
        content: [1; 32],
        content_type: "image/png".into(),
        size: 7,
        created_by: None,
        time_ms: NOW,
    };
    let id = store.room(room).await.unwrap().unwrap().id;
    let added = store.add_asset(id, &file, 9).await.unwrap();
    assert!(matches!(added, AssetAdded::New(_)), "{added:?}");
}

async fn is_sound(file: &Path, copy: &Path) -> bool {
    let tally = back_up(text(file), copy, Existing::Replace).await;
    tally.unwrap().is_sound()
}

async fn count(file: &Path, sql: &'static str) -> i64 {
    let mut conn = SqliteConnection::connect(text(file)).await.unwrap();
    let count = sqlx::query_scalar(sql).fetch_one(&mut conn).await;
    conn.close().await.unwrap();
    count.unwrap()
}

#[tokio::test]
async fn who_may_come_in_and_what_is_to_be_drawn_is_in_a_backup_and_comes_back_with_it() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let (database, copy) = (file("rooms.db"), file("copy.db"));
    let store = open(&database).await;
    filled(&store, "room", 4).await;
    let query = FactsQuery {
        session: Some([2; 32]),
        ..FactsQuery::default()
    };
    let facts = store.facts("room", &query).await.unwrap();
    assert!(facts.by_session.is_some());
    let claim = Claim {
        worker: WorkerId(1),
        lease: Duration::from_secs(60),
        attempts: 3,
    };
    let claimed = store.claim_export(&claim).await.unwrap();
    assert!(is_sound(&database, &copy).await);
    store.close().await;
    std::fs::remove_file(&database).unwrap();
    let restored = restore(&copy, text(&database), DamagedRooms::Refuse).await;
    assert_eq!(restored.unwrap().pending, [""; 0]);
    let store = open(&database).await;
    assert_eq!(store.facts("room", &query).await.unwrap(), facts);
    let tally = store.export_tally().await.unwrap();
    assert_eq!((tally.pending, tally.processing), (249, 1));
    assert_eq!(store.export(ExportId(1)).await.unwrap(), claimed);
    assert_eq!(store.asset_bytes("room").await.unwrap(), (7, 1));
}

/// Dropped after any number of polls: the room is there as it was or it is not there, what is left adds up, and the next purge of
/// whatever room takes it away.
#[tokio::test]
async fn a_purge_can_be_interrupted_at_any_step() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let (database, copy) = (file("rooms.db"), file("copy.db"));
    let store = open(&database).await;
    filled(&store, "large", 9_000).await;
    filled_beside(&store).await;
    store.delete_room("large", NOW).await.unwrap();
    let rows = async || count(&database, "SELECT count(*) FROM room_updates").await;
    let before = rows().await;
    let mut left = Vec::new();
    while count(&database, "SELECT count(*) FROM rooms").await > 1 {
        interrupt(&store, &database).await;
        left.push(rows().await);
        assert!(is_sound(&database, &copy).await, "with rows left: {left:?}");
        match store.room("large").await.unwrap() {
            Some(room) => assert!(room.deleted_ms.is_some() && left == [before]),
            None => assert_eq!(store.load("large").await.unwrap(), None),
        }
    }
    left.dedup();
    assert!(left.len() > 3, "{left:?}");
    for sql in [
        "SELECT count(*) FROM room_updates WHERE room = 1",
        "SELECT count(*) FROM room_snapshots WHERE room = 1",
        "SELECT count(*) FROM room_grants",
        "SELECT count(*) FROM room_invites",
        "SELECT count(*) FROM room_participants",
        "SELECT count(*) FROM exports",
        "SELECT count(*) FROM assets",
    ] {
        assert_eq!(count(&database, sql).await, 0, "{sql}");
    }
    assert_eq!(store.load("beside").await.unwrap().unwrap().head, 1);
    let left = store.orphans(0).await.unwrap();
    let left: Vec<&str> = left.iter().map(|orphan| &*orphan.prefix).collect();
    assert_eq!(left, ["exports/1/", "assets/1/"]);
}

async fn filled_beside(store: &SqliteStore) {
    let update = NewUpdate {
        bytes: "x".into(),
        author: None,
        time_ms: NOW,
    };
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: vec![RoomAppend {
            room: "beside".into(),
            id: None,
            updates: vec![update],
        }],
    };
    store.append(&batch).await.unwrap();
}

/// Goes on with a purge, and drops it as soon as something has changed in the file.
async fn interrupt(store: &SqliteStore, database: &Path) {
    let everything = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM rooms WHERE purged_ms IS NULL) \
        + (SELECT count(*) FROM room_updates) + (SELECT count(*) FROM room_snapshots) + (SELECT count(*) FROM room_grants) \
        + (SELECT count(*) FROM exports)";
    let before = count(database, everything).await;
    let mut purging = std::pin::pin!(store.purge_room("large"));
    loop {
        let poll = |cx: &mut Context<'_>| Poll::Ready(purging.as_mut().poll(cx));
        if poll_fn(poll).await.is_ready() || count(database, everything).await != before {
            return;
        }
    }
}
