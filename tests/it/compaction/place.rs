//! A room in a database file of its own, whoever edits it, and what makes snapshots of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scrible::compact::{Keep, Keeper, Marks, Retention};
use scrible::doc_worker::{DocWorkers, DocWorkersConfig};
use scrible_store::{
    Batch, Incarnation, NewUpdate, RoomAppend, SnapshotInfo, SqliteOptions, SqliteStore, Store,
    StoredRoom,
};
use yrs::updates::decoder::Decode;
use yrs::{Doc, Map, Transact, Update};

pub const ROOM: &str = "demo";
pub const AS_VERSION: Keep = Keep::Version {
    label: None,
    author: None,
};

pub struct Place {
    pub folder: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    batches: u64,
    node: Incarnation,
    author: Doc,
}

impl Place {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("t.db")).await;
        Self {
            folder,
            ..Self::on(store)
        }
    }

    /// The room is in a store that somebody else has opened.
    pub fn on(store: Arc<dyn Store>) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store,
            batches: 0,
            node: Incarnation::random(),
            author: Doc::with_client_id(4711),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("t.db")
    }

    /// Stores `rows` edits of one person, each of which overwrites one of ten keys.
    pub async fn edit(&mut self, rows: u32) {
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

    pub async fn append(&mut self, updates: Vec<Bytes>) {
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

    /// What is known of the room's snapshots, newest first.
    pub async fn snapshots(&self) -> Vec<SnapshotInfo> {
        let known = self.store.snapshots(ROOM).await.unwrap();
        known.unwrap().snapshots
    }

    pub fn shown(&self) -> String {
        shown(&self.author)
    }
}

pub async fn open(path: &Path) -> Arc<SqliteStore> {
    let url = path.to_str().unwrap();
    Arc::new(
        SqliteStore::open(url, SqliteOptions::default())
            .await
            .unwrap(),
    )
}

pub fn shown(doc: &Doc) -> String {
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
pub async fn loaded(store: &dyn Store) -> (StoredRoom, String) {
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

pub fn keeper(store: Arc<dyn Store>, program: impl Into<PathBuf>) -> Keeper {
    let config = DocWorkersConfig {
        program: program.into(),
        workers: 1,
        max_doc_bytes: 16 << 20,
        time_limit: Duration::from_secs(20),
        fonts: Default::default(),
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

pub fn scrible() -> PathBuf {
    env!("CARGO_BIN_EXE_scrible").into()
}

/// A program that ends as the script says, in the place of a doc worker.
pub fn dying(place: &Place, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = place.folder.path().join(format!("worker-{}", script.len()));
    std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}
