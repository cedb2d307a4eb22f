//! Compaction on a real database file with real doc workers: what is there after it, after being killed at each step of it, and after damage.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scrible::compact::{Keep, KeepError, Keeper, Marks, Retention};
use scrible::doc_worker::{DocWorkers, DocWorkersConfig};
use scrible_store::{
    Batch, Builder, Incarnation, Lease, NewSnapshot, NewUpdate, Receipt, RoomAppend, RoomId,
    Snapshot, Snapshots, SqliteOptions, SqliteStore, Store, StoreError, StoredRoom, Trim, Trimmed,
    execute_raw,
};
use yrs::updates::decoder::Decode;
use yrs::{Doc, Map, ReadTxn, StateVector, Transact, Update};

const ROOM: &str = "demo";
const AS_VERSION: Keep = Keep::Version {
    label: None,
    author: None,
};

/// Says that it has begun with the request, and aborts.
const AT_WORK: &str = r#"printf '\x09\0\0\0"started"'; kill -ABRT $$"#;

/// Where the child finds its database, and after how many steps it dies.
const DATABASE: &str = "COMPACTION_DATABASE";
const STEPS: &str = "COMPACTION_STEPS";

struct Place {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    batches: u64,
    node: Incarnation,
    author: Doc,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("t.db")).await;
        Self {
            folder,
            store,
            batches: 0,
            node: Incarnation::random(),
            author: Doc::with_client_id(4711),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("t.db")
    }

    /// Stores `rows` edits of one person, each of which overwrites one of ten keys.
    async fn edit(&mut self, rows: u32) {
        let map = self.author.get_or_insert_map("m");
        let mut updates = Vec::new();
        for _ in 0..rows {
            self.batches += 1;
            let mut txn = self.author.transact_mut();
            map.insert(
                &mut txn,
                format!("k{}", self.batches % 10),
                self.batches as f64,
            );
            updates.push(txn.encode_update_v1().into());
        }
        self.append(updates).await;
    }

    async fn append(&mut self, updates: Vec<Bytes>) {
        self.batches += 1;
        let batch = Batch {
            node: self.node,
            number: self.batches,
            rooms: vec![RoomAppend {
                room: ROOM.into(),
                id: None,
                updates: updates
                    .into_iter()
                    .map(|bytes| NewUpdate {
                        bytes,
                        author: None,
                        time_ms: 1,
                    })
                    .collect(),
            }],
        };
        self.store.append(&batch).await.unwrap();
    }

    fn shown(&self) -> String {
        shown(&self.author)
    }
}

async fn open(path: &Path) -> Arc<SqliteStore> {
    let url = path.to_str().unwrap();
    Arc::new(
        SqliteStore::open(url, SqliteOptions::default())
            .await
            .unwrap(),
    )
}

fn shown(doc: &Doc) -> String {
    let map = doc.get_or_insert_map("m");
    let txn = doc.transact();
    let mut all: Vec<_> = map
        .iter(&txn)
        .map(|(key, value)| format!("{key}={}", value.to_string(&txn)))
        .collect();
    all.sort();
    all.join(" ")
}

/// What a room shows that is loaded anew.
async fn loaded(store: &dyn Store) -> (StoredRoom, String) {
    let room = store.load(ROOM).await.unwrap().unwrap();
    let doc = Doc::new();
    let updates = room
        .base
        .iter()
        .map(|base| &base.data)
        .chain(room.updates.iter().map(|row| &row.bytes));
    for update in updates {
        doc.transact_mut()
            .apply_update(Update::decode_v1(update).unwrap())
            .unwrap();
    }
    (room, shown(&doc))
}

fn keeper(store: Arc<dyn Store>, program: impl Into<PathBuf>) -> Keeper {
    let config = DocWorkersConfig {
        program: program.into(),
        workers: 1,
        max_doc_bytes: 16 << 20,
        time_limit: Duration::from_secs(20),
    };
    Keeper {
        store,
        documents: DocWorkers::new(config),
        limits: Default::default(),
        retention: Retention::default(),
        holder: Incarnation::random(),
        marks: Arc::new(Marks::default()),
    }
}

fn scrible() -> PathBuf {
    env!("CARGO_BIN_EXE_scrible").into()
}

#[tokio::test]
async fn k6_rows_go_only_when_two_snapshots_cover_them_and_garbage_goes_at_once() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    place.edit(500).await;
    let kept = keeper.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(
        (kept.version, kept.snapshot.seq, kept.listed),
        (1, 500, false)
    );
    let (room, shown) = loaded(&*place.store).await;
    assert_eq!((room.updates.len(), shown), (0, place.shown()));
    let reserve = place
        .store
        .load_below(ROOM, 1)
        .await
        .unwrap()
        .unwrap()
        .updates;
    let rows: usize = reserve.iter().map(|row| row.bytes.len()).sum();
    assert!(
        kept.data.len() < rows / 3,
        "490 overwritten values: {} bytes of {rows} are left",
        kept.data.len()
    );
    assert_eq!(rows_stored(&place).await, 500, "in reserve");

    place.edit(7).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!(
        (kept.version, kept.snapshot.seq, kept.listed),
        (2, 507, true)
    );
    assert_eq!(
        rows_stored(&place).await,
        7,
        "the first 500 are in both snapshots"
    );
    assert_eq!(loaded(&*place.store).await.1, place.shown());

    let same = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!((same.version, same.is_old), (2, true), "nothing came since");
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    let known = place
        .store
        .snapshots(ROOM)
        .await
        .unwrap()
        .unwrap()
        .snapshots;
    let numbers: Vec<_> = known
        .iter()
        .map(|info| (info.version, info.listed))
        .collect();
    assert_eq!(
        numbers,
        [(5, false), (4, false), (2, true)],
        "bases that are superseded go, versions stay"
    );
    assert_eq!(
        keeper.keep("nobody", &AS_VERSION).await.unwrap_err(),
        KeepError::NotFound
    );
    keeper.documents.close().await;
}

async fn rows_stored(place: &Place) -> u64 {
    // Through the reserve: everything above what an older base covers is loaded with it.
    let newest = place
        .store
        .snapshots(ROOM)
        .await
        .unwrap()
        .unwrap()
        .snapshots[0]
        .version;
    match place.store.load_below(ROOM, newest).await {
        Ok(Some(room)) => room.updates.len() as u64,
        other => panic!("the reserve does not load: {other:?}"),
    }
}

#[tokio::test]
async fn k9_a_damaged_newest_snapshot_falls_back_without_loss_and_is_replaced() {
    for damage in [
        "UPDATE room_snapshots SET data = substr(data, 1, length(data) - 1) WHERE version = 2",
        "UPDATE room_snapshots SET data = x'' WHERE version = 2",
        "UPDATE room_snapshots SET data = x'0000' WHERE version = 2",
        "UPDATE room_snapshots SET data = CAST(substr(data, 1, 20) || x'41' || substr(data, 22) AS BLOB) WHERE version = 2",
        "UPDATE room_snapshots SET data = (SELECT data FROM room_snapshots WHERE version = 1) WHERE version = 2",
        "UPDATE room_snapshots SET checksum = checksum + 1 WHERE version = 2",
    ] {
        let mut place = Place::new().await;
        let keeper = keeper(place.store.clone(), scrible());
        for _ in 0..2 {
            place.edit(30).await;
            keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        }
        place.edit(5).await;
        execute_raw(&place.path(), damage).await;
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!(shown, place.shown(), "{damage}");
        assert_eq!(room.passed_over.len(), 1, "{damage}");
        assert_eq!(room.base.unwrap().info.version, 1);
        let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        assert_eq!(kept.version, 3);
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!(
            (room.passed_over.len(), shown),
            (0, place.shown()),
            "{damage}"
        );
        keeper.documents.close().await;
    }
}

#[tokio::test]
async fn k9_what_no_older_snapshot_can_replace_is_refused_and_left_as_it_is() {
    for damage in [
        // Without the rows before the second one the first does not help.
        "UPDATE room_snapshots SET data = x'0000' WHERE version >= 2",
        "UPDATE room_updates SET bytes = x'0000' WHERE seq = (SELECT max(seq) - 1 FROM room_updates)",
        "DELETE FROM room_updates WHERE seq = (SELECT max(seq) - 1 FROM room_updates)",
    ] {
        let mut place = Place::new().await;
        let keeper = keeper(place.store.clone(), scrible());
        for _ in 0..3 {
            place.edit(30).await;
            keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        }
        place.edit(5).await;
        execute_raw(&place.path(), damage).await;
        let error = place.store.load(ROOM).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{damage}: {error}"
        );
        let error = keeper.keep(ROOM, &AS_VERSION).await.unwrap_err();
        assert!(matches!(error, KeepError::Corrupt(_)), "{damage}: {error}");
        let known = place
            .store
            .snapshots(ROOM)
            .await
            .unwrap()
            .unwrap()
            .snapshots;
        assert_eq!(known[0].version, 3, "{damage}");
        keeper.documents.close().await;
    }
}

#[tokio::test]
async fn k8_a_bigint_keeps_its_kind_because_yrs_is_kept_away() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    // Client 9 puts the BigInt 1 into the array `a`.
    let bigint = [
        &[1, 1, 9, 0, 0x08, 1, 1, b'a', 1, 122][..],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0],
    ]
    .concat();
    place.append(vec![bigint.clone().into()]).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!(kept.data, bigint);
    let info = &place
        .store
        .snapshots(ROOM)
        .await
        .unwrap()
        .unwrap()
        .snapshots[0];
    assert_eq!(info.builder, Builder::Bytes);
    assert_eq!(keeper.marks.all(), [], "this is as it should be");
    keeper.documents.close().await;
}

#[tokio::test]
async fn k8_a_document_that_kills_the_worker_is_merged_by_bytes_and_named() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), dying(&place, AT_WORK));
    place.edit(20).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    let marks = keeper.marks.all();
    assert!(
        marks.len() == 1 && marks[0].0 == ROOM && marks[0].1.contains("signal 6"),
        "{marks:?}"
    );
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    let info = place
        .store
        .snapshots(ROOM)
        .await
        .unwrap()
        .unwrap()
        .snapshots
        .remove(0);
    assert_eq!(
        (info.builder, info.note.as_deref()),
        (Builder::Bytes, Some(&*marks[0].1))
    );
    // It is not tried again, and once it works nobody would know: the note says by which version it was tried.
    place.edit(5).await;
    let again = self::keeper(place.store.clone(), dying(&place, "exit 3"));
    again.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(again.documents.health().started, 0);
    assert_eq!(again.marks.all(), marks);
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    keeper.documents.close().await;
}

#[tokio::test]
async fn k7_a_worker_that_somebody_kills_costs_an_attempt_and_nothing_else() {
    let mut place = Place::new().await;
    place.edit(20).await;
    for script in [
        "kill -9 $$",
        "read -n 1 x; kill -9 $$",
        &AT_WORK.replace("ABRT", "KILL"),
    ] {
        let keeper = keeper(place.store.clone(), dying(&place, script));
        let error = keeper.keep(ROOM, &Keep::Base).await.unwrap_err();
        assert!(
            matches!(error, KeepError::Unavailable(_)),
            "{script}: {error}"
        );
        assert_eq!(
            place
                .store
                .snapshots(ROOM)
                .await
                .unwrap()
                .unwrap()
                .snapshots,
            []
        );
        keeper.documents.close().await;
    }
    let keeper = keeper(place.store.clone(), scrible());
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    keeper.documents.close().await;
}

/// A program that ends as the script says, in the place of a doc worker.
fn dying(place: &Place, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = place.folder.path().join(format!("worker-{}", script.len()));
    std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[tokio::test]
async fn k3_one_process_at_a_time_and_a_lease_that_was_left_behind_ends() {
    let mut place = Place::new().await;
    place.edit(20).await;
    let id = place.store.snapshots(ROOM).await.unwrap().unwrap().room;
    let lease = |ttl| Lease {
        room: id,
        task: "compaction",
        holder: Incarnation(7),
        ttl,
    };
    assert!(
        place
            .store
            .lease(&lease(Duration::from_secs(60)))
            .await
            .unwrap()
    );
    let keeper = keeper(place.store.clone(), scrible());
    assert_eq!(
        keeper.keep(ROOM, &Keep::Base).await.unwrap_err(),
        KeepError::Busy
    );
    assert!(
        place
            .store
            .lease(&lease(Duration::from_millis(1)))
            .await
            .unwrap()
    );
    let mut kept = keeper.keep(ROOM, &Keep::Base).await;
    while matches!(kept, Err(KeepError::Busy)) {
        kept = keeper.keep(ROOM, &Keep::Base).await;
    }
    kept.unwrap();
    keeper.documents.close().await;
}

#[tokio::test]
async fn k7_killed_at_each_step_a_room_loads_whole_and_the_next_attempt_succeeds() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    let mut deaths = 0;
    for rounds in 0..2 {
        // Each step, before and after it; the last child gets to the end.
        for steps in 0.. {
            place.edit(9).await;
            place.store.close().await;
            let died = child(&place.path(), steps);
            place.store = open(&place.path()).await;
            // The lease of the dead would hold for seconds.
            execute_raw(&place.path(), "DELETE FROM room_leases").await;
            assert_eq!(
                loaded(&*place.store).await.1,
                place.shown(),
                "killed at step {steps}"
            );
            if !died {
                assert!(
                    steps > 10,
                    "the store is called more often than {steps} times"
                );
                break;
            }
            deaths += 1;
            if rounds == 1 {
                let other = self::keeper(place.store.clone(), scrible());
                other.keep(ROOM, &AS_VERSION).await.unwrap();
                other.documents.close().await;
                assert_eq!(
                    loaded(&*place.store).await.1,
                    place.shown(),
                    "after step {steps}"
                );
            }
        }
    }
    assert!(deaths > 20);
    keeper.documents.close().await;
}

/// Compacts in a process of its own that dies at a step. False when it got to the end.
fn child(database: &Path, steps: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "compaction::a_process_that_compacts",
        "--nocapture",
    ]);
    let output = command
        .env(DATABASE, database)
        .env(STEPS, steps.to_string())
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => false,
        (_, Some(6)) => true,
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// What [`child`] runs; by itself it does nothing.
#[tokio::test]
async fn a_process_that_compacts() {
    let Some(database) = std::env::var_os(DATABASE) else {
        return;
    };
    let steps = std::env::var(STEPS).unwrap().parse().unwrap();
    let store = Deadly {
        store: open(Path::new(&database)).await,
        steps: AtomicUsize::new(steps),
    };
    let keeper = keeper(Arc::new(store), scrible());
    keeper.keep(ROOM, &AS_VERSION).await.unwrap();
}

/// A store whose process ends before or after one of its calls, with nothing tidied up.
struct Deadly {
    store: Arc<SqliteStore>,
    steps: AtomicUsize,
}

impl Deadly {
    async fn step<T>(&self, call: impl Future<Output = T>) -> T {
        self.tick();
        let answer = call.await;
        self.tick();
        answer
    }

    fn tick(&self) {
        let left = self
            .steps
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if left.is_err() {
            std::process::abort();
        }
    }
}

#[async_trait]
impl Store for Deadly {
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError> {
        self.step(self.store.load_below(room, version)).await
    }
    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        self.step(self.store.append(batch)).await
    }
    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError> {
        self.step(self.store.snapshots(room)).await
    }
    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        self.step(self.store.snapshot(room, version)).await
    }
    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError> {
        self.step(self.store.add_snapshot(new)).await
    }
    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        self.step(self.store.list_snapshot(room, version, label, author))
            .await
    }
    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError> {
        self.step(self.store.trim(trim)).await
    }
    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.step(self.store.lease(lease)).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.step(self.store.release(lease)).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
    async fn close(&self) {
        self.store.close().await;
    }
}

/// The state vector that goes with a version is that of its bytes.
#[tokio::test]
async fn v2_a_version_has_the_state_vector_of_its_bytes() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    place.edit(30).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    let version = place
        .store
        .snapshot(ROOM, kept.version)
        .await
        .unwrap()
        .unwrap();
    let doc = Doc::new();
    doc.transact_mut()
        .apply_update(Update::decode_v1(&version.data).unwrap())
        .unwrap();
    assert_eq!(
        doc.transact().state_vector(),
        StateVector::decode_v1(&version.state_vector).unwrap()
    );
    assert_eq!(shown(&doc), place.shown());
    keeper.documents.close().await;
}
