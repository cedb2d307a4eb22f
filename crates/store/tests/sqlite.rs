//! The SQLite store: the contract, and what only a file can do: be damaged, locked, foreign, replaced.
//!
//! Looks into the file by plain SQL where the trait has no way to. The rule: every damage here is one that a disk, an
//! operator or another program can really cause.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scrible_store::contract::{Damage, Place};
use scrible_store::{
    Batch, Incarnation, Migrations, NewUpdate, Opening, Quarantine, RoomAppend, SnapshotDamage,
    SqliteOptions, SqliteStore, Store, StoreError, store_contract,
};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tempfile::TempDir;

const MIGRATIONS: [&str; 7] = [
    "0001 rooms",
    "0002 snapshots",
    "0003 dead letters",
    "0004 room records",
    "0005 access",
    "0006 exports",
    "0007 sizes and keys",
];

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("data").join("rooms.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.url(), SqliteOptions::default())
            .await
            .unwrap()
    }

    /// A connection of another program, which knows the file only.
    async fn sql(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url()).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        let mut conn = self.sql().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
    }
}

#[async_trait::async_trait]
impl Place for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store().await)
    }

    async fn rows(&self) -> BTreeMap<String, u64> {
        let mut conn = self.sql().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        let mut rows = BTreeMap::new();
        for table in tables {
            let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
            rows.insert(table, count as u64);
        }
        conn.close().await.unwrap();
        rows
    }

    async fn damage(&self, damage: Damage) {
        let id = |room: &str| format!("(SELECT id FROM rooms WHERE name = '{room}')");
        let sql = match damage {
            Damage::Snapshot {
                room,
                version,
                kind,
            } => {
                let set = match kind {
                    SnapshotDamage::Data => "data = zeroblob(length(data))",
                    SnapshotDamage::Size => "data = substr(data, 1, length(data) - 1)",
                    SnapshotDamage::StateVector => "state_vector = zeroblob(length(state_vector))",
                    SnapshotDamage::Seq => "seq = seq + 1",
                };
                let id = id(&room);
                format!("UPDATE room_snapshots SET {set} WHERE room = {id} AND version = {version}")
            }
            Damage::Row { room, seq } => format!(
                "UPDATE room_updates SET bytes = zeroblob(length(bytes)) WHERE room = {} AND seq = {seq}",
                id(&room)
            ),
            Damage::RowGone { room, seq } => format!(
                "DELETE FROM room_updates WHERE room = {} AND seq = {seq}",
                id(&room)
            ),
        };
        self.execute(&sql).await;
    }
}

mod contract {
    use super::*;

    store_contract!(Folder::new());
}

fn batch(node: Incarnation, number: u64, room: &str, updates: &[&str]) -> Batch {
    let update = |text: &&str| NewUpdate {
        bytes: text.to_string().into(),
        author: Some("ann".into()),
        time_ms: 42,
    };
    Batch {
        node,
        number,
        rooms: vec![RoomAppend {
            room: room.into(),
            id: None,
            updates: updates.iter().map(update).collect(),
        }],
    }
}

/// A file with one room of five updates and another that nobody damages.
async fn filled(folder: &Folder) {
    let store = folder.store().await;
    let node = Incarnation::random();
    let five = batch(node, 1, "room", &["1", "2", "3", "4", "5"]);
    store.append(&five).await.unwrap();
    store
        .append(&batch(node, 2, "sound", &["1"]))
        .await
        .unwrap();
    store.close().await;
}

async fn open_error(place: &str) -> StoreError {
    match SqliteStore::open(place, SqliteOptions::default()).await {
        Ok(_) => panic!("{place} was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_damaged_room_is_refused_and_named_and_others_go_on() {
    for (damage, what) in [
        (
            "DELETE FROM room_updates WHERE room = 1 AND seq = 3",
            "expected row 3 of 5, found row 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = 1 AND seq = 1",
            "expected row 1 of 5, found row 2",
        ),
        (
            "DELETE FROM room_updates WHERE room = 1 AND seq = 5",
            "its head is 5, but the rows end at 4",
        ),
        (
            "DELETE FROM room_updates WHERE room = 1",
            "its head is 5, but the rows end at 0",
        ),
        (
            "UPDATE room_heads SET head = 4 WHERE room = 1",
            "row 5 stands beyond the head 4",
        ),
        (
            "UPDATE room_heads SET head = 0 WHERE room = 1",
            "row 1 stands beyond the head 0",
        ),
        (
            "DELETE FROM room_heads WHERE room = 1",
            "its head is missing",
        ),
    ] {
        let folder = Folder::new();
        filled(&folder).await;
        folder.execute(damage).await;
        let store = folder.store().await;
        match store.load("room").await {
            Err(StoreError::Corrupt { room, what: found }) => {
                assert_eq!((&*room, &*found), ("room", what));
            }
            other => panic!("{damage}: {other:?}"),
        }
        assert_eq!(store.load("sound").await.unwrap().unwrap().head, 1);
        let next = batch(Incarnation::random(), 1, "sound", &["2"]);
        store.append(&next).await.unwrap();
    }
}

#[tokio::test]
async fn appending_to_a_room_with_a_lost_head_is_refused_and_names_it() {
    for (damage, what) in [
        (
            "UPDATE room_heads SET head = 3 WHERE room = 1",
            "row 4 stands beyond",
        ),
        (
            "DELETE FROM room_heads WHERE room = 1",
            "its head is missing",
        ),
    ] {
        let folder = Folder::new();
        filled(&folder).await;
        folder.execute(damage).await;
        let store = folder.store().await;
        let mut both = batch(Incarnation::random(), 1, "sound", &["2"]);
        let damaged = batch(both.node, 1, "room", &["4", "5", "6"]);
        both.rooms.extend(damaged.rooms);
        match store.append(&both).await {
            Err(StoreError::Corrupt { room, what: found }) => {
                assert_eq!(room, "room");
                assert!(found.starts_with(what), "{found}");
            }
            other => panic!("{damage}: {other:?}"),
        }
        // Nothing of the batch is there, and without the damaged room it is taken.
        assert_eq!(store.load("sound").await.unwrap().unwrap().head, 1);
        both.rooms.truncate(1);
        store.append(&both).await.unwrap();
        assert_eq!(store.load("sound").await.unwrap().unwrap().head, 2);
    }
}

#[tokio::test]
async fn broken_pages_are_never_an_empty_room() {
    let folder = Folder::new();
    let store = folder.store().await;
    let text = "x".repeat(500);
    let updates = vec![&*text; 2000];
    let node = Incarnation::random();
    store
        .append(&batch(node, 1, "room", &updates))
        .await
        .unwrap();
    store.close().await;
    let mut bytes = std::fs::read(folder.file()).unwrap();
    let (start, end) = (bytes.len() / 2, bytes.len() - 4096);
    bytes[start..end].fill(0xa5);
    std::fs::write(folder.file(), bytes).unwrap();
    let store = folder.store().await;
    match store.load("room").await {
        Err(StoreError::Corrupt { room, .. }) => assert_eq!(room, "room"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn authors_and_times_are_stored_beside_the_bytes() {
    let folder = Folder::new();
    filled(&folder).await;
    let mut conn = folder.sql().await;
    let rows = sqlx::query("SELECT * FROM room_updates WHERE room = 1 ORDER BY seq")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[4].get::<i64, _>("seq"), 5);
    assert_eq!(rows[4].get::<&str, _>("author"), "ann");
    assert_eq!(rows[4].get::<i64, _>("time_ms"), 42);
    assert_eq!(rows[4].get::<&[u8], _>("bytes"), b"5");
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_unavailable_until_it_lets_go() {
    let folder = Folder::new();
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(20),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&folder.url(), options).await.unwrap();
    let batch = batch(Incarnation::random(), 1, "room", &["1"]);
    let mut other = folder.sql().await;
    let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for error in [
        store.append(&batch).await.unwrap_err(),
        store.check().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("locked"), "{error}");
    }
    // Reading goes on meanwhile.
    assert_eq!(store.load("room").await.unwrap(), None);
    tx.rollback().await.unwrap();
    store.check().await.unwrap();
    store.append(&batch).await.unwrap();
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_taken_away() {
    let folder = Folder::new();
    let store = folder.store().await;
    let node = Incarnation::random();
    store.append(&batch(node, 1, "room", &["1"])).await.unwrap();
    let away = folder.file().with_extension("away");
    std::fs::rename(folder.file(), &away).unwrap();
    let next = batch(node, 2, "room", &["2"]);
    for error in [
        store.append(&next).await.unwrap_err(),
        store.check().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("gone"), "{error}");
    }
    std::fs::write(folder.file(), b"").unwrap();
    let error = store.append(&next).await.unwrap_err();
    assert!(error.to_string().contains("replaced"), "{error}");
    std::fs::rename(&away, folder.file()).unwrap();
    store.append(&next).await.unwrap();
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 2);
}

#[tokio::test]
async fn the_file_and_its_folders_are_created_and_migrations_told_once() {
    let temp = TempDir::new().unwrap();
    let file = temp.path().join("a").join("b c").join("100%.db");
    let place = file.to_str().unwrap();
    let store = SqliteStore::open(place, SqliteOptions::default())
        .await
        .unwrap();
    assert_eq!(store.migrations_run(), MIGRATIONS);
    assert_eq!(store.path(), file);
    assert!(file.is_file());
    let store = SqliteStore::open(place, SqliteOptions::default())
        .await
        .unwrap();
    assert!(store.migrations_run().is_empty());
}

#[tokio::test]
async fn migrating_can_be_a_step_of_its_own() {
    let folder = Folder::new();
    let expect = || SqliteOptions {
        migrations: Migrations::Expect,
        ..SqliteOptions::default()
    };
    let error = SqliteStore::open(&folder.url(), expect())
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("0001 rooms"), "{error}");
    assert!(error.to_string().contains("scrible migrate"), "{error}");
    assert_eq!(
        SqliteStore::migrate(&folder.url()).await.unwrap(),
        MIGRATIONS
    );
    assert!(
        SqliteStore::migrate(&folder.url())
            .await
            .unwrap()
            .is_empty()
    );
    let store = SqliteStore::open(&folder.url(), expect()).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn what_is_no_store_of_ours_is_refused_with_the_reason() {
    let folder = Folder::new();
    filled(&folder).await;
    folder
        .execute("INSERT INTO _sqlx_migrations VALUES (9000, 'later', 0, 1, x'00', 0)")
        .await;
    let error = open_error(&folder.url()).await;
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
    assert!(error.to_string().contains("9000"), "{error}");

    let folder = Folder::new();
    filled(&folder).await;
    folder
        .execute("UPDATE _sqlx_migrations SET checksum = x'00'")
        .await;
    let error = open_error(&folder.url()).await;
    assert!(error.to_string().contains("another build"), "{error}");

    let temp = TempDir::new().unwrap();
    let text = temp.path().join("text.db");
    std::fs::write(
        &text,
        "no database at all, but long enough to have a header. ".repeat(50),
    )
    .unwrap();
    let error = open_error(text.to_str().unwrap()).await;
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert!(
        error.to_string().contains("not a SQLite database"),
        "{error}"
    );

    let foreign = temp.path().join("foreign.db");
    let url = format!("sqlite:{}?mode=rwc", foreign.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE bookmarks (id INTEGER)")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let error = open_error(foreign.to_str().unwrap()).await;
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert!(error.to_string().contains("bookmarks"), "{error}");

    let error = open_error(temp.path().to_str().unwrap()).await;
    assert!(error.to_string().contains("is a folder"), "{error}");

    let below_a_file = text.join("rooms.db");
    let error = open_error(below_a_file.to_str().unwrap()).await;
    assert!(
        error.to_string().contains("cannot create the folder"),
        "{error}"
    );
}

#[tokio::test]
async fn nodes_of_long_ago_are_forgotten_and_recent_ones_kept() {
    let folder = Folder::new();
    let store = folder.store().await;
    let (old, recent) = (Incarnation::random(), Incarnation::random());
    store.append(&batch(old, 7, "room", &["1"])).await.unwrap();
    store
        .append(&batch(recent, 7, "room", &["2"]))
        .await
        .unwrap();
    store.close().await;
    folder
        .execute(&format!(
            "UPDATE journal_nodes SET updated_ms = updated_ms - 31 * 86400000 WHERE node = x'{old}'"
        ))
        .await;
    let store = folder.store().await;
    store.append(&batch(old, 6, "room", &["3"])).await.unwrap();
    let error = store
        .append(&batch(recent, 6, "room", &["4"]))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
}

#[tokio::test]
async fn the_log_stays_small_and_a_clean_end_leaves_one_file() {
    let folder = Folder::new();
    let store = folder.store().await;
    let text = "x".repeat(100_000);
    let node = Incarnation::random();
    let wal = PathBuf::from(format!("{}-wal", folder.file().display()));
    let size = |file: &Path| std::fs::metadata(file).unwrap().len();
    for number in 1..=100 {
        let updates = vec![&*text; 10];
        store
            .append(&batch(node, number, "room", &updates))
            .await
            .unwrap();
        assert!(size(&wal) < 16 << 20, "the log has {} bytes", size(&wal));
    }
    // A reader that stays open does not keep it from being folded in.
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 1000);
    store.close().await;
    assert!(!wal.exists(), "the log was not folded in");
    assert!(size(&folder.file()) > 100_000_000);
}

#[tokio::test]
async fn activity_moves_by_the_minute_and_not_by_the_batch() {
    let folder = Folder::new();
    let store = folder.store().await;
    let node = Incarnation::random();
    let active = async || -> i64 {
        let mut conn = folder.sql().await;
        let row = sqlx::query_scalar("SELECT active_ms FROM rooms WHERE name = 'room'");
        row.fetch_one(&mut conn).await.unwrap()
    };
    store.append(&batch(node, 1, "room", &["1"])).await.unwrap();
    folder
        .execute("UPDATE rooms SET active_ms = active_ms - 30000")
        .await;
    let half_a_minute_ago = active().await;
    store.append(&batch(node, 2, "room", &["2"])).await.unwrap();
    assert_eq!(active().await, half_a_minute_ago);
    folder
        .execute("UPDATE rooms SET active_ms = active_ms - 60000")
        .await;
    store.append(&batch(node, 3, "room", &["3"])).await.unwrap();
    assert!(active().await >= half_a_minute_ago + 30_000);
}

#[tokio::test]
async fn a_node_that_was_not_heard_for_long_is_gone_beside_one_that_lives() {
    for (silence, deaths) in [(19_000, 0), (21_000, 1), (-21_000, 1)] {
        let folder = Folder::new();
        let [first, second] = [folder.store().await, folder.store().await];
        let [one, two] = [Incarnation::random(), Incarnation::random()];
        first.beat(one).await.unwrap();
        let opening = Opening {
            node: one,
            room: "room".into(),
            number: 1,
            alone: false,
        };
        first.note_opening(&opening).await.unwrap();
        assert_eq!(second.beat(two).await.unwrap(), []);
        folder
            .execute(&format!("UPDATE nodes SET seen_ms = seen_ms - {silence}"))
            .await;
        // The first has the lock, so the second can only go by the clock.
        let records = second.beat(two).await.unwrap();
        assert_eq!(records.len(), deaths, "{silence}");
    }
}

#[tokio::test]
async fn where_no_file_can_be_locked_the_clock_tells_who_is_gone() {
    let folder = Folder::new();
    let store = folder.store().await;
    // A folder stands where the lock would.
    std::fs::create_dir(folder.file().with_file_name("rooms.db-node")).unwrap();
    let (dead, node) = (Incarnation::random(), Incarnation::random());
    store.beat(dead).await.unwrap();
    let opening = Opening {
        node: dead,
        room: "room".into(),
        number: 1,
        alone: false,
    };
    store.note_opening(&opening).await.unwrap();
    assert_eq!(store.beat(node).await.unwrap(), []);
    folder.execute("UPDATE nodes SET seen_ms = 0").await;
    assert_eq!(store.beat(node).await.unwrap().len(), 1);
}
