//! Workers in this process, on a store and objects in memory: who makes what, how often, and what is left over.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scrible::exporting::{
    ExportWorker, FilesUnavailable, FindPictures, Ticket, Workshop, key, prefix,
};
use scrible::telemetry::{ExportMetrics, ExportOutcome};
use scrible_exporter::export::Format;
use scrible_objects::{
    Body, ContentType, Disposition, Key, MAX_PAGE, MemoryObjects, NewObject, ObjectError, Objects,
    Prefix,
};
use scrible_store::{
    Batch, Directory, Export, ExportAdded, ExportId, ExportLimits, ExportState, Exports,
    Incarnation, MemoryStore, NewExport, NewUpdate, RoomAppend, RoomId, Store,
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doc_worker::pool::{DEEP, Pool, nested, small, sub_documents};
use crate::drawing::{board, order, shape};

/// Longer than any test waits for anything that happens.
const PATIENCE: Duration = Duration::from_secs(50);

/// A store and objects, and rooms in them.
struct Place {
    store: Arc<MemoryStore>,
    objects: Arc<MemoryObjects>,
    metrics: ExportMetrics,
}

/// Boards that name no files.
struct NoFiles;

#[async_trait]
impl FindPictures for NoFiles {
    async fn find(
        &self,
        _: RoomId,
        _: &str,
        _: Vec<String>,
    ) -> Result<Vec<(String, Bytes)>, FilesUnavailable> {
        Ok(Vec::new())
    }
}

/// A worker that runs.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Place {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            objects: Arc::default(),
            metrics: ExportMetrics::default(),
        }
    }

    /// A room with this content.
    async fn room(&self, name: &str, update: Bytes) {
        let batch = Batch {
            node: Incarnation::random(),
            number: 1,
            rooms: vec![RoomAppend {
                room: name.into(),
                id: None,
                updates: vec![NewUpdate {
                    bytes: update,
                    author: None,
                    time_ms: 0,
                }],
            }],
        };
        self.store.append(&batch).await.unwrap();
    }

    /// A room with something to draw.
    async fn drawn(&self, name: &str) {
        let shape = shape("shape:g", "geo", json!({"w": 100, "h": 50}));
        self.room(name, board(&[shape])).await;
    }

    async fn add(&self, room: &str, format: Format) -> Export {
        self.add_as(room, format, |_| {}).await
    }

    async fn add_until(&self, room: &str, format: Format, expires_ms: i64) -> Export {
        self.add_as(room, format, |new| new.expires_ms = expires_ms)
            .await
    }

    async fn add_as(
        &self,
        room: &str,
        format: Format,
        change: impl FnOnce(&mut NewExport),
    ) -> Export {
        let ticket = Ticket {
            order: order(format),
            name: "board".to_owned(),
        };
        let mut new = NewExport {
            id: ExportId(Incarnation::random().0),
            order: serde_json::to_vec(&ticket).unwrap().into(),
            at_least: 1,
            version: None,
            ordered_by: None,
            time_ms: 1,
            expires_ms: i64::MAX,
        };
        change(&mut new);
        match self
            .store
            .add_export(room, &new, &ExportLimits::waiting(1_000))
            .await
            .unwrap()
        {
            ExportAdded::Yes(export) => *export,
            other => panic!("{other:?}"),
        }
    }

    fn start(&self, pool: &Pool, places: usize) -> Running {
        let stop = CancellationToken::new();
        let worker = ExportWorker {
            workshop: Workshop {
                store: self.store.clone(),
                objects: self.objects.clone(),
                documents: pool.workers.clone(),
                pictures: Arc::new(NoFiles),
                metrics: self.metrics.clone(),
            },
            places,
        };
        let task = tokio::spawn(worker.run(stop.clone()));
        Running { stop, task }
    }

    /// An export, once it is in this state.
    async fn is(&self, id: ExportId, state: ExportState) -> Export {
        let mut bell = self.store.export_bell();
        let looking = async {
            loop {
                let export = self.store.export(id).await.unwrap().unwrap();
                if export.state == state {
                    return export;
                }
                // Claims ring no bell.
                tokio::time::timeout(Duration::from_millis(20), bell.changed())
                    .await
                    .ok();
            }
        };
        let found = tokio::time::timeout(PATIENCE, looking).await;
        found.unwrap_or_else(|_| panic!("it is not {state:?}"))
    }

    /// Why its last attempt came to nothing, once one has.
    async fn troubled(&self, id: ExportId) -> Arc<str> {
        let looking = async {
            loop {
                let now = self.store.export(id).await.unwrap().unwrap();
                if let Some(error) = now.error {
                    return error;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap()
    }

    async fn keys(&self) -> Vec<Key> {
        let all = Prefix::default();
        let page = self.objects.list(&all, None, MAX_PAGE).await.unwrap();
        page.entries.into_iter().map(|entry| entry.key).collect()
    }

    /// Waits until there are no objects.
    async fn is_empty(&self) {
        let looking = async {
            while !self.keys().await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap();
    }
}

impl Running {
    async fn stopped(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn f6_two_workers_make_each_export_once() {
    let (place, pool) = (Place::new(), Pool::new(2));
    place.drawn("demo").await;
    let mut exports = Vec::new();
    for _ in 0..200 {
        exports.push(place.add("demo", Format::Json).await);
    }
    let workers = [place.start(&pool, 1), place.start(&pool, 2)];
    for export in &exports {
        let done = place.is(export.id, ExportState::Completed).await;
        assert_eq!((done.attempts, done.drawn), (1, Some(1)));
    }
    for worker in workers {
        worker.stopped().await;
    }
    assert_eq!(place.keys().await.len(), 200);
    let counts = &place.metrics.exports;
    assert_eq!(counts.of(ExportOutcome::Completed), 200);
    assert_eq!(counts.of(ExportOutcome::Lost), 0);
}

#[tokio::test]
async fn f6_what_a_document_does_costs_its_own_export_alone() {
    let (place, pool) = (
        Place::new(),
        Pool::with(1, 4 << 20, Duration::from_secs(60)),
    );
    place.room("poison", sub_documents(400_000)).await;
    place.drawn("demo").await;
    let poison = place.add("poison", Format::Svg).await;
    let demo = place.add("demo", Format::Svg).await;
    let worker = place.start(&pool, 1);
    let failed = place.is(poison.id, ExportState::Failed).await;
    assert_eq!(failed.code.as_deref(), Some("broken-document"));
    assert_eq!(failed.attempts, 1);
    place.is(demo.id, ExportState::Completed).await;
    worker.stopped().await;
    assert_eq!(place.keys().await.len(), 1);
}

#[tokio::test]
async fn f6_what_may_go_well_another_time_is_tried_again() {
    let (place, pool) = (Place::new(), Pool::new(1));
    place.drawn("demo").await;
    let away = ObjectError::Unavailable("the bucket is called secret".to_owned());
    place.objects.fail(Some(away));
    let export = place.add("demo", Format::Png).await;
    let worker = place.start(&pool, 1);
    let error = place.troubled(export.id).await;
    assert_eq!(&*error, "the file cannot be kept at the moment");
    place.objects.fail(None);
    let done = place.is(export.id, ExportState::Completed).await;
    assert!(done.attempts >= 2);
    worker.stopped().await;
}

#[tokio::test]
async fn f5_a_store_that_is_behind_is_waited_for() {
    let (place, pool) = (Place::new(), Pool::new(1));
    place.drawn("demo").await;
    let export = place.add_as("demo", Format::Json, |new| new.at_least = 2);
    let export = export.await;
    let worker = place.start(&pool, 1);
    let why = place.troubled(export.id).await;
    assert!(why.contains("cannot be read at the moment"), "{why}");
    place.room("demo", small()).await;
    let done = place.is(export.id, ExportState::Completed).await;
    assert_eq!(done.drawn, Some(2));
    worker.stopped().await;
}

#[tokio::test]
async fn f7_what_is_cancelled_is_dropped_and_leaves_nothing() {
    let (place, pool) = (Place::new(), Pool::new(1));
    place.room("endless", nested(DEEP)).await;
    place.drawn("demo").await;
    let endless = place.add("endless", Format::Svg).await;
    let demo = place.add("demo", Format::Svg).await;
    let worker = place.start(&pool, 1);
    place.is(endless.id, ExportState::Processing).await;
    pool.at_work().await;
    let cancelled = place.store.cancel_export("endless", endless.id, 2).await;
    assert_eq!(cancelled.unwrap().unwrap().state, ExportState::Cancelled);
    // The only place, and the only child, are free again.
    place.is(demo.id, ExportState::Completed).await;
    let now = place.store.export(endless.id).await.unwrap().unwrap();
    assert_eq!(now.state, ExportState::Cancelled);
    worker.stopped().await;
    let kept = key(&demo, Format::Svg);
    assert_eq!(place.keys().await, [kept]);
    assert_eq!(place.metrics.exports.of(ExportOutcome::Lost), 1);
}

#[tokio::test]
async fn f7_a_worker_that_stops_gives_back_what_it_has_not_done() {
    let pool = Pool::with(1, 32 << 20, Duration::from_secs(60));
    let place = Place::new();
    // Longer than it is given to end.
    place.room("endless", nested(4 * DEEP)).await;
    let endless = place.add("endless", Format::Svg).await;
    let worker = place.start(&pool, 1);
    pool.at_work().await;
    worker.stopped().await;
    let back = place.store.export(endless.id).await.unwrap().unwrap();
    assert_eq!((back.state, back.attempts), (ExportState::Pending, 0));
    assert_eq!(place.metrics.exports.of(ExportOutcome::GivenBack), 1);
}

#[tokio::test]
async fn f8_what_has_expired_goes_with_its_objects_and_so_do_those_of_purged_rooms() {
    let (place, pool) = (Place::new(), Pool::new(1));
    place.drawn("demo").await;
    place.drawn("gone").await;
    let old = place.add_until("demo", Format::Svg, 1).await;
    let purged = place.add("gone", Format::Png).await;
    let object = || NewObject {
        body: Body::Bytes(Bytes::from_static(b"x")),
        content_type: ContentType::unknown(),
        disposition: Disposition::attachment("x"),
    };
    let keys = [
        key(&old, Format::Svg),
        key(&purged, Format::Png),
        format!("assets/{}/abc", purged.room_id.0).parse().unwrap(),
    ];
    for key in &keys {
        place.objects.put(key, object()).await.unwrap();
    }
    assert!(keys[0].as_str().starts_with(&prefix(&old)));
    // What cannot be deleted keeps nothing behind it, however much it is.
    for _ in 0..250 {
        let stuck = place.add("demo", Format::Svg).await;
        let no_prefix = "//";
        let deleted = place.store.delete_export("demo", stuck.id, no_prefix).await;
        assert!(deleted.unwrap());
    }
    place.store.delete_room("gone", 2).await.unwrap().unwrap();
    assert!(place.store.purge_room("gone").await.unwrap());
    let worker = place.start(&pool, 0);
    place.is_empty().await;
    worker.stopped().await;
    assert_eq!(place.store.export(old.id).await.unwrap(), None);
    let stay = place.add("demo", Format::Svg).await;
    let kept = key(&stay, Format::Svg);
    place.objects.put(&kept, object()).await.unwrap();
    place.start(&pool, 0).stopped().await;
    assert_eq!(place.keys().await, [kept]);
    assert_eq!(place.store.orphans(100).await.unwrap().len(), 100);
}
