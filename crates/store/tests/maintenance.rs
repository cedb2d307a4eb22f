//! Backup, restore and inspection of SQLite files: what they refuse, what they keep, and what they say.
//!
//! The rule: whatever was refused, both files are what they were before.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scrible_store::{
    AS_OF_THE_FIRST_MIGRATION, Batch, Builder, DamagedRooms, Existing, Incarnation, Inspection,
    NewSnapshot, NewUpdate, Restored, RoomAppend, RoomId, SqliteOptions, SqliteStore, Store,
    StoreError, Tally, Trim, back_up, execute_raw, restore,
};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Everything that is in it.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
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

/// Two rooms: "room" with five rows, "sound" with one.
async fn filled(file: &Path) {
    let store = open(file).await;
    append(&store, "room", &["1", "2", "3", "4", "5"]).await;
    append(&store, "sound", &["1"]).await;
    store.close().await;
}

async fn head(file: &Path, room: &str) -> Option<u64> {
    let store = open(file).await;
    let room = store.load(room).await.unwrap();
    store.close().await;
    room.map(|room| room.head)
}

async fn copy(from: &Path, to: &Path) -> Result<Tally, StoreError> {
    back_up(text(from), to, Existing::Refuse).await
}

async fn put(file: &Path, database: &Path) -> Result<Restored, StoreError> {
    restore(file, text(database), DamagedRooms::Refuse).await
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, StoreError>, why: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error:?}");
    assert!(error.to_string().contains(why), "{error} lacks {why:?}");
}

#[tokio::test]
async fn b1_a_backup_holds_what_was_committed_and_the_store_goes_on() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    let store = open(&database).await;
    append(&store, "room", &["1", "2"]).await;
    let tally = copy(&database, &file).await.unwrap();
    assert_eq!((tally.rooms, tally.rows, tally.update_bytes), (1, 2, 2));
    assert_eq!(tally.file_bytes, std::fs::metadata(&file).unwrap().len());
    assert!(tally.is_sound());
    append(&store, "room", &["3"]).await;
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 3);
    assert_eq!(head(&file, "room").await, Some(2));
}

#[tokio::test]
async fn b1_what_a_crash_left_in_the_log_is_in_the_backup() {
    let folder = Folder::new();
    let database = folder.file("rooms.db");
    let store = open(&database).await;
    append(&store, "room", &["1", "2"]).await;
    // As a killed server leaves it: the rows are in the log alone.
    let crashed = folder.file("crashed.db");
    for suffix in ["", "-wal"] {
        let name = |stem: &str| folder.file(&format!("{stem}.db{suffix}"));
        std::fs::copy(name("rooms"), name("crashed")).unwrap();
    }
    let file = folder.file("copy.db");
    assert_eq!(copy(&crashed, &file).await.unwrap().rows, 2);
    assert_eq!(head(&file, "room").await, Some(2));
}

#[tokio::test]
async fn b2_nothing_is_overwritten_unasked_and_refusals_leave_nothing() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    std::fs::write(&file, "precious").unwrap();
    std::fs::write(folder.file("used.db-wal"), "").unwrap();
    std::os::unix::fs::symlink(&database, folder.file("link.db")).unwrap();
    let before = folder.names();
    assert_refused(copy(&database, &file).await, "there already");
    for (name, why) in [
        ("used.db", "in use"),
        ("rooms.db", "the database itself"),
        ("link.db", "the database itself"),
        ("", "folder"),
    ] {
        let result = back_up(text(&database), &folder.file(name), Existing::Replace).await;
        assert_refused(result, why);
    }
    let error = copy(&database, &folder.file("no/such/copy.db")).await;
    assert!(error.unwrap_err().to_string().contains("cannot create"));
    let missing = folder.file("missing.db");
    assert_refused(copy(&missing, &folder.file("x")).await, "no database at");
    // Reading a database in WAL mode leaves these; the next start takes them over.
    let mut names = folder.names();
    names.retain(|name| !["rooms.db-shm", "rooms.db-wal"].contains(&&**name));
    assert_eq!(names, before);
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let permissions = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&database, permissions).unwrap();
    back_up(text(&database), &file, Existing::Replace)
        .await
        .unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "as private as the database");
    assert_eq!(head(&file, "room").await, Some(5));
}

#[tokio::test]
async fn b2_a_database_with_broken_pages_gives_no_backup() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    let store = open(&database).await;
    let large = "x".repeat(500);
    append(&store, "room", &vec![&*large; 2000]).await;
    store.close().await;
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40960].fill(0xa5);
    std::fs::write(&database, bytes).unwrap();
    assert_refused(copy(&database, &file).await, "damaged");
    assert!(!folder.names().iter().any(|name| name.contains("copy")));
}

#[tokio::test]
async fn b3_damaged_rooms_are_copied_named_and_restored_only_on_demand() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    execute_raw(
        &database,
        "DELETE FROM room_updates WHERE room = 1 AND seq = 3; \
        INSERT INTO room_updates (room, seq, time_ms, bytes) VALUES (77, 1, 0, x'00')",
    )
    .await;
    let tally = copy(&database, &file).await.unwrap();
    assert!(!tally.is_sound());
    assert_eq!((tally.damaged_rooms, tally.damage.len()), (1, 1));
    assert_eq!(tally.damage[0].room, "room");
    assert_eq!(
        tally.damage[0].what,
        "its head is 5, but it has 4 rows up to 5"
    );
    assert_eq!(tally.strays, ["1 rows of room_updates belong to no room"]);
    let other = folder.file("other.db");
    filled(&other).await;
    let refused = put(&file, &other).await;
    assert_refused(refused, "the first is \"room\": its head is 5");
    assert_eq!(head(&other, "room").await, Some(5));
    restore(&file, text(&other), DamagedRooms::Keep)
        .await
        .unwrap();
    let store = open(&other).await;
    assert!(store.load("room").await.is_err());
    assert_eq!(store.load("sound").await.unwrap().unwrap().head, 1);
}

#[tokio::test]
async fn b4_what_is_no_backup_is_refused_and_the_database_stays() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    let path = |name: &str| folder.file(name);
    for name in ["newer.db", "other-build.db", "half.db", "cut.db", "used.db"] {
        copy(&database, &path(name)).await.unwrap();
    }
    execute_raw(
        &path("newer.db"),
        "INSERT INTO _sqlx_migrations \
        SELECT 9999, 'later', installed_on, 1, checksum, 1 FROM _sqlx_migrations LIMIT 1",
    )
    .await;
    execute_raw(
        &path("other-build.db"),
        "UPDATE _sqlx_migrations SET checksum = x'00'",
    )
    .await;
    execute_raw(&path("half.db"), "UPDATE _sqlx_migrations SET success = 0").await;
    let whole = std::fs::read(path("cut.db")).unwrap();
    std::fs::write(path("cut.db"), &whole[..whole.len() - 8192]).unwrap();
    std::fs::write(path("used.db-wal"), "pages").unwrap();
    std::fs::write(path("empty.db"), "").unwrap();
    std::fs::write(path("text.db"), "a letter to my aunt".repeat(100)).unwrap();
    execute_raw(&path("rooms.db"), "SELECT 1").await;
    let foreign = std::fs::File::create(path("foreign.db"));
    drop(foreign.unwrap());
    execute_raw(&path("foreign.db"), "CREATE TABLE songs (title TEXT)").await;
    for (name, why) in [
        ("missing.db", "cannot read"),
        ("", "no file"),
        ("rooms.db", "the database itself"),
        ("newer.db", "newer version"),
        ("other-build.db", "another build"),
        ("half.db", "migration"),
        ("cut.db", "damaged"),
        ("used.db", "database in use"),
        ("empty.db", "empty database"),
        ("text.db", "not a SQLite database"),
        ("foreign.db", "another program"),
    ] {
        let error = put(&path(name), &database).await.unwrap_err();
        assert!(error.to_string().contains(why), "{name}: {error}");
        assert!(!error.to_string().contains(".restoring-"), "{error}");
        assert_eq!(head(&database, "room").await, Some(5), "{name}");
    }
    let leftover = |name: &String| name.contains("restoring") || name.contains("before");
    assert!(!folder.names().iter().any(leftover), "{:?}", folder.names());
    // Where nothing is, nothing of another database may be either.
    copy(&database, &file).await.unwrap();
    std::fs::write(path("new.db-wal"), "pages of another").unwrap();
    assert_refused(put(&file, &path("new.db")).await, "left over");
    std::fs::remove_file(path("new.db-wal")).unwrap();
    assert_eq!(put(&file, &path("new.db")).await.unwrap().kept, None);
    assert_eq!(head(&path("new.db"), "room").await, Some(5));
}

#[tokio::test]
async fn b5_whoever_has_the_database_open_is_in_the_way_also_when_idle() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    copy(&database, &file).await.unwrap();
    let store = open(&database).await;
    assert_refused(put(&file, &database).await, "in use");
    append(&store, "room", &["6"]).await;
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 6);
    store.close().await;
    // A reader is one, too: it would go on with the old file.
    let mut reader = Inspection::open(text(&database)).await.unwrap();
    assert!(reader.next_room().await.unwrap().is_some());
    assert_refused(put(&file, &database).await, "in use");
    reader.close().await;
    put(&file, &database).await.unwrap();
    assert_eq!(head(&database, "room").await, Some(5));
}

#[tokio::test]
async fn b6_the_old_database_is_kept_whole_with_owner_and_mode() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    copy(&database, &file).await.unwrap();
    let store = open(&database).await;
    append(&store, "room", &["6"]).await;
    // As a killed server leaves it, with the last row in the log alone.
    let crashed = folder.file("crashed.db");
    std::fs::copy(&database, &crashed).unwrap();
    std::fs::copy(folder.file("rooms.db-wal"), folder.file("crashed.db-wal")).unwrap();
    std::fs::set_permissions(&crashed, std::fs::Permissions::from_mode(0o660)).unwrap();
    let restored = put(&file, &crashed).await.unwrap();
    let kept = restored.kept.unwrap();
    assert!(text(&kept).starts_with(&format!("{}.before-2", text(&crashed))));
    assert_eq!(restored.pending, [""; 0]);
    assert_eq!((restored.tally.rooms, restored.tally.rows), (2, 6));
    assert_eq!(head(&kept, "room").await, Some(6));
    assert_eq!(head(&crashed, "room").await, Some(5));
    let mode = std::fs::metadata(&crashed).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert_eq!(head(&file, "room").await, Some(5), "the backup stays");
}

#[tokio::test]
async fn b6_a_database_that_cannot_be_read_is_kept_with_its_log() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    copy(&database, &file).await.unwrap();
    for suffix in ["-shm", "-journal"] {
        let _ = std::fs::remove_file(folder.file(&format!("rooms.db{suffix}")));
    }
    std::fs::write(&database, "the disk says this now".repeat(1000)).unwrap();
    std::fs::write(folder.file("rooms.db-wal"), "and this").unwrap();
    let kept = put(&file, &database).await.unwrap().kept.unwrap();
    let log = PathBuf::from(format!("{}-wal", text(&kept)));
    assert!(std::fs::read(&kept).unwrap().starts_with(b"the disk says"));
    assert_eq!(std::fs::read(log).unwrap(), b"and this");
    assert_eq!(head(&database, "room").await, Some(5));
}

#[tokio::test]
async fn b6_a_database_that_was_cut_off_is_kept_as_it_is() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    copy(&database, &file).await.unwrap();
    let whole = std::fs::read(&database).unwrap();
    let cut = &whole[..whole.len() - 8192];
    std::fs::write(&database, cut).unwrap();
    let kept = put(&file, &database).await.unwrap().kept.unwrap();
    assert_eq!(std::fs::read(&kept).unwrap().len(), cut.len());
    assert_eq!(head(&database, "room").await, Some(5));
}

#[tokio::test]
async fn b6_a_link_to_the_database_stays_a_link() {
    let folder = Folder::new();
    let (database, file) = (folder.file("rooms.db"), folder.file("copy.db"));
    filled(&database).await;
    copy(&database, &file).await.unwrap();
    let elsewhere = Folder::new();
    let link = elsewhere.file("link.db");
    std::os::unix::fs::symlink(&database, &link).unwrap();
    let kept = put(&file, &link).await.unwrap().kept.unwrap();
    assert_eq!(elsewhere.names(), ["link.db"]);
    assert_eq!(kept.parent(), database.canonicalize().unwrap().parent());
    assert_eq!(head(&link, "room").await, Some(5));
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

/// Snapshots 1 and 2 of "room" stand in the place of its first three rows.
async fn compacted(file: &Path) {
    filled(file).await;
    let store = open(file).await;
    store.add_snapshot(&snapshot(1, 3)).await.unwrap();
    store.add_snapshot(&snapshot(2, 4)).await.unwrap();
    let (room, rows, versions) = (RoomId(1), 1..=3, Vec::new());
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

#[tokio::test]
async fn b2_a_backup_counts_snapshots_and_compares_heads_with_them() {
    let folder = Folder::new();
    let database = folder.file("rooms.db");
    compacted(&database).await;
    let tally = copy(&database, &folder.file("copy.db")).await.unwrap();
    assert!(tally.is_sound(), "{tally:?}");
    assert_eq!((tally.rows, tally.update_bytes), (3, 3));
    assert_eq!((tally.snapshots, tally.snapshot_bytes), (2, 8));
    let store = open(&folder.file("copy.db")).await;
    let room = store.load("room").await.unwrap().unwrap();
    assert_eq!(
        (room.base.unwrap().info.version, room.updates.len()),
        (2, 1)
    );
    execute_raw(&database, "DELETE FROM room_snapshots").await;
    let tally = copy(&database, &folder.file("damaged.db")).await.unwrap();
    assert_eq!((tally.damaged_rooms, &*tally.damage[0].room), (1, "room"));
    let what = &tally.damage[0].what;
    assert_eq!(what, "its head is 5, but it has 2 rows from 4 to 5");
}

#[tokio::test]
async fn b4_a_backup_from_before_there_were_snapshots_is_taken_and_migrated() {
    let folder = Folder::new();
    let (old, database) = (folder.file("old.db"), folder.file("rooms.db"));
    filled(&old).await;
    execute_raw(&old, AS_OF_THE_FIRST_MIGRATION).await;
    let restored = put(&old, &database).await.unwrap();
    assert_eq!(
        restored.pending,
        [
            "0002 snapshots",
            "0003 dead letters",
            "0004 room records",
            "0005 access",
            "0006 exports",
            "0007 sizes and keys"
        ]
    );
    assert_eq!((restored.tally.rows, restored.tally.snapshots), (6, 0));
    assert_eq!(head(&database, "room").await, Some(5));
    // It can be copied before it is migrated, but not looked at in detail.
    copy(&old, &folder.file("copy.db")).await.unwrap();
    let refused = Inspection::open(text(&old)).await.map(drop);
    assert_refused(refused, "scrible migrate");
}
